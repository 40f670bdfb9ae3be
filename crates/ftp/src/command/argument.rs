//! The grammar of arguments that are more than one path.

use super::{Fact, ListArguments, OptsArgument, Path, RangeOfFile};
use crate::number::{decimal, octal, split_word};
use crate::time::Timestamp;

/// A number of bytes or an offset: 0..=2^63-1, which is what a file can be long (security R8).
pub(super) fn offset(text: &[u8]) -> Option<u64> {
    decimal(text).filter(|number| i64::try_from(*number).is_ok())
}

pub(super) fn path(text: &[u8]) -> Option<Path> {
    (!text.is_empty()).then(|| Path::from(text))
}

/// A time, one space, a path.
pub(super) fn time_and_path(text: &[u8]) -> Option<(Timestamp, Path)> {
    let (time, rest) = split_word(text);
    Some((Timestamp::parse(time)?, path(rest?)?))
}

pub(super) fn range(text: &[u8]) -> Option<(u64, u64)> {
    let (start, end) = split_word(text);
    let (start, end) = (offset(start)?, offset(end?)?);
    (start <= end || (start, end) == (1, 0)).then_some((start, end))
}

/// `size` or `size R record` (RFC 959 4.1.3).
pub(super) fn allocation(text: &[u8]) -> Option<(u64, Option<u64>)> {
    let (size, rest) = split_word(text);
    let size = offset(size)?;
    match rest.map(split_word) {
        None => Some((size, None)),
        Some(([b'R' | b'r'], Some(record))) => Some((size, Some(offset(record)?))),
        Some(_) => None,
    }
}

/// `ON`, `OFF` or nothing, in any case.
pub(super) fn on_or_off(text: &[u8]) -> Option<Option<bool>> {
    match text {
        b"" => Some(None),
        on if on.eq_ignore_ascii_case(b"ON") => Some(Some(true)),
        off if off.eq_ignore_ascii_case(b"OFF") => Some(Some(false)),
        _ => None,
    }
}

/// Options, then a path; see [`super::Command`].
pub(super) fn list(text: &[u8]) -> ListArguments {
    let mut arguments = ListArguments::default();
    let mut rest = text;
    loop {
        let (word, after) = split_word(rest);
        match word {
            b"--" => {
                rest = after.unwrap_or_default();
                break;
            }
            [b'-', options @ ..] if is_options(options) => {
                for option in options {
                    set_option(&mut arguments, *option);
                }
                rest = after.unwrap_or_default();
            }
            _ => break,
        }
    }
    arguments.path = path(rest);
    arguments
}

/// Whether a path would be read as an option if nothing stood between.
pub(super) fn looks_like_option(path: &[u8]) -> bool {
    match split_word(path).0 {
        b"--" => true,
        [b'-', options @ ..] => is_options(options),
        _ => false,
    }
}

fn is_options(options: &[u8]) -> bool {
    !options.is_empty() && options.iter().all(u8::is_ascii_alphanumeric)
}

fn set_option(arguments: &mut ListArguments, option: u8) {
    match option {
        b'a' | b'A' => arguments.all = true,
        b'l' => arguments.long = true,
        b'R' => arguments.recursive = true,
        b't' => arguments.by_time = true,
        b'r' => arguments.reverse = true,
        b'1' => arguments.one_per_line = true,
        _ => {}
    }
}

/// Why MFF's facts are refused.
pub(super) enum BadFacts {
    Form,
    Unknown,
}

/// `name=value;name=value; path` (draft-somers-ftp-mfxx 5).
pub(super) fn facts_and_path(text: &[u8]) -> Result<(Vec<Fact>, Path), BadFacts> {
    let (facts, rest) = split_word(text);
    let path = rest.and_then(path).ok_or(BadFacts::Form)?;
    let facts = facts.strip_suffix(b";").ok_or(BadFacts::Form)?;
    let facts = facts
        .split(|byte| *byte == b';')
        .map(fact)
        .collect::<Result<_, _>>()?;
    Ok((facts, path))
}

fn fact(text: &[u8]) -> Result<Fact, BadFacts> {
    let mut parts = text.splitn(2, |byte| *byte == b'=');
    let (Some(name), Some(value)) = (parts.next(), parts.next()) else {
        return Err(BadFacts::Form);
    };
    let is = |known: &[u8]| name.eq_ignore_ascii_case(known);
    let fact = if is(b"modify") {
        Timestamp::parse(value).map(Fact::Modify)
    } else if is(b"create") {
        Timestamp::parse(value).map(Fact::Create)
    } else if is(b"UNIX.mode") {
        mode(value).map(Fact::Mode)
    } else if is(b"UNIX.owner") {
        path(value).map(Fact::Owner)
    } else if is(b"UNIX.group") {
        path(value).map(Fact::Group)
    } else {
        return Err(BadFacts::Unknown);
    };
    fact.ok_or(BadFacts::Form)
}

/// Octal permissions with the three special bits, 0..=0o7777.
pub(super) fn mode(text: &[u8]) -> Option<u32> {
    octal(text).filter(|mode| *mode <= 0o7777)
}

pub(super) fn opts(text: &[u8]) -> OptsArgument {
    let (name, rest) = split_word(text);
    let argument = rest.unwrap_or_default();
    let is = |known: &[u8]| argument.eq_ignore_ascii_case(known);
    if name.eq_ignore_ascii_case(b"UTF8") || name.eq_ignore_ascii_case(b"UTF-8") {
        if argument.is_empty() || is(b"ON") || is(b"NLST") {
            return OptsArgument::Utf8(true);
        }
        if is(b"OFF") {
            return OptsArgument::Utf8(false);
        }
    } else if name.eq_ignore_ascii_case(b"MLST") {
        let names = argument.split(|byte| *byte == b';');
        return OptsArgument::Mlst(
            names
                .filter(|name| !name.is_empty())
                .map(Box::from)
                .collect(),
        );
    } else if name.eq_ignore_ascii_case(b"HASH") {
        return OptsArgument::Hash(path(argument));
    } else if name.eq_ignore_ascii_case(b"MODE") {
        match split_word(argument) {
            ([b'Z' | b'z'], rest) => return OptsArgument::ModeZ(rest.unwrap_or_default().into()),
            _ => return OptsArgument::Unknown(text.into()),
        }
    }
    OptsArgument::Unknown(text.into())
}

/// A path between double quotes, with those inside it doubled, and what follows.
pub(super) fn quoted(text: &[u8]) -> Option<(Path, &[u8])> {
    let mut rest = text.strip_prefix(b"\"")?;
    let mut path = Vec::new();
    loop {
        let (part, after) = rest.split_at_checked(memchr::memchr(b'"', rest)?)?;
        path.extend_from_slice(part);
        match after {
            [b'"', b'"', more @ ..] => {
                path.push(b'"');
                rest = more;
            }
            _ => return (!path.is_empty()).then_some((path.into(), after.get(1..)?)),
        }
    }
}

/// A quoted path or one without spaces, and what follows the space after it.
pub(super) fn quoted_or_word(text: &[u8]) -> Option<(Path, Option<&[u8]>)> {
    if text.first() == Some(&b'"') {
        let (path, rest) = quoted(text)?;
        return match rest {
            [] => Some((path, None)),
            [b' ', rest @ ..] => Some((path, Some(rest))),
            _ => None,
        };
    }
    let (word, rest) = split_word(text);
    Some((path(word)?, rest))
}

/// A path alone, or a quoted one and one or two offsets.
pub(super) fn range_of_file(text: &[u8]) -> Option<RangeOfFile> {
    if text.first() != Some(&b'"') {
        return Some(RangeOfFile {
            path: path(text)?,
            start: None,
            end: None,
        });
    }
    let (path, rest) = quoted_or_word(text)?;
    let (start, end) = match rest.map(split_word) {
        None => (None, None),
        Some((start, end)) => (Some(offset(start)?), end),
    };
    let end = match end {
        Some(end) => Some(offset(end)?),
        None => None,
    };
    Some(RangeOfFile { path, start, end })
}

/// A target and one or more sources, each quoted or without spaces.
pub(super) fn combination(text: &[u8]) -> Option<(Path, Vec<Path>)> {
    let (target, mut rest) = quoted_or_word(text)?;
    let mut sources = Vec::new();
    while let Some(text) = rest {
        let (source, after) = quoted_or_word(text)?;
        sources.push(source);
        rest = after;
    }
    (!sources.is_empty()).then_some((target, sources))
}

/// `YYYYMMDDhhmm[ss] path`, or `path atime mtime ctime UTC`, of which the second time counts.
pub(super) fn utime(text: &[u8]) -> Option<(Timestamp, Path)> {
    if let Some(found) = three_times(text) {
        return Some(found);
    }
    let (time, rest) = split_word(text);
    Some((time_with_or_without_seconds(time)?, path(rest?)?))
}

fn three_times(text: &[u8]) -> Option<(Timestamp, Path)> {
    let (rest, zone) = last_word(text)?;
    if !zone.eq_ignore_ascii_case(b"UTC") {
        return None;
    }
    let (rest, changed) = last_word(rest)?;
    let (rest, modified) = last_word(rest)?;
    let (rest, accessed) = last_word(rest)?;
    time_with_or_without_seconds(accessed)?;
    time_with_or_without_seconds(changed)?;
    Some((time_with_or_without_seconds(modified)?, path(rest)?))
}

fn time_with_or_without_seconds(text: &[u8]) -> Option<Timestamp> {
    if text.len() == 12 {
        return Timestamp::parse(&[text, b"00"].concat());
    }
    Timestamp::parse(text)
}

fn last_word(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let (rest, word) = text.split_at_checked(memchr::memrchr(b' ', text)?)?;
    Some((rest, word.get(1..)?))
}

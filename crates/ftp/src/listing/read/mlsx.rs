//! MLSD and MLST: `type=file;size=123; name` (RFC 3659 7.2).

use super::{Kind, MAX_FACTS, Modified, Parsed, Precision};
use crate::listing::write::FactType;
use crate::number::{decimal, octal};
use crate::time::Timestamp;

/// Reads a line without its end. Names of facts are taken in any case, unknown ones are kept, and
/// a missing last semicolon is forgiven. A line that begins with a blank is a name without facts,
/// as MLST's line is once its own blank was taken off.
#[must_use]
pub fn mlsx(text: &[u8]) -> Option<Parsed> {
    let (facts, name) = text.split_at_checked(memchr::memchr(b' ', text)?)?;
    let mut parsed = Parsed::new(name.get(1..)?, Kind::Other)?;
    let facts = facts
        .split(|byte| *byte == b';')
        .filter(|fact| !fact.is_empty());
    for fact in facts.take(MAX_FACTS) {
        let (name, value) = fact.split_at_checked(memchr::memchr(b'=', fact)?)?;
        let value = value.get(1..)?;
        apply(&mut parsed, name, value);
        parsed.facts.push((name.into(), value.into()));
    }
    Some(parsed)
}

fn apply(parsed: &mut Parsed, name: &[u8], value: &[u8]) {
    let is = |known: &[u8]| name.eq_ignore_ascii_case(known);
    if is(b"type") {
        apply_type(parsed, value);
    } else if is(b"size") || (is(b"sizd") && parsed.size.is_none()) {
        parsed.size = decimal(value);
    } else if is(b"modify") {
        let precision = match value.len() {
            0..=14 => Precision::Second,
            _ => Precision::Subsecond,
        };
        parsed.modified = Timestamp::parse(value).map(|at| Modified { at, precision });
    } else if is(b"UNIX.mode") {
        // Some servers send the bits of the file type too.
        parsed.mode = octal(value).map(|mode| mode & 0o7777);
    }
}

fn apply_type(parsed: &mut Parsed, value: &[u8]) {
    let is = |known: &[u8]| value.eq_ignore_ascii_case(known);
    parsed.kind = if is(b"file") {
        Kind::File
    } else if is(b"dir") {
        Kind::Directory
    } else if is(b"cdir") {
        parsed.about = FactType::CurrentDirectory;
        Kind::Directory
    } else if is(b"pdir") {
        parsed.about = FactType::ParentDirectory;
        Kind::Directory
    } else if let Some(target) = link_target(value) {
        parsed.target = (!target.is_empty()).then(|| target.into());
        Kind::Symlink
    } else {
        Kind::Other
    };
}

/// What follows `OS.unix=slink` or `OS.unix=symlink`, perhaps nothing.
fn link_target(value: &[u8]) -> Option<&[u8]> {
    [&b"OS.unix=slink"[..], b"OS.unix=symlink"]
        .iter()
        .find_map(|known| {
            let (start, rest) = value.split_at_checked(known.len())?;
            match rest {
                _ if !start.eq_ignore_ascii_case(known) => None,
                [] => Some(rest),
                [b':', target @ ..] => Some(target),
                _ => None,
            }
        })
}

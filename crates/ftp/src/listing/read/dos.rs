//! The listing of IIS and other Windows servers: `01-23-26  05:30PM       <DIR>          name`.

use super::{Kind, Modified, Parsed, Precision, Word, small, time_of_day, words};
use crate::number::decimal;
use crate::time::Timestamp;

/// Blanks that stand between `<DIR>` and the name: sizes are as wide.
const AFTER_MARK: &[u8] = b"          ";

/// Reads a line without its end.
#[must_use]
pub fn dos(text: &[u8]) -> Option<Parsed> {
    let mut words = words(text);
    let (year, month, day) = date(words.next()?.text)?;
    let (mut hour, minute, mut end) = time(words.next()?.text)?;
    let mut mark = words.next()?;
    if end.is_none() && matches!(mark.text, b"AM" | b"PM" | b"am" | b"pm") {
        end = Some(mark.text.eq_ignore_ascii_case(b"PM"));
        mark = words.next()?;
    }
    if let Some(afternoon) = end {
        hour = (1..=12)
            .contains(&hour)
            .then_some(hour % 12 + if afternoon { 12 } else { 0 })?;
    }
    let at = Timestamp::from_civil(year, month, day, hour, minute, 0)?;
    let parsed = entry(text, mark)?;
    Some(Parsed {
        modified: Some(Modified {
            at,
            precision: Precision::Minute,
        }),
        ..parsed
    })
}

fn entry(text: &[u8], mark: Word<'_>) -> Option<Parsed> {
    let rest = text.get(mark.end..)?;
    let kind = match mark.text {
        b"<DIR>" => Kind::Directory,
        b"<JUNCTION>" | b"<SYMLINK>" | b"<SYMLINKD>" => Kind::Symlink,
        size => {
            let digits: Vec<u8> = size.iter().copied().filter(|byte| *byte != b',').collect();
            let size = Some(decimal(&digits)?);
            let parsed = Parsed::new(rest.strip_prefix(b" ")?, Kind::File)?;
            return Some(Parsed { size, ..parsed });
        }
    };
    let name = match rest.strip_prefix(AFTER_MARK) {
        Some(name) if kind == Kind::Directory => name,
        _ => rest.trim_ascii_start(),
    };
    let (name, target) = match kind {
        Kind::Symlink => split_target(name),
        _ => (name, None),
    };
    Some(Parsed {
        target: target.map(Box::from),
        ..Parsed::new(name, kind)?
    })
}

/// `MM-DD-YY`, `MM-DD-YYYY`, `MM/DD/YY`, `MM/DD/YYYY`, or `YYYY-MM-DD`.
fn date(text: &[u8]) -> Option<(u32, u32, u32)> {
    let mut parts = text.split(|byte| matches!(byte, b'-' | b'/'));
    let (first, second, third) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    if first.len() == 4 {
        return Some((small(first, 4)?, small(second, 2)?, small(third, 2)?));
    }
    let year = match (third.len(), small(third, 4)?) {
        (2, year @ 0..70) => 2000 + year,
        (2, year) => 1900 + year,
        (4, year) => year,
        _ => return None,
    };
    Some((year, small(first, 2)?, small(second, 2)?))
}

/// `05:30PM` or `17:30`: hour, minute, and whether it is said to be afternoon.
fn time(text: &[u8]) -> Option<(u32, u32, Option<bool>)> {
    let (digits, half) = match text {
        [digits @ .., b'A' | b'a', b'M' | b'm'] => (digits, Some(false)),
        [digits @ .., b'P' | b'p', b'M' | b'm'] => (digits, Some(true)),
        digits => (digits, None),
    };
    let (hour, minute, _, _) = time_of_day(digits)?;
    Some((hour, minute, half))
}

/// `name [target]`
fn split_target(name: &[u8]) -> (&[u8], Option<&[u8]>) {
    let inside = name.strip_suffix(b"]");
    let split = inside.and_then(|inside| {
        let at = memchr::memmem::find(inside, b" [").filter(|at| *at > 0)?;
        Some((inside.get(..at)?, inside.get(at + 2..)?))
    });
    match split {
        Some((name, target)) => (name, Some(target)),
        None => (name, None),
    }
}

//! `ls -l` and the many servers that imitate it.
//!
//! No column can be trusted: owner, group and link count may be missing or hold blanks, the date
//! has a dozen forms. What all have is permissions first, and somewhere a number, a date, one
//! blank and the name. The first such place is taken.

use super::{Kind, Modified, Parsed, Precision, Word, small, time_of_day, words};
use crate::listing::MONTHS;
use crate::number::decimal;
use crate::time::Timestamp;

/// How many words may stand before the name.
const MOST_WORDS: usize = 16;

/// Reads a line of `ls -l` without its end. `now` decides the year of dates that have none: the
/// last such date there was, up to a day ahead for clocks that differ.
#[must_use]
pub fn unix_long(text: &[u8], now: Timestamp) -> Option<Parsed> {
    let words: Vec<Word<'_>> = words(text).take(MOST_WORDS).collect();
    let (&letter, permissions) = words.first()?.text.split_first()?;
    let kind = kind(letter)?;
    let mode = match permissions {
        // NetWare: `d [RWCEAFMS] owner ...`
        [] => words.get(1)?.text.starts_with(b"[").then_some(None)?,
        permissions => Some(mode(permissions)?),
    };
    let (size, date) = (1..words.len()).find_map(|at| {
        let size = decimal(words.get(at)?.text)?;
        Some((size, date(words.get(at + 1..)?, now)?))
    })?;
    let name = text.get(date.end..)?.strip_prefix(b" ")?;
    let (name, target) = match kind {
        Kind::Symlink => split_arrow(name),
        _ => (name, None),
    };
    let parsed = Parsed::new(name, kind)?;
    Some(Parsed {
        size: (kind != Kind::Other).then_some(size),
        modified: Some(date.modified),
        mode,
        target: target.map(Box::from),
        ..parsed
    })
}

struct Date {
    modified: Modified,
    /// Where in the line it ends.
    end: usize,
}

fn kind(letter: u8) -> Option<Kind> {
    match letter {
        b'-' => Some(Kind::File),
        b'd' => Some(Kind::Directory),
        b'l' => Some(Kind::Symlink),
        // Solaris doors, HP-UX network files, BSD whiteouts and the like.
        b'b' | b'c' | b'p' | b's' | b'D' | b'C' | b'M' | b'n' | b'P' | b'w' | b'?' => {
            Some(Kind::Other)
        }
        _ => None,
    }
}

/// `rwxr-xr-x`, perhaps with a mark behind (`+`, `.`, `@`) or a link count without a blank.
fn mode(text: &[u8]) -> Option<u32> {
    let (letters, rest) = text.split_at_checked(9)?;
    if !matches!(rest, [] | [b'+' | b'.' | b'@' | b'*']) && decimal(rest).is_none() {
        return None;
    }
    let mut mode = 0;
    for (index, letter) in letters.iter().enumerate() {
        let place = 8 - u32::try_from(index).ok()?;
        // The special bit of a triple stands at its x: 4000, 2000, 1000.
        let special = 0o1000 << (place / 3);
        mode |= match (place % 3, letter) {
            (_, b'-') => 0,
            (2, b'r') | (1, b'w') | (0, b'x') => 1 << place,
            (0, b's' | b't') => 1 << place | special,
            (0, b'S' | b'T' | b'l' | b'L') => special,
            _ => return None,
        };
    }
    Some(mode)
}

/// The date at the beginning of `words`, in whichever form.
fn date(words: &[Word<'_>], now: Timestamp) -> Option<Date> {
    let (first, second, third) = (words.first()?, words.get(1)?, words.get(2));
    if let Some(date) = iso_date(first, second, third) {
        return Some(date);
    }
    let third = third?;
    let (month, day) = match (month(first.text), month(second.text)) {
        (Some(month), _) => (month, day(second.text)?),
        (None, Some(month)) => (month, day(first.text)?),
        (None, None) => return None,
    };
    if let Some((hour, minute, second, _)) = time_of_day(third.text) {
        let time = (hour, minute, second.unwrap_or(0));
        // `ls -T`: seconds, then the year. Without seconds, a number there is the name's.
        let year = words.get(3).filter(|_| second.is_some());
        if let Some((year, end)) = year.and_then(|word| Some((self::year(word.text)?, word.end))) {
            let at = Timestamp::from_civil(year, month, day, time.0, time.1, time.2)?;
            return Some(Date {
                modified: Modified {
                    at,
                    precision: Precision::Second,
                },
                end,
            });
        }
        let precision = if second.is_some() {
            Precision::Second
        } else {
            Precision::Minute
        };
        let at = last_such_date(month, day, time, now)?;
        return Some(Date {
            modified: Modified { at, precision },
            end: third.end,
        });
    }
    let at = Timestamp::from_civil(year(third.text)?, month, day, 0, 0, 0)?;
    Some(Date {
        modified: Modified {
            at,
            precision: Precision::Day,
        },
        end: third.end,
    })
}

/// `2020-01-02 12:34`, with seconds, fraction and zone or without.
fn iso_date(date: &Word<'_>, time: &Word<'_>, zone: Option<&Word<'_>>) -> Option<Date> {
    let mut parts = date.text.split(|byte| *byte == b'-');
    let year = year(parts.next()?)?;
    let month = small(parts.next()?, 2)?;
    let day = small(parts.next()?, 2)?;
    if parts.next().is_some() {
        return None;
    }
    let (hour, minute, second, fraction) = time_of_day(time.text)?;
    let at = Timestamp::from_civil(year, month, day, hour, minute, second.unwrap_or(0))?;
    // A zone follows seconds only; else `+0200` is a name.
    let offset = zone.filter(|_| second.is_some()).and_then(|word| {
        let seconds = zone_offset(word.text)?;
        Some((seconds, word.end))
    });
    let (shift, end) = offset.unwrap_or((0, time.end));
    let precision = match (second, fraction) {
        (None, _) => Precision::Minute,
        (Some(_), None) => Precision::Second,
        (Some(_), Some(_)) => Precision::Subsecond,
    };
    let at = Timestamp::new(at.seconds - shift, fraction.unwrap_or(0));
    Some(Date {
        modified: Modified { at, precision },
        end,
    })
}

/// `+0200` in seconds.
fn zone_offset(text: &[u8]) -> Option<i64> {
    let (sign, digits) = match text {
        [b'+', digits @ ..] => (1, digits),
        [b'-', digits @ ..] => (-1, digits),
        _ => return None,
    };
    let (hours, minutes) = digits
        .split_at_checked(2)
        .filter(|(_, rest)| rest.len() == 2)?;
    let (hours, minutes) = (small(hours, 2)?, small(minutes, 2)?);
    Some(sign * i64::from(hours * 3600 + minutes * 60))
}

fn last_such_date(
    month: u32,
    day: u32,
    time: (u32, u32, u32),
    now: Timestamp,
) -> Option<Timestamp> {
    let latest = now.seconds.saturating_add(24 * 3600);
    let this_year = u32::from(Timestamp::new(latest, 0).civil().year);
    // 29 February may be eight years ago.
    (0..=8)
        .filter_map(|ago| this_year.checked_sub(ago))
        .filter_map(|year| Timestamp::from_civil(year, month, day, time.0, time.1, time.2))
        .find(|at| at.seconds <= latest)
}

fn month(text: &[u8]) -> Option<u32> {
    let index = MONTHS
        .iter()
        .position(|name| name.eq_ignore_ascii_case(text))?;
    u32::try_from(index + 1).ok()
}

fn day(text: &[u8]) -> Option<u32> {
    small(text.strip_suffix(b".").unwrap_or(text), 2)
}

fn year(text: &[u8]) -> Option<u32> {
    small(text, 4).filter(|_| text.len() == 4)
}

/// At the first arrow: the target is the part that may be anything.
fn split_arrow(name: &[u8]) -> (&[u8], Option<&[u8]>) {
    let arrow = memchr::memmem::find(name, b" -> ");
    match arrow.and_then(|at| Some((name.get(..at)?, name.get(at + 4..)?))) {
        Some((name, target)) if !name.is_empty() && !target.is_empty() => (name, Some(target)),
        _ => (name, None),
    }
}

//! Listings as the client reads them. What servers write follows no one form; each dialect has its
//! reader, and [`line()`] finds the one that fits.
//!
//! Names are data: a client joins one to a path only if [`is_single_component`] says so.

mod dos;
mod eplf;
mod mlsx;
mod unix;

pub use dos::dos;
pub use eplf::eplf;
pub use mlsx::mlsx;
pub use unix::unix_long;

use super::write::FactType;
use crate::time::Timestamp;

/// What a line of a listing tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parsed {
    /// At least one byte; anything may be in it.
    pub name: Box<[u8]>,
    /// What it is.
    pub kind: Kind,
    /// MLSx marks the listed directory itself, and its parent.
    pub about: FactType,
    /// Bytes.
    pub size: Option<u64>,
    /// Last change. In all forms but MLSx and EPLF by the server's clock, taken for UTC.
    pub modified: Option<Modified>,
    /// Permissions, 0..=0o7777.
    pub mode: Option<u32>,
    /// Where a symbolic link points.
    pub target: Option<Box<[u8]>>,
    /// The facts of MLSx as they came, names and values; at most [`MAX_FACTS`].
    pub facts: Vec<NamedFact>,
}

/// The name and the value of a fact.
pub type NamedFact = (Box<[u8]>, Box<[u8]>);

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
    /// A device, a socket, a pipe, or something the server has a word of its own for.
    Other,
}

/// A time, and how much of it was said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Modified {
    /// The earliest it can be.
    pub at: Timestamp,
    /// How exact that is.
    pub precision: Precision,
}

/// The smallest unit a listing tells, from coarse to fine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Precision {
    /// A date without a time.
    Day,
    /// Hours and minutes.
    Minute,
    /// Seconds.
    Second,
    /// Fractions of seconds.
    Subsecond,
}

/// The most facts kept of one line.
pub const MAX_FACTS: usize = 64;

/// Reads a line of LIST without its end, of any form known here: EPLF, Unix, DOS, MLSx. `now`
/// decides the year where a line has none. `None` for what is no entry, such as `total 12`.
#[must_use]
pub fn line(text: &[u8], now: Timestamp) -> Option<Parsed> {
    match text.first()? {
        b'+' => eplf(text),
        b'0'..=b'9' => dos(text),
        _ => unix_long(text, now).or_else(|| mlsx(text).filter(|parsed| !parsed.facts.is_empty())),
    }
}

/// Whether a name is one component of a path, and nothing that leads elsewhere: not empty, `.` or
/// `..`, without `/`, NUL, CR and LF.
#[must_use]
pub fn is_single_component(name: &[u8]) -> bool {
    !matches!(name, b"" | b"." | b"..")
        && !name.contains(&b'/')
        && !crate::line::has_forbidden_byte(name)
}

impl Parsed {
    fn new(name: &[u8], kind: Kind) -> Option<Self> {
        if name.is_empty() {
            return None;
        }
        Some(Self {
            name: name.into(),
            kind,
            about: FactType::Entry,
            size: None,
            modified: None,
            mode: None,
            target: None,
            facts: Vec::new(),
        })
    }
}

/// A word of a line, and where it ends.
#[derive(Debug, Clone, Copy)]
struct Word<'a> {
    text: &'a [u8],
    end: usize,
}

/// The words of a line between blanks, of which forms look at the first few.
fn words(line: &[u8]) -> impl Iterator<Item = Word<'_>> {
    let mut end = 0;
    line.split(|byte| *byte == b' ').filter_map(move |text| {
        let word = Word {
            text,
            end: end + text.len(),
        };
        end = word.end + 1;
        (!text.is_empty()).then_some(word)
    })
}

/// `h:mm`, `hh:mm` or `hh:mm:ss[.fraction]`; the fraction in nanoseconds.
fn time_of_day(text: &[u8]) -> Option<(u32, u32, Option<u32>, Option<u32>)> {
    let mut parts = text.split(|byte| *byte == b':');
    let hour = small(parts.next()?, 2)?;
    let minute = small(parts.next().filter(|minute| minute.len() == 2)?, 2)?;
    let Some(second) = parts.next() else {
        return Some((hour, minute, None, None));
    };
    if parts.next().is_some() {
        return None;
    }
    let (second, fraction) = match second.split_at_checked(2)? {
        (second, []) => (second, None),
        (second, [b'.', digits @ ..]) => (second, Some(nanos(digits)?)),
        _ => return None,
    };
    Some((hour, minute, Some(small(second, 2)?), fraction))
}

fn nanos(digits: &[u8]) -> Option<u32> {
    let text = [b"19700101000000.", digits].concat();
    Timestamp::parse(&text).map(|at| at.nanos)
}

/// A number of at most so many digits.
fn small(digits: &[u8], most: usize) -> Option<u32> {
    if digits.len() > most {
        return None;
    }
    crate::number::decimal(digits).and_then(|number| u32::try_from(number).ok())
}

#[cfg(test)]
mod tests;

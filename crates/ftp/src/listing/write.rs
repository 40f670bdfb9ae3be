//! Listings as the server writes them. A million entries are formatted without an allocation each.

mod facts;
mod media;

pub use facts::{FactSet, FactType, facts, facts_text};

use crate::time::{Timestamp, two};

/// What a listing says of one file. Names and targets are bytes as the file system has them.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    /// One component; for MLST, whatever the reply is to call it.
    pub name: &'a [u8],
    /// What it is.
    pub kind: Kind<'a>,
    /// Bytes.
    pub size: u64,
    /// Last change of the content.
    pub modified: Timestamp,
    /// When it was made, where the store knows.
    pub created: Option<Timestamp>,
    /// Permissions, 0..=0o7777; bits of the file type beyond them tell kinds of
    /// [`Kind::Other`] apart.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Hard links.
    pub links: u64,
    /// With `inode`, what makes it unique.
    pub device: u64,
    /// With `device`, what makes it unique.
    pub inode: u64,
}

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind<'a> {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link, shown as such.
    Symlink {
        /// Where it points, if that is to be shown.
        target: Option<&'a [u8]>,
    },
    /// Neither: a device, a socket, a pipe.
    Other,
}

/// Appends a line of LIST, as `ls -l` writes it, in UTC:
/// `-rw-r--r--   1 1000 1000        123 Jan  2 12:34 name`. Older than half a year, or in the
/// future, the year stands for the time. Control characters in names become `?`: a line is a line,
/// and a terminal shows no colours of strangers. Programs that need the true name use MLSD.
pub fn unix_long(out: &mut Vec<u8>, entry: &Entry<'_>, now: Timestamp) {
    out.extend_from_slice(&permissions(entry));
    out.push(b' ');
    right(out, entry.links, 3);
    out.push(b' ');
    left(out, u64::from(entry.uid), 4);
    out.push(b' ');
    left(out, u64::from(entry.gid), 4);
    out.push(b' ');
    right(out, entry.size, 10);
    out.push(b' ');
    write_date(out, entry.modified, now);
    out.push(b' ');
    push_escaped(out, entry.name);
    if let Kind::Symlink {
        target: Some(target),
    } = entry.kind
    {
        out.extend_from_slice(b" -> ");
        push_escaped(out, target);
    }
    out.extend_from_slice(b"\r\n");
}

/// Appends a line of NLST: the name and nothing else, so that it can be sent back as an argument
/// (RFC 1123 4.1.2.7). `false`, and nothing appended, for a name with CR, LF or NUL, which cannot
/// be said (security F24).
#[must_use]
pub fn name_line(out: &mut Vec<u8>, name: &[u8]) -> bool {
    if crate::line::has_forbidden_byte(name) {
        return false;
    }
    out.extend_from_slice(name);
    out.extend_from_slice(b"\r\n");
    true
}

fn permissions(entry: &Entry<'_>) -> [u8; 10] {
    let mode = entry.mode;
    let bit = |mask: u32, letter: u8| if mode & mask == 0 { b'-' } else { letter };
    // The special bits share a place with x: capitals where x is not set.
    let execute = |mask: u32, special: u32, letter: u8| match (mode & mask, mode & special) {
        (0, 0) => b'-',
        (_, 0) => b'x',
        (0, _) => letter.to_ascii_uppercase(),
        _ => letter,
    };
    [
        kind_letter(entry),
        bit(0o400, b'r'),
        bit(0o200, b'w'),
        execute(0o100, 0o4000, b's'),
        bit(0o040, b'r'),
        bit(0o020, b'w'),
        execute(0o010, 0o2000, b's'),
        bit(0o004, b'r'),
        bit(0o002, b'w'),
        execute(0o001, 0o1000, b't'),
    ]
}

fn kind_letter(entry: &Entry<'_>) -> u8 {
    match entry.kind {
        Kind::File => b'-',
        Kind::Directory => b'd',
        Kind::Symlink { .. } => b'l',
        // Never `-`: a client would try to download it.
        Kind::Other => match entry.mode & 0o170_000 {
            0o140_000 => b's',
            0o060_000 => b'b',
            0o020_000 => b'c',
            _ => b'p',
        },
    }
}

fn write_date(out: &mut Vec<u8>, at: Timestamp, now: Timestamp) {
    let civil = at.civil();
    out.extend_from_slice(civil.month_name());
    out.push(b' ');
    let [tens, ones] = two(i64::from(civil.day));
    out.extend_from_slice(&[if tens == b'0' { b' ' } else { tens }, ones, b' ']);
    // A reader takes a date without a year for the last one there was.
    if at <= now && now.seconds.saturating_sub(at.seconds) < HALF_A_YEAR {
        let [h1, h2] = two(i64::from(civil.hour));
        let [m1, m2] = two(i64::from(civil.minute));
        out.extend_from_slice(&[h1, h2, b':', m1, m2]);
    } else {
        let [c1, c2] = two(i64::from(civil.year / 100));
        let [y1, y2] = two(i64::from(civil.year % 100));
        out.extend_from_slice(&[b' ', c1, c2, y1, y2]);
    }
}

/// Half of 365.2425 days, in seconds, as `ls` has it.
const HALF_A_YEAR: i64 = 31_556_952 / 2;

const BLANKS: &[u8] = b"          ";

fn right(out: &mut Vec<u8>, number: u64, width: usize) {
    let mut buffer = itoa::Buffer::new();
    let digits = buffer.format(number).as_bytes();
    let blanks = width.saturating_sub(digits.len());
    out.extend_from_slice(BLANKS.get(..blanks).unwrap_or_default());
    out.extend_from_slice(digits);
}

fn left(out: &mut Vec<u8>, number: u64, width: usize) {
    let mut buffer = itoa::Buffer::new();
    let digits = buffer.format(number).as_bytes();
    out.extend_from_slice(digits);
    let blanks = width.saturating_sub(digits.len());
    out.extend_from_slice(BLANKS.get(..blanks).unwrap_or_default());
}

fn push_escaped(out: &mut Vec<u8>, name: &[u8]) {
    let start = out.len();
    out.extend_from_slice(name);
    for byte in out.iter_mut().skip(start) {
        if byte.is_ascii_control() {
            *byte = b'?';
        }
    }
}

#[cfg(test)]
mod tests;

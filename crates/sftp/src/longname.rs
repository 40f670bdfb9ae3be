//! The line about a file in the answer to READDIR: `ls -l`, as OpenSSH writes it.

use crate::{FileType, MAX_LONGNAME};

/// What a line says. Times are seconds since 1970-01-01T00:00:00Z, shown in UTC.
#[derive(Debug, Clone, Copy)]
pub struct Line<'a> {
    /// `st_mode`, with the type of the file.
    pub mode: u32,
    /// Hard links; `?` is shown where nobody counts them.
    pub links: Option<u64>,
    /// The owner's name, or number.
    pub owner: &'a [u8],
    /// The group's name, or number.
    pub group: &'a [u8],
    /// Bytes.
    pub size: u64,
    /// Last change of the content.
    pub modified: i64,
    /// Now: an older or later year is shown instead of the time of day.
    pub now: i64,
    /// The file's name.
    pub name: &'a [u8],
}

impl Line<'_> {
    /// Appends the line, without an end:
    /// `-rw-r--r--    1 ann      staff         123 Jan  2 12:34 name`. Control characters become
    /// `?`: clients show it as it is. The name itself is said beside it, in full. Beyond
    /// [`MAX_LONGNAME`] bytes it is cut.
    pub fn write(&self, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&mode_string(self.mode));
        out.push(b' ');
        match self.links {
            Some(links) => right(out, links, 4),
            None => out.extend_from_slice(b"   ?"),
        }
        out.push(b' ');
        left(out, self.owner, 8);
        out.push(b' ');
        left(out, self.group, 8);
        out.push(b' ');
        right(out, self.size, 8);
        out.push(b' ');
        write_date(out, self.modified, self.now);
        out.push(b' ');
        out.extend_from_slice(self.name);
        out.truncate(start.saturating_add(MAX_LONGNAME));
        for byte in out.iter_mut().skip(start) {
            if byte.is_ascii_control() {
                *byte = b'?';
            }
        }
    }
}

/// `drwxr-xr-x`.
#[must_use]
pub fn mode_string(mode: u32) -> [u8; 10] {
    let bit = |mask: u32, letter: u8| if mode & mask == 0 { b'-' } else { letter };
    // The special bits share a place with x: capitals where x is not set.
    let execute = |mask: u32, special: u32, letter: u8| match (mode & mask, mode & special) {
        (0, 0) => b'-',
        (_, 0) => b'x',
        (0, _) => letter.to_ascii_uppercase(),
        _ => letter,
    };
    [
        type_letter(mode),
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

fn type_letter(mode: u32) -> u8 {
    match FileType::of(mode) {
        Some(FileType::Regular) => b'-',
        Some(FileType::Directory) => b'd',
        Some(FileType::Symlink) => b'l',
        Some(FileType::Socket) => b's',
        Some(FileType::Pipe) => b'p',
        Some(FileType::BlockDevice) => b'b',
        Some(FileType::CharacterDevice) => b'c',
        None => b'?',
    }
}

/// The date and the time of day, or the year when that is not within the last half one.
fn write_date(out: &mut Vec<u8>, at: i64, now: i64) {
    let at = at.clamp(YEAR_0, YEAR_9999);
    let (days, rest) = (at.div_euclid(DAY), at.rem_euclid(DAY));
    let (year, month, day) = civil_from_days(days);
    out.extend_from_slice(month);
    out.push(b' ');
    let [tens, ones] = two(day);
    out.extend_from_slice(&[if tens == b'0' { b' ' } else { tens }, ones, b' ']);
    if at <= now && now.saturating_sub(at) < HALF_A_YEAR {
        let [h1, h2] = two(rest / 3600);
        let [m1, m2] = two(rest / 60 % 60);
        out.extend_from_slice(&[h1, h2, b':', m1, m2]);
    } else {
        let [c1, c2] = two(year / 100);
        let [y1, y2] = two(year % 100);
        out.extend_from_slice(&[b' ', c1, c2, y1, y2]);
    }
}

const DAY: i64 = 86_400;
/// 0000-01-01T00:00:00Z and the end of 9999: four digits of year say nothing beyond.
const YEAR_0: i64 = -62_167_219_200;
const YEAR_9999: i64 = 253_402_300_799;
/// As OpenSSH has it.
const HALF_A_YEAR: i64 = 365 * DAY / 2;

const MONTHS: [&[u8; 3]; 12] = [
    b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec",
];

/// Year, month and day of a count of days since 1970-01-01, by the civil calendar counted from
/// March, which puts the leap day last.
fn civil_from_days(days: i64) -> (i64, &'static [u8; 3], i64) {
    const DAYS_TO_1970: i64 = 719_468;
    const DAYS_PER_ERA: i64 = 146_097;
    let days = days + DAYS_TO_1970;
    let era = days.div_euclid(DAYS_PER_ERA);
    let day_of_era = days.rem_euclid(DAYS_PER_ERA);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = (from_march + 2) % 12;
    let year = era * 400 + year_of_era + i64::from(month < 2);
    let name = usize::try_from(month)
        .ok()
        .and_then(|month| MONTHS.get(month));
    (year, name.copied().unwrap_or(b"???"), day)
}

fn two(number: i64) -> [u8; 2] {
    let digit = |number: i64| b'0' + u8::try_from(number.rem_euclid(10)).unwrap_or_default();
    [digit(number / 10), digit(number)]
}

const BLANKS: &[u8] = b"        ";

fn right(out: &mut Vec<u8>, number: u64, width: usize) {
    let mut buffer = itoa::Buffer::new();
    let digits = buffer.format(number).as_bytes();
    let blanks = width.saturating_sub(digits.len());
    out.extend_from_slice(BLANKS.get(..blanks).unwrap_or_default());
    out.extend_from_slice(digits);
}

/// A name is one word, or the columns after it would shift: clients of version 3 read owner and
/// group here, for they have no other place.
fn left(out: &mut Vec<u8>, name: &[u8], width: usize) {
    let name = if name.is_empty() { b"?" } else { name };
    out.extend(name.iter().map(|byte| match byte {
        b' ' => b'?',
        byte => *byte,
    }));
    let blanks = width.saturating_sub(name.len());
    out.extend_from_slice(BLANKS.get(..blanks).unwrap_or_default());
}

#[cfg(test)]
mod tests;

//! MLSx: facts a program can read (RFC 3659 7).

use std::fmt;

use super::{Entry, Kind, media};

/// Which facts a session is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FactSet(u16);

/// What a line of MLSx is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FactType {
    /// `cdir`: the directory that is listed.
    CurrentDirectory,
    /// `pdir`: its parent.
    ParentDirectory,
    /// What the entry's kind says.
    #[default]
    Entry,
}

impl FactSet {
    /// No fact at all.
    pub const NONE: Self = Self(0);
    /// `type`
    pub const TYPE: Self = Self(1);
    /// `size`, of files
    pub const SIZE: Self = Self(1 << 1);
    /// `modify`
    pub const MODIFY: Self = Self(1 << 2);
    /// `create`, where known
    pub const CREATE: Self = Self(1 << 3);
    /// `perm`
    pub const PERM: Self = Self(1 << 4);
    /// `unique`
    pub const UNIQUE: Self = Self(1 << 5);
    /// `UNIX.mode`
    pub const UNIX_MODE: Self = Self(1 << 6);
    /// `UNIX.owner`
    pub const UNIX_OWNER: Self = Self(1 << 7);
    /// `UNIX.group`
    pub const UNIX_GROUP: Self = Self(1 << 8);
    /// `media-type`, of files, by the ending of the name
    pub const MEDIA_TYPE: Self = Self(1 << 9);

    /// Every fact there is.
    pub const ALL: Self = Self((1 << 10) - 1);

    /// Whether all facts of `other` are in this one.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Both.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// This one, but for the facts of `other`.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// The facts of these names, in any case. Unknown ones are ignored (RFC 3659 7.9).
    #[must_use]
    pub fn from_names<N: AsRef<[u8]>>(names: &[N]) -> Self {
        let known = names.iter().filter_map(|name| {
            let same = |row: &&(Self, &str)| row.1.as_bytes().eq_ignore_ascii_case(name.as_ref());
            NAMES.iter().find(same)
        });
        known.fold(Self::NONE, |set, (fact, _)| set.with(*fact))
    }

    /// As [`Self::from_names`], of `type;size;`.
    #[must_use]
    pub fn parse(names: &[u8]) -> Self {
        let names: Vec<&[u8]> = names.split(|byte| *byte == b';').collect();
        Self::from_names(&names)
    }

    /// The line of FEAT, without its space: `MLST` and every fact, those of this set marked `*`.
    #[must_use]
    pub fn feature_line(self) -> String {
        let mut line = String::from("MLST ");
        for (fact, name) in NAMES {
            line.push_str(name);
            line.push_str(if self.contains(*fact) { "*;" } else { ";" });
        }
        line
    }
}

/// All but `media-type`, which is a guess.
impl Default for FactSet {
    fn default() -> Self {
        Self::ALL.without(Self::MEDIA_TYPE)
    }
}

/// `type;size;`, as the reply to OPTS MLST has it; nothing for no facts.
impl fmt::Display for FactSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (fact, name) in NAMES {
            if self.contains(*fact) {
                write!(f, "{name};")?;
            }
        }
        Ok(())
    }
}

/// Appends a line of MLSD with its end. `perm` is RFC 3659 7.5.5's letters; `extra` is more facts,
/// each with its semicolon (`x.partial=1;`), or nothing.
///
/// `false`, and nothing appended, for a name with CR, LF or NUL, which cannot be said
/// (security F24).
#[must_use]
pub fn facts(
    out: &mut Vec<u8>,
    entry: &Entry<'_>,
    selection: FactSet,
    perm: &str,
    about: FactType,
    extra: &str,
) -> bool {
    let said = facts_text(out, entry, selection, perm, about, extra);
    if said {
        out.extend_from_slice(b"\r\n");
    }
    said
}

/// As [`facts`], without the line's end: for MLST, whose line is part of a reply.
#[must_use]
pub fn facts_text(
    out: &mut Vec<u8>,
    entry: &Entry<'_>,
    selection: FactSet,
    perm: &str,
    about: FactType,
    extra: &str,
) -> bool {
    if crate::line::has_forbidden_byte(entry.name) {
        return false;
    }
    if selection.contains(FactSet::TYPE) {
        write_type(out, entry, about);
    }
    let is_file = entry.kind == Kind::File;
    if selection.contains(FactSet::SIZE) && is_file {
        out.extend_from_slice(b"size=");
        write_decimal(out, entry.size);
    }
    if selection.contains(FactSet::MODIFY) {
        out.extend_from_slice(b"modify=");
        entry.modified.write_millis(out);
        out.push(b';');
    }
    if let (true, Some(created)) = (selection.contains(FactSet::CREATE), entry.created) {
        out.extend_from_slice(b"create=");
        created.write_millis(out);
        out.push(b';');
    }
    if selection.contains(FactSet::PERM) {
        out.extend_from_slice(b"perm=");
        out.extend_from_slice(perm.as_bytes());
        out.push(b';');
    }
    if selection.contains(FactSet::UNIQUE) {
        out.extend_from_slice(b"unique=");
        write_hexadecimal(out, entry.device);
        out.push(b'U');
        write_hexadecimal(out, entry.inode);
        out.push(b';');
    }
    if selection.contains(FactSet::UNIX_MODE) {
        out.extend_from_slice(b"UNIX.mode=");
        out.extend([9, 6, 3, 0].map(|shift| digit(u64::from(entry.mode >> shift & 0o7))));
        out.push(b';');
    }
    if selection.contains(FactSet::UNIX_OWNER) {
        out.extend_from_slice(b"UNIX.owner=");
        write_decimal(out, u64::from(entry.uid));
    }
    if selection.contains(FactSet::UNIX_GROUP) {
        out.extend_from_slice(b"UNIX.group=");
        write_decimal(out, u64::from(entry.gid));
    }
    if selection.contains(FactSet::MEDIA_TYPE) && is_file {
        out.extend_from_slice(b"media-type=");
        out.extend_from_slice(media::type_of(entry.name).as_bytes());
        out.push(b';');
    }
    out.extend_from_slice(extra.as_bytes());
    out.push(b' ');
    out.extend_from_slice(entry.name);
    true
}

const NAMES: &[(FactSet, &str)] = &[
    (FactSet::TYPE, "type"),
    (FactSet::SIZE, "size"),
    (FactSet::MODIFY, "modify"),
    (FactSet::CREATE, "create"),
    (FactSet::PERM, "perm"),
    (FactSet::UNIQUE, "unique"),
    (FactSet::UNIX_MODE, "UNIX.mode"),
    (FactSet::UNIX_OWNER, "UNIX.owner"),
    (FactSet::UNIX_GROUP, "UNIX.group"),
    (FactSet::MEDIA_TYPE, "media-type"),
];

fn write_type(out: &mut Vec<u8>, entry: &Entry<'_>, about: FactType) {
    let name: &[u8] = match (about, entry.kind) {
        (FactType::CurrentDirectory, _) => b"type=cdir;",
        (FactType::ParentDirectory, _) => b"type=pdir;",
        (FactType::Entry, Kind::File) => b"type=file;",
        (FactType::Entry, Kind::Directory) => b"type=dir;",
        // RFC 3659 has no links; this is what ProFTPD and Pure-FTPD say, and what clients know.
        (FactType::Entry, Kind::Symlink { .. }) => b"type=OS.unix=slink:",
        (FactType::Entry, Kind::Other) => b"type=OS.unix=special;",
    };
    out.extend_from_slice(name);
    if let (FactType::Entry, Kind::Symlink { target }) = (about, entry.kind) {
        // A fact ends at a semicolon and the facts at a space: such a target cannot be said here.
        let sayable = |target: &&[u8]| {
            target
                .iter()
                .all(|byte| !byte.is_ascii_control() && !matches!(byte, b' ' | b';'))
        };
        out.extend_from_slice(target.filter(sayable).unwrap_or_default());
        out.push(b';');
    }
}

fn write_decimal(out: &mut Vec<u8>, number: u64) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
    out.push(b';');
}

fn write_hexadecimal(out: &mut Vec<u8>, number: u64) {
    let digits = (64 - number.leading_zeros()).div_ceil(4).max(1);
    out.extend(
        (0..digits)
            .rev()
            .map(|place| digit(number >> (4 * place) & 0xf)),
    );
}

/// The digit for 0..=15.
fn digit(number: u64) -> u8 {
    match u8::try_from(number) {
        Ok(number @ 0..=9) => b'0' + number,
        Ok(number @ 10..=15) => b'a' + number - 10,
        _ => b'0',
    }
}

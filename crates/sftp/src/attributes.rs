//! What is said of a file (filexfer-02 5).

use crate::wire::{Reader, Writer};
use crate::{Fault, MAX_ATTRIBUTE_PAIRS, MAX_PACKET, MAX_WORD};

/// What is known of a file, or to be set. A field that is `None` is not said.
///
/// Extended pairs are read and dropped: nobody sends one that anybody knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Attributes {
    /// Bytes.
    pub size: Option<u64>,
    /// User id and group id.
    pub owner: Option<(u32, u32)>,
    /// `st_mode`: the nine permission bits, the three special ones, and [`FileType`]'s.
    pub permissions: Option<u32>,
    /// Last access and last modification, in seconds since 1970-01-01T00:00:00Z.
    pub times: Option<(u32, u32)>,
}

/// What a file is, as the upper bits of `permissions` say it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FileType {
    /// A regular file.
    Regular,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
    /// A socket.
    Socket,
    /// A named pipe.
    Pipe,
    /// A block device.
    BlockDevice,
    /// A character device.
    CharacterDevice,
}

const SIZE: u32 = 0x1;
const OWNER: u32 = 0x2;
const PERMISSIONS: u32 = 0x4;
const TIMES: u32 = 0x8;
const EXTENDED: u32 = 0x8000_0000;

/// The most bytes attributes take when written.
pub(crate) const MAX_WRITTEN: usize = 4 + 8 + 8 + 4 + 8;

impl Attributes {
    /// What the file is, if the permissions say so.
    #[must_use]
    pub fn file_type(&self) -> Option<FileType> {
        FileType::of(self.permissions?)
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, Fault> {
        let flags = reader.u32("attributes")?;
        let unknown = flags & !(SIZE | OWNER | PERMISSIONS | TIMES | EXTENDED);
        if unknown != 0 {
            return Err(Fault::AttributeFlags(unknown));
        }
        let has = |flag: u32| flags & flag != 0;
        let mut attributes = Self::default();
        if has(SIZE) {
            attributes.size = Some(reader.u64("size")?);
        }
        if has(OWNER) {
            attributes.owner = Some((reader.u32("user id")?, reader.u32("group id")?));
        }
        if has(PERMISSIONS) {
            attributes.permissions = Some(reader.u32("permissions")?);
        }
        if has(TIMES) {
            attributes.times = Some((reader.u32("access time")?, reader.u32("modification time")?));
        }
        if has(EXTENDED) {
            skip_pairs(reader)?;
        }
        Ok(attributes)
    }

    pub(crate) fn write(&self, writer: &mut Writer<'_>) {
        let flag = |said: bool, flag: u32| if said { flag } else { 0 };
        writer.u32(
            flag(self.size.is_some(), SIZE)
                | flag(self.owner.is_some(), OWNER)
                | flag(self.permissions.is_some(), PERMISSIONS)
                | flag(self.times.is_some(), TIMES),
        );
        if let Some(size) = self.size {
            writer.u64(size);
        }
        if let Some((user, group)) = self.owner {
            writer.u32(user);
            writer.u32(group);
        }
        if let Some(permissions) = self.permissions {
            writer.u32(permissions);
        }
        if let Some((accessed, modified)) = self.times {
            writer.u32(accessed);
            writer.u32(modified);
        }
    }
}

impl FileType {
    /// The bits of `st_mode` that say it.
    pub const MASK: u32 = 0o170_000;

    const ALL: [Self; 7] = [
        Self::Regular,
        Self::Directory,
        Self::Symlink,
        Self::Socket,
        Self::Pipe,
        Self::BlockDevice,
        Self::CharacterDevice,
    ];

    /// The type in that `st_mode`; `None` when it names none.
    #[must_use]
    pub fn of(mode: u32) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.bits() == mode & Self::MASK)
    }

    /// Its bits of `st_mode`.
    #[must_use]
    pub const fn bits(self) -> u32 {
        match self {
            Self::Regular => 0o100_000,
            Self::Directory => 0o040_000,
            Self::Symlink => 0o120_000,
            Self::Socket => 0o140_000,
            Self::Pipe => 0o010_000,
            Self::BlockDevice => 0o060_000,
            Self::CharacterDevice => 0o020_000,
        }
    }
}

fn skip_pairs(reader: &mut Reader<'_>) -> Result<(), Fault> {
    let count = reader.u32("count of extended attributes")?;
    if usize::try_from(count).is_ok_and(|count| count > MAX_ATTRIBUTE_PAIRS) {
        return Err(Fault::TooLong("list of extended attributes"));
    }
    for _ in 0..count {
        reader.string("extended attribute's name", MAX_WORD)?;
        reader.string("extended attribute", MAX_PACKET)?;
    }
    Ok(())
}

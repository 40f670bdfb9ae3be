//! Requests: what a client asks, and how a server reads it.

mod decode;
mod encode;

pub(crate) use decode::{handle, path};
pub use encode::write_header;

use crate::{Attributes, Extended};

/// One request, its names and data borrowed from the packet (filexfer-02 6).
///
/// `id` is the client's, and comes back in the answer. A `handle` has at most
/// [`crate::MAX_HANDLE`] bytes, a path at most [`crate::MAX_NAME`]; both are bytes, whatever they
/// hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(
    missing_docs,
    reason = "the fields are those said of all of them above"
)]
pub enum Request<'a> {
    /// The first packet: the highest version the client speaks. What extensions it names is read
    /// and dropped. Answered by VERSION.
    Init { version: u32 },
    /// Opens a file; `attributes` are for a new one. Answered by HANDLE.
    Open {
        id: u32,
        path: &'a [u8],
        flags: OpenFlags,
        attributes: Attributes,
    },
    /// Ends a file or directory.
    Close { id: u32, handle: &'a [u8] },
    /// At most `length` bytes from `offset` on, any number. Answered by DATA, or EOF.
    Read {
        id: u32,
        handle: &'a [u8],
        offset: u64,
        length: u32,
    },
    /// Writes `data` at `offset`, also beyond the end.
    Write {
        id: u32,
        handle: &'a [u8],
        offset: u64,
        data: &'a [u8],
    },
    /// The attributes of a path, of a symbolic link itself. Answered by ATTRS.
    Lstat { id: u32, path: &'a [u8] },
    /// The attributes of an open file. Answered by ATTRS.
    Fstat { id: u32, handle: &'a [u8] },
    /// Sets attributes of a path.
    Setstat {
        id: u32,
        path: &'a [u8],
        attributes: Attributes,
    },
    /// Sets attributes of an open file.
    Fsetstat {
        id: u32,
        handle: &'a [u8],
        attributes: Attributes,
    },
    /// Opens a directory. Answered by HANDLE.
    Opendir { id: u32, path: &'a [u8] },
    /// The next entries of a directory. Answered by NAMES, or EOF.
    Readdir { id: u32, handle: &'a [u8] },
    /// Removes a file.
    Remove { id: u32, path: &'a [u8] },
    /// Makes a directory.
    Mkdir {
        id: u32,
        path: &'a [u8],
        attributes: Attributes,
    },
    /// Removes an empty directory.
    Rmdir { id: u32, path: &'a [u8] },
    /// The absolute path of one. Answered by one name.
    Realpath { id: u32, path: &'a [u8] },
    /// The attributes of a path, of what a symbolic link points to. Answered by ATTRS.
    Stat { id: u32, path: &'a [u8] },
    /// Gives a file another name; fails where that exists.
    Rename {
        id: u32,
        from: &'a [u8],
        to: &'a [u8],
    },
    /// Where a symbolic link points. Answered by one name.
    Readlink { id: u32, path: &'a [u8] },
    /// Makes the symbolic link `link` that points to `target`. On the wire `target` comes first,
    /// as OpenSSH has it (its PROTOCOL 4.1) and against filexfer-02 6.10.
    Symlink {
        id: u32,
        target: &'a [u8],
        link: &'a [u8],
    },
    /// A request of an extension.
    Extended { id: u32, request: Extended<'a> },
}

impl Request<'_> {
    /// The id, which every request but INIT has.
    #[must_use]
    pub const fn id(&self) -> Option<u32> {
        match self {
            Self::Init { .. } => None,
            Self::Open { id, .. }
            | Self::Close { id, .. }
            | Self::Read { id, .. }
            | Self::Write { id, .. }
            | Self::Lstat { id, .. }
            | Self::Fstat { id, .. }
            | Self::Setstat { id, .. }
            | Self::Fsetstat { id, .. }
            | Self::Opendir { id, .. }
            | Self::Readdir { id, .. }
            | Self::Remove { id, .. }
            | Self::Mkdir { id, .. }
            | Self::Rmdir { id, .. }
            | Self::Realpath { id, .. }
            | Self::Stat { id, .. }
            | Self::Rename { id, .. }
            | Self::Readlink { id, .. }
            | Self::Symlink { id, .. }
            | Self::Extended { id, .. } => Some(*id),
        }
    }
}

/// How OPEN opens (filexfer-02 6.3). Bits it does not define are kept and mean nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct OpenFlags(pub u32);

impl OpenFlags {
    /// For reading.
    pub const READ: Self = Self(0x1);
    /// For writing.
    pub const WRITE: Self = Self(0x2);
    /// Every WRITE goes to the end, whatever its offset.
    pub const APPEND: Self = Self(0x4);
    /// Made where there is none.
    pub const CREATE: Self = Self(0x8);
    /// Emptied where there is one; with `CREATE`.
    pub const TRUNCATE: Self = Self(0x10);
    /// Refused where there is one; with `CREATE`.
    pub const EXCLUSIVE: Self = Self(0x20);

    /// Both.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether [`Self::READ`] is set.
    #[must_use]
    pub const fn read(self) -> bool {
        self.has(Self::READ)
    }

    /// Whether [`Self::WRITE`] is set.
    #[must_use]
    pub const fn write(self) -> bool {
        self.has(Self::WRITE)
    }

    /// Whether [`Self::APPEND`] is set.
    #[must_use]
    pub const fn append(self) -> bool {
        self.has(Self::APPEND)
    }

    /// Whether [`Self::CREATE`] is set.
    #[must_use]
    pub const fn create(self) -> bool {
        self.has(Self::CREATE)
    }

    /// Whether [`Self::TRUNCATE`] is set.
    #[must_use]
    pub const fn truncate(self) -> bool {
        self.has(Self::TRUNCATE)
    }

    /// Whether [`Self::EXCLUSIVE`] is set.
    #[must_use]
    pub const fn exclusive(self) -> bool {
        self.has(Self::EXCLUSIVE)
    }

    const fn has(self, flag: Self) -> bool {
        self.0 & flag.0 != 0
    }
}

/// Packet types (filexfer-02 3).
pub(crate) mod kind {
    pub(crate) const INIT: u8 = 1;
    pub(crate) const VERSION: u8 = 2;
    pub(crate) const OPEN: u8 = 3;
    pub(crate) const CLOSE: u8 = 4;
    pub(crate) const READ: u8 = 5;
    pub(crate) const WRITE: u8 = 6;
    pub(crate) const LSTAT: u8 = 7;
    pub(crate) const FSTAT: u8 = 8;
    pub(crate) const SETSTAT: u8 = 9;
    pub(crate) const FSETSTAT: u8 = 10;
    pub(crate) const OPENDIR: u8 = 11;
    pub(crate) const READDIR: u8 = 12;
    pub(crate) const REMOVE: u8 = 13;
    pub(crate) const MKDIR: u8 = 14;
    pub(crate) const RMDIR: u8 = 15;
    pub(crate) const REALPATH: u8 = 16;
    pub(crate) const STAT: u8 = 17;
    pub(crate) const RENAME: u8 = 18;
    pub(crate) const READLINK: u8 = 19;
    pub(crate) const SYMLINK: u8 = 20;
    pub(crate) const STATUS: u8 = 101;
    pub(crate) const HANDLE: u8 = 102;
    pub(crate) const DATA: u8 = 103;
    pub(crate) const NAMES: u8 = 104;
    pub(crate) const ATTRIBUTES: u8 = 105;
    pub(crate) const EXTENDED: u8 = 200;
    pub(crate) const EXTENDED_REPLY: u8 = 201;
}

#[cfg(test)]
mod tests;

//! What a store knows about a file, and what a store can do.

use std::time::{SystemTime, UNIX_EPOCH};

/// What a store knows about one entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metadata {
    /// File, directory, link or something else.
    pub kind: Kind,
    /// Size in bytes; of a symbolic link, the length of its target.
    pub size: u64,
    /// Last change of the content.
    pub modified: Timestamp,
    /// When it was made, where the store knows.
    pub created: Option<Timestamp>,
    /// The permission bits, `0o7777` at most.
    pub mode: u32,
    /// Owner's number; 0 where the store has no owners.
    pub uid: u32,
    /// Group's number; 0 where the store has no groups.
    pub gid: u32,
    /// Number of names the file has.
    pub links: u64,
    /// The device it is on; with `inode` it identifies the file.
    pub device: u64,
    /// The file's number on its device.
    pub inode: u64,
    /// It is an unfinished upload, not a published file.
    pub partial: bool,
}

/// The kinds of entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link that was not followed.
    Symlink,
    /// A pipe, socket or device: it can be listed and removed, never opened.
    Other,
}

/// A point in time: seconds since 1970-01-01 00:00:00 UTC and nanoseconds below 1 000 000 000.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp {
    /// Whole seconds; negative before 1970.
    pub seconds: i64,
    /// The rest, counted upwards from `seconds`.
    pub nanos: u32,
}

impl Timestamp {
    /// The time of the system's clock. For comparing with times of files, never for timers.
    #[must_use]
    pub fn now() -> Self {
        match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(since) => Self {
                seconds: i64::try_from(since.as_secs()).unwrap_or(i64::MAX),
                nanos: since.subsec_nanos(),
            },
            Err(before) => Self {
                seconds: i64::try_from(before.duration().as_secs()).map_or(i64::MIN, |s| -s),
                nanos: 0,
            },
        }
    }
}

/// Whether a symbolic link at the end of a path is followed. Links before it always are, inside
/// the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Follow {
    /// What the link leads to is meant.
    Yes,
    /// The link itself is meant.
    No,
}

/// Whether a rename may replace what has the new name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replace {
    /// A file replaces a file, a directory an empty directory, in one step.
    Yes,
    /// Fail with `Exists`.
    No,
}

/// What to change; `None` leaves it alone.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Attributes {
    /// The permission bits. Set-user-id and set-group-id are refused on files, and a symbolic link
    /// has none to be changed.
    pub mode: Option<u32>,
    /// Last change of the content.
    pub modified: Option<Timestamp>,
    /// Last access.
    pub accessed: Option<Timestamp>,
    /// Owner's number.
    pub uid: Option<u32>,
    /// Group's number.
    pub gid: Option<u32>,
}

impl Attributes {
    /// Adds what `later` names; of what both name, the later counts.
    pub(crate) fn add(&mut self, later: &Self) {
        *self = Self {
            mode: later.mode.or(self.mode),
            modified: later.modified.or(self.modified),
            accessed: later.accessed.or(self.accessed),
            uid: later.uid.or(self.uid),
            gid: later.gid.or(self.gid),
        };
    }
}

/// Room on the device that holds a path: bytes, and files that can still be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Space {
    /// Bytes of the whole device.
    pub total: u64,
    /// Bytes nobody uses; some of them may be kept for the administrator.
    pub free: u64,
    /// Bytes that the server's user may still write.
    pub available: u64,
    /// Bytes the device gives to a file at a time; at least 1.
    pub block_size: u64,
    /// Files the device can hold; 0 where it does not count them.
    pub files_total: u64,
    /// Files that can still be made.
    pub files_free: u64,
    /// Files that the server's user may still make.
    pub files_available: u64,
    /// Nothing can be written there.
    pub read_only: bool,
    /// The longest name, in bytes.
    pub name_max: u64,
}

/// What a store can do. Front-ends choose their features by it, tests their cases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools)] // abilities are independent of one another
pub struct Capability {
    /// Nothing can be changed.
    pub read_only: bool,
    /// `make_symlink` and `read_link` work, and links are followed inside the store.
    pub symlinks: bool,
    /// `uid`, `gid`, `links`, `device` and `inode` are real, not made up.
    pub hard_metadata: bool,
    /// `modified` can be set.
    pub set_times: bool,
    /// `mode` can be set.
    pub set_mode: bool,
    /// Uploads can be appended to existing files.
    pub append: bool,
    /// Broken uploads are kept and can be resumed.
    pub resume: bool,
    /// Staged uploads can be written out of order, and `Update` works.
    pub random_write: bool,
    /// `hard_link` works.
    pub hard_links: bool,
    /// `Durability::Full` and `File` do what they promise.
    pub durable: bool,
    /// `space` works.
    pub space: bool,
    /// `created` is known.
    pub create_time: bool,
    /// Readers offer a file descriptor for `sendfile`.
    pub descriptors: bool,
}

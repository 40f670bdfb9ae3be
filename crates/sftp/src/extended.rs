//! Requests of the extensions (OpenSSH's PROTOCOL 4, draft-ietf-secsh-filexfer-extensions-00).

use crate::extension::Extension;
use crate::request::{handle, path};
use crate::wire::{Reader, Writer};
use crate::{Attributes, Fault, MAX_HANDLE, MAX_IDS, MAX_NAME, MAX_PACKET, MAX_WORD};

/// What an extension is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(
    missing_docs,
    reason = "the fields are the arguments the variant names"
)]
pub enum Extended<'a> {
    /// Gives a file another name, replacing what has that.
    PosixRename { from: &'a [u8], to: &'a [u8] },
    /// The file system of a path. Answered by [`crate::Statvfs`].
    Statvfs { path: &'a [u8] },
    /// The file system of an open file. Answered by [`crate::Statvfs`].
    Fstatvfs { handle: &'a [u8] },
    /// Gives a file a second name.
    Hardlink { existing: &'a [u8], new: &'a [u8] },
    /// Answered when what was written is on disk.
    Fsync { handle: &'a [u8] },
    /// SETSTAT of a symbolic link itself.
    Lsetstat {
        path: &'a [u8],
        attributes: Attributes,
    },
    /// Answered by [`crate::Limits`].
    Limits,
    /// REALPATH, with `~`, `~/…` and `~user/…`. Answered by one name.
    ExpandPath { path: &'a [u8] },
    /// Copies `length` bytes, 0 for all to the end, between two open files.
    CopyData {
        from_handle: &'a [u8],
        from_offset: u64,
        length: u64,
        to_handle: &'a [u8],
        to_offset: u64,
    },
    /// The home directory of a user, the one logged in when it is empty. Answered by one name.
    HomeDirectory { user: &'a [u8] },
    /// The names of ids. Answered by [`crate::UsersGroups`].
    UsersGroupsById { uids: Ids<'a>, gids: Ids<'a> },
    /// Hashes of a file. Answered by [`crate::CheckFile`].
    CheckFileName {
        path: &'a [u8],
        range: HashRange<'a>,
    },
    /// Hashes of an open file. Answered by [`crate::CheckFile`]. `echo`: it was asked by the name
    /// `check-file`, as paramiko does, which expects that name at the front of the reply too.
    CheckFileHandle {
        handle: &'a [u8],
        range: HashRange<'a>,
        echo: bool,
    },
    /// The space an account has. Answered by [`crate::SpaceAvailable`].
    SpaceAvailable { path: &'a [u8] },
    /// Who made the client.
    VendorId(Vendor<'a>),
    /// None of these: answered by OP_UNSUPPORTED. What it asks is not read.
    Unknown { name: &'a [u8] },
}

/// What of a file to hash, and how (filexfer-extensions-00 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HashRange<'a> {
    /// Names separated by commas, the preferred one first: `sha256,md5`.
    pub algorithms: &'a [u8],
    /// Where to begin.
    pub offset: u64,
    /// How many bytes; 0 for all to the end.
    pub length: u64,
    /// One hash for each so many bytes, at least 256; 0 for one hash of everything.
    pub block_size: u32,
}

/// Who made a program (filexfer-09 4.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Vendor<'a> {
    /// Its maker.
    pub vendor: &'a [u8],
    /// Its name.
    pub product: &'a [u8],
    /// Its version.
    pub version: &'a [u8],
    /// Its build number.
    pub build: u64,
}

/// Numeric ids, four bytes each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ids<'a>(&'a [u8]);

impl<'a> Ids<'a> {
    /// Ids from their bytes on the wire, big-endian; at most [`MAX_IDS`].
    ///
    /// # Errors
    ///
    /// There are too many of them, or the last is not whole.
    pub const fn new(bytes: &'a [u8]) -> Result<Self, Fault> {
        if !bytes.len().is_multiple_of(4) {
            return Err(Fault::Uneven("ids"));
        }
        if bytes.len() / 4 > MAX_IDS {
            return Err(Fault::TooLong("list of ids"));
        }
        Ok(Self(bytes))
    }

    /// How many there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.0.len() / 4
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// In the order in which their names are to be answered.
    pub fn iter(&self) -> impl Iterator<Item = u32> + use<'a> {
        self.0
            .as_chunks()
            .0
            .iter()
            .map(|id| u32::from_be_bytes(*id))
    }
}

impl Vendor<'_> {
    /// What VERSION says behind the name `vendor-id`.
    #[must_use]
    pub fn data(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for text in [self.vendor, self.product, self.version] {
            let text = text.get(..MAX_WORD).unwrap_or(text);
            out.extend(u32::try_from(text.len()).unwrap_or_default().to_be_bytes());
            out.extend_from_slice(text);
        }
        out.extend(self.build.to_be_bytes());
        out
    }
}

impl<'a> Vendor<'a> {
    /// Reads what stands behind the name `vendor-id` in VERSION.
    ///
    /// # Errors
    ///
    /// It is not of that form.
    pub fn read(data: &'a [u8]) -> Result<Self, Fault> {
        let mut reader = Reader::new(data);
        let vendor = Self::read_from(&mut reader)?;
        reader.end()?;
        Ok(vendor)
    }

    fn read_from(reader: &mut Reader<'a>) -> Result<Self, Fault> {
        Ok(Self {
            vendor: reader.string("vendor's name", MAX_WORD)?,
            product: reader.string("product's name", MAX_WORD)?,
            version: reader.string("product's version", MAX_WORD)?,
            build: reader.u64("build number")?,
        })
    }
}

/// paramiko's name for `check-file-handle`; not announced.
const CHECK_FILE: &[u8] = b"check-file";

impl<'a> Extended<'a> {
    pub(crate) fn read(reader: &mut Reader<'a>) -> Result<Self, Fault> {
        let name = reader.string("extension's name", MAX_WORD)?;
        if name == CHECK_FILE {
            return Ok(Self::CheckFileHandle {
                handle: handle(reader)?,
                range: HashRange::read(reader)?,
                echo: true,
            });
        }
        let Some(extension) = Extension::of(name) else {
            reader.rest();
            return Ok(Self::Unknown { name });
        };
        Self::read_of(extension, reader)
    }

    fn read_of(extension: Extension, reader: &mut Reader<'a>) -> Result<Self, Fault> {
        Ok(match extension {
            Extension::PosixRename => Self::PosixRename {
                from: path(reader)?,
                to: reader.string("new path", MAX_NAME)?,
            },
            Extension::Statvfs => Self::Statvfs {
                path: path(reader)?,
            },
            Extension::Fstatvfs => Self::Fstatvfs {
                handle: handle(reader)?,
            },
            Extension::Hardlink => Self::Hardlink {
                existing: path(reader)?,
                new: reader.string("new path", MAX_NAME)?,
            },
            Extension::Fsync => Self::Fsync {
                handle: handle(reader)?,
            },
            Extension::Lsetstat => Self::Lsetstat {
                path: path(reader)?,
                attributes: Attributes::read(reader)?,
            },
            Extension::Limits => Self::Limits,
            Extension::ExpandPath => Self::ExpandPath {
                path: path(reader)?,
            },
            Extension::CopyData => Self::CopyData {
                from_handle: handle(reader)?,
                from_offset: reader.u64("offset")?,
                length: reader.u64("length")?,
                to_handle: handle(reader)?,
                to_offset: reader.u64("offset")?,
            },
            Extension::HomeDirectory => Self::HomeDirectory {
                user: reader.string("user", MAX_WORD)?,
            },
            Extension::UsersGroupsById => Self::UsersGroupsById {
                uids: Ids::new(reader.string("user ids", MAX_PACKET)?)?,
                gids: Ids::new(reader.string("group ids", MAX_PACKET)?)?,
            },
            Extension::CheckFileName => Self::CheckFileName {
                path: path(reader)?,
                range: HashRange::read(reader)?,
            },
            Extension::CheckFileHandle => Self::CheckFileHandle {
                handle: handle(reader)?,
                range: HashRange::read(reader)?,
                echo: false,
            },
            Extension::SpaceAvailable => Self::SpaceAvailable {
                path: path(reader)?,
            },
            Extension::VendorId => Self::VendorId(Vendor::read_from(reader)?),
        })
    }

    /// Which extension it asks; `None` for one wharf does not know.
    #[must_use]
    pub const fn extension(&self) -> Option<Extension> {
        Some(match self {
            Self::PosixRename { .. } => Extension::PosixRename,
            Self::Statvfs { .. } => Extension::Statvfs,
            Self::Fstatvfs { .. } => Extension::Fstatvfs,
            Self::Hardlink { .. } => Extension::Hardlink,
            Self::Fsync { .. } => Extension::Fsync,
            Self::Lsetstat { .. } => Extension::Lsetstat,
            Self::Limits => Extension::Limits,
            Self::ExpandPath { .. } => Extension::ExpandPath,
            Self::CopyData { .. } => Extension::CopyData,
            Self::HomeDirectory { .. } => Extension::HomeDirectory,
            Self::UsersGroupsById { .. } => Extension::UsersGroupsById,
            Self::CheckFileName { .. } => Extension::CheckFileName,
            Self::CheckFileHandle { .. } => Extension::CheckFileHandle,
            Self::SpaceAvailable { .. } => Extension::SpaceAvailable,
            Self::VendorId(_) => Extension::VendorId,
            Self::Unknown { .. } => return None,
        })
    }

    fn wire_name(&self) -> &'a [u8] {
        match self {
            Self::CheckFileHandle { echo: true, .. } => CHECK_FILE,
            Self::Unknown { name } => name,
            known => known
                .extension()
                .map_or(&[], |extension| extension.name().as_bytes()),
        }
    }

    pub(crate) fn write(&self, writer: &mut Writer<'_>) {
        writer.string("extension's name", MAX_WORD, self.wire_name());
        match self {
            Self::PosixRename { from, to }
            | Self::Hardlink {
                existing: from,
                new: to,
            } => {
                writer.string("path", MAX_NAME, from);
                writer.string("new path", MAX_NAME, to);
            }
            Self::Statvfs { path } | Self::ExpandPath { path } | Self::SpaceAvailable { path } => {
                writer.string("path", MAX_NAME, path);
            }
            Self::Fstatvfs { handle } | Self::Fsync { handle } => {
                writer.string("handle", MAX_HANDLE, handle);
            }
            Self::Lsetstat { path, attributes } => {
                writer.string("path", MAX_NAME, path);
                attributes.write(writer);
            }
            Self::Limits | Self::Unknown { .. } => {}
            Self::CopyData {
                from_handle,
                from_offset,
                length,
                to_handle,
                to_offset,
            } => {
                writer.string("handle", MAX_HANDLE, from_handle);
                writer.u64(*from_offset);
                writer.u64(*length);
                writer.string("handle", MAX_HANDLE, to_handle);
                writer.u64(*to_offset);
            }
            Self::HomeDirectory { user } => writer.string("user", MAX_WORD, user),
            Self::UsersGroupsById { uids, gids } => {
                writer.string("user ids", MAX_IDS * 4, uids.0);
                writer.string("group ids", MAX_IDS * 4, gids.0);
            }
            Self::CheckFileName { path, range } => {
                writer.string("path", MAX_NAME, path);
                range.write(writer);
            }
            Self::CheckFileHandle { handle, range, .. } => {
                writer.string("handle", MAX_HANDLE, handle);
                range.write(writer);
            }
            Self::VendorId(vendor) => vendor.write(writer),
        }
    }
}

impl<'a> HashRange<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self, Fault> {
        Ok(Self {
            algorithms: reader.string("list of algorithms", MAX_WORD)?,
            offset: reader.u64("offset")?,
            length: reader.u64("length")?,
            block_size: reader.u32("block size")?,
        })
    }

    fn write(&self, writer: &mut Writer<'_>) {
        writer.string("list of algorithms", MAX_WORD, self.algorithms);
        writer.u64(self.offset);
        writer.u64(self.length);
        writer.u32(self.block_size);
    }
}

impl Vendor<'_> {
    fn write(&self, writer: &mut Writer<'_>) {
        writer.string("vendor's name", MAX_WORD, self.vendor);
        writer.string("product's name", MAX_WORD, self.product);
        writer.string("product's version", MAX_WORD, self.version);
        writer.u64(self.build);
    }
}

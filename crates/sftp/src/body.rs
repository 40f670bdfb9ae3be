//! What EXTENDED_REPLY carries, which depends on what was asked.

use crate::wire::{Reader, Strings, Writer};
use crate::{Fault, MAX_IDS, MAX_PACKET, MAX_WORD};

/// The space of a file system, as `statvfs(3)` has it. Counts of blocks are in units of
/// `fragment_size`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Statvfs {
    /// The size of reads and writes that suits it, in bytes.
    pub block_size: u64,
    /// What blocks are counted in, in bytes.
    pub fragment_size: u64,
    /// Blocks there are.
    pub blocks: u64,
    /// Free blocks.
    pub blocks_free: u64,
    /// Free blocks for the account.
    pub blocks_available: u64,
    /// Files there may be.
    pub files: u64,
    /// Files there may be more.
    pub files_free: u64,
    /// Files the account may make more.
    pub files_available: u64,
    /// Which file system it is.
    pub id: u64,
    /// [`Self::READ_ONLY`] and [`Self::NO_SETUID`].
    pub flags: u64,
    /// The longest name in bytes.
    pub name_max: u64,
}

impl Statvfs {
    /// Nothing can be written.
    pub const READ_ONLY: u64 = 0x1;
    /// Set-id bits do nothing.
    pub const NO_SETUID: u64 = 0x2;

    /// Reads the body of an EXTENDED_REPLY.
    ///
    /// # Errors
    ///
    /// It is not of this form.
    pub fn decode(body: &[u8]) -> Result<Self, Fault> {
        let mut reader = Reader::new(body);
        let mut next = || reader.u64("file system's numbers");
        let statvfs = Self {
            block_size: next()?,
            fragment_size: next()?,
            blocks: next()?,
            blocks_free: next()?,
            blocks_available: next()?,
            files: next()?,
            files_free: next()?,
            files_available: next()?,
            id: next()?,
            flags: next()?,
            name_max: next()?,
        };
        reader.end()?;
        Ok(statvfs)
    }

    pub(crate) fn write(&self, writer: &mut Writer<'_>) {
        let numbers = [
            self.block_size,
            self.fragment_size,
            self.blocks,
            self.blocks_free,
            self.blocks_available,
            self.files,
            self.files_free,
            self.files_available,
            self.id,
            self.flags,
            self.name_max,
        ];
        numbers.into_iter().for_each(|number| writer.u64(number));
    }
}

/// What a server allows; 0 where it names no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Limits {
    /// Bytes of a packet.
    pub packet_length: u64,
    /// Bytes of one READ.
    pub read_length: u64,
    /// Bytes of one WRITE.
    pub write_length: u64,
    /// Handles at a time.
    pub open_handles: u64,
}

impl Limits {
    /// Reads the body of an EXTENDED_REPLY.
    ///
    /// # Errors
    ///
    /// It is not of this form.
    pub fn decode(body: &[u8]) -> Result<Self, Fault> {
        let mut reader = Reader::new(body);
        let limits = Self {
            packet_length: reader.u64("limits")?,
            read_length: reader.u64("limits")?,
            write_length: reader.u64("limits")?,
            open_handles: reader.u64("limits")?,
        };
        reader.end()?;
        Ok(limits)
    }

    pub(crate) fn write(&self, writer: &mut Writer<'_>) {
        writer.u64(self.packet_length);
        writer.u64(self.read_length);
        writer.u64(self.write_length);
        writer.u64(self.open_handles);
    }
}

/// The space at a path (filexfer-extensions-00 4), in bytes; 0 where it is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SpaceAvailable {
    /// All there is.
    pub bytes_on_device: u64,
    /// What is free of it.
    pub unused_bytes_on_device: u64,
    /// All the account may have.
    pub bytes_available_to_user: u64,
    /// What the account has left.
    pub unused_bytes_available_to_user: u64,
    /// What space is given out in.
    pub bytes_per_allocation_unit: u32,
}

impl SpaceAvailable {
    /// Reads the body of an EXTENDED_REPLY.
    ///
    /// # Errors
    ///
    /// It is not of this form.
    pub fn decode(body: &[u8]) -> Result<Self, Fault> {
        let mut reader = Reader::new(body);
        let space = Self {
            bytes_on_device: reader.u64("space")?,
            unused_bytes_on_device: reader.u64("space")?,
            bytes_available_to_user: reader.u64("space")?,
            unused_bytes_available_to_user: reader.u64("space")?,
            bytes_per_allocation_unit: reader.u32("space")?,
        };
        reader.end()?;
        Ok(space)
    }

    pub(crate) fn write(&self, writer: &mut Writer<'_>) {
        writer.u64(self.bytes_on_device);
        writer.u64(self.unused_bytes_on_device);
        writer.u64(self.bytes_available_to_user);
        writer.u64(self.unused_bytes_available_to_user);
        writer.u32(self.bytes_per_allocation_unit);
    }
}

/// The names of the ids that were asked for, in their order, empty where there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UsersGroups<'a> {
    /// Users.
    pub users: Strings<'a>,
    /// Groups.
    pub groups: Strings<'a>,
}

impl<'a> UsersGroups<'a> {
    /// Reads the body of an EXTENDED_REPLY.
    ///
    /// # Errors
    ///
    /// It is not of this form.
    pub fn decode(body: &'a [u8]) -> Result<Self, Fault> {
        let mut reader = Reader::new(body);
        let users = reader.string("user names", MAX_PACKET)?;
        let groups = reader.string("group names", MAX_PACKET)?;
        reader.end()?;
        Ok(Self {
            users: Strings::read(users, "user names", MAX_WORD, MAX_IDS)?,
            groups: Strings::read(groups, "group names", MAX_WORD, MAX_IDS)?,
        })
    }
}

/// Hashes of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CheckFile<'a> {
    /// The one the server chose.
    pub algorithm: &'a [u8],
    /// One after the other, as many bytes each as the algorithm makes.
    pub hashes: &'a [u8],
}

impl<'a> CheckFile<'a> {
    /// The name at the front of the reply where it was asked by that name.
    pub(crate) const ECHO: &'static [u8] = b"check-file";

    /// Reads the body of an EXTENDED_REPLY, with the name `check-file` at its front (as paramiko
    /// writes it) or without (as filexfer-extensions-00 3 and ProFTPD have it).
    ///
    /// # Errors
    ///
    /// It is not of this form.
    pub fn decode(body: &'a [u8]) -> Result<Self, Fault> {
        let mut reader = Reader::new(body);
        let mut algorithm = reader.string("algorithm", MAX_WORD)?;
        if algorithm == Self::ECHO {
            algorithm = reader.string("algorithm", MAX_WORD)?;
        }
        Ok(Self {
            algorithm,
            hashes: reader.rest(),
        })
    }
}

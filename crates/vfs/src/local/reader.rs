//! Reading a local file.

use std::fs::File;
use std::io::IoSliceMut;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use rustix::fd::OwnedFd;
use rustix::fs::Advice;
use rustix::io::{Errno, ReadWriteFlags};

use super::root::{Root, metadata_of};
use crate::data::Reader;
use crate::error::{Error, ErrorKind, Result};
use crate::metadata::{Kind, Metadata};

pub(super) struct LocalReader {
    file: Arc<File>,
    metadata: Metadata,
}

impl LocalReader {
    /// Refuses all but regular files. They were opened without waiting, so nobody has waited for
    /// the other end of a pipe.
    pub(super) fn new(file: OwnedFd, root: &Root) -> Result<Self> {
        let metadata = metadata_of(&file)?;
        root.check_readable(&metadata)?;
        match metadata.kind {
            Kind::File => {}
            Kind::Directory => return Err(Error::new(ErrorKind::IsADirectory)),
            Kind::Symlink | Kind::Other => return Err(Error::new(ErrorKind::NotRegular)),
        }
        if metadata.size >= READ_AHEAD {
            // Only advice: a file system that takes none is read as well.
            rustix::fs::fadvise(&file, 0, None, Advice::Sequential).ok();
        }
        Ok(Self {
            file: Arc::new(file.into()),
            metadata,
        })
    }
}

impl Reader for LocalReader {
    fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    fn file(&self) -> Option<&Arc<File>> {
        Some(&self.file)
    }

    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> Result<usize> {
        read_at(&self.file, offset, buffer)
    }

    fn read_cached_at(&self, offset: u64, buffer: &mut [u8]) -> Option<Result<usize>> {
        let mut slices = [IoSliceMut::new(buffer)];
        match rustix::io::preadv2(&*self.file, &mut slices, offset, ReadWriteFlags::NOWAIT) {
            // What it says when it would wait, was interrupted, or cannot tell.
            Err(Errno::AGAIN | Errno::INTR | Errno::OPNOTSUPP | Errno::INVAL | Errno::NOSYS) => {
                None
            }
            outcome => Some(outcome.map_err(Error::from)),
        }
    }
}

/// Reads up to `buffer.len()` bytes; 0 only at the end.
pub(super) fn read_at(file: &File, offset: u64, buffer: &mut [u8]) -> Result<usize> {
    // The kernel counts in signed numbers, and no file reaches where they end.
    let end = offset.saturating_add(buffer.len() as u64);
    if i64::try_from(end).is_err() {
        return Ok(0);
    }
    loop {
        match file.read_at(buffer, offset) {
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            outcome => return Ok(outcome?),
        }
    }
}

/// From this size on, twice the usual read-ahead is worth a system call.
const READ_AHEAD: u64 = 1 << 20;

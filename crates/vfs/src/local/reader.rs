//! Reading a local file.

use std::cell::OnceCell;
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
    /// It lies in memory, as files of tmpfs do: no read waits for a disk. Asked once it matters.
    in_memory: OnceCell<bool>,
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
            in_memory: OnceCell::new(),
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
        if self.in_memory.get() == Some(&true) {
            return Some(read_at(&self.file, offset, buffer));
        }
        let mut slices = [IoSliceMut::new(&mut *buffer)];
        match rustix::io::preadv2(&*self.file, &mut slices, offset, ReadWriteFlags::NOWAIT) {
            // tmpfs does not know the flag, and needs none.
            Err(Errno::OPNOTSUPP) if *self.in_memory.get_or_init(|| is_in_memory(&self.file)) => {
                Some(read_at(&self.file, offset, buffer))
            }
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

fn is_in_memory(file: &File) -> bool {
    rustix::fs::fstatfs(file).is_ok_and(|found| found.f_type == TMPFS)
}

/// `TMPFS_MAGIC` of statfs(2).
const TMPFS: rustix::fs::FsWord = 0x0102_1994;
/// From this size on, twice the usual read-ahead is worth a system call.
const READ_AHEAD: u64 = 1 << 20;

#[cfg(test)]
mod tests {
    use rustix::fs::{CWD, Mode, OFlags};

    use super::*;

    #[test]
    fn what_lies_in_memory_is_read_without_waiting() {
        let folder = tempfile::tempdir_in("/dev/shm").unwrap();
        let path = folder.path().join("f");
        std::fs::write(&path, b"0123456789").unwrap();
        let root = Root::open(folder.path(), true).unwrap();
        let file = rustix::fs::openat(CWD, &path, OFlags::RDONLY, Mode::empty()).unwrap();
        let reader = LocalReader::new(file, &root).unwrap();
        let mut buffer = [0; 4];
        for (offset, found) in [(0, &b"0123"[..]), (8, b"89"), (10, b"")] {
            let count = reader.read_cached_at(offset, &mut buffer).unwrap().unwrap();
            assert_eq!(&buffer[..count], found);
        }
    }
}

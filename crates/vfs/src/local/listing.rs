//! Listing a directory as fast as the kernel tells about it.

use std::ffi::CStr;
use std::mem::MaybeUninit;

use rustix::fd::OwnedFd;
use rustix::fs::{FileType, RawDir};
use rustix::io::Errno;

use super::names;
use super::root::look_at;
use crate::data::{Batch, Listing};
use crate::error::Result;
use crate::metadata::{Kind, Metadata, Timestamp};

pub(super) struct LocalListing {
    directory: OwnedFd,
    buffer: Box<[MaybeUninit<u8>]>,
    /// What one call of `getdents64` told, names ended by NUL one after another.
    names: Vec<u8>,
    pending: Vec<Pending>,
    next: usize,
    ended: bool,
}

struct Pending {
    start: usize,
    end: usize,
    kind: Kind,
}

impl LocalListing {
    pub(super) fn new(directory: OwnedFd) -> Self {
        Self {
            directory,
            buffer: Box::new([]),
            names: Vec::new(),
            pending: Vec::new(),
            next: 0,
            ended: false,
        }
    }

    /// Takes over everything the next call of `getdents64` tells.
    fn refill(&mut self) -> Result<()> {
        if self.buffer.is_empty() {
            self.buffer = vec![MaybeUninit::uninit(); BUFFER].into();
        }
        self.names.clear();
        self.pending.clear();
        self.next = 0;
        let mut entries = RawDir::new(&self.directory, &mut self.buffer);
        while let Some(entry) = entries.next() {
            let entry = entry?;
            let name = entry.file_name().to_bytes_with_nul();
            let bare = entry.file_name().to_bytes();
            if !matches!(bare, b"." | b"..") && !names::is_staging(bare) {
                let start = self.names.len();
                self.names.extend_from_slice(name);
                self.pending.push(Pending {
                    start,
                    end: self.names.len(),
                    kind: kind_from(entry.file_type()),
                });
            }
            if entries.is_buffer_empty() {
                return Ok(());
            }
        }
        self.ended = true;
        Ok(())
    }

    fn push_next(&mut self, batch: &mut Batch) {
        let Some(pending) = self.pending.get(self.next) else {
            return;
        };
        self.next += 1;
        let name = self.names.get(pending.start..pending.end);
        let Some(name) = name.and_then(|name| CStr::from_bytes_with_nul(name).ok()) else {
            return;
        };
        match look_at(&self.directory, name) {
            Ok(metadata) => batch.push(name.to_bytes(), metadata),
            Err(Errno::NOENT) => {}
            // A dead mount, or a directory that may be read and not searched.
            Err(_) => batch.push(name.to_bytes(), unknown(pending.kind)),
        }
    }
}

impl Listing for LocalListing {
    fn next_batch(&mut self, batch: &mut Batch) -> Result<bool> {
        batch.clear();
        while !batch.is_full() {
            if self.next < self.pending.len() {
                self.push_next(batch);
            } else if self.ended {
                break;
            } else {
                self.refill()?;
            }
        }
        Ok(!batch.is_empty())
    }
}

const fn kind_from(told: FileType) -> Kind {
    match told {
        FileType::RegularFile => Kind::File,
        FileType::Directory => Kind::Directory,
        FileType::Symlink => Kind::Symlink,
        _ => Kind::Other,
    }
}

const fn unknown(kind: Kind) -> Metadata {
    Metadata {
        kind,
        size: 0,
        modified: Timestamp {
            seconds: 0,
            nanos: 0,
        },
        created: None,
        mode: 0,
        uid: 0,
        gid: 0,
        links: 0,
        device: 0,
        inode: 0,
        partial: false,
    }
}

const BUFFER: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use rustix::fs::{CWD, Mode, OFlags};

    use super::*;

    #[test]
    fn r7_memory_does_not_grow_with_the_directory() {
        let folder = tempfile::tempdir_in("/dev/shm").unwrap();
        let mut needed = Vec::new();
        let mut count = 0;
        for wanted in [5_000, 20_000] {
            while count < wanted {
                std::fs::write(folder.path().join(format!("file-{count:06}")), "").unwrap();
                count += 1;
            }
            let flags = OFlags::RDONLY | OFlags::DIRECTORY;
            let directory = rustix::fs::openat(CWD, folder.path(), flags, Mode::empty());
            let mut listing = LocalListing::new(directory.unwrap());
            let mut batch = Batch::new();
            let mut seen = 0;
            while listing.next_batch(&mut batch).unwrap() {
                seen += batch.len();
            }
            assert_eq!(seen, wanted);
            needed.push((listing.names.capacity(), listing.pending.capacity()));
        }
        assert_eq!(needed[0], needed[1]);
        assert!(needed[1].0 <= 2 * BUFFER && needed[1].1 <= BUFFER / 12);
    }
}

//! Appending to files that are too large to be copied first: in place, and undone on failure.

use std::collections::HashSet;
use std::fs::File;
use std::io::Write;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use rustix::fs::{Mode, OFlags};

use super::root::{Place, metadata_of};
use super::staged::not_wanted;
use crate::error::{Error, ErrorKind, Result};
use crate::metadata::Kind;
use crate::upload::{Durability, Published, Staged};

/// The right to append to one file. Two appends of which each begins with the same old version
/// would lose one of them, so the second is told to come again.
#[derive(Debug)]
pub(super) struct AppendLock((u64, u64));

/// A published file, opened for being appended to or copied.
pub(super) struct Target {
    pub(super) file: File,
    pub(super) size: u64,
    pub(super) lock: AppendLock,
}

/// An append that writes to the published file itself.
///
/// Readers see it grow. A failure cuts it back to its old length; a crash of the machine or the
/// process cannot.
pub(super) struct InPlace {
    file: File,
    start: u64,
    written: u64,
    durability: Durability,
    failed: bool,
    finished: bool,
    _lock: AppendLock,
}

impl AppendLock {
    fn acquire(file: (u64, u64)) -> Option<Self> {
        appending().insert(file).then(|| Self(file))
    }
}

impl Drop for AppendLock {
    fn drop(&mut self) {
        appending().remove(&self.0);
    }
}

/// Opens the published file and locks it against other appends.
pub(super) fn open(place: &Place) -> Result<Target> {
    let file = File::from(rustix::fs::openat(
        &place.directory,
        &place.name,
        OFlags::RDWR | OFlags::APPEND | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC,
        Mode::empty(),
    )?);
    let opened = metadata_of(&file)?;
    if opened.kind != Kind::File {
        return Err(Error::new(ErrorKind::NotRegular));
    }
    let busy = Error::with_text(ErrorKind::Busy, "another upload appends to this file");
    let Some(lock) = AppendLock::acquire((opened.device, opened.inode)) else {
        return Err(busy);
    };
    // An append that ended between the opening and the locking has replaced the file.
    match place.look()? {
        Some(now) if (now.device, now.inode) == (opened.device, opened.inode) => Ok(Target {
            size: now.size,
            file,
            lock,
        }),
        _ => Err(busy),
    }
}

impl InPlace {
    pub(super) fn new(published: Target, durability: Durability) -> Self {
        Self {
            file: published.file,
            start: published.size,
            written: 0,
            durability,
            failed: false,
            finished: false,
            _lock: published.lock,
        }
    }

    /// Cuts the file back, unless something else has written to it as well.
    fn undo(&mut self) -> Result<()> {
        self.finished = true;
        if self.written == 0 || self.file.metadata()?.len() != self.start + self.written {
            return Ok(());
        }
        Ok(self.file.set_len(self.start)?)
    }
}

impl Staged for InPlace {
    fn offset(&self) -> u64 {
        self.start + self.written
    }

    fn write(&mut self, mut chunk: &[u8]) -> Result<()> {
        while !chunk.is_empty() && !self.failed {
            match self.file.write(chunk) {
                Ok(written) if written > 0 => {
                    self.written += written as u64;
                    chunk = chunk.get(written..).unwrap_or_default();
                }
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                outcome => {
                    self.failed = true;
                    return Err(outcome.map_or_else(Error::from, |_| ErrorKind::NoSpace.into()));
                }
            }
        }
        if self.failed {
            return Err(Error::new(ErrorKind::Io));
        }
        Ok(())
    }

    fn publish_if(mut self: Box<Self>, wanted: &dyn Fn() -> bool) -> Result<Published> {
        if self.failed {
            self.undo()?;
            return Err(Error::new(ErrorKind::Io));
        }
        if self.durability != Durability::None {
            self.file.sync_all()?;
        }
        if !wanted() {
            self.undo()?;
            return Err(not_wanted());
        }
        self.finished = true;
        Ok(Published {
            size: self.start + self.written,
            replaced: true,
        })
    }

    fn keep(mut self: Box<Self>) -> Result<u64> {
        self.undo().map(|()| 0)
    }

    fn discard(mut self: Box<Self>) -> Result<()> {
        self.undo()
    }
}

impl Drop for InPlace {
    fn drop(&mut self) {
        if !self.finished
            && let Err(error) = self.undo()
        {
            tracing::warn!(%error, "a broken append could not be undone");
        }
    }
}

fn appending() -> MutexGuard<'static, HashSet<(u64, u64)>> {
    APPENDING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Files being appended to, by device and inode.
static APPENDING: LazyLock<Mutex<HashSet<(u64, u64)>>> = LazyLock::new(Mutex::default);

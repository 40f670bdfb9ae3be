//! Appending to files that are too large to be copied first: in place, and undone on failure.

use std::collections::HashSet;
use std::fs::File;
use std::io::Write;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use rustix::fs::{Mode, OFlags};

use super::attributes;
use super::reader;
use super::root::{Place, metadata_of};
use super::staged::{after_failure, not_wanted};
use crate::data::Reader;
use crate::error::{Error, ErrorKind, Result};
use crate::metadata::{Attributes, Kind, Metadata, Timestamp};
use crate::upload::{Durability, Published, Staged, check_apart, check_attributes, copy_by_hand};

/// The right to append to one file. Two appends of which each begins with the same old version
/// would lose one of them, so the second is told to come again.
#[derive(Debug)]
pub(super) struct AppendLock((u64, u64));

/// A published file, opened for being appended to or copied.
pub(super) struct Target {
    pub(super) file: File,
    pub(super) size: u64,
    pub(super) metadata: Metadata,
    pub(super) lock: AppendLock,
}

/// An append that writes to the published file itself.
///
/// Readers see it grow. A failure cuts it back to its old length; a crash of the machine or the
/// process cannot.
pub(super) struct InPlace {
    file: File,
    before: Metadata,
    start: u64,
    written: u64,
    durability: Durability,
    /// What its client wants the file to have.
    attributes: Attributes,
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
            metadata: now,
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
            before: published.metadata,
            start: published.size,
            written: 0,
            durability,
            attributes: Attributes::default(),
            failed: false,
            finished: false,
            _lock: published.lock,
        }
    }

    const fn end(&self) -> u64 {
        self.start + self.written
    }

    fn append(&mut self, mut chunk: &[u8]) -> Result<()> {
        while !chunk.is_empty() {
            match self.file.write(chunk) {
                Ok(0) => return Err(Error::new(ErrorKind::NoSpace)),
                Ok(written) => {
                    self.written += written as u64;
                    chunk = chunk.get(written..).unwrap_or_default();
                }
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// What can still fail, the attributes last: they cannot be undone.
    fn finish(&self, wanted: &dyn Fn() -> bool) -> Result<()> {
        let sync = || match self.durability {
            Durability::Full | Durability::File => self.file.sync_all(),
            Durability::None => Ok(()),
        };
        sync()?;
        if !wanted() {
            return Err(not_wanted());
        }
        if self.attributes != Attributes::default() {
            attributes::set_open(&self.file, &self.attributes)?;
            sync()?;
        }
        Ok(())
    }

    /// Remembers a copy that failed: half of one must not stay.
    fn copied(&mut self, outcome: Result<u64>) -> Result<u64> {
        self.failed |= outcome.is_err();
        outcome
    }

    /// Cuts the file back, unless something else has written to it as well.
    fn undo(&mut self) -> Result<()> {
        self.finished = true;
        if self.written == 0 || self.file.metadata()?.len() != self.end() {
            return Ok(());
        }
        Ok(self.file.set_len(self.start)?)
    }
}

impl Staged for InPlace {
    fn offset(&self) -> u64 {
        self.end()
    }

    fn write_at(&mut self, offset: u64, chunk: &[u8]) -> Result<()> {
        if self.failed {
            return Err(after_failure());
        }
        let outcome = match chunk {
            [] => Ok(()),
            _ if offset == self.end() => self.append(chunk),
            _ => Err(in_the_middle()),
        };
        self.failed = outcome.is_err();
        outcome
    }

    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> Result<usize> {
        reader::read_at(&self.file, offset, buffer)
    }

    fn set_len(&mut self, length: u64) -> Result<()> {
        if length == self.end() {
            Ok(())
        } else {
            Err(in_the_middle())
        }
    }

    fn length(&self) -> u64 {
        self.end()
    }

    fn metadata(&self) -> Metadata {
        let wanted = &self.attributes;
        let modified = wanted.modified.unwrap_or_else(Timestamp::now);
        Metadata {
            size: self.end(),
            modified,
            mode: wanted.mode.map_or(self.before.mode, |mode| mode & 0o1777),
            uid: wanted.uid.unwrap_or(self.before.uid),
            gid: wanted.gid.unwrap_or(self.before.gid),
            partial: true,
            ..self.before
        }
    }

    fn set_attributes(&mut self, attributes: Attributes) -> Result<()> {
        check_attributes(&attributes)?;
        self.attributes.add(&attributes);
        Ok(())
    }

    fn sync(&mut self) -> Result<()> {
        let synced = self.file.sync_all();
        self.failed |= synced.is_err();
        Ok(synced?)
    }

    /// By hand: the kernel copies nothing into a file that is only appended to.
    fn copy_from(
        &mut self,
        source: &mut dyn Reader,
        from: u64,
        to: u64,
        length: u64,
    ) -> Result<u64> {
        let read = |_: &mut Self, done: u64, room: &mut [u8]| {
            source.read_at(from.saturating_add(done), room)
        };
        let outcome = copy_by_hand(self, read, to, length);
        self.copied(outcome)
    }

    fn copy_within(&mut self, from: u64, to: u64, length: u64) -> Result<u64> {
        let whole = length.min(self.end().saturating_sub(from));
        let read = |staged: &mut Self, done: u64, room: &mut [u8]| {
            staged.read_at(from.saturating_add(done), room)
        };
        let outcome =
            check_apart(from, to, length).and_then(|()| copy_by_hand(self, read, to, whole));
        self.copied(outcome)
    }

    fn publish_if(mut self: Box<Self>, wanted: &dyn Fn() -> bool) -> Result<Published> {
        if self.failed {
            self.undo()?;
            return Err(after_failure());
        }
        if let Err(error) = self.finish(wanted) {
            self.undo()?;
            return Err(error);
        }
        self.finished = true;
        Ok(Published {
            size: self.end(),
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

const fn in_the_middle() -> Error {
    Error::with_text(
        ErrorKind::Unsupported,
        "the file is too large to be changed in its middle; upload it whole",
    )
}

fn appending() -> MutexGuard<'static, HashSet<(u64, u64)>> {
    APPENDING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Files being appended to, by device and inode.
static APPENDING: LazyLock<Mutex<HashSet<(u64, u64)>>> = LazyLock::new(Mutex::default);

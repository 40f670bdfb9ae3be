//! The bytes of one upload, shared between its writer and whoever may take it over.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::partials::Key;
use super::root::{Place, metadata_of};
use super::staging::{STAGING_MODE, StagingFile};
use crate::data::copy_at;
use crate::error::{Error, ErrorKind, Result};
use crate::metadata::Metadata;

/// An upload under way.
///
/// The lock is held for one chunk, never for a transfer. Whoever takes the content out fences the
/// writer: nothing it writes later arrives anywhere.
pub(super) struct Upload {
    resumable: AtomicU64,
    content: Mutex<Content>,
}

/// Where the bytes are.
#[derive(Debug)]
pub(super) enum Content {
    /// The beginning of a file that may stay small, without a gap: creating a file twice, under
    /// its staging name and its own, costs more than anything else about a small upload.
    Memory(Vec<u8>),
    /// In a staging file.
    File(StagingFile),
    /// Published, kept, discarded, or taken over by another upload.
    Gone,
}

impl Upload {
    pub(super) fn new(content: Content) -> Self {
        Self {
            resumable: AtomicU64::new(content.resumable()),
            content: Mutex::new(content),
        }
    }

    #[cfg(test)]
    pub(super) fn in_memory() -> Self {
        Self::new(Content::Memory(Vec::new()))
    }

    /// Bytes that a resume would find; known without waiting for the chunk being written.
    pub(super) fn resumable(&self) -> u64 {
        self.resumable.load(Ordering::Acquire)
    }

    /// Where bytes go that come in order.
    pub(super) fn prefix(&self) -> u64 {
        self.lock().prefix()
    }

    pub(super) fn length(&self) -> u64 {
        self.lock().length()
    }

    /// The length, and what is known about the staging file where there is one.
    pub(super) fn look(&self) -> (u64, Option<Metadata>) {
        match &*self.lock() {
            Content::File(file) => (file.length(), metadata_of(&file.file).ok()),
            content @ (Content::Memory(_) | Content::Gone) => (content.length(), None),
        }
    }

    /// Writes at `offset`, or in order. If it will be `durable`, the disk begins with it now: the
    /// wait at the end is then for the last few megabytes only.
    pub(super) fn write(
        &self,
        place: &Place,
        key: &Key,
        offset: Option<u64>,
        chunk: &[u8],
        durable: bool,
    ) -> Result<()> {
        self.change(|content| {
            let outcome = content.write(place, key, offset, chunk);
            if durable && let Content::File(file) = content {
                file.start_writing();
            }
            outcome
        })
    }

    /// Writes if the bytes stay in memory.
    pub(super) fn write_cached(&self, offset: Option<u64>, chunk: &[u8]) -> Option<Result<()>> {
        let mut content = self.content.try_lock().ok()?;
        match &mut *content {
            Content::Memory(bytes) => put(bytes, offset, chunk).then(|| {
                self.resumable.store(bytes.len() as u64, Ordering::Release);
                Ok(())
            }),
            Content::File(_) => None,
            Content::Gone => Some(Err(taken_over())),
        }
    }

    pub(super) fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize> {
        match &*self.lock() {
            Content::Memory(bytes) => Ok(copy_at(bytes, offset, buffer)),
            Content::File(file) => file.read_at(offset, buffer),
            Content::Gone => Err(taken_over()),
        }
    }

    pub(super) fn set_len(&self, place: &Place, key: &Key, length: u64) -> Result<()> {
        self.change(|content| match content {
            Content::Memory(bytes) if length <= bytes.len() as u64 => {
                bytes.truncate(usize::try_from(length).unwrap_or(usize::MAX));
                Ok(())
            }
            Content::Memory(_) | Content::File(_) | Content::Gone => {
                content.file(place, key)?.set_len(place, length)
            }
        })
    }

    /// Does something with the staging file, made now if it was not needed before.
    pub(super) fn with_file<T>(
        &self,
        place: &Place,
        key: &Key,
        work: impl FnOnce(&mut StagingFile) -> Result<T>,
    ) -> Result<T> {
        self.change(|content| work(content.file(place, key)?))
    }

    /// Takes the content away from its writer.
    pub(super) fn take(&self) -> Content {
        std::mem::replace(&mut *self.lock(), Content::Gone)
    }

    /// Takes the content away from its writer if a resume finds at least `length` bytes in it.
    pub(super) fn take_if(&self, length: u64) -> Option<Content> {
        let mut content = self.lock();
        match *content {
            Content::Gone => None,
            Content::Memory(_) | Content::File(_) if content.resumable() < length => None,
            Content::Memory(_) | Content::File(_) => {
                Some(std::mem::replace(&mut *content, Content::Gone))
            }
        }
    }

    fn change<T>(&self, work: impl FnOnce(&mut Content) -> Result<T>) -> Result<T> {
        let mut content = self.lock();
        let outcome = work(&mut content);
        self.resumable.store(content.resumable(), Ordering::Release);
        outcome
    }

    fn lock(&self) -> MutexGuard<'_, Content> {
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Content {
    pub(super) const fn length(&self) -> u64 {
        match self {
            Self::Memory(bytes) => bytes.len() as u64,
            Self::File(file) => file.length(),
            Self::Gone => 0,
        }
    }

    const fn prefix(&self) -> u64 {
        match self {
            Self::Memory(bytes) => bytes.len() as u64,
            Self::File(file) => file.prefix(),
            Self::Gone => 0,
        }
    }

    const fn resumable(&self) -> u64 {
        match self {
            Self::Memory(bytes) => bytes.len() as u64,
            Self::File(file) => file.resumable(),
            Self::Gone => 0,
        }
    }

    fn write(&mut self, place: &Place, key: &Key, offset: Option<u64>, chunk: &[u8]) -> Result<()> {
        if let Self::Memory(bytes) = self
            && put(bytes, offset, chunk)
        {
            return Ok(());
        }
        let file = self.file(place, key)?;
        let offset = offset.unwrap_or_else(|| file.prefix());
        file.write_at(place, offset, chunk)
    }

    /// The staging file, made now if the bytes are still in memory.
    fn file(&mut self, place: &Place, key: &Key) -> Result<&mut StagingFile> {
        if let Self::Memory(bytes) = self {
            let mut file = StagingFile::create(place, key, STAGING_MODE)?;
            let outcome = file.write(bytes);
            *self = Self::File(file);
            outcome?;
        }
        match self {
            Self::File(file) => Ok(file),
            Self::Memory(_) => Err(Error::new(ErrorKind::Io)),
            Self::Gone => Err(taken_over()),
        }
    }
}

/// Writes into memory if there is room and no gap comes of it.
fn put(bytes: &mut Vec<u8>, offset: Option<u64>, chunk: &[u8]) -> bool {
    let at = offset.map_or(bytes.len(), |offset| {
        usize::try_from(offset).unwrap_or(usize::MAX)
    });
    if at > bytes.len() || at.saturating_add(chunk.len()) > IN_MEMORY {
        return false;
    }
    let (over, beyond) = chunk.split_at(chunk.len().min(bytes.len() - at));
    if let Some(old) = bytes.get_mut(at..at + over.len()) {
        old.copy_from_slice(over);
    }
    bytes.extend_from_slice(beyond);
    true
}

pub(super) const fn taken_over() -> Error {
    Error::with_text(ErrorKind::Cancelled, "another upload continues this one")
}

/// How much of an upload stays in memory before a file is made for it.
pub(super) const IN_MEMORY: usize = 64 * 1024;

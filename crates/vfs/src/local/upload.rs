//! The bytes of one upload, shared between its writer and whoever may take it over.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::fs::{Mode, OFlags};

use super::append::AppendLock;
use super::names;
use super::partials::{Key, LiveName};
use super::root::Place;
use crate::error::{Error, ErrorKind, Result};

/// An upload under way.
///
/// The lock is held for one chunk, never for a transfer. Whoever takes the content out fences the
/// writer: nothing it writes later arrives anywhere.
pub(super) struct Upload {
    length: AtomicU64,
    content: Mutex<Content>,
}

/// Where the bytes are.
#[derive(Debug)]
pub(super) enum Content {
    /// The beginning of a file that may stay small: creating a file twice, under its staging name
    /// and its own, costs more than anything else about a small upload.
    Memory(Vec<u8>),
    /// In a staging file.
    File(StagingFile),
    /// Published, kept, discarded, or taken over by another upload.
    Gone,
}

/// A staging file being written.
#[derive(Debug)]
pub(super) struct StagingFile {
    pub(super) file: File,
    pub(super) name: LiveName,
    pub(super) length: u64,
    /// Up to where the disk was told to begin.
    begun: u64,
    /// Held while this is an append to a published file.
    pub(super) appending: Option<AppendLock>,
}

impl Upload {
    pub(super) fn new(content: Content) -> Self {
        Self {
            length: AtomicU64::new(content.length()),
            content: Mutex::new(content),
        }
    }

    #[cfg(test)]
    pub(super) fn in_memory() -> Self {
        Self::new(Content::Memory(Vec::new()))
    }

    /// Bytes so far; known without waiting for the chunk being written.
    pub(super) fn length(&self) -> u64 {
        self.length.load(Ordering::Acquire)
    }

    /// Appends. If it will be `durable`, the disk begins with it now: the wait at the end is then
    /// for the last few megabytes only.
    pub(super) fn write(
        &self,
        place: &Place,
        key: &Key,
        chunk: &[u8],
        durable: bool,
    ) -> Result<()> {
        let mut content = self.lock();
        let outcome = content.append(place, key, chunk);
        if durable && let Content::File(file) = &mut *content {
            file.start_writing();
        }
        self.length.store(content.length(), Ordering::Release);
        outcome
    }

    /// Writes if the bytes stay in memory.
    pub(super) fn write_cached(&self, chunk: &[u8]) -> Option<Result<()>> {
        let mut content = self.content.try_lock().ok()?;
        match &mut *content {
            Content::Memory(bytes) if fits(bytes, chunk) => {
                bytes.extend_from_slice(chunk);
                self.length.store(bytes.len() as u64, Ordering::Release);
                Some(Ok(()))
            }
            Content::Memory(_) | Content::File(_) => None,
            Content::Gone => Some(Err(taken_over())),
        }
    }

    /// Takes the content away from its writer.
    pub(super) fn take(&self) -> Content {
        std::mem::replace(&mut *self.lock(), Content::Gone)
    }

    /// Takes the content away from its writer if it has at least `length` bytes.
    pub(super) fn take_if(&self, length: u64) -> Option<Content> {
        let mut content = self.lock();
        match *content {
            Content::Gone => None,
            Content::Memory(_) | Content::File(_) if content.length() < length => None,
            Content::Memory(_) | Content::File(_) => {
                Some(std::mem::replace(&mut *content, Content::Gone))
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Content> {
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Content {
    pub(super) fn length(&self) -> u64 {
        match self {
            Self::Memory(bytes) => bytes.len() as u64,
            Self::File(file) => file.length,
            Self::Gone => 0,
        }
    }

    fn append(&mut self, place: &Place, key: &Key, chunk: &[u8]) -> Result<()> {
        match self {
            Self::Memory(bytes) if fits(bytes, chunk) => {
                bytes.extend_from_slice(chunk);
                Ok(())
            }
            Self::Memory(bytes) => {
                let mut file = StagingFile::create(place, key, STAGING_MODE)?;
                let outcome = file.write(bytes).and_then(|()| file.write(chunk));
                *self = Self::File(file);
                outcome
            }
            Self::File(file) => file.write(chunk),
            Self::Gone => Err(taken_over()),
        }
    }
}

impl StagingFile {
    pub(super) fn create(place: &Place, key: &Key, mode: Mode) -> Result<Self> {
        let name = LiveName::new(names::make(&key.stem, key.principal)?);
        let file = rustix::fs::openat(
            &place.directory,
            name.as_c_str(),
            OFlags::CREATE | OFlags::EXCL | OFlags::RDWR | OFlags::NOFOLLOW | OFlags::CLOEXEC,
            mode,
        )?;
        Ok(Self {
            file: file.into(),
            name,
            length: 0,
            begun: 0,
            appending: None,
        })
    }

    /// A staging file of an earlier upload, to be continued after `length` bytes.
    pub(super) const fn reopened(file: File, name: LiveName, length: u64) -> Self {
        Self {
            file,
            name,
            length,
            begun: length,
            appending: None,
        }
    }

    /// Appends; on failure `length` counts what arrived.
    pub(super) fn write(&mut self, mut bytes: &[u8]) -> Result<()> {
        while !bytes.is_empty() {
            match self.file.write_at(bytes, self.length) {
                Ok(0) => return Err(Error::new(ErrorKind::NoSpace)),
                Ok(written) => {
                    self.length += written as u64;
                    bytes = bytes.get(written..).unwrap_or_default();
                }
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Cuts it to `length`, where the next bytes go.
    pub(super) fn truncate(&mut self, length: u64) -> Result<()> {
        self.file.set_len(length)?;
        self.length = length;
        self.begun = self.begun.min(length);
        Ok(())
    }

    fn start_writing(&mut self) {
        let pending = self.length - self.begun;
        if pending >= WRITE_AT_ONCE {
            // Only to gain time: publishing syncs the file whatever comes of this.
            crate::sys::start_writing(&self.file, self.begun, pending).ok();
            self.begun = self.length;
        }
    }
}

const fn fits(bytes: &[u8], chunk: &[u8]) -> bool {
    bytes.len().saturating_add(chunk.len()) <= IN_MEMORY
}

pub(super) const fn taken_over() -> Error {
    Error::with_text(ErrorKind::Cancelled, "another upload continues this one")
}

/// How much of an upload stays in memory before a file is made for it.
pub(super) const IN_MEMORY: usize = 64 * 1024;

/// How much of a durable upload waits before the disk is told to begin with it.
const WRITE_AT_ONCE: u64 = 8 << 20;

/// Nobody else on the host reads what is not finished.
const STAGING_MODE: Mode = Mode::RUSR.union(Mode::WUSR);

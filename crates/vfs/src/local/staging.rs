//! The file an upload is written to before it gets its name.

use std::ffi::CString;
use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;

use rustix::fs::{Mode, OFlags};

use super::append::AppendLock;
use super::clone;
use super::names;
use super::partials::{Key, LiveName};
use super::reader;
use super::root::Place;
use crate::error::{Error, ErrorKind, Result};
use crate::extents::Extents;
use crate::upload::{COPY_STEP, never_written, too_many_gaps};

/// A staging file being written.
///
/// After a crash nothing is left but the file, and its size says where a resume goes on. Where
/// that would be wrong, since there are gaps below it or bytes of the published file were changed,
/// the file is marked by its name.
#[derive(Debug)]
pub(super) struct StagingFile {
    pub(super) file: File,
    pub(super) name: LiveName,
    length: u64,
    extents: Extents,
    /// Up to where the disk was told to begin.
    begun: u64,
    /// As many bytes are the published file's, to be changed anywhere.
    based: u64,
    /// Some of those were changed.
    edited: bool,
    marked: bool,
    /// Held while this is an append to a published file.
    pub(super) appending: Option<AppendLock>,
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
        Ok(Self::reopened(file.into(), name, 0))
    }

    /// A staging file of an earlier upload, to be continued after `length` bytes.
    pub(super) const fn reopened(file: File, name: LiveName, length: u64) -> Self {
        Self {
            file,
            name,
            length,
            extents: Extents::whole(length),
            begun: length,
            based: 0,
            edited: false,
            marked: false,
            appending: None,
        }
    }

    pub(super) const fn length(&self) -> u64 {
        self.length
    }

    /// Where the next bytes go, if they come in order.
    pub(super) const fn prefix(&self) -> u64 {
        self.extents.prefix()
    }

    /// How much of it a resume can continue, which says only where.
    pub(super) const fn resumable(&self) -> u64 {
        if self.edited { 0 } else { self.prefix() }
    }

    /// What is here is all of the published file, and any of it may be changed.
    pub(super) const fn based_on_published(mut self) -> Self {
        self.based = self.length;
        self
    }

    /// Appends; on failure `prefix` counts what arrived.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.put(self.prefix(), bytes)
    }

    /// Writes anywhere.
    pub(super) fn write_at(&mut self, place: &Place, offset: u64, bytes: &[u8]) -> Result<()> {
        self.prepare(place, offset, bytes.len() as u64)?;
        self.put(offset, bytes)
    }

    pub(super) fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize> {
        reader::read_at(&self.file, offset, buffer)
    }

    /// Cuts it to `length`, where the next bytes go. From here on they are its client's, wherever
    /// those before came from.
    pub(super) fn truncate(&mut self, length: u64) -> Result<()> {
        self.file.set_len(length)?;
        self.length = length;
        self.based = 0;
        self.extents.truncate(length);
        self.begun = self.begun.min(length);
        Ok(())
    }

    /// Cuts what was put into the file as a whole.
    pub(super) fn cut_whole(&mut self, length: u64) -> Result<()> {
        self.file.set_len(length)?;
        self.length = length;
        self.extents = Extents::whole(length);
        self.begun = length;
        Ok(())
    }

    /// Cuts it, or extends it by zeros, as its client wants it.
    pub(super) fn set_len(&mut self, place: &Place, length: u64) -> Result<()> {
        check_end(length)?;
        if length != self.length {
            let edited = length < self.based;
            if edited || length > self.prefix() {
                self.mark(place)?;
            }
            self.file.set_len(length)?;
            self.edited |= edited;
            self.length = length;
            self.begun = self.begun.min(length);
        }
        self.extents.set_length(length);
        Ok(())
    }

    /// Copies in the kernel; `None` where it has to be done by hand.
    pub(super) fn copy(
        &mut self,
        place: &Place,
        source: Option<&File>,
        (from, to): (u64, u64),
        length: u64,
    ) -> Result<Option<u64>> {
        let length = length.min(COPY_STEP);
        self.prepare(place, to, length)?;
        let source = source.unwrap_or(&self.file);
        let copied = clone::range(source, from, &self.file, to, length)?;
        if let Some(copied) = copied {
            self.arrived(to, copied);
        }
        Ok(copied)
    }

    /// Refuses to read what is not there: in a gap, bytes may still be on their way.
    pub(super) fn check_written(&self, range: Range<u64>) -> Result<()> {
        let range = range.start..range.end.min(self.length);
        self.extents
            .gap(range)
            .map_or(Ok(()), |gap| Err(never_written(&gap)))
    }

    /// Makes what a resume can continue the whole file, under a name that says so.
    pub(super) fn settle(&mut self, place: &Place, key: &Key) -> Result<()> {
        let resumable = self.resumable();
        if resumable != self.length {
            self.truncate(resumable)?;
        }
        if self.marked {
            self.rename(place, names::make(&key.stem, key.principal)?)?;
            self.marked = false;
        }
        Ok(())
    }

    /// Lets the disk begin with what is complete and long enough to be worth a call.
    pub(super) fn start_writing(&mut self) {
        let pending = self.prefix().saturating_sub(self.begun);
        if pending >= WRITE_AT_ONCE {
            // Only to gain time: publishing syncs the file whatever comes of this.
            crate::sys::start_writing(&self.file, self.begun, pending).ok();
            self.begun = self.prefix();
        }
    }

    /// What must be so before bytes of that range are changed.
    fn prepare(&mut self, place: &Place, offset: u64, length: u64) -> Result<()> {
        let end = offset.checked_add(length).ok_or(ErrorKind::TooLarge)?;
        check_end(end)?;
        if length == 0 {
            return Ok(());
        }
        if !self.extents.has_room(&(offset..end)) {
            return Err(too_many_gaps());
        }
        let edits = offset < self.based;
        if edits || offset > self.prefix() {
            self.mark(place)?;
            self.edited |= edits;
        }
        Ok(())
    }

    fn put(&mut self, mut offset: u64, mut bytes: &[u8]) -> Result<()> {
        while !bytes.is_empty() {
            match self.file.write_at(bytes, offset) {
                Ok(0) => return Err(Error::new(ErrorKind::NoSpace)),
                Ok(written) => {
                    self.arrived(offset, written as u64);
                    offset += written as u64;
                    bytes = bytes.get(written..).unwrap_or_default();
                }
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    fn arrived(&mut self, offset: u64, length: u64) {
        let end = offset.saturating_add(length);
        self.extents.insert(offset..end);
        if length > 0 {
            self.length = self.length.max(end);
        }
    }

    fn mark(&mut self, place: &Place) -> Result<()> {
        if !self.marked {
            self.rename(place, names::marked(self.name.as_c_str())?)?;
            self.marked = true;
        }
        Ok(())
    }

    fn rename(&mut self, place: &Place, name: CString) -> Result<()> {
        // Both names are live meanwhile, so that a scan passes over either.
        let name = LiveName::new(name);
        let directory = &place.directory;
        rustix::fs::renameat(directory, self.name.as_c_str(), directory, name.as_c_str())?;
        self.name = name;
        Ok(())
    }
}

/// The kernel counts in signed numbers.
fn check_end(end: u64) -> Result<()> {
    i64::try_from(end).map_err(|_| ErrorKind::TooLarge)?;
    Ok(())
}

/// Nobody else on the host reads what is not finished.
pub(super) const STAGING_MODE: Mode = Mode::RUSR.union(Mode::WUSR);

/// How much of a durable upload waits before the disk is told to begin with it.
const WRITE_AT_ONCE: u64 = 8 << 20;

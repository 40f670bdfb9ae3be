//! The bytes of one upload into a memory store.

use std::ops::Range;

use super::tree::Shared;
use crate::error::{Error, ErrorKind, Result};
use crate::extents::Extents;
use crate::upload::{never_written, too_many_gaps};

/// The bytes of an upload, and which of them were written.
pub(super) struct Content {
    pub(super) bytes: Vec<u8>,
    pub(super) extents: Extents,
    /// As many bytes are the published file's, to be changed anywhere.
    pub(super) based: usize,
    /// Some of those were changed.
    edited: bool,
}

impl Content {
    pub(super) const fn whole(bytes: Vec<u8>) -> Self {
        let extents = Extents::whole(bytes.len() as u64);
        Self {
            bytes,
            extents,
            based: 0,
            edited: false,
        }
    }

    /// How much of it a resume can continue, which says only where.
    pub(super) fn resumable(&self) -> usize {
        match self.edited {
            true => 0,
            false => usize::try_from(self.extents.prefix()).unwrap_or(usize::MAX),
        }
    }

    /// Cuts it, or extends it by zeros, after taking or before giving back the room.
    fn resize(&mut self, shared: &Shared, length: usize) -> Result<()> {
        let before = self.bytes.len();
        if length > before {
            shared.reserve(length - before)?;
        } else {
            shared.release(before - length);
        }
        self.bytes.resize(length, 0);
        Ok(())
    }

    pub(super) fn write_at(&mut self, shared: &Shared, offset: u64, chunk: &[u8]) -> Result<()> {
        if chunk.is_empty() {
            return Ok(());
        }
        let start = checked(offset)?;
        let end = checked(offset.saturating_add(chunk.len() as u64))?;
        let range = offset..end as u64;
        if !self.extents.has_room(&range) {
            return Err(too_many_gaps());
        }
        if end > self.bytes.len() {
            self.resize(shared, end)?;
        }
        if let Some(old) = self.bytes.get_mut(start..end) {
            old.copy_from_slice(chunk);
        }
        self.extents.insert(range);
        self.edited |= start < self.based;
        Ok(())
    }

    pub(super) fn set_len(&mut self, shared: &Shared, length: u64) -> Result<()> {
        let wanted = checked(length)?;
        self.resize(shared, wanted)?;
        self.extents.set_length(length);
        self.edited |= wanted < self.based;
        Ok(())
    }

    pub(super) fn check_written(&self, range: Range<u64>) -> Result<()> {
        let range = range.start..range.end.min(self.bytes.len() as u64);
        let gap = self.extents.gap(range);
        gap.map_or(Ok(()), |gap| Err(never_written(&gap)))
    }
}

/// A length that a file in memory may have.
fn checked(length: u64) -> Result<usize> {
    let length = usize::try_from(length).ok();
    let length = length.filter(|length| *length <= MAX_FILE);
    length.ok_or_else(|| Error::new(ErrorKind::TooLarge))
}

/// One write far beyond the end must not take the memory of the machine.
const MAX_FILE: usize = 1 << 30;

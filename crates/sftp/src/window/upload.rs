//! An upload: WRITEs in flight, each of which must succeed.

use std::collections::BTreeMap;
use std::fmt;

use super::{Broken, Range};
use crate::Status;

/// The plan of one upload.
///
/// One WRITE that fails fails the file, whatever becomes of the others: a gap within it is worse
/// than none of it.
#[derive(Debug)]
pub struct Upload {
    chunk: u32,
    next: u64,
    in_flight: BTreeMap<u32, Range>,
    /// The source has no more.
    ended: bool,
    failed: Option<WriteFailed>,
    stopped: bool,
}

/// The WRITE with the lowest offset that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WriteFailed {
    /// Where it was to write.
    pub offset: u64,
    /// Its STATUS.
    pub code: u32,
}

impl Upload {
    /// An upload from `from` on, in WRITEs of at most `chunk` bytes, see [`super::Chunks`].
    #[must_use]
    pub fn new(from: u64, chunk: u32) -> Self {
        Self {
            chunk: chunk.max(1),
            next: from,
            in_flight: BTreeMap::new(),
            ended: false,
            failed: None,
            stopped: false,
        }
    }

    /// What the WRITE of this id, which is in no request in flight, is to carry. `ready` is how
    /// many bytes of the source are at hand from [`Self::offset`] on. `None`: nothing now.
    pub fn next(&mut self, id: u32, ready: usize) -> Option<Range> {
        let over = self.stopped || self.ended || self.failed.is_some();
        if over || ready == 0 || self.in_flight.contains_key(&id) {
            return None;
        }
        let range = Range {
            offset: self.next,
            length: u32::try_from(ready).unwrap_or(u32::MAX).min(self.chunk),
        };
        self.next = self.next.checked_add(u64::from(range.length))?;
        self.in_flight.insert(id, range);
        Some(range)
    }

    /// The source has no more bytes from [`Self::offset`] on.
    pub fn source_ended(&mut self) {
        self.ended = true;
    }

    /// Takes the STATUS that answers `id`.
    ///
    /// # Errors
    ///
    /// No such request is in flight.
    pub fn status(&mut self, id: u32, code: u32) -> Result<(), Broken> {
        let Some(range) = self.in_flight.remove(&id) else {
            self.stopped = true;
            return Err(Broken::UnknownId(id));
        };
        let offset = range.offset;
        if code != Status::Ok.code() && self.failed.is_none_or(|first| offset < first.offset) {
            self.failed = Some(WriteFailed { offset, code });
        }
        Ok(())
    }

    /// Writes nothing more. What is in flight is still to be answered.
    pub fn stop(&mut self) {
        self.stopped = true;
    }

    /// Where the next WRITE begins.
    #[must_use]
    pub const fn offset(&self) -> u64 {
        self.next
    }

    /// How many requests wait for an answer.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.in_flight.len()
    }

    /// All bytes up to here have been written: where a later attempt can go on.
    #[must_use]
    pub fn contiguous(&self) -> u64 {
        let waiting = self.in_flight.values().map(|range| range.offset);
        let failed = self.failed.map(|failed| failed.offset);
        waiting.chain(failed).min().unwrap_or(self.next)
    }

    /// The size of the file, or the WRITE that failed, once nothing is in flight. `None` while it
    /// goes on, and for one that was stopped before.
    #[must_use]
    pub fn finished(&self) -> Option<Result<u64, WriteFailed>> {
        if !self.in_flight.is_empty() {
            return None;
        }
        match self.failed {
            Some(failed) => Some(Err(failed)),
            None => (self.ended && !self.stopped).then_some(Ok(self.next)),
        }
    }
}

impl fmt::Display for WriteFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { offset, code } = self;
        write!(f, "writing at byte {offset} failed with status {code}")
    }
}

impl std::error::Error for WriteFailed {}

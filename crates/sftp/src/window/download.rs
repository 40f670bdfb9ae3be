//! A download: READs in flight, answered in any order and with less than was asked for.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;

use super::{MIN_CHUNK, Range};

/// The plan of one download.
///
/// Data is written where it belongs as it comes, in any order. Beyond the size the server named
/// it asks carefully, one request and then twice as many at each success, so that a file that grew
/// is read to its end, and one that did not costs a single request that finds nothing.
#[derive(Debug)]
pub struct Download {
    /// Where it begins.
    from: u64,
    /// What the server said the size is.
    expected: Option<u64>,
    /// Not asked beyond, whatever there is.
    until: u64,
    chunk: u32,
    /// Answers in a row that were short, and the longest of them.
    short: (u32, u32),
    /// Never asked for: from here on.
    next: u64,
    /// Asked for, and not delivered in full. All of it was in flight once, and comes before
    /// anything new: never more pieces than the bytes of a window have [`MIN_CHUNK`]s.
    again: VecDeque<Range>,
    in_flight: BTreeMap<u32, Range>,
    /// The lowest offset at which there was nothing.
    end: Option<u64>,
    /// The highest byte delivered, and one.
    delivered: u64,
    /// Requests beyond `expected` that may be in flight.
    beyond: usize,
    stopped: bool,
    /// The server broke the protocol: nothing it says makes a file whole.
    untrusted: bool,
}

/// An answer that no server may give. The channel cannot be trusted any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Broken {
    /// It answers no request that is in flight.
    UnknownId(u32),
    /// DATA with nothing in it: neither bytes nor the end of the file (filexfer-02 6.4).
    EmptyData,
    /// More bytes than were asked for.
    TooMuchData {
        /// As many as were asked for.
        asked: u32,
        /// As many as came.
        came: usize,
    },
}

/// A download with nothing left to ask and nothing in flight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Finished {
    /// Where the file ends, or the range that was asked for. All below it has been delivered.
    /// What was delivered beyond it, before the file shrank, is to be cut off.
    pub end: u64,
    /// What became of the file meanwhile.
    pub how: End,
}

/// How the end compares with the size the server named before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// It is that size, or none was named.
    AsExpected,
    /// The file is shorter than was said: it shrank, or was replaced.
    Shrank,
    /// The file is longer than was said. What there was at the end was read too.
    Grew,
}

impl Download {
    /// A download from `from` to the end of the file. `expected` is its size as the server named
    /// it, if it did. `chunk` is what one READ asks for, see [`super::Chunks`].
    #[must_use]
    pub fn new(from: u64, expected: Option<u64>, chunk: u32) -> Self {
        Self {
            from,
            expected,
            until: u64::MAX,
            chunk: chunk.max(1),
            short: (0, 0),
            next: from,
            again: VecDeque::new(),
            in_flight: BTreeMap::new(),
            end: None,
            delivered: from,
            beyond: 1,
            stopped: false,
            untrusted: false,
        }
    }

    /// The same, ending before `until`: one part of a file.
    #[must_use]
    pub fn until(mut self, until: u64) -> Self {
        self.until = until.max(self.from);
        self
    }

    /// What the READ of this id, which is in no request in flight, is to ask for. `None`: nothing
    /// until an answer comes, and nothing ever when none is in flight.
    pub fn next(&mut self, id: u32) -> Option<Range> {
        if self.stopped || self.in_flight.contains_key(&id) {
            return None;
        }
        let range = self.left_over().or_else(|| self.fresh())?;
        self.in_flight.insert(id, range);
        Some(range)
    }

    /// Takes the DATA that answers `id`, of `came` bytes: where they belong in the file.
    ///
    /// # Errors
    ///
    /// The server broke the protocol; the download cannot go on.
    pub fn data(&mut self, id: u32, came: usize) -> Result<u64, Broken> {
        let range = self.answered(id)?;
        let came = match u32::try_from(came) {
            Ok(0) => return self.broken(range, Broken::EmptyData),
            Ok(length) if length <= range.length => length,
            Ok(_) | Err(_) => {
                let asked = range.length;
                return self.broken(range, Broken::TooMuchData { asked, came });
            }
        };
        let got = Range {
            length: came,
            ..range
        };
        self.delivered = self.delivered.max(got.end());
        if self.expected.is_none_or(|expected| got.end() > expected) {
            self.beyond = self.beyond.saturating_mul(2).min(super::MAX_WINDOW);
        }
        if came < range.length {
            self.short(got, range.length - came);
        } else {
            self.short = (0, 0);
        }
        Ok(range.offset)
    }

    /// Takes the EOF that answers `id`.
    ///
    /// # Errors
    ///
    /// The server broke the protocol; the download cannot go on.
    pub fn eof(&mut self, id: u32) -> Result<(), Broken> {
        let range = self.answered(id)?;
        let end = self.end.map_or(range.offset, |end| end.min(range.offset));
        self.end = Some(end);
        self.again.retain(|range| range.offset < end);
        Ok(())
    }

    /// Takes any other STATUS that answers `id`, which ends the download: nothing more is asked,
    /// and what is in flight is waited for, so that the handle can be closed.
    ///
    /// # Errors
    ///
    /// The server broke the protocol.
    pub fn failed(&mut self, id: u32) -> Result<(), Broken> {
        let range = self.answered(id)?;
        self.again.push_front(range);
        self.stopped = true;
        Ok(())
    }

    /// Asks for nothing more.
    pub fn stop(&mut self) {
        self.stopped = true;
    }

    /// How many requests wait for an answer.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.in_flight.len()
    }

    /// All bytes from the beginning up to here have been delivered: where a later attempt can go
    /// on, also after a failure.
    #[must_use]
    pub fn contiguous(&self) -> u64 {
        let waiting = self.in_flight.values().chain(&self.again);
        let first = waiting.map(|range| range.offset).min();
        let known = first.unwrap_or(self.next).min(self.next);
        self.end.map_or(known, |end| known.min(end))
    }

    /// The end, once everything before it has been delivered; `None` while it goes on, and for
    /// one that was stopped before.
    #[must_use]
    pub fn finished(&self) -> Option<Finished> {
        if self.untrusted {
            return None;
        }
        let end = match self.end {
            Some(end) => end.min(self.until),
            None if self.next >= self.until => self.until,
            None => return None,
        };
        if !self.in_flight.is_empty() || !self.again.is_empty() {
            return None;
        }
        let how = match self.expected.map(|expected| expected.min(self.until)) {
            _ if self.delivered > end => End::Shrank,
            Some(expected) if end < expected => End::Shrank,
            // It is shorter than where this was to begin.
            Some(expected) if expected < self.from && self.delivered == self.from => End::Shrank,
            Some(expected) if end > expected => End::Grew,
            Some(_) | None => End::AsExpected,
        };
        Some(Finished { end, how })
    }

    /// The next part that was asked for in vain, at most a chunk of it.
    fn left_over(&mut self) -> Option<Range> {
        let range = self.again.pop_front()?;
        if range.length <= self.chunk {
            return Some(range);
        }
        let first = Range {
            length: self.chunk,
            ..range
        };
        self.again.push_front(Range {
            offset: first.end(),
            length: range.length - first.length,
        });
        Some(first)
    }

    /// The next part never asked for, when there is one and it may be asked now.
    fn fresh(&mut self) -> Option<Range> {
        if self.end.is_some() || self.next >= self.until {
            return None;
        }
        let expected = self.expected.unwrap_or(0);
        let mut most = self.until - self.next;
        if self.next >= expected {
            let out = self.in_flight.values();
            if out.filter(|range| range.offset >= expected).count() >= self.beyond {
                return None;
            }
        } else {
            // The last part ends where the file should: whether it grew is asked separately.
            most = most.min(expected - self.next);
        }
        let length = u32::try_from(most).unwrap_or(u32::MAX).min(self.chunk);
        let range = Range {
            offset: self.next,
            length,
        };
        self.next = range.end();
        Some(range)
    }

    /// The rest is asked for again. A server with a lower limit than it named, or none named, is
    /// short each time: then less is asked for, or each part would take two round trips.
    fn short(&mut self, got: Range, missing: u32) {
        let (count, longest) = self.short;
        self.short = (count + 1, longest.max(got.length));
        if count + 1 >= SHORT_ANSWERS {
            self.chunk = self.chunk.min(longest.max(got.length).max(MIN_CHUNK));
            self.short = (0, 0);
        }
        let rest = Range {
            offset: got.end(),
            length: missing,
        };
        if self.end.is_none_or(|end| rest.offset < end) {
            self.again.push_back(rest);
        }
    }

    fn answered(&mut self, id: u32) -> Result<Range, Broken> {
        let range = self.in_flight.remove(&id);
        if range.is_none() {
            self.stopped = true;
            self.untrusted = true;
        }
        range.ok_or(Broken::UnknownId(id))
    }

    /// What was not delivered stays to be asked for, so that this is never taken for whole.
    fn broken<T>(&mut self, range: Range, broken: Broken) -> Result<T, Broken> {
        self.again.push_front(range);
        self.stopped = true;
        self.untrusted = true;
        Err(broken)
    }
}

/// Short answers in a row until less is asked for.
const SHORT_ANSWERS: u32 = 4;

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownId(id) => write!(f, "the server answers request {id}, which was not sent"),
            Self::EmptyData => write!(f, "the server sends data of no bytes"),
            Self::TooMuchData { asked, came } => {
                write!(
                    f,
                    "the server sends {came} bytes where {asked} were asked for"
                )
            }
        }
    }
}

impl std::error::Error for Broken {}

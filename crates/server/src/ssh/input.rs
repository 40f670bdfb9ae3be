//! Bytes from the socket, opened where they lie.

use std::io;

use wharf_net::plain::PlainStream;

/// What was received and not dealt with. Empty, it gives its memory back.
#[derive(Debug, Default)]
pub(super) struct Input {
    bytes: Vec<u8>,
    start: usize,
    end: usize,
    /// Bytes the packet at the front is known to need.
    needed: usize,
}

impl Input {
    pub(super) fn pending(&mut self) -> &mut [u8] {
        self.bytes.get_mut(self.start..self.end).unwrap_or_default()
    }

    /// The part of what is pending that `range` names.
    pub(super) fn part(&self, range: std::ops::Range<usize>) -> &[u8] {
        let range = self.start + range.start..self.start + range.end;
        self.bytes.get(range).unwrap_or_default()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.start == self.end
    }

    pub(super) fn consume(&mut self, count: usize) {
        self.start = (self.start + count).min(self.end);
        self.needed = 0;
        if self.start == self.end {
            self.start = 0;
            self.end = 0;
        }
    }

    /// The packet at the front needs this many bytes.
    pub(super) const fn needs(&mut self, bytes: usize) {
        self.needed = bytes;
    }

    /// Whether more must be received before anything can be dealt with.
    pub(super) const fn is_short(&self) -> bool {
        self.end - self.start < self.needed || self.start == self.end
    }

    /// Reads what the socket has; 0 at its end, `None` when it has nothing now.
    pub(super) fn receive(&mut self, stream: &PlainStream) -> io::Result<Option<usize>> {
        if self.bytes.is_empty() {
            self.bytes = vec![0; FIRST];
        }
        let wanted = self.needed.max(self.end - self.start + 1);
        let tail = self.bytes.len() - self.end;
        if tail < LEAST_ROOM || self.start + wanted > self.bytes.len() {
            self.bytes.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        if self.end == self.bytes.len() || wanted > self.bytes.len() {
            // A session that moves much is given the room for it; one that does not never asks.
            let grown = (self.bytes.len() * 4).min(MOST).max(wanted);
            self.bytes.resize(grown, 0);
        }
        let room = self.bytes.get_mut(self.end..).unwrap_or_default();
        let count = stream.receive(room)?;
        self.end += count.unwrap_or_default();
        Ok(count)
    }

    pub(super) fn release(&mut self) {
        if self.is_empty() {
            self.bytes = Vec::new();
        }
    }
}

/// For logins and small requests.
const FIRST: usize = 8 * 1024;
/// For transfers: several packets at once.
const MOST: usize = 512 * 1024;
/// Less room than this at the end is not worth a system call.
const LEAST_ROOM: usize = 4 * 1024;

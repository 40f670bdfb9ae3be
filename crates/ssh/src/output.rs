//! Bytes on their way to the socket, sealed where they lie.

use std::ops::Range;

/// A buffer that packets are laid out in, filled, sealed in place and sent from.
///
/// Its memory is zeroed once, when it is allocated: a packet of a download is then filled by the
/// kernel without being written twice. Empty, it gives its memory back by [`Output::release`].
#[derive(Debug, Default)]
pub struct Output {
    bytes: Vec<u8>,
    start: usize,
    end: usize,
}

/// A packet that was laid out in an [`Output`] and waits to be filled and sealed.
#[derive(Debug)]
#[must_use]
pub struct Slot {
    /// Where the packet begins: its length field.
    pub(crate) start: usize,
    /// Where its payload begins and ends.
    pub(crate) payload: Range<usize>,
    /// Where its padding ends and its tag begins.
    pub(crate) sealed: usize,
    /// Where its tag ends.
    pub(crate) end: usize,
}

impl Output {
    /// An empty one, without memory.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            bytes: Vec::new(),
            start: 0,
            end: 0,
        }
    }

    /// Bytes that wait to be sent.
    #[must_use]
    pub fn pending(&self) -> &[u8] {
        self.bytes.get(self.start..self.end).unwrap_or_default()
    }

    /// How many wait.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.end - self.start
    }

    /// Whether none do.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// The first `count` bytes were sent. Not while something is laid out and not sealed.
    pub fn sent(&mut self, count: usize) {
        self.start = self.start.saturating_add(count).min(self.end);
        if self.start >= self.len() {
            // Less is moved than was sent, so it costs little; without it a socket that is always
            // a little behind would make the buffer grow for ever.
            self.bytes.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
    }

    /// Gives the memory back if nothing waits.
    pub fn release(&mut self) {
        if self.is_empty() {
            self.bytes = Vec::new();
        }
    }

    /// Adds bytes that are not a packet.
    pub(crate) fn raw(&mut self, bytes: &[u8]) {
        let range = self.extend(bytes.len());
        if let Some(room) = self.bytes.get_mut(range) {
            room.copy_from_slice(bytes);
        }
    }

    /// The payload of a packet, to be filled.
    pub fn payload(&mut self, slot: &Slot) -> &mut [u8] {
        self.bytes.get_mut(slot.payload.clone()).unwrap_or_default()
    }

    pub(crate) fn packet(&mut self, start: usize, end: usize) -> &mut [u8] {
        self.bytes.get_mut(start..end).unwrap_or_default()
    }

    /// Forgets what was laid out from `slot` on and not sealed.
    pub fn forget(&mut self, slot: &Slot) {
        self.end = slot.start.max(self.start);
    }

    /// Room for `count` more bytes at the end.
    pub(crate) fn extend(&mut self, count: usize) -> Range<usize> {
        let wanted = self.end.saturating_add(count);
        if wanted > self.bytes.len() {
            let grown = wanted.max(self.bytes.len().saturating_mul(2)).max(LEAST);
            self.bytes.resize(grown, 0);
        }
        let range = self.end..wanted;
        self.end = wanted;
        range
    }
}

/// What is allocated at first: enough for any message but a transfer's.
const LEAST: usize = 2048;

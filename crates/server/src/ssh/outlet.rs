//! The way out of a channel: its bytes, cut into packets that the peer and its window take.

use wharf_ssh::message::channel::{DATA_HEADER, data_header};
use wharf_ssh::window::Sending;
use wharf_ssh::{Output, Slot, Transport, Violation};

/// What waits to be sent, of all channels together, before nothing more is made.
pub(crate) const OUTPUT_LIMIT: usize = 512 * 1024;

/// Where a channel's bytes go now.
pub(crate) struct Outlet<'a> {
    pub(crate) transport: &'a mut Transport,
    pub(crate) output: &'a mut Output,
    pub(crate) window: &'a mut Sending,
    /// The peer's number of the channel.
    pub(crate) peer: u32,
    /// The most bytes it takes in one packet.
    pub(crate) packet: usize,
}

/// Why nothing went out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Held {
    /// The socket is behind, or keys are exchanged: it goes on by itself.
    Output,
    /// The peer takes no more than this now.
    Window(usize),
}

impl Outlet<'_> {
    /// Bytes that may go now.
    pub(crate) fn room(&self) -> usize {
        if !self.transport.can_send() {
            return 0;
        }
        let output = OUTPUT_LIMIT.saturating_sub(self.output.len());
        output.min(self.window.left())
    }

    /// Sends as much of `bytes` as may go; answers how much that was.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<usize, Violation> {
        let (now, _) = bytes.split_at(self.room().min(bytes.len()));
        for part in now.chunks(self.packet) {
            let Some(slot) = self.slot(part.len()) else {
                break;
            };
            self.data(&slot).copy_from_slice(part);
            self.transport.seal(self.output, &slot)?;
        }
        self.window.sent(now.len());
        Ok(now.len())
    }

    /// Sends `front` and, behind it, `length` bytes that `read` puts where they leave from: it is
    /// given the offset and the place. When it cannot, nothing is sent, and `false` is answered.
    pub(crate) fn fill(
        &mut self,
        front: &[u8],
        length: usize,
        mut read: impl FnMut(usize, &mut [u8]) -> bool,
    ) -> Result<Result<bool, Held>, Violation> {
        let whole = front.len() + length;
        if self.room() < whole {
            let open = self.transport.can_send() && self.output.len() + whole <= OUTPUT_LIMIT;
            return Ok(Err(if open {
                Held::Window(self.window.left())
            } else {
                Held::Output
            }));
        }
        let mut slots: Vec<Slot> = Vec::with_capacity(whole.div_ceil(self.packet));
        let mut done = 0;
        let mut offset = 0;
        while done < whole {
            let part = self.packet.min(whole - done);
            let Some(slot) = self.slot(part) else {
                break;
            };
            let place = self.data(&slot);
            let begun = front.get(done..).unwrap_or_default();
            let begun = begun.get(..part.min(begun.len())).unwrap_or_default();
            let (head, rest) = place.split_at_mut(begun.len());
            head.copy_from_slice(begun);
            let count = rest.len();
            let filled = read(offset, rest);
            slots.push(slot);
            if !filled {
                if let Some(first) = slots.first() {
                    self.output.forget(first);
                }
                return Ok(Ok(false));
            }
            offset += count;
            done += part;
        }
        for slot in &slots {
            self.transport.seal(self.output, slot)?;
        }
        self.window.sent(whole);
        Ok(Ok(true))
    }

    fn slot(&mut self, length: usize) -> Option<Slot> {
        let slot = self.transport.lay_out(self.output, DATA_HEADER + length)?;
        let header = data_header(self.peer, u32::try_from(length).unwrap_or_default());
        let payload = self.output.payload(&slot);
        if let Some(front) = payload.first_chunk_mut() {
            *front = header;
        }
        Some(slot)
    }

    fn data(&mut self, slot: &Slot) -> &mut [u8] {
        let payload = self.output.payload(slot);
        payload.get_mut(DATA_HEADER..).unwrap_or_default()
    }
}

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

/// How far something was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Filled {
    /// Up to this byte of it.
    pub(crate) to: usize,
    /// What comes then could not be had at once.
    pub(crate) stuck: bool,
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

    /// Sends what may go of `front` with `length` bytes behind it, of both together from byte `from`
    /// on. The bytes are put where they leave from by `read`, which is given their offset and the
    /// place, and may say that it cannot.
    pub(crate) fn fill(
        &mut self,
        front: &[u8],
        length: usize,
        from: usize,
        mut read: impl FnMut(usize, &mut [u8]) -> bool,
    ) -> Result<Filled, Violation> {
        let whole = front.len() + length;
        let mut done = from;
        while done < whole {
            let room = self.room();
            let part = self.packet.min(whole - done).min(room);
            if part == 0
                || part < LEAST_PART.min(whole - done).min(self.packet) && part < self.window.left()
            {
                break;
            }
            let Some(slot) = self.slot(part) else {
                break;
            };
            let begun = front.get(done..).unwrap_or_default();
            let begun = begun.get(..part.min(begun.len())).unwrap_or_default();
            let (head, rest) = self.data(&slot).split_at_mut(begun.len());
            head.copy_from_slice(begun);
            if !rest.is_empty() && !read((done + begun.len()) - front.len(), rest) {
                self.output.forget(&slot);
                return Ok(Filled {
                    to: done,
                    stuck: true,
                });
            }
            self.transport.seal(self.output, &slot)?;
            self.window.sent(part);
            done += part;
        }
        Ok(Filled {
            to: done,
            stuck: false,
        })
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

/// Less than this is not sent alone when there will be room for more.
const LEAST_PART: usize = 4096;

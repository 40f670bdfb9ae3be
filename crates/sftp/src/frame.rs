//! Cutting a byte stream into packets.

use std::fmt;

use crate::MAX_PACKET;

/// The bytes of a length field.
const LENGTH_FIELD: usize = 4;

/// Cuts the bytes of a channel into packets, and copies only those that arrive in pieces.
///
/// ```text
/// let mut input = received.as_slice();
/// while let Some(body) = framer.next(&mut input)? { … }
/// ```
///
/// When it says `None`, `input` is empty and what began in it is kept. It never holds more than
/// one packet with its length field, has room only for about what has arrived (security M7), and
/// holds no memory between packets.
#[derive(Debug, Default)]
pub struct Framer {
    /// The beginning of a packet with its length field; the whole of it once it was given out.
    pending: Vec<u8>,
    /// `pending` was given out and is done with.
    taken: bool,
}

/// The length field says 0 or more than [`MAX_PACKET`]. Nothing after it can be read: the channel
/// must close.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LengthRefused {
    /// What it says.
    pub length: u32,
}

impl Framer {
    /// At the beginning of a packet.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            pending: Vec::new(),
            taken: false,
        }
    }

    /// The next whole packet without its length field, its bytes taken from the front of `input`;
    /// `None` once `input` holds no more whole ones.
    ///
    /// # Errors
    ///
    /// A length of 0 or above [`MAX_PACKET`], again at each later call.
    pub fn next<'s, 'i: 's>(
        &'s mut self,
        input: &mut &'i [u8],
    ) -> Result<Option<&'s [u8]>, LengthRefused> {
        if self.taken {
            self.taken = false;
            self.pending.clear();
        }
        if self.pending.is_empty() {
            if let Some(body) = whole(input)? {
                return Ok(Some(body));
            }
            if input.is_empty() {
                self.pending = Vec::new();
                return Ok(None);
            }
        }
        self.fill(LENGTH_FIELD, input);
        let Some((field, _)) = self.pending.split_first_chunk() else {
            return Ok(None);
        };
        let end = LENGTH_FIELD + checked(*field)?;
        self.fill(end, input);
        if self.pending.len() < end {
            return Ok(None);
        }
        self.taken = true;
        Ok(self.pending.get(LENGTH_FIELD..end))
    }

    /// The buffer of the packet that was given out last, with its length field in front, so that
    /// whoever keeps the packet need not copy it; `spare` takes what comes next. `None`, and `spare`
    /// is dropped, when that packet lay in the input.
    #[must_use]
    pub fn take(&mut self, mut spare: Vec<u8>) -> Option<Vec<u8>> {
        if !std::mem::take(&mut self.taken) {
            return None;
        }
        spare.clear();
        Some(std::mem::replace(&mut self.pending, spare))
    }

    /// How many bytes of a packet that is not whole yet are held. Other than 0 at the end of the
    /// stream: the peer went in the middle of a packet.
    #[must_use]
    pub fn pending(&self) -> usize {
        if self.taken { 0 } else { self.pending.len() }
    }

    /// What of a packet that is not whole yet has arrived, with its length field. A client shows
    /// it when the first bytes of a server are no packet.
    #[must_use]
    pub fn pending_bytes(&self) -> &[u8] {
        if self.taken { &[] } else { &self.pending }
    }

    /// Moves bytes until `pending` has `end`, or `input` no more. Room grows twofold, never
    /// beyond `end`.
    fn fill(&mut self, end: usize, input: &mut &[u8]) {
        let missing = end.saturating_sub(self.pending.len());
        let Some((now, rest)) = input.split_at_checked(missing.min(input.len())) else {
            return;
        };
        let needed = self.pending.len() + now.len();
        if needed > self.pending.capacity() {
            let room = needed.max(2 * self.pending.capacity()).min(end);
            self.pending.reserve_exact(room - self.pending.len());
        }
        self.pending.extend_from_slice(now);
        *input = rest;
    }
}

/// The packet at the front of `input`, if all of it is there.
fn whole<'i>(input: &mut &'i [u8]) -> Result<Option<&'i [u8]>, LengthRefused> {
    let Some((field, rest)) = input.split_first_chunk() else {
        return Ok(None);
    };
    let Some((body, rest)) = rest.split_at_checked(checked(*field)?) else {
        return Ok(None);
    };
    *input = rest;
    Ok(Some(body))
}

fn checked(field: [u8; LENGTH_FIELD]) -> Result<usize, LengthRefused> {
    let length = u32::from_be_bytes(field);
    match usize::try_from(length) {
        Ok(bytes @ 1..=MAX_PACKET) => Ok(bytes),
        _ => Err(LengthRefused { length }),
    }
}

impl fmt::Display for LengthRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "a packet of {} bytes; they have 1 to {MAX_PACKET}",
            self.length
        )
    }
}

impl std::error::Error for LengthRefused {}

#[cfg(test)]
mod tests;

//! Packets under encryption (RFC 4253 §6): sealing and opening, each in place.

mod aead;
mod clear;
mod ctr;

use std::ops::Range;

use crate::algorithm::{Cipher, Mac};
use crate::output::{Output, Slot};
use crate::violation::Violation;

/// The longest packet that is taken, without its length field and tag: the channel packet that is
/// offered, and what a KEXINIT may need (RFC 4253 §6.1 asks for 35 000).
pub const MAX_PACKET: usize = 256 * 1024 + 64;

/// Seals packets in one direction under one key.
pub(crate) struct Sealer {
    key: SealingKey,
    /// Of the next packet (RFC 4253 §6.4).
    sequence: u32,
    /// Since the key was taken into use.
    pub(crate) packets: u64,
    pub(crate) bytes: u64,
}

/// Opens packets in one direction under one key.
pub(crate) struct Opener {
    key: OpeningKey,
    sequence: u32,
    /// The longest packet that is taken.
    limit: usize,
    pub(crate) packets: u64,
    pub(crate) bytes: u64,
}

enum SealingKey {
    Clear,
    Gcm(aead::Gcm),
    ChaCha(Box<aead::ChaChaSealing>),
    Ctr(Box<ctr::Sealing>),
}

enum OpeningKey {
    Clear,
    Gcm(aead::Gcm),
    ChaCha(Box<aead::ChaChaOpening>),
    Ctr(Box<ctr::Opening>),
}

/// What there is of the next packet.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Opened {
    /// It is not whole: this many bytes must be there.
    Needs(usize),
    /// It is whole and genuine.
    Packet {
        /// Where its payload lies, decrypted.
        payload: Range<usize>,
        /// The length of the packet.
        consumed: usize,
        /// Its sequence number.
        sequence: u32,
    },
}

/// Key material of one direction.
pub(crate) struct Material<'a> {
    pub(crate) key: &'a [u8],
    pub(crate) iv: &'a [u8],
    pub(crate) mac: &'a [u8],
}

impl Sealer {
    pub(crate) const fn clear() -> Self {
        Self {
            key: SealingKey::Clear,
            sequence: 0,
            packets: 0,
            bytes: 0,
        }
    }

    /// `sequence`: 0 under strict key exchange, else one goes on counting.
    pub(crate) fn new(
        cipher: Cipher,
        mac: Mac,
        material: &Material<'_>,
        sequence: u32,
    ) -> Result<Self, Violation> {
        let key = match cipher {
            Cipher::Aes128Gcm | Cipher::Aes256Gcm => SealingKey::Gcm(aead::Gcm::new(material)?),
            Cipher::ChaCha20Poly1305 => {
                SealingKey::ChaCha(Box::new(aead::ChaChaSealing::new(material)?))
            }
            Cipher::Aes128Ctr | Cipher::Aes256Ctr => {
                SealingKey::Ctr(Box::new(ctr::Sealing::new(mac, material)?))
            }
        };
        Ok(Self {
            key,
            sequence,
            packets: 0,
            bytes: 0,
        })
    }

    pub(crate) const fn sequence(&self) -> u32 {
        self.sequence
    }

    pub(crate) const fn is_clear(&self) -> bool {
        matches!(self.key, SealingKey::Clear)
    }

    /// Makes room for a packet with a payload of `length` bytes.
    pub(crate) fn lay_out(&self, output: &mut Output, length: usize) -> Slot {
        let padding = self.padding(length);
        let range = output.extend(HEADER + length + padding + self.tag());
        let payload = range.start + HEADER..range.start + HEADER + length;
        let sealed = payload.end + padding;
        let packet_length = u32::try_from(1 + length + padding).unwrap_or(u32::MAX);
        let header = output.packet(range.start, range.start + HEADER);
        if let Some((length, rest)) = header.split_first_chunk_mut::<4>() {
            *length = packet_length.to_be_bytes();
            rest.fill(u8::try_from(padding).unwrap_or(u8::MAX));
        }
        // RFC 4253 asks for random padding. Under a stream of key never used twice what it hides
        // behind says nothing about it; in clear there is nothing to hide.
        output.packet(payload.end, sealed).fill(0);
        Slot {
            start: range.start,
            payload,
            sealed,
            end: range.end,
        }
    }

    /// Seals a packet whose payload was filled. Packets are sealed in the order of their layout.
    pub(crate) fn seal(&mut self, output: &mut Output, slot: &Slot) -> Result<(), Violation> {
        let packet = output.packet(slot.start, slot.end);
        let length = slot.sealed - slot.start;
        let Some((plain, tag)) = packet.split_at_mut_checked(length) else {
            return Err(internal());
        };
        match &mut self.key {
            SealingKey::Clear => {}
            SealingKey::Gcm(key) => key.seal(plain, tag)?,
            SealingKey::ChaCha(key) => key.seal(self.sequence, plain, tag)?,
            SealingKey::Ctr(key) => key.seal(self.sequence, plain, tag)?,
        }
        self.sequence = self.sequence.wrapping_add(1);
        self.packets += 1;
        self.bytes += length as u64;
        Ok(())
    }

    fn tag(&self) -> usize {
        match &self.key {
            SealingKey::Clear => 0,
            SealingKey::Gcm(_) | SealingKey::ChaCha(_) => aead::TAG,
            SealingKey::Ctr(key) => key.tag(),
        }
    }

    /// At least four bytes (RFC 4253 §6), so that what is encrypted is whole blocks. Where the
    /// length field is encrypted or authenticated apart, it does not count.
    fn padding(&self, payload: usize) -> usize {
        let (block, counted) = match &self.key {
            SealingKey::Clear => (8, 4),
            SealingKey::Gcm(_) => (16, 0),
            SealingKey::ChaCha(_) => (8, 0),
            SealingKey::Ctr(key) => (16, if key.encrypts_length() { 4 } else { 0 }),
        };
        let padding = block - (counted + 1 + payload) % block;
        let padding = if padding < 4 {
            padding + block
        } else {
            padding
        };
        // RFC 4253 §6: no packet is shorter than 16 bytes.
        if 4 + 1 + payload + padding < 16 {
            padding + block
        } else {
            padding
        }
    }
}

impl Opener {
    pub(crate) const fn clear() -> Self {
        Self {
            key: OpeningKey::Clear,
            sequence: 0,
            limit: MAX_EARLY,
            packets: 0,
            bytes: 0,
        }
    }

    pub(crate) fn new(
        cipher: Cipher,
        mac: Mac,
        material: &Material<'_>,
        sequence: u32,
    ) -> Result<Self, Violation> {
        let key = match cipher {
            Cipher::Aes128Gcm | Cipher::Aes256Gcm => OpeningKey::Gcm(aead::Gcm::new(material)?),
            Cipher::ChaCha20Poly1305 => {
                OpeningKey::ChaCha(Box::new(aead::ChaChaOpening::new(material)?))
            }
            Cipher::Aes128Ctr | Cipher::Aes256Ctr => {
                OpeningKey::Ctr(Box::new(ctr::Opening::new(mac, material)?))
            }
        };
        Ok(Self {
            key,
            sequence,
            limit: MAX_EARLY,
            packets: 0,
            bytes: 0,
        })
    }

    pub(crate) const fn sequence(&self) -> u32 {
        self.sequence
    }

    /// Longer packets are taken from now on: after the login.
    pub(crate) const fn set_limit(&mut self, limit: usize) {
        self.limit = limit;
    }

    pub(crate) const fn count_from(&mut self, sequence: u32) {
        self.sequence = sequence;
    }

    pub(crate) const fn is_clear(&self) -> bool {
        matches!(self.key, OpeningKey::Clear)
    }

    /// Opens the packet at the front of `input`, in place. While it is not whole, the same bytes,
    /// and more, are to be shown again.
    pub(crate) fn open(&mut self, input: &mut [u8]) -> Result<Opened, Violation> {
        let opened = match &mut self.key {
            OpeningKey::Clear => clear::open(input, self.limit)?,
            OpeningKey::Gcm(key) => key.open(input, self.limit)?,
            OpeningKey::ChaCha(key) => key.open(self.sequence, input, self.limit)?,
            OpeningKey::Ctr(key) => key.open(self.sequence, input, self.limit)?,
        };
        let Body::Whole { body, consumed } = opened else {
            let Body::Needs(bytes) = opened else {
                return Err(internal());
            };
            return Ok(Opened::Needs(bytes));
        };
        let payload = payload(input, body)?;
        let sequence = self.sequence;
        self.sequence = sequence.wrapping_add(1);
        self.packets += 1;
        self.bytes += consumed as u64;
        Ok(Opened::Packet {
            payload,
            consumed,
            sequence,
        })
    }
}

/// What a cipher says of the bytes at the front.
enum Body {
    Needs(usize),
    /// `body`: from the padding length to the end of the padding.
    Whole {
        body: Range<usize>,
        consumed: usize,
    },
}

/// The length a packet claims, checked before anything is done with it.
fn claimed(
    length: [u8; 4],
    block: usize,
    counted: usize,
    limit: usize,
) -> Result<usize, Violation> {
    let length = u32::from_be_bytes(length) as usize;
    let aligned = (length + counted).is_multiple_of(block);
    if !(MIN_PACKET..=limit).contains(&length) || !aligned {
        return Err(Violation::protocol(
            "a packet of a length that is not possible",
        ));
    }
    Ok(length)
}

/// Takes the padding off.
fn payload(input: &[u8], body: Range<usize>) -> Result<Range<usize>, Violation> {
    let padding = input.get(body.start).copied().map_or(0, usize::from);
    let start = body.start + 1;
    match body.end.checked_sub(padding) {
        // An empty payload has no message number.
        Some(end) if padding >= 4 && end > start => Ok(start..end),
        _ => Err(Violation::protocol("a packet whose padding does not fit")),
    }
}

const fn internal() -> Violation {
    Violation::protocol("the packet cannot be encrypted")
}

/// Length field and padding length.
const HEADER: usize = 5;
/// Before the login nothing longer comes (RFC 4253 §6.1), and who says otherwise is given no memory
/// for it.
const MAX_EARLY: usize = 35_000;
/// A padding length, a payload of one byte and the least padding.
const MIN_PACKET: usize = 1 + 1 + 4;

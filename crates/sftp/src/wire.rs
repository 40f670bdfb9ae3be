//! Reading and writing the fields packets are made of (RFC 4251 5).

use crate::{Fault, MAX_PACKET, Unsayable};

/// Takes fields from the front of a packet. Nothing is copied.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn u8(&mut self, field: &'static str) -> Result<u8, Fault> {
        self.array(field).map(u8::from_be_bytes)
    }

    pub(crate) fn u32(&mut self, field: &'static str) -> Result<u32, Fault> {
        self.array(field).map(u32::from_be_bytes)
    }

    pub(crate) fn u64(&mut self, field: &'static str) -> Result<u64, Fault> {
        self.array(field).map(u64::from_be_bytes)
    }

    /// A string of at most `most` bytes.
    pub(crate) fn string(&mut self, field: &'static str, most: usize) -> Result<&'a [u8], Fault> {
        let length = usize::try_from(self.u32(field)?).map_err(|_| Fault::TooLong(field))?;
        // Which of the two is wrong tells whose bound it is: the packet's or ours.
        let Some((string, rest)) = self.0.split_at_checked(length) else {
            return Err(Fault::Short(field));
        };
        if length > most {
            return Err(Fault::TooLong(field));
        }
        self.0 = rest;
        Ok(string)
    }

    /// All that is left.
    pub(crate) fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.0)
    }

    /// That nothing is left.
    pub(crate) fn end(self) -> Result<(), Fault> {
        match self.0.len() {
            0 => Ok(()),
            bytes => Err(Fault::Trailing(bytes)),
        }
    }

    fn array<const N: usize>(&mut self, field: &'static str) -> Result<[u8; N], Fault> {
        let (array, rest) = self.0.split_first_chunk().ok_or(Fault::Short(field))?;
        self.0 = rest;
        Ok(*array)
    }
}

/// Appends one packet to `out`: its length is set at the end.
#[derive(Debug)]
pub(crate) struct Writer<'o> {
    pub(crate) out: &'o mut Vec<u8>,
    start: usize,
    /// The first field that was longer than its bound.
    refused: Option<Unsayable>,
}

impl<'o> Writer<'o> {
    pub(crate) fn begin(out: &'o mut Vec<u8>, kind: u8) -> Self {
        let start = out.len();
        out.extend_from_slice(&[0, 0, 0, 0, kind]);
        Self {
            out,
            start,
            refused: None,
        }
    }

    pub(crate) fn u32(&mut self, value: u32) {
        self.out.extend_from_slice(&value.to_be_bytes());
    }

    pub(crate) fn u64(&mut self, value: u64) {
        self.out.extend_from_slice(&value.to_be_bytes());
    }

    /// A string of at most `most` bytes; a longer one makes the packet unsayable.
    pub(crate) fn string(&mut self, field: &'static str, most: usize, value: &[u8]) {
        match u32::try_from(value.len()) {
            Ok(length) if value.len() <= most => {
                self.u32(length);
                self.out.extend_from_slice(value);
            }
            Ok(_) | Err(_) => self.refuse(field),
        }
    }

    /// A string whose bytes `write` appends; its length is set afterwards.
    pub(crate) fn string_of(&mut self, field: &'static str, write: impl FnOnce(&mut Vec<u8>)) {
        let at = self.out.len();
        self.u32(0);
        write(self.out);
        let length = self.out.len().saturating_sub(at + 4);
        match u32::try_from(length) {
            Ok(length) => set_u32(self.out, at, length),
            Err(_) => self.refuse(field),
        }
    }

    pub(crate) fn refuse(&mut self, field: &'static str) {
        self.refused.get_or_insert(Unsayable(field));
    }

    /// Bytes of the packet so far, without its length field.
    pub(crate) fn len(&self) -> usize {
        self.out.len().saturating_sub(self.start + 4)
    }

    /// Sets the length. What cannot be said leaves nothing in `out`.
    pub(crate) fn end(self) -> Result<(), Unsayable> {
        self.end_before(0)
    }

    /// As [`Self::end`]; `more` bytes, which somebody else appends, belong to the packet.
    pub(crate) fn end_before(self, more: u32) -> Result<(), Unsayable> {
        let length = u32::try_from(self.len())
            .unwrap_or(u32::MAX)
            .saturating_add(more);
        let fits = usize::try_from(length).is_ok_and(|length| length <= MAX_PACKET);
        let refused = if fits {
            self.refused
        } else {
            self.refused.or(Some(Unsayable("packet")))
        };
        match refused {
            None => {
                set_u32(self.out, self.start, length);
                Ok(())
            }
            Some(refused) => {
                self.out.truncate(self.start);
                Err(refused)
            }
        }
    }

    /// Takes back what was written of this packet.
    pub(crate) fn cancel(self) {
        self.out.truncate(self.start);
    }
}

/// Writes over four bytes that are there already.
pub(crate) fn set_u32(out: &mut [u8], at: usize, value: u32) {
    if let Some(place) = out.get_mut(at..).and_then(<[u8]>::first_chunk_mut) {
        *place = value.to_be_bytes();
    }
}

/// Strings that follow one another, each within its bound: checked when the packet was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Strings<'a>(&'a [u8]);

impl<'a> Strings<'a> {
    /// `bytes` as strings of at most `most` bytes, at most `count` of them.
    pub(crate) fn read(
        bytes: &'a [u8],
        field: &'static str,
        most: usize,
        count: usize,
    ) -> Result<Self, Fault> {
        let mut reader = Reader::new(bytes);
        let mut seen = 0;
        while !reader.is_empty() {
            reader.string(field, most)?;
            seen += 1;
            if seen > count {
                return Err(Fault::TooLong(field));
            }
        }
        Ok(Self(bytes))
    }
}

impl<'a> Iterator for Strings<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let mut reader = Reader::new(self.0);
        let string = reader.string("string", MAX_PACKET).ok()?;
        self.0 = reader.rest();
        Some(string)
    }
}

//! The data types of RFC 4251 5: what every packet, key and signature is made of.

/// Why bytes are not what they should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// A value goes on beyond the end of the bytes.
    #[error("it ends in the middle of a value")]
    Short,
    /// A string is longer than it may be at its place.
    #[error("a string of {length} bytes stands where at most {max} are taken")]
    TooLong {
        /// What its length field says.
        length: u32,
        /// The most that is taken.
        max: usize,
    },
    /// Bytes follow the last value.
    #[error("bytes follow its end")]
    Trailing,
    /// An integer that is negative, or is not written in its shortest form (RFC 4251 5).
    #[error("an integer is negative or not written in its shortest form")]
    Integer,
}

/// Reads values off the front of bytes. Never reads past their end, allocates nothing.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// A reader of all of `bytes`.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// What has not been read.
    #[must_use]
    pub const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// True when everything has been read.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// That everything has been read.
    ///
    /// # Errors
    ///
    /// [`Malformed::Trailing`].
    pub const fn end(&self) -> Result<(), Malformed> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(Malformed::Trailing)
        }
    }

    /// A `byte`.
    ///
    /// # Errors
    ///
    /// [`Malformed::Short`].
    pub fn byte(&mut self) -> Result<u8, Malformed> {
        self.array().map(|[byte]| byte)
    }

    /// A `boolean`. Every value but 0 is true (RFC 4251 5).
    ///
    /// # Errors
    ///
    /// [`Malformed::Short`].
    pub fn boolean(&mut self) -> Result<bool, Malformed> {
        Ok(self.byte()? != 0)
    }

    /// A `uint32`.
    ///
    /// # Errors
    ///
    /// [`Malformed::Short`].
    pub fn u32(&mut self) -> Result<u32, Malformed> {
        self.array().map(u32::from_be_bytes)
    }

    /// A `uint64`.
    ///
    /// # Errors
    ///
    /// [`Malformed::Short`].
    pub fn u64(&mut self) -> Result<u64, Malformed> {
        self.array().map(u64::from_be_bytes)
    }

    /// A `string` of at most `max` bytes.
    ///
    /// # Errors
    ///
    /// [`Malformed::TooLong`], [`Malformed::Short`].
    pub fn string(&mut self, max: usize) -> Result<&'a [u8], Malformed> {
        let length = self.u32()?;
        match usize::try_from(length) {
            Ok(count) if count <= max => self.bytes(count),
            Ok(_) | Err(_) => Err(Malformed::TooLong { length, max }),
        }
    }

    /// An `mpint` that is not negative, without the zero byte in front: big-endian, at most `max`
    /// bytes, empty for zero. Only the shortest form is taken, so that a key has one spelling.
    ///
    /// # Errors
    ///
    /// [`Malformed::Integer`], [`Malformed::TooLong`], [`Malformed::Short`].
    pub fn mpint(&mut self, max: usize) -> Result<&'a [u8], Malformed> {
        let written = self.string(max.saturating_add(1))?;
        let magnitude = match written {
            [0, rest @ ..] => match rest {
                [first, ..] if *first >= 0x80 => rest,
                [] | [..] => return Err(Malformed::Integer),
            },
            [first, ..] if *first >= 0x80 => return Err(Malformed::Integer),
            [] | [..] => written,
        };
        if magnitude.len() > max {
            let length = u32::try_from(written.len()).unwrap_or(u32::MAX);
            return Err(Malformed::TooLong { length, max });
        }
        Ok(magnitude)
    }

    /// As many bytes, without a length in front.
    ///
    /// # Errors
    ///
    /// [`Malformed::Short`].
    pub fn bytes(&mut self, count: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(Malformed::Short)?;
        self.rest = rest;
        Ok(taken)
    }

    /// As many bytes as the array has.
    ///
    /// # Errors
    ///
    /// [`Malformed::Short`].
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or(Malformed::Short)?;
        self.rest = rest;
        Ok(*taken)
    }
}

/// Writes values at the end of bytes.
pub trait Writer {
    /// A `byte`.
    fn put_byte(&mut self, value: u8);
    /// A `boolean`.
    fn put_boolean(&mut self, value: bool);
    /// A `uint32`.
    fn put_u32(&mut self, value: u32);
    /// A `uint64`.
    fn put_u64(&mut self, value: u64);
    /// A `string`. What is beyond 2^32 - 1 bytes, which no message holds, is left out.
    fn put_string(&mut self, value: &[u8]);
    /// An `mpint` that is not negative, from its big-endian bytes with or without zeros in front.
    fn put_mpint(&mut self, magnitude: &[u8]);
}

impl Writer for Vec<u8> {
    fn put_byte(&mut self, value: u8) {
        self.push(value);
    }

    fn put_boolean(&mut self, value: bool) {
        self.push(u8::from(value));
    }

    fn put_u32(&mut self, value: u32) {
        self.extend_from_slice(&value.to_be_bytes());
    }

    fn put_u64(&mut self, value: u64) {
        self.extend_from_slice(&value.to_be_bytes());
    }

    fn put_string(&mut self, value: &[u8]) {
        let length = u32::try_from(value.len()).unwrap_or(u32::MAX);
        self.put_u32(length);
        let count = usize::try_from(length).unwrap_or(usize::MAX);
        self.extend_from_slice(value.get(..count).unwrap_or(value));
    }

    fn put_mpint(&mut self, magnitude: &[u8]) {
        let short = without_zeros(magnitude);
        // A set top bit would make it negative.
        let padding = usize::from(short.first().is_some_and(|first| *first >= 0x80));
        let length = short.len().saturating_add(padding);
        self.put_u32(u32::try_from(length).unwrap_or(u32::MAX));
        self.extend(std::iter::repeat_n(0, padding));
        self.extend_from_slice(short);
    }
}

/// A big-endian integer without the zeros in front.
pub(crate) fn without_zeros(integer: &[u8]) -> &[u8] {
    let zeros = integer.iter().take_while(|byte| **byte == 0).count();
    integer.get(zeros..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_examples_of_rfc_4251_read_and_write() {
        for (magnitude, wire) in [
            (&b""[..], &b"\0\0\0\0"[..]),
            (
                b"\x09\xa3\x78\xf9\xb2\xe3\x32\xa7",
                b"\0\0\0\x08\x09\xa3\x78\xf9\xb2\xe3\x32\xa7",
            ),
            (b"\x80", b"\0\0\0\x02\0\x80"),
        ] {
            let mut out = Vec::new();
            out.put_mpint(magnitude);
            assert_eq!(out, wire);
            let mut reader = Reader::new(wire);
            assert_eq!(reader.mpint(8), Ok(magnitude));
            assert_eq!(reader.end(), Ok(()));
        }
        let mut out = Vec::new();
        out.put_string(b"testing");
        assert_eq!(out, b"\0\0\0\x07testing");
    }

    #[test]
    fn every_length_has_a_maximum() {
        let huge = b"\xff\xff\xff\xffx";
        let length = u32::MAX;
        assert_eq!(
            Reader::new(huge).string(5),
            Err(Malformed::TooLong { length, max: 5 })
        );
        assert_eq!(Reader::new(huge).string(usize::MAX), Err(Malformed::Short));
        assert_eq!(Reader::new(huge).mpint(usize::MAX), Err(Malformed::Short));
        let three = b"\0\0\0\x03\x01\x02\x03";
        assert!(matches!(
            Reader::new(three).mpint(2),
            Err(Malformed::TooLong { length: 3, max: 2 })
        ));
        assert_eq!(Reader::new(&three[..6]).string(3), Err(Malformed::Short));
        assert_eq!(Reader::new(three).end(), Err(Malformed::Trailing));
    }

    #[test]
    fn an_integer_has_one_spelling() {
        for wire in [
            &b"\0\0\0\x01\0"[..],
            b"\0\0\0\x02\0\x7f",
            b"\0\0\0\x03\0\0\x80",
            b"\0\0\0\x01\x80",
            b"\0\0\0\x02\xff\x01",
        ] {
            assert_eq!(Reader::new(wire).mpint(9), Err(Malformed::Integer));
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            byte: u8, flag: bool, small: u32, large: u64, string: Vec<u8>, integer: Vec<u8>
        ) {
            let mut wire = Vec::new();
            wire.put_byte(byte);
            wire.put_boolean(flag);
            wire.put_u32(small);
            wire.put_u64(large);
            wire.put_string(&string);
            wire.put_mpint(&integer);
            let mut reader = Reader::new(&wire);
            assert_eq!(reader.byte(), Ok(byte));
            assert_eq!(reader.boolean(), Ok(flag));
            assert_eq!(reader.u32(), Ok(small));
            assert_eq!(reader.u64(), Ok(large));
            assert_eq!(reader.string(string.len()), Ok(&string[..]));
            assert_eq!(reader.mpint(integer.len()), Ok(without_zeros(&integer)));
            assert_eq!(reader.end(), Ok(()));
        }
    }
}

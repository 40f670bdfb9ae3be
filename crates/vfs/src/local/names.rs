//! Names of staging files: `.‹name›.‹principal›.‹id›.part`, beside the file they will become.
//!
//! They say all that must be known after a crash: which file it is, whose, and since when. The id
//! is a ULID: 48 bits of time and 80 random bits, so nobody can guess one, and none blocks another.

use std::borrow::Cow;
use std::ffi::{CStr, CString};

use blake2::digest::consts::U10;
use blake2::{Blake2b, Digest};

use crate::error::{Error, ErrorKind, Result};
use crate::metadata::Timestamp;
use crate::path::MAX_COMPONENT;

/// Whose a partial is, without telling who in a directory others can read on the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Principal([u8; HASH]);

/// What a staging name says.
pub(super) struct Parsed<'a> {
    pub(super) stem: &'a [u8],
    pub(super) principal: Principal,
    /// Its size does not say where a resume could go on.
    pub(super) marked: bool,
}

impl Principal {
    pub(super) fn of(name: &str) -> Self {
        Self(hash(b"principal", name.as_bytes()))
    }
}

/// Whether a name is one of ours. A file `.x.part` of a user's is not.
pub(super) fn is_staging(name: &[u8]) -> bool {
    parse(name).is_some()
}

pub(super) fn parse(name: &[u8]) -> Option<Parsed<'_>> {
    let rest = name.strip_suffix(SUFFIX)?.strip_prefix(b".")?;
    let (rest, id) = rest.split_at_checked(rest.len().checked_sub(ID)?)?;
    let rest = rest.strip_suffix(b".")?;
    let (stem, principal) = rest.split_at_checked(rest.len().checked_sub(HASH)?)?;
    let stem = stem.strip_suffix(b".")?;
    let ours = |byte: &u8| ALPHABET.contains(byte);
    if stem.is_empty() || !id.iter().all(ours) || !principal.iter().all(ours) {
        return None;
    }
    Some(Parsed {
        stem,
        principal: Principal(principal.try_into().ok()?),
        marked: id.first() == Some(&MARK),
    })
}

/// The same name, marked: whoever finds it after a crash must not go on from its end.
pub(super) fn marked(name: &CStr) -> Result<CString> {
    let mut name = name.to_bytes().to_vec();
    let first = name.len().checked_sub(SUFFIX.len() + ID);
    if let Some(first) = first.and_then(|first| name.get_mut(first)) {
        *first = MARK;
    }
    CString::new(name).map_err(|_| Error::new(ErrorKind::InvalidName))
}

/// A new staging name.
pub(super) fn make(stem: &[u8], principal: Principal) -> Result<CString> {
    let mut random = [0; 10];
    getrandom::fill(&mut random)
        .map_err(|error| Error::new(ErrorKind::Io).caused_by(error.to_string()))?;
    let now = Timestamp::now();
    let milliseconds =
        now.seconds.cast_unsigned().wrapping_mul(1000) + u64::from(now.nanos / 1_000_000);
    let mut id = [0; 26];
    encode(u128::from(milliseconds & 0xFFFF_FFFF_FFFF), &mut id[..10]);
    encode(number(random), &mut id[10..]);
    let name = [b".", stem, b".", &principal.0, b".", &id, SUFFIX].concat();
    CString::new(name).map_err(|_| Error::new(ErrorKind::InvalidName))
}

/// The part of a staging name that says which file it will become: its name, or where that is
/// too long, its beginning and a hash.
pub(super) fn stem(name: &[u8]) -> Cow<'_, [u8]> {
    if name.len() <= MAX_STEM {
        return Cow::Borrowed(name);
    }
    let mut end = MAX_STEM - HASH - 1;
    // Some file systems insist on UTF-8, so no character is cut in two.
    while end > 0 && name.get(end).is_some_and(|byte| byte & 0xC0 == 0x80) {
        end -= 1;
    }
    let beginning = name.get(..end).unwrap_or_default();
    Cow::Owned([beginning, b"~", &hash(b"name", name)].concat())
}

/// 80 bits of BLAKE2b, as 16 characters: nobody chooses a user name that hashes like another's.
fn hash(purpose: &[u8], data: &[u8]) -> [u8; HASH] {
    let digest = Blake2b::<U10>::new()
        .chain_update(purpose)
        .chain_update([0])
        .chain_update(data)
        .finalize();
    let mut text = [0; HASH];
    encode(number(digest.into()), &mut text);
    text
}

fn number(bytes: [u8; 10]) -> u128 {
    bytes
        .iter()
        .fold(0, |number, byte| (number << 8) | u128::from(*byte))
}

/// Crockford's base 32, the last character the lowest five bits.
fn encode(mut number: u128, out: &mut [u8]) {
    for place in out.iter_mut().rev() {
        let digit = usize::try_from(number & 31).unwrap_or_default();
        *place = ALPHABET.get(digit).copied().unwrap_or(b'0');
        number >>= 5;
    }
}

const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const SUFFIX: &[u8] = b".part";
const HASH: usize = 16;
const ID: usize = 26;

/// Times of ULIDs begin with 0 to 7.
const MARK: u8 = b'Z';
const MAX_STEM: usize = MAX_COMPONENT - 3 - HASH - ID - SUFFIX.len();

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_which_file_and_whose() {
        let ann = Principal::of("ann");
        let name = make(b"a.b.part", ann).unwrap();
        let parsed = parse(name.to_bytes()).unwrap();
        assert_eq!(parsed.stem, b"a.b.part");
        assert_eq!(parsed.principal, ann);
        assert!(!parsed.marked);
        let marked = marked(&name).unwrap();
        let parsed = parse(marked.to_bytes()).unwrap();
        assert_eq!((parsed.stem, parsed.principal), (&b"a.b.part"[..], ann));
        assert!(parsed.marked);
        assert_ne!(make(b"a.b.part", ann).unwrap(), name);
        assert_ne!(Principal::of("bob"), ann);
    }

    #[test]
    fn a_users_part_file_is_the_users() {
        for name in [
            ".x.part",
            "x.part",
            ".part",
            "",
            ".x.0123456789ABCDEF.0123456789ABCDEFGHJKMNPQRS.par",
            "x.0123456789ABCDEF.0123456789ABCDEFGHJKMNPQRS.part",
            ".x.0123456789ABCDEF.0123456789ABCDEFGHJKMNPQR.part",
            ".x.0123456789abcdef.0123456789ABCDEFGHJKMNPQRS.part",
            "..0123456789ABCDEF.0123456789ABCDEFGHJKMNPQRS.part",
        ] {
            assert!(!is_staging(name.as_bytes()), "{name}");
        }
        assert!(is_staging(
            b".x.0123456789ABCDEF.0123456789ABCDEFGHJKMNPQRS.part"
        ));
    }

    #[test]
    fn the_longest_names_fit() {
        for name in ["x".repeat(205), "x".repeat(206), "ä".repeat(127)] {
            let stem = stem(name.as_bytes());
            let staging = make(&stem, Principal::of("ann")).unwrap();
            assert!(staging.to_bytes().len() <= MAX_COMPONENT);
            assert!(is_staging(staging.to_bytes()));
            assert!(std::str::from_utf8(&stem).is_ok());
        }
        let twins = ["y", "z"].map(|end| "x".repeat(250) + end);
        assert_ne!(stem(twins[0].as_bytes()), stem(twins[1].as_bytes()));
    }
}

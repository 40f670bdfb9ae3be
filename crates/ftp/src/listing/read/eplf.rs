//! EPLF, of publicfile and its kin: `+i8388621.29609,m824255902,/,<tab>name`.

use super::{Kind, Modified, Parsed, Precision};
use crate::number::{decimal, octal};
use crate::time::Timestamp;

/// Reads a line without its end.
#[must_use]
pub fn eplf(text: &[u8]) -> Option<Parsed> {
    let text = text.strip_prefix(b"+")?;
    let (facts, name) = text.split_at_checked(memchr::memchr(b'\t', text)?)?;
    let mut parsed = Parsed::new(name.get(1..)?, Kind::Other)?;
    for fact in facts.split(|byte| *byte == b',') {
        match fact {
            b"/" => parsed.kind = Kind::Directory,
            b"r" if parsed.kind == Kind::Other => parsed.kind = Kind::File,
            [b's', size @ ..] => parsed.size = decimal(size),
            [b'm', seconds @ ..] => {
                parsed.modified = decimal(seconds)
                    .and_then(|seconds| i64::try_from(seconds).ok())
                    .map(|seconds| Timestamp::new(seconds, 0))
                    .map(|at| Modified {
                        at,
                        precision: Precision::Second,
                    });
            }
            [b'u', b'p', mode @ ..] => parsed.mode = octal(mode).filter(|mode| *mode <= 0o7777),
            _ => {}
        }
    }
    Some(parsed)
}

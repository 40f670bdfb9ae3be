//! Packets before the first keys.

use super::{Body, claimed};
use crate::violation::Violation;

pub(super) fn open(input: &[u8]) -> Result<Body, Violation> {
    let Some(length) = input.first_chunk::<4>() else {
        return Ok(Body::Needs(4));
    };
    let length = claimed(*length, 8, 4)?;
    // Nothing long comes before the keys; who says otherwise is not waited for.
    if length > MAX_CLEAR {
        return Err(Violation::protocol(
            "a packet of a length that is not possible",
        ));
    }
    let consumed = 4 + length;
    if input.len() < consumed {
        return Ok(Body::Needs(consumed));
    }
    Ok(Body::Whole {
        body: 4..consumed,
        consumed,
    })
}

/// RFC 4253 §6.1.
const MAX_CLEAR: usize = 35_000;

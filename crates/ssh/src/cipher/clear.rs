//! Packets before the first keys.

use super::{Body, claimed};
use crate::violation::Violation;

pub(super) fn open(input: &[u8], limit: usize) -> Result<Body, Violation> {
    let Some(length) = input.first_chunk::<4>() else {
        return Ok(Body::Needs(4));
    };
    let length = claimed(*length, 8, 4, limit)?;
    let consumed = 4 + length;
    if input.len() < consumed {
        return Ok(Body::Needs(consumed));
    }
    Ok(Body::Whole {
        body: 4..consumed,
        consumed,
    })
}

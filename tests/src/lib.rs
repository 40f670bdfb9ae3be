//! What the black-box tests share: a running wharf, raw dialogues, data connections, other
//! people's programs, scratch trees.
//!
//! Nothing here knows how wharf is built; everything goes through its command line, its sockets
//! and the files it leaves behind. `ssh_client` borrows its SSH language, to break its rules.

pub mod acme;
pub mod control;
pub mod data;
pub mod dialogue;
pub mod disk;
mod events;
pub mod fault;
pub mod ports;
pub mod probe;
pub mod program;
mod reply;
pub mod scratch;
pub mod sftp;
pub mod ssh;
pub mod ssh_client;
pub mod start;
pub mod tls;
pub mod tree;
pub mod wharf;

pub use control::Control;
pub use dialogue::{dialogue, session_dialogue};
pub use reply::Reply;
pub use start::{Builder, Refused};
pub use tls::Tls;
pub use wharf::{Account, Wharf};

use std::time::Duration;

/// How long anything that should happen at once may take on a busy machine before a test gives
/// up. Generous: it is only ever waited out by a failing test.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Whether the long form of the tests was asked for: `cargo xtask test --long`.
#[must_use]
pub fn long() -> bool {
    std::env::var_os("WHARF_TEST_LONG").is_some()
}

/// Bytes for a person: as they are where they are UTF-8 without control characters, escaped
/// elsewhere.
#[must_use]
pub fn show(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.chars().any(char::is_control) => text.to_owned(),
        _ => bytes.escape_ascii().to_string(),
    }
}

/// `size` bytes that differ from one place to the next and from one `seed` to the next, so that a
/// shifted, repeated or mixed piece is seen.
#[must_use]
pub fn pattern(seed: u64, size: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut bytes = Vec::with_capacity(size + 8);
    while bytes.len() < size {
        // xorshift64: good enough to tell places apart, and the same on every machine.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(size);
    bytes
}

/// Where two byte strings first differ, for messages: megabytes in an `assert_eq!` help nobody.
///
/// # Errors
/// A sentence naming the lengths and the first differing offset.
pub fn same_bytes(what: &str, expected: &[u8], found: &[u8]) -> Result<(), String> {
    if expected == found {
        return Ok(());
    }
    let at = expected
        .iter()
        .zip(found)
        .take_while(|(a, b)| a == b)
        .count();
    Err(format!(
        "{what}: expected {} bytes, found {}; they differ from offset {at}",
        expected.len(),
        found.len()
    ))
}

/// [`same_bytes`] for tests.
///
/// # Panics
/// When they differ.
#[track_caller]
pub fn assert_bytes(what: &str, expected: &[u8], found: &[u8]) {
    if let Err(difference) = same_bytes(what, expected, found) {
        panic!("{difference}");
    }
}

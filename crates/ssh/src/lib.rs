//! The SSH language and its transport: what is said, and who may say it, without IO.
//!
//! Everything here is a function of its input: no sockets, files or clocks, and no input makes it
//! panic or grow without a bound. All cryptography is done by aws-lc-rs.

#![forbid(unsafe_code)]
#![warn(missing_docs)]
#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic
    )
)]

pub mod algorithm;
pub mod certificate;
pub mod encoding;
pub mod key;
pub mod krl;
pub mod message;
pub mod transport;
pub mod window;

mod cipher;
mod exchange;
mod identification;
mod output;
#[cfg(test)]
mod tests;
mod violation;

pub use self::cipher::MAX_PACKET;
pub use self::output::{Output, Slot};
pub use self::transport::Transport;
pub use self::violation::{Reason, Violation};

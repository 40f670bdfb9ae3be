//! The FTP language: commands, replies, listings, addresses and the server dialogue, without IO.
//!
//! Everything here is a function of its input: no sockets, files or clocks, and no input makes it
//! panic or grow without a bound. What is refused is refused by name, so that the dialogue can
//! answer with the right code.

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

pub mod address;
pub mod ascii;
pub mod command;
pub mod glob;
pub mod line;
pub mod listing;
mod number;
pub mod reply;
pub mod server;
pub mod time;
pub mod verb;

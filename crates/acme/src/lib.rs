//! Certificates from a CA that speaks ACME (RFC 8555), ordered and renewed by themselves.
//!
//! [`Manager::start`] looks at what is in its folder and, in one task, orders a certificate when
//! there is none for the wanted names, proves to the CA that the names lead here (over HTTP,
//! RFC 8555 8.3, or over TLS, RFC 8737), writes certificate and key, and does so again in time.
//! Who serves the certificate watches the two files of [`AcmeConfig::files`]; there is no other
//! tie to the server.
//!
//! The protocol's messages are `instant-acme`'s. What is decided here is everything around them:
//! which connections are made and how long each may take ([`transport`]), what is answered to a
//! stranger on port 80 or 443 ([`challenge`]), what is on the disk at any moment ([`folder`]), and
//! when to try again ([`pace`]).
#![forbid(unsafe_code)]
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
#![warn(missing_docs)]

mod account;
mod certificate;
mod challenge;
mod config;
mod error;
mod folder;
mod manager;
mod name;
mod order;
mod pace;
mod text;
mod transport;

pub use challenge::{Challenge, UnknownChallenge};
pub use config::{AcmeConfig, LETS_ENCRYPT, MAX_NAMES};
pub use error::AcmeError;
pub use manager::{AcmeEvent, Manager};
pub use name::NameError;

#[cfg(test)]
mod tests;

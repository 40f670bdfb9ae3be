//! The messages of the layers above the transport: logins (RFC 4252, 4256) and channels (RFC 4254).
//!
//! Each reads itself from a whole payload and writes itself to one; bytes behind the last field
//! are an error, and every string has a maximum.

pub mod auth;
pub mod channel;

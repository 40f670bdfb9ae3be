//! Listeners, the one protocol-neutral session, the FTP front-end, events, audit.

pub mod config;
pub mod event;

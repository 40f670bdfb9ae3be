//! Listeners, the one protocol-neutral session, the FTP front-end, events, audit.
//!
//! Everything a client can do to a file goes through [`session`]: it authorizes, works on the
//! store and records. The FTP front-end translates between the dialogue machine of `wharf-ftp` and
//! the session, and moves the bytes.
#![forbid(unsafe_code)]

mod audit;
pub mod config;
pub mod event;
mod failure;
mod follow;
mod ftp;
mod op;
pub mod record;
mod registry;
mod server;
mod session;
mod shared;
mod tls;

pub use server::{Server, StartError};
pub use session::lies_in;
pub use wharf_vfs::ErrorKind as FolderErrorKind;

//! Listeners, the one protocol-neutral session, the FTP and SFTP front-ends, events, audit.
//!
//! Everything a client can do to a file goes through [`session`]: it authorizes, works on the
//! store and records. The front-ends translate between a dialogue (of `wharf-ftp`, or of `wharf-ssh`
//! and `wharf-sftp`) and the session, and move the bytes.
#![forbid(unsafe_code)]

mod audit;
mod closed;
pub mod config;
mod entrance;
pub mod event;
mod failure;
mod follow;
mod ftp;
mod op;
pub mod record;
mod registry;
mod scp;
mod server;
mod session;
mod sftp;
mod shared;
mod ssh;
mod tls;

pub use server::{Server, StartError};
pub use session::lies_in;
pub use wharf_vfs::ErrorKind as FolderErrorKind;

//! The SFTP language, version 3 (draft-ietf-secsh-filexfer-02) with OpenSSH's extensions, without
//! IO: packets of both roles, and the window of requests a client keeps in flight.
//!
//! Everything here is a function of its input: no sockets, files or clocks, and no input makes it
//! panic. Names and data are bytes borrowed from the packet they came in; nothing is allocated by
//! a length a stranger wrote. What a packet is refused for has a name, and the id of its request
//! whenever that can be read, so that the refusal reaches the one who waits for it.
//!
//! - A server cuts packets with [`Framer`], reads them with [`Request::decode`] and answers with
//!   the functions of [`response`].
//! - A client says [`Request::encode_into`], cuts with the same [`Framer`] and reads with
//!   [`Response::decode`]. What it asks for next, and when a file is whole, [`window`] says.

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

mod attributes;
mod body;
mod error;
mod extended;
pub mod extension;
mod frame;
pub mod longname;
mod received;
mod request;
pub mod response;
mod status;
pub mod window;
mod wire;

pub use attributes::{Attributes, FileType};
pub use body::{CheckFile, Limits, SpaceAvailable, Statvfs, UsersGroups};
pub use error::{Fault, Malformed, Unsayable};
pub use extended::{Extended, HashRange, Ids, Vendor};
pub use frame::{Framer, LengthRefused};
pub use received::{Entries, Entry, Pairs, Response};
pub use request::{OpenFlags, Request, write_header};
pub use status::Status;
pub use wire::Strings;

/// The version spoken, whatever higher one a client names in INIT.
pub const VERSION: u32 = 3;

/// The longest packet in bytes, without its length field (security M6). OpenSSH's bound.
pub const MAX_PACKET: usize = 262_144;

/// The longest handle in bytes (filexfer-02 6.3).
pub const MAX_HANDLE: usize = 256;

/// The longest path or name in bytes. Longer than any store allows, so that the store's own
/// refusal, which says more, is what a client usually sees.
pub const MAX_NAME: usize = 16_384;

/// The longest line about one file in a NAMES packet, in bytes.
pub const MAX_LONGNAME: usize = MAX_NAME + 1024;

/// The longest text of a STATUS in bytes; what is written is cut there.
pub const MAX_TEXT: usize = 4096;

/// The longest name of an extension, of a hash algorithm list, and of a user, in bytes.
pub const MAX_WORD: usize = 256;

/// The most pairs of name and data that INIT and VERSION may announce.
pub const MAX_EXTENSIONS: usize = 256;

/// The most extended pairs one file's attributes may carry.
pub const MAX_ATTRIBUTE_PAIRS: usize = 64;

/// The most user ids, and the most group ids, of one users-groups-by-id request.
pub const MAX_IDS: usize = 16_384;

/// The most bytes of a file that one DATA or WRITE carries: 255 KiB, as OpenSSH has it, which
/// leaves the rest of [`MAX_PACKET`] to the fields before them.
pub const MAX_DATA: usize = 261_120;

/// The longest NAMES packet a server writes. Readers exist that refuse more than 128 KiB of
/// anything (sshfs).
pub const MAX_NAMES_PACKET: usize = 122_880;

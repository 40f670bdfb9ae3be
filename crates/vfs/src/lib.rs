//! The store contract, local and memory stores, mounts and staged uploads.
//!
//! Everything that holds files is a [`Store`]. A [`VPath`] names a file in it. Reading goes by a
//! [`Reader`], listing by a [`Listing`], writing by a [`Staged`] upload, which nobody sees before
//! it is published. [`Backend`] says what each verb promises; `conformance` holds every store to it.

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

#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
pub mod hidden;
pub mod local;
pub mod memory;
pub mod mounts;
pub mod path;

mod data;
mod error;
mod extents;
mod links;
mod metadata;
mod store;
mod sys;
#[cfg(test)]
mod tests;
mod upload;

pub use self::data::{Batch, Entry, Listing, Reader};
pub use self::error::{Error, ErrorKind, Result};
pub use self::metadata::{
    Attributes, Capability, Follow, Kind, Metadata, Replace, Space, Timestamp,
};
pub use self::path::{PathError, VPath};
pub use self::store::{Backend, Store};
pub use self::upload::{COPY_STEP, Durability, Published, StageMode, StageRequest, Staged};

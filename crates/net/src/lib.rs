//! Everything that touches a socket: listeners, passive ports, data connections, limits, meters.
//!
//! Nothing here knows a command, a reply code or a store. What a session does with a connection
//! is decided above; this crate sees to it that no peer can make the process wait, spin or grow:
//!
//! - [`listener`] accepts without ever failing, even when there is no descriptor left;
//! - [`control`] reads what it accepted, past the urgent mark too;
//! - [`limits`] counts sessions exactly, by permits that give themselves back;
//! - [`refuse`] says no politely and within a bound;
//! - [`passive`] and [`active`] make data connections, [`data`] moves bytes over them in bursts
//!   on blocking threads, which a slow peer never holds;
//! - [`plain`] carries the bytes of SSH, which encrypts on its own;
//! - [`tls`] encrypts both kinds of connections and ties the second to the first;
//! - [`pool`] is the memory limit of all transfers together.
#![warn(missing_docs)]

pub mod active;
pub mod advertise;
pub mod control;
pub mod data;
pub mod descriptors;
pub mod limits;
pub mod listener;
pub mod meter;
pub mod network;
pub mod passive;
pub mod plain;
pub mod pool;
pub mod refuse;
pub mod tls;

mod random;
mod socket;
mod sync;
mod sys;

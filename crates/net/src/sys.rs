//! The one place of this crate where `unsafe` is allowed: what rustix does not wrap.
#![allow(unsafe_code)]

use std::ffi::c_int;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use rustix::ioctl::{Getter, Opcode, ioctl};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// `SIOCOUTQ` of linux/sockios.h.
const SOCKET_OUTPUT_QUEUE: Opcode = 0x5411;

/// Bytes written to the TCP socket that its peer has not acknowledged yet (tcp(7), `SIOCOUTQ`).
///
/// # Errors
/// `ENOTCONN` or `EINVAL` when the socket is no longer, or never was, connected.
pub(crate) fn unacknowledged(socket: impl AsFd) -> io::Result<u64> {
    // SAFETY: SIOCOUTQ writes one C int through the pointer and reads nothing; `Getter` hands it
    // room for exactly that type.
    let bytes = unsafe { ioctl(socket, Getter::<SOCKET_OUTPUT_QUEUE, c_int>::new()) }?;
    Ok(u64::try_from(bytes).unwrap_or(0))
}

/// Has the reactor watch `socket`.
///
/// # Errors
/// When the reactor has no room for it.
///
/// # Panics
/// Outside a tokio runtime.
pub(crate) fn watch(socket: Arc<OwnedFd>, interest: Interest) -> io::Result<AsyncFd<Arc<OwnedFd>>> {
    // SAFETY: an `OwnedFd` stays open and the same while it lives, and the `AsyncFd` owns a
    // share of it, so nobody else can close it.
    let watched = unsafe { AsyncFd::register_with_interest(socket, interest) };
    watched.map_err(|error| error.into_parts().1)
}

//! Sockets of our own making, and waiting for one only when it is needed.

use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with, sockopt};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use crate::sync::locked;
use crate::sys::watch;

/// What is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    Receive,
    Send,
}

/// A nonblocking socket that meets the reactor only when somebody must wait for it. Most data
/// connections of small files never do, which saves two `epoll_ctl` on each.
#[derive(Debug)]
pub(crate) struct LazySocket {
    descriptor: Arc<OwnedFd>,
    registered: Mutex<Option<Arc<AsyncFd<Arc<OwnedFd>>>>>,
}

impl LazySocket {
    pub(crate) fn new(descriptor: OwnedFd) -> Self {
        Self {
            descriptor: Arc::new(descriptor),
            registered: Mutex::new(None),
        }
    }

    pub(crate) const fn descriptor(&self) -> &Arc<OwnedFd> {
        &self.descriptor
    }

    /// Waits until the socket can go on in this direction, has ended or has failed. Several
    /// tasks may wait at a time.
    pub(crate) async fn wait(&self, direction: Direction) -> io::Result<()> {
        let registered = self.registered()?;
        let interest = match direction {
            Direction::Receive => Interest::READABLE,
            Direction::Send => Interest::WRITABLE,
        };
        loop {
            let mut guard = registered.ready(interest).await?;
            // The bytes are moved behind the reactor's back, so what it remembers may be old.
            if ready_within(&self.descriptor, direction, Duration::ZERO) {
                return Ok(());
            }
            guard.clear_ready();
        }
    }

    fn registered(&self) -> io::Result<Arc<AsyncFd<Arc<OwnedFd>>>> {
        let mut registered = locked(&self.registered);
        if let Some(registered) = &*registered {
            return Ok(Arc::clone(registered));
        }
        let new = Arc::new(watch(
            Arc::clone(&self.descriptor),
            Interest::READABLE | Interest::WRITABLE,
        )?);
        *registered = Some(Arc::clone(&new));
        Ok(new)
    }
}

/// Blocks this thread until the socket can go on, has ended or has failed, or `patience` is over.
pub(crate) fn ready_within(socket: impl AsFd, direction: Direction, patience: Duration) -> bool {
    let events = match direction {
        Direction::Receive => PollFlags::IN,
        Direction::Send => PollFlags::OUT,
    };
    let timeout = Timespec {
        tv_sec: i64::try_from(patience.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: i64::from(patience.subsec_nanos()),
    };
    // An interrupted poll counts as ready: the next call on the socket tells what is so.
    poll(&mut [PollFd::new(&socket, events)], Some(&timeout)) != Ok(0)
}

/// A nonblocking TCP socket that does not survive `exec`, bound with `SO_REUSEADDR` (never
/// `SO_REUSEPORT`, which would let another process share the port: security P5).
pub(crate) fn bound(local: SocketAddr) -> Result<OwnedFd, Errno> {
    let family = match local {
        SocketAddr::V4(_) => AddressFamily::INET,
        SocketAddr::V6(_) => AddressFamily::INET6,
    };
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let socket = socket_with(family, SocketType::STREAM, flags, None)?;
    sockopt::set_socket_reuseaddr(&socket, true)?;
    if local.ip() == IpAddr::V6(Ipv6Addr::UNSPECIFIED) {
        sockopt::set_ipv6_v6only(&socket, true)?;
    }
    rustix::net::bind(&socket, &local)?;
    Ok(socket)
}

/// Makes the coming close a reset: nothing is sent any more, not even what is queued.
pub(crate) fn reset_on_close(socket: impl AsFd) {
    // It fails only for what is not a socket; there is nothing to do about that here.
    let _ = sockopt::set_socket_linger(socket, Some(Duration::ZERO));
}

/// Closes the socket with a reset.
pub(crate) fn reset(socket: OwnedFd) {
    reset_on_close(&socket);
    drop(socket);
}

/// Whether an error of a call that touches a file and a socket is the socket's.
pub(crate) fn is_of_connection(error: Errno) -> bool {
    matches!(
        error,
        Errno::PIPE
            | Errno::CONNRESET
            | Errno::CONNABORTED
            | Errno::CONNREFUSED
            | Errno::TIMEDOUT
            | Errno::NOTCONN
            | Errno::SHUTDOWN
            | Errno::HOSTUNREACH
            | Errno::HOSTDOWN
            | Errno::NETUNREACH
            | Errno::NETDOWN
            | Errno::NETRESET
            | Errno::PROTO
            | Errno::NOBUFS
    )
}

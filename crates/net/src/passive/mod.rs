//! The passive port range: who listens where, and whose connection is whose.
//!
//! Ports are chosen at random among the free ones (security P5) and belong to one peer address.
//! Only when none is free is a port given to a second peer of another address: the two share the
//! listening socket, and the address of each connection tells whose it is.

mod listener;
mod slot;
mod table;

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::sync::Arc;

use rustix::io::Errno;
use rustix::net::{SocketFlags, accept_with};

use crate::socket::{LazySocket, bound, reset};

pub use listener::{AcceptError, PassiveListener};
use slot::{ANYBODY, Slot};
use table::Pool;

/// Connections a passive port holds until somebody accepts them: room for the real peer behind a
/// number of strangers.
const BACKLOG: i32 = 64;

/// Ports tried before one is shared or refused, where other programs hold ports of the range.
const TRIES: usize = 128;

/// The passive ports of a server. Clones share them.
#[derive(Clone)]
pub struct PassivePorts(Arc<Pool>);

/// Why no passive port could be opened.
#[derive(Debug, thiserror::Error)]
pub enum PassiveError {
    /// Every port of the range is taken, and none can be shared with this peer.
    #[error("every port of the passive range is in use")]
    Exhausted,
    /// The system refused, for another reason than a port in use.
    #[error("cannot open a passive port: {0}")]
    Io(#[from] io::Error),
}

impl PassivePorts {
    /// The ports of `range`, both ends included. `0..=0` lets the kernel choose any port, for
    /// tests; an empty range is always exhausted.
    #[must_use]
    pub fn new(range: RangeInclusive<u16>) -> Self {
        Self(Arc::new(Pool::new(range)))
    }

    /// Listens on a port of `local`, the address the control connection came in on, for `peer`.
    /// Both may be IPv4-mapped. At most four system calls, no waiting. A server that opens a
    /// hundred ports a second keeps each open for a second more and needs only one.
    ///
    /// # Errors
    /// [`PassiveError::Exhausted`] when no port is free and all open ones already wait for this
    /// peer; [`PassiveError::Io`] for anything but a port in use.
    pub fn open(&self, local: IpAddr, peer: IpAddr) -> Result<PassiveListener, PassiveError> {
        let (local, peer) = (local.to_canonical(), peer.to_canonical());
        let range = self.0.range();
        if *range.start() == 0 && *range.end() == 0 {
            let socket = listen(local, 0).map_err(io::Error::from)?;
            let name = rustix::net::getsockname(socket.descriptor()).map_err(io::Error::from)?;
            let name = SocketAddr::try_from(name).map_err(io::Error::from)?;
            return Ok(self.opened(socket, local, name.port(), peer));
        }
        let mut held_by_others = Vec::new();
        let opened = self.open_free(local, peer, &mut held_by_others);
        if !held_by_others.is_empty() {
            self.0.put_back(local, held_by_others);
        }
        if let Some(listener) = opened? {
            return Ok(listener);
        }
        if peer == ANYBODY {
            return Err(PassiveError::Exhausted);
        }
        let slot = self.0.share(local, peer).ok_or(PassiveError::Exhausted)?;
        Ok(PassiveListener::new(Arc::clone(&self.0), slot, peer))
    }

    /// Listens on a port of its own for whoever connects first: for a transfer between two servers
    /// (FXP), where only the client knows the other one's address.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_for_anybody(&self, local: IpAddr) -> Result<PassiveListener, PassiveError> {
        self.open(local, ANYBODY)
    }

    /// Ports that wait for somebody now, on all addresses; a shared one counts once.
    #[must_use]
    pub fn ports_open(&self) -> usize {
        self.0.ports_open()
    }

    fn open_free(
        &self,
        local: IpAddr,
        peer: IpAddr,
        held_by_others: &mut Vec<u16>,
    ) -> Result<Option<PassiveListener>, PassiveError> {
        for _ in 0..TRIES {
            let Some((port, warm)) = self.0.draw(local)? else {
                return Ok(None);
            };
            match warm
                .and_then(emptied)
                .map_or_else(|| listen(local, port), Ok)
            {
                Ok(socket) => return Ok(Some(self.opened(socket, local, port, peer))),
                Err(error) => {
                    held_by_others.push(port);
                    if error != Errno::ADDRINUSE {
                        return Err(io::Error::from(error).into());
                    }
                }
            }
        }
        Ok(None)
    }

    fn opened(
        &self,
        socket: LazySocket,
        local: IpAddr,
        port: u16,
        peer: IpAddr,
    ) -> PassiveListener {
        let slot = Arc::new(Slot::new(socket, local, port, peer));
        self.0.opened(Arc::clone(&slot));
        PassiveListener::new(Arc::clone(&self.0), slot, peer)
    }
}

impl fmt::Debug for PassivePorts {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("PassivePorts")
            .field("range", self.0.range())
            .finish_non_exhaustive()
    }
}

/// A socket that was left open, without what has come to it while it was nobody's. `None`, and
/// closed, where that does not end.
fn emptied(socket: LazySocket) -> Option<LazySocket> {
    for _ in 0..=BACKLOG {
        match accept_with(socket.descriptor(), SocketFlags::CLOEXEC) {
            Ok(stranger) => reset(stranger),
            Err(Errno::AGAIN) => return Some(socket),
            Err(Errno::CONNABORTED | Errno::INTR | Errno::PROTO) => {}
            Err(_) => return None,
        }
    }
    None
}

fn listen(local: IpAddr, port: u16) -> Result<LazySocket, Errno> {
    let socket = bound(SocketAddr::new(bindable(local), port))?;
    rustix::net::listen(&socket, BACKLOG)?;
    Ok(LazySocket::new(socket))
}

/// A link-local address cannot be bound without its interface, which a bare address does not
/// tell: there the port is opened on all IPv6 addresses. Strangers are closed there as anywhere.
fn bindable(local: IpAddr) -> IpAddr {
    match local {
        IpAddr::V6(v6) if v6.is_unicast_link_local() => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        other => other,
    }
}

#[cfg(test)]
mod tests;

//! One listening socket and the peers it waits for.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::fd::OwnedFd;
use std::sync::Mutex;

use rustix::io::Errno;
use rustix::net::{SocketFlags, acceptfrom_with};
use tokio::sync::Notify;

use crate::data::DataConnection;
use crate::listener::canonical;
use crate::socket::{LazySocket, reset};
use crate::sync::locked;

/// The peer of a port that takes a connection from every address: for transfers between servers,
/// where the other one's is not known.
pub(super) const ANYBODY: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

pub(crate) struct Slot {
    socket: LazySocket,
    local: IpAddr,
    port: u16,
    claims: Mutex<Vec<Claim>>,
    /// Woken when one claimant has taken a connection that is another's.
    handed_over: Notify,
}

struct Claim {
    peer: IpAddr,
    arrived: Option<DataConnection>,
}

/// What one look at the socket brought.
pub(super) enum Look {
    Mine(DataConnection),
    /// A connection of nobody who waits here: closed, without a byte.
    Stranger(SocketAddr),
    /// Another claimant's connection, or one that is gone already.
    NotMine,
    Empty,
}

impl Slot {
    pub(super) fn new(socket: LazySocket, local: IpAddr, port: u16, peer: IpAddr) -> Self {
        let claim = Claim {
            peer,
            arrived: None,
        };
        Self {
            socket,
            local,
            port,
            claims: Mutex::new(vec![claim]),
            handed_over: Notify::new(),
        }
    }

    pub(super) const fn local(&self) -> IpAddr {
        self.local
    }

    pub(super) const fn port(&self) -> u16 {
        self.port
    }

    pub(super) const fn socket(&self) -> &LazySocket {
        &self.socket
    }

    /// The socket of a slot nobody has a claim to any more.
    pub(super) fn into_socket(self) -> LazySocket {
        self.socket
    }

    pub(super) const fn handed_over(&self) -> &Notify {
        &self.handed_over
    }

    /// Whether `peer` cannot be told apart from somebody who waits here.
    pub(super) fn is_claimed_by(&self, peer: IpAddr) -> bool {
        locked(&self.claims)
            .iter()
            .any(|claim| claim.peer == peer || claim.peer == ANYBODY)
    }

    pub(super) fn claim(&self, peer: IpAddr) {
        locked(&self.claims).push(Claim {
            peer,
            arrived: None,
        });
    }

    /// Ends a claim and says whether others remain.
    pub(super) fn leave(&self, peer: IpAddr) -> bool {
        let mut claims = locked(&self.claims);
        claims.retain(|claim| claim.peer != peer);
        !claims.is_empty()
    }

    /// Looks whether a connection for `me` has come: handed over already, or with one accept.
    pub(super) fn look(&self, me: IpAddr) -> Result<Look, Errno> {
        if let Some(connection) = self.handed_to(me) {
            return Ok(Look::Mine(connection));
        }
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let accepted = match acceptfrom_with(self.socket.descriptor(), flags) {
            Ok((socket, peer)) => peer
                .and_then(|peer| SocketAddr::try_from(peer).ok())
                .map(|peer| (socket, canonical(peer))),
            Err(Errno::AGAIN) => return Ok(Look::Empty),
            Err(Errno::CONNABORTED | Errno::INTR | Errno::PROTO) => None,
            Err(error) => return Err(error),
        };
        Ok(match accepted {
            Some((socket, peer)) if peer.ip() == me || me == ANYBODY => {
                Look::Mine(DataConnection::new(socket, peer))
            }
            Some((socket, peer)) => self.hand_over(socket, peer),
            None => Look::NotMine,
        })
    }

    fn handed_to(&self, me: IpAddr) -> Option<DataConnection> {
        locked(&self.claims)
            .iter_mut()
            .find(|claim| claim.peer == me)?
            .arrived
            .take()
    }

    fn hand_over(&self, socket: OwnedFd, peer: SocketAddr) -> Look {
        let mut claims = locked(&self.claims);
        match claims.iter_mut().find(|claim| claim.peer == peer.ip()) {
            Some(claim) if claim.arrived.is_none() => {
                claim.arrived = Some(DataConnection::new(socket, peer));
                drop(claims);
                self.handed_over.notify_waiters();
                Look::NotMine
            }
            // It asked for one data connection and has made another: the first one counts.
            Some(_) => {
                reset(socket);
                Look::NotMine
            }
            None => {
                reset(socket);
                Look::Stranger(peer)
            }
        }
    }
}

//! The passive port range: who listens where, and whose connection is whose.
//!
//! Ports are chosen at random among the free ones (security P5) and belong to one peer address.
//! Only when none is free is a port given to a second peer of another address: the two share the
//! listening socket, and the address of each connection tells whose it is.

mod listener;
mod slot;

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex};

use rustix::io::Errno;

use crate::random::Random;
use crate::socket::bound;
use crate::sync::locked;

pub use listener::{AcceptError, PassiveListener};
use slot::Slot;

/// Connections a passive port holds until somebody accepts them: room for the real peer behind a
/// number of strangers.
const BACKLOG: i32 = 64;

/// Ports tried before one is shared or refused, where other programs hold ports of the range.
const TRIES: usize = 128;

/// Local addresses whose list of free ports is kept while nothing is open there.
const IDLE_ADDRESSES: usize = 64;

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

pub(super) struct Pool {
    range: RangeInclusive<u16>,
    table: Mutex<Table>,
}

struct Table {
    addresses: HashMap<IpAddr, Ports>,
    random: Random,
}

/// The range on one local address. A port is in `free`, in `open`, or in the hands of an `open`
/// call that is trying it.
struct Ports {
    free: Vec<u16>,
    open: HashMap<u16, Arc<Slot>>,
}

impl PassivePorts {
    /// The ports of `range`, both ends included. `0..=0` lets the kernel choose any port, for
    /// tests; an empty range is always exhausted.
    #[must_use]
    pub fn new(range: RangeInclusive<u16>) -> Self {
        Self(Arc::new(Pool {
            range,
            table: Mutex::new(Table {
                addresses: HashMap::new(),
                random: Random::new(),
            }),
        }))
    }

    /// Listens on a port of `local`, the address the control connection came in on, for `peer`.
    /// Both may be IPv4-mapped. Four system calls, no waiting.
    ///
    /// # Errors
    /// [`PassiveError::Exhausted`] when no port is free and all open ones already wait for this
    /// peer; [`PassiveError::Io`] for anything but a port in use.
    pub fn open(&self, local: IpAddr, peer: IpAddr) -> Result<PassiveListener, PassiveError> {
        let (local, peer) = (local.to_canonical(), peer.to_canonical());
        if *self.0.range.start() == 0 && *self.0.range.end() == 0 {
            return self.open_anywhere(local, peer);
        }
        let mut held_by_others = Vec::new();
        let opened = self.open_free(local, peer, &mut held_by_others);
        self.0.put_back(local, held_by_others);
        match opened? {
            Some(listener) => Ok(listener),
            None => self.share(local, peer).ok_or(PassiveError::Exhausted),
        }
    }

    /// Ports open now, on all addresses; a shared one counts once.
    #[must_use]
    pub fn ports_open(&self) -> usize {
        let table = locked(&self.0.table);
        table.addresses.values().map(|ports| ports.open.len()).sum()
    }

    fn open_anywhere(&self, local: IpAddr, peer: IpAddr) -> Result<PassiveListener, PassiveError> {
        let socket = listen(local, 0).map_err(io::Error::from)?;
        let name = rustix::net::getsockname(&socket).map_err(io::Error::from)?;
        let port = SocketAddr::try_from(name).map_err(io::Error::from)?.port();
        let slot = Arc::new(Slot::new(socket, local, port, peer));
        let mut table = locked(&self.0.table);
        let ports = table.ports(local, &self.0.range);
        ports.open.insert(port, Arc::clone(&slot));
        drop(table);
        Ok(PassiveListener::new(Arc::clone(&self.0), slot, peer))
    }

    fn open_free(
        &self,
        local: IpAddr,
        peer: IpAddr,
        held_by_others: &mut Vec<u16>,
    ) -> Result<Option<PassiveListener>, PassiveError> {
        for _ in 0..TRIES {
            let Some(port) = self.0.draw_free(local)? else {
                return Ok(None);
            };
            match listen(local, port) {
                Ok(socket) => {
                    let slot = Arc::new(Slot::new(socket, local, port, peer));
                    self.0.opened(local, Arc::clone(&slot));
                    return Ok(Some(PassiveListener::new(Arc::clone(&self.0), slot, peer)));
                }
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

    fn share(&self, local: IpAddr, peer: IpAddr) -> Option<PassiveListener> {
        let mut table = locked(&self.0.table);
        let Table { addresses, random } = &mut *table;
        let open = &addresses.get(&local)?.open;
        let mut candidates: Vec<&Arc<Slot>> = open
            .values()
            .filter(|slot| !slot.is_claimed_by(peer))
            .collect();
        let count = u32::try_from(candidates.len()).ok()?;
        if count == 0 {
            return None;
        }
        let choice = random.below(count).ok()? as usize;
        let slot = Arc::clone(candidates.swap_remove(choice));
        // Under the table's lock, as is letting go: a slot somebody can claim is never closing.
        slot.claim(peer);
        drop(table);
        Some(PassiveListener::new(Arc::clone(&self.0), slot, peer))
    }
}

impl fmt::Debug for PassivePorts {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("PassivePorts")
            .field("range", &self.0.range)
            .finish_non_exhaustive()
    }
}

impl Pool {
    /// Takes a random port out of the free ones.
    fn draw_free(&self, local: IpAddr) -> io::Result<Option<u16>> {
        let mut table = locked(&self.table);
        let count = table.ports(local, &self.range).free.len();
        if count == 0 {
            return Ok(None);
        }
        let choice = table
            .random
            .below(u32::try_from(count).unwrap_or(u32::MAX))?;
        let free = &mut table.ports(local, &self.range).free;
        Ok(Some(free.swap_remove(choice as usize)))
    }

    fn opened(&self, local: IpAddr, slot: Arc<Slot>) {
        let mut table = locked(&self.table);
        let ports = table.ports(local, &self.range);
        ports.open.insert(slot.port(), slot);
    }

    fn put_back(&self, local: IpAddr, ports: Vec<u16>) {
        if ports.is_empty() {
            return;
        }
        let mut table = locked(&self.table);
        table.ports(local, &self.range).free.extend(ports);
        table.forget_idle(local, &self.range);
    }

    /// Ends the claim of `peer`; the last one to leave closes the socket and frees the port.
    pub(super) fn release(&self, slot: Arc<Slot>, peer: IpAddr) {
        let (local, port) = (slot.local(), slot.port());
        let mut table = locked(&self.table);
        if slot.leave(peer) {
            return;
        }
        if let Some(ports) = table.addresses.get_mut(&local) {
            ports.open.remove(&port);
        }
        drop(table);
        // Closed before the port counts as free, so that the next one to draw it can bind it.
        drop(slot);
        if self.range.contains(&port) {
            self.put_back(local, vec![port]);
        } else {
            locked(&self.table).forget_idle(local, &self.range);
        }
    }
}

impl Table {
    fn ports(&mut self, local: IpAddr, range: &RangeInclusive<u16>) -> &mut Ports {
        self.addresses.entry(local).or_insert_with(|| Ports {
            free: range.clone().filter(|port| *port != 0).collect(),
            open: HashMap::new(),
        })
    }

    /// Addresses come and go on a machine; the table does not keep all it ever saw.
    fn forget_idle(&mut self, local: IpAddr, range: &RangeInclusive<u16>) {
        if self.addresses.len() <= IDLE_ADDRESSES {
            return;
        }
        let all = range.clone().filter(|port| *port != 0).count();
        if let Some(ports) = self.addresses.get(&local)
            && ports.open.is_empty()
            && ports.free.len() == all
        {
            self.addresses.remove(&local);
        }
    }
}

fn listen(local: IpAddr, port: u16) -> Result<OwnedFd, Errno> {
    let socket = bound(SocketAddr::new(bindable(local), port))?;
    rustix::net::listen(&socket, BACKLOG)?;
    Ok(socket)
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

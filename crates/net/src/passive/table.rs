//! Which ports are free, open or kept warm, on each local address.

use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;

use super::slot::Slot;
use crate::random::Random;
use crate::socket::LazySocket;
use crate::sync::locked;

/// Local addresses whose list of free ports is kept while nothing is open there.
const IDLE_ADDRESSES: usize = 64;

/// From this many ports opened in a second on, sockets are kept for the next use of their port.
const BUSY: u32 = 100;

/// How long a port that nobody uses may stay open for its next use.
const WARM_FOR: Duration = Duration::from_secs(1);

/// Sockets kept for their next use, on all addresses.
const WARM_SOCKETS: usize = 256;

/// The ports of a range. All of it is behind one lock, which is never held over a system call
/// other than drawing random numbers.
pub(crate) struct Pool {
    range: RangeInclusive<u16>,
    table: Mutex<Table>,
}

struct Table {
    addresses: HashMap<IpAddr, Ports>,
    random: Random,
    load: Load,
    warm_sockets: usize,
    cooling: bool,
}

/// The range on one local address. A port of it is in `free`, in `open`, or in the hands of a
/// call that opens or closes it.
struct Ports {
    free: Vec<u16>,
    open: HashMap<u16, Arc<Slot>>,
    warm: HashMap<u16, Warm>,
}

/// The listening socket of a free port.
///
/// Binding a port costs time for each connection that ended on it in the last minute
/// (`TIME_WAIT`, which is where the end that closes first remains): thousands, when small files
/// are fetched by the second. So a busy server does not close its sockets between two uses.
struct Warm {
    socket: LazySocket,
    since: Instant,
}

/// Ports opened in the current second.
struct Load {
    since: Instant,
    opened: u32,
    busy: bool,
}

impl Pool {
    pub(super) fn new(range: RangeInclusive<u16>) -> Self {
        Self {
            range,
            table: Mutex::new(Table {
                addresses: HashMap::new(),
                random: Random::new(),
                load: Load::new(Instant::now()),
                warm_sockets: 0,
                cooling: false,
            }),
        }
    }

    pub(super) const fn range(&self) -> &RangeInclusive<u16> {
        &self.range
    }

    /// Takes a random port out of the free ones, with its socket if that is still open.
    pub(super) fn draw(&self, local: IpAddr) -> io::Result<Option<(u16, Option<LazySocket>)>> {
        let mut table = locked(&self.table);
        let table = &mut *table;
        table.load.count(Instant::now());
        let ports = ports(&mut table.addresses, local, &self.range);
        let count = u32::try_from(ports.free.len()).unwrap_or(u32::MAX);
        if count == 0 {
            return Ok(None);
        }
        let choice = table.random.below(count)? as usize;
        let port = ports.free.swap_remove(choice);
        let warm = ports.warm.remove(&port);
        table.warm_sockets -= usize::from(warm.is_some());
        Ok(Some((port, warm.map(|warm| warm.socket))))
    }

    pub(super) fn opened(&self, slot: Arc<Slot>) {
        let mut table = locked(&self.table);
        let ports = ports(&mut table.addresses, slot.local(), &self.range);
        ports.open.insert(slot.port(), slot);
    }

    pub(super) fn put_back(&self, local: IpAddr, returned: Vec<u16>) {
        let mut table = locked(&self.table);
        let ports = ports(&mut table.addresses, local, &self.range);
        ports.free.extend(returned);
        table.forget_idle(local, &self.range);
    }

    /// Claims a random one of the open ports that do not wait for `peer` yet.
    pub(super) fn share(&self, local: IpAddr, peer: IpAddr) -> Option<Arc<Slot>> {
        let mut table = locked(&self.table);
        let Table {
            addresses, random, ..
        } = &mut *table;
        let open = addresses.get(&local)?.open.values();
        let mut candidates: Vec<&Arc<Slot>> =
            open.filter(|slot| !slot.is_claimed_by(peer)).collect();
        let count = u32::try_from(candidates.len()).ok()?;
        if count == 0 {
            return None;
        }
        let choice = random.below(count).ok()? as usize;
        let slot = Arc::clone(candidates.swap_remove(choice));
        // Under the table's lock, as is letting go: a slot somebody can claim is never closing.
        slot.claim(peer);
        Some(slot)
    }

    /// Ends the claim of `peer`; the last one to leave frees the port.
    pub(super) fn release(self: &Arc<Self>, slot: Arc<Slot>, peer: IpAddr) {
        let (local, port) = (slot.local(), slot.port());
        let mut table = locked(&self.table);
        if slot.leave(peer) {
            return;
        }
        if let Some(ports) = table.addresses.get_mut(&local) {
            ports.open.remove(&port);
        }
        let socket = Arc::into_inner(slot).map(Slot::into_socket);
        if self.range.contains(&port) && table.keeps_warm() && self.cools_down(&mut table) {
            let ports = ports(&mut table.addresses, local, &self.range);
            ports.free.push(port);
            if let Some(socket) = socket {
                let since = Instant::now();
                ports.warm.insert(port, Warm { socket, since });
                table.warm_sockets += 1;
            }
            return;
        }
        drop(table);
        // Closed before the port counts as free, so that the next one to draw it can bind it.
        drop(socket);
        let freed = if self.range.contains(&port) {
            vec![port]
        } else {
            Vec::new()
        };
        self.put_back(local, freed);
    }

    /// Ports that wait for somebody now, on all addresses; a shared one counts once.
    pub(super) fn ports_open(&self) -> usize {
        let table = locked(&self.table);
        table.addresses.values().map(|ports| ports.open.len()).sum()
    }

    /// Sees to it that what is kept warm is closed in time. `false` where there is no runtime
    /// that could.
    fn cools_down(self: &Arc<Self>, table: &mut Table) -> bool {
        if table.cooling {
            return true;
        }
        let Ok(runtime) = Handle::try_current() else {
            return false;
        };
        table.cooling = true;
        let pool = Arc::downgrade(self);
        runtime.spawn(async move {
            loop {
                tokio::time::sleep(WARM_FOR).await;
                match pool.upgrade() {
                    Some(pool) if pool.close_cold(Instant::now()) => {}
                    _ => return,
                }
            }
        });
        true
    }

    /// Closes the sockets nobody has used for a while and says whether warm ones are left.
    fn close_cold(&self, now: Instant) -> bool {
        let mut cold = Vec::new();
        let mut table = locked(&self.table);
        for ports in table.addresses.values_mut() {
            let is_cold = |warm: &Warm| now.saturating_duration_since(warm.since) >= WARM_FOR;
            cold.extend(ports.warm.extract_if(|_, warm| is_cold(warm)));
        }
        table.warm_sockets -= cold.len();
        table.cooling = table.warm_sockets > 0;
        let left = table.cooling;
        drop(table);
        drop(cold);
        left
    }
}

impl Table {
    fn keeps_warm(&self) -> bool {
        self.load.busy && self.warm_sockets < WARM_SOCKETS
    }

    /// Addresses come and go on a machine; the table does not keep all it ever saw.
    fn forget_idle(&mut self, local: IpAddr, range: &RangeInclusive<u16>) {
        if self.addresses.len() <= IDLE_ADDRESSES {
            return;
        }
        let all = all_ports(range).count();
        if let Some(ports) = self.addresses.get(&local)
            && ports.open.is_empty()
            && ports.warm.is_empty()
            && ports.free.len() == all
        {
            self.addresses.remove(&local);
        }
    }
}

impl Load {
    const fn new(since: Instant) -> Self {
        Self {
            since,
            opened: 0,
            busy: false,
        }
    }

    fn count(&mut self, now: Instant) {
        let age = now.saturating_duration_since(self.since);
        if age >= Duration::from_secs(1) {
            self.busy = self.opened >= BUSY && age < Duration::from_secs(2);
            self.since = now;
            self.opened = 0;
        }
        self.opened = self.opened.saturating_add(1);
        self.busy |= self.opened >= BUSY;
    }
}

fn ports<'a>(
    addresses: &'a mut HashMap<IpAddr, Ports>,
    local: IpAddr,
    range: &RangeInclusive<u16>,
) -> &'a mut Ports {
    addresses.entry(local).or_insert_with(|| Ports {
        free: all_ports(range).collect(),
        open: HashMap::new(),
        warm: HashMap::new(),
    })
}

fn all_ports(range: &RangeInclusive<u16>) -> impl Iterator<Item = u16> + use<> {
    range.clone().filter(|port| *port != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hundred_ports_in_a_second_are_busy_and_a_quiet_second_is_not() {
        let start = Instant::now();
        let mut load = Load::new(start);
        for _ in 0..BUSY - 1 {
            load.count(start);
        }
        assert!(!load.busy);
        load.count(start);
        assert!(load.busy);
        load.count(start + Duration::from_millis(1_100));
        assert!(load.busy, "the second before was busy");
        load.count(start + Duration::from_millis(2_200));
        assert!(!load.busy);
    }
}

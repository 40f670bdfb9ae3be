//! Ranges of passive ports that no two tests share, in this process or another.

use std::net::TcpListener;
use std::ops::RangeInclusive;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::sync::atomic::{AtomicU16, Ordering};

/// A range of TCP ports of 127.0.0.1 that is ours until this is dropped.
#[derive(Debug)]
pub struct PortRange {
    low: u16,
    high: u16,
    // An abstract Unix socket is a lock that dies with its process and leaves no file behind.
    _claim: UnixListener,
}

impl PortRange {
    /// Takes `count` (1..=50) ports that nobody uses now.
    ///
    /// # Panics
    /// When every range is taken.
    #[must_use]
    pub fn claim(count: u16) -> Self {
        assert!((1..=STEP).contains(&count), "a range has 1 to {STEP} ports");
        for _ in 0..SLOTS {
            let slot = NEXT.fetch_add(1, Ordering::Relaxed) % SLOTS;
            let low = FIRST + slot * STEP;
            let Some(claim) = lock(low) else { continue };
            let range = Self {
                low,
                high: low + count - 1,
                _claim: claim,
            };
            if range.ports().all(is_free) {
                return range;
            }
        }
        panic!(
            "no {count} free ports in a row between {FIRST} and {}",
            FIRST + SLOTS * STEP
        );
    }

    /// The ports, both ends included.
    #[must_use]
    pub fn ports(&self) -> RangeInclusive<u16> {
        self.low..=self.high
    }

    /// As `--passive-ports` takes it.
    #[must_use]
    pub fn argument(&self) -> String {
        format!("{}-{}", self.low, self.high)
    }
}

fn lock(low: u16) -> Option<UnixListener> {
    let name = format!("wharf-tests-passive-ports-{low}");
    let address = SocketAddr::from_abstract_name(name).expect("a short name fits");
    UnixListener::bind_addr(&address).ok()
}

fn is_free(port: u16) -> bool {
    TcpListener::bind(("127.0.0.1", port)).is_ok()
}

// Below 32768, where Linux begins to hand out the local ports of outgoing connections.
const FIRST: u16 = 12_000;
const STEP: u16 = 50;
const SLOTS: u16 = 400;

static NEXT: AtomicU16 = AtomicU16::new(0);

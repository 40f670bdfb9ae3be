//! What every session of the process shares.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, RwLock};
use std::time::SystemTime;

use tokio::sync::{Notify, broadcast, watch};
use wharf_accounts::Accounts;
use wharf_net::advertise::Advertised;
use wharf_net::limits::Gate;
use wharf_net::passive::PassivePorts;

use crate::audit::Audit;
use crate::config::Config;
use crate::event::{Event, What};
use crate::registry::Registry;
use crate::session::Homes;
use crate::ssh::Ssh;
use crate::tls::Tls;

/// Events a slow subscriber may fall behind before it loses some.
const SUBSCRIBER_EVENTS: usize = 8192;

pub(crate) struct Shared {
    current: RwLock<Current>,
    pub(crate) accounts: Accounts,
    pub(crate) gate: Gate,
    pub(crate) homes: Homes,
    pub(crate) registry: Arc<Registry>,
    revision: watch::Receiver<u64>,
    events: broadcast::Sender<Arc<Event>>,
    audit: Option<Audit>,
    /// Data connections that did not resume the session of their control connection.
    not_resumed: AtomicU64,
    /// Rung when what sessions were let in by may no longer hold, though no account has changed.
    pub(crate) ask_again: Notify,
}

/// What a reload replaces. A session keeps the one it started with.
#[derive(Clone)]
pub(crate) struct Current {
    pub(crate) config: Arc<Config>,
    pub(crate) ports: PassivePorts,
    pub(crate) advertised: Arc<Advertised>,
    /// `None`: no TLS.
    pub(crate) tls: Option<Arc<Tls>>,
    /// `None`: no SSH.
    pub(crate) ssh: Option<Arc<Ssh>>,
}

impl Shared {
    pub(crate) fn new(
        current: Current,
        accounts: Accounts,
        gate: Gate,
        audit: Option<Audit>,
    ) -> Self {
        Self {
            current: RwLock::new(current),
            revision: accounts.watch(),
            accounts,
            gate,
            homes: Homes::default(),
            registry: Arc::default(),
            events: broadcast::Sender::new(SUBSCRIBER_EVENTS),
            audit,
            not_resumed: AtomicU64::new(0),
            ask_again: Notify::new(),
        }
    }

    /// Counts a data connection that did not resume; the number of them so far.
    pub(crate) fn count_not_resumed(&self) -> u64 {
        self.not_resumed.fetch_add(1, Ordering::Relaxed) + 1
    }

    pub(crate) fn current(&self) -> Current {
        self.current
            .read()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .clone()
    }

    pub(crate) fn replace(&self, current: Current) {
        *self
            .current
            .write()
            .unwrap_or_else(std::sync::PoisonError::into_inner) = current;
    }

    /// The revision of the accounts, as far as it is known to this process.
    pub(crate) fn revision(&self) -> u64 {
        *self.revision.borrow()
    }

    pub(crate) fn subscribe(&self) -> broadcast::Receiver<Arc<Event>> {
        self.events.subscribe()
    }

    /// Tells an event to the audit log and to whoever listens.
    pub(crate) fn tell(&self, event: Event) {
        let heard = self.events.receiver_count() > 0;
        if self.audit.is_none() && !heard {
            return;
        }
        let event = Arc::new(event);
        if let Some(audit) = &self.audit {
            audit.record(&event);
        }
        if heard {
            // Nobody listening any more is no error.
            let _ = self.events.send(event);
        }
    }

    /// Tells an event of the server itself.
    pub(crate) fn tell_of_process(&self, what: What) {
        self.tell(Event {
            at: SystemTime::now(),
            session: 0,
            peer: None,
            account: None,
            what,
        });
    }

    /// Tells an event of a connection.
    pub(crate) fn tell_of(
        &self,
        session: u64,
        peer: SocketAddr,
        account: Option<Box<str>>,
        what: What,
    ) {
        self.tell(Event {
            at: SystemTime::now(),
            session,
            peer: Some(peer),
            account,
            what,
        });
    }

    /// Waits while the audit log cannot take more: a login that could not be recorded must not
    /// happen.
    pub(crate) async fn auditable(&self) {
        if let Some(audit) = &self.audit {
            audit.room().await;
        }
    }
}

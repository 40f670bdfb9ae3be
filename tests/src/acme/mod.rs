//! A CA that speaks ACME (RFC 8555), on loopback and over https, strict where the RFC says MUST and
//! with knobs for what goes wrong in the world.
//!
//! It stands alone: nothing in here needs anything of the tests around it.

mod http;
mod issuer;
mod jose;
mod objects;
mod orders;
mod service;
mod validation;

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use issuer::Issuer;
use objects::Objects;

/// The running CA. It stops listening when dropped.
#[derive(Debug)]
pub struct AcmeServer {
    shared: Arc<Shared>,
}

/// How it behaves; may be changed while it runs.
#[derive(Debug, Clone)]
pub struct Knobs {
    /// Where HTTP-01 is asked instead of port 80.
    pub http_port: u16,
    /// Where TLS-ALPN-01 is asked instead of port 443.
    pub tls_port: u16,
    /// How long a certificate is good, from now on.
    pub lifetime: Duration,
    /// The same for the first certificate, where it is to be another.
    pub first_lifetime: Option<Duration>,
    /// This many signed requests are told `badNonce` though theirs is good.
    pub bad_nonces: usize,
    /// This many times an order is `processing` when it is looked at.
    pub processing: usize,
    /// Orders stay `processing` once so many certificates were issued, until
    /// [`AcmeServer::release`].
    pub held_after: Option<usize>,
    /// What a client is told to wait then.
    pub retry_after: Option<u64>,
    /// Orders are refused by `rateLimited`, with this many seconds in `Retry-After`.
    pub rate_limited: Option<u64>,
    /// No name is found in the DNS once so many certificates were issued.
    pub broken_dns_after: Option<usize>,
    /// An order that is finalized becomes invalid.
    pub invalid_orders: bool,
    /// Every request is answered by something else that stands there: this status, and a page
    /// for people of so many bytes.
    pub instead: Option<(u16, usize)>,
    /// The terms of service have changed.
    pub terms_changed: bool,
    /// A name that was proven once need not be proven again by the same account.
    pub reuse: bool,
    /// The certificate is for this name, whatever was ordered.
    pub wrong_name: Option<String>,
    /// When a certificate is to be renewed (RFC 9773); without it nothing is said about that.
    pub renewal: Option<Renewal>,
    /// The challenges that are offered.
    pub challenges: Vec<&'static str>,
}

/// What it says when it is asked about renewal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Renewal {
    /// The window is over.
    Now,
    /// The window lies far ahead.
    Later,
}

impl Default for Knobs {
    fn default() -> Self {
        Self {
            http_port: 0,
            tls_port: 0,
            lifetime: Duration::from_secs(90 * 24 * 3600),
            first_lifetime: None,
            bad_nonces: 0,
            processing: 1,
            held_after: None,
            retry_after: None,
            rate_limited: None,
            broken_dns_after: None,
            invalid_orders: false,
            instead: None,
            terms_changed: false,
            reuse: false,
            wrong_name: None,
            renewal: None,
            challenges: vec!["http-01", "dns-01", "tls-alpn-01"],
        }
    }
}

/// What it has seen so far.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// Accounts made.
    pub accounts: usize,
    /// The contacts of the account that was made or changed last.
    pub contact: Vec<String>,
    /// Orders asked for, refused ones too.
    pub orders: usize,
    /// Names whose challenge was looked at, with the kind of it and how it went.
    pub asked: Vec<Asked>,
    /// Certificates handed over for fetching, oldest first.
    pub issued: Vec<Issued>,
    /// Signed requests that were told `badNonce`.
    pub bad_nonces: usize,
    /// Looks at an order that was `processing`.
    pub processing: usize,
    /// Questions about renewal.
    pub renewals_asked: usize,
    /// Certificates that an order said it replaces.
    pub replaced: Vec<String>,
    /// What clients did that the RFC forbids, in words. A good client leaves it empty.
    pub violations: Vec<String>,
}

/// One question on a challenge's port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The name.
    pub name: String,
    /// The type of the challenge.
    pub kind: String,
    /// What was wrong with the answer.
    pub error: Option<String>,
}

/// One certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issued {
    /// Its names.
    pub names: Vec<String>,
    /// The DER of the certificate itself.
    pub der: Vec<u8>,
    /// The public key in it.
    pub public_key: Vec<u8>,
}

impl AcmeServer {
    /// Starts it on a free port.
    ///
    /// # Panics
    /// When it cannot.
    #[must_use]
    pub fn start(knobs: Knobs) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = listener.local_addr().expect("an address");
        let shared = Arc::new(Shared {
            address,
            issuer: Issuer::new(),
            world: Mutex::new(World {
                knobs,
                seen: Seen::default(),
                objects: Objects::default(),
                stopped: false,
            }),
            changed: Condvar::new(),
        });
        http::listen(listener, &shared);
        Self { shared }
    }

    /// The URL of its directory.
    #[must_use]
    pub fn directory(&self) -> String {
        self.shared.url("directory")
    }

    /// PEM: the root that its own https is trusted by.
    #[must_use]
    pub fn ca_pem(&self) -> &str {
        &self.shared.issuer.web_root_pem
    }

    /// DER: the root that the certificates it issues lead to.
    #[must_use]
    pub fn root(&self) -> &[u8] {
        &self.shared.issuer.root
    }

    /// Behaves differently from now on.
    pub fn change(&self, change: impl FnOnce(&mut Knobs)) {
        change(&mut self.shared.lock().knobs);
    }

    /// Lets go of the orders that are held, and holds no more.
    pub fn release(&self) {
        let mut world = self.shared.lock();
        world.knobs.held_after = None;
        for order in &mut world.objects.orders {
            order.processing = 0;
        }
    }

    /// Knows no account and no order any more, as a test CA that was set up anew.
    pub fn forget(&self) {
        self.shared.lock().objects = Objects::default();
    }

    /// What it has seen so far.
    #[must_use]
    pub fn seen(&self) -> Seen {
        self.shared.lock().seen.clone()
    }

    /// Waits until it has seen what is wanted.
    ///
    /// # Panics
    /// When it does not within half a minute.
    #[track_caller]
    pub fn wait(&self, what: &str, wanted: impl Fn(&Seen) -> bool) -> Seen {
        let deadline = Instant::now() + PATIENCE;
        let mut world = self.shared.lock();
        while !wanted(&world.seen) {
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(
                !left.is_zero(),
                "{what}: the CA has seen only {:#?}",
                world.seen
            );
            world = self
                .shared
                .changed
                .wait_timeout(world, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        world.seen.clone()
    }
}

impl Drop for AcmeServer {
    fn drop(&mut self) {
        self.shared.lock().stopped = true;
        // The listening thread looks when somebody comes.
        let _ = std::net::TcpStream::connect(self.shared.address);
    }
}

/// Longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Debug)]
struct Shared {
    address: SocketAddr,
    issuer: Issuer,
    world: Mutex<World>,
    changed: Condvar,
}

#[derive(Debug)]
struct World {
    knobs: Knobs,
    seen: Seen,
    objects: Objects,
    stopped: bool,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn url(&self, path: &str) -> String {
        format!("https://{}/{path}", self.address)
    }
}

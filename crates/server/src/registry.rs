//! Who is connected: the one place through which the server reaches a live session.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use wharf_accounts::{Account, Method};
use wharf_net::data::TransferControl;
use wharf_net::tls::client::{ClientTrust, PeerCertificate};

/// Every live session of the process.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    sessions: Mutex<HashMap<u64, Arc<Handle>>>,
    next: AtomicU64,
    draining: AtomicBool,
    emptied: Notify,
}

/// What the rest of the server may know of a session and tell it.
#[derive(Debug)]
pub(crate) struct Handle {
    pub(crate) id: u64,
    pub(crate) peer: SocketAddr,
    account: Mutex<Option<Arc<Account>>>,
    /// By what the session was let in.
    credential: Mutex<Credential>,
    /// The certificate without which nobody is let in here, where an authority vouches for it.
    vouched: Mutex<Option<Arc<Certified>>>,
    transfer: Mutex<Option<Arc<TransferControl>>>,
    draining: AtomicBool,
    revoked: AtomicBool,
    quitting: AtomicBool,
    /// What is under way is not waited for any more (the server stops).
    cut: AtomicBool,
    /// Rung when an order was given, and when what runs in a channel has news for it.
    pub(crate) bell: Notify,
}

/// By what a session was let in: what must still be so when its account changes.
#[derive(Debug, Clone)]
pub(crate) enum Credential {
    /// Nobody, or anonymous.
    Nothing,
    /// A password alone.
    Password,
    /// A password, and this certificate beside it.
    PasswordAndCertificate(Arc<Certified>),
    /// This certificate alone.
    Certificate(Arc<Certified>),
    /// What a login by SSH has shown.
    Ssh(Arc<SshCredential>),
}

/// What a login by SSH has shown.
#[derive(Debug, Default)]
pub(crate) struct SshCredential {
    /// The steps, in their order.
    pub(crate) done: Vec<Method>,
    /// The keys, as RFC 4253 §6.6 encodes them.
    pub(crate) keys: Vec<Box<[u8]>>,
    /// A user certificate.
    pub(crate) certificate: Option<Box<[u8]>>,
    /// The authority of the account's own file that vouched for it.
    pub(crate) authority: Option<Box<[u8]>>,
}

/// A certificate and what it is believed.
#[derive(Debug)]
pub(crate) struct Certified {
    pub(crate) certificate: PeerCertificate,
    /// Only while the certificate leads to an authority that the settings trust.
    pub(crate) subject: Option<String>,
}

impl SshCredential {
    /// Adds what one more step has shown.
    pub(crate) fn add(&mut self, more: Self, method: Method) {
        self.done.push(method);
        self.keys.extend(more.keys);
        self.certificate = more.certificate.or_else(|| self.certificate.take());
        self.authority = more.authority.or_else(|| self.authority.take());
    }
}

impl Certified {
    /// Looks at it as things stand now. `None` when it is out of its dates or was revoked: then it is
    /// worth nothing, by whatever it is known.
    pub(crate) fn new(certificate: PeerCertificate, trust: Option<&ClientTrust>) -> Option<Self> {
        let fingerprint = certificate.fingerprint();
        if !certificate.is_in_term() {
            tracing::info!(%fingerprint, "a client's certificate has expired or is not valid yet");
            return None;
        }
        let trusted = trust.map(|trust| (trust, certificate.verify(trust)));
        if let Some((trust, Err(why))) = &trusted {
            if certificate.is_revoked(trust) {
                tracing::info!(%fingerprint, "a client's certificate was revoked");
                return None;
            }
            // It may still be known by its fingerprint.
            tracing::debug!(%fingerprint, why, "no authority vouches for a client's certificate");
        }
        let subject = matches!(trusted, Some((_, Ok(())))).then(|| certificate.subject());
        Some(Self {
            certificate,
            subject: subject.filter(|subject| !subject.is_empty()),
        })
    }

    pub(crate) fn fingerprint(&self) -> [u8; 32] {
        self.certificate.fingerprint().0
    }
}

impl Registry {
    /// Enters a session; it leaves when the guard is dropped.
    pub(crate) fn enter(self: &Arc<Self>, peer: SocketAddr) -> Guard {
        let handle = Arc::new(Handle {
            id: self.next.fetch_add(1, Ordering::Relaxed) + 1,
            peer,
            account: Mutex::new(None),
            credential: Mutex::new(Credential::Nothing),
            vouched: Mutex::new(None),
            transfer: Mutex::new(None),
            draining: AtomicBool::new(false),
            revoked: AtomicBool::new(false),
            quitting: AtomicBool::new(false),
            cut: AtomicBool::new(false),
            bell: Notify::new(),
        });
        let mut sessions = locked(&self.sessions);
        // Accepted before the stop and entered after it: nobody would tell it later.
        handle
            .draining
            .store(self.draining.load(Ordering::Acquire), Ordering::Release);
        sessions.insert(handle.id, handle.clone());
        drop(sessions);
        Guard {
            registry: self.clone(),
            handle,
        }
    }

    pub(crate) fn len(&self) -> usize {
        locked(&self.sessions).len()
    }

    pub(crate) fn all(&self) -> Vec<Arc<Handle>> {
        locked(&self.sessions).values().cloned().collect()
    }

    /// Tells every session, and those still to enter, that the server stops.
    pub(crate) fn drain(&self) {
        self.draining.store(true, Ordering::Release);
        for handle in self.all() {
            handle.drain();
        }
    }

    /// Resolves once no session is left.
    pub(crate) async fn empty(&self) {
        loop {
            let emptied = self.emptied.notified();
            if self.len() == 0 {
                return;
            }
            emptied.await;
        }
    }
}

/// Keeps a session in the registry.
#[derive(Debug)]
pub(crate) struct Guard {
    registry: Arc<Registry>,
    pub(crate) handle: Arc<Handle>,
}

impl Drop for Guard {
    fn drop(&mut self) {
        let mut sessions = locked(&self.registry.sessions);
        sessions.remove(&self.handle.id);
        if sessions.is_empty() {
            // A burst of ten thousand sessions must not keep its table for ever.
            sessions.shrink_to_fit();
            self.registry.emptied.notify_waiters();
        }
    }
}

impl Handle {
    /// The account as it is now; `None` before the login and after a revocation.
    pub(crate) fn account(&self) -> Option<Arc<Account>> {
        locked(&self.account).clone()
    }

    pub(crate) fn credential(&self) -> Credential {
        locked(&self.credential).clone()
    }

    pub(crate) fn set_credential(&self, credential: Credential) {
        *locked(&self.credential) = credential;
    }

    pub(crate) fn vouched(&self) -> Option<Arc<Certified>> {
        locked(&self.vouched).clone()
    }

    pub(crate) fn set_vouched(&self, vouched: Option<Arc<Certified>>) {
        *locked(&self.vouched) = vouched;
    }

    pub(crate) fn set_account(&self, account: Option<Arc<Account>>) {
        *locked(&self.account) = account;
    }

    /// Replaces the account by what it has become, if the session still belongs to it: another
    /// user may have logged in meanwhile.
    pub(crate) fn update_account(&self, now: &Arc<Account>) {
        let mut held = locked(&self.account);
        let same = |held: &Arc<Account>| held.id == now.id && held.revision <= now.revision;
        if held.as_ref().is_some_and(same) {
            *held = Some(now.clone());
        }
    }

    /// The running transfer, so that an order can stop it.
    pub(crate) fn set_transfer(&self, transfer: Option<Arc<TransferControl>>) {
        *locked(&self.transfer) = transfer;
    }

    pub(crate) fn cancel_transfer(&self) {
        self.cut.store(true, Ordering::Release);
        self.bell.notify_one();
        if let Some(transfer) = &*locked(&self.transfer) {
            transfer.cancel();
        }
    }

    /// Resolves once the session has been told to end.
    pub(crate) async fn ordered(&self) {
        while !(self.is_revoked() || self.is_draining()) {
            self.bell.notified().await;
        }
    }

    /// Ends the session now, its transfer included (an account was disabled or removed).
    pub(crate) fn revoke(&self) {
        self.revoked.store(true, Ordering::Release);
        self.set_account(None);
        self.cancel_transfer();
        self.bell.notify_one();
    }

    /// Ends the session once its transfer is through (the server stops).
    fn drain(&self) {
        self.draining.store(true, Ordering::Release);
        self.bell.notify_one();
    }

    /// QUIT came while a transfer ran: the connection may now end before the transfer does.
    pub(crate) fn set_quitting(&self) {
        self.quitting.store(true, Ordering::Release);
    }

    pub(crate) fn is_quitting(&self) -> bool {
        self.quitting.load(Ordering::Acquire)
    }

    pub(crate) fn is_revoked(&self) -> bool {
        self.revoked.load(Ordering::Acquire)
    }

    pub(crate) fn is_cut(&self) -> bool {
        self.cut.load(Ordering::Acquire)
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Acquire)
    }
}

/// None of these locks is held across code that can panic half-way through a change.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

//! What ties data connections to their control connection: the store of one control session.
//!
//! TLS lets a client come back by a ticket (RFC 8446 4.6.1, RFC 5077) or by a session id (RFC 5246
//! F.1.4). Here both are names, made at random, of entries in a store that belongs to a single
//! control session and ends with it. Whoever resumes out of that store was there when the control
//! connection's keys were agreed on, or on a data connection that had proved the same, in every
//! version of TLS; a ticket of anybody else, of the same client's other session, or of a data
//! connection that was refused, names nothing in it (security P6).
//!
//! An entry may be used many times: a client that has two tickets opens hundreds of data
//! connections with them. No key outlives the session, so none has to be rotated under one that
//! lasts for days.

use std::sync::{Arc, Mutex};

use rustls::server::{ProducesTickets, StoresServerSessions};
use secrecy::zeroize::Zeroizing;

use crate::sync::locked;

/// Entries one control session may have. TLS 1.2 makes one more at every data connection that
/// renews its ticket, and those replace each other.
const ENTRIES: usize = KEPT + 8;

/// Entries of the first handshake, which are never replaced.
const KEPT: usize = super::config::MOST_TICKETS;

/// Entries one data connection makes: a ticket, and a session id.
const MADE: usize = 2;

/// Bytes of a ticket: as good as a key.
const HANDLE_BYTES: usize = 32;

/// How long a client is told that a ticket is good for, in seconds: RFC 8446's longest, 7 days. It
/// ends with the session, whenever that is.
const LIFETIME: u32 = 604_800;

/// The TLS sessions of one control connection.
#[derive(Default)]
pub(crate) struct Resumption(Mutex<Vec<Entry>>);

struct Entry {
    handle: Vec<u8>,
    /// The keys in it are the session's.
    session: Zeroizing<Vec<u8>>,
}

impl Entry {
    fn new(handle: Vec<u8>, session: &[u8]) -> Self {
        Self {
            handle,
            session: Zeroizing::new(session.to_vec()),
        }
    }
}

impl Resumption {
    fn insert(&self, entry: Entry) {
        let mut entries = locked(&self.0);
        if entries.len() >= ENTRIES {
            entries.remove(KEPT);
        }
        entries.push(entry);
    }

    fn find(&self, handle: &[u8]) -> Option<Vec<u8>> {
        let entries = locked(&self.0);
        let found = entries.iter().find(|entry| entry.handle == handle)?;
        Some(found.session.to_vec())
    }
}

impl ProducesTickets for Resumption {
    fn enabled(&self) -> bool {
        true
    }

    fn lifetime(&self) -> u32 {
        LIFETIME
    }

    fn encrypt(&self, plain: &[u8]) -> Option<Vec<u8>> {
        let handle = handle()?;
        self.insert(Entry::new(handle.clone(), plain));
        Some(handle)
    }

    fn decrypt(&self, cipher: &[u8]) -> Option<Vec<u8>> {
        self.find(cipher)
    }
}

impl StoresServerSessions for Resumption {
    fn put(&self, key: Vec<u8>, value: Vec<u8>) -> bool {
        self.insert(Entry::new(key, &Zeroizing::new(value)));
        true
    }

    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.find(key)
    }

    fn take(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.find(key)
    }

    fn can_cache(&self) -> bool {
        true
    }
}

/// The store as one data connection sees it: what the control session put into it can be found,
/// and what this connection makes belongs to it only once it has proved whose it is. A full
/// handshake makes tickets too, and whoever was refused after one must not come back with them.
pub(crate) struct DataResumption {
    session: Arc<Resumption>,
    renews: bool,
    made: Mutex<Vec<Entry>>,
}

impl DataResumption {
    /// `renews`: whether a client may be given another ticket. Without it a resumed handshake of
    /// TLS 1.2 says nothing of tickets (RFC 5077 3.4), and the client goes on with what it has.
    pub(crate) fn new(session: &Arc<Resumption>, renews: bool) -> Self {
        Self {
            session: Arc::clone(session),
            renews,
            made: Mutex::default(),
        }
    }

    /// The connection has resumed: what it made is the session's.
    pub(crate) fn is_proved(&self) {
        for entry in std::mem::take(&mut *locked(&self.made)) {
            self.session.insert(entry);
        }
    }

    fn make(&self, entry: Entry) {
        let mut made = locked(&self.made);
        if made.len() < MADE {
            made.push(entry);
        }
    }
}

impl ProducesTickets for DataResumption {
    fn enabled(&self) -> bool {
        // Only the giving of tickets of TLS 1.2 depends on this, not the taking.
        self.renews
    }

    fn lifetime(&self) -> u32 {
        LIFETIME
    }

    fn encrypt(&self, plain: &[u8]) -> Option<Vec<u8>> {
        let handle = handle()?;
        self.make(Entry::new(handle.clone(), plain));
        Some(handle)
    }

    fn decrypt(&self, cipher: &[u8]) -> Option<Vec<u8>> {
        self.session.find(cipher)
    }
}

impl StoresServerSessions for DataResumption {
    fn put(&self, key: Vec<u8>, value: Vec<u8>) -> bool {
        self.make(Entry::new(key, &Zeroizing::new(value)));
        true
    }

    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.session.find(key)
    }

    fn take(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.session.find(key)
    }

    fn can_cache(&self) -> bool {
        true
    }
}

fn handle() -> Option<Vec<u8>> {
    let mut handle = vec![0; HANDLE_BYTES];
    getrandom::fill(&mut handle).ok()?;
    Some(handle)
}

impl std::fmt::Debug for DataResumption {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DataResumption").finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Resumption {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let entries = locked(&self.0).len();
        f.debug_struct("Resumption")
            .field("entries", &entries)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_is_good_many_times_and_only_where_it_was_made() {
        let (one, other) = (Resumption::default(), Resumption::default());
        let ticket = one.encrypt(b"session").unwrap();
        assert_eq!(ticket.len(), HANDLE_BYTES);
        for _ in 0..1000 {
            assert_eq!(one.decrypt(&ticket).as_deref(), Some(&b"session"[..]));
        }
        assert_eq!(other.decrypt(&ticket), None);
        assert_eq!(one.decrypt(&ticket[1..]), None);
        assert_eq!(one.decrypt(b""), None);
    }

    #[test]
    fn p6_what_a_refused_data_connection_made_is_worth_nothing() {
        let session = Arc::new(Resumption::default());
        let first = session.encrypt(b"first").unwrap();
        let refused = DataResumption::new(&session, true);
        let ticket = refused.encrypt(b"a stranger's").unwrap();
        assert!(refused.put(vec![9; 32], b"a stranger's".to_vec()));
        let proved = DataResumption::new(&session, true);
        let renewed = proved.encrypt(b"renewed").unwrap();
        assert!(proved.decrypt(&first).is_some());
        proved.is_proved();
        drop(refused);
        let next = DataResumption::new(&session, true);
        assert_eq!(next.decrypt(&ticket), None);
        assert_eq!(next.get(&[9; 32]), None);
        assert!(next.decrypt(&renewed).is_some());
    }

    #[test]
    fn tickets_renewed_for_ever_neither_grow_nor_push_out_the_first_ones() {
        let store = Resumption::default();
        let first = store.encrypt(b"first").unwrap();
        assert!(store.put(vec![7; 32], b"by id".to_vec()));
        let mut last = Vec::new();
        for _ in 0..1000 {
            last = store.encrypt(b"renewed").unwrap();
        }
        assert_eq!(locked(&store.0).len(), ENTRIES);
        assert!(store.decrypt(&first).is_some());
        assert!(store.get(&[7; 32]).is_some());
        assert!(store.decrypt(&last).is_some());
    }
}

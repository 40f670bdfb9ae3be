//! What ties data connections to their control connection: the store of one control session.
//!
//! TLS lets a client come back by a ticket (RFC 8446 4.6.1, RFC 5077) or by a session id (RFC 5246
//! F.1.4). Here both are names, made at random, of entries in a store that belongs to a single
//! control session and ends with it. Whoever resumes out of that store was there when the control
//! connection's keys were agreed on, in every version of TLS; a ticket of anybody else, or of the
//! same client's other session, names nothing in it (security P6).
//!
//! An entry may be used many times: a client that has two tickets opens hundreds of data
//! connections with them. No key outlives the session, so none has to be rotated under one that
//! lasts for days.

use std::sync::Mutex;

use rustls::server::{ProducesTickets, StoresServerSessions};
use secrecy::zeroize::Zeroizing;

use crate::sync::locked;

/// Entries one control session may have. TLS 1.2 makes one more at every data connection that
/// renews its ticket, and those replace each other.
const ENTRIES: usize = KEPT + 8;

/// Entries of the first handshake, which are never replaced.
const KEPT: usize = super::config::MOST_TICKETS;

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

impl Resumption {
    fn insert(&self, handle: Vec<u8>, session: Vec<u8>) {
        let mut entries = locked(&self.0);
        if entries.len() >= ENTRIES {
            entries.remove(KEPT);
        }
        entries.push(Entry {
            handle,
            session: Zeroizing::new(session),
        });
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
        let mut handle = vec![0; HANDLE_BYTES];
        getrandom::fill(&mut handle).ok()?;
        self.insert(handle.clone(), plain.to_vec());
        Some(handle)
    }

    fn decrypt(&self, cipher: &[u8]) -> Option<Vec<u8>> {
        (cipher.len() == HANDLE_BYTES).then(|| self.find(cipher))?
    }
}

impl StoresServerSessions for Resumption {
    fn put(&self, key: Vec<u8>, value: Vec<u8>) -> bool {
        self.insert(key, value);
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

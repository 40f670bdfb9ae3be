//! Passwords that were verified a short while ago.
//!
//! A client that opens eight connections logs in eight times with one password. The slow hash
//! protects what lies on the disk; asked again by the same person it only burns time. So a MAC of
//! what was verified is kept for ten minutes, under a key that lives in this process alone. Only a
//! right password is found here: a wrong one always pays for the slow hash.

use super::StoredPassword;
use crate::error::Error;
use blake2::Blake2bMac;
use blake2::digest::Mac;
use blake2::digest::consts::U32;
use secrecy::{ExposeSecret, SecretBox, SecretSlice};
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The account as it was when its password was verified.
#[derive(Clone, Copy)]
pub(crate) struct Subject<'a> {
    pub(crate) id: i64,
    pub(crate) revision: i64,
    pub(crate) stored: &'a StoredPassword,
}

/// At most one entry for each account, at most [`CAPACITY`] in all.
pub(crate) struct VerifiedPasswords {
    key: SecretBox<[u8; 64]>,
    entries: Mutex<HashMap<i64, Entry>>,
}

struct Entry {
    tag: SecretBox<[u8; 32]>,
    until: Instant,
}

impl VerifiedPasswords {
    pub(crate) fn new() -> Result<Self, Error> {
        let mut key = SecretBox::new(Box::new([0; 64]));
        getrandom::fill(secrecy::ExposeSecretMut::expose_secret_mut(&mut key))
            .map_err(Error::Random)?;
        Ok(Self {
            key,
            entries: Mutex::default(),
        })
    }

    /// Whether this password was verified for the account as it is now.
    pub(crate) fn knows(
        &self,
        subject: Subject<'_>,
        password: &SecretSlice<u8>,
        now: Instant,
    ) -> bool {
        // Made before looking: whether there is an entry must not show in the time.
        let mac = self.mac(subject, password);
        let mut entries = self.entries();
        let Some(entry) = entries.get(&subject.id) else {
            return false;
        };
        if entry.until <= now {
            entries.remove(&subject.id);
            return false;
        }
        // `verify_slice` compares in constant time.
        mac.verify_slice(entry.tag.expose_secret()).is_ok()
    }

    /// Keeps a password that the slow hash has verified.
    pub(crate) fn remember(&self, subject: Subject<'_>, password: &SecretSlice<u8>, now: Instant) {
        let tag: [u8; 32] = self.mac(subject, password).finalize().into_bytes().into();
        let entry = Entry {
            tag: SecretBox::new(Box::new(tag)),
            until: now + LIFETIME,
        };
        let mut entries = self.entries();
        if entries.len() >= CAPACITY && !entries.contains_key(&subject.id) {
            entries.retain(|_, entry| entry.until > now);
        }
        if entries.len() >= CAPACITY && !entries.contains_key(&subject.id) {
            let oldest = entries
                .iter()
                .min_by_key(|(_, entry)| entry.until)
                .map(|(id, _)| *id);
            oldest.and_then(|id| entries.remove(&id));
        }
        entries.insert(subject.id, entry);
    }

    /// Drops what is kept of an account that changed. A tag is bound to its revision, so this only
    /// wipes sooner what no login could match any more.
    pub(crate) fn forget(&self, id: i64) {
        self.entries().remove(&id);
    }

    /// Every field before the password has a fixed length or its length before it, so that no two
    /// subjects and passwords give the same bytes.
    fn mac(&self, subject: Subject<'_>, password: &SecretSlice<u8>) -> Blake2bMac<U32> {
        let stored = subject.stored.as_str().as_bytes();
        let mut mac = Blake2bMac::new(self.key.expose_secret().into());
        mac.update(&subject.id.to_le_bytes());
        mac.update(&subject.revision.to_le_bytes());
        mac.update(&(stored.len() as u64).to_le_bytes());
        mac.update(stored);
        mac.update(password.expose_secret());
        mac
    }

    fn entries(&self) -> MutexGuard<'_, HashMap<i64, Entry>> {
        // Every change to the map is one call, so it is whole even after a panic.
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const LIFETIME: Duration = Duration::from_secs(600);
const CAPACITY: usize = 4096;

#[cfg(test)]
mod tests {
    use super::{CAPACITY, LIFETIME, Subject, VerifiedPasswords};
    use crate::password::StoredPassword;
    use secrecy::SecretSlice;
    use std::time::{Duration, Instant};

    #[test]
    fn a_verified_password_is_known_for_ten_minutes() {
        let (memory, stored, start) = (
            VerifiedPasswords::new().unwrap(),
            stored("h"),
            Instant::now(),
        );
        let ann = Subject {
            id: 1,
            revision: 7,
            stored: &stored,
        };
        assert!(!memory.knows(ann, &secret("x"), start));
        memory.remember(ann, &secret("x"), start);
        assert!(memory.knows(ann, &secret("x"), start));
        assert!(memory.knows(
            ann,
            &secret("x"),
            start + LIFETIME - Duration::from_nanos(1)
        ));
        assert!(!memory.knows(ann, &secret("x"), start + LIFETIME));
        assert!(
            !memory.knows(ann, &secret("x"), start),
            "what ran out is dropped"
        );
    }

    #[test]
    fn a9_it_is_known_for_that_account_at_that_revision_only() {
        let (memory, stored_h, start) = (
            VerifiedPasswords::new().unwrap(),
            stored("h"),
            Instant::now(),
        );
        let stored_i = stored("i");
        let ann = Subject {
            id: 1,
            revision: 7,
            stored: &stored_h,
        };
        memory.remember(ann, &secret("x"), start);
        for (subject, password) in [
            (ann, "y"),
            (ann, ""),
            (ann, "xx"),
            (Subject { id: 2, ..ann }, "x"),
            (Subject { revision: 8, ..ann }, "x"),
            (
                Subject {
                    stored: &stored_i,
                    ..ann
                },
                "x",
            ),
        ] {
            assert!(!memory.knows(subject, &secret(password), start));
        }
        assert!(
            memory.knows(ann, &secret("x"), start),
            "a wrong password drops nothing"
        );
        memory.forget(1);
        assert!(!memory.knows(ann, &secret("x"), start));
    }

    #[test]
    fn each_process_has_its_own_key() {
        let stored = stored("h");
        let ann = Subject {
            id: 1,
            revision: 1,
            stored: &stored,
        };
        let [one, other] = [(); 2].map(|()| VerifiedPasswords::new().unwrap());
        let tag = |memory: &VerifiedPasswords| {
            blake2::digest::Mac::finalize(memory.mac(ann, &secret("x"))).into_bytes()
        };
        assert_ne!(tag(&one), tag(&other));
    }

    #[test]
    fn the_oldest_makes_room() {
        let (memory, stored, start) = (
            VerifiedPasswords::new().unwrap(),
            stored("h"),
            Instant::now(),
        );
        let subject = |id: usize| Subject {
            id: i64::try_from(id).unwrap(),
            revision: 1,
            stored: &stored,
        };
        for id in 1..=CAPACITY + 1 {
            let at = start + Duration::from_millis(u64::try_from(id).unwrap());
            memory.remember(subject(id), &secret("x"), at);
        }
        assert_eq!(memory.entries().len(), CAPACITY);
        assert!(!memory.knows(subject(1), &secret("x"), start));
        assert!(memory.knows(subject(2), &secret("x"), start));
        assert!(memory.knows(subject(CAPACITY + 1), &secret("x"), start));
        memory.remember(subject(2), &secret("y"), start);
        assert_eq!(
            memory.entries().len(),
            CAPACITY,
            "the same account takes its own place"
        );
        memory.remember(subject(0), &secret("x"), start + LIFETIME * 2);
        assert_eq!(memory.entries().len(), 1, "what ran out goes first");
    }

    fn stored(phc: &str) -> StoredPassword {
        StoredPassword::from_record(Some(phc.to_owned())).unwrap()
    }

    fn secret(text: &str) -> SecretSlice<u8> {
        text.as_bytes().to_vec().into()
    }
}

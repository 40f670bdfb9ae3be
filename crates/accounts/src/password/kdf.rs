//! The slow hash, argon2id, behind a door that lets few in and few wait.

use crate::error::Error;
use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use secrecy::{ExposeSecret, SecretSlice};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// What one check of a password costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KdfCost {
    /// Memory in KiB, at least 8 for each lane, at most 1 GiB.
    pub memory_kib: u32,
    /// Passes over the memory, 1 to 64.
    pub passes: u32,
    /// Lanes, 1 to 16.
    pub lanes: u32,
}

/// A password as the database keeps it: argon2id in PHC form, never empty.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct StoredPassword(String);

/// What a check of a password came to.
pub(crate) enum Verdict {
    /// It is the one. `stronger` is its hash at today's cost where the stored one has another.
    Right { stronger: Option<StoredPassword> },
    /// It is another.
    Wrong,
}

/// Runs argon2id on as many threads as was said, with a queue of bounded length (security A4).
pub(crate) struct Kdf {
    argon2: Argon2<'static>,
    cost: KdfCost,
    /// What the passwords of unknown users are compared with, at the same cost (security A1).
    nobody: StoredPassword,
    /// Those that run.
    running: Arc<Semaphore>,
    /// Those that run or wait.
    admitted: Arc<Semaphore>,
    #[cfg(test)]
    queue: usize,
    runs: Arc<AtomicU64>,
}

/// A place in the queue, then on a thread. It moves into the work, so that a login that is given
/// up does not make room while its hash is still being computed.
pub(crate) struct Turn {
    _running: OwnedSemaphorePermit,
    _admitted: OwnedSemaphorePermit,
}

impl KdfCost {
    /// The least that argon2 takes, for tests.
    pub const MINIMUM: Self = Self {
        memory_kib: 8,
        passes: 1,
        lanes: 1,
    };

    fn params(self) -> Option<Params> {
        let bounded = self.memory_kib <= 1 << 20 && self.passes <= 64 && self.lanes <= 16;
        let params =
            || Params::new(self.memory_kib, self.passes, self.lanes, Some(HASH_LENGTH)).ok();
        bounded.then(params).flatten()
    }
}

/// OWASP's first choice for argon2id: 19 MiB, 2 passes, 1 lane.
impl Default for KdfCost {
    fn default() -> Self {
        Self {
            memory_kib: 19 * 1024,
            passes: 2,
            lanes: 1,
        }
    }
}

impl StoredPassword {
    /// The password in a record; `None` where there is none that could be matched (security A5).
    pub(crate) fn from_record(phc: Option<String>) -> Option<Self> {
        phc.filter(|phc| !phc.is_empty()).map(Self)
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The hash and its cost; `None` if it is no argon2id hash of a cost within bounds. A damaged
    /// record must not make the server take a gigabyte for it (security F26).
    fn parse(&self) -> Option<(PasswordHash<'_>, KdfCost)> {
        let hash = PasswordHash::new(&self.0).ok()?;
        let current = hash.algorithm == Algorithm::Argon2id.ident()
            && hash.version == Some(Version::V0x13.into())
            && hash.salt.is_some()
            && hash.hash.is_some_and(|hash| hash.len() == HASH_LENGTH);
        let params = Params::try_from(&hash).ok().filter(|_| current)?;
        let cost = KdfCost {
            memory_kib: params.m_cost(),
            passes: params.t_cost(),
            lanes: params.p_cost(),
        };
        cost.params().map(|_| (hash, cost))
    }
}

impl Kdf {
    pub(crate) fn new(cost: KdfCost, parallel: usize, queue: usize) -> Result<Self, Error> {
        let KdfCost {
            memory_kib,
            passes,
            lanes,
        } = cost;
        let params = cost.params().ok_or(Error::KdfCost {
            memory_kib,
            passes,
            lanes,
        })?;
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let parallel = parallel.clamp(1, 1024);
        let mut unguessable = [0; 32];
        getrandom::fill(&mut unguessable).map_err(Error::Random)?;
        Ok(Self {
            nobody: hashed(&argon2, &unguessable)?,
            argon2,
            cost,
            running: Arc::new(Semaphore::new(parallel)),
            admitted: Arc::new(Semaphore::new(parallel + queue.min(1 << 16))),
            #[cfg(test)]
            queue,
            runs: Arc::new(AtomicU64::new(0)),
        })
    }

    /// Waits for a thread. [`Error::Busy`] at once when the queue is full.
    pub(crate) async fn turn(&self) -> Result<Turn, Error> {
        let admitted = Arc::clone(&self.admitted)
            .try_acquire_owned()
            .map_err(|_| Error::Busy)?;
        let running = Arc::clone(&self.running)
            .acquire_owned()
            .await
            .map_err(|_| Error::GivenUp)?;
        Ok(Turn {
            _running: running,
            _admitted: admitted,
        })
    }

    /// What stands in for the password of somebody who has none; it matches nothing.
    pub(crate) fn nobody(&self) -> &StoredPassword {
        &self.nobody
    }

    /// Compares a password with a stored one, or with nobody's, which takes as long.
    /// `None`: the stored one is damaged. The turn comes back, so that what the verdict means can
    /// be written down before the next in the queue begins.
    pub(crate) async fn verify(
        &self,
        turn: Turn,
        password: &SecretSlice<u8>,
        stored: Option<&StoredPassword>,
    ) -> Result<(Option<Verdict>, Turn), Error> {
        let password = SecretSlice::from(password.expose_secret().to_vec());
        let somebody = stored.is_some();
        let stored = stored.unwrap_or(&self.nobody).clone();
        let (argon2, cost, runs) = (self.argon2.clone(), self.cost, Arc::clone(&self.runs));
        on_a_thread(turn, move || {
            let Some((hash, stored_cost)) = stored.parse() else {
                return Ok(None);
            };
            runs.fetch_add(1, Ordering::Relaxed);
            // The parameters are those in the hash, not those of `argon2`.
            let equal = argon2
                .verify_password(password.expose_secret(), &hash)
                .is_ok();
            if !equal || !somebody {
                return Ok(Some(Verdict::Wrong));
            }
            let stronger = (stored_cost != cost).then(|| hashed(&argon2, password.expose_secret()));
            Ok(Some(Verdict::Right {
                stronger: stronger.transpose()?,
            }))
        })
        .await
    }

    /// Hashes a password to be stored.
    pub(crate) async fn hash(&self, password: &SecretSlice<u8>) -> Result<StoredPassword, Error> {
        let turn = self.turn().await?;
        let password = SecretSlice::from(password.expose_secret().to_vec());
        let argon2 = self.argon2.clone();
        let hash = on_a_thread(turn, move || hashed(&argon2, password.expose_secret()));
        hash.await.map(|(hash, _)| hash)
    }

    /// How often a password was compared since the start.
    #[cfg(test)]
    pub(crate) fn runs(&self) -> u64 {
        self.runs.load(Ordering::Relaxed)
    }

    /// How many stand in the queue while all threads are occupied.
    #[cfg(test)]
    pub(crate) fn waiting(&self) -> usize {
        self.running.available_permits() + self.queue - self.admitted.available_permits()
    }

    /// Keeps all threads busy until the turns are dropped.
    #[cfg(test)]
    pub(crate) async fn occupy(&self) -> Vec<Turn> {
        let mut turns = Vec::new();
        while self.running.available_permits() > 0 {
            turns.push(self.turn().await.unwrap());
        }
        turns
    }
}

async fn on_a_thread<T: Send + 'static>(
    turn: Turn,
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<(T, Turn), Error> {
    let work = move || work().map(|done| (done, turn));
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|_| Error::GivenUp)?
}

fn hashed(argon2: &Argon2<'_>, password: &[u8]) -> Result<StoredPassword, Error> {
    let mut salt = [0; 16];
    getrandom::fill(&mut salt).map_err(Error::Random)?;
    let cost = argon2.params();
    let refused = || Error::KdfCost {
        memory_kib: cost.m_cost(),
        passes: cost.t_cost(),
        lanes: cost.p_cost(),
    };
    let salt = SaltString::encode_b64(&salt).map_err(|_| refused())?;
    let hash = argon2
        .hash_password(password, &salt)
        .map_err(|_| refused())?;
    Ok(StoredPassword(hash.to_string()))
}

const HASH_LENGTH: usize = 32;

#[cfg(test)]
#[path = "kdf_tests.rs"]
mod tests;

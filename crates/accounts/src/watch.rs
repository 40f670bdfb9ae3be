//! The revision: one number that grows with every change, and those who watch it.

use crate::store::{Accounts, Inner, stored_revision};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;

pub(crate) struct Revision {
    sender: watch::Sender<u64>,
    /// The task that asks the database, while somebody watches.
    poll: Mutex<Option<JoinHandle<()>>>,
}

impl Accounts {
    /// Tells the revision, and of every change: at once of one made through this handle, within
    /// two seconds of one that another process made. What changed is not told; a session asks
    /// [`Accounts::current`] for its own account.
    ///
    /// The database is asked once a second for as long as a receiver lives. Must be called within
    /// the runtime that opened the accounts.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<u64> {
        let revision = &self.0.revision;
        let mut poll = revision.poll.lock().unwrap_or_else(PoisonError::into_inner);
        // Subscribed under the lock: the task looks for receivers under it before it ends.
        let receiver = revision.sender.subscribe();
        if poll.as_ref().is_none_or(JoinHandle::is_finished) {
            *poll = Some(tokio::spawn(poll_while_watched(Arc::downgrade(&self.0))));
        }
        receiver
    }
}

impl Revision {
    pub(crate) fn new(stored: i64) -> Self {
        Self {
            sender: watch::Sender::new(number(stored)),
            poll: Mutex::new(None),
        }
    }

    /// Tells of a revision, unless a later one was told.
    pub(crate) fn publish(&self, stored: i64) {
        let stored = number(stored);
        self.sender.send_if_modified(|told| {
            let later = stored > *told;
            *told = stored.max(*told);
            later
        });
    }

    #[cfg(test)]
    pub(crate) fn is_polled(&self) -> bool {
        self.poll
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .is_some()
    }

    /// Whether nobody watches any more; then the task has to end, and the next to watch starts one.
    fn is_unwatched(&self) -> bool {
        let mut poll = self.poll.lock().unwrap_or_else(PoisonError::into_inner);
        let unwatched = self.sender.receiver_count() == 0;
        if unwatched {
            *poll = None;
        }
        unwatched
    }
}

impl Drop for Revision {
    fn drop(&mut self) {
        let poll = self.poll.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(poll) = poll.take() {
            poll.abort();
        }
    }
}

/// Holds the accounts only while it asks, so that it does not keep the database open.
async fn poll_while_watched(accounts: Weak<Inner>) {
    let mut failing = false;
    while let Some(inner) = accounts.upgrade() {
        if inner.revision.is_unwatched() || inner.pool.is_closed() {
            return;
        }
        match stored_revision(&inner.pool).await {
            Ok(revision) => {
                inner.revision.publish(revision);
                failing = false;
            }
            Err(error) if !failing => {
                tracing::warn!(%error, "cannot read the revision of the accounts: changes by other processes do not reach live sessions");
                failing = true;
            }
            Err(_) => {}
        }
        drop(inner);
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}

fn number(stored: i64) -> u64 {
    u64::try_from(stored).unwrap_or_default()
}

const POLL_INTERVAL: Duration = Duration::from_secs(1);

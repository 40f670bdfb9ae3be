//! Making names durable: one `fsync` of a directory for everybody who waits for it.

use std::collections::HashMap;
use std::sync::{Arc, Condvar, LazyLock, Mutex, MutexGuard, PoisonError};

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use super::root::{DirectoryKey, Place};
use crate::error::{ErrorKind, Result};

/// Returns once everything renamed into the directory before the call is on the disk.
///
/// Whoever comes first syncs; whoever comes while a sync runs may have renamed after it began, so
/// it waits for the next one, which all who came meanwhile share.
pub(super) fn directory(place: &Place) -> Result<()> {
    let queue = Arc::clone(
        queues()
            .entry(place.key)
            .or_insert_with(|| Arc::new(Queue::default())),
    );
    let outcome = queue.wait(|| sync_now(place));
    let mut queues = queues();
    // One in the map and one here: nobody else waits.
    if Arc::strong_count(&queue) == 2 {
        queues.remove(&place.key);
    }
    outcome
}

fn sync_now(place: &Place) -> Result<()> {
    let synced = match place.readable_directory() {
        Ok(directory) => rustix::fs::fsync(directory),
        // An inbox may be writable and not readable; then it goes by the file in it.
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
            let file = rustix::fs::openat(&place.directory, &place.name, flags, Mode::empty())?;
            rustix::fs::syncfs(file)
        }
        Err(error) => return Err(error),
    };
    match synced {
        // Some file systems sync no directories; they have no promise to give.
        Err(Errno::INVAL) => Ok(()),
        outcome => Ok(outcome?),
    }
}

/// Syncs of one directory, numbered from 1.
#[derive(Default)]
struct Queue {
    state: Mutex<State>,
    finished: Condvar,
}

#[derive(Default)]
struct State {
    started: u64,
    finished: u64,
    /// The number of the last one that failed. Whoever waited for it, or for one before it that
    /// it may have repaired or not, is told.
    failed: u64,
    /// How many wait for somebody else's sync.
    waiting: usize,
}

impl Queue {
    fn wait(&self, sync: impl Fn() -> Result<()>) -> Result<()> {
        let mut state = self.lock();
        let wanted = state.started + 1;
        loop {
            if state.finished >= wanted {
                return if state.failed >= wanted {
                    Err(Errno::IO.into())
                } else {
                    Ok(())
                };
            }
            if state.started == state.finished {
                state.started += 1;
                let number = state.started;
                drop(state);
                let outcome = sync();
                state = self.lock();
                state.finished = number;
                if outcome.is_err() {
                    state.failed = number;
                }
                self.finished.notify_all();
                outcome?;
            } else {
                state.waiting += 1;
                state = self
                    .finished
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner);
                state.waiting -= 1;
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn queues() -> MutexGuard<'static, HashMap<DirectoryKey, Arc<Queue>>> {
    QUEUES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A queue per directory somebody waits for now.
static QUEUES: LazyLock<Mutex<HashMap<DirectoryKey, Arc<Queue>>>> = LazyLock::new(Mutex::default);

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::sync::mpsc;
    use std::thread;

    use super::*;
    use crate::error::Error;

    /// The first sync is held until `waiters` more have come; they must share the second one.
    #[test]
    fn those_who_come_during_a_sync_share_the_next() {
        let queue = Arc::new(Queue::default());
        let syncs = Arc::new(AtomicU64::new(0));
        let (began, has_begun) = mpsc::channel();
        let (release, released) = mpsc::channel::<()>();
        let leader = {
            let (queue, syncs) = (Arc::clone(&queue), Arc::clone(&syncs));
            thread::spawn(move || {
                queue.wait(|| {
                    syncs.fetch_add(1, Ordering::SeqCst);
                    began.send(()).unwrap();
                    released.recv().unwrap();
                    Ok(())
                })
            })
        };
        has_begun.recv().unwrap();
        let followers: Vec<_> = (0..8)
            .map(|_| {
                let (queue, syncs) = (Arc::clone(&queue), Arc::clone(&syncs));
                thread::spawn(move || {
                    queue.wait(|| {
                        syncs.fetch_add(1, Ordering::SeqCst);
                        Ok(())
                    })
                })
            })
            .collect();
        while queue.lock().waiting < 8 {
            thread::yield_now();
        }
        release.send(()).unwrap();
        leader.join().unwrap().unwrap();
        for follower in followers {
            follower.join().unwrap().unwrap();
        }
        assert_eq!(syncs.load(Ordering::SeqCst), 2);
    }

    #[test]
    fn a_failed_sync_is_nobodys_success() {
        let queue = Queue::default();
        let failed = queue.wait(|| Err(Error::new(ErrorKind::Io)));
        assert_eq!(failed.unwrap_err().kind(), ErrorKind::Io);
        queue.wait(|| Ok(())).unwrap();
    }
}

//! The audit log: one JSON object a line, appended by one thread.
//!
//! Recording is a push onto a bounded queue under a short lock. The thread writes what has
//! gathered every [`INTERVAL`], so that no transfer pays a wake-up. When the disk cannot keep up
//! and the queue is full, [`Audit::room`] makes logins wait; what is recorded meanwhile by sessions
//! already in is counted, and the count is written as a record of its own: lost is never silent.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::Notify;

use crate::event::Event;
use crate::record;

/// Events that may wait for the disk.
const QUEUE_EVENTS: usize = 65_536;
/// How long an event may wait before it is written.
const INTERVAL: Duration = Duration::from_millis(50);

/// The audit log's writer.
#[derive(Debug)]
pub(crate) struct Audit {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    queue: Mutex<Queue>,
    stop: Condvar,
    room: Notify,
}

#[derive(Debug, Default)]
struct Queue {
    events: Vec<Arc<Event>>,
    lost: u64,
    stopping: bool,
}

impl Audit {
    /// Opens the log for appending, mode 0600, and starts the thread.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(path)?;
        let shared = Arc::new(Shared {
            queue: Mutex::default(),
            stop: Condvar::new(),
            room: Notify::new(),
        });
        let writer = shared.clone();
        let thread = std::thread::Builder::new()
            .name("audit".into())
            .spawn(move || writer.run(file))?;
        Ok(Self {
            shared,
            thread: Some(thread),
        })
    }

    pub(crate) fn record(&self, event: &Arc<Event>) {
        let mut queue = self.shared.locked();
        if queue.events.len() < QUEUE_EVENTS {
            queue.events.push(event.clone());
        } else {
            queue.lost += 1;
        }
    }

    /// Resolves when the queue is not full.
    pub(crate) async fn room(&self) {
        loop {
            let room = self.shared.room.notified();
            if self.shared.locked().events.len() < QUEUE_EVENTS {
                return;
            }
            room.await;
        }
    }
}

impl Drop for Audit {
    fn drop(&mut self) {
        self.shared.locked().stopping = true;
        self.shared.stop.notify_all();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn locked(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self, mut file: File) {
        let mut batch = Vec::new();
        let mut text = Vec::new();
        let mut torn = false;
        loop {
            let (lost, stopping) = self.gather(&mut batch);
            let records = batch.len() as u64;
            if torn && records + lost > 0 {
                // What is written now does not continue half a line.
                text.push(b'\n');
            }
            for event in batch.drain(..) {
                record::write(&mut text, &event);
            }
            if lost > 0 {
                record::write_lost(&mut text, lost);
            }
            if !text.is_empty() {
                let written = file.write_all(&text);
                if let Err(error) = &written {
                    self.locked().lost += records + lost;
                    if !torn {
                        tracing::error!(%error, "the audit log cannot be written");
                    }
                }
                torn = written.is_err();
            }
            text.clear();
            // An idle server keeps neither the queue's nor the text's largest size.
            batch.shrink_to(1024);
            text.shrink_to(64 * 1024);
            if stopping {
                return;
            }
        }
    }

    /// Waits for the next turn; takes what has gathered and the count of what did not fit.
    fn gather(&self, batch: &mut Vec<Arc<Event>>) -> (u64, bool) {
        let queue = self.locked();
        let (mut queue, _) = self
            .stop
            .wait_timeout_while(queue, INTERVAL, |queue| !queue.stopping)
            .unwrap_or_else(PoisonError::into_inner);
        std::mem::swap(&mut queue.events, batch);
        let taken = (std::mem::take(&mut queue.lost), queue.stopping);
        drop(queue);
        self.room.notify_waiters();
        taken
    }
}

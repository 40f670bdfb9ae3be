//! What a session knows of a running transfer, and its handle on it.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use crate::meter::Meter;

/// Shared by the task that runs a transfer and the session that owns it: the byte count, the
/// stall timeout, and the way to stop.
#[derive(Debug)]
pub struct TransferControl {
    moved: Meter,
    began: Instant,
    stall: Duration,
    cancelled: AtomicBool,
    told: Notify,
}

impl TransferControl {
    /// A transfer that fails when no byte moves for `stall`. The clock of
    /// [`elapsed`](Self::elapsed) starts now.
    #[must_use]
    pub fn new(stall: Duration) -> Self {
        Self {
            moved: Meter::new(),
            began: Instant::now(),
            stall,
            cancelled: AtomicBool::new(false),
            told: Notify::new(),
        }
    }

    /// Bytes moved over the data connection so far; outward, those the kernel has taken.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.moved.bytes()
    }

    /// Time since the transfer began.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// How long no byte may move.
    #[must_use]
    pub const fn stall(&self) -> Duration {
        self.stall
    }

    /// Stops the transfer within some milliseconds, for good.
    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::SeqCst);
        self.told.notify_waiters();
    }

    /// Whether the transfer has been told to stop.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::SeqCst)
    }

    /// Waits until the transfer is told to stop.
    pub async fn cancelled(&self) {
        let mut told = std::pin::pin!(self.told.notified());
        told.as_mut().enable();
        if !self.is_cancelled() {
            told.await;
        }
    }

    /// Counts bytes that were moved by [`try_send`](super::DataConnection::try_send) or
    /// [`try_receive`](super::DataConnection::try_receive); transfers count their own.
    pub fn add(&self, bytes: u64) {
        self.moved.add(bytes);
    }
}

/// How a transfer failed, by who is at fault.
#[derive(Debug, thiserror::Error)]
pub enum TransferError<E> {
    /// No byte moved for this long.
    #[error("no data for {} s", .0.as_secs())]
    Stalled(Duration),
    /// The data connection ended without TLS's own end: anybody may have cut it.
    #[error("TLS ended without close_notify")]
    Unclosed,
    /// The data connection broke.
    #[error("the data connection broke: {0}")]
    Broken(io::Error),
    /// Our side failed: the file, the disk, the source or the sink.
    #[error("{0}")]
    Local(E),
    /// [`TransferControl::cancel`] was called.
    #[error("cancelled")]
    Cancelled,
}

/// Stops the bursts of a transfer whose future is dropped.
pub(super) struct CancelOnDrop {
    control: Option<Arc<TransferControl>>,
}

impl CancelOnDrop {
    pub(super) fn new(control: &Arc<TransferControl>) -> Self {
        Self {
            control: Some(Arc::clone(control)),
        }
    }

    pub(super) fn disarm(mut self) {
        self.control = None;
    }
}

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        if let Some(control) = &self.control {
            control.cancel();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn cancelling_wakes_those_who_wait_and_those_who_come_later() {
        let control = Arc::new(TransferControl::new(Duration::from_secs(1)));
        let waiting = tokio::spawn({
            let control = Arc::clone(&control);
            async move { control.cancelled().await }
        });
        tokio::task::yield_now().await;
        assert!(!control.is_cancelled());
        control.cancel();
        waiting.await.unwrap();
        control.cancelled().await;
        assert!(control.is_cancelled());
    }
}

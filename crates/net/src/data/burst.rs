//! The one loop all transfers share: bursts on a blocking thread, waiting in the task.

use std::future::Future;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::task::spawn_blocking;

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::net::sockopt::{Timeout, set_socket_timeout};

use super::DataConnection;
use super::control::{CancelOnDrop, TransferControl, TransferError};
use crate::pool::{BufferPool, PooledBuffer};
use crate::socket::{Direction, ready_within};
use crate::sys::unacknowledged;

/// Bursts that may run at a time. Fewer than tokio's 512 blocking threads, so that transfers
/// leave some for everything else that waits on a disk.
const CONCURRENT_BURSTS: usize = 256;

/// How long a burst waits for its peer at a time before it gives its thread back.
const PATIENCE: Duration = Duration::from_millis(10);

/// How long a burst waits for its peer in all.
const PATIENCE_IN_ALL: Duration = Duration::from_millis(50);

/// How long a burst runs at all: others want the thread too.
const LONGEST_BURST: Duration = Duration::from_millis(250);

/// A peer that moves less than this in a burst is not worth a thread that waits for it.
const WORTH_WAITING: u64 = 256 * 1024;

static BURSTS: Semaphore = Semaphore::const_new(CONCURRENT_BURSTS);

/// A transfer, cut into pieces that block.
pub(super) trait Work: Send + 'static {
    type Error: Send + 'static;

    /// Whether the next burst needs a buffer given to it.
    fn needs_buffer(&self) -> bool;

    fn give(&mut self, buffer: PooledBuffer);

    /// Moves bytes until the end, an error, or the turn is over. Runs on a blocking thread.
    fn run(&mut self, socket: &OwnedFd, turn: &mut Turn) -> Step<Self::Error>;
}

/// How a burst ended.
pub(super) enum Step<E> {
    Done,
    /// Time is up, or a buffer is wanted; there is more to do at once.
    Again,
    /// The peer is behind.
    Blocked(Direction),
    Failed(TransferError<E>),
}

/// One burst's allowance of time, and its count.
pub(super) struct Turn {
    control: Arc<TransferControl>,
    began: Instant,
    patience: Duration,
    waited: Duration,
    moved: u64,
}

impl Turn {
    fn new(control: Arc<TransferControl>, patience: Duration) -> Self {
        Self {
            control,
            began: Instant::now(),
            patience,
            waited: Duration::ZERO,
            moved: 0,
        }
    }

    pub(super) fn is_cancelled(&self) -> bool {
        self.control.is_cancelled()
    }

    pub(super) fn is_over(&self) -> bool {
        self.began.elapsed() >= LONGEST_BURST
    }

    pub(super) fn moved(&mut self, bytes: usize) {
        let bytes = bytes as u64;
        self.moved += bytes;
        self.control.add(bytes);
    }

    /// Lets calls on the socket wait in the kernel as long as this burst would wait anyway: for a
    /// fast peer one call then moves a whole piece, where a non-blocking one comes back, and polls,
    /// for every window. For a slow peer it does not, so that it holds no thread.
    pub(super) fn may_wait_in_kernel(&self, socket: &OwnedFd) -> bool {
        let Ok(flags) = fcntl_getfl(socket) else {
            return false;
        };
        let patience = Some(self.patience);
        let patient = !self.patience.is_zero()
            && set_socket_timeout(socket, Timeout::Send, patience).is_ok()
            && set_socket_timeout(socket, Timeout::Recv, patience).is_ok();
        let wanted = if patient {
            flags - OFlags::NONBLOCK
        } else {
            flags | OFlags::NONBLOCK
        };
        // Where it cannot be had, the burst polls.
        fcntl_setfl(socket, wanted).is_ok() && patient
    }

    /// Counts time spent waiting in the kernel.
    pub(super) fn waited(&mut self, time: Duration) {
        self.waited += time;
    }

    /// Whether the peer has been waited for long enough; not before the first wait.
    pub(super) fn is_out_of_patience(&self) -> bool {
        self.waited >= PATIENCE_IN_ALL
    }

    /// Waits shortly for the peer; `false` when the burst should end instead.
    pub(super) fn awaits(&mut self, socket: &OwnedFd, direction: Direction) -> bool {
        if self.patience.is_zero() || self.is_out_of_patience() {
            return false;
        }
        let began = Instant::now();
        let ready = ready_within(socket, direction, self.patience);
        self.waited += began.elapsed();
        ready
    }
}

/// Runs `work` to its end over `connection`. Hands it back with the outcome, and leaves the
/// connection marked as unfinished unless all went well.
pub(super) async fn drive<W: Work>(
    connection: &mut DataConnection,
    mut work: W,
    control: &Arc<TransferControl>,
) -> (W, Result<(), TransferError<W::Error>>) {
    connection.unfinished = true;
    let guard = CancelOnDrop::new(control);
    let mut patience = PATIENCE;
    let result = loop {
        let permit = match prepare(&mut work, control).await {
            Ok(permit) => permit,
            Err(error) => break Err(error),
        };
        let socket = match connection.descriptor() {
            Ok(socket) => Arc::clone(socket),
            Err(error) => break Err(TransferError::Broken(error)),
        };
        let turn = Turn::new(Arc::clone(control), patience);
        let ended = burst(work, socket, turn, permit).await;
        work = ended.work;
        match ended.step {
            Step::Done => break Ok(()),
            Step::Again => {}
            Step::Blocked(direction) => {
                patience = match ended.moved {
                    WORTH_WAITING.. => PATIENCE,
                    _ => Duration::ZERO,
                };
                if let Err(error) = wait(connection, direction, control).await {
                    break Err(error);
                }
            }
            Step::Failed(error) => break Err(error),
        }
    };
    guard.disarm();
    connection.unfinished = result.is_err();
    (work, result)
}

struct Ended<W: Work> {
    work: W,
    step: Step<W::Error>,
    moved: u64,
}

async fn burst<W: Work>(
    mut work: W,
    socket: Arc<OwnedFd>,
    mut turn: Turn,
    permit: SemaphorePermit<'static>,
) -> Ended<W> {
    let running = spawn_blocking(move || {
        let step = work.run(&socket, &mut turn);
        drop(permit);
        Ended {
            work,
            step,
            moved: turn.moved,
        }
    });
    match running.await {
        Ok(ended) => ended,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The runtime is shutting down, and this task with it.
            Err(_) => std::future::pending().await,
        },
    }
}

async fn prepare<W: Work>(
    work: &mut W,
    control: &TransferControl,
) -> Result<SemaphorePermit<'static>, TransferError<W::Error>> {
    if control.is_cancelled() {
        return Err(TransferError::Cancelled);
    }
    if work.needs_buffer() {
        let pool = BufferPool::shared();
        let buffer = match pool.try_acquire() {
            Some(buffer) => buffer,
            None => unless_cancelled(control, pool.acquire()).await?,
        };
        work.give(buffer);
    }
    if let Ok(permit) = BURSTS.try_acquire() {
        return Ok(permit);
    }
    match unless_cancelled(control, BURSTS.acquire()).await? {
        Ok(permit) => Ok(permit),
        // The semaphore is never closed.
        Err(_) => Err(TransferError::Cancelled),
    }
}

async fn unless_cancelled<T, E>(
    control: &TransferControl,
    future: impl Future<Output = T>,
) -> Result<T, TransferError<E>> {
    tokio::select! {
        biased;
        () = control.cancelled() => Err(TransferError::Cancelled),
        output = future => Ok(output),
    }
}

/// Waits for the peer, at most as long as no byte may move.
async fn wait<E>(
    connection: &DataConnection,
    direction: Direction,
    control: &TransferControl,
) -> Result<(), TransferError<E>> {
    let socket = connection.socket().map_err(TransferError::Broken)?;
    let ready = socket.wait(direction);
    let stalled = stalled(socket.descriptor(), direction, control.stall());
    tokio::select! {
        biased;
        () = control.cancelled() => Err(TransferError::Cancelled),
        ready = ready => ready.map_err(TransferError::Broken),
        () = stalled => Err(TransferError::Stalled(control.stall())),
    }
}

/// Ends when no byte has moved for `stall`. The kernel calls a socket writable only when a good
/// part of its queue is free, which takes a slow but living reader long: what it acknowledges
/// counts as bytes that move (security R4).
async fn stalled(socket: &Arc<OwnedFd>, direction: Direction, stall: Duration) {
    /// Looks per stall timeout; the timeout is exact to one part in this many.
    const LOOKS: u32 = 8;
    if direction == Direction::Receive {
        return tokio::time::sleep(stall).await;
    }
    let queued = || unacknowledged(socket).ok();
    let mut last = queued();
    let mut without_progress = 0;
    while without_progress < LOOKS {
        tokio::time::sleep(stall / LOOKS).await;
        let now = queued();
        if now == last {
            without_progress += 1;
        } else {
            without_progress = 0;
        }
        last = now;
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, UdpSocket};

    use super::*;

    #[test]
    fn a_burst_waits_only_as_long_as_its_patience_lasts() {
        // A socket that can always send: only the turn itself can say no.
        let socket = OwnedFd::from(UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap());
        let control = Arc::new(TransferControl::new(Duration::from_secs(1)));
        let mut patient = Turn::new(Arc::clone(&control), PATIENCE);
        assert!(patient.awaits(&socket, Direction::Send));
        assert!(!patient.awaits(&socket, Direction::Receive), "nothing came");
        assert!(patient.waited >= PATIENCE);
        patient.waited = PATIENCE_IN_ALL;
        assert!(!patient.awaits(&socket, Direction::Send));
        let mut hasty = Turn::new(control, Duration::ZERO);
        assert!(!hasty.awaits(&socket, Direction::Send));
    }
}

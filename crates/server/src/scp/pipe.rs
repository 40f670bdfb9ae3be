//! Between a channel, which its connection's task serves, and the task that copies: bytes both
//! ways. What waits here is bounded by the channel's window one way and by [`QUEUED`] the other.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use wharf_ssh::Violation;

use super::language::fatal;
use crate::registry::Handle;
use crate::ssh::Outlet;

/// Bytes for the client that may wait before no more are read of a file.
const QUEUED: usize = 512 * 1024;
/// Buffers kept for the next bytes of a file.
const SPARE: usize = 4;
/// How long an end is waited for, here the client's and there the task's.
pub(super) const FAREWELL: Duration = Duration::from_secs(2);

/// A pipe and its two ends.
struct Pipe {
    state: Mutex<State>,
    /// For the task that copies: bytes came, there is room, or the channel is gone.
    news: Notify,
    /// For the connection's task.
    handle: Arc<Handle>,
}

#[derive(Default)]
struct State {
    input: Vec<u8>,
    /// The client sends no more.
    ended: bool,
    /// Bytes that were dealt with and not given back to the client's window.
    consumed: usize,
    output: VecDeque<Vec<u8>>,
    queued: usize,
    spare: Vec<Vec<u8>>,
    /// The task waits for the client: for more bytes, or for room for its own.
    awaits: bool,
    /// The copying is over.
    status: Option<u32>,
    /// The channel is.
    gone: bool,
}

/// The channel's end. When it is dropped, the other learns that the channel is gone.
pub(super) struct ChannelEnd {
    pipe: Arc<Pipe>,
    /// What is being sent, and how much of it is.
    sending: Vec<u8>,
    sent: usize,
}

/// The end of the task that copies. When it is dropped, the copying is over.
pub(super) struct TaskEnd(Arc<Pipe>);

/// The channel is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Gone;

/// Makes one. `handle` belongs to the session of the channel.
pub(super) fn pipe(handle: Arc<Handle>) -> (ChannelEnd, TaskEnd) {
    let pipe = Arc::new(Pipe {
        state: Mutex::default(),
        news: Notify::new(),
        handle,
    });
    let channel = ChannelEnd {
        pipe: pipe.clone(),
        sending: Vec::new(),
        sent: 0,
    };
    (channel, TaskEnd(pipe))
}

impl Pipe {
    /// Held for a moment at a time; a panic in one has been reported.
    fn locked(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ChannelEnd {
    /// Bytes came.
    pub(super) fn receive(&self, bytes: &[u8]) {
        let mut state = self.pipe.locked();
        if state.status.is_some() {
            // Nobody reads them any more.
            state.consumed += bytes.len();
            return;
        }
        state.input.extend_from_slice(bytes);
        drop(state);
        self.pipe.news.notify_one();
    }

    /// No more come.
    pub(super) fn end(&self) {
        if !std::mem::replace(&mut self.pipe.locked().ended, true) {
            self.pipe.news.notify_one();
        }
    }

    pub(super) fn take_consumed(&self) -> usize {
        std::mem::take(&mut self.pipe.locked().consumed)
    }

    /// Sends what may go. How the copying ended, once it has and all is sent.
    pub(super) fn send(&mut self, outlet: &mut Outlet<'_>) -> Result<Option<u32>, Violation> {
        loop {
            let rest = self.sending.get(self.sent..).unwrap_or_default();
            if !rest.is_empty() {
                self.sent += outlet.write(rest)?;
                if self.sent < self.sending.len() {
                    return Ok(None);
                }
            }
            let done = std::mem::take(&mut self.sending);
            self.sent = 0;
            let mut state = self.pipe.locked();
            if done.capacity() > 0 && state.spare.len() < SPARE {
                state.spare.push(done);
            }
            let Some(next) = state.output.pop_front() else {
                return Ok(state.status);
            };
            state.queued -= next.len();
            drop(state);
            self.sending = next;
            self.pipe.news.notify_one();
        }
    }

    /// The channel is gone.
    pub(super) fn leave(&self) {
        self.pipe.locked().gone = true;
        self.pipe.news.notify_one();
    }

    /// Waits until the copying is over. Only the connection's task may, once it has nothing else to
    /// wait for.
    pub(super) async fn ended(&self) {
        while !self.is_over() {
            self.pipe.handle.bell.notified().await;
        }
    }

    /// Whether the copying is over and all it said is sent.
    pub(super) fn is_through(&self) -> bool {
        let state = self.pipe.locked();
        state.status.is_some() && state.output.is_empty() && self.sent == self.sending.len()
    }

    /// Whether the task is at work, and does not wait for the client.
    pub(super) fn works(&self) -> bool {
        let state = self.pipe.locked();
        state.status.is_none() && !state.awaits
    }

    pub(super) fn is_over(&self) -> bool {
        self.pipe.locked().status.is_some()
    }
}

impl Drop for ChannelEnd {
    fn drop(&mut self) {
        self.leave();
    }
}

impl TaskEnd {
    /// What has come, in the memory of `buffer`; empty at the end.
    pub(super) async fn read(&self, mut buffer: Vec<u8>) -> Result<Vec<u8>, Gone> {
        buffer.clear();
        loop {
            if self.try_read(&mut buffer)? {
                return Ok(buffer);
            }
            self.0.news.notified().await;
        }
    }

    fn try_read(&self, buffer: &mut Vec<u8>) -> Result<bool, Gone> {
        let mut state = self.0.locked();
        if state.gone {
            return Err(Gone);
        }
        state.awaits = state.input.is_empty() && !state.ended;
        if state.input.is_empty() {
            return Ok(state.ended);
        }
        std::mem::swap(&mut state.input, buffer);
        Ok(true)
    }

    /// Bytes that were read are dealt with, so that the client may send as many more.
    pub(super) fn consumed(&self, bytes: usize) {
        self.0.locked().consumed += bytes;
        self.0.handle.bell.notify_one();
    }

    /// Sends bytes; waits while many wait already.
    pub(super) async fn write(&self, bytes: Vec<u8>) -> Result<(), Gone> {
        while !self.has_room()? {
            self.0.news.notified().await;
        }
        let mut state = self.0.locked();
        state.queued += bytes.len();
        state.output.push_back(bytes);
        drop(state);
        self.0.handle.bell.notify_one();
        Ok(())
    }

    fn has_room(&self) -> Result<bool, Gone> {
        let mut state = self.0.locked();
        if state.gone {
            return Err(Gone);
        }
        state.awaits = state.queued >= QUEUED;
        Ok(!state.awaits)
    }

    /// Reads on until the client ends, for a while.
    async fn drain(&self) {
        let all = async {
            let mut bytes = Vec::new();
            while let Ok(more) = self.read(bytes).await {
                if more.is_empty() {
                    break;
                }
                self.consumed(more.len());
                bytes = more;
            }
        };
        let _ = tokio::time::timeout(FAREWELL, all).await;
    }

    /// Tells why it ends here, and leaves it to the client to end: PuTTY's takes the end of the
    /// channel for an error of its own before it has shown the text.
    pub(super) async fn refuse(&self, text: &str) {
        if self.write(fatal(text)).await.is_ok() {
            self.drain().await;
        }
    }

    /// A buffer of `size` bytes, whatever is in them.
    pub(super) fn buffer(&self, size: usize) -> Vec<u8> {
        let mut buffer = self.0.locked().spare.pop().unwrap_or_default();
        buffer.resize(size, 0);
        buffer
    }

    /// Asks, from any thread, whether the channel is still there.
    pub(super) fn witness(&self) -> impl Fn() -> bool + Send + 'static {
        let pipe = self.0.clone();
        move || !pipe.locked().gone
    }

    /// The copying is over.
    pub(super) fn finish(&self, status: u32) {
        let mut state = self.0.locked();
        state.status.get_or_insert(status);
        // What came after it is nobody's.
        let rest = std::mem::take(&mut state.input);
        state.consumed += rest.len();
        drop(state);
        self.0.handle.bell.notify_one();
    }
}

impl Drop for TaskEnd {
    fn drop(&mut self) {
        self.finish(1);
    }
}

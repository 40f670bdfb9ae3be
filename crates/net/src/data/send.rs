//! Sending what is made as it goes: listings, and files of stores without a descriptor.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use rustix::io::Errno;
use rustix::net::{SendFlags, send};

use super::burst::{Step, Turn, Work, drive};
use super::control::{TransferControl, TransferError};
use super::{DataConnection, tls};
use crate::pool::PooledBuffer;
use crate::socket::Direction;

/// Where bytes to send come from. Called on a blocking thread, so it may wait on a disk.
pub trait Source: Send + 'static {
    /// What can go wrong on our side.
    type Error: Send + 'static;

    /// Appends up to about 256 KiB to `buffer`, which is empty; appends nothing at the end.
    /// What was appended is sent before the next call.
    ///
    /// # Errors
    /// Ends the transfer: the connection is reset, so that the peer does not take what it has
    /// for the whole.
    fn fill(&mut self, buffer: &mut Vec<u8>) -> Result<(), Self::Error>;
}

impl DataConnection {
    /// Sends all that `source` has and hands it back with the number of bytes sent. The
    /// connection stays open for [`finish`](Self::finish).
    ///
    /// # Errors
    /// [`TransferError`]; `Local` is the source's.
    pub async fn send<S: Source>(
        &mut self,
        source: S,
        control: &Arc<TransferControl>,
    ) -> (S, Result<u64, TransferError<S::Error>>) {
        if let Some(tls) = self.tls.take() {
            return tls::send(self, tls, source, control).await;
        }
        let work = Sending {
            source,
            buffer: None,
            position: 0,
            sent: 0,
        };
        let (work, result) = drive(self, work, control).await;
        (work.source, result.map(|()| work.sent))
    }
}

struct Sending<S> {
    source: S,
    buffer: Option<PooledBuffer>,
    /// What of the buffer is sent already.
    position: usize,
    sent: u64,
}

impl<S: Source> Work for Sending<S> {
    type Error = S::Error;

    fn needs_buffer(&self) -> bool {
        self.buffer.is_none()
    }

    fn give(&mut self, mut buffer: PooledBuffer) {
        buffer.clear();
        self.position = 0;
        self.buffer = Some(buffer);
    }

    fn run(&mut self, socket: &OwnedFd, turn: &mut Turn) -> Step<S::Error> {
        let Some(buffer) = &mut self.buffer else {
            return Step::Again;
        };
        loop {
            if turn.is_cancelled() {
                return Step::Failed(TransferError::Cancelled);
            }
            if self.position == buffer.len() {
                if turn.is_over() {
                    return Step::Again;
                }
                buffer.clear();
                self.position = 0;
                if let Err(error) = self.source.fill(buffer) {
                    return Step::Failed(TransferError::Local(error));
                }
                if buffer.is_empty() {
                    self.buffer = None;
                    return Step::Done;
                }
            }
            let rest = buffer.get(self.position..).unwrap_or_default();
            match send_some(socket, rest, turn) {
                Ok(sent) => {
                    self.position += sent;
                    self.sent += sent as u64;
                }
                Err(step) => return step,
            }
        }
    }
}

/// Sends a part of `bytes`, waiting shortly for room; 0 means: try again.
pub(super) fn send_some<E>(
    socket: &OwnedFd,
    bytes: &[u8],
    turn: &mut Turn,
) -> Result<usize, Step<E>> {
    let sent = send_uncounted(socket, bytes, SendFlags::DONTWAIT, turn)?;
    turn.moved(sent);
    Ok(sent)
}

/// [`send_some`] for bytes that are not the file's own.
pub(super) fn send_uncounted<E>(
    socket: &OwnedFd,
    bytes: &[u8],
    flags: SendFlags,
    turn: &mut Turn,
) -> Result<usize, Step<E>> {
    match send(socket, bytes, SendFlags::NOSIGNAL | flags) {
        Ok(sent) => Ok(sent),
        Err(Errno::AGAIN) if turn.awaits(socket, Direction::Send) => Ok(0),
        Err(Errno::AGAIN) => Err(Step::Blocked(Direction::Send)),
        Err(Errno::INTR) => Ok(0),
        Err(error) => {
            let error = io::Error::from(error);
            Err(Step::Failed(TransferError::Broken(error)))
        }
    }
}

//! Receiving: from the socket into whatever keeps the bytes.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Instant;

use rustix::buffer::spare_capacity;
use rustix::io::Errno;
use rustix::net::{RecvFlags, recv};

use super::burst::{Step, Turn, Work, drive};
use super::control::{TransferControl, TransferError};
use super::{DataConnection, tls};
use crate::pool::PooledBuffer;
use crate::socket::Direction;

/// Where received bytes go. Called on a blocking thread, so it may wait on a disk.
pub trait Sink: Send + 'static {
    /// What can go wrong on our side.
    type Error: Send + 'static;

    /// Takes the next bytes, never none, up to 256 KiB.
    ///
    /// # Errors
    /// Ends the transfer: the connection is reset at once.
    fn write(&mut self, chunk: &[u8]) -> Result<(), Self::Error>;

    /// Called once, at the clean end of the data (a FIN; under TLS, close_notify), and never after
    /// an error.
    ///
    /// # Errors
    /// Ends the transfer as failed.
    fn end(&mut self) -> Result<(), Self::Error>;
}

impl DataConnection {
    /// Receives until the peer ends the data, writes them to `sink`, and hands it back with the
    /// number of bytes received.
    ///
    /// # Errors
    /// [`TransferError`]; `Local` is the sink's, and the connection is then closed already.
    pub async fn receive<S: Sink>(
        &mut self,
        sink: S,
        control: &Arc<TransferControl>,
    ) -> (S, Result<u64, TransferError<S::Error>>) {
        let (sink, result) = match self.tls.take() {
            Some(tls) => tls::receive(self, tls, sink, control).await,
            None => {
                let work = Receiving {
                    sink,
                    buffer: None,
                    received: 0,
                };
                let (work, result) = drive(self, work, control).await;
                (work.sink, result.map(|()| work.received))
            }
        };
        if let Err(TransferError::Local(_)) = &result {
            // What the peer still sends would be for nothing.
            self.reset();
        }
        (sink, result)
    }
}

struct Receiving<S> {
    sink: S,
    buffer: Option<PooledBuffer>,
    received: u64,
}

impl<S: Sink> Work for Receiving<S> {
    type Error = S::Error;

    fn needs_buffer(&self) -> bool {
        self.buffer.is_none()
    }

    fn give(&mut self, buffer: PooledBuffer) {
        self.buffer = Some(buffer);
    }

    /// Fills the buffer while bytes are there and writes it when it is full or none are: few,
    /// large writes from a fast peer, none held back from a slow one.
    fn run(&mut self, socket: &OwnedFd, turn: &mut Turn) -> Step<S::Error> {
        // Taken, not borrowed: whatever ends the burst, the buffer goes back with it.
        let Some(mut buffer) = self.buffer.take() else {
            return Step::Again;
        };
        buffer.clear();
        let flags = if turn.may_wait_in_kernel(socket) {
            RecvFlags::WAITALL
        } else {
            RecvFlags::DONTWAIT
        };
        loop {
            if turn.is_cancelled() {
                return Step::Failed(TransferError::Cancelled);
            }
            let began = Instant::now();
            match recv(socket, spare_capacity(&mut buffer), flags) {
                Ok((0, _)) => return self.end(&mut buffer),
                Ok((received, _)) => {
                    turn.moved(received);
                    self.received += received as u64;
                    if buffer.len() < buffer.capacity() && !turn.is_out_of_patience() {
                        turn.waited(began.elapsed());
                        continue;
                    }
                    if let Err(step) = self.flush(&mut buffer) {
                        return step;
                    }
                    if turn.is_over() {
                        return Step::Again;
                    }
                    if turn.is_out_of_patience() {
                        return Step::Blocked(Direction::Receive);
                    }
                }
                Err(Errno::AGAIN) => {
                    if let Err(step) = self.flush(&mut buffer) {
                        return step;
                    }
                    if turn.is_over() {
                        return Step::Again;
                    }
                    if !turn.awaits(socket, Direction::Receive) {
                        return Step::Blocked(Direction::Receive);
                    }
                }
                Err(Errno::INTR) => {}
                Err(error) => {
                    return self.broken(&mut buffer, error.into());
                }
            }
        }
    }
}

impl<S: Sink> Receiving<S> {
    fn flush(&mut self, buffer: &mut Vec<u8>) -> Result<(), Step<S::Error>> {
        if buffer.is_empty() {
            return Ok(());
        }
        let written = self.sink.write(buffer);
        buffer.clear();
        written.map_err(|error| Step::Failed(TransferError::Local(error)))
    }

    fn end(&mut self, buffer: &mut Vec<u8>) -> Step<S::Error> {
        if let Err(step) = self.flush(buffer) {
            return step;
        }
        match self.sink.end() {
            Ok(()) => Step::Done,
            Err(error) => Step::Failed(TransferError::Local(error)),
        }
    }

    /// What did arrive before the connection broke is kept, for a resume.
    fn broken(&mut self, buffer: &mut Vec<u8>, error: io::Error) -> Step<S::Error> {
        match self.flush(buffer) {
            Ok(()) => Step::Failed(TransferError::Broken(error)),
            Err(step) => step,
        }
    }
}

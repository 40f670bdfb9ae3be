//! Receiving under TLS, up to close_notify.

use std::cell::RefCell;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Instant;

use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, recv, send};

use super::super::burst::{Step, Turn, Work, drive};
use super::super::control::{TransferControl, TransferError};
use super::super::{DataConnection, Sink};
use super::Encryption;
use crate::pool::PooledBuffer;
use crate::socket::Direction;

/// Bytes received and decrypted at a time.
const RECEIVE_PIECE: usize = 128 * 1024;

/// Plaintext is written in multiples of this from a fast peer: file systems like large, aligned
/// writes. With one piece more that has just been decrypted it fits a pooled buffer.
const WRITE_PIECE: usize = 128 * 1024;

/// Receives until the peer ends the data, and hands the sink back.
pub(in crate::data) async fn receive<S: Sink>(
    connection: &mut DataConnection,
    encryption: Box<Encryption>,
    sink: S,
    control: &Arc<TransferControl>,
) -> (S, Result<u64, TransferError<S::Error>>) {
    let work = Receiving {
        encryption,
        sink,
        plain: None,
        received: 0,
    };
    let (work, result) = drive(connection, work, control).await;
    (work.sink, result.map(|()| work.received))
}

struct Receiving<S> {
    encryption: Box<Encryption>,
    sink: S,
    plain: Option<PooledBuffer>,
    received: u64,
}

impl<S: Sink> Work for Receiving<S> {
    type Error = S::Error;

    fn needs_buffer(&self) -> bool {
        self.plain.is_none()
    }

    fn give(&mut self, buffer: PooledBuffer) {
        self.plain = Some(buffer);
    }

    fn run(&mut self, socket: &OwnedFd, turn: &mut Turn) -> Step<S::Error> {
        thread_local! {
            /// One for each burst that runs. What is left of a record is the session's to keep.
            static INCOMING: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
        }
        // Taken, not borrowed: whatever ends the burst, the buffer goes back with it.
        let Some(mut plain) = self.plain.take() else {
            return Step::Again;
        };
        plain.clear();
        plain.append(&mut self.encryption.early);
        turn.moved(plain.len());
        self.received += plain.len() as u64;
        INCOMING.with_borrow_mut(|incoming| {
            incoming.resize(RECEIVE_PIECE, 0);
            self.burst(socket, turn, incoming, &mut plain)
        })
    }
}

impl<S: Sink> Receiving<S> {
    fn burst(
        &mut self,
        socket: &OwnedFd,
        turn: &mut Turn,
        incoming: &mut [u8],
        plain: &mut Vec<u8>,
    ) -> Step<S::Error> {
        let flags = if turn.may_wait_in_kernel(socket) {
            RecvFlags::WAITALL
        } else {
            RecvFlags::DONTWAIT
        };
        loop {
            if turn.is_cancelled() {
                return Step::Failed(TransferError::Cancelled);
            }
            if self.encryption.session.is_ended() {
                return self.end(socket, plain);
            }
            let began = Instant::now();
            let count = match recv(socket, &mut *incoming, flags) {
                Ok((0, _)) => return self.cut_off(plain),
                Ok((count, _)) => count,
                Err(Errno::INTR) => continue,
                Err(Errno::AGAIN) => {
                    if let Err(step) = self.write(plain, 0) {
                        return step;
                    }
                    if turn.is_over() {
                        return Step::Again;
                    }
                    if turn.awaits(socket, Direction::Receive) {
                        continue;
                    }
                    return Step::Blocked(Direction::Receive);
                }
                Err(error) => return self.fail(plain, error.into()),
            };
            if count < incoming.len() {
                turn.waited(began.elapsed());
            }
            let received = incoming.get_mut(..count).unwrap_or_default();
            if let Err(error) = self.decrypt(socket, turn, received, plain) {
                return self.fail(plain, io::Error::other(error));
            }
            if self.encryption.session.is_ended() {
                continue;
            }
            let rest = if turn.is_out_of_patience() {
                0
            } else {
                WRITE_PIECE
            };
            if let Err(step) = self.write(plain, rest) {
                return step;
            }
            if turn.is_over() {
                return match self.write(plain, 0) {
                    Ok(()) => Step::Again,
                    Err(step) => step,
                };
            }
            if turn.is_out_of_patience() {
                return Step::Blocked(Direction::Receive);
            }
        }
    }

    fn decrypt(
        &mut self,
        socket: &OwnedFd,
        turn: &mut Turn,
        received: &mut [u8],
        plain: &mut Vec<u8>,
    ) -> Result<(), rustls::Error> {
        let before = plain.len();
        let mut outgoing = Vec::new();
        let progress = self
            .encryption
            .session
            .receive(received, plain, &mut outgoing);
        if !outgoing.is_empty() {
            // The answer to a key update, or an alert; the peer reads it or not.
            let _ = send(socket, &outgoing, SendFlags::NOSIGNAL | SendFlags::DONTWAIT);
        }
        turn.moved(plain.len() - before);
        self.received += (plain.len() - before) as u64;
        progress.map(|_| ())
    }

    /// Writes whole pieces of `piece` bytes; 0 writes all there is.
    fn write(&mut self, plain: &mut Vec<u8>, piece: usize) -> Result<(), Step<S::Error>> {
        let whole = match piece {
            0 => plain.len(),
            piece => plain.len() / piece * piece,
        };
        if whole == 0 {
            return Ok(());
        }
        let written = self.sink.write(plain.get(..whole).unwrap_or_default());
        plain.drain(..whole);
        written.map_err(|error| Step::Failed(TransferError::Local(error)))
    }

    /// The peer has said its last.
    fn end(&mut self, socket: &OwnedFd, plain: &mut Vec<u8>) -> Step<S::Error> {
        let mut last = Vec::new();
        if self.encryption.session.close(&mut last).is_ok() {
            // Some clients wait for it; those that do not are gone, which is as well.
            let _ = send(socket, &last, SendFlags::NOSIGNAL | SendFlags::DONTWAIT);
        }
        self.finish(plain)
    }

    /// The connection ended without TLS's own end, which a FIN that anybody may have sent is not
    /// (security P8).
    fn cut_off(&mut self, plain: &mut Vec<u8>) -> Step<S::Error> {
        if !self.encryption.must_close {
            return self.finish(plain);
        }
        match self.write(plain, 0) {
            Ok(()) => Step::Failed(TransferError::Unclosed),
            Err(step) => step,
        }
    }

    fn finish(&mut self, plain: &mut Vec<u8>) -> Step<S::Error> {
        if let Err(step) = self.write(plain, 0) {
            return step;
        }
        match self.sink.end() {
            Ok(()) => Step::Done,
            Err(error) => Step::Failed(TransferError::Local(error)),
        }
    }

    /// What did arrive before the connection broke is kept, for a resume.
    fn fail(&mut self, plain: &mut Vec<u8>, error: io::Error) -> Step<S::Error> {
        match self.write(plain, 0) {
            Ok(()) => Step::Failed(TransferError::Broken(error)),
            Err(step) => step,
        }
    }
}

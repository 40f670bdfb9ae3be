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

/// Bytes received and decrypted at a time. With what is left over of [`WRITE_PIECE`], and a record
/// begun before, their plaintext fits a pooled buffer.
const RECEIVE_PIECE: usize = 96 * 1024;

/// Plaintext is written in multiples of this from a fast peer: file systems like large, aligned
/// writes.
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
        unsent: Vec::new(),
    };
    let (work, result) = drive(connection, work, control).await;
    (work.sink, result.map(|()| work.received))
}

struct Receiving<S> {
    encryption: Box<Encryption>,
    sink: S,
    plain: Option<PooledBuffer>,
    received: u64,
    /// What TLS has to say, as far as the peer's socket has not taken it.
    unsent: Vec<u8>,
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
        let patient = turn.may_wait_in_kernel(socket);
        // Waiting for a whole piece is for peers that send them: the end of a small upload would
        // be waited for in vain.
        let mut flags = RecvFlags::DONTWAIT;
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
                Err(Errno::AGAIN) => match self.wait(socket, turn, plain) {
                    Some(step) => return step,
                    None => continue,
                },
                Err(error) => return self.fail(plain, error.into()),
            };
            if count == incoming.len() && patient {
                flags = RecvFlags::WAITALL;
            } else if count < incoming.len() {
                turn.waited(began.elapsed());
            }
            let received = incoming.get_mut(..count).unwrap_or_default();
            if let Err(error) = self.decrypt(socket, turn, received, plain) {
                return self.fail(plain, io::Error::other(error));
            }
            if let Some(step) = self.pass_on(turn, plain) {
                return step;
            }
        }
    }

    /// Nothing is there: what came is written, and the peer waited for, here or in the task.
    fn wait(
        &mut self,
        socket: &OwnedFd,
        turn: &mut Turn,
        plain: &mut Vec<u8>,
    ) -> Option<Step<S::Error>> {
        if let Err(step) = self.write(plain, 0) {
            return Some(step);
        }
        if turn.is_over() {
            return Some(Step::Again);
        }
        let ready = turn.awaits(socket, Direction::Receive);
        (!ready).then_some(Step::Blocked(Direction::Receive))
    }

    /// Writes what is worth a write; all of it when the burst is over.
    fn pass_on(&mut self, turn: &Turn, plain: &mut Vec<u8>) -> Option<Step<S::Error>> {
        if self.encryption.session.is_ended() {
            return None;
        }
        let step = match (turn.is_over(), turn.is_out_of_patience()) {
            (true, _) => Some(Step::Again),
            (false, true) => Some(Step::Blocked(Direction::Receive)),
            (false, false) => None,
        };
        let piece = if step.is_some() { 0 } else { WRITE_PIECE };
        match self.write(plain, piece) {
            Ok(()) => step,
            Err(failed) => Some(failed),
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
        let session = &mut self.encryption.session;
        let progress = session.receive(received, plain, &mut self.unsent);
        self.answer(socket);
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
        if self.encryption.session.close(&mut self.unsent).is_ok() {
            // Some clients wait for it; those that do not are gone, which is as well.
            self.answer(socket);
        }
        self.finish(plain)
    }

    /// Sends what TLS has to say by itself, as far as the peer takes it.
    fn answer(&mut self, socket: &OwnedFd) {
        if self.unsent.is_empty() {
            return;
        }
        let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
        let sent = send(socket, &self.unsent, flags).unwrap_or(0);
        self.unsent.drain(..sent.min(self.unsent.len()));
    }

    /// The connection ended without TLS's own end, which a FIN that anybody may have sent is not
    /// (security P8).
    fn cut_off(&mut self, plain: &mut Vec<u8>) -> Step<S::Error> {
        // Half a record proves the cut, whatever the settings take for an end.
        if !self.encryption.must_close && !self.encryption.session.has_kept() {
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

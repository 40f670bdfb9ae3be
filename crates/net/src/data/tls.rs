//! Data connections under TLS.
//!
//! The handshake waits in the task; the bytes move in the same bursts as those in clear, encrypted
//! and decrypted on the burst's thread, some records at a time, so that what one step leaves in the
//! processor's cache the next one finds there.

use std::cell::RefCell;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::buffer::spare_capacity;
use rustix::io::{Errno, pread};
use rustix::net::{RecvFlags, SendFlags, recv, send as send_now};
use rustls::ServerConfig;

use super::burst::{Step, Turn, Work, drive};
use super::control::{TransferControl, TransferError};
use super::file::with_cached;
use super::send::send_uncounted;
use super::{DataConnection, Sink, Source};
use crate::pool::PooledBuffer;
use crate::socket::Direction;
use crate::tls::between_servers;
use crate::tls::handshake::{HandshakeError, Wire, handshake};
use crate::tls::session::{TlsSession, room_for};

/// Plaintext that is encrypted and sent at a time: four records.
const SEND_PIECE: usize = 64 * 1024;

/// Bytes received and decrypted at a time.
const RECEIVE_PIECE: usize = 128 * 1024;

/// Plaintext is written in multiples of this from a fast peer: file systems like large, aligned
/// writes. With one piece more that has just been decrypted it fits a pooled buffer.
const WRITE_PIECE: usize = 128 * 1024;

/// What is to happen on a data connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DataRole {
    /// We are the client of its TLS (SSCN, CPSV).
    pub tls_client: bool,
    /// The data are ours.
    pub sends: bool,
    /// What the peer sends must end with close_notify.
    pub must_close: bool,
}

/// What a data connection needs to begin TLS.
#[derive(Debug, Clone)]
pub struct DataTls {
    /// `None`: we are the client.
    server: Option<Arc<ServerConfig>>,
    must_close: bool,
}

/// How a data connection's handshake went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Protected {
    /// It came out of its control connection's session: whoever is there was there, too.
    pub resumed: bool,
}

/// The TLS of one data connection.
#[derive(Debug)]
pub(super) struct Encryption {
    session: TlsSession,
    must_close: bool,
    /// Plaintext that came with the end of the handshake.
    early: Vec<u8>,
}

impl DataTls {
    pub(crate) const fn new(server: Option<Arc<ServerConfig>>, must_close: bool) -> Self {
        Self { server, must_close }
    }

    /// Whether what the peer sends must end with close_notify.
    #[must_use]
    pub const fn must_close(&self) -> bool {
        self.must_close
    }
}

impl DataConnection {
    /// Begins TLS.
    ///
    /// # Errors
    /// The connection is of no use any more; an alert has told the peer why, where there is one.
    pub async fn protect(
        &mut self,
        tls: &DataTls,
        limit: Duration,
    ) -> Result<Protected, HandshakeError> {
        self.unfinished = true;
        let mut session = match &tls.server {
            Some(config) => TlsSession::server(Arc::clone(config))?,
            None => between_servers::session(self.peer.ip())?,
        };
        let mut early = Vec::new();
        handshake(&*self, &mut session, &mut early, limit).await?;
        let resumed = session.is_resumed();
        self.unfinished = false;
        self.tls = Some(Box::new(Encryption {
            session,
            must_close: tls.must_close,
            early,
        }));
        Ok(Protected { resumed })
    }

    /// Whether the bytes are encrypted.
    #[must_use]
    pub const fn is_protected(&self) -> bool {
        self.tls.is_some()
    }
}

impl Wire for DataConnection {
    fn receive(&self, space: &mut [u8]) -> io::Result<usize> {
        self.try_receive(space)
    }

    fn send(&self, bytes: &[u8]) -> io::Result<usize> {
        self.try_send(bytes)
    }

    async fn readable(&self) -> io::Result<()> {
        self.socket()?.wait(Direction::Receive).await
    }

    async fn writable(&self) -> io::Result<()> {
        self.socket()?.wait(Direction::Send).await
    }
}

/// Sends all that `source` has, and close_notify.
pub(super) async fn send<S: Source>(
    connection: &mut DataConnection,
    encryption: Box<Encryption>,
    source: S,
    control: &Arc<TransferControl>,
) -> (S, Result<u64, TransferError<S::Error>>) {
    let work = Sending::new(encryption, source);
    let (work, result) = drive(connection, work, control).await;
    (work.source, result.map(|()| work.sent))
}

/// Sends a part of a file, and close_notify.
pub(super) async fn send_file(
    connection: &mut DataConnection,
    mut encryption: Box<Encryption>,
    file: Arc<File>,
    offset: u64,
    length: u64,
    control: &Arc<TransferControl>,
) -> Result<u64, TransferError<io::Error>> {
    let mut records = Vec::new();
    let cached = with_cached(&file, offset, length, |bytes| {
        if bytes.len() as u64 != length {
            return Ok(false);
        }
        encryption.session.encrypt(bytes, &mut records)?;
        encryption.session.close(&mut records)?;
        Ok(true)
    });
    if cached.map_err(broken)? && !control.is_cancelled() {
        let sent = match connection.try_send(&records) {
            Ok(sent) => sent,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
            Err(error) => {
                connection.unfinished = true;
                return Err(TransferError::Broken(error));
            }
        };
        if sent == records.len() {
            control.add(length);
            return Ok(length);
        }
        let rest = Sending {
            length: records.len(),
            records,
            position: sent,
            carried: usize::try_from(length).unwrap_or(usize::MAX),
            closed: true,
            ..Sending::new(encryption, Nothing)
        };
        let (work, result) = drive(connection, rest, control).await;
        return result.map(|()| work.sent);
    }
    let source = FilePart {
        file,
        offset,
        left: length,
    };
    let (_, result) = send(connection, encryption, source, control).await;
    result
}

/// Receives until the peer ends the data, and hands the sink back.
pub(super) async fn receive<S: Sink>(
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

/// Nothing more: all records are made.
struct Nothing;

impl Source for Nothing {
    type Error = io::Error;

    fn fill(&mut self, _buffer: &mut Vec<u8>) -> Result<(), io::Error> {
        Ok(())
    }
}

struct FilePart {
    file: Arc<File>,
    offset: u64,
    left: u64,
}

impl Source for FilePart {
    type Error = io::Error;

    fn fill(&mut self, buffer: &mut Vec<u8>) -> Result<(), io::Error> {
        if self.left == 0 {
            return Ok(());
        }
        let read = loop {
            match pread(&*self.file, spare_capacity(buffer), self.offset) {
                // Shorter than promised is never a success.
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(read) => break read as u64,
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        };
        let used = read.min(self.left);
        buffer.truncate(usize::try_from(used).unwrap_or(usize::MAX));
        self.offset += used;
        self.left -= used;
        Ok(())
    }
}

struct Sending<S> {
    encryption: Box<Encryption>,
    source: S,
    plain: Option<PooledBuffer>,
    /// What of the plaintext is encrypted already.
    encrypted: usize,
    /// Records; those before `position` are sent.
    records: Vec<u8>,
    length: usize,
    position: usize,
    /// The plaintext in those records.
    carried: usize,
    closed: bool,
    sent: u64,
}

impl<S: Source> Sending<S> {
    fn new(encryption: Box<Encryption>, source: S) -> Self {
        Self {
            encryption,
            source,
            plain: None,
            encrypted: 0,
            records: Vec::new(),
            length: 0,
            position: 0,
            carried: 0,
            closed: false,
            sent: 0,
        }
    }

    /// Fills the records again; `false` when everything was sent.
    fn prepare(&mut self, turn: &mut Turn) -> Result<bool, Step<S::Error>> {
        turn.moved(self.carried);
        self.sent += self.carried as u64;
        self.carried = 0;
        if self.closed {
            return Ok(false);
        }
        let Some(plain) = &mut self.plain else {
            return Err(Step::Again);
        };
        if self.encrypted == plain.len() {
            if turn.is_over() {
                return Err(Step::Again);
            }
            plain.clear();
            self.encrypted = 0;
            self.source
                .fill(plain)
                .map_err(|error| Step::Failed(TransferError::Local(error)))?;
        }
        let rest = plain.get(self.encrypted..).unwrap_or_default();
        let piece = rest.get(..SEND_PIECE).unwrap_or(rest);
        self.position = 0;
        if piece.is_empty() {
            self.closed = true;
            self.records.clear();
            let closed = self.encryption.session.close(&mut self.records);
            self.length = self.records.len();
            self.plain = None;
            return closed.map(|()| true).map_err(failed);
        }
        let room = room_for(SEND_PIECE.min(piece.len()));
        if self.records.len() < room {
            self.records.resize(room, 0);
        }
        self.length = self
            .encryption
            .session
            .encrypt_into(piece, &mut self.records)
            .map_err(failed)?;
        self.carried = piece.len();
        self.encrypted += piece.len();
        Ok(true)
    }
}

impl<S: Source> Work for Sending<S> {
    type Error = S::Error;

    fn needs_buffer(&self) -> bool {
        self.plain.is_none() && !self.closed
    }

    fn give(&mut self, mut buffer: PooledBuffer) {
        buffer.clear();
        self.encrypted = 0;
        self.plain = Some(buffer);
    }

    fn run(&mut self, socket: &OwnedFd, turn: &mut Turn) -> Step<S::Error> {
        let flags = if turn.may_wait_in_kernel(socket) {
            SendFlags::empty()
        } else {
            SendFlags::DONTWAIT
        };
        loop {
            if turn.is_cancelled() {
                return Step::Failed(TransferError::Cancelled);
            }
            if self.position == self.length {
                match self.prepare(turn) {
                    Ok(true) => {}
                    Ok(false) => return Step::Done,
                    Err(step) => return step,
                }
            }
            let rest = self.records.get(self.position..self.length);
            let rest = rest.unwrap_or_default();
            let began = Instant::now();
            match send_uncounted(socket, rest, flags, turn) {
                Ok(sent) => {
                    if sent < rest.len() {
                        turn.waited(began.elapsed());
                        if turn.is_out_of_patience() {
                            self.position += sent;
                            return Step::Blocked(Direction::Send);
                        }
                    }
                    self.position += sent;
                }
                Err(step) => return step,
            }
        }
    }
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
            let _ = send_now(socket, &outgoing, SendFlags::NOSIGNAL | SendFlags::DONTWAIT);
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
            let _ = send_now(socket, &last, SendFlags::NOSIGNAL | SendFlags::DONTWAIT);
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

fn failed<E>(error: rustls::Error) -> Step<E> {
    Step::Failed(broken(error))
}

fn broken<E>(error: rustls::Error) -> TransferError<E> {
    TransferError::Broken(io::Error::other(error))
}

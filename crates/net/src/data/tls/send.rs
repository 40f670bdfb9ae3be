//! Sending under TLS: some records at a time, and close_notify behind the last.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Instant;

use rustix::io::{Errno, pread};
use rustix::net::SendFlags;

use super::super::burst::{Step, Turn, Work, drive};
use super::super::control::{TransferControl, TransferError};
use super::super::file::with_cached;
use super::super::send::send_uncounted;
use super::super::{DataConnection, Source};
use super::{Encryption, broken, failed};
use crate::pool::PooledBuffer;
use crate::socket::Direction;
use crate::tls::session::room_for;

/// Plaintext that is encrypted and sent at a time: four records.
const SEND_PIECE: usize = 64 * 1024;

/// Sends all that `source` has, and close_notify.
pub(in crate::data) async fn send<S: Source>(
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
pub(in crate::data) async fn send_file(
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
        // No more than is encrypted at once: then a peer that does not read holds no buffer.
        buffer.resize(SEND_PIECE, 0);
        let read = loop {
            match pread(&*self.file, &mut buffer[..], self.offset) {
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
        // Only when there is nothing left to send: a peer that does not read waits without one.
        self.plain.is_none() && !self.closed && self.position == self.length
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
                    self.position += sent;
                    if sent < rest.len() {
                        turn.waited(began.elapsed());
                        if turn.is_out_of_patience() {
                            return self.blocked();
                        }
                    }
                }
                Err(Step::Blocked(_)) => return self.blocked(),
                Err(step) => return step,
            }
        }
    }
}

impl<S: Source> Sending<S> {
    /// The peer is behind. All slow peers together must not hold the buffers of the others.
    fn blocked(&mut self) -> Step<S::Error> {
        if self
            .plain
            .as_ref()
            .is_some_and(|plain| plain.len() == self.encrypted)
        {
            self.plain = None;
        }
        Step::Blocked(Direction::Send)
    }
}

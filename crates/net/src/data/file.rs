//! Sending files: in the kernel from file to socket, and small ones without a thread.

use std::cell::RefCell;
use std::fs::File;
use std::io::{self, IoSliceMut};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Instant;

use rustix::buffer::spare_capacity;
use rustix::fs::sendfile;
use rustix::io::{Errno, ReadWriteFlags, pread, preadv2};

use super::burst::{Step, Turn, Work, drive};
use super::control::{TransferControl, TransferError};
use super::send::send_some;
use super::{DataConnection, tls};
use crate::pool::PooledBuffer;
use crate::socket::{Direction, is_of_connection};

/// Bytes given to one `sendfile(2)`; between two of them a burst looks whether it must stop.
const PIECE: u64 = 1024 * 1024;

/// Up to here a file is read in the task itself, if the page cache has it.
const INLINE_BYTES: usize = 32 * 1024;

impl DataConnection {
    /// Sends `length` bytes of `file` from `offset` on. The file's own position is not used.
    ///
    /// # Errors
    /// [`TransferError`]; `Local` is the file's: `UnexpectedEof` when it has become shorter than
    /// promised, which is never a success.
    pub async fn send_file(
        &mut self,
        file: &Arc<File>,
        offset: u64,
        length: u64,
        control: &Arc<TransferControl>,
    ) -> Result<u64, TransferError<io::Error>> {
        if let Some(tls) = self.tls.take() {
            let file = Arc::clone(file);
            return tls::send_file(self, tls, file, offset, length, control).await;
        }
        let inline = self.send_file_now(file, offset, length, control)?;
        if inline == length {
            return Ok(length);
        }
        let work = FileSending {
            file: Arc::clone(file),
            position: offset.saturating_add(inline),
            remaining: length - inline,
            copying: None,
        };
        drive(self, work, control).await.1.map(|()| length)
    }

    /// Sends what can be sent of a small file (32 KiB) without a thread and without waiting:
    /// `RWF_NOWAIT` refuses to wait for a disk. Returns the number of bytes sent: all, or less
    /// when the page cache does not have them or the peer does not take them, or 0.
    ///
    /// # Errors
    /// As [`DataConnection::send_file`], with which to send the rest.
    pub fn send_file_now(
        &mut self,
        file: &File,
        offset: u64,
        length: u64,
        control: &TransferControl,
    ) -> Result<u64, TransferError<io::Error>> {
        if self.tls.is_some() {
            return Ok(0);
        }
        if control.is_cancelled() {
            return Err(TransferError::Cancelled);
        }
        let sent = with_cached(file, offset, length, |bytes| match self.try_send(bytes) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
            outcome => outcome,
        });
        match sent {
            Ok(sent) => {
                control.add(sent as u64);
                Ok(sent as u64)
            }
            Err(error) => {
                self.unfinished = true;
                Err(TransferError::Broken(error))
            }
        }
    }
}

/// Hands over a small file as far as the page cache has it: nothing when it is not small.
pub(super) fn with_cached<T>(
    file: &File,
    offset: u64,
    length: u64,
    work: impl FnOnce(&[u8]) -> T,
) -> T {
    thread_local! {
        /// One for each worker thread.
        static CACHED: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    }
    let wanted = usize::try_from(length).unwrap_or(usize::MAX);
    if wanted > INLINE_BYTES {
        return work(&[]);
    }
    CACHED.with_borrow_mut(|buffer| {
        buffer.resize(INLINE_BYTES, 0);
        let (room, _) = buffer.split_at_mut(wanted);
        let mut rooms = [IoSliceMut::new(room)];
        // Whatever speaks against it, the burst will find out and say.
        let read = preadv2(file, &mut rooms, offset, ReadWriteFlags::NOWAIT).unwrap_or(0);
        work(buffer.get(..read).unwrap_or_default())
    })
}

pub(super) struct FileSending {
    file: Arc<File>,
    position: u64,
    remaining: u64,
    /// Set when the kernel cannot send this file itself.
    copying: Option<Copying>,
}

#[derive(Default)]
struct Copying {
    buffer: Option<PooledBuffer>,
    /// What of the buffer is sent already.
    sent: usize,
}

impl Work for FileSending {
    type Error = io::Error;

    fn needs_buffer(&self) -> bool {
        self.copying
            .as_ref()
            .is_some_and(|copying| copying.buffer.is_none())
    }

    fn give(&mut self, mut buffer: PooledBuffer) {
        buffer.clear();
        self.copying = Some(Copying {
            buffer: Some(buffer),
            sent: 0,
        });
    }

    fn run(&mut self, socket: &OwnedFd, turn: &mut Turn) -> Step<io::Error> {
        turn.may_wait_in_kernel(socket);
        while self.remaining > 0 {
            if turn.is_cancelled() {
                return Step::Failed(TransferError::Cancelled);
            }
            if turn.is_over() {
                return Step::Again;
            }
            if turn.is_out_of_patience() {
                return Step::Blocked(Direction::Send);
            }
            let moved = match &mut self.copying {
                None => self.send_piece(socket, turn),
                Some(copying) => {
                    copying.copy_piece(&self.file, self.position, self.remaining, socket, turn)
                }
            };
            match moved {
                Ok(moved) => {
                    self.position += moved;
                    self.remaining -= moved;
                }
                Err(step) => return step,
            }
        }
        self.copying = None;
        Step::Done
    }
}

impl FileSending {
    #[cfg(test)]
    pub(super) fn copying(file: &Arc<File>, position: u64, remaining: u64) -> Self {
        Self {
            file: Arc::clone(file),
            position,
            remaining,
            copying: Some(Copying::default()),
        }
    }

    fn send_piece(&mut self, socket: &OwnedFd, turn: &mut Turn) -> Result<u64, Step<io::Error>> {
        let piece = usize::try_from(self.remaining.min(PIECE)).unwrap_or(usize::MAX);
        let mut position = self.position;
        let began = Instant::now();
        match sendfile(socket, &*self.file, Some(&mut position), piece) {
            Ok(0) => Err(Step::Failed(TransferError::Local(
                io::ErrorKind::UnexpectedEof.into(),
            ))),
            Ok(sent) => {
                turn.moved(sent);
                if sent < piece {
                    turn.waited(began.elapsed());
                }
                Ok(sent as u64)
            }
            Err(Errno::AGAIN) if turn.awaits(socket, Direction::Send) => Ok(0),
            Err(Errno::AGAIN) => Err(Step::Blocked(Direction::Send)),
            Err(Errno::INTR) => Ok(0),
            // Not every file system can: sendfile(2), "applications may wish to fall back".
            Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
                self.copying = Some(Copying::default());
                Err(Step::Again)
            }
            Err(error) if is_of_connection(error) => {
                Err(Step::Failed(TransferError::Broken(error.into())))
            }
            Err(error) => Err(Step::Failed(TransferError::Local(error.into()))),
        }
    }
}

impl Copying {
    /// Sends a part of what is read; reads more when all of that is sent. `position` and
    /// `remaining` count from the first byte not sent.
    fn copy_piece(
        &mut self,
        file: &File,
        position: u64,
        remaining: u64,
        socket: &OwnedFd,
        turn: &mut Turn,
    ) -> Result<u64, Step<io::Error>> {
        let Some(buffer) = &mut self.buffer else {
            return Err(Step::Again);
        };
        if self.sent == buffer.len() {
            buffer.clear();
            self.sent = 0;
            match pread(file, spare_capacity(buffer), position) {
                Ok(0) => {
                    let short = io::ErrorKind::UnexpectedEof.into();
                    return Err(Step::Failed(TransferError::Local(short)));
                }
                Ok(_) => buffer.truncate(usize::try_from(remaining).unwrap_or(usize::MAX)),
                Err(Errno::INTR) => return Ok(0),
                Err(error) => return Err(Step::Failed(TransferError::Local(error.into()))),
            }
        }
        let sent = send_some(socket, buffer.get(self.sent..).unwrap_or_default(), turn)?;
        self.sent += sent;
        Ok(sent as u64)
    }
}

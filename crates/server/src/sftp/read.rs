//! READ: from the page cache straight into the packets, or from the disk on another thread.

use std::collections::VecDeque;
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

use wharf_sftp::{MAX_DATA, Status, response};
use wharf_ssh::Violation;
use wharf_vfs::Reader;

use super::dispatch::{Flow, not_opened_for};
use super::file::{SharedStaged, blocking, locked, over};
use super::handles::HandleId;
use super::{Broken, Effect, Engine, status};
use crate::failure::Failure;
use crate::op::Op;
use crate::ssh::Outlet;

/// Reads that wait for the channel: nothing is read before it can be sent. Those of one file are
/// answered in the order in which they were asked: OpenSSH's scp, of 9.2 for one, loses its place in
/// a file whose answers come in another.
#[derive(Default)]
pub(super) struct Reads {
    waiting: VecDeque<Read>,
    /// Those that another thread does or has done: their answers are in memory.
    away: usize,
    next: u64,
    /// The one whose answer is sent in part: nothing comes between its parts.
    begun: Option<u64>,
}

/// One read.
struct Read {
    /// Which one it is, of all of the channel.
    token: u64,
    id: u32,
    handle: HandleId,
    offset: u64,
    length: usize,
    /// Bytes of its answer that are sent, its front among them.
    sent: usize,
    state: State,
}

/// How far a read is.
enum State {
    Asked,
    /// Another thread does it.
    Away,
    /// This is its answer, or what was not sent of it yet.
    Done(Vec<u8>),
}

/// What came of trying to send a read at once.
enum Tried {
    Sent,
    /// It goes on by itself, or when the peer takes more.
    Held,
    /// Its bytes must come from somewhere slower.
    Slow,
}

/// Where the bytes of a slow read come from.
enum Source {
    File(Arc<File>),
    Reader(Box<dyn Reader>),
    Staged(SharedStaged),
}

impl Engine {
    pub(super) fn read(
        &mut self,
        id: u32,
        handle: &[u8],
        offset: u64,
        length: u32,
    ) -> Result<Flow, Failure> {
        let (handle, file) = self.handles.file(handle)?;
        if !file.may_read {
            return Err(not_opened_for("The file is not open for reading"));
        }
        self.session.may_still(Op::Read, &file.path)?;
        if offset > MAX_OFFSET {
            return Ok(self.reply(|out| response::status(out, id, Status::Eof, "End of file")));
        }
        // What was written before is read; and what else holds the handle is over.
        if file.lent || file.has_writes() || self.claims.must_wait(&super::Claim::handle(handle)) {
            return Ok(Flow::Stalled);
        }
        if let Ok((_, file)) = self.handles.file(&handle) {
            file.reads += 1;
        }
        self.in_flight += 1;
        self.reads.next += 1;
        self.reads.waiting.push_back(Read {
            token: self.reads.next,
            id,
            handle,
            offset,
            length: (length as usize).min(MAX_DATA),
            sent: 0,
            state: State::Asked,
        });
        Ok(Flow::Begun)
    }

    /// Sends what may be sent: answers, then reads. What waited for them may go on after it.
    pub(crate) fn send(&mut self, outlet: &mut Outlet<'_>) -> Result<(), Violation> {
        loop {
            if self.reads.begun.is_none() && !self.outgoing.send(outlet)? {
                return Ok(());
            }
            let Some(at) = self.reads.turn() else {
                return Ok(());
            };
            match self.try_read(at, outlet)? {
                Tried::Sent => self.answered(at),
                Tried::Held => return Ok(()),
                Tried::Slow => {
                    if !self.read_slowly(at) {
                        return Ok(());
                    }
                }
            }
        }
    }

    fn try_read(&mut self, at: usize, outlet: &mut Outlet<'_>) -> Result<Tried, Violation> {
        let Some(read) = self.reads.waiting.get_mut(at) else {
            return Ok(Tried::Held);
        };
        if let State::Done(answer) = &mut read.state {
            self.outgoing.add_first(std::mem::take(answer));
            self.reads.begun = None;
            return Ok(Tried::Sent);
        }
        let Ok((_, file)) = self.handles.file(&read.handle) else {
            return Ok(Tried::Slow);
        };
        let (Some(reader), None) = (&file.reader, &file.staged) else {
            return Ok(Tried::Slow);
        };
        if read.sent == 0 {
            let left = reader.metadata().size.saturating_sub(read.offset);
            let length = read.length.min(usize::try_from(left).unwrap_or(usize::MAX));
            if length == 0 {
                // The end as it was; the file may have grown since.
                if !matches!(reader.read_cached_at(read.offset, &mut [0]), Some(Ok(0))) {
                    return Ok(Tried::Slow);
                }
                response::status(self.outgoing.small(), read.id, Status::Eof, "End of file");
                return Ok(Tried::Sent);
            }
            read.length = length;
        }
        let front = response::data_header(u32::try_from(read.length).unwrap_or_default(), read.id);
        let offset = read.offset;
        let filled = outlet.fill(&front, read.length, read.sent, |at, place| {
            let cached = reader.read_cached_at(offset + at as u64, place);
            matches!(cached, Some(Ok(count)) if count == place.len())
        })?;
        read.sent = filled.to;
        let ended = filled.to == FRONT + read.length;
        self.reads.begun = (filled.to > 0 && !ended).then_some(read.token);
        if ended {
            file.bytes_read += read.length as u64;
            return Ok(Tried::Sent);
        }
        Ok(if filled.stuck {
            Tried::Slow
        } else {
            Tried::Held
        })
    }

    /// Has this read, and the next ones, done by other threads, several at a time. `false` when none
    /// could be begun: enough are under way.
    fn read_slowly(&mut self, first: usize) -> bool {
        let mut begun = false;
        for at in first..self.reads.waiting.len() {
            let Some(read) = self.reads.waiting.get(at) else {
                break;
            };
            // The one that is begun is not held up by answers that wait for it.
            let may = self.reads.away < AWAY || self.reads.begun == Some(read.token);
            if !may || !matches!(read.state, State::Asked) {
                continue;
            }
            let Some(source) = self.source(read.handle) else {
                continue;
            };
            let Some(read) = self.reads.waiting.get_mut(at) else {
                break;
            };
            read.state = State::Away;
            let asked = Asked {
                token: read.token,
                id: read.id,
                handle: read.handle,
                offset: read.offset,
                length: read.length,
                sent: read.sent,
            };
            self.reads.away += 1;
            begun = true;
            self.started.push(Box::pin(async move {
                let (answer, source) = read_whole(asked, source).await;
                let effect: Effect =
                    Box::new(move |engine| engine.read_done(&asked, answer, source));
                effect
            }));
        }
        begun
    }

    /// `None` while the reader is away.
    fn source(&mut self, handle: HandleId) -> Option<Source> {
        let (_, file) = self.handles.file(&handle).ok()?;
        if let Some(staged) = &file.staged {
            return Some(Source::Staged(staged.clone()));
        }
        if let Some(local) = file.reader.as_ref().and_then(|reader| reader.file()) {
            return Some(Source::File(local.clone()));
        }
        file.reader.take().map(Source::Reader)
    }

    fn read_done(
        &mut self,
        asked: &Asked,
        answer: Result<(Vec<u8>, usize), Failure>,
        source: Option<Box<dyn Reader>>,
    ) {
        if let Ok((_, file)) = self.handles.file(&asked.handle) {
            if source.is_some() {
                file.reader = source;
            }
            if let Ok((_, count)) = &answer {
                file.bytes_read += *count as u64;
            }
        }
        let answer = match answer {
            Ok((answer, _)) => answer,
            Err(failure) if asked.sent == 0 => {
                let mut answer = Vec::new();
                status::refuse(&mut answer, asked.id, &failure);
                answer
            }
            // More was promised than can be had: the client would take what follows for it.
            Err(_) => return self.broken = Some(Broken("a file became shorter while it was read")),
        };
        let mut waiting = self.reads.waiting.iter_mut();
        if let Some(read) = waiting.find(|read| read.token == asked.token) {
            read.state = State::Done(answer);
        }
    }

    fn answered(&mut self, at: usize) {
        let Some(read) = self.reads.waiting.remove(at) else {
            return;
        };
        self.in_flight -= 1;
        if matches!(read.state, State::Done(_)) {
            self.reads.away -= 1;
        }
        if let Ok((_, file)) = self.handles.file(&read.handle) {
            file.reads -= 1;
        }
    }
}

impl Reads {
    /// The next read that can be answered: the one that is begun, else the first of its file.
    fn turn(&self) -> Option<usize> {
        if let Some(begun) = self.begun {
            let mut reads = self.waiting.iter();
            let at = reads.position(|read| read.token == begun)?;
            let away = matches!(self.waiting.get(at)?.state, State::Away);
            return (!away).then_some(at);
        }
        let mut reads = self.waiting.iter().enumerate();
        let found = reads.find(|(at, read)| {
            let mut before = self.waiting.iter().take(*at);
            !matches!(read.state, State::Away) && before.all(|one| one.handle != read.handle)
        });
        found.map(|(at, _)| at)
    }
}

/// A read as another thread does it.
#[derive(Debug, Clone, Copy)]
struct Asked {
    token: u64,
    id: u32,
    handle: HandleId,
    offset: u64,
    length: usize,
    /// Bytes of the answer that are sent already.
    sent: usize,
}

/// Reads all that was asked, or up to the end, into a whole answer. A read that fails is told, and
/// is never a short success.
async fn read_whole(
    read: Asked,
    source: Source,
) -> (Result<(Vec<u8>, usize), Failure>, Option<Box<dyn Reader>>) {
    let done = blocking(move || {
        let mut answer = vec![0; FRONT + read.length];
        let place = answer.get_mut(FRONT..).unwrap_or_default();
        let (count, reader) = match source {
            Source::File(file) => {
                let fill = |at, place: &mut [u8]| read_file(&file, at, place);
                (fill_from(read.offset, place, fill), None)
            }
            Source::Staged(staged) => {
                let mut staged = locked(&staged);
                let staged = staged.as_mut().ok_or_else(over)?;
                let fill = |at, place: &mut [u8]| Ok(staged.read_at(at, place)?);
                (fill_from(read.offset, place, fill), None)
            }
            Source::Reader(mut reader) => {
                let fill = |at, place: &mut [u8]| Ok(reader.read_at(at, place)?);
                (fill_from(read.offset, place, fill), Some(reader))
            }
        };
        let done = count.and_then(|count| Ok((finished(&read, answer, count)?, count)));
        Ok((done, reader))
    });
    match done.await {
        Ok(done) => done,
        Err(failure) => (Err(failure), None),
    }
}

fn read_file(file: &File, at: u64, place: &mut [u8]) -> Result<usize, Failure> {
    loop {
        match file.read_at(place, at) {
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            outcome => return Ok(outcome.map_err(wharf_vfs::Error::from)?),
        }
    }
}

fn finished(read: &Asked, mut answer: Vec<u8>, count: usize) -> Result<Vec<u8>, Failure> {
    let front = response::data_header(u32::try_from(count).unwrap_or_default(), read.id);
    if let Some(place) = answer.first_chunk_mut() {
        *place = front;
    }
    if read.sent > 0 {
        // Its length was said with its front.
        if count < read.length {
            return Err(Failure::internal(
                "The file became shorter while it was read",
            ));
        }
        return Ok(answer.split_off(read.sent));
    }
    if count == 0 {
        let mut eof = Vec::new();
        response::status(&mut eof, read.id, Status::Eof, "End of file");
        return Ok(eof);
    }
    answer.truncate(FRONT + count);
    Ok(answer)
}

fn fill_from(
    offset: u64,
    place: &mut [u8],
    mut read: impl FnMut(u64, &mut [u8]) -> Result<usize, Failure>,
) -> Result<usize, Failure> {
    let mut count = 0;
    while let Some(rest) = place.get_mut(count..).filter(|rest| !rest.is_empty()) {
        match read(offset.saturating_add(count as u64), rest)? {
            0 => break,
            more => count += more,
        }
    }
    Ok(count)
}

/// Reads that are done by other threads at a time: each holds its answer in memory.
const AWAY: usize = 8;
/// No file is longer.
const MAX_OFFSET: u64 = i64::MAX as u64;
/// Bytes in front of the data.
const FRONT: usize = 13;

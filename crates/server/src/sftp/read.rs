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
use super::{Effect, Engine, status};
use crate::failure::Failure;
use crate::op::Op;
use crate::ssh::{Held, Outlet};

/// Reads that wait for the channel: nothing is read before it can be sent.
#[derive(Default)]
pub(super) struct Reads {
    waiting: VecDeque<Read>,
    /// Those that another thread does.
    away: usize,
}

/// One read.
#[derive(Debug, Clone, Copy)]
struct Read {
    id: u32,
    handle: HandleId,
    offset: u64,
    length: usize,
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
        if file.has_writes() || self.claims.must_wait(&super::Claim::handle(handle)) {
            return Ok(Flow::Stalled);
        }
        if let Ok((_, file)) = self.handles.file(&handle) {
            file.reads += 1;
        }
        self.in_flight += 1;
        self.reads.waiting.push_back(Read {
            id,
            handle,
            offset,
            length: (length as usize).min(MAX_DATA),
        });
        Ok(Flow::Begun)
    }

    /// Sends what may be sent: answers, then reads. What waited for them may go on after it.
    pub(crate) fn send(&mut self, outlet: &mut Outlet<'_>) -> Result<(), Violation> {
        loop {
            if !self.outgoing.send(outlet)? {
                return Ok(());
            }
            let Some(read) = self.reads.waiting.front().copied() else {
                return Ok(());
            };
            match self.try_read(&read, outlet)? {
                Tried::Sent => {
                    self.reads.waiting.pop_front();
                    self.answered(&read);
                }
                Tried::Held => return Ok(()),
                Tried::Slow => {
                    if !self.read_slowly() {
                        return Ok(());
                    }
                }
            }
        }
    }

    fn try_read(&mut self, read: &Read, outlet: &mut Outlet<'_>) -> Result<Tried, Violation> {
        let Ok((_, file)) = self.handles.file(&read.handle) else {
            return Ok(Tried::Slow);
        };
        let (Some(reader), None) = (&file.reader, &file.staged) else {
            return Ok(Tried::Slow);
        };
        let left = reader.metadata().size.saturating_sub(read.offset);
        let length = read.length.min(usize::try_from(left).unwrap_or(usize::MAX));
        // The end as it was; the file may have grown since.
        if length == 0 {
            return Ok(Tried::Slow);
        }
        let front = response::data_header(u32::try_from(length).unwrap_or_default(), read.id);
        let sent = outlet.fill(&front, length, |at, place| {
            let cached = reader.read_cached_at(read.offset + at as u64, place);
            matches!(cached, Some(Ok(count)) if count == place.len())
        })?;
        Ok(match sent {
            Ok(true) => {
                file.bytes_read += length as u64;
                Tried::Sent
            }
            Ok(false) => Tried::Slow,
            Err(Held::Output | Held::Window(0)) => Tried::Held,
            // The rest of the window is less than the answer: it goes in parts.
            Err(Held::Window(_)) => Tried::Slow,
        })
    }

    /// Has the next reads done by other threads, several at a time. `false` when none could be
    /// begun: enough are under way.
    fn read_slowly(&mut self) -> bool {
        let mut begun = false;
        while self.reads.away < AWAY {
            let Some(read) = self.reads.waiting.front().copied() else {
                break;
            };
            let Some(source) = self.source(read.handle) else {
                break;
            };
            self.reads.waiting.pop_front();
            self.reads.away += 1;
            begun = true;
            self.started.push(Box::pin(async move {
                let (answer, source) = read_whole(read, source).await;
                let effect: Effect =
                    Box::new(move |engine| engine.read_done(&read, answer, source));
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
        read: &Read,
        answer: Result<(Vec<u8>, usize), Failure>,
        source: Option<Box<dyn Reader>>,
    ) {
        self.reads.away -= 1;
        if let Ok((_, file)) = self.handles.file(&read.handle) {
            if source.is_some() {
                file.reader = source;
            }
            if let Ok((_, count)) = &answer {
                file.bytes_read += *count as u64;
            }
        }
        match answer {
            Ok((answer, _)) => self.outgoing.add(answer),
            Err(failure) => status::refuse(self.outgoing.small(), read.id, &failure),
        }
        self.answered(read);
    }

    fn answered(&mut self, read: &Read) {
        self.in_flight -= 1;
        if let Ok((_, file)) = self.handles.file(&read.handle) {
            file.reads -= 1;
        }
    }
}

/// Reads all that was asked, or up to the end, into a whole answer. A read that fails is told, and
/// is never a short success.
async fn read_whole(
    read: Read,
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
        Ok((
            count.map(|count| (finished(&read, answer, count), count)),
            reader,
        ))
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

fn finished(read: &Read, mut answer: Vec<u8>, count: usize) -> Vec<u8> {
    if count == 0 {
        let mut eof = Vec::new();
        response::status(&mut eof, read.id, Status::Eof, "End of file");
        return eof;
    }
    answer.truncate(FRONT + count);
    let front = response::data_header(u32::try_from(count).unwrap_or_default(), read.id);
    if let Some(place) = answer.first_chunk_mut() {
        *place = front;
    }
    answer
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

//! WRITE: into memory at once, or in batches on a thread that may block.

use std::ops::Range;

use wharf_sftp::{Status, response};

use super::claims::Claim;
use super::dispatch::{Flow, not_opened_for};
use super::file::{Intent, OpenFile, SharedStaged, blocking, locked, over};
use super::handles::HandleId;
use super::{Effect, Engine, Packet, status};
use crate::failure::{Failure, Kind};
use crate::session::Writing;

/// A write that must wait for a thread.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct QueuedWrite {
    id: u32,
    handle: HandleId,
    offset: u64,
    /// Where its data lie in the body of its packet.
    data: Range<usize>,
}

/// Data that wait to be written.
pub(super) struct Chunk {
    id: u32,
    offset: u64,
    packet: Packet,
    /// Where the data lie in its buffer.
    data: Range<usize>,
}

impl Engine {
    pub(super) fn write(
        &mut self,
        id: u32,
        handle: &[u8],
        offset: u64,
        data: &[u8],
    ) -> Result<Flow, Failure> {
        let (handle, file) = self.handles.file(handle)?;
        let Some(intent) = file.writing else {
            return Err(not_opened_for("The file is not open for writing"));
        };
        if let Some(failure) = &file.failed {
            return Err(failure.clone());
        }
        self.session.may_still(file.needs, &file.path)?;
        if file.removed {
            return Ok(self.reply(|out| response::status(out, id, Status::Ok, "")));
        }
        let staged = file.staged.clone();
        if file.reads > 0 || self.must_wait(&Claim::handle(handle)) {
            return Ok(Flow::Stalled);
        }
        let Some(staged) = staged else {
            return Ok(self.begin_update(handle));
        };
        let (_, file) = self.handles.file(&handle)?;
        if !file.has_writes()
            && let Some(written) = write_at_once(&staged, intent, offset, data)
        {
            return self.written_at_once(id, handle, data.len(), written);
        }
        let start = WRITE_FRONT + handle.len();
        Ok(Flow::Queued(QueuedWrite {
            id,
            handle,
            offset,
            data: start..start + data.len(),
        }))
    }

    /// Queues a write together with its packet, so that its data are not copied.
    pub(super) fn queue_write(&mut self, write: QueuedWrite, packet: Packet) {
        let Ok((_, file)) = self.handles.file(&write.handle) else {
            return;
        };
        file.queue.push(Chunk {
            id: write.id,
            offset: write.offset,
            data: write.data.start + packet.start..write.data.end + packet.start,
            packet,
        });
        self.in_flight += 1;
        self.write_queued(write.handle);
    }

    /// The first change of what is there: it is copied, and changed then.
    fn begin_update(&mut self, handle: HandleId) -> Flow {
        let claim = Claim::handle(handle);
        if self.must_wait(&claim) {
            return Flow::Stalled;
        }
        if let Some(work) = self.staging(handle) {
            self.start(claim, work);
        }
        Flow::Stalled
    }

    /// The work of beginning an upload of what is there.
    pub(super) fn staging(
        &mut self,
        handle: HandleId,
    ) -> Option<impl Future<Output = Effect> + Send + use<>> {
        let (_, file) = self.handles.file(&handle).ok()?;
        if file.removed {
            return None;
        }
        let (path, published) = (file.path.clone(), file.published);
        let session = self.session.clone();
        Some(async move {
            let mode = 0o666 & !session.umask();
            let staged = match session.is_still(&path, published.as_ref()).await {
                // It was renamed or removed since it was opened: a new one must not come of it.
                Err(gone) if gone.kind == Kind::NotFound => Err(gone),
                _ => session.write(&path, Writing::Update, None, mode).await,
            };
            let effect: Effect = Box::new(move |engine| {
                if let Ok((_, file)) = engine.handles.file(&handle) {
                    match staged {
                        Ok(staged) => file.stage(staged),
                        Err(failure) => file.fail(&failure),
                    }
                }
            });
            effect
        })
    }

    fn written_at_once(
        &mut self,
        id: u32,
        handle: HandleId,
        bytes: usize,
        written: Result<(), Failure>,
    ) -> Result<Flow, Failure> {
        let (_, file) = self.handles.file(&handle)?;
        match written {
            Ok(()) => file.bytes_written += bytes as u64,
            Err(failure) => {
                file.fail(&failure);
                return Err(failure);
            }
        }
        self.written += bytes as u64;
        Ok(self.reply(|out| response::status(out, id, Status::Ok, "")))
    }

    /// Has what waits written, unless that is being done already.
    fn write_queued(&mut self, handle: HandleId) {
        let Ok((_, file)) = self.handles.file(&handle) else {
            return;
        };
        if file.is_writing || file.queue.is_empty() {
            return;
        }
        let (Some(intent), Some(staged)) = (file.writing, file.staged.clone()) else {
            return;
        };
        file.is_writing = true;
        let chunks = batch(file);
        self.started.push(Box::pin(async move {
            let done = blocking(move || Ok(write_all(&staged, intent, chunks))).await;
            let effect: Effect = Box::new(move |engine| engine.wrote(handle, done));
            effect
        }));
    }

    fn wrote(&mut self, handle: HandleId, done: Result<Vec<Written>, Failure>) {
        let Ok(done) = done else {
            return;
        };
        for (chunk, outcome) in done {
            self.in_flight -= 1;
            self.consumed += chunk.packet.length();
            let bytes = chunk.data.len() as u64;
            self.written += bytes;
            if let Ok((_, file)) = self.handles.file(&handle) {
                match &outcome {
                    Ok(()) => file.bytes_written += bytes,
                    Err(failure) => file.fail(failure),
                }
            }
            let out = self.outgoing.small();
            match outcome {
                Ok(()) => response::status(out, chunk.id, Status::Ok, ""),
                Err(failure) => status::refuse(out, chunk.id, &failure),
            }
            self.keep_buffer(chunk.packet.bytes);
        }
        if let Ok((_, file)) = self.handles.file(&handle) {
            file.is_writing = false;
        }
        self.write_queued(handle);
        if self.in_flight == 0 {
            self.spare = Vec::new();
        }
    }
}

type Written = (Chunk, Result<(), Failure>);

/// If it needs no disk: into the memory of a small upload. `None` when it does.
fn write_at_once(
    staged: &SharedStaged,
    intent: Intent,
    offset: u64,
    data: &[u8],
) -> Option<Result<(), Failure>> {
    let mut staged = staged.try_lock().ok()?;
    let staged = staged.as_mut()?;
    let written = match intent {
        Intent::Anywhere => staged.write_at_cached(offset, data),
        Intent::AtEnd => staged.write_cached(data),
    };
    written.map(|outcome| outcome.map_err(Failure::from))
}

/// What is written in one go: enough to be worth a thread, and not so much that the answers to it
/// come all at once.
fn batch(file: &mut OpenFile) -> Vec<Chunk> {
    let mut bytes = 0;
    let count = file.queue.iter().take_while(|chunk| {
        let fits = bytes < BATCH;
        bytes += chunk.data.len();
        fits
    });
    let count = count.count();
    let rest = file.queue.split_off(count);
    std::mem::replace(&mut file.queue, rest)
}

/// The first failure fails what follows: it would leave a gap, or be lost with it.
fn write_all(staged: &SharedStaged, intent: Intent, chunks: Vec<Chunk>) -> Vec<Written> {
    let mut staged = locked(staged);
    let mut failed: Option<Failure> = None;
    let mut done = Vec::with_capacity(chunks.len());
    for chunk in chunks {
        let data = chunk
            .packet
            .bytes
            .get(chunk.data.clone())
            .unwrap_or_default();
        let outcome = match (&failed, staged.as_mut()) {
            (Some(failure), _) => Err(failure.clone()),
            (None, None) => Err(over()),
            (None, Some(staged)) => match intent {
                Intent::Anywhere => staged.write_at(chunk.offset, data),
                Intent::AtEnd => staged.write(data),
            }
            .map_err(Failure::from),
        };
        if let Err(failure) = &outcome {
            failed.get_or_insert_with(|| failure.clone());
        }
        done.push((chunk, outcome));
    }
    done
}

/// Bytes after which a batch ends.
const BATCH: usize = 2 << 20;
/// Of a WRITE, in front of its data and beside its handle: type, id, two lengths and the offset.
const WRITE_FRONT: usize = 1 + 4 + 4 + 8 + 4;

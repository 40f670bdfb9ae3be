//! copy-data: between two open files, without the bytes leaving the server.

use std::sync::atomic::{AtomicBool, Ordering};

use wharf_sftp::{Status, response};
use wharf_vfs::Reader;

use super::claims::Claim;
use super::dispatch::{Flow, not_opened_for};
use super::file::{Intent, SharedStaged, locked, over, removed};
use super::long::at_length;
use super::{Effect, Engine, status};
use crate::failure::Failure;
use crate::op::Op;

/// Where bytes come from.
enum From {
    /// The published version of a file.
    Reader(Box<dyn Reader>),
    /// Another upload.
    Staged(SharedStaged),
    /// The file that is written.
    Itself,
}

/// What is to be copied, and where.
struct Range {
    from: u64,
    to: u64,
    /// Up to the end when it is 0.
    length: u64,
}

impl Engine {
    pub(super) fn copy_data(
        &mut self,
        id: u32,
        (from_handle, from): (&[u8], u64),
        length: u64,
        (to_handle, to): (&[u8], u64),
    ) -> Result<Flow, Failure> {
        let (source, file) = self.handles.file(from_handle)?;
        if !file.may_read {
            return Err(not_opened_for("The file is not open for reading"));
        }
        let (source_path, source_busy) = (file.path.clone(), file.is_busy());
        let (target, file) = self.handles.file(to_handle)?;
        if file.writing != Some(Intent::Anywhere) {
            return Err(not_opened_for("The file is not open for writing"));
        }
        if let Some(failure) = &file.failed {
            return Err(failure.clone());
        }
        if file.removed {
            return Err(removed());
        }
        let (busy, staged) = (file.is_busy() || source_busy, file.staged.clone());
        self.session.may_copy(&source_path, &file.path)?;
        self.session.may_still(Op::Read, &source_path)?;
        self.session.may_still(file.needs, &file.path)?;
        let claim = Claim::handle(target);
        let waits = self.must_wait(&claim) || self.must_wait(&Claim::handle(source));
        if busy || waits || self.has_long_work() {
            return Ok(Flow::Stalled);
        }
        let Some(staged) = staged else {
            if let Some(work) = self.staging(target) {
                self.start(claim, work);
            }
            return Ok(Flow::Stalled);
        };
        let Some(bytes) = self.source_of_copy(source, target) else {
            return Ok(Flow::Stalled);
        };
        if let Ok((_, file)) = self.handles.file(&source) {
            // Nobody closes it meanwhile.
            file.reads += 1;
        }
        self.begin_long_work();
        let range = Range { from, to, length };
        let alive = self.alive.clone();
        Ok(self.start(claim, async move {
            let done = at_length(move || {
                let mut bytes = bytes;
                let copied = copy(&mut bytes, &staged, &range, &alive);
                Ok((copied, bytes))
            });
            let done = done.await;
            let effect: Effect = Box::new(move |engine| {
                engine.end_long_work();
                let copied = match done {
                    Ok((copied, bytes)) => {
                        engine.give_back(source, bytes);
                        copied
                    }
                    Err(failure) => Err(failure),
                };
                if let Ok((_, file)) = engine.handles.file(&target) {
                    match &copied {
                        Ok(bytes) => file.bytes_written += bytes,
                        Err(failure) => file.fail(failure),
                    }
                }
                let out = engine.outgoing.small();
                match copied {
                    Ok(bytes) if bytes < length => {
                        response::status(out, id, Status::Eof, "The source ends before that");
                    }
                    copied => status::settle(out, id, copied.map(|_| ())),
                }
            });
            effect
        }))
    }

    /// `None` while the reader is away.
    fn source_of_copy(
        &mut self,
        source: super::handles::HandleId,
        target: super::handles::HandleId,
    ) -> Option<From> {
        if source == target {
            return Some(From::Itself);
        }
        let (_, file) = self.handles.file(&source).ok()?;
        match &file.staged {
            Some(staged) => Some(From::Staged(staged.clone())),
            None => {
                let reader = file.reader.take()?;
                file.lent = true;
                Some(From::Reader(reader))
            }
        }
    }

    fn give_back(&mut self, source: super::handles::HandleId, bytes: From) {
        if let Ok((_, file)) = self.handles.file(&source) {
            file.reads -= 1;
            file.lent = false;
            if let From::Reader(reader) = bytes {
                file.reader = Some(reader);
            }
        }
    }
}

/// Copies step by step, and stops between two when the channel is gone. Answers the bytes copied.
fn copy(
    bytes: &mut From,
    target: &SharedStaged,
    range: &Range,
    alive: &AtomicBool,
) -> Result<u64, Failure> {
    let limit = match (range.length, &*bytes) {
        // Of itself, up to the end there is now: it grows while it is copied.
        (0, From::Itself) => {
            let target = locked(target);
            let target = target.as_ref().ok_or_else(over)?;
            target.length().saturating_sub(range.from)
        }
        (0, From::Reader(_) | From::Staged(_)) => u64::MAX,
        (length, _) => length,
    };
    let mut done = 0;
    while done < limit && alive.load(Ordering::Acquire) {
        let (from, to) = (
            range.from.saturating_add(done),
            range.to.saturating_add(done),
        );
        let left = limit - done;
        // For one step only: whoever asks about the upload meanwhile waits for no more.
        let mut target = locked(target);
        let target = target.as_mut().ok_or_else(over)?;
        let copied = match bytes {
            From::Reader(reader) => target.copy_from(&mut **reader, from, to, left)?,
            From::Itself => target.copy_within(from, to, left)?,
            From::Staged(source) => {
                let mut buffer = vec![0; usize::try_from(left.min(BY_HAND)).unwrap_or_default()];
                let mut source = locked(source);
                let source = source.as_mut().ok_or_else(over)?;
                let count = source.read_at(from, &mut buffer)?;
                target.write_at(to, buffer.get(..count).unwrap_or_default())?;
                count as u64
            }
        };
        if copied == 0 {
            break;
        }
        done += copied;
    }
    Ok(done)
}

/// Of an upload into another, at a time.
const BY_HAND: u64 = 1 << 20;

//! An open file: a published version to read, an upload to write, or both.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use wharf_causes::id;
use wharf_vfs::{Metadata, Reader, Staged, VPath};

use super::write::Chunk;
use crate::failure::{Failure, Kind};
use crate::op::Op;
use crate::session::{Moved, Session};

/// An upload, shared with the thread that writes to it.
pub(super) type SharedStaged = Arc<Mutex<Option<Box<dyn Staged>>>>;

/// A file that is open.
pub(super) struct OpenFile {
    pub(super) path: VPath,
    pub(super) may_read: bool,
    pub(super) writing: Option<Intent>,
    /// What writing to it takes.
    pub(super) needs: Op,
    /// The published version as it was when it was opened. Away while another thread reads it.
    pub(super) reader: Option<Box<dyn Reader>>,
    /// What it was then, also while the reader is away.
    pub(super) published: Option<Metadata>,
    pub(super) staged: Option<SharedStaged>,
    /// Data that wait for the thread that writes.
    pub(super) queue: Vec<Chunk>,
    /// That thread is at work.
    pub(super) is_writing: bool,
    /// The reader is away for long: a copy has it.
    pub(super) lent: bool,
    /// Reads that were asked and not answered.
    pub(super) reads: usize,
    /// Why the upload cannot be published any more: the first thing that went wrong.
    pub(super) failed: Option<Failure>,
    /// Its name was removed while it was uploaded: nothing is kept of it, and of what is written.
    pub(super) removed: bool,
    /// When its CLOSE was last waited for in vain.
    pub(super) given_up: Option<tokio::time::Instant>,
    pub(super) begun: Instant,
    pub(super) bytes_read: u64,
    pub(super) bytes_written: u64,
}

/// How a file is to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Intent {
    /// At any offset; what is there stays.
    Anywhere,
    /// At the end, whatever the offset says.
    AtEnd,
}

impl OpenFile {
    pub(super) fn new(path: VPath) -> Self {
        Self {
            path,
            may_read: false,
            writing: None,
            needs: Op::Overwrite,
            reader: None,
            published: None,
            staged: None,
            queue: Vec::new(),
            is_writing: false,
            reads: 0,
            lent: false,
            failed: None,
            removed: false,
            given_up: None,
            begun: Instant::now(),
            bytes_read: 0,
            bytes_written: 0,
        }
    }

    pub(super) fn with_reader(mut self, reader: Box<dyn Reader>) -> Self {
        self.published = Some(*reader.metadata());
        self.reader = Some(reader);
        self
    }

    pub(super) fn stage(&mut self, staged: Box<dyn Staged>) {
        self.staged = Some(Arc::new(Mutex::new(Some(staged))));
    }

    /// Whether it is an upload that will be published, as far as is known.
    pub(super) const fn is_good_upload(&self) -> bool {
        self.staged.is_some() && self.failed.is_none()
    }

    /// Whether data are on their way to it or from it: what looks at the whole file waits.
    pub(super) const fn is_busy(&self) -> bool {
        self.is_writing || !self.queue.is_empty() || self.reads > 0
    }

    pub(super) const fn has_writes(&self) -> bool {
        self.is_writing || !self.queue.is_empty()
    }

    pub(super) fn fail(&mut self, failure: &Failure) {
        if self.failed.is_none() {
            self.failed = Some(failure.clone());
        }
    }

    /// Its name was removed, and its data are gone.
    pub(super) fn let_go(&mut self, session: &Session) {
        self.removed = true;
        if self.staged.take().is_none() {
            // Nothing was written yet; what it was opened to read it still reads.
            return;
        }
        self.reader = None;
        self.may_read = false;
        let why = self.failed.take().unwrap_or_else(removed);
        self.tell_written(session, Err(&why));
    }

    /// Records what was read of it.
    pub(super) fn tell_read(&self, session: &Session, end: Result<(), &Failure>) {
        if self.writing.is_none() || self.bytes_read > 0 {
            let moved = Moved {
                bytes: self.bytes_read,
                elapsed: self.begun.elapsed(),
            };
            session.downloaded(&self.path, &moved, end);
        }
    }

    /// Records what was written to it.
    pub(super) fn tell_written(&self, session: &Session, end: Result<(), &Failure>) {
        let moved = Moved {
            bytes: self.bytes_written,
            elapsed: self.begun.elapsed(),
        };
        session.uploaded(&self.path, &moved, end);
    }

    /// The channel is gone: an upload is kept for a resume, not published.
    pub(super) fn abandon(self, session: &Session) {
        let cut = Failure::new(
            Kind::DataBroken,
            id::T_2,
            "The connection ended before the file was closed",
        );
        self.tell_read(session, Err(&cut));
        if self.staged.is_some() || self.failed.is_some() {
            self.tell_written(session, Err(self.failed.as_ref().unwrap_or(&cut)));
        }
        if let Some(staged) = &self.staged {
            let staged = staged.clone();
            // The thread that writes may hold it: it is waited for where waiting is allowed.
            tokio::task::spawn_blocking(move || {
                if let Some(staged) = locked(&staged).take()
                    && let Err(error) = staged.keep()
                {
                    tracing::warn!(%error, "a broken upload could not be put aside");
                }
            });
        }
    }
}

/// The lock is held for one batch of writes; a panic in one of them has been reported.
pub(super) fn locked(
    staged: &Mutex<Option<Box<dyn Staged>>>,
) -> MutexGuard<'_, Option<Box<dyn Staged>>> {
    staged.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Work on an upload, on a thread that may block.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    match tokio::task::spawn_blocking(work).await {
        Ok(outcome) => outcome,
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        Err(_) => Err(Failure::draining()),
    }
}

/// What an upload ends with whose name is removed.
pub(super) fn removed() -> Failure {
    Failure {
        kind: Kind::Aborted,
        cause: None,
        text: "The file was removed before it was closed".into(),
    }
}

/// An upload whose thread or whose end has taken it away.
pub(super) fn over() -> Failure {
    Failure::internal("The upload was over already")
}

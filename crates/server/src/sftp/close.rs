//! CLOSE: an upload gets its name, if all of it came.

use std::sync::atomic::Ordering;

use super::claims::Claim;
use super::dispatch::Flow;
use super::file::{OpenFile, blocking, locked, over};
use super::handles::Entry;
use super::{Engine, status};
use crate::failure::Failure;

impl Engine {
    pub(super) fn close(&mut self, id: u32, handle: &[u8]) -> Result<Flow, Failure> {
        let handle = self.handles.find(handle)?;
        if let Ok((_, file)) = self.handles.file(&handle) {
            let path = file.path.clone();
            let writes = file.writing.is_some();
            if file.is_busy() {
                return Ok(Flow::Stalled);
            }
            let claim = if writes {
                Claim::changes(&path)
            } else {
                Claim::nothing()
            };
            if self.must_wait(&claim.clone().and_handle(handle)) {
                return Ok(Flow::Stalled);
            }
            if let Some(Entry::File(file)) = self.handles.remove(handle) {
                return Ok(self.close_file(id, *file, claim));
            }
        }
        if self.must_wait(&Claim::handle(handle)) {
            return Ok(Flow::Stalled);
        }
        if let Some(Entry::Directory(directory)) = self.handles.remove(handle) {
            directory.tell(&self.session);
        }
        Ok(self.reply(|out| status::settle(out, id, Ok(()))))
    }

    fn close_file(&mut self, id: u32, mut file: OpenFile, claim: Claim) -> Flow {
        file.tell_read(&self.session, Ok(()));
        if file.staged.is_some()
            && let Err(refused) = self.session.may_still(file.needs, &file.path)
        {
            // It was taken away while the file was open.
            file.fail(&refused);
        }
        let Some(staged) = file.staged.take() else {
            let outcome = file.failed.take().map_or(Ok(()), Err);
            if outcome.is_err() {
                // It could not even be begun.
                file.tell_written(&self.session, outcome.as_ref().map(|&()| ()));
            }
            return self.reply(|out| status::settle(out, id, outcome));
        };
        let session = self.session.clone();
        let alive = self.alive.clone();
        self.answer(claim, async move {
            let failed = file.failed.clone();
            let outcome = blocking(move || {
                let staged = locked(&staged).take().ok_or_else(over)?;
                if let Some(failure) = failed {
                    // What came until then can be resumed.
                    staged.keep()?;
                    return Err(failure);
                }
                // Over a channel that is gone meanwhile nobody would learn that it was published.
                staged.publish_if(&|| alive.load(Ordering::Acquire))?;
                Ok(())
            });
            let outcome = outcome.await;
            file.tell_written(&session, outcome.as_ref().map(|&()| ()));
            let mut answer = Vec::new();
            status::settle(&mut answer, id, outcome);
            answer
        })
    }
}

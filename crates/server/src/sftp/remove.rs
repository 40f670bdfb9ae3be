//! REMOVE and RMDIR, and what becomes of uploads that they meet.

use wharf_vfs::VPath;

use super::claims::Claim;
use super::dispatch::{Flow, resolve};
use super::file::{SharedStaged, blocking, locked};
use super::handles::HandleId;
use super::{Effect, Engine, status};
use crate::failure::Failure;

impl Engine {
    pub(super) fn remove(&mut self, id: u32, path: &[u8]) -> Result<Flow, Failure> {
        let path = resolve(path)?;
        let claim = Claim::changes(&path);
        if let Some(wait) = self.waits_for_uploads(&claim) {
            return Ok(wait);
        }
        let writers = self.handles.writers_of(&path);
        if !writers.is_empty() {
            return self.remove_open(id, path, writers);
        }
        Ok(self.change(id, claim, |session| async move {
            session.remove_file(&path).await
        }))
    }

    /// What is still uploaded under the name goes with it, as it does on a disk.
    fn remove_open(
        &mut self,
        id: u32,
        path: VPath,
        writers: Vec<(HandleId, Option<SharedStaged>)>,
    ) -> Result<Flow, Failure> {
        let (handles, uploads): (Vec<_>, Vec<_>) = writers.into_iter().unzip();
        for handle in &handles {
            if self.handles.file(handle)?.1.is_busy() {
                return Ok(Flow::Stalled);
            }
        }
        let claim = Claim::changes(&path).and_handles(handles.clone());
        if self.must_wait(&claim) {
            return Ok(Flow::Stalled);
        }
        let uploads: Vec<_> = uploads.into_iter().flatten().collect();
        let session = self.session.clone();
        Ok(self.start(claim, async move {
            let outcome = if uploads.is_empty() {
                session.remove_file(&path).await
            } else {
                session.remove_upload(&path).await
            };
            if outcome.is_ok() {
                discard(uploads).await;
            }
            let effect: Effect = Box::new(move |engine| {
                if outcome.is_ok() {
                    engine.let_go(&handles);
                }
                status::settle(engine.outgoing.small(), id, outcome);
            });
            effect
        }))
    }

    fn let_go(&mut self, handles: &[HandleId]) {
        for handle in handles {
            if let Ok((_, file)) = self.handles.file(handle) {
                file.let_go(&self.session);
            }
        }
    }

    pub(super) fn remove_directory(&mut self, id: u32, path: &[u8]) -> Result<Flow, Failure> {
        let path = resolve(path)?;
        let claim = Claim::changes(&path).with_all_below();
        let uploads = self.handles.uploads_below(&path);
        Ok(self.change(id, claim, move |session| async move {
            if uploads {
                return session.keep_directory(&path);
            }
            session.remove_directory(&path).await
        }))
    }
}

/// Whatever is left behind has no name that anybody sees.
async fn discard(uploads: Vec<SharedStaged>) {
    let discarded = blocking(move || {
        for upload in uploads {
            if let Some(upload) = locked(&upload).take()
                && let Err(error) = upload.discard()
            {
                tracing::warn!(%error, "an upload that was removed could not be thrown away");
            }
        }
        Ok(())
    });
    // The server stops: what is not thrown away expires.
    let _ = discarded.await;
}

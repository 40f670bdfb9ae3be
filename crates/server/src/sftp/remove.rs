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
        if let Some((handle, staged)) = self.handles.upload_of(&path) {
            return self.remove_upload(id, path, handle, staged);
        }
        Ok(self.change(id, claim, |session| async move {
            session.remove_file(&path).await
        }))
    }

    /// What is still uploaded under the name goes with it, as it does on a disk.
    fn remove_upload(
        &mut self,
        id: u32,
        path: VPath,
        handle: HandleId,
        staged: SharedStaged,
    ) -> Result<Flow, Failure> {
        let (_, file) = self.handles.file(&handle)?;
        let busy = file.is_busy();
        let claim = Claim::changes(&path).and_handle(handle);
        if busy || self.must_wait(&claim) {
            return Ok(Flow::Stalled);
        }
        let session = self.session.clone();
        Ok(self.start(claim, async move {
            let outcome = match session.remove_upload(&path).await {
                Ok(()) => discard(staged).await,
                Err(refused) => Err(refused),
            };
            let effect: Effect = Box::new(move |engine| {
                if let (Ok(()), Ok((_, file))) = (&outcome, engine.handles.file(&handle)) {
                    file.let_go(&engine.session);
                }
                status::settle(engine.outgoing.small(), id, outcome);
            });
            effect
        }))
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

async fn discard(staged: SharedStaged) -> Result<(), Failure> {
    blocking(move || match locked(&staged).take() {
        Some(staged) => Ok(staged.discard()?),
        None => Ok(()),
    })
    .await
}

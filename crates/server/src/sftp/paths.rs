//! Requests that name a path, and those that ask about an open file.

use wharf_sftp::{Attributes, response};
use wharf_vfs::{Follow, Metadata, Replace, VPath};

use super::claims::Claim;
use super::dispatch::{Flow, not_opened_for, resolve};
use super::file::{SharedStaged, blocking, locked};
use super::{Engine, attributes, status};
use crate::failure::{Failure, Kind};
use crate::op::Op;
use crate::session::Session;

impl Engine {
    pub(super) fn stat(&mut self, id: u32, path: &[u8], follow: Follow) -> Result<Flow, Failure> {
        let path = resolve(path)?;
        let claim = Claim::looks(&path);
        if let Some(wait) = self.waits(&claim) {
            return Ok(wait);
        }
        Ok(self.look_at(id, path, claim, follow))
    }

    fn look_at(&mut self, id: u32, path: VPath, claim: Claim, follow: Follow) -> Flow {
        // For who uploads a file it is as it will be, before it is closed, too (sshfs asks then).
        let made = self.handles.good_upload_of(&path);
        let session = self.session.clone();
        self.answer(claim, async move {
            let found = look(&session, &path, follow, made).await;
            told(id, found)
        })
    }

    pub(super) fn stat_handle(&mut self, id: u32, handle: &[u8]) -> Result<Flow, Failure> {
        let Ok((handle, file)) = self.handles.file(handle) else {
            // It is a directory's, or nobody's.
            let (_, directory) = self.handles.directory(handle)?;
            let path = directory.path().clone();
            let claim = Claim::looks(&path);
            // Not put aside: its CLOSE would overtake it.
            if self.must_wait(&claim) {
                return Ok(Flow::Stalled);
            }
            return Ok(self.look_at(id, path, claim, Follow::Yes));
        };
        if file.has_writes() {
            return Ok(Flow::Stalled);
        }
        let (staged, published) = (file.staged.clone(), file.published);
        let claim = Claim::handle(handle);
        if self.must_wait(&claim) {
            return Ok(Flow::Stalled);
        }
        if let Some(staged) = staged {
            return Ok(self.answer(
                claim,
                async move { told(id, staged_metadata(staged).await) },
            ));
        }
        let found = published.ok_or_else(|| Failure::internal("Nothing is known of the file"));
        let answer = told(id, found);
        Ok(self.reply(|out| out.extend_from_slice(&answer)))
    }

    pub(super) fn set_attributes(
        &mut self,
        id: u32,
        path: &[u8],
        asked: &Attributes,
        follow: Follow,
    ) -> Result<Flow, Failure> {
        let path = resolve(path)?;
        let claim = Claim::changes(&path);
        if let Some(wait) = self.waits(&claim) {
            return Ok(wait);
        }
        // What is being uploaded has the name already for whoever uploads it (git locks so).
        let made = match self.handles.upload_of(&path) {
            // Its length is a matter of the handle, by whose rules it is changed.
            Some((handle, _)) if asked.size.is_some() => {
                return self.set_handle_attributes(id, &handle, asked);
            }
            made => made.map(|(_, staged)| staged),
        };
        let (session, asked) = (self.session.clone(), *asked);
        Ok(self.answer(claim, async move {
            let outcome = match made {
                Some(staged) => set_both(&session, &path, staged, asked, follow).await,
                None => set_published(&session, &path, asked, follow).await,
            };
            settled(id, outcome)
        }))
    }

    pub(super) fn set_handle_attributes(
        &mut self,
        id: u32,
        handle: &[u8],
        asked: &Attributes,
    ) -> Result<Flow, Failure> {
        let (handle, file) = self.handles.file(handle)?;
        if let (Some(failure), Some(_)) = (&file.failed, asked.size) {
            return Err(failure.clone());
        }
        if file.removed {
            return Ok(self.reply(|out| status::settle(out, id, Ok(()))));
        }
        let (path, staged) = (file.path.clone(), file.staged.clone());
        let published = file.published;
        let (writes, busy) = (file.writing.is_some(), file.is_busy());
        let needs = match file.needs {
            Op::Append => Op::Overwrite,
            needs => needs,
        };
        let claim = Claim::handle(handle);
        if busy || self.must_wait(&claim) {
            return Ok(Flow::Stalled);
        }
        if asked.size.is_some() {
            if !writes {
                return Err(not_opened_for("The file is not open for writing"));
            }
            // Who may only add to it may not cut it.
            self.session.may_still(needs, &path)?;
        }
        let Some(staged) = staged else {
            if asked.size.is_some()
                && let Some(work) = self.staging(handle)
            {
                self.start(claim, work);
                return Ok(Flow::Stalled);
            }
            let claim = Claim::changes(&path).and_handle(handle);
            if self.must_wait(&claim) {
                return Ok(Flow::Stalled);
            }
            let (session, asked) = (self.session.clone(), *asked);
            return Ok(self.answer(claim, async move {
                let outcome = match session.is_still(&path, published.as_ref()).await {
                    Ok(()) => set_published(&session, &path, asked, Follow::Yes).await,
                    Err(replaced) => Err(replaced),
                };
                settled(id, outcome)
            }));
        };
        let (session, asked) = (self.session.clone(), *asked);
        Ok(self.answer(claim, async move {
            let outcome = set_staged(&session, &path, staged, asked).await;
            settled(id, outcome)
        }))
    }

    pub(super) fn make_directory(
        &mut self,
        id: u32,
        path: &[u8],
        asked: &Attributes,
    ) -> Result<Flow, Failure> {
        let path = resolve(path)?;
        let claim = Claim::changes(&path);
        let mode = asked.permissions.unwrap_or(0o777) & 0o777 & !self.session.umask();
        Ok(self.change(id, claim, move |session| async move {
            session.make_directory(&path, mode).await
        }))
    }

    /// `replaces`: as posix-rename@openssh.com; RENAME itself fails where the name exists
    /// (filexfer-02 6.5).
    pub(super) fn rename(
        &mut self,
        id: u32,
        from: &[u8],
        to: &[u8],
        replaces: bool,
    ) -> Result<Flow, Failure> {
        let (from, to) = (resolve(from)?, resolve(to)?);
        let claim = Claim::changes_both(&from, &to).with_all_below();
        let replace = if replaces { Replace::Yes } else { Replace::No };
        let uploads =
            self.handles.good_upload_of(&from).is_some() || self.handles.has_good_upload_below(&to);
        Ok(self.change(id, claim, move |session| async move {
            if uploads {
                return session.keep_names(&from, &to);
            }
            session.rename(&from, &to, replace).await
        }))
    }

    /// What does not exist yet has a real path, too: clients ask before they make it.
    pub(super) fn real_path(&mut self, id: u32, path: &[u8]) -> Result<Flow, Failure> {
        let path = resolve(path)?;
        Ok(self.reply(|out| name(out, id, path.as_bytes())))
    }

    pub(super) fn read_link(&mut self, id: u32, path: &[u8]) -> Result<Flow, Failure> {
        let path = resolve(path)?;
        let claim = Claim::looks(&path);
        if let Some(wait) = self.waits(&claim) {
            return Ok(wait);
        }
        let session = self.session.clone();
        Ok(self.answer(claim, async move {
            let mut answer = Vec::new();
            match session.read_link(&path).await {
                Ok(target) => name(&mut answer, id, &target),
                Err(failure) => status::refuse(&mut answer, id, &failure),
            }
            answer
        }))
    }

    pub(super) fn make_link(
        &mut self,
        id: u32,
        target: &[u8],
        link: &[u8],
    ) -> Result<Flow, Failure> {
        let link = resolve(link)?;
        let claim = Claim::changes(&link);
        let target = target.to_vec();
        Ok(self.change(id, claim, |session| async move {
            session.make_symlink(&target, &link).await
        }))
    }

    /// Begins a change of what `claim` names, once nothing before it is in the way; the answer is
    /// a status.
    pub(super) fn change<Work>(
        &mut self,
        id: u32,
        claim: Claim,
        work: impl FnOnce(Session) -> Work,
    ) -> Flow
    where
        Work: Future<Output = Result<(), Failure>> + Send + 'static,
    {
        if let Some(wait) = self.waits_for_uploads(&claim) {
            return wait;
        }
        let work = work(self.session.clone());
        self.answer(claim, async move { settled(id, work.await) })
    }
}

async fn look(
    session: &Session,
    path: &VPath,
    follow: Follow,
    made: Option<SharedStaged>,
) -> Result<Metadata, Failure> {
    let found = match follow {
        Follow::Yes => session.stat(path).await,
        Follow::No => match session.stat_link(path).await {
            // What is not there may be a broken upload, as it is for STAT.
            Err(missing) if missing.kind == Kind::NotFound => {
                session.stat(path).await.map_err(|_| missing)
            }
            other => other,
        },
    };
    match (found, made) {
        (Err(refused), _) if refused.kind != Kind::NotFound => Err(refused),
        (_, Some(staged)) => staged_metadata(staged).await,
        (found, None) => found,
    }
}

async fn staged_metadata(staged: SharedStaged) -> Result<Metadata, Failure> {
    blocking(move || {
        let staged = locked(&staged);
        let staged = staged.as_ref().ok_or_else(super::file::over)?;
        Ok(staged.metadata())
    })
    .await
}

async fn set_published(
    session: &Session,
    path: &VPath,
    asked: Attributes,
    follow: Follow,
) -> Result<(), Failure> {
    if let Some(size) = asked.size {
        session.set_length(path, size).await?;
    }
    if attributes::asks_more_than_size(&asked) {
        let wanted = attributes::asked(&asked);
        session.set_attributes(path, wanted, follow).await?;
    }
    Ok(())
}

/// Of a file that is being uploaded: what is there has them now, and the upload will have them.
async fn set_both(
    session: &Session,
    path: &VPath,
    staged: SharedStaged,
    asked: Attributes,
    follow: Follow,
) -> Result<(), Failure> {
    let published = Attributes {
        size: None,
        ..asked
    };
    match set_published(session, path, published, follow).await {
        Err(failure) if failure.kind != Kind::NotFound => Err(failure),
        _ => set_staged(session, path, staged, asked).await,
    }
}

async fn set_staged(
    session: &Session,
    path: &VPath,
    staged: SharedStaged,
    asked: Attributes,
) -> Result<(), Failure> {
    if attributes::asks_more_than_size(&asked) {
        session.may_still(Op::SetAttributes, path)?;
    }
    blocking(move || {
        let mut staged = locked(&staged);
        let staged = staged.as_mut().ok_or_else(super::file::over)?;
        if let Some(size) = asked.size {
            staged.set_len(size)?;
        }
        if attributes::asks_more_than_size(&asked) {
            staged.set_attributes(attributes::asked(&asked))?;
        }
        Ok(())
    })
    .await
}

fn told(id: u32, found: Result<Metadata, Failure>) -> Vec<u8> {
    let mut answer = Vec::new();
    match found {
        Ok(metadata) => response::attributes(&mut answer, id, &attributes::told(&metadata)),
        Err(failure) => status::refuse(&mut answer, id, &failure),
    }
    answer
}

fn settled(id: u32, outcome: Result<(), Failure>) -> Vec<u8> {
    let mut answer = Vec::new();
    status::settle(&mut answer, id, outcome);
    answer
}

pub(super) fn name(out: &mut Vec<u8>, id: u32, name: &[u8]) {
    response::name_one(out, id, name, name, &Attributes::default());
}

//! OPEN: what a file is opened for, and what that does to it.

use wharf_causes::id;
use wharf_sftp::{Attributes, OpenFlags, response};
use wharf_vfs::VPath;

use super::claims::Claim;
use super::dispatch::{Flow, resolve};
use super::file::{Intent, OpenFile};
use super::handles::{Entry, Place};
use super::{Effect, Engine, status};
use crate::failure::{Failure, Kind};
use crate::op::Op;
use crate::session::{Session, Writing};

impl Engine {
    pub(super) fn open(
        &mut self,
        id: u32,
        path: &[u8],
        flags: OpenFlags,
        attributes: Attributes,
    ) -> Result<Flow, Failure> {
        let path = resolve(path)?;
        let claim = if flags.write() {
            Claim::changes(&path)
        } else {
            Claim::looks(&path)
        };
        if let Some(wait) = self.waits_for_uploads(&claim) {
            return Ok(wait);
        }
        let place = self.handles.place()?;
        let session = self.session.clone();
        Ok(self.start(claim, async move {
            let opened = open(&session, path, flags, &attributes).await;
            let opened = opened.map(|file| Entry::File(Box::new(file)));
            let effect: Effect = Box::new(move |engine| engine.opened(id, place, opened));
            effect
        }))
    }

    /// Answers with the handle of what was opened.
    pub(super) fn opened(&mut self, id: u32, place: Place, opened: Result<Entry, Failure>) {
        let added = opened.and_then(|entry| self.handles.add(place, entry));
        let out = self.outgoing.small();
        match added {
            Ok(handle) => response::handle(out, id, &handle),
            Err(failure) => status::refuse(out, id, &failure),
        }
    }
}

async fn open(
    session: &Session,
    path: VPath,
    flags: OpenFlags,
    attributes: &Attributes,
) -> Result<OpenFile, Failure> {
    if !flags.write() {
        if !flags.read() {
            let text = "A file is opened for reading, for writing, or for both";
            return Err(Failure::new(Kind::BadName, id::C_5, text));
        }
        let reader = session.read(&path).await?;
        let mut file = OpenFile::new(path).with_reader(reader);
        file.may_read = true;
        return Ok(file);
    }
    open_to_write(session, path, flags, attributes).await
}

/// Whoever opens a file for both and may not read it may still write it, and is refused when it
/// reads: clients that only upload ask for both.
async fn open_to_write(
    session: &Session,
    path: VPath,
    flags: OpenFlags,
    attributes: &Attributes,
) -> Result<OpenFile, Failure> {
    let mut file = OpenFile::new(path.clone());
    file.writing = Some(if flags.append() {
        Intent::AtEnd
    } else {
        Intent::Anywhere
    });
    let mode = attributes.permissions.unwrap_or(0o666) & 0o777 & !session.umask();
    let known = exists(session, &path).await?;
    let exists = known == Some(true);
    if !exists && !flags.create() {
        // A broken upload of one's own is opened as if it were there: it is told to be.
        session.stat(&path).await?;
    }
    file.may_read = flags.read() && session.may_still(Op::Read, &path).is_ok();
    if file.may_read && exists && !flags.truncate() {
        match session.read(&path).await {
            Ok(reader) => file = file.with_reader(reader),
            Err(failure) if failure.kind == Kind::FileSystemDenied => file.may_read = false,
            Err(failure) => return Err(failure),
        }
    }
    let change = if flags.append() {
        Op::Append
    } else {
        Op::Overwrite
    };
    file.needs = match known {
        Some(true) => change,
        // It is not this account's to know whether there is something.
        None if session.may_still(change, &path).is_ok() => change,
        Some(false) | None => Op::Create,
    };
    let writing = if flags.create() && flags.exclusive() {
        Writing::New
    } else if flags.truncate() {
        Writing::Whole
    } else if flags.append() {
        Writing::Append
    } else if exists {
        // It is copied to be changed only once it is changed: many open for both and only read.
        session.may_update(&path).await?;
        if file.published.is_none() {
            file.published = session.follow(&path).await.ok();
        }
        return Ok(file);
    } else {
        Writing::Update
    };
    file.stage(session.write(&path, writing, None, mode).await?);
    Ok(file)
}

/// Whether something is published there; `None` when that is not the account's to know.
async fn exists(session: &Session, path: &VPath) -> Result<Option<bool>, Failure> {
    match session.follow(path).await {
        Ok(_) => Ok(Some(true)),
        Err(failure) => match failure.kind {
            Kind::NotFound => Ok(Some(false)),
            Kind::Forbidden => Ok(None),
            _ => Err(failure),
        },
    }
}

//! OPENDIR and READDIR: batches, as they come from the store.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use wharf_sftp::response::Names;
use wharf_sftp::{Status, response};
use wharf_vfs::{Batch, Kind, Listing, Metadata, Store, VPath};

use super::claims::Claim;
use super::dispatch::{Flow, resolve};
use super::file::{SharedStaged, blocking, locked};
use super::handles::{Entry, HandleId};
use super::{Effect, Engine, MOST_OF_AN_ANSWER, attributes, status};
use crate::failure::Failure;
use crate::op::Op;
use crate::session::Session;

/// A directory that is open.
pub(super) struct OpenDirectory {
    path: VPath,
    /// Away while the next entries are read.
    listing: Option<Box<dyn Listing>>,
    /// Names that were being uploaded when it was opened, sorted: for who uploads them they are
    /// there, as they will be, and were told first.
    made: Arc<[Box<[u8]>]>,
    batch: Batch,
    /// Entries of the batch that were told.
    told: usize,
    dots_told: bool,
    /// What is said of `.`, and of `..` as well: what lies above is nobody's to know.
    dots: Metadata,
    ended: bool,
    failed: Option<Failure>,
}

impl OpenDirectory {
    pub(super) const fn path(&self) -> &VPath {
        &self.path
    }

    /// Records that it was listed.
    pub(super) fn tell(&self, session: &Session) {
        session.listed(&self.path, self.failed.as_ref().map_or(Ok(()), Err));
    }
}

impl Engine {
    pub(super) fn open_directory(&mut self, id: u32, path: &[u8]) -> Result<Flow, Failure> {
        let path = resolve(path)?;
        let claim = Claim::looks(&path);
        if let Some(wait) = self.waits(&claim) {
            return Ok(wait);
        }
        let place = self.handles.place()?;
        let session = self.session.clone();
        let uploads = self.handles.uploads_in(&path);
        Ok(self.start(claim, async move {
            let opened = session.list(&path).await;
            let (made, batch) = being_made(uploads).await;
            let dots = session.follow(&path).await.unwrap_or(A_DIRECTORY);
            if let Err(failure) = &opened {
                session.listed(&path, Err(failure));
            }
            let opened = opened.map(|listing| OpenDirectory {
                path,
                listing: Some(listing),
                made,
                batch,
                told: 0,
                dots_told: false,
                dots,
                ended: false,
                failed: None,
            });
            let opened = opened.map(|directory| Entry::Directory(Box::new(directory)));
            let effect: Effect = Box::new(move |engine| engine.opened(id, place, opened));
            effect
        }))
    }

    pub(super) fn read_directory(&mut self, id: u32, handle: &[u8]) -> Result<Flow, Failure> {
        let (handle, directory) = self.handles.directory(handle)?;
        self.session.may_still(Op::List, &directory.path)?;
        let claim = Claim::handle(handle);
        if self.must_wait(&claim) {
            return Ok(Flow::Stalled);
        }
        let (_, directory) = self.handles.directory(&handle)?;
        if directory.ended && directory.told == directory.batch.len() {
            return Ok(self.reply(|out| response::status(out, id, Status::Eof, "End of directory")));
        }
        if !directory.dots_told || directory.told < directory.batch.len() {
            let answer = entries(directory, id);
            return Ok(self.reply(|out| out.extend_from_slice(&answer)));
        }
        let Some(listing) = directory.listing.take() else {
            return Err(Failure::internal("The directory is being read already"));
        };
        let batch = std::mem::take(&mut directory.batch);
        let made = directory.made.clone();
        self.expected += MOST_OF_AN_ANSWER;
        Ok(self.start(claim, async move {
            let next = next_batch(listing, batch, &made).await;
            let effect: Effect = Box::new(move |engine| engine.entries_came(id, handle, next));
            effect
        }))
    }

    fn entries_came(
        &mut self,
        id: u32,
        handle: HandleId,
        next: Result<(Box<dyn Listing>, Batch, bool), wharf_vfs::Error>,
    ) {
        self.expected -= MOST_OF_AN_ANSWER;
        let out = self.outgoing.small();
        let Ok((_, directory)) = self.handles.directory(&handle) else {
            return status::refuse(out, id, &Failure::internal("The directory was closed"));
        };
        directory.told = 0;
        match next {
            Ok((listing, batch, more)) => {
                directory.listing = Some(listing);
                directory.batch = batch;
                directory.ended = !more;
                if more {
                    let answer = entries(directory, id);
                    self.outgoing.add(answer);
                } else {
                    directory.batch = Batch::new();
                    response::status(out, id, Status::Eof, "End of directory");
                }
            }
            Err(error) => {
                let failure = Failure::from(error);
                status::refuse(out, id, &failure);
                directory.ended = true;
                directory.failed = Some(failure);
            }
        }
    }
}

/// The names of uploads, and their entries.
async fn being_made(uploads: Vec<(VPath, SharedStaged)>) -> (Arc<[Box<[u8]>]>, Batch) {
    if uploads.is_empty() {
        return (Arc::default(), Batch::new());
    }
    let looked = move || {
        let mut entries: Vec<(Box<[u8]>, Metadata)> = Vec::new();
        for (path, staged) in uploads {
            if let (Some(name), Some(staged)) = (path.name(), locked(&staged).as_ref()) {
                entries.push((Box::from(name), staged.metadata()));
            }
        }
        Ok(entries)
    };
    let mut entries = blocking(looked).await.unwrap_or_default();
    entries.sort_by(|(one, _), (other, _)| one.cmp(other));
    // It may be open twice.
    entries.dedup_by(|(one, _), (other, _)| one == other);
    let mut batch = Batch::new();
    for (name, metadata) in &entries {
        batch.push(name, *metadata);
    }
    (entries.into_iter().map(|(name, _)| name).collect(), batch)
}

/// The next entries but those that were `made`; never none before the end.
async fn next_batch(
    mut listing: Box<dyn Listing>,
    mut batch: Batch,
    made: &[Box<[u8]>],
) -> Result<(Box<dyn Listing>, Batch, bool), wharf_vfs::Error> {
    loop {
        let more;
        (listing, batch, more) = Store::next_batch(listing, batch).await?;
        if !made.is_empty() {
            batch.retain(|name| made.binary_search_by(|one| (**one).cmp(name)).is_err());
        }
        if !more || !batch.is_empty() {
            return Ok((listing, batch, more));
        }
    }
}

/// As many entries as fit one answer.
fn entries(directory: &mut OpenDirectory, id: u32) -> Vec<u8> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.map_or(0, |since| {
        i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
    });
    let mut answer = Vec::new();
    let mut names = Names::begin(&mut answer, id);
    let mut line = Vec::new();
    if !directory.dots_told {
        directory.dots_told = true;
        // Clients that show them leave them out themselves; some miss them (filexfer-02 6.7).
        for dots in [&b"."[..], b".."] {
            attributes::line(&mut line, dots, &directory.dots, now);
            let _ = names.push(dots, &line, &attributes::told(&directory.dots));
        }
        if directory.batch.is_empty() {
            names.end();
            return answer;
        }
    }
    for entry in directory.batch.iter().skip(directory.told) {
        attributes::line(&mut line, entry.name, entry.metadata, now);
        if !names.push(entry.name, &line, &attributes::told(entry.metadata)) {
            break;
        }
        directory.told += 1;
    }
    names.end();
    answer
}

/// Where even that may not be known.
const A_DIRECTORY: Metadata = Metadata {
    kind: Kind::Directory,
    size: 4096,
    modified: wharf_vfs::Timestamp {
        seconds: 0,
        nanos: 0,
    },
    created: None,
    mode: 0o755,
    uid: 0,
    gid: 0,
    links: 1,
    device: 0,
    inode: 0,
    partial: false,
};

//! Handles: random names for what is open, of one channel only (security M9).

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use wharf_causes::id;
use wharf_vfs::VPath;

use super::Shares;
use super::directory::OpenDirectory;
use super::file::{OpenFile, SharedStaged};
use crate::failure::{Failure, Kind};

/// The name of a handle. Nobody can guess one, and none is given twice.
pub(super) type HandleId = [u8; 16];

/// What is open.
pub(super) enum Entry {
    File(Box<OpenFile>),
    Directory(Box<OpenDirectory>),
}

/// The handles of a channel.
pub(super) struct Handles {
    open: HashMap<HandleId, (Entry, Place)>,
    /// Those given out and those about to be, in all channels of the session (security R11).
    shares: Arc<Shares>,
    most: usize,
}

/// The right to one more handle; given back when it is dropped.
pub(super) struct Place(Arc<Shares>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.handles.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Handles {
    pub(super) fn new(most: usize, shares: Arc<Shares>) -> Self {
        Self {
            open: HashMap::new(),
            shares,
            most,
        }
    }

    /// Takes a place before anything is opened, so that the limit holds also for what is being
    /// opened (security R11).
    pub(super) fn place(&mut self) -> Result<Place, Failure> {
        let place = Place(self.shares.clone());
        if self.shares.handles.fetch_add(1, Ordering::AcqRel) >= self.most {
            let text = format!("Too many open handles (limit max_handles is {})", self.most);
            return Err(Failure::new(Kind::Busy, id::G_20, text));
        }
        Ok(place)
    }

    pub(super) fn add(&mut self, place: Place, entry: Entry) -> Result<HandleId, Failure> {
        let mut handle = [0; 16];
        if getrandom::fill(&mut handle).is_err() {
            return Err(Failure::internal("The system has no randomness"));
        }
        self.open.insert(handle, (entry, place));
        Ok(handle)
    }

    pub(super) fn find(&self, handle: &[u8]) -> Result<HandleId, Failure> {
        let known: Option<HandleId> = handle.try_into().ok();
        known
            .filter(|handle| self.open.contains_key(handle))
            .ok_or_else(unknown)
    }

    pub(super) fn file(&mut self, handle: &[u8]) -> Result<(HandleId, &mut OpenFile), Failure> {
        let id = self.find(handle)?;
        match self.open.get_mut(&id) {
            Some((Entry::File(file), _)) => Ok((id, file)),
            Some((Entry::Directory(_), _)) => {
                let text = "It is the handle of a directory";
                Err(Failure::new(Kind::WrongType, id::C_8, text))
            }
            None => Err(unknown()),
        }
    }

    pub(super) fn directory(
        &mut self,
        handle: &[u8],
    ) -> Result<(HandleId, &mut OpenDirectory), Failure> {
        let id = self.find(handle)?;
        match self.open.get_mut(&id) {
            Some((Entry::Directory(directory), _)) => Ok((id, directory)),
            Some((Entry::File(_), _)) => {
                let text = "It is not the handle of a directory";
                Err(Failure::new(Kind::WrongType, id::C_8, text))
            }
            None => Err(unknown()),
        }
    }

    pub(super) fn remove(&mut self, handle: HandleId) -> Option<Entry> {
        let (entry, _) = self.open.remove(&handle)?;
        if self.open.is_empty() {
            self.open = HashMap::new();
        }
        Some(entry)
    }

    /// An upload of this path that is open.
    pub(super) fn upload_of(&self, path: &VPath) -> Option<(HandleId, SharedStaged)> {
        let mut open = self.open.iter();
        open.find_map(|(handle, (entry, _))| match entry {
            Entry::File(file) if file.path == *path => Some((*handle, file.staged.clone()?)),
            Entry::File(_) | Entry::Directory(_) => None,
        })
    }

    /// The same if nothing has gone wrong: what failed is not published, and what was there stays.
    pub(super) fn good_upload_of(&self, path: &VPath) -> Option<SharedStaged> {
        let mut good = self.good_uploads();
        good.find(|file| file.path == *path)?.staged.clone()
    }

    /// Whether such an upload is of this path or of one below it.
    pub(super) fn has_good_upload_below(&self, path: &VPath) -> bool {
        let mut good = self.good_uploads();
        good.any(|file| file.path.starts_with(path))
    }

    /// All that is open for writing under this path, begun to be written or not.
    pub(super) fn writers_of(&self, path: &VPath) -> Vec<(HandleId, Option<SharedStaged>)> {
        let open = self.open.iter();
        let writers = open.filter_map(|(handle, (entry, _))| match entry {
            Entry::File(file) if file.writing.is_some() && file.path == *path => {
                Some((*handle, file.staged.clone()))
            }
            Entry::File(_) | Entry::Directory(_) => None,
        });
        writers.collect()
    }

    fn good_uploads(&self) -> impl Iterator<Item = &OpenFile> {
        self.files().filter(|file| file.is_good_upload())
    }

    pub(super) fn good_uploads_mut(&mut self) -> impl Iterator<Item = &mut OpenFile> {
        let open = self.open.values_mut();
        open.filter_map(|(entry, _)| match entry {
            Entry::File(file) if file.is_good_upload() => Some(&mut **file),
            Entry::File(_) | Entry::Directory(_) => None,
        })
    }

    /// Files that are being uploaded.
    fn uploads(&self) -> impl Iterator<Item = &OpenFile> {
        self.files().filter(|file| file.staged.is_some())
    }

    /// Those that are to be in this directory, if nothing has gone wrong.
    pub(super) fn uploads_in(&self, directory: &VPath) -> Vec<(VPath, SharedStaged)> {
        let in_it = |file: &&OpenFile| file.path.parent().as_ref() == Some(directory);
        let uploads = self.good_uploads().filter(in_it);
        uploads
            .filter_map(|file| Some((file.path.clone(), file.staged.clone()?)))
            .collect()
    }

    /// Whether a file below this directory is being uploaded, whatever will come of it.
    pub(super) fn uploads_below(&self, directory: &VPath) -> bool {
        let mut uploads = self.uploads();
        uploads.any(|file| file.path.starts_with(directory))
    }

    fn files(&self) -> impl Iterator<Item = &OpenFile> {
        self.open.values().filter_map(|(entry, _)| match entry {
            Entry::File(file) => Some(&**file),
            Entry::Directory(_) => None,
        })
    }

    pub(super) fn has_files(&self) -> bool {
        self.files().next().is_some()
    }

    /// Everything, the channel being over.
    pub(super) fn take_all(&mut self) -> Vec<Entry> {
        let open = std::mem::take(&mut self.open);
        open.into_values().map(|(entry, _)| entry).collect()
    }
}

fn unknown() -> Failure {
    Failure {
        kind: Kind::BadOffset,
        cause: None,
        text: "No such handle".into(),
    }
}

//! Handles: random names for what is open, of one channel only (security M9).

use std::collections::HashMap;

use wharf_causes::id;
use wharf_vfs::VPath;

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
    open: HashMap<HandleId, Entry>,
    /// Those given out and those about to be.
    taken: usize,
    most: usize,
}

/// The right to one more handle.
pub(super) struct Place;

impl Handles {
    pub(super) fn new(most: usize) -> Self {
        Self {
            open: HashMap::new(),
            taken: 0,
            most,
        }
    }

    /// Takes a place before anything is opened, so that the limit holds also for what is being
    /// opened (security R11).
    pub(super) fn place(&mut self) -> Result<Place, Failure> {
        if self.taken >= self.most {
            let text = format!("Too many open handles (limit max_handles is {})", self.most);
            return Err(Failure::new(Kind::Busy, id::G_20, text));
        }
        self.taken += 1;
        Ok(Place)
    }

    pub(super) fn give_back(&mut self, place: Place) {
        let Place = place;
        self.taken -= 1;
    }

    pub(super) fn add(&mut self, place: Place, entry: Entry) -> Result<HandleId, Failure> {
        let mut handle = [0; 16];
        if getrandom::fill(&mut handle).is_err() {
            self.give_back(place);
            return Err(Failure::internal("The system has no randomness"));
        }
        let Place = place;
        self.open.insert(handle, entry);
        Ok(handle)
    }

    pub(super) fn find(&self, handle: &[u8]) -> Result<HandleId, Failure> {
        let known = handle.try_into().ok();
        known
            .filter(|handle| self.open.contains_key(handle))
            .ok_or_else(unknown)
    }

    pub(super) fn file(&mut self, handle: &[u8]) -> Result<(HandleId, &mut OpenFile), Failure> {
        let id = self.find(handle)?;
        match self.open.get_mut(&id) {
            Some(Entry::File(file)) => Ok((id, file)),
            Some(Entry::Directory(_)) => {
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
            Some(Entry::Directory(directory)) => Ok((id, directory)),
            Some(Entry::File(_)) => {
                let text = "It is not the handle of a directory";
                Err(Failure::new(Kind::WrongType, id::C_8, text))
            }
            None => Err(unknown()),
        }
    }

    pub(super) fn remove(&mut self, handle: HandleId) -> Option<Entry> {
        let entry = self.open.remove(&handle)?;
        self.taken -= 1;
        if self.open.is_empty() {
            self.open = HashMap::new();
        }
        Some(entry)
    }

    /// An upload of this path that is open.
    pub(super) fn upload_of(&self, path: &VPath) -> Option<SharedStaged> {
        let mut files = self.files().filter(|file| file.path == *path);
        files.find_map(|file| file.staged.clone())
    }

    fn files(&self) -> impl Iterator<Item = &OpenFile> {
        self.open.values().filter_map(|entry| match entry {
            Entry::File(file) => Some(&**file),
            Entry::Directory(_) => None,
        })
    }

    pub(super) fn has_files(&self) -> bool {
        self.files().next().is_some()
    }

    pub(super) fn take_files(&mut self) -> Vec<Box<OpenFile>> {
        let entries = std::mem::take(&mut self.open).into_values();
        let files = entries.filter_map(|entry| match entry {
            Entry::File(file) => Some(file),
            Entry::Directory(_) => None,
        });
        files.collect()
    }
}

fn unknown() -> Failure {
    Failure {
        kind: Kind::BadOffset,
        cause: None,
        text: "No such handle".into(),
    }
}

//! Beginning uploads into a memory store, and those that are unfinished.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::content::Content;
use super::staged::MemoryStaged;
use super::tree::{Shared, Tree};
use crate::error::{Error, ErrorKind, Result};
use crate::metadata::Attributes;
use crate::path::VPath;
use crate::upload::{StageMode, StageRequest, Staged};

/// Unfinished uploads of a store.
#[derive(Default)]
pub(super) struct Partials(pub(super) HashMap<Key, Partial>);

/// Directory, name and principal.
pub(super) type Key = (u64, Box<[u8]>, Box<str>);

#[derive(Default)]
pub(super) struct Partial {
    live: Option<Arc<Upload>>,
    pub(super) kept: Option<Vec<u8>>,
}

/// The content of an upload; `None` once it is over or taken over.
#[derive(Default)]
pub(super) struct Upload(Mutex<Option<Content>>);

impl Partials {
    /// Whether an upload into the directory is under way.
    pub(super) fn live_in(&self, directory: u64) -> bool {
        self.0
            .iter()
            .any(|(key, partial)| key.0 == directory && partial.live.is_some())
    }

    /// Forgets the kept uploads of a directory and answers their bytes.
    pub(super) fn forget_directory(&mut self, directory: u64) -> u64 {
        let mut bytes = 0;
        self.0.retain(|key, partial| {
            if key.0 == directory {
                bytes += partial.kept.take().map_or(0, |kept| kept.len() as u64);
            }
            key.0 != directory
        });
        bytes
    }

    pub(super) fn end(&mut self, key: &Key, upload: &Arc<Upload>) {
        if let Some(partial) = self.0.get_mut(key) {
            if partial
                .live
                .as_ref()
                .is_some_and(|live| Arc::ptr_eq(live, upload))
            {
                partial.live = None;
            }
            if partial.live.is_none() && partial.kept.is_none() {
                self.0.remove(key);
            }
        }
    }
}

impl Upload {
    pub(super) fn lock(&self) -> MutexGuard<'_, Option<Content>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(super) fn stage(
    shared: &Arc<Shared>,
    path: &VPath,
    request: &StageRequest,
) -> Result<Box<dyn Staged>> {
    if path.is_root() {
        return Err(Error::new(ErrorKind::IsADirectory));
    }
    let mut tree = shared.tree();
    let (parent, name) = tree.place(path)?;
    let published = published(&tree, parent, name, request.replace)?;
    if request
        .expected
        .is_some_and(|n| n > shared.space().available)
    {
        return Err(Error::new(ErrorKind::NoSpace));
    }
    let key: Key = (parent, name.into(), request.principal.clone());
    let updates = published.is_some() && request.mode == StageMode::Update;
    let content = match request.mode {
        StageMode::Create | StageMode::Resume { offset: 0 } => Vec::new(),
        StageMode::Resume { offset } => resume(shared, &mut tree, &key, published, offset)?,
        StageMode::Append | StageMode::Update => append(shared, &mut tree, &key, published)?,
    };
    let mut content = Content::whole(content);
    if updates {
        content.based = content.bytes.len();
    }
    let upload = Arc::new(Upload(Mutex::new(Some(content))));
    tree.partials.0.entry(key.clone()).or_default().live = Some(Arc::clone(&upload));
    Ok(Box::new(MemoryStaged {
        shared: Arc::clone(shared),
        key,
        upload,
        replace: request.replace,
        permissions: request.permissions,
        updates,
        attributes: Attributes::default(),
        changed: false,
        failed: false,
    }))
}

pub(super) fn partial(shared: &Shared, path: &VPath, principal: &str) -> Result<Option<u64>> {
    if path.is_root() {
        return Ok(None);
    }
    let tree = shared.tree();
    let (parent, name) = tree.place(path)?;
    let Some(partial) = tree
        .partials
        .0
        .get(&(parent, name.into(), principal.into()))
    else {
        return Ok(None);
    };
    let live = partial.live.as_ref();
    let live = live.and_then(|live| live.lock().as_ref().map(Content::resumable));
    let kept = partial.kept.as_ref().map(Vec::len);
    Ok(live
        .max(kept)
        .filter(|bytes| *bytes > 0)
        .map(|bytes| bytes as u64))
}

/// The content that would be replaced.
pub(super) fn published(
    tree: &Tree,
    parent: u64,
    name: &[u8],
    replace: bool,
) -> Result<Option<Arc<Vec<u8>>>> {
    let Some(node) = tree.entries(parent)?.get(name) else {
        return Ok(None);
    };
    let content = tree.file(*node)?;
    if !replace {
        return Err(Error::new(ErrorKind::Exists));
    }
    Ok(Some(Arc::clone(content)))
}

/// The order of locks is tree, then upload; a writer holds only its upload's.
fn resume(
    shared: &Shared,
    tree: &mut Tree,
    key: &Key,
    published: Option<Arc<Vec<u8>>>,
    offset: u64,
) -> Result<Vec<u8>> {
    let offset = usize::try_from(offset).map_err(|_| ErrorKind::BadOffset)?;
    if let Some(partial) = tree.partials.0.get_mut(key) {
        let live = partial.live.as_ref();
        let taken = live
            .and_then(|live| live.lock().take_if(|live| live.resumable() >= offset))
            .map(|live| live.bytes)
            .or_else(|| partial.kept.take_if(|bytes| bytes.len() >= offset));
        if let Some(mut bytes) = taken {
            shared.release(bytes.len() - offset);
            bytes.truncate(offset);
            return Ok(bytes);
        }
    }
    let published = published.ok_or(ErrorKind::BadOffset)?;
    let bytes = published.get(..offset).ok_or(ErrorKind::BadOffset)?;
    shared.reserve(offset)?;
    Ok(bytes.to_vec())
}

fn append(
    shared: &Shared,
    tree: &mut Tree,
    key: &Key,
    published: Option<Arc<Vec<u8>>>,
) -> Result<Vec<u8>> {
    if let Some(published) = published {
        shared.reserve(published.len())?;
        return Ok(published.to_vec());
    }
    let Some(partial) = tree.partials.0.get_mut(key) else {
        return Ok(Vec::new());
    };
    let live = partial.live.as_ref();
    if live.is_some_and(|live| {
        live.lock()
            .as_ref()
            .is_some_and(|live| live.resumable() > 0)
    }) {
        return Err(Error::new(ErrorKind::Busy));
    }
    Ok(partial.kept.take().unwrap_or_default())
}

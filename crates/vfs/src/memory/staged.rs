//! Uploads into a memory store.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::tree::{Body, Shared, Tree};
use crate::error::{Error, ErrorKind, Result};
use crate::path::VPath;
use crate::upload::{Published, StageMode, StageRequest, Staged};

/// Unfinished uploads of a store.
#[derive(Default)]
pub(super) struct Partials(HashMap<Key, Partial>);

/// Directory, name and principal.
type Key = (u64, Box<[u8]>, Box<str>);

#[derive(Default)]
struct Partial {
    live: Option<Arc<Upload>>,
    kept: Option<Vec<u8>>,
}

/// The bytes of an upload; `None` once it is over or taken over.
#[derive(Default)]
struct Upload(Mutex<Option<Vec<u8>>>);

struct MemoryStaged {
    shared: Arc<Shared>,
    key: Key,
    upload: Arc<Upload>,
    replace: bool,
    permissions: u32,
    failed: bool,
}

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

    fn end(&mut self, key: &Key, upload: &Arc<Upload>) {
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
    fn lock(&self) -> MutexGuard<'_, Option<Vec<u8>>> {
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
    let content = match request.mode {
        StageMode::Create | StageMode::Resume { offset: 0 } => Vec::new(),
        StageMode::Resume { offset } => resume(shared, &mut tree, &key, published, offset)?,
        StageMode::Append => append(shared, &mut tree, &key, published)?,
    };
    let upload = Arc::new(Upload(Mutex::new(Some(content))));
    tree.partials.0.entry(key.clone()).or_default().live = Some(Arc::clone(&upload));
    Ok(Box::new(MemoryStaged {
        shared: Arc::clone(shared),
        key,
        upload,
        replace: request.replace,
        permissions: request.permissions,
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
    let live = live.and_then(|live| live.lock().as_ref().map(Vec::len));
    let kept = partial.kept.as_ref().map(Vec::len);
    Ok(live
        .max(kept)
        .filter(|bytes| *bytes > 0)
        .map(|bytes| bytes as u64))
}

/// The content that would be replaced.
fn published(tree: &Tree, parent: u64, name: &[u8], replace: bool) -> Result<Option<Arc<Vec<u8>>>> {
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
            .and_then(|live| live.lock().take_if(|bytes| bytes.len() >= offset))
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
    if live.is_some_and(|live| live.lock().as_ref().is_some_and(|bytes| !bytes.is_empty())) {
        return Err(Error::new(ErrorKind::Busy));
    }
    Ok(partial.kept.take().unwrap_or_default())
}

impl MemoryStaged {
    fn publish_bytes(&self, tree: &mut Tree, bytes: &[u8]) -> Result<bool> {
        let (parent, name) = (self.key.0, &self.key.1);
        let previous = published(tree, parent, name, self.replace)?;
        let mode = match tree.child(parent, name) {
            Ok(node) => tree.metadata(node)?.mode & 0o777,
            Err(_) => self.permissions & 0o777,
        };
        let content = Arc::new(bytes.to_vec());
        tree.put(parent, name, Body::File(content), mode)?;
        Ok(previous.is_some())
    }

    fn keep_bytes(&self) -> u64 {
        let Some(bytes) = self.upload.lock().take() else {
            return 0;
        };
        let mut tree = self.shared.tree();
        let mut length = bytes.len();
        if tree.entries(self.key.0).is_err() {
            self.shared.release(length);
            length = 0;
        } else if !bytes.is_empty() {
            let partial = tree.partials.0.entry(self.key.clone()).or_default();
            if let Some(older) = partial.kept.replace(bytes) {
                self.shared.release(older.len());
            }
        }
        tree.partials.end(&self.key, &self.upload);
        length as u64
    }
}

impl Staged for MemoryStaged {
    fn offset(&self) -> u64 {
        self.upload
            .lock()
            .as_ref()
            .map_or(0, |bytes| bytes.len() as u64)
    }

    fn write(&mut self, chunk: &[u8]) -> Result<()> {
        let mut upload = self.upload.lock();
        let bytes = upload.as_mut().ok_or(ErrorKind::Cancelled)?;
        if self.failed {
            return Err(Error::new(ErrorKind::Io));
        }
        let reserved = self.shared.reserve(chunk.len());
        self.failed = reserved.is_err();
        reserved?;
        bytes.extend_from_slice(chunk);
        Ok(())
    }

    fn write_cached(&mut self, chunk: &[u8]) -> Option<Result<()>> {
        Some(self.write(chunk))
    }

    fn publish_if(self: Box<Self>, wanted: &dyn Fn() -> bool) -> Result<Published> {
        if self.failed {
            return Err(Error::new(ErrorKind::Io));
        }
        if !wanted() {
            // Dropped, it is kept.
            return Err(Error::new(ErrorKind::Cancelled));
        }
        let bytes = self.upload.lock().take().ok_or(ErrorKind::Cancelled)?;
        let mut tree = self.shared.tree();
        match self.publish_bytes(&mut tree, &bytes) {
            Ok(replaced) => {
                let partial = tree.partials.0.get_mut(&self.key);
                if let Some(older) = partial.and_then(|partial| partial.kept.take()) {
                    self.shared.release(older.len());
                }
                tree.partials.end(&self.key, &self.upload);
                Ok(Published {
                    size: bytes.len() as u64,
                    replaced,
                })
            }
            Err(error) => {
                // Dropping keeps it.
                *self.upload.lock() = Some(bytes);
                drop(tree);
                Err(error)
            }
        }
    }

    fn keep(self: Box<Self>) -> Result<u64> {
        Ok(self.keep_bytes())
    }

    fn discard(self: Box<Self>) -> Result<()> {
        if let Some(bytes) = self.upload.lock().take() {
            self.shared.release(bytes.len());
        }
        self.shared.tree().partials.end(&self.key, &self.upload);
        Ok(())
    }
}

impl Drop for MemoryStaged {
    fn drop(&mut self) {
        self.keep_bytes();
    }
}

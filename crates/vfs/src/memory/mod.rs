//! A store in memory, for tests: the same contract, and a bound to run into.

mod content;
mod stage;
mod staged;
mod tree;

use std::fs::File;
use std::ops::Bound;
use std::sync::Arc;

use async_trait::async_trait;

use self::tree::{Body, Shared, Tree};
use crate::data::{Batch, Listing, Reader, copy_at};
use crate::error::{Error, ErrorKind, Result};
use crate::links;
use crate::metadata::{Attributes, Capability, Follow, Metadata, Replace, Space};
use crate::path::VPath;
use crate::store::{Backend, Store};
use crate::upload::{StageRequest, Staged};

/// A store in memory.
pub struct MemoryStore {
    shared: Arc<Shared>,
}

impl MemoryStore {
    /// An empty store without a bound.
    #[must_use]
    #[allow(clippy::new_ret_no_self)] // what one wants is the handle
    pub fn new() -> Store {
        Self::bounded(u64::MAX)
    }

    /// An empty store that holds at most `bytes` of content, unfinished uploads included; then it
    /// says `NoSpace`.
    #[must_use]
    pub fn bounded(bytes: u64) -> Store {
        Store::new(Self {
            shared: Arc::new(Shared::new(bytes)),
        })
    }

    fn with<T>(&self, work: impl FnOnce(&mut Tree) -> Result<T>) -> Result<T> {
        work(&mut self.shared.tree())
    }
}

#[async_trait]
impl Backend for MemoryStore {
    fn capability(&self) -> Capability {
        Capability {
            read_only: false,
            symlinks: true,
            hard_metadata: false,
            set_times: true,
            set_mode: true,
            append: true,
            resume: true,
            random_write: true,
            hard_links: true,
            durable: false,
            space: true,
            create_time: true,
            descriptors: false,
        }
    }

    async fn metadata(&self, path: &VPath, follow: Follow) -> Result<Metadata> {
        self.with(|tree| tree.metadata(tree.find(path, follow)?))
    }

    async fn list(&self, path: &VPath) -> Result<Box<dyn Listing>> {
        let directory = self.with(|tree| {
            let found = tree.find(path, Follow::Yes)?;
            tree.entries(found).map(|_| found)
        })?;
        Ok(Box::new(MemoryListing {
            shared: Arc::clone(&self.shared),
            directory,
            last: None,
        }))
    }

    async fn read(&self, path: &VPath) -> Result<Box<dyn Reader>> {
        self.with(|tree| {
            let found = tree.find(path, Follow::Yes)?;
            let metadata = tree.metadata(found)?;
            let content = Arc::clone(tree.file(found)?);
            Ok(Box::new(MemoryReader { content, metadata }) as Box<dyn Reader>)
        })
    }

    async fn stage(&self, path: &VPath, request: StageRequest) -> Result<Box<dyn Staged>> {
        stage::stage(&self.shared, path, &request)
    }

    async fn partial(&self, path: &VPath, principal: &str) -> Result<Option<u64>> {
        stage::partial(&self.shared, path, principal)
    }

    async fn make_dir(&self, path: &VPath, mode: u32) -> Result<()> {
        if path.is_root() {
            return Err(Error::new(ErrorKind::Exists));
        }
        let body = Body::Directory(std::collections::BTreeMap::new());
        self.with(|tree| tree.create(path, body, mode & 0o777))
    }

    async fn remove_dir(&self, path: &VPath) -> Result<()> {
        self.with(|tree| tree.remove_dir(path))
    }

    async fn remove_file(&self, path: &VPath) -> Result<()> {
        if path.is_root() {
            return Err(Error::new(ErrorKind::IsADirectory));
        }
        self.with(|tree| tree.remove_file(path))
    }

    async fn rename(&self, from: &VPath, to: &VPath, replace: Replace) -> Result<()> {
        links::check_rename(from, to)?;
        self.with(|tree| tree.rename(from, to, replace))
    }

    async fn hard_link(&self, existing: &VPath, new: &VPath) -> Result<()> {
        links::check_hard_link(existing, new)?;
        self.with(|tree| tree.hard_link(existing, new))
    }

    async fn set_attributes(
        &self,
        path: &VPath,
        attributes: Attributes,
        follow: Follow,
    ) -> Result<()> {
        self.with(|tree| tree.set_attributes(path, &attributes, follow))
    }

    async fn make_symlink(&self, target: &[u8], path: &VPath) -> Result<()> {
        links::check_target(target, path)?;
        self.with(|tree| tree.create(path, Body::Symlink(target.into()), 0o777))
    }

    async fn read_link(&self, path: &VPath) -> Result<Vec<u8>> {
        let target = self.with(|tree| match tree.body(tree.find(path, Follow::No)?)? {
            Body::Symlink(target) => Ok(target.to_vec()),
            Body::File(_) | Body::Directory(_) => Err(Error::with_text(
                ErrorKind::InvalidName,
                "not a symbolic link",
            )),
        })?;
        links::check_target(&target, path)?;
        Ok(target)
    }

    async fn space(&self, path: &VPath) -> Result<Space> {
        self.with(|tree| tree.find(path, Follow::Yes))?;
        Ok(self.shared.space())
    }
}

/// Goes on after the last name it gave, so it holds nothing of the directory.
struct MemoryListing {
    shared: Arc<Shared>,
    directory: u64,
    last: Option<Box<[u8]>>,
}

impl Listing for MemoryListing {
    fn next_batch(&mut self, batch: &mut Batch) -> Result<bool> {
        batch.clear();
        let tree = self.shared.tree();
        let Ok(entries) = tree.entries(self.directory) else {
            return Ok(false);
        };
        let after = match &self.last {
            Some(last) => Bound::Excluded(&**last),
            None => Bound::Unbounded,
        };
        for (name, node) in entries.range::<[u8], _>((after, Bound::Unbounded)) {
            batch.push(name, tree.metadata(*node)?);
            if batch.is_full() {
                break;
            }
        }
        self.last = batch.iter().last().map(|entry| entry.name.into());
        Ok(!batch.is_empty())
    }
}

struct MemoryReader {
    content: Arc<Vec<u8>>,
    metadata: Metadata,
}

impl Reader for MemoryReader {
    fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    fn file(&self) -> Option<&Arc<File>> {
        None
    }

    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> Result<usize> {
        Ok(copy_at(&self.content, offset, buffer))
    }

    fn read_cached_at(&self, offset: u64, buffer: &mut [u8]) -> Option<Result<usize>> {
        Some(Ok(copy_at(&self.content, offset, buffer)))
    }
}

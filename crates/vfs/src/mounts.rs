//! Several stores as one tree.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;

use crate::data::{Batch, Listing, Reader};
use crate::error::{Error, ErrorKind, Result};
use crate::links;
use crate::metadata::{Attributes, Capability, Follow, Kind, Metadata, Replace, Space, Timestamp};
use crate::path::VPath;
use crate::store::{Backend, Store};
use crate::upload::{StageRequest, Staged};

/// Stores at places of one tree. A path belongs to the store mounted nearest above it, by whole
/// components. Mount points hide what lies under them, appear in listings, and can be neither
/// removed nor renamed. Directories that exist only because something is mounted below them are
/// shown and cannot be written to.
pub struct Mounts {
    at: BTreeMap<VPath, Store>,
    since: Timestamp,
}

/// What a path is, before any store is asked.
enum Owner<'a> {
    /// It belongs to this store, and is called so there.
    Store(&'a Store, VPath),
    /// No store has it.
    Nobody,
}

impl Mounts {
    /// Mounts each store at its path.
    ///
    /// # Errors
    /// `Exists` if two have the same path.
    #[allow(clippy::new_ret_no_self)] // what one wants is the handle
    pub fn new(mounts: impl IntoIterator<Item = (VPath, Store)>) -> Result<Store> {
        let mut at = BTreeMap::new();
        for (path, store) in mounts {
            if at.insert(path, store).is_some() {
                return Err(Error::new(ErrorKind::Exists));
            }
        }
        let since = Timestamp::now();
        Ok(Store::new(Self { at, since }))
    }

    fn owner(&self, path: &VPath) -> Owner<'_> {
        let mut point = path.clone();
        loop {
            if let Some(store) = self.at.get(&point) {
                let inside = path.strip_prefix(&point).unwrap_or_else(VPath::root);
                return Owner::Store(store, inside);
            }
            match point.parent() {
                Some(parent) => point = parent,
                None => return Owner::Nobody,
            }
        }
    }

    /// The store of a path that a verb may change: neither a mount point nor above one.
    fn changeable(&self, path: &VPath) -> Result<(&Store, VPath)> {
        if self.is_fixed(path) {
            return Err(fixed());
        }
        match self.owner(path) {
            Owner::Store(store, inside) => Ok((store, inside)),
            Owner::Nobody => Err(self.nobody(path)),
        }
    }

    /// Why there is no store for a path: its parent is only there for the mounts, or not at all.
    fn nobody(&self, path: &VPath) -> Error {
        match path.parent() {
            Some(parent) if self.is_above(&parent) => Error::new(ErrorKind::PermissionDenied),
            _ => Error::new(ErrorKind::NotFound),
        }
    }

    fn is_fixed(&self, path: &VPath) -> bool {
        self.at.contains_key(path) || self.is_above(path)
    }

    /// Whether something is mounted below.
    fn is_above(&self, path: &VPath) -> bool {
        self.at.keys().any(|at| at != path && at.starts_with(path))
    }

    /// Names in this directory that are mount points or lead to one.
    fn children(&self, path: &VPath) -> BTreeSet<Box<[u8]>> {
        self.at
            .keys()
            .filter_map(|at| at.strip_prefix(path)?.components().next().map(Box::from))
            .collect()
    }

    /// A directory that is only there because something is mounted below it.
    const fn made_up(&self) -> Metadata {
        Metadata {
            kind: Kind::Directory,
            size: 0,
            modified: self.since,
            created: None,
            mode: 0o555,
            uid: 0,
            gid: 0,
            links: 1,
            device: 0,
            inode: 0,
            partial: false,
        }
    }
}

#[async_trait]
impl Backend for Mounts {
    /// What all of them can do.
    fn capability(&self) -> Capability {
        let all = |ability: fn(&Capability) -> bool| {
            self.at.values().all(|store| ability(&store.capability()))
        };
        Capability {
            read_only: all(|c| c.read_only),
            symlinks: all(|c| c.symlinks),
            hard_metadata: all(|c| c.hard_metadata),
            set_times: all(|c| c.set_times),
            set_mode: all(|c| c.set_mode),
            append: all(|c| c.append),
            resume: all(|c| c.resume),
            random_write: all(|c| c.random_write),
            hard_links: all(|c| c.hard_links),
            durable: all(|c| c.durable),
            space: all(|c| c.space),
            create_time: all(|c| c.create_time),
            descriptors: all(|c| c.descriptors),
        }
    }

    async fn metadata(&self, path: &VPath, follow: Follow) -> Result<Metadata> {
        let found = match self.owner(path) {
            Owner::Store(store, inside) => store.metadata(&inside, follow).await,
            Owner::Nobody => Err(Error::new(ErrorKind::NotFound)),
        };
        match found {
            Ok(metadata) if metadata.kind == Kind::Directory || !self.is_above(path) => {
                Ok(metadata)
            }
            Err(error) if !self.is_above(path) => Err(error),
            Ok(_) | Err(_) => Ok(self.made_up()),
        }
    }

    async fn list(&self, path: &VPath) -> Result<Box<dyn Listing>> {
        let base = match self.owner(path) {
            Owner::Store(store, inside) => store.list(&inside).await,
            Owner::Nobody => Err(Error::new(ErrorKind::NotFound)),
        };
        let children = self.children(path);
        if children.is_empty() {
            return base;
        }
        let mut mounted = Batch::new();
        for name in &children {
            let child = path.child(name)?;
            // A store that does not answer does not hide the others.
            let metadata = self.metadata(&child, Follow::Yes).await;
            mounted.push(name, metadata.unwrap_or_else(|_| self.made_up()));
        }
        Ok(Box::new(MountListing {
            base: base.ok(),
            children,
            mounted: Some(mounted),
        }))
    }

    async fn read(&self, path: &VPath) -> Result<Box<dyn Reader>> {
        if self.is_fixed(path) {
            return Err(Error::new(ErrorKind::IsADirectory));
        }
        match self.owner(path) {
            Owner::Store(store, inside) => store.read(&inside).await,
            Owner::Nobody => Err(Error::new(ErrorKind::NotFound)),
        }
    }

    async fn stage(&self, path: &VPath, request: StageRequest) -> Result<Box<dyn Staged>> {
        if self.is_fixed(path) {
            return Err(Error::new(ErrorKind::IsADirectory));
        }
        let (store, inside) = self.changeable(path)?;
        store.stage(&inside, request).await
    }

    async fn partial(&self, path: &VPath, principal: &str) -> Result<Option<u64>> {
        match self.owner(path) {
            Owner::Store(store, inside) => store.partial(&inside, principal).await,
            Owner::Nobody => Ok(None),
        }
    }

    async fn make_dir(&self, path: &VPath, mode: u32) -> Result<()> {
        if self.is_fixed(path) {
            return Err(Error::new(ErrorKind::Exists));
        }
        let (store, inside) = self.changeable(path)?;
        store.make_dir(&inside, mode).await
    }

    async fn remove_dir(&self, path: &VPath) -> Result<()> {
        let (store, inside) = self.changeable(path)?;
        store.remove_dir(&inside).await
    }

    async fn remove_file(&self, path: &VPath) -> Result<()> {
        if self.is_fixed(path) {
            return Err(Error::new(ErrorKind::IsADirectory));
        }
        let (store, inside) = self.changeable(path)?;
        store.remove_file(&inside).await
    }

    async fn rename(&self, from: &VPath, to: &VPath, replace: Replace) -> Result<()> {
        links::check_rename(from, to)?;
        if self.at.contains_key(to) && replace == Replace::No {
            return Err(Error::new(ErrorKind::Exists));
        }
        let (old_store, old) = self.changeable(from)?;
        let (new_store, new) = self.changeable(to)?;
        if !std::ptr::eq(old_store, new_store) {
            // What does not exist is not in another store.
            old_store.metadata(&old, Follow::No).await?;
            return Err(Error::new(ErrorKind::CrossDevice));
        }
        old_store.rename(&old, &new, replace).await
    }

    async fn hard_link(&self, existing: &VPath, new: &VPath) -> Result<()> {
        if self.is_fixed(existing) {
            return Err(Error::new(ErrorKind::IsADirectory));
        }
        if self.is_fixed(new) {
            return Err(Error::new(ErrorKind::Exists));
        }
        let (old_store, old) = self.changeable(existing)?;
        let (new_store, new) = self.changeable(new)?;
        if !std::ptr::eq(old_store, new_store) {
            old_store.metadata(&old, Follow::No).await?;
            return Err(Error::new(ErrorKind::CrossDevice));
        }
        old_store.hard_link(&old, &new).await
    }

    async fn set_attributes(
        &self,
        path: &VPath,
        attributes: Attributes,
        follow: Follow,
    ) -> Result<()> {
        match self.owner(path) {
            Owner::Store(store, inside) => store.set_attributes(&inside, attributes, follow).await,
            Owner::Nobody if self.is_above(path) => Err(fixed()),
            Owner::Nobody => Err(Error::new(ErrorKind::NotFound)),
        }
    }

    async fn make_symlink(&self, target: &[u8], path: &VPath) -> Result<()> {
        if self.is_fixed(path) {
            return Err(Error::new(ErrorKind::Exists));
        }
        let (store, inside) = self.changeable(path)?;
        store.make_symlink(target, &inside).await
    }

    async fn read_link(&self, path: &VPath) -> Result<Vec<u8>> {
        match self.owner(path) {
            Owner::Store(store, inside) => store.read_link(&inside).await,
            Owner::Nobody => Err(Error::new(ErrorKind::NotFound)),
        }
    }

    async fn space(&self, path: &VPath) -> Result<Space> {
        match self.owner(path) {
            Owner::Store(store, inside) => store.space(&inside).await,
            Owner::Nobody if self.is_above(path) => Err(Error::new(ErrorKind::Unsupported)),
            Owner::Nobody => Err(Error::new(ErrorKind::NotFound)),
        }
    }
}

/// The mount points first, then what the store below has under other names.
struct MountListing {
    base: Option<Box<dyn Listing>>,
    children: BTreeSet<Box<[u8]>>,
    mounted: Option<Batch>,
}

impl Listing for MountListing {
    fn next_batch(&mut self, batch: &mut Batch) -> Result<bool> {
        if let Some(mounted) = self.mounted.take() {
            *batch = mounted;
            return Ok(true);
        }
        batch.clear();
        let Some(base) = &mut self.base else {
            return Ok(false);
        };
        while base.next_batch(batch)? {
            batch.retain(|name| !self.children.contains(name));
            if !batch.is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

const fn fixed() -> Error {
    Error::with_text(
        ErrorKind::PermissionDenied,
        "a store is mounted here or below",
    )
}

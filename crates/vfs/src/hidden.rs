//! A store without one of its directories.

use async_trait::async_trait;

use crate::data::{Batch, Listing, Reader};
use crate::error::{Error, ErrorKind, Result};
use crate::metadata::{Attributes, Capability, Follow, Metadata, Replace, Space};
use crate::path::VPath;
use crate::store::{Backend, Store};
use crate::upload::{StageRequest, Staged};

/// A store in which one directory and everything in it does not exist: for a served folder that
/// has the server's own folder in it. What lies above the directory can be neither renamed nor
/// removed, or it would appear under another name. The store must not follow symbolic links, for
/// a link is another name too.
pub struct Hidden {
    store: Store,
    directory: VPath,
}

impl Hidden {
    /// Hides `directory` of `store`. Hiding the root would leave nothing.
    ///
    /// # Errors
    /// `InvalidName` for the root.
    #[allow(clippy::new_ret_no_self)] // what one wants is the handle
    pub fn new(store: Store, directory: VPath) -> Result<Store> {
        if directory.is_root() {
            return Err(Error::new(ErrorKind::InvalidName));
        }
        Ok(Store::new(Self { store, directory }))
    }

    /// Refuses what is hidden, as if it were not there.
    fn look(&self, path: &VPath) -> Result<()> {
        if path.starts_with(&self.directory) {
            Err(Error::new(ErrorKind::NotFound))
        } else {
            Ok(())
        }
    }

    /// The same for something about to be made.
    fn make(&self, path: &VPath) -> Result<()> {
        self.look(path)
            .map_err(|_| Error::new(ErrorKind::InvalidName))
    }

    /// The same for something about to go, or to be given up for something else.
    fn leave(&self, path: &VPath) -> Result<()> {
        self.look(path)?;
        if self.directory.starts_with(path) {
            return Err(Error::new(ErrorKind::PermissionDenied));
        }
        Ok(())
    }
}

#[async_trait]
impl Backend for Hidden {
    fn capability(&self) -> Capability {
        self.store.capability()
    }

    async fn metadata(&self, path: &VPath, follow: Follow) -> Result<Metadata> {
        self.look(path)?;
        self.store.metadata(path, follow).await
    }

    async fn list(&self, path: &VPath) -> Result<Box<dyn Listing>> {
        self.look(path)?;
        let listing = self.store.list(path).await?;
        if self.directory.parent().as_ref() != Some(path) {
            return Ok(listing);
        }
        let name = self.directory.name().unwrap_or_default().into();
        Ok(Box::new(Without { listing, name }))
    }

    async fn read(&self, path: &VPath) -> Result<Box<dyn Reader>> {
        self.look(path)?;
        self.store.read(path).await
    }

    async fn stage(&self, path: &VPath, request: StageRequest) -> Result<Box<dyn Staged>> {
        self.make(path)?;
        self.store.stage(path, request).await
    }

    async fn partial(&self, path: &VPath, principal: &str) -> Result<Option<u64>> {
        self.look(path)?;
        self.store.partial(path, principal).await
    }

    async fn make_dir(&self, path: &VPath, mode: u32) -> Result<()> {
        self.make(path)?;
        self.store.make_dir(path, mode).await
    }

    async fn remove_dir(&self, path: &VPath) -> Result<()> {
        self.leave(path)?;
        self.store.remove_dir(path).await
    }

    async fn remove_file(&self, path: &VPath) -> Result<()> {
        self.leave(path)?;
        self.store.remove_file(path).await
    }

    async fn rename(&self, from: &VPath, to: &VPath, replace: Replace) -> Result<()> {
        self.leave(from)?;
        self.make(to)?;
        self.leave(to)?;
        self.store.rename(from, to, replace).await
    }

    async fn hard_link(&self, existing: &VPath, new: &VPath) -> Result<()> {
        self.look(existing)?;
        self.make(new)?;
        self.store.hard_link(existing, new).await
    }

    async fn set_attributes(
        &self,
        path: &VPath,
        attributes: Attributes,
        follow: Follow,
    ) -> Result<()> {
        self.look(path)?;
        self.store.set_attributes(path, attributes, follow).await
    }

    async fn make_symlink(&self, target: &[u8], path: &VPath) -> Result<()> {
        self.make(path)?;
        self.store.make_symlink(target, path).await
    }

    async fn read_link(&self, path: &VPath) -> Result<Vec<u8>> {
        self.look(path)?;
        self.store.read_link(path).await
    }

    async fn space(&self, path: &VPath) -> Result<Space> {
        self.look(path)?;
        self.store.space(path).await
    }
}

/// A listing that leaves one name out.
struct Without {
    listing: Box<dyn Listing>,
    name: Box<[u8]>,
}

impl Listing for Without {
    fn next_batch(&mut self, batch: &mut Batch) -> Result<bool> {
        while self.listing.next_batch(batch)? {
            batch.retain(|name| *name != *self.name);
            if !batch.is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::MemoryStore;

    fn path(text: &str) -> VPath {
        VPath::parse(text.as_bytes()).unwrap()
    }

    async fn store() -> Store {
        let store = MemoryStore::new();
        for directory in ["/a", "/a/state", "/a/other"] {
            store.make_dir(&path(directory), 0o755).await.unwrap();
        }
        store
            .write_file(&path("/a/state/db"), b"secret", StageRequest::create("ann"))
            .await
            .unwrap();
        store
            .write_file(&path("/a/f"), b"open", StageRequest::create("ann"))
            .await
            .unwrap();
        Hidden::new(store, path("/a/state")).unwrap()
    }

    #[tokio::test]
    async fn what_is_hidden_is_not_there_for_any_verb() {
        let store = store().await;
        for hidden in ["/a/state", "/a/state/db", "/a/state/new"] {
            let hidden = path(hidden);
            let mut errors = vec![
                store.metadata(&hidden, Follow::No).await.map(|_| ()),
                store.list(&hidden).await.map(|_| ()),
                store.read(&hidden).await.map(|_| ()),
                store.partial(&hidden, "ann").await.map(|_| ()),
                store.remove_dir(&hidden).await,
                store.remove_file(&hidden).await,
                store.rename(&hidden, &path("/x"), Replace::Yes).await,
                store
                    .set_attributes(&hidden, Attributes::default(), Follow::Yes)
                    .await,
                store.hard_link(&hidden, &path("/x")).await,
                store.read_link(&hidden).await.map(|_| ()),
                store.space(&hidden).await.map(|_| ()),
            ];
            for error in errors.drain(..) {
                assert_eq!(error.unwrap_err().kind(), ErrorKind::NotFound);
            }
            let made = [
                store
                    .stage(&hidden, StageRequest::create("ann"))
                    .await
                    .map(|_| ()),
                store.make_dir(&hidden, 0o755).await,
                store.make_symlink(b"x", &hidden).await,
                store.rename(&path("/a/f"), &hidden, Replace::Yes).await,
                store.hard_link(&path("/a/f"), &hidden).await,
            ];
            for error in made {
                assert_eq!(error.unwrap_err().kind(), ErrorKind::InvalidName);
            }
        }
    }

    #[tokio::test]
    async fn what_lies_above_keeps_its_name_and_the_rest_is_free() {
        let store = store().await;
        let moved = store.rename(&path("/a"), &path("/b"), Replace::Yes).await;
        assert_eq!(moved.unwrap_err().kind(), ErrorKind::PermissionDenied);
        let removed = store.remove_dir(&path("/a")).await;
        assert_eq!(removed.unwrap_err().kind(), ErrorKind::PermissionDenied);
        store
            .rename(&path("/a/other"), &path("/a/stateless"), Replace::No)
            .await
            .unwrap();
        let mut listing = store.list(&path("/a")).await.unwrap();
        let mut batch = Batch::new();
        let mut names = Vec::new();
        while listing.next_batch(&mut batch).unwrap() {
            names.extend(batch.iter().map(|entry| entry.name.to_vec()));
        }
        names.sort();
        assert_eq!(names, [b"f".to_vec(), b"stateless".to_vec()]);
        assert!(Hidden::new(store, VPath::root()).is_err());
    }
}

//! The store contract: what every holder of files does, verb by verb.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use tokio::task::spawn_blocking;

use crate::data::{Batch, Listing, Reader};
use crate::error::{Error, ErrorKind, Result};
use crate::metadata::{Attributes, Capability, Follow, Metadata, Replace, Space};
use crate::path::VPath;
use crate::upload::{Published, StageRequest, Staged};

/// A handle on a store; cheap to clone.
#[derive(Clone)]
pub struct Store(Arc<dyn Backend>);

/// What a store must do.
///
/// The verbs here are async and never block their thread on a disk. What they hand out
/// ([`Listing`], [`Reader`], [`Staged`]) blocks, and is for threads that may.
///
/// A path that leads outside the store through a symbolic link fails with `PermissionDenied`,
/// whether or not something is there. Names a store keeps for itself, such as those of unfinished
/// uploads, are `NotFound`, and `InvalidName` where one would be made.
#[async_trait]
pub trait Backend: Send + Sync + 'static {
    /// What this store can do. It does not change.
    fn capability(&self) -> Capability;

    /// What is known about an entry.
    async fn metadata(&self, path: &VPath, follow: Follow) -> Result<Metadata>;

    /// Opens a directory for listing. `NotADirectory` for anything else.
    async fn list(&self, path: &VPath) -> Result<Box<dyn Listing>>;

    /// Opens a regular file for reading. `IsADirectory` or `NotRegular` for anything else, at
    /// once, also for a pipe nobody writes to.
    async fn read(&self, path: &VPath) -> Result<Box<dyn Reader>>;

    /// Begins an upload. Nothing is visible under `path` before it is published.
    ///
    /// Fails early with what could already be known to fail: `IsADirectory`, `NotRegular` (also
    /// for a symbolic link), `Exists` when it may not replace, `PermissionDenied`, `ReadOnly`,
    /// `NoSpace` for the expected size, `BadOffset`.
    async fn stage(&self, path: &VPath, request: StageRequest) -> Result<Box<dyn Staged>>;

    /// The bytes of the unfinished upload of `path` by `principal` that a
    /// [`StageMode::Resume`](crate::StageMode::Resume) would continue.
    async fn partial(&self, path: &VPath, principal: &str) -> Result<Option<u64>>;

    /// Makes a directory with the permission bits `mode`. Fails with `Exists` if anything has the
    /// name, and with `NotFound` without a parent.
    async fn make_dir(&self, path: &VPath, mode: u32) -> Result<()>;

    /// Removes an empty directory. Fails with `NotEmpty`, never deletes contents. Unfinished
    /// uploads nobody is writing to do not count as contents.
    async fn remove_dir(&self, path: &VPath) -> Result<()>;

    /// Removes anything but a directory; a symbolic link itself, not what it leads to.
    async fn remove_file(&self, path: &VPath) -> Result<()>;

    /// Renames in one step; a symbolic link itself, not what it leads to. `InvalidName` for a
    /// directory into itself; `CrossDevice` rather than a copy.
    async fn rename(&self, from: &VPath, to: &VPath, replace: Replace) -> Result<()>;

    /// Gives the file `existing` the name `new` as well; never replaces anything. Only regular
    /// files have several names: `IsADirectory` for a directory, `NotRegular` for a symbolic link
    /// and the like, since none is followed. `CrossDevice` between stores and file systems.
    async fn hard_link(&self, existing: &VPath, new: &VPath) -> Result<()>;

    /// Changes what `attributes` names, all of it or, where that can be known before, nothing.
    /// `Unsupported` for the mode of a symbolic link that is not followed: it has none.
    async fn set_attributes(
        &self,
        path: &VPath,
        attributes: Attributes,
        follow: Follow,
    ) -> Result<()>;

    /// Makes the symbolic link `path` with the text `target`. Refuses with `PermissionDenied` a
    /// target that is absolute or climbs out of the store.
    async fn make_symlink(&self, target: &[u8], path: &VPath) -> Result<()>;

    /// The text of a symbolic link. `PermissionDenied` for one that leads outside, since its text
    /// would tell about the host.
    async fn read_link(&self, path: &VPath) -> Result<Vec<u8>>;

    /// The room where `path` is.
    async fn space(&self, path: &VPath) -> Result<Space>;
}

/// The verbs of [`Backend`], and the blocking ones for callers that are async.
impl Store {
    /// Wraps a backend.
    #[must_use]
    pub fn new(backend: impl Backend) -> Self {
        Self(Arc::new(backend))
    }

    /// See [`Backend::capability`].
    #[must_use]
    pub fn capability(&self) -> Capability {
        self.0.capability()
    }

    /// See [`Backend::metadata`].
    ///
    /// # Errors
    /// As there.
    pub async fn metadata(&self, path: &VPath, follow: Follow) -> Result<Metadata> {
        self.0.metadata(path, follow).await
    }

    /// See [`Backend::list`].
    ///
    /// # Errors
    /// As there.
    pub async fn list(&self, path: &VPath) -> Result<Box<dyn Listing>> {
        self.0.list(path).await
    }

    /// See [`Backend::read`].
    ///
    /// # Errors
    /// As there.
    pub async fn read(&self, path: &VPath) -> Result<Box<dyn Reader>> {
        self.0.read(path).await
    }

    /// See [`Backend::stage`].
    ///
    /// # Errors
    /// As there.
    pub async fn stage(&self, path: &VPath, request: StageRequest) -> Result<Box<dyn Staged>> {
        self.0.stage(path, request).await
    }

    /// See [`Backend::partial`].
    ///
    /// # Errors
    /// As there.
    pub async fn partial(&self, path: &VPath, principal: &str) -> Result<Option<u64>> {
        self.0.partial(path, principal).await
    }

    /// See [`Backend::make_dir`].
    ///
    /// # Errors
    /// As there.
    pub async fn make_dir(&self, path: &VPath, mode: u32) -> Result<()> {
        self.0.make_dir(path, mode).await
    }

    /// See [`Backend::remove_dir`].
    ///
    /// # Errors
    /// As there.
    pub async fn remove_dir(&self, path: &VPath) -> Result<()> {
        self.0.remove_dir(path).await
    }

    /// See [`Backend::remove_file`].
    ///
    /// # Errors
    /// As there.
    pub async fn remove_file(&self, path: &VPath) -> Result<()> {
        self.0.remove_file(path).await
    }

    /// See [`Backend::rename`].
    ///
    /// # Errors
    /// As there.
    pub async fn rename(&self, from: &VPath, to: &VPath, replace: Replace) -> Result<()> {
        self.0.rename(from, to, replace).await
    }

    /// See [`Backend::hard_link`].
    ///
    /// # Errors
    /// As there.
    pub async fn hard_link(&self, existing: &VPath, new: &VPath) -> Result<()> {
        self.0.hard_link(existing, new).await
    }

    /// See [`Backend::set_attributes`].
    ///
    /// # Errors
    /// As there.
    pub async fn set_attributes(
        &self,
        path: &VPath,
        attributes: Attributes,
        follow: Follow,
    ) -> Result<()> {
        self.0.set_attributes(path, attributes, follow).await
    }

    /// See [`Backend::make_symlink`].
    ///
    /// # Errors
    /// As there.
    pub async fn make_symlink(&self, target: &[u8], path: &VPath) -> Result<()> {
        self.0.make_symlink(target, path).await
    }

    /// See [`Backend::read_link`].
    ///
    /// # Errors
    /// As there.
    pub async fn read_link(&self, path: &VPath) -> Result<Vec<u8>> {
        self.0.read_link(path).await
    }

    /// See [`Backend::space`].
    ///
    /// # Errors
    /// As there.
    pub async fn space(&self, path: &VPath) -> Result<Space> {
        self.0.space(path).await
    }

    /// [`Staged::publish`] on a thread that may block.
    ///
    /// # Errors
    /// As there.
    pub async fn publish(staged: Box<dyn Staged>) -> Result<Published> {
        spawn_blocking(move || staged.publish()).await?
    }

    /// [`Staged::keep`] on a thread that may block.
    ///
    /// # Errors
    /// As there.
    pub async fn keep(staged: Box<dyn Staged>) -> Result<u64> {
        spawn_blocking(move || staged.keep()).await?
    }

    /// [`Staged::discard`] on a thread that may block.
    ///
    /// # Errors
    /// As there.
    pub async fn discard(staged: Box<dyn Staged>) -> Result<()> {
        spawn_blocking(move || staged.discard()).await?
    }

    /// Uploads `content` whole and publishes it; a broken attempt leaves nothing.
    ///
    /// # Errors
    /// As [`Backend::stage`], [`Staged::write`] and [`Staged::publish`].
    pub async fn write_file(
        &self,
        path: &VPath,
        content: impl Into<Vec<u8>>,
        request: StageRequest,
    ) -> Result<Published> {
        let mut staged = self.stage(path, request).await?;
        let content = content.into();
        spawn_blocking(move || match staged.write(&content) {
            Ok(()) => staged.publish(),
            Err(error) => {
                staged.discard()?;
                Err(error)
            }
        })
        .await?
    }

    /// Reads a whole file of at most `limit` bytes; `TooLarge` beyond.
    ///
    /// # Errors
    /// As [`Backend::read`] and [`Reader::read_at`].
    pub async fn read_file(&self, path: &VPath, limit: u64) -> Result<Vec<u8>> {
        let mut reader = self.read(path).await?;
        spawn_blocking(move || read_whole(&mut *reader, limit)).await?
    }

    /// The next batch of a listing, on a thread that may block.
    ///
    /// # Errors
    /// As [`Listing::next_batch`].
    pub async fn next_batch(
        mut listing: Box<dyn Listing>,
        mut batch: Batch,
    ) -> Result<(Box<dyn Listing>, Batch, bool)> {
        spawn_blocking(move || {
            let more = listing.next_batch(&mut batch)?;
            Ok((listing, batch, more))
        })
        .await?
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Store").finish_non_exhaustive()
    }
}

fn read_whole(reader: &mut dyn Reader, limit: u64) -> Result<Vec<u8>> {
    let mut content = Vec::new();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let read = reader.read_at(content.len() as u64, &mut buffer)?;
        let Some(chunk) = buffer.get(..read).filter(|chunk| !chunk.is_empty()) else {
            return Ok(content);
        };
        if (content.len() + chunk.len()) as u64 > limit {
            return Err(Error::new(ErrorKind::TooLarge));
        }
        content.extend_from_slice(chunk);
    }
}

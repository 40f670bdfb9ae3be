//! An upload into a memory store.

use std::sync::Arc;

use super::content::Content;
use super::stage::{Key, Upload, published};
use super::tree::{Body, Shared, Tree};
use crate::data::{Reader, copy_at};
use crate::error::{Error, ErrorKind, Result};
use crate::metadata::{Attributes, Kind, Metadata, Timestamp};
use crate::upload::{Published, Staged, check_apart, check_attributes, copy_by_hand};

pub(super) struct MemoryStaged {
    pub(super) shared: Arc<Shared>,
    pub(super) key: Key,
    pub(super) upload: Arc<Upload>,
    pub(super) replace: bool,
    pub(super) permissions: u32,
    /// It began with all of the published file.
    pub(super) updates: bool,
    pub(super) attributes: Attributes,
    pub(super) changed: bool,
    pub(super) failed: bool,
}

impl MemoryStaged {
    /// Does something to the content; what fails here must not be published.
    fn change<T>(&mut self, work: impl FnOnce(&mut Content, &Shared) -> Result<T>) -> Result<T> {
        let mut upload = self.upload.lock();
        let content = upload.as_mut().ok_or(ErrorKind::Cancelled)?;
        if self.failed {
            return Err(Error::new(ErrorKind::Io));
        }
        let outcome = work(content, &self.shared);
        self.failed = outcome.is_err();
        self.changed = true;
        outcome
    }

    fn publish_content(&self, tree: &mut Tree, content: &Content) -> Result<bool> {
        let (parent, name) = (self.key.0, &self.key.1);
        let previous = published(tree, parent, name, self.replace)?;
        content.check_written(0..content.bytes.len() as u64)?;
        if previous.is_some() && self.updates && !self.changed {
            self.shared.release(content.bytes.len());
            return Ok(true);
        }
        let mode = self.mode(tree);
        let bytes = Arc::new(content.bytes.clone());
        tree.put(parent, name, Body::File(bytes), mode)?;
        let made = tree.child(parent, name)?;
        tree.change(made, &self.attributes)?;
        Ok(previous.is_some())
    }

    /// The bits its client set, or a replaced file's, or the request's.
    fn mode(&self, tree: &Tree) -> u32 {
        let previous = tree.child(self.key.0, &self.key.1);
        let previous = previous.and_then(|node| tree.metadata(node));
        self.attributes
            .mode
            .unwrap_or_else(|| 0o777 & previous.map_or(self.permissions, |previous| previous.mode))
    }

    fn keep_bytes(&self) -> u64 {
        let Some(content) = self.upload.lock().take() else {
            return 0;
        };
        let mut tree = self.shared.tree();
        let there = tree.entries(self.key.0).is_ok();
        let length = if there { content.resumable() } else { 0 };
        let mut bytes = content.bytes;
        self.shared.release(bytes.len() - length);
        bytes.truncate(length);
        if !bytes.is_empty() {
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
        let upload = self.upload.lock();
        upload
            .as_ref()
            .map_or(0, |content| content.extents.prefix())
    }

    fn write_at(&mut self, offset: u64, chunk: &[u8]) -> Result<()> {
        if chunk.is_empty() {
            return Ok(());
        }
        self.change(|content, shared| content.write_at(shared, offset, chunk))
    }

    fn write_cached(&mut self, chunk: &[u8]) -> Option<Result<()>> {
        Some(self.write(chunk))
    }

    fn write_at_cached(&mut self, offset: u64, chunk: &[u8]) -> Option<Result<()>> {
        Some(self.write_at(offset, chunk))
    }

    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> Result<usize> {
        let upload = self.upload.lock();
        let content = upload.as_ref().ok_or(ErrorKind::Cancelled)?;
        Ok(copy_at(&content.bytes, offset, buffer))
    }

    fn set_len(&mut self, length: u64) -> Result<()> {
        let changed = self.changed || length != self.length();
        let outcome = self.change(|content, shared| Ok(content.set_len(shared, length)));
        self.changed = changed;
        outcome?
    }

    fn length(&self) -> u64 {
        let upload = self.upload.lock();
        upload
            .as_ref()
            .map_or(0, |content| content.bytes.len() as u64)
    }

    fn metadata(&self) -> Metadata {
        let now = Timestamp::now();
        Metadata {
            kind: Kind::File,
            size: self.length(),
            modified: self.attributes.modified.unwrap_or(now),
            created: None,
            mode: self.mode(&self.shared.tree()),
            uid: self.attributes.uid.unwrap_or(0),
            gid: self.attributes.gid.unwrap_or(0),
            links: 1,
            device: 0,
            inode: 0,
            partial: true,
        }
    }

    fn set_attributes(&mut self, attributes: Attributes) -> Result<()> {
        check_attributes(&attributes)?;
        self.attributes.add(&attributes);
        self.changed = true;
        Ok(())
    }

    /// There is no disk.
    fn sync(&mut self) -> Result<()> {
        if self.failed {
            return Err(Error::new(ErrorKind::Io));
        }
        Ok(())
    }

    fn copy_from(
        &mut self,
        source: &mut dyn Reader,
        from: u64,
        to: u64,
        length: u64,
    ) -> Result<u64> {
        let read = |_: &mut Self, done: u64, room: &mut [u8]| {
            source.read_at(from.saturating_add(done), room)
        };
        let outcome = copy_by_hand(self, read, to, length);
        self.failed |= outcome.is_err();
        outcome
    }

    fn copy_within(&mut self, from: u64, to: u64, length: u64) -> Result<u64> {
        let whole = length.min(self.length().saturating_sub(from));
        self.change(|content, _| {
            check_apart(from, to, length)?;
            content.check_written(from..from.saturating_add(whole))
        })?;
        let read = |staged: &mut Self, done: u64, room: &mut [u8]| {
            staged.read_at(from.saturating_add(done), room)
        };
        let outcome = copy_by_hand(self, read, to, whole);
        self.failed |= outcome.is_err();
        outcome
    }

    fn publish_if(self: Box<Self>, wanted: &dyn Fn() -> bool) -> Result<Published> {
        if self.failed {
            return Err(Error::new(ErrorKind::Io));
        }
        if !wanted() {
            // Dropped, it is kept.
            return Err(Error::new(ErrorKind::Cancelled));
        }
        let content = self.upload.lock().take().ok_or(ErrorKind::Cancelled)?;
        let mut tree = self.shared.tree();
        match self.publish_content(&mut tree, &content) {
            Ok(replaced) => {
                let partial = tree.partials.0.get_mut(&self.key);
                if let Some(older) = partial.and_then(|partial| partial.kept.take()) {
                    self.shared.release(older.len());
                }
                tree.partials.end(&self.key, &self.upload);
                Ok(Published {
                    size: content.bytes.len() as u64,
                    replaced,
                })
            }
            Err(error) => {
                // Dropping keeps it.
                *self.upload.lock() = Some(content);
                drop(tree);
                Err(error)
            }
        }
    }

    fn keep(self: Box<Self>) -> Result<u64> {
        Ok(self.keep_bytes())
    }

    fn discard(self: Box<Self>) -> Result<()> {
        if let Some(content) = self.upload.lock().take() {
            self.shared.release(content.bytes.len());
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

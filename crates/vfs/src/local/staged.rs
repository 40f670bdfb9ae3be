//! A staged upload on a local disk: writing and keeping.

use std::fs::File;
use std::sync::Arc;

use super::partials::{Kept, Key, index};
use super::root::Place;
use super::staging::{STAGING_MODE, StagingFile};
use super::upload::{Content, Upload, taken_over};
use super::{Shared, attributes, sync};
use crate::data::Reader;
use crate::error::{Error, ErrorKind, Result};
use crate::metadata::{Attributes, Kind, Metadata, Timestamp};
use crate::upload::{Durability, Published, Staged, check_apart, check_attributes, copy_by_hand};

/// What an upload keeps of its request.
pub(super) struct Terms {
    pub(super) replace: bool,
    pub(super) durability: Durability,
    pub(super) permissions: u32,
    /// It began with all of the published file.
    pub(super) updates: bool,
    pub(super) shared: Arc<Shared>,
}

pub(super) struct LocalStaged {
    pub(super) place: Place,
    pub(super) key: Key,
    upload: Arc<Upload>,
    pub(super) terms: Terms,
    /// What would have been replaced when the upload began.
    previous: Option<Metadata>,
    /// What its client wants the file to have.
    pub(super) attributes: Attributes,
    /// Something is not as it was when the upload began.
    changed: bool,
    /// A write failed; what follows it would leave a gap.
    failed: bool,
    finished: bool,
}

impl LocalStaged {
    /// Begins an upload with what is there already, and lets a resume find it.
    pub(super) fn begin(
        place: Place,
        key: Key,
        content: Content,
        terms: Terms,
        previous: Option<Metadata>,
    ) -> Self {
        let upload = Arc::new(Upload::new(content));
        index().begin(place.key, key.clone(), Arc::clone(&upload));
        Self {
            place,
            key,
            upload,
            terms,
            previous,
            attributes: Attributes::default(),
            changed: false,
            failed: false,
            finished: false,
        }
    }

    /// Writes at `offset`, or in order.
    fn write_anywhere(&mut self, offset: Option<u64>, chunk: &[u8]) -> Result<()> {
        if self.failed {
            return Err(after_failure());
        }
        let durable = self.terms.durability != Durability::None;
        let outcome = self
            .upload
            .write(&self.place, &self.key, offset, chunk, durable);
        self.changed |= !chunk.is_empty();
        self.failed = outcome.is_err();
        outcome
    }

    fn write_anywhere_cached(&mut self, offset: Option<u64>, chunk: &[u8]) -> Option<Result<()>> {
        if self.failed {
            return Some(Err(after_failure()));
        }
        let outcome = self.upload.write_cached(offset, chunk);
        self.changed |= !chunk.is_empty();
        self.failed = matches!(outcome, Some(Err(_)));
        outcome
    }

    /// Copies in the kernel from `source`, or from this upload; `None` where that does not work.
    fn copy_in_kernel(
        &self,
        source: Option<&File>,
        range: (u64, u64),
        length: u64,
    ) -> Result<Option<u64>> {
        self.upload.with_file(&self.place, &self.key, |file| {
            if source.is_none() {
                file.check_written(range.0..range.0.saturating_add(length))?;
            }
            file.copy(&self.place, source, range, length)
        })
    }

    /// Remembers a copy that failed: half of one must not be published.
    fn copied(&mut self, outcome: Result<u64>) -> Result<u64> {
        self.changed = true;
        self.failed |= outcome.is_err();
        outcome
    }

    /// An update that changed nothing leaves the published file as it is, times and all.
    fn publish_nothing(&self, content: &Content, wanted: Wanted<'_>) -> Result<Published> {
        self.throw_away(content)?;
        if !wanted() {
            return Err(not_wanted());
        }
        Ok(Published {
            size: content.length(),
            replaced: true,
        })
    }

    /// Puts the bytes aside for a resume.
    fn keep_content(&self, content: Content) -> Result<u64> {
        let mut file = match content {
            Content::Gone => return Ok(0),
            Content::Memory(bytes) if bytes.is_empty() => {
                self.forget();
                return Ok(0);
            }
            Content::Memory(bytes) => {
                let mut file = StagingFile::create(&self.place, &self.key, STAGING_MODE)
                    .inspect_err(|_| self.forget())?;
                // Of a full disk, as much as fits.
                file.write(&bytes).ok();
                file
            }
            Content::File(file) => file,
        };
        if file.resumable() == 0 {
            return self.throw_away(&Content::File(file)).map(|()| 0);
        }
        if let Err(error) = file.settle(&self.place, &self.key) {
            self.throw_away(&Content::File(file))?;
            return Err(error);
        }
        let kept = Kept {
            file: file.name.as_c_str().to_owned(),
            size: file.length(),
            modified: Timestamp::now(),
        };
        let options = &self.terms.shared.options;
        let (place, key) = (self.place.key, self.key.clone());
        let surplus = index().keep(place, key, &self.upload, kept, options);
        let Some(surplus) = surplus else {
            return Ok(file.length());
        };
        let refused = surplus.as_c_str() == file.name.as_c_str();
        self.place.unlink(&surplus)?;
        Ok(if refused { 0 } else { file.length() })
    }

    /// After a failed `publish`. A failed `fsync` may have lost bytes that a second one would not
    /// miss, so nothing is kept then.
    fn keep_unpublished(&self, content: Content, reason: ErrorKind) {
        let outcome = match content {
            content @ Content::File(_) if reason == ErrorKind::Io => self.throw_away(&content),
            content => self.keep_content(content).map(|_| ()),
        };
        if let Err(error) = outcome {
            tracing::warn!(%error, "an upload could be neither published nor kept");
        }
    }

    fn throw_away(&self, content: &Content) -> Result<()> {
        self.forget();
        match content {
            Content::File(file) => self.place.unlink(file.name.as_c_str()),
            Content::Memory(_) | Content::Gone => Ok(()),
        }
    }

    fn forget(&self) {
        index().forget(self.place.key, &self.key, &self.upload);
    }
}

impl Staged for LocalStaged {
    fn offset(&self) -> u64 {
        self.upload.prefix()
    }

    fn write(&mut self, chunk: &[u8]) -> Result<()> {
        self.write_anywhere(None, chunk)
    }

    fn write_at(&mut self, offset: u64, chunk: &[u8]) -> Result<()> {
        self.write_anywhere(Some(offset), chunk)
    }

    fn write_cached(&mut self, chunk: &[u8]) -> Option<Result<()>> {
        self.write_anywhere_cached(None, chunk)
    }

    fn write_at_cached(&mut self, offset: u64, chunk: &[u8]) -> Option<Result<()>> {
        self.write_anywhere_cached(Some(offset), chunk)
    }

    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> Result<usize> {
        self.upload.read_at(offset, buffer)
    }

    fn set_len(&mut self, length: u64) -> Result<()> {
        if self.failed {
            return Err(after_failure());
        }
        let before = self.upload.length();
        self.upload.set_len(&self.place, &self.key, length)?;
        self.changed |= length != before;
        Ok(())
    }

    fn length(&self) -> u64 {
        self.upload.length()
    }

    fn metadata(&self) -> Metadata {
        let (size, file) = self.upload.look();
        let attributes = &self.attributes;
        let (uid, gid) = match self.previous.or(file) {
            Some(owned) => (owned.uid, owned.gid),
            None => (
                rustix::process::geteuid().as_raw(),
                rustix::process::getegid().as_raw(),
            ),
        };
        Metadata {
            kind: Kind::File,
            size,
            modified: attributes.modified.unwrap_or_else(Timestamp::now),
            created: file.and_then(|file| file.created),
            mode: self.permissions(self.previous.as_ref()),
            uid: attributes.uid.unwrap_or(uid),
            gid: attributes.gid.unwrap_or(gid),
            links: 1,
            device: file.map_or(0, |file| file.device),
            inode: file.map_or(0, |file| file.inode),
            partial: true,
        }
    }

    fn set_attributes(&mut self, attributes: Attributes) -> Result<()> {
        check_attributes(&attributes)?;
        if attributes.uid.is_some() || attributes.gid.is_some() {
            // Whether the owner may be set is only known by setting it.
            self.upload.with_file(&self.place, &self.key, |file| {
                attributes::set_owner(&file.file, &attributes)
            })?;
        }
        self.attributes.add(&attributes);
        self.changed = true;
        Ok(())
    }

    fn sync(&mut self) -> Result<()> {
        if self.failed {
            return Err(after_failure());
        }
        let synced = self
            .upload
            .with_file(&self.place, &self.key, |file| Ok(file.file.sync_all()));
        if let Err(error) = synced? {
            self.failed = true;
            self.throw_away(&self.upload.take())?;
            return Err(error.into());
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
        if self.failed {
            return Err(after_failure());
        }
        let in_kernel = match source.file() {
            Some(file) => self.copy_in_kernel(Some(file), (from, to), length),
            None => Ok(None),
        };
        let outcome = match in_kernel {
            Ok(Some(copied)) => Ok(copied),
            Ok(None) => {
                let read = |_: &mut Self, done: u64, room: &mut [u8]| {
                    source.read_at(from.saturating_add(done), room)
                };
                copy_by_hand(self, read, to, length)
            }
            Err(error) => Err(error),
        };
        self.copied(outcome)
    }

    fn copy_within(&mut self, from: u64, to: u64, length: u64) -> Result<u64> {
        if self.failed {
            return Err(after_failure());
        }
        let whole = length.min(self.length().saturating_sub(from));
        let outcome = match check_apart(from, to, length)
            .and_then(|()| self.copy_in_kernel(None, (from, to), whole))
        {
            Ok(Some(copied)) => Ok(copied),
            Ok(None) => {
                let read = |staged: &mut Self, done: u64, room: &mut [u8]| {
                    staged.read_at(from.saturating_add(done), room)
                };
                copy_by_hand(self, read, to, whole)
            }
            Err(error) => Err(error),
        };
        self.copied(outcome)
    }

    fn publish_if(mut self: Box<Self>, wanted: Wanted<'_>) -> Result<Published> {
        if self.failed {
            return Err(after_failure());
        }
        let content = self.upload.take();
        self.finished = true;
        if matches!(content, Content::Gone) {
            return Err(taken_over());
        }
        if self.terms.updates && !self.changed {
            return self.publish_nothing(&content, wanted);
        }
        let published = match self.publish_content(&content, wanted) {
            Ok(published) => published,
            Err(error) => {
                self.keep_unpublished(content, error.kind());
                return Err(error);
            }
        };
        let older = index().published(self.place.key, &self.key, &self.upload);
        if let Some(older) = older {
            self.place.unlink(&older)?;
        }
        drop(content);
        if self.terms.durability == Durability::Full {
            sync::directory(&self.place)?;
        }
        Ok(published)
    }

    fn keep(mut self: Box<Self>) -> Result<u64> {
        self.finished = true;
        self.keep_content(self.upload.take())
    }

    fn discard(mut self: Box<Self>) -> Result<()> {
        self.finished = true;
        self.throw_away(&self.upload.take())
    }
}

impl Drop for LocalStaged {
    fn drop(&mut self) {
        if !self.finished
            && let Err(error) = self.keep_content(self.upload.take())
        {
            tracing::warn!(%error, "a broken upload could not be kept");
        }
    }
}

/// Asked once the bytes are ready for their name.
pub(super) type Wanted<'a> = &'a dyn Fn() -> bool;

pub(super) const fn not_wanted() -> Error {
    Error::with_text(ErrorKind::Cancelled, "whoever sent it is gone")
}

/// What may not be replaced by a file, or not be replaced at all.
pub(super) fn check_target(previous: Option<&Metadata>, replace: bool) -> Result<()> {
    match previous.map(|previous| previous.kind) {
        None => Ok(()),
        Some(Kind::Directory) => Err(Error::new(ErrorKind::IsADirectory)),
        Some(Kind::Symlink | Kind::Other) => Err(Error::new(ErrorKind::NotRegular)),
        Some(Kind::File) if !replace => Err(Error::new(ErrorKind::Exists)),
        Some(Kind::File) => Ok(()),
    }
}

pub(super) const fn after_failure() -> Error {
    Error::with_text(ErrorKind::Io, "an earlier write of this upload failed")
}

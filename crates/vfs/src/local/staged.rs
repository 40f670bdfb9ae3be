//! A staged upload on a local disk: writing, publishing, keeping.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use rustix::fs::{AtFlags, CWD, FallocateFlags, Gid, Mode, OFlags, RenameFlags, Uid};
use rustix::io::Errno;

use super::Shared;
use super::partials::{Kept, Key, index};
use super::root::{Place, proc_path};
use super::sync;
use super::upload::{Content, StagingFile, Upload, taken_over};
use crate::error::{Error, ErrorKind, Result};
use crate::metadata::{Kind, Metadata, Timestamp};
use crate::upload::{Durability, Published, Staged};

/// What an upload keeps of its request.
pub(super) struct Terms {
    pub(super) replace: bool,
    pub(super) durability: Durability,
    pub(super) permissions: u32,
    pub(super) shared: Arc<Shared>,
}

pub(super) struct LocalStaged {
    place: Place,
    key: Key,
    upload: Arc<Upload>,
    terms: Terms,
    /// A write failed; what follows it would leave a gap.
    failed: bool,
    finished: bool,
}

impl LocalStaged {
    /// Begins an upload with what is there already, and lets a resume find it.
    pub(super) fn begin(place: Place, key: Key, content: Content, terms: Terms) -> Self {
        let upload = Arc::new(Upload::new(content));
        index().begin(place.key, key.clone(), Arc::clone(&upload));
        Self {
            place,
            key,
            upload,
            terms,
            failed: false,
            finished: false,
        }
    }

    fn publish_content(&self, content: &Content, wanted: Wanted<'_>) -> Result<Published> {
        let previous = self.place.look()?;
        check_target(previous.as_ref(), self.terms.replace)?;
        match content {
            Content::Memory(bytes) => self.publish_bytes(bytes, previous.as_ref(), wanted)?,
            Content::File(staging) => {
                self.finish_file(&staging.file, previous.as_ref(), wanted)?;
                self.rename(staging.name.as_c_str())?;
            }
            Content::Gone => return Err(taken_over()),
        }
        Ok(Published {
            size: content.length(),
            replaced: previous.is_some(),
        })
    }

    /// Creates, writes and publishes a small file in one go.
    fn publish_bytes(
        &self,
        bytes: &[u8],
        previous: Option<&Metadata>,
        wanted: Wanted<'_>,
    ) -> Result<()> {
        let mode = Mode::from_raw_mode(self.permissions(previous));
        if previous.is_none() && !self.terms.shared.no_unnamed.load(Ordering::Relaxed) {
            match self.publish_unnamed(bytes, mode, wanted) {
                Err(error) if error.kind() == ErrorKind::Unsupported => {
                    self.terms.shared.no_unnamed.store(true, Ordering::Relaxed);
                }
                outcome => return outcome,
            }
        }
        let mut staging = StagingFile::create(&self.place, &self.key, mode)?;
        if self.terms.durability == Durability::None {
            // A rename over a file makes ext4 send blocks that it has not placed yet to the disk
            // at once, which costs more than all the rest. Placed beforehand, they may wait.
            let length = bytes.len() as u64;
            rustix::fs::fallocate(&staging.file, FallocateFlags::empty(), 0, length).ok();
        }
        let outcome = staging
            .write(bytes)
            .and_then(|()| self.finish_file(&staging.file, previous, wanted))
            .and_then(|()| self.rename(staging.name.as_c_str()));
        if outcome.is_err() {
            self.place.unlink(staging.name.as_c_str())?;
        }
        outcome
    }

    /// For a new name: a file that never had another one. Measured on ext4, this takes half the
    /// time of a staging name and a rename, and a crash leaves nothing.
    fn publish_unnamed(&self, bytes: &[u8], mode: Mode, wanted: Wanted<'_>) -> Result<()> {
        let flags = OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC;
        let file = match rustix::fs::openat(&self.place.directory, c".", flags, mode) {
            Ok(file) => File::from(file),
            // What kernels and file systems without O_TMPFILE say.
            Err(Errno::ISDIR | Errno::OPNOTSUPP | Errno::INVAL) => {
                return Err(Error::new(ErrorKind::Unsupported));
            }
            Err(errno) => return Err(errno.into()),
        };
        file.write_all_at(bytes, 0)?;
        self.finish_file(&file, None, wanted)?;
        match link(&file, &self.place, &self.place.name) {
            // Somebody else published it meanwhile; the last one wins.
            Err(error) if error.kind() == ErrorKind::Exists && self.terms.replace => {
                let name = super::names::make(&self.key.stem, self.key.principal)?;
                let name = super::partials::LiveName::new(name);
                link(&file, &self.place, name.as_c_str())?;
                let outcome = self.rename(name.as_c_str());
                if outcome.is_err() {
                    self.place.unlink(name.as_c_str())?;
                }
                outcome
            }
            outcome => outcome,
        }
    }

    /// Permissions, owner and durability of the bytes, before the file gets its name; and, last of
    /// all, whether it is to get it.
    fn finish_file(
        &self,
        file: &File,
        previous: Option<&Metadata>,
        wanted: Wanted<'_>,
    ) -> Result<()> {
        let now = rustix::fs::fstat(file)?;
        if let Some(previous) = previous
            && (previous.uid, previous.gid) != (now.st_uid, now.st_gid)
        {
            // Only root may give files away; for anybody else the new version is the uploader's.
            let owner = Some(Uid::from_raw(previous.uid));
            let group = Some(Gid::from_raw(previous.gid));
            if rustix::fs::fchown(file, owner, group).is_err() {
                rustix::fs::fchown(file, None, group).ok();
            }
        }
        // The process's umask, and for a staging file its own bits, stand between.
        let mode = self.permissions(previous);
        if now.st_mode & 0o7777 != mode {
            rustix::fs::fchmod(file, Mode::from_raw_mode(mode))?;
        }
        match self.terms.durability {
            Durability::Full | Durability::File => rustix::fs::fsync(file)?,
            Durability::None => {}
        }
        if wanted() { Ok(()) } else { Err(not_wanted()) }
    }

    /// A replaced file's bits, or the request's; never set-user-id: the bytes are a stranger's.
    fn permissions(&self, previous: Option<&Metadata>) -> u32 {
        0o777 & previous.map_or(self.terms.permissions, |previous| previous.mode)
    }

    fn rename(&self, staging: &std::ffi::CStr) -> Result<()> {
        let directory = &self.place.directory;
        let name = self.place.name.as_c_str();
        if self.terms.replace {
            return Ok(rustix::fs::renameat(directory, staging, directory, name)?);
        }
        match rustix::fs::renameat_with(directory, staging, directory, name, RenameFlags::NOREPLACE)
        {
            // Some file systems do not know the flag. A link does not replace anything either.
            Err(Errno::INVAL) => {
                rustix::fs::linkat(directory, staging, directory, name, AtFlags::empty())?;
                self.place.unlink(staging)
            }
            outcome => Ok(outcome?),
        }
    }

    /// Puts the bytes aside for a resume.
    fn keep_content(&self, content: Content) -> Result<u64> {
        let file = match content {
            Content::Gone => return Ok(0),
            Content::Memory(bytes) if bytes.is_empty() => {
                self.forget();
                return Ok(0);
            }
            Content::Memory(bytes) => {
                let mode = Mode::RUSR | Mode::WUSR;
                let mut file = StagingFile::create(&self.place, &self.key, mode)
                    .inspect_err(|_| self.forget())?;
                // Of a full disk, as much as fits.
                file.write(&bytes).ok();
                file
            }
            Content::File(file) => file,
        };
        if file.length == 0 {
            self.forget();
            self.place.unlink(file.name.as_c_str())?;
            return Ok(0);
        }
        let kept = Kept {
            file: file.name.as_c_str().to_owned(),
            size: file.length,
            modified: Timestamp::now(),
        };
        let options = &self.terms.shared.options;
        let (place, key) = (self.place.key, self.key.clone());
        let surplus = index().keep(place, key, &self.upload, kept, options);
        let Some(surplus) = surplus else {
            return Ok(file.length);
        };
        let refused = surplus.as_c_str() == file.name.as_c_str();
        self.place.unlink(&surplus)?;
        Ok(if refused { 0 } else { file.length })
    }

    /// After a failed `publish`. A failed `fsync` may have lost bytes that a second one would not
    /// miss, so nothing is kept then.
    fn keep_unpublished(&self, content: Content, reason: ErrorKind) {
        let outcome = match content {
            Content::File(file) if reason == ErrorKind::Io => {
                self.forget();
                self.place.unlink(file.name.as_c_str())
            }
            content => self.keep_content(content).map(|_| ()),
        };
        if let Err(error) = outcome {
            tracing::warn!(%error, "an upload could be neither published nor kept");
        }
    }

    fn forget(&self) {
        index().forget(self.place.key, &self.key, &self.upload);
    }
}

impl Staged for LocalStaged {
    fn offset(&self) -> u64 {
        self.upload.length()
    }

    fn write(&mut self, chunk: &[u8]) -> Result<()> {
        if self.failed {
            return Err(after_failure());
        }
        let outcome = self.upload.write(
            &self.place,
            &self.key,
            chunk,
            self.terms.durability != Durability::None,
        );
        self.failed = outcome.is_err();
        outcome
    }

    fn write_cached(&mut self, chunk: &[u8]) -> Option<Result<()>> {
        if self.failed {
            return Some(Err(after_failure()));
        }
        let outcome = self.upload.write_cached(chunk);
        self.failed = matches!(outcome, Some(Err(_)));
        outcome
    }

    fn publish_if(mut self: Box<Self>, wanted: Wanted<'_>) -> Result<Published> {
        if self.failed {
            return Err(after_failure());
        }
        let content = self.upload.take();
        if matches!(content, Content::Gone) {
            self.finished = true;
            return Err(taken_over());
        }
        self.finished = true;
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
        self.forget();
        match self.upload.take() {
            Content::File(file) => self.place.unlink(file.name.as_c_str()),
            Content::Memory(_) | Content::Gone => Ok(()),
        }
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
type Wanted<'a> = &'a dyn Fn() -> bool;

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

/// Gives an unnamed file a name. The first way needs Linux 6.10 or root, the second `/proc`.
fn link(file: &File, place: &Place, name: &std::ffi::CStr) -> Result<()> {
    match rustix::fs::linkat(file, c"", &place.directory, name, AtFlags::EMPTY_PATH) {
        Err(Errno::NOENT | Errno::PERM) => {}
        outcome => return Ok(outcome?),
    }
    match rustix::fs::linkat(
        CWD,
        proc_path(file).as_str(),
        &place.directory,
        name,
        AtFlags::SYMLINK_FOLLOW,
    ) {
        // Without /proc there is no second way; but the directory may also have been removed.
        Err(Errno::NOENT) if rustix::fs::fstat(&place.directory)?.st_nlink > 0 => {
            Err(Error::new(ErrorKind::Unsupported))
        }
        outcome => Ok(outcome?),
    }
}

const fn after_failure() -> Error {
    Error::with_text(ErrorKind::Io, "an earlier write of this upload failed")
}

//! Giving a finished upload its name.

use std::ffi::CStr;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::atomic::Ordering;

use rustix::fs::{AtFlags, CWD, FallocateFlags, Gid, Mode, OFlags, RenameFlags, Uid};
use rustix::io::Errno;

use super::attributes;
use super::partials::LiveName;
use super::root::{Place, proc_path};
use super::staged::{LocalStaged, Wanted, check_target, not_wanted};
use super::staging::StagingFile;
use super::upload::{Content, taken_over};
use crate::error::{Error, ErrorKind, Result};
use crate::metadata::Metadata;
use crate::upload::{Durability, Published};

impl LocalStaged {
    pub(super) fn publish_content(
        &self,
        content: &Content,
        wanted: Wanted<'_>,
    ) -> Result<Published> {
        let previous = self.place.look()?;
        check_target(previous.as_ref(), self.terms.replace)?;
        match content {
            Content::Memory(bytes) => self.publish_bytes(bytes, previous.as_ref(), wanted)?,
            Content::File(staging) => {
                staging.check_written(0..staging.length())?;
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
                let name = LiveName::new(name);
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
        let attributes = &self.attributes;
        let uid = attributes
            .uid
            .or_else(|| previous.map(|previous| previous.uid));
        let gid = attributes
            .gid
            .or_else(|| previous.map(|previous| previous.gid));
        if uid.is_some_and(|uid| uid != now.st_uid) || gid.is_some_and(|gid| gid != now.st_gid) {
            // Only root may give files away; for anybody else the new version is the uploader's.
            let (uid, gid) = (uid.map(Uid::from_raw), gid.map(Gid::from_raw));
            if rustix::fs::fchown(file, uid, gid).is_err() {
                rustix::fs::fchown(file, None, gid).ok();
            }
        }
        // The process's umask, and for a staging file its own bits, stand between.
        let mode = self.permissions(previous);
        if now.st_mode & 0o7777 != mode {
            rustix::fs::fchmod(file, Mode::from_raw_mode(mode))?;
        }
        if let Some(times) = attributes::times(attributes) {
            rustix::fs::futimens(file, &times)?;
        }
        match self.terms.durability {
            Durability::Full | Durability::File => rustix::fs::fsync(file)?,
            Durability::None => {}
        }
        if wanted() { Ok(()) } else { Err(not_wanted()) }
    }

    /// The bits its client set, or a replaced file's, or the request's; never set-user-id: the
    /// bytes are a stranger's.
    pub(super) fn permissions(&self, previous: Option<&Metadata>) -> u32 {
        match self.attributes.mode {
            Some(mode) => 0o1777 & mode,
            None => 0o777 & previous.map_or(self.terms.permissions, |previous| previous.mode),
        }
    }

    fn rename(&self, staging: &CStr) -> Result<()> {
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
}

/// Gives an unnamed file a name. The first way needs Linux 6.10 or root, the second `/proc`.
fn link(file: &File, place: &Place, name: &CStr) -> Result<()> {
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

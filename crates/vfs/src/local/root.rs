//! The root of a local store, and the only way from a virtual path to a descriptor.

use std::ffi::{CStr, CString};
use std::path::Path;

use rustix::fd::{AsFd, AsRawFd, OwnedFd};
use rustix::fs::{AtFlags, CWD, Mode, OFlags, ResolveFlags, StatxFlags};
use rustix::io::Errno;

use super::names;
use crate::error::{Error, ErrorKind, Result};
use crate::metadata::{Kind, Metadata, Timestamp};
use crate::path::VPath;

/// A directory held open since the store was opened; whatever happens to its path later, the
/// store stays here (CVE-2017-7418 and its like).
pub(super) struct Root {
    directory: OwnedFd,
    resolve: ResolveFlags,
    /// The device of `/proc`, whose `self/mem` is this process's memory, keys and all.
    procfs: Option<u64>,
}

/// Whether a call may wait for a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wait {
    /// On an async worker: everything must come from the kernel's caches.
    Never,
    /// On a thread that may block.
    Allowed,
}

/// Why something was not done.
pub(super) enum Refusal {
    /// It would have to wait for a disk, and may not.
    WouldWait,
    /// It failed.
    Failed(Error),
}

pub(super) type Attempt<T> = std::result::Result<T, Refusal>;

/// Identity of a directory. File systems give the number of a removed one to the next, so the time
/// of its birth belongs to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct DirectoryKey {
    device: u64,
    inode: u64,
    born: Option<Timestamp>,
}

/// A name in an open directory: what every verb that changes something works on.
pub(super) struct Place {
    pub(super) directory: OwnedFd,
    pub(super) key: DirectoryKey,
    pub(super) name: CString,
}

impl Root {
    pub(super) fn open(path: &Path, follow_symlinks: bool) -> Result<Self> {
        let directory = rustix::fs::openat(
            CWD,
            path,
            OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC,
            Mode::empty(),
        )?;
        if rustix::fs::fstatfs(&directory)?.f_type == rustix::fs::PROC_SUPER_MAGIC {
            // ProFTPD #2170: /proc/self/root leads around every rule about paths.
            return Err(Error::with_text(
                ErrorKind::Unsupported,
                "procfs cannot be offered",
            ));
        }
        let mut resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
        if !follow_symlinks {
            resolve |= ResolveFlags::NO_SYMLINKS;
        }
        let procfs = look_at(CWD, c"/proc").ok();
        let root = Self {
            directory,
            resolve,
            procfs: procfs
                .filter(|found| found.inode == 1)
                .map(|found| found.device),
        };
        match root.resolve(b"", OFlags::PATH, Wait::Allowed) {
            Ok(_) => Ok(root),
            Err(Refusal::Failed(error)) if error.kind() == ErrorKind::Unsupported => Err(
                Error::with_text(ErrorKind::Unsupported, "the kernel has no openat2")
                    .caused_by(error),
            ),
            Err(refusal) => Err(refusal.into()),
        }
    }

    /// Opens what `path` leads to, links followed inside the root as far as the store allows.
    pub(super) fn open_path(&self, path: &VPath, flags: OFlags, wait: Wait) -> Attempt<OwnedFd> {
        refuse_staging(path, ErrorKind::NotFound)?;
        self.resolve(path.relative(), flags, wait)
    }

    /// Refuses to read what is on procfs, where a root above `/proc` leads.
    pub(super) fn check_readable(&self, metadata: &Metadata) -> Result<()> {
        if Some(metadata.device) == self.procfs {
            return Err(Error::new(ErrorKind::PermissionDenied));
        }
        Ok(())
    }

    /// The directory that holds `path`, and the name in it, which nobody follows.
    pub(super) fn place(&self, path: &VPath, wait: Wait) -> Attempt<Place> {
        let (parent, name) = path.split_relative().ok_or_else(|| {
            Error::with_text(ErrorKind::PermissionDenied, "not possible with the root")
        })?;
        let directory = self.resolve(parent, OFlags::PATH | OFlags::DIRECTORY, wait)?;
        let key = DirectoryKey::of(&directory)?;
        let name = CString::new(name).map_err(|_| Error::new(ErrorKind::InvalidName))?;
        Ok(Place {
            directory,
            key,
            name,
        })
    }

    /// `openat2` from the root. The kernel refuses every way out, also while somebody renames
    /// directories under it; then it answers `EAGAIN`, and it is tried again, not forever.
    fn resolve(&self, relative: &[u8], flags: OFlags, wait: Wait) -> Attempt<OwnedFd> {
        let path = if relative.is_empty() { b"." } else { relative };
        let (resolve, attempts) = match wait {
            Wait::Never => (self.resolve | ResolveFlags::CACHED, 1),
            Wait::Allowed => (self.resolve, MAX_ATTEMPTS),
        };
        for _ in 0..attempts {
            let opened = rustix::fs::openat2(
                &self.directory,
                path,
                flags | OFlags::CLOEXEC,
                Mode::empty(),
                resolve,
            );
            match opened {
                Ok(descriptor) => return Ok(descriptor),
                Err(Errno::AGAIN | Errno::INTR) => std::thread::yield_now(),
                // Kernels before 5.12 do not know RESOLVE_CACHED.
                Err(Errno::INVAL) if wait == Wait::Never => return Err(Refusal::WouldWait),
                Err(Errno::XDEV) => return Err(outside().into()),
                Err(errno) => return Err(errno.into()),
            }
        }
        Err(match wait {
            Wait::Never => Refusal::WouldWait,
            Wait::Allowed => Error::new(ErrorKind::Busy).into(),
        })
    }
}

impl Place {
    /// What has the name now; a symbolic link is not followed.
    pub(super) fn look(&self) -> Result<Option<Metadata>> {
        match look_at(&self.directory, &self.name) {
            Ok(metadata) => Ok(Some(metadata)),
            Err(Errno::NOENT) => Ok(None),
            Err(errno) => Err(errno.into()),
        }
    }

    /// The same directory for reading: an `O_PATH` descriptor can neither be listed nor synced.
    pub(super) fn readable_directory(&self) -> Result<OwnedFd> {
        Ok(rustix::fs::openat(
            &self.directory,
            c".",
            OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC,
            Mode::empty(),
        )?)
    }

    pub(super) fn unlink(&self, name: &CStr) -> Result<()> {
        match rustix::fs::unlinkat(&self.directory, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }
}

impl DirectoryKey {
    pub(super) fn of(directory: impl AsFd) -> Result<Self> {
        Ok(Self::of_metadata(&metadata_of(directory)?))
    }

    #[cfg(test)]
    pub(super) const fn for_test(inode: u64) -> Self {
        Self {
            device: 0,
            inode,
            born: None,
        }
    }

    pub(super) const fn of_metadata(metadata: &Metadata) -> Self {
        Self {
            device: metadata.device,
            inode: metadata.inode,
            born: metadata.created,
        }
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl From<Errno> for Refusal {
    fn from(errno: Errno) -> Self {
        Self::Failed(errno.into())
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::WouldWait => Self::new(ErrorKind::Busy),
            Refusal::Failed(error) => error,
        }
    }
}

/// Names of unfinished uploads do not exist for anybody.
pub(super) fn refuse_staging(path: &VPath, kind: ErrorKind) -> Result<()> {
    if path.components().any(names::is_staging) {
        return Err(Error::new(kind));
    }
    Ok(())
}

/// The answer to a path that leads outside, whatever is there.
pub(super) const fn outside() -> Error {
    Error::with_text(ErrorKind::PermissionDenied, "the path leads outside")
}

/// Another name of an open descriptor, for the few calls that take none. It is the kernel's own
/// link to this very file, so nobody can put another in its place.
pub(super) fn proc_path(file: impl AsFd) -> String {
    format!("/proc/self/fd/{}", file.as_fd().as_raw_fd())
}

/// What is known about the file behind a descriptor.
pub(super) fn metadata_of(file: impl AsFd) -> Result<Metadata, Errno> {
    rustix::fs::statx(file, c"", AtFlags::EMPTY_PATH, WANTED).map(|found| metadata_from(&found))
}

/// What is known about an entry of a directory; a symbolic link is not followed.
pub(super) fn look_at(directory: impl AsFd, name: &CStr) -> Result<Metadata, Errno> {
    rustix::fs::statx(
        directory,
        name,
        AtFlags::SYMLINK_NOFOLLOW | AtFlags::NO_AUTOMOUNT,
        WANTED,
    )
    .map(|found| metadata_from(&found))
}

fn metadata_from(found: &rustix::fs::Statx) -> Metadata {
    let mode = u32::from(found.stx_mode);
    let has_birth = found.stx_mask & StatxFlags::BTIME.bits() != 0;
    Metadata {
        kind: kind_from(mode),
        size: found.stx_size,
        modified: timestamp(&found.stx_mtime),
        created: has_birth.then(|| timestamp(&found.stx_btime)),
        mode: mode & 0o7777,
        uid: found.stx_uid,
        gid: found.stx_gid,
        links: u64::from(found.stx_nlink),
        device: rustix::fs::makedev(found.stx_dev_major, found.stx_dev_minor),
        inode: found.stx_ino,
        partial: false,
    }
}

fn kind_from(mode: u32) -> Kind {
    match rustix::fs::FileType::from_raw_mode(mode) {
        rustix::fs::FileType::RegularFile => Kind::File,
        rustix::fs::FileType::Directory => Kind::Directory,
        rustix::fs::FileType::Symlink => Kind::Symlink,
        _ => Kind::Other,
    }
}

fn timestamp(found: &rustix::fs::StatxTimestamp) -> Timestamp {
    Timestamp {
        seconds: found.tv_sec,
        nanos: found.tv_nsec,
    }
}

const WANTED: StatxFlags = StatxFlags::BASIC_STATS.union(StatxFlags::BTIME);

/// How often a resolution that raced with a rename is tried again.
const MAX_ATTEMPTS: u32 = 64;

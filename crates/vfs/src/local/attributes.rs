//! Changing permissions, times and owners of what a descriptor leads to.

use rustix::fd::OwnedFd;
use rustix::fs::{AtFlags, CWD, Gid, Mode, Timespec, Timestamps, UTIME_OMIT, Uid};

use super::root::{metadata_of, proc_path};
use crate::error::{Error, ErrorKind, Result};
use crate::metadata::{Attributes, Kind, Timestamp};

/// Changes what `attributes` names, of the file or directory behind an `O_PATH` descriptor.
pub(super) fn set(file: &OwnedFd, attributes: &Attributes) -> Result<()> {
    let kind = metadata_of(file)?.kind;
    if !matches!(kind, Kind::File | Kind::Directory) {
        return Err(Error::new(ErrorKind::NotRegular));
    }
    if attributes.uid.is_some() || attributes.gid.is_some() {
        let (uid, gid) = (attributes.uid, attributes.gid);
        // -1 is the kernel's word for leaving it alone.
        if uid == Some(u32::MAX) || gid == Some(u32::MAX) {
            return Err(Error::new(ErrorKind::InvalidName));
        }
        let (uid, gid) = (uid.map(Uid::from_raw), gid.map(Gid::from_raw));
        rustix::fs::chownat(file, c"", uid, gid, AtFlags::EMPTY_PATH)?;
    }
    if let Some(mode) = attributes.mode {
        if kind == Kind::File && mode & 0o6000 != 0 {
            return Err(Error::with_text(
                ErrorKind::PermissionDenied,
                "files get no set-user-id bits here",
            ));
        }
        set_mode(file, mode)?;
    }
    if attributes.modified.is_some() || attributes.accessed.is_some() {
        let times = Timestamps {
            last_access: timespec(attributes.accessed),
            last_modification: timespec(attributes.modified),
        };
        rustix::fs::utimensat(file, c"", &times, AtFlags::EMPTY_PATH)?;
    }
    Ok(())
}

/// `fchmod` takes no `O_PATH` descriptor, and one that could be read or written cannot be had of
/// a file without permission bits, which is when they must be changed.
pub(super) fn set_mode(file: &OwnedFd, mode: u32) -> Result<()> {
    let mode = Mode::from_raw_mode(mode & 0o7777);
    let path = proc_path(file);
    Ok(rustix::fs::chmodat(
        CWD,
        path.as_str(),
        mode,
        AtFlags::empty(),
    )?)
}

fn timespec(time: Option<Timestamp>) -> Timespec {
    match time {
        Some(time) => Timespec {
            tv_sec: time.seconds,
            tv_nsec: i64::from(time.nanos.min(999_999_999)),
        },
        None => Timespec {
            tv_sec: 0,
            tv_nsec: UTIME_OMIT,
        },
    }
}

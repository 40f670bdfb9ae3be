//! Changing permissions, times and owners of what a descriptor leads to.

use std::fs::File;

use rustix::fd::OwnedFd;
use rustix::fs::{AtFlags, CWD, Gid, Mode, Timespec, Timestamps, UTIME_OMIT, Uid};

use super::root::{metadata_of, proc_path};
use crate::error::{Error, ErrorKind, Result};
use crate::metadata::{Attributes, Kind, Timestamp};
use crate::upload::check_attributes;

/// Changes what `attributes` names, of what an `O_PATH` descriptor leads to.
pub(super) fn set(file: &OwnedFd, attributes: &Attributes) -> Result<()> {
    let kind = metadata_of(file)?.kind;
    check(kind, attributes)?;
    if attributes.uid.is_some() || attributes.gid.is_some() {
        let (uid, gid) = owner(attributes);
        rustix::fs::chownat(file, c"", uid, gid, AtFlags::EMPTY_PATH)?;
    }
    if let Some(mode) = attributes.mode {
        set_mode(file, mode)?;
    }
    if let Some(times) = times(attributes) {
        rustix::fs::utimensat(file, c"", &times, AtFlags::EMPTY_PATH)?;
    }
    Ok(())
}

/// The same of a file that is open for writing, whose attributes were checked.
pub(super) fn set_open(file: &File, attributes: &Attributes) -> Result<()> {
    set_owner(file, attributes)?;
    if let Some(mode) = attributes.mode {
        rustix::fs::fchmod(file, Mode::from_raw_mode(mode & 0o7777))?;
    }
    if let Some(times) = times(attributes) {
        rustix::fs::futimens(file, &times)?;
    }
    Ok(())
}

pub(super) fn set_owner(file: &File, attributes: &Attributes) -> Result<()> {
    if attributes.uid.is_some() || attributes.gid.is_some() {
        let (uid, gid) = owner(attributes);
        rustix::fs::fchown(file, uid, gid)?;
    }
    Ok(())
}

/// The times to be set, if any.
pub(super) fn times(attributes: &Attributes) -> Option<Timestamps> {
    let (accessed, modified) = (attributes.accessed, attributes.modified);
    (accessed.is_some() || modified.is_some()).then(|| Timestamps {
        last_access: timespec(accessed),
        last_modification: timespec(modified),
    })
}

/// Refuses before anything is changed.
fn check(kind: Kind, attributes: &Attributes) -> Result<()> {
    match kind {
        Kind::File => check_attributes(attributes),
        // A directory's set-group-id bit says whose the files in it are.
        Kind::Directory => check_attributes(&Attributes {
            mode: None,
            ..*attributes
        }),
        Kind::Symlink if attributes.mode.is_some() => Err(Error::with_text(
            ErrorKind::Unsupported,
            "a symbolic link has no permissions of its own",
        )),
        Kind::Symlink => check_attributes(attributes),
        Kind::Other => Err(Error::new(ErrorKind::NotRegular)),
    }
}

fn owner(attributes: &Attributes) -> (Option<Uid>, Option<Gid>) {
    (
        attributes.uid.map(Uid::from_raw),
        attributes.gid.map(Gid::from_raw),
    )
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

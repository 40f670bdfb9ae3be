//! Finding partials that are on the disk from before this process began, and removing expired ones.

use std::mem::MaybeUninit;
use std::sync::PoisonError;
use std::time::Duration;

use rustix::fs::{AtFlags, RawDir};

use super::names;
use super::partials::{Kept, Key, expired, index};
use super::root::{DirectoryKey, Place, look_at};
use crate::error::Result;
use crate::metadata::Kind;

/// Reads the directory for partials, unless that was done lately.
pub(super) fn directory(place: &Place, ttl: Duration) -> Result<()> {
    let lock = index().scan_lock(place.key);
    let _alone = lock.lock().unwrap_or_else(PoisonError::into_inner);
    if !index().needs_scan(place.key) {
        return Ok(());
    }
    let found = match place.readable_directory() {
        Ok(directory) => read(place, directory, ttl)?,
        // An inbox may be writable and not readable. Nothing can be found in it then.
        Err(_) => Vec::new(),
    };
    for older in index().scanned(place.key, found, ttl) {
        place.unlink(&older)?;
    }
    Ok(())
}

fn read(place: &Place, directory: rustix::fd::OwnedFd, ttl: Duration) -> Result<Vec<(Key, Kept)>> {
    let mut found = Vec::new();
    let mut buffer = vec![MaybeUninit::uninit(); BUFFER];
    let mut entries = RawDir::new(&directory, &mut buffer);
    for _ in 0..MAX_ENTRIES {
        let Some(entry) = entries.next() else { break };
        let entry = entry?;
        let Some(parsed) = names::parse(entry.file_name().to_bytes()) else {
            continue;
        };
        let Ok(metadata) = look_at(&directory, entry.file_name()) else {
            continue;
        };
        let kept = Kept {
            file: entry.file_name().to_owned(),
            size: metadata.size,
            modified: metadata.modified,
        };
        // A second link would let somebody else read what is written, or be overwritten by it.
        if metadata.kind != Kind::File || metadata.links != 1 || index().is_live(&kept.file) {
            continue;
        }
        if expired(&kept, ttl) {
            place.unlink(&kept.file)?;
            continue;
        }
        if parsed.marked {
            // Another process may still be writing to it, so it stays until it has expired.
            continue;
        }
        let key = Key {
            stem: parsed.stem.into(),
            principal: parsed.principal,
        };
        found.push((key, kept));
        if found.len() >= MAX_PARTIALS {
            break;
        }
    }
    Ok(found)
}

/// Removes the partials in a directory that is to be removed and holds nothing else. `false`, and
/// nothing removed, if it does or one is being written.
pub(super) fn clear(place: &Place) -> Result<bool> {
    let directory = rustix::fs::openat(
        &place.directory,
        &place.name,
        rustix::fs::OFlags::RDONLY
            | rustix::fs::OFlags::DIRECTORY
            | rustix::fs::OFlags::NOFOLLOW
            | rustix::fs::OFlags::CLOEXEC,
        rustix::fs::Mode::empty(),
    )?;
    let mut partials = Vec::new();
    let mut buffer = vec![MaybeUninit::uninit(); BUFFER];
    let mut entries = RawDir::new(&directory, &mut buffer);
    while let Some(entry) = entries.next() {
        let entry = entry?;
        let name = entry.file_name();
        if matches!(name.to_bytes(), b"." | b"..") {
            continue;
        }
        let ours = names::is_staging(name.to_bytes()) && !index().is_live(name);
        if !ours || partials.len() >= MAX_PARTIALS {
            return Ok(false);
        }
        partials.push(name.to_owned());
    }
    for partial in &partials {
        rustix::fs::unlinkat(&directory, partial, AtFlags::empty())?;
    }
    index().forget_directory(DirectoryKey::of(&directory)?);
    Ok(!partials.is_empty())
}

const BUFFER: usize = 64 * 1024;

/// Entries read in one scan; about a second's work.
const MAX_ENTRIES: usize = 2_000_000;

/// Partials taken note of in one scan.
const MAX_PARTIALS: usize = 4096;

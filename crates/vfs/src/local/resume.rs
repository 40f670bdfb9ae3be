//! What an upload goes on from: bytes that are there already.

use std::fs::File;

use rustix::fs::{Mode, OFlags};

use super::append;
use super::clone;
use super::options::LocalOptions;
use super::partials::{Found, Kept, Key, LiveName, index};
use super::root::{Place, metadata_of};
use super::staging::{STAGING_MODE, StagingFile};
use super::upload::Content;
use crate::error::{Error, ErrorKind, Result};
use crate::metadata::Kind;

/// What is there when an upload begins.
pub(super) enum Beginning {
    /// In memory or in a staging file.
    Staged(Content),
    /// In the published file, which is too large to be copied.
    InPlace(append::Target),
}

impl Beginning {
    /// Nothing.
    pub(super) const fn fresh() -> Self {
        Self::Staged(Content::Memory(Vec::new()))
    }
}

/// `offset` bytes of this principal's upload, live or kept, or else of the published file.
pub(super) fn at(
    place: &Place,
    key: &Key,
    offset: u64,
    exists: bool,
    options: &LocalOptions,
) -> Result<Beginning> {
    let found = index().find(place.key, key, options.partial_ttl);
    if let Some(content) = take_over(place, key, &found, offset)? {
        return Ok(Beginning::Staged(content));
    }
    if let Some(kept) = found.kept.filter(|kept| kept.size >= offset)
        && let Some(content) = reopen(place, key, &kept, offset)?
    {
        return Ok(Beginning::Staged(content));
    }
    if !exists {
        return Err(Error::new(ErrorKind::BadOffset));
    }
    let published = open_published(place)?;
    let size = published.metadata()?.len();
    if size < offset {
        return Err(Error::new(ErrorKind::BadOffset));
    }
    if let Some(staging) = copy(place, key, &published, offset, options)? {
        return Ok(Beginning::Staged(Content::File(staging)));
    }
    // At its very end it is an append, and that can be undone.
    if size == offset {
        let target = append::open(place)?;
        if target.size == offset {
            return Ok(Beginning::InPlace(target));
        }
    }
    Err(Error::with_text(
        ErrorKind::Busy,
        "the file is too large to be continued in its middle",
    ))
}

/// All of the published file, copied if that is possible within reason.
pub(super) fn at_end(place: &Place, key: &Key, options: &LocalOptions) -> Result<Beginning> {
    let target = append::open(place)?;
    match copy(place, key, &target.file, target.size, options)? {
        Some(mut staging) => {
            staging.appending = Some(target.lock);
            Ok(Beginning::Staged(Content::File(staging)))
        }
        None => Ok(Beginning::InPlace(target)),
    }
}

/// All of the published file, to be changed anywhere. Each update has a copy of its own; only one
/// that is too large for that excludes others, as the append it is.
pub(super) fn for_update(place: &Place, key: &Key, options: &LocalOptions) -> Result<Beginning> {
    let published = open_published(place)?;
    let size = published.metadata()?.len();
    match copy(place, key, &published, size, options)? {
        Some(staging) => Ok(Beginning::Staged(Content::File(
            staging.based_on_published(),
        ))),
        None => append::open(place).map(Beginning::InPlace),
    }
}

/// Whether there is no partial that the next upload could go on from.
pub(super) fn is_fresh(place: &Place, key: &Key, options: &LocalOptions) -> bool {
    let found = index().find(place.key, key, options.partial_ttl);
    found.kept.is_none() && found.live.is_none_or(|live| live.resumable() == 0)
}

/// All of this principal's partial. Without a published file, SIZE tells a client how much of its
/// broken upload is here, and curl then sends the rest with APPE.
pub(super) fn at_end_of_partial(
    place: &Place,
    key: &Key,
    options: &LocalOptions,
) -> Result<Beginning> {
    let found = index().find(place.key, key, options.partial_ttl);
    if found.live.is_some_and(|live| live.resumable() > 0) {
        // Unlike a resume it does not say where it goes on, so it may be somebody else's line of
        // the same log.
        return Err(Error::with_text(
            ErrorKind::Busy,
            "another upload of this file is under way",
        ));
    }
    let content = match found.kept {
        Some(kept) => reopen(place, key, &kept, kept.size)?,
        None => None,
    };
    Ok(content.map_or_else(Beginning::fresh, Beginning::Staged))
}

/// Takes an upload under way from its writer, who has probably lost his connection.
fn take_over(place: &Place, key: &Key, found: &Found, offset: u64) -> Result<Option<Content>> {
    let Some(live) = &found.live else {
        return Ok(None);
    };
    let Some(content) = live.take_if(offset) else {
        return Ok(None);
    };
    index().forget(place.key, key, live);
    Ok(match content {
        Content::Memory(mut bytes) => {
            bytes.truncate(usize::try_from(offset).unwrap_or(usize::MAX));
            Some(Content::Memory(bytes))
        }
        Content::File(mut file) => {
            file.truncate(offset)?;
            Some(Content::File(file))
        }
        Content::Gone => None,
    })
}

/// Opens a kept partial; `None` if it is gone, or something else is in its place.
fn reopen(place: &Place, key: &Key, kept: &Kept, offset: u64) -> Result<Option<Content>> {
    let name = LiveName::new(kept.file.clone());
    if !index().take(place.key, key, kept) {
        return Ok(None);
    }
    let flags = OFlags::RDWR | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let opened = rustix::fs::openat(&place.directory, name.as_c_str(), flags, Mode::empty());
    let Ok(file) = opened.map(File::from) else {
        return Ok(None);
    };
    let metadata = metadata_of(&file)?;
    if metadata.kind != Kind::File || metadata.links != 1 || metadata.size < offset {
        return Ok(None);
    }
    let mut staging = StagingFile::reopened(file, name, metadata.size);
    staging.truncate(offset)?;
    Ok(Some(Content::File(staging)))
}

fn open_published(place: &Place) -> Result<File> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = rustix::fs::openat(&place.directory, &place.name, flags, Mode::empty())?;
    let file = File::from(file);
    if metadata_of(&file)?.kind != Kind::File {
        return Err(Error::new(ErrorKind::NotRegular));
    }
    Ok(file)
}

/// A staging file with the first `length` bytes of the published one; `None` beyond the limit.
fn copy(
    place: &Place,
    key: &Key,
    published: &File,
    length: u64,
    options: &LocalOptions,
) -> Result<Option<StagingFile>> {
    let mut staging = StagingFile::create(place, key, STAGING_MODE)?;
    let copied = clone::prefix(place, published, &mut staging, length, options.clone_limit);
    if matches!(copied, Ok(true)) {
        return Ok(Some(staging));
    }
    place.unlink(staging.name.as_c_str())?;
    copied.map(|_| None)
}

//! Beginning an upload: what can be refused early.

use std::sync::Arc;

use rustix::fs::{Access, AtFlags};

use super::append::InPlace;
use super::options::LocalOptions;
use super::partials::{Key, index};
use super::resume::{self, Beginning};
use super::root::{Attempt, Place, Refusal, Root, Wait, refuse_staging};
use super::staged::{LocalStaged, Terms, check_target};
use super::{Shared, scan, space_of};
use crate::error::{Error, ErrorKind, Result};
use crate::metadata::Metadata;
use crate::path::VPath;
use crate::upload::{StageMode, StageRequest, Staged};

/// Begins an upload. A whole file into a directory in the kernel's cache needs no disk.
pub(super) fn stage(
    root: &Root,
    shared: &Arc<Shared>,
    path: &VPath,
    request: &StageRequest,
    wait: Wait,
) -> Attempt<Box<dyn Staged>> {
    refuse_staging(path, ErrorKind::InvalidName)?;
    if path.is_root() {
        return Err(Error::new(ErrorKind::IsADirectory).into());
    }
    let place = root.place(path, wait)?;
    let previous = check(&place, request)?;
    let exists = previous.is_some();
    let key = Key::new(&place.name, &request.principal);
    let options = &shared.options;
    if index().needs_scan(place.key) {
        if wait == Wait::Never {
            return Err(Refusal::WouldWait);
        }
        scan::directory(&place, options.partial_ttl)?;
    }
    let terms = Terms {
        replace: request.replace,
        durability: request.durability,
        permissions: request.permissions,
        updates: exists && request.mode == StageMode::Update,
        shared: Arc::clone(shared),
    };
    let beginning = match request.mode {
        StageMode::Create | StageMode::Resume { offset: 0 } => Beginning::fresh(),
        StageMode::Append | StageMode::Update
            if !exists && resume::is_fresh(&place, &key, options) =>
        {
            Beginning::fresh()
        }
        StageMode::Resume { .. } | StageMode::Append | StageMode::Update if wait == Wait::Never => {
            return Err(Refusal::WouldWait);
        }
        StageMode::Resume { offset } => resume::at(&place, &key, offset, exists, options)?,
        StageMode::Append if exists => resume::at_end(&place, &key, options)?,
        StageMode::Update if exists => resume::for_update(&place, &key, options)?,
        StageMode::Append | StageMode::Update => resume::at_end_of_partial(&place, &key, options)?,
    };
    Ok(match beginning {
        Beginning::Staged(content) => {
            Box::new(LocalStaged::begin(place, key, content, terms, previous))
        }
        Beginning::InPlace(target) => Box::new(InPlace::new(target, request.durability)),
    })
}

/// The bytes of the upload that a resume would continue.
pub(super) fn partial(
    root: &Root,
    options: &LocalOptions,
    path: &VPath,
    principal: &str,
    wait: Wait,
) -> Attempt<Option<u64>> {
    if path.is_root() || refuse_staging(path, ErrorKind::NotFound).is_err() {
        return Ok(None);
    }
    let place = root.place(path, wait)?;
    if index().needs_scan(place.key) {
        if wait == Wait::Never {
            return Err(Refusal::WouldWait);
        }
        scan::directory(&place, options.partial_ttl)?;
    }
    let key = Key::new(&place.name, principal);
    let found = index().find(place.key, &key, options.partial_ttl);
    let live = found.live.map(|live| live.resumable());
    let kept = found.kept.map(|kept| kept.size);
    Ok(live.max(kept).filter(|bytes| *bytes > 0))
}

/// Refuses what would fail later anyway. Answers what is known about the file to be replaced.
fn check(place: &Place, request: &StageRequest) -> Result<Option<Metadata>> {
    let may_create = Access::WRITE_OK | Access::EXEC_OK;
    rustix::fs::accessat(&place.directory, c".", may_create, AtFlags::EACCESS)?;
    let previous = place.look()?;
    check_target(previous.as_ref(), request.replace)?;
    if previous.is_some() {
        // A rename would not ask the file, but whoever took its write bits away meant something.
        let flags = AtFlags::EACCESS | AtFlags::SYMLINK_NOFOLLOW;
        rustix::fs::accessat(&place.directory, &place.name, Access::WRITE_OK, flags)?;
    }
    if let Some(expected) = request.expected
        && expected > space_of(&place.directory)?.available
    {
        return Err(Error::new(ErrorKind::NoSpace));
    }
    Ok(previous)
}

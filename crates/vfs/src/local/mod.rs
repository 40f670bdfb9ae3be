//! A folder of this machine as a store.
//!
//! No operation opens a path: each walks from the root's descriptor by `openat2`, and what changes
//! something works on one name in an open directory. So a symbolic link, at rest or put in place
//! meanwhile, leads nowhere outside.

mod append;
mod attributes;
mod clone;
mod listing;
mod names;
mod options;
mod partials;
mod publish;
mod reader;
mod resume;
mod root;
mod scan;
mod stage;
mod staged;
mod staging;
mod sync;
mod upload;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use async_trait::async_trait;
use rustix::fd::AsFd;
use rustix::fs::{AtFlags, Mode, OFlags, RenameFlags, StatVfsMountFlags};
use rustix::io::Errno;
use tokio::task::spawn_blocking;

pub use self::options::LocalOptions;

use self::root::{Attempt, DirectoryKey, Place, Refusal, Root, Wait, metadata_of, refuse_staging};
use crate::data::{Listing, Reader};
use crate::error::{Error, ErrorKind, Result};
use crate::links;
use crate::metadata::{Attributes, Capability, Follow, Kind, Metadata, Replace, Space};
use crate::path::VPath;
use crate::store::{Backend, Store};
use crate::upload::{Durability, StageRequest, Staged};

/// A folder of this machine.
pub struct LocalStore {
    inner: Arc<Inner>,
}

struct Inner {
    root: Root,
    shared: Arc<Shared>,
}

/// What the uploads of a store share.
struct Shared {
    options: LocalOptions,
    /// Set once a file turned out to need a name from the start; the next ones are not tried.
    no_unnamed: AtomicBool,
}

impl LocalStore {
    /// Opens a folder and holds it: if its path leads somewhere else later, the store does not.
    ///
    /// # Errors
    /// `NotFound`, `NotADirectory`, `PermissionDenied`; `Unsupported` for a folder of `/proc`,
    /// and on kernels before Linux 5.6.
    pub fn open(root: &Path, options: LocalOptions) -> Result<Store> {
        let root = Root::open(root, options.follow_symlinks)?;
        let shared = Arc::new(Shared {
            options,
            no_unnamed: AtomicBool::new(false),
        });
        Ok(Store::new(Self {
            inner: Arc::new(Inner { root, shared }),
        }))
    }

    /// Tries on this thread what needs no disk, and if it does, again on one that may block.
    async fn quickly<T, F>(&self, path: &VPath, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: Fn(&Inner, &VPath, Wait) -> Attempt<T> + Send + 'static,
    {
        match work(&self.inner, path, Wait::Never) {
            Ok(done) => Ok(done),
            Err(Refusal::Failed(error)) => Err(error),
            Err(Refusal::WouldWait) => {
                let inner = Arc::clone(&self.inner);
                let path = path.clone();
                spawn_blocking(move || Ok(work(&inner, &path, Wait::Allowed)?)).await?
            }
        }
    }

    /// Does on a thread that may block what changes one name.
    async fn at<T, F>(&self, path: &VPath, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Place) -> Result<T> + Send + 'static,
    {
        let inner = Arc::clone(&self.inner);
        let path = path.clone();
        spawn_blocking(move || work(&inner.root.place(&path, Wait::Allowed)?)).await?
    }
}

#[async_trait]
impl Backend for LocalStore {
    fn capability(&self) -> Capability {
        Capability {
            read_only: false,
            symlinks: self.inner.shared.options.follow_symlinks,
            hard_metadata: true,
            set_times: true,
            set_mode: true,
            append: true,
            resume: true,
            random_write: true,
            hard_links: true,
            durable: true,
            space: true,
            create_time: true,
            descriptors: true,
        }
    }

    async fn metadata(&self, path: &VPath, follow: Follow) -> Result<Metadata> {
        self.quickly(path, move |inner, path, wait| {
            Ok(metadata_of(inner.root.open_path(
                path,
                path_only(follow),
                wait,
            )?)?)
        })
        .await
    }

    async fn list(&self, path: &VPath) -> Result<Box<dyn Listing>> {
        self.quickly(path, |inner, path, wait| {
            let flags = OFlags::RDONLY | OFlags::DIRECTORY;
            let directory = inner.root.open_path(path, flags, wait)?;
            Ok(Box::new(listing::LocalListing::new(directory)) as Box<dyn Listing>)
        })
        .await
    }

    async fn read(&self, path: &VPath) -> Result<Box<dyn Reader>> {
        self.quickly(path, |inner, path, wait| {
            let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY;
            let file = inner.root.open_path(path, flags, wait)?;
            Ok(Box::new(reader::LocalReader::new(file, &inner.root)?) as Box<dyn Reader>)
        })
        .await
    }

    async fn stage(&self, path: &VPath, request: StageRequest) -> Result<Box<dyn Staged>> {
        self.quickly(path, move |inner, path, wait| {
            stage::stage(&inner.root, &inner.shared, path, &request, wait)
        })
        .await
    }

    async fn partial(&self, path: &VPath, principal: &str) -> Result<Option<u64>> {
        let principal: Box<str> = principal.into();
        self.quickly(path, move |inner, path, wait| {
            stage::partial(&inner.root, &inner.shared.options, path, &principal, wait)
        })
        .await
    }

    async fn make_dir(&self, path: &VPath, mode: u32) -> Result<()> {
        refuse_staging(path, ErrorKind::InvalidName)?;
        if path.is_root() {
            return Err(Error::new(ErrorKind::Exists));
        }
        self.at(path, move |place| make_dir(place, mode)).await
    }

    async fn remove_dir(&self, path: &VPath) -> Result<()> {
        refuse_staging(path, ErrorKind::NotFound)?;
        self.at(path, remove_dir).await
    }

    async fn remove_file(&self, path: &VPath) -> Result<()> {
        refuse_staging(path, ErrorKind::NotFound)?;
        if path.is_root() {
            return Err(Error::new(ErrorKind::IsADirectory));
        }
        self.at(path, |place| {
            let flags = AtFlags::empty();
            Ok(rustix::fs::unlinkat(&place.directory, &place.name, flags)?)
        })
        .await
    }

    async fn rename(&self, from: &VPath, to: &VPath, replace: Replace) -> Result<()> {
        refuse_staging(from, ErrorKind::NotFound)?;
        refuse_staging(to, ErrorKind::InvalidName)?;
        links::check_rename(from, to)?;
        let inner = Arc::clone(&self.inner);
        let (from, to) = (from.clone(), to.clone());
        spawn_blocking(move || {
            let from = inner.root.place(&from, Wait::Allowed)?;
            let to = inner.root.place(&to, Wait::Allowed)?;
            rename(&from, &to, replace)?;
            if inner.shared.options.rename_durability == Durability::Full {
                sync::directory(&to)?;
                if from.key != to.key {
                    sync::directory(&from)?;
                }
            }
            Ok(())
        })
        .await?
    }

    async fn hard_link(&self, existing: &VPath, new: &VPath) -> Result<()> {
        refuse_staging(existing, ErrorKind::NotFound)?;
        refuse_staging(new, ErrorKind::InvalidName)?;
        links::check_hard_link(existing, new)?;
        let inner = Arc::clone(&self.inner);
        let (existing, new) = (existing.clone(), new.clone());
        spawn_blocking(move || {
            let existing = inner.root.place(&existing, Wait::Allowed)?;
            let new = inner.root.place(&new, Wait::Allowed)?;
            hard_link(&existing, &new)?;
            if inner.shared.options.rename_durability == Durability::Full {
                sync::directory(&new)?;
            }
            Ok(())
        })
        .await?
    }

    async fn set_attributes(
        &self,
        path: &VPath,
        attributes: Attributes,
        follow: Follow,
    ) -> Result<()> {
        let inner = Arc::clone(&self.inner);
        let path = path.clone();
        spawn_blocking(move || {
            let file = inner
                .root
                .open_path(&path, path_only(follow), Wait::Allowed)?;
            attributes::set(&file, &attributes)
        })
        .await?
    }

    async fn make_symlink(&self, target: &[u8], path: &VPath) -> Result<()> {
        refuse_staging(path, ErrorKind::InvalidName)?;
        if !self.inner.shared.options.follow_symlinks {
            return Err(Error::new(ErrorKind::Unsupported));
        }
        links::check_target(target, path)?;
        if target.split(|byte| *byte == b'/').any(names::is_staging) {
            return Err(Error::new(ErrorKind::InvalidName));
        }
        let target = target.to_vec();
        self.at(path, move |place| {
            Ok(rustix::fs::symlinkat(
                &*target,
                &place.directory,
                &place.name,
            )?)
        })
        .await
    }

    async fn read_link(&self, path: &VPath) -> Result<Vec<u8>> {
        let target = self
            .quickly(path, |inner, path, wait| {
                let flags = OFlags::PATH | OFlags::NOFOLLOW;
                let link = inner.root.open_path(path, flags, wait)?;
                match rustix::fs::readlinkat(&link, c"", Vec::new()) {
                    Ok(target) => Ok(target.into_bytes()),
                    // What the kernel says about everything that is no link.
                    Err(Errno::NOENT | Errno::INVAL) => {
                        Err(Error::with_text(ErrorKind::InvalidName, "not a symbolic link").into())
                    }
                    Err(errno) => Err(errno.into()),
                }
            })
            .await?;
        links::check_target(&target, path)?;
        Ok(target)
    }

    async fn space(&self, path: &VPath) -> Result<Space> {
        self.quickly(path, |inner, path, wait| {
            Ok(space_of(inner.root.open_path(path, OFlags::PATH, wait)?)?)
        })
        .await
    }
}

fn make_dir(place: &Place, mode: u32) -> Result<()> {
    let mode = mode & 0o777;
    let wanted = Mode::from_raw_mode(mode);
    rustix::fs::mkdirat(&place.directory, &place.name, wanted)?;
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let made = rustix::fs::openat(&place.directory, &place.name, flags, Mode::empty())?;
    let metadata = metadata_of(&made)?;
    if metadata.mode & 0o777 != mode {
        // The process's umask; the set-group-id bit is the parent's and stays.
        attributes::set_mode(&made, mode | metadata.mode & 0o7000)?;
    }
    Ok(())
}

fn remove_dir(place: &Place) -> Result<()> {
    let removed = place.look()?;
    let remove = || rustix::fs::unlinkat(&place.directory, &place.name, AtFlags::REMOVEDIR);
    match remove() {
        // Nobody sees the partials in it, so for everybody it is empty.
        Err(Errno::NOTEMPTY) if scan::clear(place)? => remove()?,
        outcome => outcome?,
    }
    if let Some(removed) = removed.filter(|removed| removed.kind == Kind::Directory) {
        partials::index().forget_directory(DirectoryKey::of_metadata(&removed));
    }
    Ok(())
}

fn rename(from: &Place, to: &Place, replace: Replace) -> Result<()> {
    let flags = match replace {
        Replace::Yes => RenameFlags::empty(),
        Replace::No => RenameFlags::NOREPLACE,
    };
    let (old, new) = ((&from.directory, &from.name), (&to.directory, &to.name));
    match rustix::fs::renameat_with(old.0, old.1, new.0, new.1, flags) {
        // Some file systems do not know the flag; then there is a moment between look and rename.
        Err(Errno::INVAL) if replace == Replace::No => match to.look()? {
            Some(_) => Err(Error::new(ErrorKind::Exists)),
            None => Ok(rustix::fs::renameat(old.0, old.1, new.0, new.1)?),
        },
        outcome => Ok(outcome?),
    }
}

/// Gives a regular file a second name. The kernel follows no link here, and makes none through a
/// name that has become a link since it was looked at.
fn hard_link(existing: &Place, new: &Place) -> Result<()> {
    let found = existing.look()?.ok_or(ErrorKind::NotFound)?;
    match found.kind {
        Kind::File => {}
        Kind::Directory => return Err(Error::new(ErrorKind::IsADirectory)),
        Kind::Symlink | Kind::Other => return Err(Error::new(ErrorKind::NotRegular)),
    }
    Ok(rustix::fs::linkat(
        &existing.directory,
        &existing.name,
        &new.directory,
        &new.name,
        AtFlags::empty(),
    )?)
}

fn space_of(file: impl AsFd) -> Result<Space> {
    let found = rustix::fs::fstatvfs(file)?;
    let bytes = |blocks: u64| blocks.saturating_mul(found.f_frsize);
    Ok(Space {
        total: bytes(found.f_blocks),
        free: bytes(found.f_bfree),
        available: bytes(found.f_bavail),
        block_size: found.f_frsize.max(1),
        files_total: found.f_files,
        files_free: found.f_ffree,
        files_available: found.f_favail,
        read_only: found.f_flag.contains(StatVfsMountFlags::RDONLY),
        name_max: found.f_namemax,
    })
}

const fn path_only(follow: Follow) -> OFlags {
    match follow {
        Follow::Yes => OFlags::PATH,
        Follow::No => OFlags::PATH.union(OFlags::NOFOLLOW),
    }
}

/// A staging name as another process would have made it.
#[cfg(test)]
pub(crate) fn staging_name_for_test(name: &str, principal: &str) -> String {
    let principal = names::Principal::of(principal);
    let name = names::make(&names::stem(name.as_bytes()), principal).unwrap();
    name.into_string().unwrap()
}

//! Reading an account's file of keys, at every login that asks for it.

use crate::authorized_keys::{AuthorizedKeys, AuthorizedKeysError};
use crate::name::AccountName;
use rustix::fs::OFlags;
use std::collections::HashMap;
use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

/// Why a file of keys opens nothing.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// It is not there or cannot be read.
    #[error("it cannot be read: {0}")]
    Io(#[from] io::Error),
    /// A folder, a pipe, a device.
    #[error("it is not a regular file")]
    NotAFile,
    /// Somebody else's: that one could let anybody in.
    #[error("bad ownership: `{}` belongs to user {owner}, not to root or to user {server}, who runs the server", path.display())]
    Owner {
        /// The file, or a folder above it.
        path: PathBuf,
        /// Whose it is.
        owner: u32,
        /// Whose it could be.
        server: u32,
    },
    /// Others may write to it: they could let anybody in.
    #[error("bad modes: others may write to `{}` (mode {mode:04o})", path.display())]
    Mode {
        /// The file, or a folder above it.
        path: PathBuf,
        /// Its mode bits.
        mode: u32,
    },
    /// Longer than a file of keys may be.
    #[error(transparent)]
    Contents(#[from] AuthorizedKeysError),
}

/// Files that were read and have not changed since.
#[derive(Default)]
pub(crate) struct KeyFiles {
    read: Mutex<HashMap<PathBuf, (Stamp, Arc<AuthorizedKeys>)>>,
}

/// What changes with a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl AuthorizedKeys {
    /// Reads a file of keys, if none but root and the user who runs this could have written it.
    ///
    /// # Errors
    /// See [`KeyFileError`].
    pub fn read(file: &Path) -> Result<Self, KeyFileError> {
        let (mut opened, metadata) = open(file)?;
        contents(&mut opened, &metadata)
    }
}

impl KeyFiles {
    /// What a file holds now; nothing, with a line in the log, where it cannot be trusted. Waits
    /// for the disk: not for a thread that serves others.
    pub(crate) fn read(&self, account: &AccountName, file: &Path) -> Arc<AuthorizedKeys> {
        self.current(account, file).unwrap_or_else(|error| {
            let file = file.display();
            match &error {
                KeyFileError::Io(error) if error.kind() == io::ErrorKind::NotFound => {
                    tracing::debug!(%account, %file, "there is no such authorized_keys file");
                }
                error => {
                    tracing::warn!(%account, %file, %error, "the authorized_keys file is refused")
                }
            }
            Arc::default()
        })
    }

    fn current(
        &self,
        account: &AccountName,
        file: &Path,
    ) -> Result<Arc<AuthorizedKeys>, KeyFileError> {
        let (mut opened, metadata) = open(file)?;
        let stamp = Stamp::of(&metadata);
        let held = self.lock().get(file).cloned();
        if let Some((read_at, keys)) = held
            && read_at == stamp
        {
            return Ok(keys);
        }
        let keys = Arc::new(contents(&mut opened, &metadata)?);
        for problem in keys.problems() {
            let file = file.display();
            tracing::warn!(%account, %file, %problem, "a line of the authorized_keys file counts for nothing");
        }
        // What was changed a moment ago may change again without its times showing it.
        let settled = |modified: SystemTime| modified.elapsed().is_ok_and(|age| age > SETTLED);
        let mut read = self.lock();
        if read.len() >= MAX_HELD && !read.contains_key(file) {
            read.clear();
        }
        if metadata.modified().is_ok_and(settled) && Stamp::of(&opened.metadata()?) == stamp {
            read.insert(file.to_owned(), (stamp, Arc::clone(&keys)));
        } else {
            read.remove(file);
        }
        Ok(keys)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<PathBuf, (Stamp, Arc<AuthorizedKeys>)>> {
        // Every change to the map is one call, so it is whole even after a panic.
        self.read.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}

/// Opens it, and looks at what was opened rather than at the name, which may mean another file a
/// moment later.
fn open(file: &Path) -> Result<(File, Metadata), KeyFileError> {
    // A pipe without a writer must not hold the login up.
    let flags = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or_default();
    let opened = OpenOptions::new()
        .read(true)
        .custom_flags(flags)
        .open(file)?;
    let metadata = opened.metadata()?;
    if !metadata.is_file() {
        return Err(KeyFileError::NotAFile);
    }
    check(file, &metadata, 0o022)?;
    let real = std::fs::canonicalize(file)?;
    for folder in real.ancestors().skip(1) {
        let metadata = std::fs::metadata(folder)?;
        // Where a folder is everybody's but each can only remove what is their own, as in `/tmp`,
        // nobody can put another file in its place.
        let sticky = metadata.mode() & 0o1000 != 0;
        check(folder, &metadata, if sticky { 0 } else { 0o022 })?;
    }
    Ok((opened, metadata))
}

fn check(path: &Path, metadata: &Metadata, writable: u32) -> Result<(), KeyFileError> {
    let (owner, server) = (metadata.uid(), rustix::process::geteuid().as_raw());
    if owner != 0 && owner != server {
        let path = path.to_owned();
        return Err(KeyFileError::Owner {
            path,
            owner,
            server,
        });
    }
    let mode = metadata.mode() & 0o7777;
    if mode & writable != 0 {
        let path = path.to_owned();
        return Err(KeyFileError::Mode { path, mode });
    }
    Ok(())
}

fn contents(opened: &mut File, metadata: &Metadata) -> Result<AuthorizedKeys, KeyFileError> {
    let most = AuthorizedKeys::MAX_BYTES as u64;
    if metadata.len() > most {
        return Err(AuthorizedKeysError::TooLong.into());
    }
    let mut bytes = Vec::new();
    // One more than it may have: it may have grown.
    opened.take(most + 1).read_to_end(&mut bytes)?;
    Ok(AuthorizedKeys::parse(&bytes)?)
}

const MAX_HELD: usize = 256;
/// More than the grain of any file system's times.
const SETTLED: Duration = Duration::from_secs(3);

//! The folders sessions see as `/`, each opened once.

use std::collections::HashMap;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use wharf_vfs::hidden::Hidden;
use wharf_vfs::local::{LocalOptions, LocalStore};
use wharf_vfs::{Error, ErrorKind, Follow, Store, VPath};

/// Homes kept open. A home that is looked up once more after this many others were opened is
/// simply opened again.
const OPEN_HOMES: usize = 4096;

/// Whether a folder is the other or lies in it. What cannot be resolved lies nowhere; it cannot be
/// opened either.
#[must_use]
pub fn lies_in(folder: &Path, other: &Path) -> bool {
    below(folder, other).is_some()
}

/// What leads from `other` to `folder`, when it lies in it.
fn below(folder: &Path, other: &Path) -> Option<PathBuf> {
    let (folder, other) = (folder.canonicalize().ok()?, other.canonicalize().ok()?);
    // tidy: component-wise
    folder.strip_prefix(&other).ok().map(Path::to_path_buf)
}

/// Opens a home. The server's own folder is not to be had through any: not as a home, and when it
/// lies in one it is hidden there, where then no symbolic link is followed.
fn open(home: &Path, private: Option<&Path>, follow_symlinks: bool) -> Result<Store, Error> {
    if private.is_some_and(|private| lies_in(home, private)) {
        let text = "it lies in the server's own folder";
        return Err(Error::with_text(ErrorKind::PermissionDenied, text));
    }
    let hidden = private.and_then(|private| below(private, home));
    let follow_symlinks = follow_symlinks && hidden.is_none();
    let store = LocalStore::open(
        home,
        LocalOptions {
            follow_symlinks,
            ..LocalOptions::default()
        },
    )?;
    match hidden {
        Some(hidden) => Hidden::new(store, VPath::parse(hidden.as_os_str().as_bytes())?),
        None => Ok(store),
    }
}

/// Stores by the folder they serve.
#[derive(Default)]
pub(crate) struct Homes {
    open: Mutex<HashMap<(PathBuf, bool), Store>>,
}

impl Homes {
    /// The store of a home. It stays on the folder that was there when it was first opened, even
    /// when its name is given to something else meanwhile (security F9); only a folder that was
    /// deleted is looked up again.
    pub(crate) async fn store(
        &self,
        home: PathBuf,
        private: Option<PathBuf>,
        follow_symlinks: bool,
    ) -> Result<Store, Error> {
        let key = (home, follow_symlinks);
        let known = self
            .open
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&key)
            .cloned();
        if let Some(store) = known
            && let Ok(metadata) = store.metadata(&VPath::root(), Follow::Yes).await
            && metadata.links > 0
        {
            return Ok(store);
        }
        let path = key.0.clone();
        let opened =
            tokio::task::spawn_blocking(move || open(&path, private.as_deref(), follow_symlinks))
                .await;
        let store = match opened {
            Ok(result) => result?,
            Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
        };
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.len() >= OPEN_HOMES {
            open.clear();
        }
        open.insert(key, store.clone());
        Ok(store)
    }
}

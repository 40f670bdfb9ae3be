//! The folders sessions see as `/`, each opened once.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use wharf_vfs::local::{LocalOptions, LocalStore};
use wharf_vfs::{Error, Follow, Store, VPath};

/// Homes kept open. A home that is looked up once more after this many others were opened is
/// simply opened again.
const OPEN_HOMES: usize = 4096;

/// Stores by the folder they serve.
#[derive(Default)]
pub(crate) struct Homes {
    open: Mutex<HashMap<(PathBuf, bool), Store>>,
}

impl Homes {
    /// The store of a home. It stays on the folder that was there when it was first opened, even
    /// when its name is given to something else meanwhile (security F9); only a folder that was
    /// deleted is looked up again.
    pub(crate) async fn store(&self, home: PathBuf, follow_symlinks: bool) -> Result<Store, Error> {
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
        let options = LocalOptions {
            follow_symlinks,
            ..LocalOptions::default()
        };
        let opened = tokio::task::spawn_blocking(move || LocalStore::open(&path, options)).await;
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

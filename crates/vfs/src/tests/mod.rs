//! Tests of whole stores.

mod crash;
mod disks;
mod links;
mod mounts;
mod races;
mod random;
mod security;
mod stores;
mod updates;
mod uploads;

use std::path::Path;

use crate::local::{LocalOptions, LocalStore};
use crate::{Durability, StageMode, StageRequest, Staged, Store, VPath};

/// A local store in a fresh folder, which is removed with the handle.
fn local() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    (folder, store)
}

fn open(folder: &Path) -> Store {
    LocalStore::open(folder, options()).unwrap()
}

fn options() -> LocalOptions {
    LocalOptions {
        rename_durability: Durability::None,
        ..LocalOptions::default()
    }
}

fn path(text: impl AsRef<[u8]>) -> VPath {
    VPath::parse(text.as_ref()).unwrap()
}

fn request() -> StageRequest {
    StageRequest {
        durability: Durability::None,
        ..StageRequest::create("ann")
    }
}

async fn stage(store: &Store, name: &str, mode: StageMode) -> Box<dyn Staged> {
    store
        .stage(&path(name), request().mode(mode))
        .await
        .unwrap()
}

/// What is on the disk, hidden names too.
fn on_disk(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

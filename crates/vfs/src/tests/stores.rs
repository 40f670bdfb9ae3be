//! Every store through the one suite.

use std::time::Duration;

use super::{local, open, options, path, request};
use crate::conformance;
use crate::local::LocalStore;
use crate::memory::MemoryStore;
use crate::mounts::Mounts;
use crate::{Follow, Store};

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_local_store_conforms() {
    let (_folder, store) = local();
    conformance::run(&store).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_local_store_without_links_conforms() {
    let folder = tempfile::tempdir().unwrap();
    let options = crate::local::LocalOptions {
        follow_symlinks: false,
        ..options()
    };
    conformance::run(&LocalStore::open(folder.path(), options).unwrap()).await;
}

/// Memory, and without `O_TMPFILE` in older kernels.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_local_store_on_tmpfs_conforms() {
    let folder = tempfile::tempdir_in("/dev/shm").unwrap();
    conformance::run(&open(folder.path())).await;
}

#[tokio::test]
async fn a_memory_store_conforms() {
    conformance::run(&MemoryStore::new()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn mounts_conform() {
    let (_folder, store) = local();
    let root = [
        (path("/"), store),
        (path("/deep/below"), MemoryStore::new()),
    ];
    conformance::run(&Mounts::new(root).unwrap()).await;
    let (_folder, store) = local();
    let memory = [(path("/"), MemoryStore::new()), (path("/disk"), store)];
    conformance::run(&Mounts::new(memory).unwrap()).await;
}

/// Nothing that is in the kernel's caches needs a thread that may block: here the only one there
/// is never gets free. On tmpfs everything is in the caches.
#[test]
fn what_is_cached_needs_no_other_thread() {
    let folder = tempfile::tempdir_in("/dev/shm").unwrap();
    let store = open(folder.path());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .max_blocking_threads(1)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        store.make_dir(&path("/d"), 0o755).await.unwrap();
        store.make_symlink(b"f", &path("/d/link")).await.unwrap();
        let at = path("/d/f");
        store.write_file(&at, "text", request()).await.unwrap();
        let (release, released) = std::sync::mpsc::channel::<()>();
        let busy = tokio::task::spawn_blocking(move || released.recv().is_err());
        let cached = async {
            store.metadata(&at, Follow::Yes).await.unwrap();
            store.read(&at).await.unwrap();
            store.list(&path("/d")).await.unwrap();
            store.read_link(&path("/d/link")).await.unwrap();
            store.space(&at).await.unwrap();
            assert_eq!(store.partial(&path("/d/g"), "ann").await.unwrap(), None);
            let mut staged = store.stage(&at, request()).await.unwrap();
            staged.write_cached(b"text").unwrap().unwrap();
            staged
        };
        let limit = Duration::from_secs(20);
        let staged = tokio::time::timeout(limit, cached).await.unwrap();
        drop(release);
        assert!(busy.await.unwrap());
        Store::publish(staged).await.unwrap();
    });
}

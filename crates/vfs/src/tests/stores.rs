//! Every store through the one suite.

use super::{local, open, options, path};
use crate::conformance;
use crate::local::LocalStore;
use crate::memory::MemoryStore;
use crate::mounts::Mounts;

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

//! Disks that are full or cannot be written to.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use super::{local, on_disk, open, path, request, stage};
use crate::memory::MemoryStore;
use crate::{ErrorKind, Follow, StageMode, StageRequest, Store};

#[tokio::test]
async fn a_write_protected_directory_refuses_early() {
    if rustix::process::geteuid().is_root() {
        // Root may write anywhere, so a read-only mount stands in for the missing bit.
        return read_only_mount().await;
    }
    let (folder, store) = local();
    store.make_dir(&path("/d"), 0o555).await.unwrap();
    let refused = store.stage(&path("/d/f"), request()).await.err().unwrap();
    assert_eq!(refused.kind(), ErrorKind::PermissionDenied);
    std::fs::set_permissions(folder.path().join("d"), PermissionsExt::from_mode(0o755)).unwrap();
}

async fn read_only_mount() {
    let folder = tempfile::tempdir().unwrap();
    let _mounted = Mounted::tmpfs(folder.path(), "size=1m,ro");
    let store = open(folder.path());
    let refused = store.stage(&path("/f"), request()).await.err().unwrap();
    assert_eq!(refused.kind(), ErrorKind::ReadOnly);
}

#[tokio::test]
async fn r16_a_full_disk_leaves_the_old_version() {
    let folder = tempfile::tempdir().unwrap();
    let root = rustix::process::geteuid().is_root();
    let mounted = root.then(|| Mounted::tmpfs(folder.path(), "size=1m"));
    let store = match &mounted {
        Some(_) => open(folder.path()),
        None => MemoryStore::bounded(1 << 20),
    };
    store
        .write_file(&path("/f"), "old", request())
        .await
        .unwrap();
    let mut staged = stage(&store, "/f", StageMode::Create).await;
    let mut written = 0_u64;
    let error = loop {
        match staged.write(&[1; 30_000]) {
            Ok(()) => written += 30_000,
            Err(error) => break error,
        }
        assert!(written < 2 << 20);
    };
    assert_eq!(error.kind(), ErrorKind::NoSpace);
    assert_eq!(store.read_file(&path("/f"), 100).await.unwrap(), b"old");
    assert!(Store::keep(staged).await.unwrap() >= written);
    // Nothing else fits, and the refusal comes early where the size is known.
    let expected = StageRequest {
        expected: Some(1 << 20),
        ..request()
    };
    let refused = store.stage(&path("/g"), expected).await.err().unwrap();
    assert_eq!(refused.kind(), ErrorKind::NoSpace);
    // A resume from the start of what is kept makes room, and works.
    let mut staged = stage(&store, "/f", StageMode::Resume { offset: 3 }).await;
    staged.write(b"new").unwrap();
    Store::publish(staged).await.unwrap();
    assert_eq!(
        store.read_file(&path("/f"), 100).await.unwrap(),
        b"\x01\x01\x01new"
    );
    if root {
        assert_eq!(on_disk(folder.path()), ["f"]);
    }
}

/// A small upload that fits in memory and not on the disk fails when it is published.
#[tokio::test]
async fn r16_a_full_disk_refuses_small_uploads_too() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let _mounted = Mounted::tmpfs(folder.path(), "size=1m");
    let store = open(folder.path());
    store
        .write_file(&path("/f"), "old", request())
        .await
        .unwrap();
    let filler = vec![1; (1 << 20) - 8192];
    store
        .write_file(&path("/filler"), filler, request())
        .await
        .unwrap();
    for name in ["/f", "/g"] {
        let mut staged = stage(&store, name, StageMode::Create).await;
        staged.write(&[1; 60_000]).unwrap();
        let refused = Store::publish(staged).await.err().unwrap();
        assert_eq!(refused.kind(), ErrorKind::NoSpace);
    }
    assert_eq!(store.read_file(&path("/f"), 100).await.unwrap(), b"old");
    let missing = store.metadata(&path("/g"), Follow::No).await;
    assert_eq!(missing.err().unwrap().kind(), ErrorKind::NotFound);
}

/// A mount for the time of one test.
struct Mounted<'a>(&'a Path);

impl<'a> Mounted<'a> {
    fn tmpfs(at: &'a Path, options: &str) -> Self {
        run("mount", ["-t", "tmpfs", "-o", options, "tmpfs"], at);
        Self(at)
    }
}

impl Drop for Mounted<'_> {
    fn drop(&mut self) {
        run("umount", ["-l"], self.0);
    }
}

fn run<const N: usize>(program: &str, arguments: [&str; N], at: &Path) {
    let done = Command::new(program)
        .args(arguments)
        .arg(at)
        .status()
        .unwrap();
    assert!(done.success(), "{program}");
}

//! Disks that are full or cannot be written to.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use super::{local, on_disk, open, path, request, stage};
use crate::memory::MemoryStore;
use crate::{ErrorKind, Follow, StageMode, StageRequest, Store};

#[tokio::test]
async fn a_write_protected_directory_refuses_early() {
    let (folder, store) = local();
    let protected = folder.path().join("d");
    store.make_dir(&path("/d"), 0o555).await.unwrap();
    let refused = store.stage(&path("/d/f"), request()).await;
    if rustix::process::geteuid().is_root() {
        // Root may write anywhere.
        assert!(refused.is_ok());
    } else {
        let kind = refused.err().unwrap().kind();
        assert_eq!(kind, ErrorKind::PermissionDenied);
    }
    std::fs::set_permissions(protected, PermissionsExt::from_mode(0o755)).unwrap();
}

#[tokio::test]
async fn a_read_only_disk_refuses_early() {
    let folder = tempfile::tempdir().unwrap();
    let Some(_mounted) = Mounted::new(folder.path(), &["-t", "tmpfs", "-o", "size=1m,ro", "none"])
    else {
        return;
    };
    let store = open(folder.path());
    let refused = store.stage(&path("/f"), request()).await.err().unwrap();
    assert_eq!(refused.kind(), ErrorKind::ReadOnly);
    let refused = store.make_dir(&path("/d"), 0o755).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ReadOnly);
}

#[tokio::test]
async fn r16_a_full_disk_leaves_the_old_version() {
    let folder = tempfile::tempdir().unwrap();
    let mounted = Mounted::new(folder.path(), SMALL);
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
    if mounted.is_some() {
        assert_eq!(on_disk(folder.path()), ["f"]);
    }
}

/// A small upload that fits in memory and not on the disk fails when it is published.
#[tokio::test]
async fn r16_a_full_disk_refuses_small_uploads_too() {
    let folder = tempfile::tempdir().unwrap();
    let Some(_mounted) = Mounted::new(folder.path(), SMALL) else {
        return;
    };
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

/// What is on the disk when `publish` answers is what a power cut then would leave: the image of a
/// file system is copied at that moment, and the copy is mounted.
#[tokio::test]
async fn what_is_published_survives_a_power_cut() {
    let folder = tempfile::tempdir().unwrap();
    let [image, copy, live, later] =
        ["image", "copy", "live", "later"].map(|name| folder.path().join(name));
    std::fs::create_dir(&live).unwrap();
    std::fs::create_dir(&later).unwrap();
    let file = std::fs::File::create(&image).unwrap();
    file.set_len(24 << 20).unwrap();
    if !run(Command::new("mkfs.ext4").args(["-q", "-F"]).arg(&image)) {
        return;
    }
    let loop_of = |image: &Path| ["-o", "loop", image.to_str().unwrap()].map(String::from);
    let Some(_live) = Mounted::new(&live, &loop_of(&image)) else {
        return;
    };
    let store = open(&live);
    let mut expected = BTreeMap::new();
    for (round, size) in [10, 70_000, 4096, 0, 300_000, 65_536]
        .into_iter()
        .enumerate()
    {
        let content = vec![round as u8 + 1; size];
        // New in one round, replaced in another.
        let name = format!("/f{}", round % 4);
        let durable = StageRequest::create("ann");
        let published = store
            .write_file(&path(&name), content.clone(), durable)
            .await;
        published.unwrap();
        std::fs::copy(&image, &copy).unwrap();
        expected.insert(name, content);
        let mounted = Mounted::new(&later, &loop_of(&copy)).unwrap();
        let after = open(&later);
        for (name, content) in &expected {
            let found = after.read_file(&path(name), 1 << 20).await.unwrap();
            assert_eq!(&found, content, "{name} in round {round}");
        }
        drop(after);
        drop(mounted);
    }
}

/// A mount for the time of one test; `None` where this user may not mount.
struct Mounted<'a>(&'a Path);

impl<'a> Mounted<'a> {
    fn new<S: AsRef<OsStr>>(at: &'a Path, options: &[S]) -> Option<Self> {
        run(Command::new("mount").args(options).arg(at)).then_some(at)?;
        Some(Self(at))
    }
}

impl Drop for Mounted<'_> {
    fn drop(&mut self) {
        assert!(run(Command::new("umount").arg("-l").arg(self.0)));
    }
}

fn run(command: &mut Command) -> bool {
    let done = command.stderr(Stdio::null()).status();
    let done = done.is_ok_and(|status| status.success());
    if !done {
        let program = command.get_program();
        writeln!(std::io::stderr(), "left out, {program:?} did not work here").unwrap();
    }
    done
}

const SMALL: &[&str] = &["-t", "tmpfs", "-o", "size=1m", "none"];

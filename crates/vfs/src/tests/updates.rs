//! Updates on a local disk: in place where a file is too large to be copied, and after a crash.

use std::os::unix::fs::{MetadataExt, PermissionsExt};

use super::{local, on_disk, open, options, path, request, stage};
use crate::local::{LocalOptions, LocalStore};
use crate::{Attributes, ErrorKind, StageMode, Store, Timestamp};

/// A store in which a file of eleven bytes is too large to be copied, and one of them in it.
fn cramped() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir_in("/dev/shm").unwrap();
    let small = LocalOptions {
        clone_limit: 10,
        ..options()
    };
    let store = LocalStore::open(folder.path(), small).unwrap();
    std::fs::write(folder.path().join("log"), "eleven byte").unwrap();
    (folder, store)
}

#[tokio::test]
async fn beyond_the_clone_limit_an_update_only_adds_and_is_undone() {
    let (folder, store) = cramped();
    let file = folder.path().join("log");
    let inode = std::fs::metadata(&file).unwrap().ino();
    let mut staged = stage(&store, "/log", StageMode::Update).await;
    assert_eq!((staged.offset(), staged.length()), (11, 11));
    let mut buffer = [0; 20];
    assert_eq!(staged.read_at(7, &mut buffer).unwrap(), 4);
    assert_eq!(&buffer[..4], b"byte");
    // It is an append, so there is only one.
    for mode in [StageMode::Update, StageMode::Append] {
        let second = store.stage(&path("/log"), request().mode(mode)).await;
        assert_eq!(second.err().unwrap().kind(), ErrorKind::Busy);
    }
    staged.write_at(11, b" and").unwrap();
    staged.set_len(15).unwrap();
    staged.sync().unwrap();
    let error = staged.set_len(5).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert_eq!(
        error.text(),
        "the file is too large to be changed in its middle; upload it whole"
    );
    staged.write_at(15, b" more").unwrap();
    let published = Store::publish(staged).await.unwrap();
    assert_eq!((published.size, published.replaced), (20, true));
    assert_eq!(std::fs::read(&file).unwrap(), b"eleven byte and more");
    assert_eq!(std::fs::metadata(&file).unwrap().ino(), inode);
    for offset in [0, 10, 26, 1000] {
        let mut staged = stage(&store, "/log", StageMode::Update).await;
        staged.write_at(20, b" gone!").unwrap();
        let refused = staged.write_at(offset, b"x").map_err(|error| error.kind());
        match offset {
            26 => refused.unwrap(),
            _ => assert_eq!(refused, Err(ErrorKind::Unsupported)),
        }
        match offset {
            26 => assert_eq!(Store::keep(staged).await.unwrap(), 0),
            _ => assert_eq!(
                Store::publish(staged).await.unwrap_err().kind(),
                ErrorKind::Io
            ),
        }
        assert_eq!(std::fs::read(&file).unwrap(), b"eleven byte and more");
    }
}

#[tokio::test]
async fn an_append_in_place_copies_and_sets_attributes() {
    let (folder, store) = cramped();
    let file = folder.path().join("log");
    let modified = Timestamp {
        seconds: 951_782_400,
        nanos: 5,
    };
    let attributes = Attributes {
        mode: Some(0o640),
        modified: Some(modified),
        ..Attributes::default()
    };
    store
        .write_file(&path("/source"), " copied", request())
        .await
        .unwrap();
    let mut source = store.read(&path("/source")).await.unwrap();
    let mut staged = stage(&store, "/log", StageMode::Append).await;
    staged.set_attributes(attributes).unwrap();
    assert_eq!(staged.metadata().mode, 0o640);
    assert_eq!(std::fs::metadata(&file).unwrap().mode() & 0o777, 0o644);
    assert_eq!(staged.copy_from(&mut *source, 0, 11, 100).unwrap(), 7);
    assert_eq!(staged.copy_within(6, 18, 5).unwrap(), 5);
    assert_eq!(staged.metadata().size, 23);
    Store::publish(staged).await.unwrap();
    assert_eq!(std::fs::read(&file).unwrap(), b"eleven byte copied byte");
    let found = std::fs::metadata(&file).unwrap();
    assert_eq!(found.permissions().mode() & 0o777, 0o640);
    assert_eq!((found.mtime(), found.mtime_nsec()), (951_782_400, 5));
    let mut staged = stage(&store, "/log", StageMode::Append).await;
    let refused = staged.copy_from(&mut *source, 0, 5, 3).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unsupported);
}

/// Its size is all that a process finds of an upload whose own was killed. With gaps below it, or
/// half of a published file changed, that is nowhere to go on from.
#[tokio::test]
async fn after_a_crash_only_what_came_in_order_is_resumed() {
    let (folder, store) = local();
    store
        .write_file(&path("/old"), vec![1; 100_000], request())
        .await
        .unwrap();
    let mut gaps = stage(&store, "/gaps", StageMode::Create).await;
    gaps.write_at(100_000, b"end").unwrap();
    gaps.write(&[1; 100]).unwrap();
    let mut longer = stage(&store, "/longer", StageMode::Create).await;
    longer.write(&[1; 100]).unwrap();
    longer.set_len(100_000).unwrap();
    let mut update = stage(&store, "/old", StageMode::Update).await;
    update.write_at(500, b"new").unwrap();
    let mut ordered = stage(&store, "/ordered", StageMode::Create).await;
    ordered.write_at(0, &[1; 50_000]).unwrap();
    ordered.write_at(50_000, &[1; 50_000]).unwrap();
    ordered.write_at(10, b"over what is there").unwrap();
    // As after a restart: in a directory that nobody has looked at, with nobody writing.
    let crashed = folder.path().join("crashed");
    std::fs::create_dir(&crashed).unwrap();
    for name in on_disk(folder.path()) {
        if name != "crashed" {
            std::fs::copy(folder.path().join(&name), crashed.join(&name)).unwrap();
        }
    }
    let (kept, dead) = as_another_process_left_it(&crashed);
    assert_eq!((kept, dead), (1, 3));
    let later = open(&crashed);
    for (name, partial) in [
        ("/gaps", None),
        ("/longer", None),
        ("/old", None),
        ("/ordered", Some(100_000)),
    ] {
        let found = later.partial(&path(name), "ann").await.unwrap();
        assert_eq!(found, partial, "{name}");
    }
    for name in on_disk(&crashed) {
        let listed = later.metadata(&path(&name), crate::Follow::No).await;
        assert_eq!(listed.is_ok(), name == "old", "{name}");
    }
    // What is kept in an orderly way is called as ever.
    assert_eq!(Store::keep(gaps).await.unwrap(), 100);
    assert_eq!(Store::keep(longer).await.unwrap(), 100);
    assert_eq!(Store::keep(update).await.unwrap(), 0);
    Store::discard(ordered).await.unwrap();
    assert_eq!(as_another_process_left_it(folder.path()), (2, 0));
}

/// Staging files by whether their name says that they can be continued. Those that can get a name
/// of their own, since the one they have is being written in this process.
fn as_another_process_left_it(folder: &std::path::Path) -> (usize, usize) {
    let (mut kept, mut dead) = (0, 0);
    for name in on_disk(folder) {
        let Some((rest, id)) = name.strip_suffix(".part").and_then(|n| n.rsplit_once('.')) else {
            continue;
        };
        if id.starts_with('Z') {
            dead += 1;
        } else {
            kept += 1;
        }
        let own = format!("{rest}.{}{}.part", &id[1..], &id[..1]);
        let own = if id.starts_with('Z') {
            format!("{rest}.Z{}0.part", &id[2..])
        } else {
            own
        };
        std::fs::rename(folder.join(&name), folder.join(own)).unwrap();
    }
    (kept, dead)
}

/// A mode that was set is not the replaced file's, and an owner is known to be possible at once.
#[tokio::test]
async fn an_owner_is_set_or_refused_at_once() {
    let (folder, store) = local();
    let mut staged = stage(&store, "/f", StageMode::Create).await;
    staged.write(b"text").unwrap();
    let owner = Attributes {
        uid: Some(12_345),
        gid: Some(23_456),
        mode: Some(0o660),
        ..Attributes::default()
    };
    let nobody = Attributes {
        uid: Some(u32::MAX),
        ..owner
    };
    let refused = staged.set_attributes(nobody).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::InvalidName);
    let set = staged.set_attributes(owner).map_err(|error| error.kind());
    if !rustix::process::geteuid().is_root() {
        assert_eq!(set, Err(ErrorKind::PermissionDenied));
        return;
    }
    set.unwrap();
    assert_eq!(staged.metadata().uid, 12_345);
    Store::publish(staged).await.unwrap();
    let found = std::fs::metadata(folder.path().join("f")).unwrap();
    let bits = found.mode() & 0o7777;
    assert_eq!((found.uid(), found.gid(), bits), (12_345, 23_456, 0o660));
    // The next version is the same owner's, unless another is asked for.
    let mut staged = stage(&store, "/f", StageMode::Update).await;
    staged.write(b", more").unwrap();
    let group = Attributes {
        gid: Some(34_567),
        ..Attributes::default()
    };
    staged.set_attributes(group).unwrap();
    Store::publish(staged).await.unwrap();
    let found = std::fs::metadata(folder.path().join("f")).unwrap();
    let bits = found.mode() & 0o7777;
    assert_eq!((found.uid(), found.gid(), bits), (12_345, 34_567, 0o660));
}

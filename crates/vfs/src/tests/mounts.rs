//! Several stores as one tree.

use super::{path, request};
use crate::memory::MemoryStore;
use crate::mounts::Mounts;
use crate::{Attributes, Batch, ErrorKind, Follow, Kind, Replace, StageMode, Store};

/// `/` with `/a/f`, something under `/a/m` that the mount there hides, and a mount far below.
async fn tree() -> Store {
    let root = MemoryStore::new();
    for directory in ["/a", "/a/m", "/empty"] {
        root.make_dir(&path(directory), 0o755).await.unwrap();
    }
    write(&root, "/a/f", "in the root").await;
    write(&root, "/a/m/hidden", "under the mount").await;
    let (m, deep) = (MemoryStore::new(), MemoryStore::new());
    write(&m, "/f", "in m").await;
    write(&deep, "/f", "in deep").await;
    let mounts = [
        (path("/"), root),
        (path("/a/m"), m),
        (path("/far/below/deep"), deep),
    ];
    Mounts::new(mounts).unwrap()
}

async fn write(store: &Store, at: &str, content: &str) {
    store
        .write_file(&path(at), content, request())
        .await
        .unwrap();
}

async fn list(store: &Store, at: &str) -> Vec<String> {
    let mut listing = store.list(&path(at)).await.unwrap();
    let mut batch = Batch::new();
    let mut names = Vec::new();
    while listing.next_batch(&mut batch).unwrap() {
        for entry in batch.iter() {
            assert!(entry.metadata.kind == Kind::Directory || entry.name == b"f");
            names.push(String::from_utf8(entry.name.to_vec()).unwrap());
        }
    }
    names.sort();
    names
}

#[tokio::test]
async fn mount_points_are_listed_and_hide_what_is_below() {
    let store = tree().await;
    assert_eq!(list(&store, "/").await, ["a", "empty", "far"]);
    assert_eq!(list(&store, "/a").await, ["f", "m"]);
    assert_eq!(list(&store, "/a/m").await, ["f"]);
    assert_eq!(list(&store, "/far").await, ["below"]);
    assert_eq!(list(&store, "/far/below").await, ["deep"]);
    assert_eq!(list(&store, "/far/below/deep").await, ["f"]);
    for (at, content) in [
        ("/a/f", "in the root"),
        ("/a/m/f", "in m"),
        ("/far/below/deep/f", "in deep"),
    ] {
        let read = store.read_file(&path(at), 100).await.unwrap();
        assert_eq!(read, content.as_bytes());
    }
    let hidden = store.read(&path("/a/m/hidden")).await.err().unwrap();
    assert_eq!(hidden.kind(), ErrorKind::NotFound);
    let made_up = store.metadata(&path("/far"), Follow::No).await.unwrap();
    assert_eq!(made_up.kind, Kind::Directory);
}

#[tokio::test]
async fn mount_points_and_what_is_above_stay_where_they_are() {
    let store = tree().await;
    for at in ["/a/m", "/a", "/far", "/far/below/deep"] {
        let fixed = path(at);
        let other = path("/elsewhere");
        let refused = [
            store.remove_dir(&fixed).await,
            store.rename(&fixed, &other, Replace::Yes).await,
            store.rename(&path("/empty"), &fixed, Replace::Yes).await,
        ];
        for outcome in refused {
            let kind = outcome.unwrap_err().kind();
            assert_eq!(kind, ErrorKind::PermissionDenied, "{at}");
        }
        let exists = [
            store.make_dir(&fixed, 0o755).await,
            store.make_symlink(b"f", &fixed).await,
        ];
        for outcome in exists {
            assert_eq!(outcome.unwrap_err().kind(), ErrorKind::Exists, "{at}");
        }
        let is_directory = [
            store.remove_file(&fixed).await,
            store.read(&fixed).await.map(drop),
            store.stage(&fixed, request()).await.map(drop),
        ];
        for outcome in is_directory {
            assert_eq!(outcome.unwrap_err().kind(), ErrorKind::IsADirectory, "{at}");
        }
    }
}

#[tokio::test]
async fn nothing_is_made_where_no_store_is() {
    let deep = MemoryStore::new();
    let store = Mounts::new([(path("/far/deep"), deep)]).unwrap();
    assert_eq!(list(&store, "/").await, ["far"]);
    for (at, kind) in [
        ("/new", ErrorKind::PermissionDenied),
        ("/far/new", ErrorKind::PermissionDenied),
        ("/nowhere/new", ErrorKind::NotFound),
    ] {
        let outcomes = [
            store.make_dir(&path(at), 0o755).await,
            store.stage(&path(at), request()).await.map(drop),
            store.make_symlink(b"x", &path(at)).await,
        ];
        for outcome in outcomes {
            assert_eq!(outcome.unwrap_err().kind(), kind, "{at}");
        }
        let missing = store.metadata(&path(at), Follow::No).await.unwrap_err();
        assert_eq!(missing.kind(), ErrorKind::NotFound, "{at}");
        assert_eq!(store.partial(&path(at), "ann").await.unwrap(), None);
    }
    let changed = store
        .set_attributes(&path("/far"), Attributes::default(), Follow::Yes)
        .await;
    assert_eq!(changed.unwrap_err().kind(), ErrorKind::PermissionDenied);
}

#[tokio::test]
async fn a_path_belongs_to_the_nearest_mount_by_whole_components() {
    let (a, ab) = (MemoryStore::new(), MemoryStore::new());
    let store = Mounts::new([(path("/share"), a), (path("/share2"), ab)]).unwrap();
    write(&store, "/share/f", "1").await;
    write(&store, "/share2/f", "2").await;
    assert_eq!(store.read_file(&path("/share/f"), 9).await.unwrap(), b"1");
    assert_eq!(store.read_file(&path("/share2/f"), 9).await.unwrap(), b"2");
    let across = store
        .rename(&path("/share/f"), &path("/share2/g"), Replace::Yes)
        .await;
    assert_eq!(across.unwrap_err().kind(), ErrorKind::CrossDevice);
    let missing = store
        .rename(&path("/share/x"), &path("/share2/g"), Replace::Yes)
        .await;
    assert_eq!(missing.unwrap_err().kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn uploads_resume_through_mounts() {
    let store = tree().await;
    let mut staged = super::stage(&store, "/a/m/new", StageMode::Create).await;
    staged.write(b"half").unwrap();
    drop(staged);
    let partial = store.partial(&path("/a/m/new"), "ann").await.unwrap();
    assert_eq!(partial, Some(4));
    assert_eq!(list(&store, "/a/m").await, ["f"]);
}

#[test]
fn two_stores_at_one_path_are_refused() {
    let both = [
        (path("/a"), MemoryStore::new()),
        (path("/a/"), MemoryStore::new()),
    ];
    assert_eq!(Mounts::new(both).err().unwrap().kind(), ErrorKind::Exists);
}

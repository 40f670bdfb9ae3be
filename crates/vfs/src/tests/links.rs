//! Hard links: a second name is a second way to a file, so it is made by the same rules.

use std::os::unix::fs::symlink;

use rustix::fs::{CWD, FileType, Mode};

use super::security::Grounds;
use super::{on_disk, path, request};
use crate::memory::MemoryStore;
use crate::mounts::Mounts;
use crate::{ErrorKind, Result};

#[tokio::test]
async fn f6_a_hard_link_is_not_made_through_a_link() {
    let grounds = Grounds::new();
    let root = grounds.root();
    std::fs::write(root.join("f"), "text").unwrap();
    symlink("../outside/new", root.join("dangling")).unwrap();
    symlink("../outside", root.join("directory")).unwrap();
    symlink("../outside/canary", root.join("file")).unwrap();
    let link = async |from: &str, to: &str| {
        let made = grounds.store.hard_link(&path(from), &path(to)).await;
        kind_of(made)
    };
    assert_eq!(link("/f", "/dangling").await, ErrorKind::Exists);
    assert_eq!(link("/f", "/directory").await, ErrorKind::Exists);
    assert_eq!(
        link("/f", "/directory/g").await,
        ErrorKind::PermissionDenied
    );
    assert_eq!(
        link("/directory/canary", "/g").await,
        ErrorKind::PermissionDenied
    );
    assert_eq!(link("/file", "/g").await, ErrorKind::NotRegular);
    assert_eq!(link("/dangling", "/g").await, ErrorKind::NotRegular);
    assert_eq!(on_disk(&root), ["dangling", "directory", "f", "file"]);
    grounds.check_canary();
}

#[tokio::test]
async fn f19_pipes_get_no_second_name() {
    let grounds = Grounds::new();
    let pipe = grounds.root().join("pipe");
    rustix::fs::mknodat(CWD, &pipe, FileType::Fifo, Mode::RUSR, 0).unwrap();
    let made = grounds.store.hard_link(&path("/pipe"), &path("/g")).await;
    assert_eq!(kind_of(made), ErrorKind::NotRegular);
}

#[tokio::test]
async fn f22_a_hard_link_to_another_store_copies_nothing() {
    let grounds = Grounds::new();
    std::fs::write(grounds.root().join("f"), "text").unwrap();
    let memory = MemoryStore::new();
    let both = [
        (path("/"), grounds.store.clone()),
        (path("/m"), memory.clone()),
        (path("/far/below"), memory.clone()),
    ];
    let store = Mounts::new(both).unwrap();
    memory
        .write_file(&path("/g"), "x", request())
        .await
        .unwrap();
    for (from, to, kind) in [
        ("/f", "/m/x", ErrorKind::CrossDevice),
        ("/m/g", "/x", ErrorKind::CrossDevice),
        ("/x", "/m/x", ErrorKind::NotFound),
        ("/m", "/x", ErrorKind::IsADirectory),
        ("/far", "/x", ErrorKind::IsADirectory),
        ("/f", "/m", ErrorKind::Exists),
        ("/f", "/far", ErrorKind::Exists),
    ] {
        let made = store.hard_link(&path(from), &path(to)).await;
        assert_eq!(kind_of(made), kind, "{from} {to}");
    }
    store.hard_link(&path("/m/g"), &path("/m/h")).await.unwrap();
    assert_eq!(store.read_file(&path("/m/h"), 10).await.unwrap(), b"x");
    assert_eq!(on_disk(&grounds.root()), ["f"]);
}

#[track_caller]
fn kind_of<T>(outcome: Result<T>) -> ErrorKind {
    match outcome {
        Ok(_) => panic!("it worked"),
        Err(error) => error.kind(),
    }
}

//! Symbolic links and hard ones.

use super::{Case, path};
use crate::{Attributes, ErrorKind, Follow, Kind, Replace, Store, Timestamp};

pub(super) async fn run(store: &Store) {
    if store.capability().symlinks {
        links(store).await;
        links_that_lead_outside(store).await;
        attributes_of_links(store).await;
    }
    if store.capability().hard_links {
        hard_links(store).await;
        hard_links_refused(store).await;
    }
}

async fn links(store: &Store) {
    let case = Case::new(store, "links").await;
    store.make_dir(&case.at("d"), 0o755).await.unwrap();
    case.write("d/f", "text").await;
    store.make_symlink(b"d/f", &case.at("file")).await.unwrap();
    store.make_symlink(b"d", &case.at("dir")).await.unwrap();
    store
        .make_symlink(b"../links/d/f", &case.at("up"))
        .await
        .unwrap();
    store
        .make_symlink(b"nowhere", &case.at("dangling"))
        .await
        .unwrap();
    store
        .make_symlink(b"circle", &case.at("circle"))
        .await
        .unwrap();
    assert_eq!(store.read_link(&case.at("file")).await.unwrap(), b"d/f");
    assert_eq!(case.look("file").await.kind, Kind::Symlink);
    let through = store.metadata(&case.at("file"), Follow::Yes).await.unwrap();
    assert_eq!(through.kind, Kind::File);
    for name in ["file", "dir/f", "up"] {
        assert_eq!(case.content(name).await, b"text", "{name}");
    }
    let no_link = store.read_link(&case.at("d/f")).await;
    case.refused(no_link, ErrorKind::InvalidName);
    case.refused(store.read(&case.at("dangling")).await, ErrorKind::NotFound);
    case.refused(store.read(&case.at("circle")).await, ErrorKind::Loop);
    let taken = store.make_symlink(b"x", &case.at("d")).await;
    case.refused(taken, ErrorKind::Exists);
    // Uploads do not go through links.
    for name in ["file", "dangling", "dir"] {
        let stage = store.stage(&case.at(name), super::request()).await;
        case.refused(stage, ErrorKind::NotRegular);
    }
    // What is removed or renamed is the link.
    store
        .rename(&case.at("file"), &case.at("moved"), Replace::No)
        .await
        .unwrap();
    assert_eq!(store.read_link(&case.at("moved")).await.unwrap(), b"d/f");
    store.remove_file(&case.at("moved")).await.unwrap();
    store.remove_file(&case.at("dir")).await.unwrap();
    assert_eq!(case.content("d/f").await, b"text");
}

async fn links_that_lead_outside(store: &Store) {
    let case = Case::new(store, "links_that_lead_outside").await;
    for target in ["/etc/passwd", "../../x", "../links/../../x", "/"] {
        let made = store.make_symlink(target.as_bytes(), &case.at("l")).await;
        case.refused(made, ErrorKind::PermissionDenied);
    }
    case.refused(
        store.make_symlink(b"", &case.at("l")).await,
        ErrorKind::InvalidName,
    );
    // It does not lead outside when it is made, but once it is moved.
    store.make_dir(&case.at("d"), 0o755).await.unwrap();
    store
        .make_symlink(b"../../x", &case.at("d/l"))
        .await
        .unwrap();
    let top = path("/moved-link");
    store
        .rename(&case.at("d/l"), &top, Replace::Yes)
        .await
        .unwrap();
    case.refused(store.read(&top).await, ErrorKind::PermissionDenied);
    case.refused(store.read_link(&top).await, ErrorKind::PermissionDenied);
    store.remove_file(&top).await.unwrap();
}

async fn attributes_of_links(store: &Store) {
    let case = Case::new(store, "attributes_of_links").await;
    case.write("f", "text").await;
    store.make_symlink(b"f", &case.at("l")).await.unwrap();
    let before = case.look("f").await;
    let modified = Timestamp {
        seconds: 951_782_400,
        nanos: 5_000,
    };
    let times = Attributes {
        modified: Some(modified),
        uid: Some(before.uid),
        gid: Some(before.gid),
        ..Attributes::default()
    };
    let set = async |attributes, follow| {
        let at = case.at("l");
        store.set_attributes(&at, attributes, follow).await
    };
    set(times, Follow::No).await.unwrap();
    let link = case.look("l").await;
    assert_eq!((link.kind, link.modified), (Kind::Symlink, modified));
    assert_eq!(case.look("f").await, before);
    // Linux keeps no mode of a link. Nothing of such a request is done.
    let now = Attributes {
        mode: Some(0o600),
        modified: Some(Timestamp::now()),
        ..Attributes::default()
    };
    case.refused(set(now, Follow::No).await, ErrorKind::Unsupported);
    assert_eq!(case.look("l").await.modified, modified);
    set(now, Follow::Yes).await.unwrap();
    assert_eq!(case.look("f").await.mode, 0o600);
    let at = case.at("f");
    store.set_attributes(&at, times, Follow::No).await.unwrap();
    assert_eq!(case.look("f").await.modified, modified);
}

async fn hard_links(store: &Store) {
    let case = Case::new(store, "hard_links").await;
    store.make_dir(&case.at("d"), 0o755).await.unwrap();
    case.write("f", "one").await;
    let link = async |from: &str, to: &str| store.hard_link(&case.at(from), &case.at(to)).await;
    link("f", "d/g").await.unwrap();
    if store.capability().hard_metadata {
        let (first, second) = (case.look("f").await, case.look("d/g").await);
        assert_eq!((first.links, first.inode), (2, second.inode));
    }
    assert_eq!(case.content("d/g").await, b"one");
    // A rename onto another name of the same file leaves both, as POSIX has it.
    store
        .rename(&case.at("f"), &case.at("d/g"), Replace::Yes)
        .await
        .unwrap();
    assert_eq!(case.content("f").await, b"one");
    // An upload replaces one name.
    case.write("f", "two").await;
    assert_eq!(case.content("d/g").await, b"one");
    assert_eq!(case.look("d/g").await.links, 1);
    link("d/g", "h").await.unwrap();
    store.remove_file(&case.at("d/g")).await.unwrap();
    assert_eq!(case.content("h").await, b"one");
    assert_eq!(case.names().await, [&b"d"[..], b"f", b"h"]);
}

async fn hard_links_refused(store: &Store) {
    let case = Case::new(store, "hard_links_refused").await;
    store.make_dir(&case.at("d"), 0o755).await.unwrap();
    case.write("f", "one").await;
    case.write("g", "two").await;
    let link = async |from: &str, to: &str| store.hard_link(&case.at(from), &case.at(to)).await;
    case.refused(link("f", "g").await, ErrorKind::Exists);
    case.refused(link("f", "f").await, ErrorKind::Exists);
    case.refused(link("f", "d").await, ErrorKind::Exists);
    case.refused(link("d", "e").await, ErrorKind::IsADirectory);
    case.refused(link("x", "e").await, ErrorKind::NotFound);
    case.refused(link("f", "x/e").await, ErrorKind::NotFound);
    case.refused(link("f", "g/e").await, ErrorKind::NotADirectory);
    let root = path("/");
    let of_root = store.hard_link(&root, &case.at("e")).await;
    case.refused(of_root, ErrorKind::IsADirectory);
    let to_root = store.hard_link(&case.at("f"), &root).await;
    case.refused(to_root, ErrorKind::Exists);
    if store.capability().symlinks {
        store.make_symlink(b"f", &case.at("l")).await.unwrap();
        store.make_symlink(b"e", &case.at("m")).await.unwrap();
        case.refused(link("l", "e").await, ErrorKind::NotRegular);
        case.refused(link("f", "m").await, ErrorKind::Exists);
    }
    assert_eq!(case.content("g").await, b"two");
    let missing = store.metadata(&case.at("e"), Follow::No).await;
    case.refused(missing, ErrorKind::NotFound);
}

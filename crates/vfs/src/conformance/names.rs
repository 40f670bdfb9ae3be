//! Directories, names, renames and attributes.

use super::{Case, is_file};
use crate::{Attributes, Batch, ErrorKind, Follow, Kind, Replace, Store, Timestamp, VPath};

pub(super) async fn run(store: &Store) {
    the_root(store).await;
    directories(store).await;
    odd_names(store).await;
    long_listing(store).await;
    reading(store).await;
    removing(store).await;
    renaming_files(store).await;
    renaming_directories(store).await;
    attributes(store).await;
    if store.capability().space {
        let space = store.space(&VPath::root()).await.unwrap();
        assert!(space.available <= space.free && space.free <= space.total);
        assert!(space.files_available <= space.files_free);
        assert!(space.files_free <= space.files_total);
        assert!(space.block_size > 0 && space.name_max >= 255);
        assert!(!space.read_only);
    }
}

async fn the_root(store: &Store) {
    let root = VPath::root();
    let found = store.metadata(&root, Follow::No).await.unwrap();
    assert_eq!(found.kind, Kind::Directory);
    let case = Case::new(store, "the_root").await;
    case.refused(store.make_dir(&root, 0o755).await, ErrorKind::Exists);
    case.refused(store.remove_dir(&root).await, ErrorKind::PermissionDenied);
    case.refused(store.remove_file(&root).await, ErrorKind::IsADirectory);
    case.refused(store.read(&root).await, ErrorKind::IsADirectory);
    let stage = store.stage(&root, super::request()).await;
    case.refused(stage, ErrorKind::IsADirectory);
    let rename = store.rename(&root, &case.at("x"), Replace::Yes).await;
    case.refused(rename, ErrorKind::PermissionDenied);
}

async fn directories(store: &Store) {
    let case = Case::new(store, "directories").await;
    store.make_dir(&case.at("a"), 0o750).await.unwrap();
    let made = case.look("a").await;
    assert_eq!(made.kind, Kind::Directory);
    if store.capability().set_mode {
        assert_eq!(made.mode & 0o777, 0o750);
    }
    case.refused(
        store.make_dir(&case.at("a"), 0o755).await,
        ErrorKind::Exists,
    );
    case.refused(
        store.make_dir(&case.at("x/y"), 0o755).await,
        ErrorKind::NotFound,
    );
    case.write("f", "text").await;
    case.refused(
        store.make_dir(&case.at("f"), 0o755).await,
        ErrorKind::Exists,
    );
    case.refused(
        store.make_dir(&case.at("f/x"), 0o755).await,
        ErrorKind::NotADirectory,
    );
    case.refused(store.list(&case.at("f")).await, ErrorKind::NotADirectory);
    case.refused(store.list(&case.at("x")).await, ErrorKind::NotFound);
    store.make_dir(&case.at("a/b"), 0o755).await.unwrap();
    case.refused(store.remove_dir(&case.at("a")).await, ErrorKind::NotEmpty);
    case.refused(
        store.remove_dir(&case.at("f")).await,
        ErrorKind::NotADirectory,
    );
    case.refused(store.remove_dir(&case.at("x")).await, ErrorKind::NotFound);
    store.remove_dir(&case.at("a/b")).await.unwrap();
    store.remove_dir(&case.at("a")).await.unwrap();
    assert_eq!(case.names().await, [b"f"]);
}

async fn odd_names(store: &Store) {
    let case = Case::new(store, "odd_names").await;
    let mut names: Vec<Vec<u8>> = [
        &b" leading and trailing "[..],
        b"-rf",
        b"...",
        b"back\\slash",
        b"\x1b[2J\x07\x7f",
        b"\xff\xfe not UTF-8",
        "größe 大きさ".as_bytes(),
        b"'\"$(id)`*?[x]{y}~|;&<>#%",
        b".hidden.part",
        &[b'n'; 255],
    ]
    .map(<[u8]>::to_vec)
    .to_vec();
    for name in &names {
        let at = case.directory.child(name).unwrap();
        let content = name.clone();
        store
            .write_file(&at, content, super::request())
            .await
            .unwrap();
    }
    names.sort();
    assert_eq!(case.names().await, names);
    for name in &names {
        let at = case.directory.child(name).unwrap();
        assert_eq!(&store.read_file(&at, 1000).await.unwrap(), name);
        store.remove_file(&at).await.unwrap();
    }
    assert!(case.names().await.is_empty());
}

async fn long_listing(store: &Store) {
    let case = Case::new(store, "long_listing").await;
    let mut expected = Vec::new();
    for number in 0..2 * Batch::LIMIT + 100 {
        let name = format!("file-{number:05}");
        case.write(&name, name.clone()).await;
        expected.push(name.into_bytes());
    }
    assert_eq!(case.names().await, expected);
    let mut listing = store.list(&case.directory).await.unwrap();
    let mut batch = Batch::new();
    while listing.next_batch(&mut batch).unwrap() {
        assert!(batch.iter().all(|entry| is_file(entry.metadata)));
        assert!(batch.iter().all(|entry| entry.metadata.size == 10));
    }
}

async fn reading(store: &Store) {
    let case = Case::new(store, "reading").await;
    let content: Vec<u8> = (0..300_000_u32).flat_map(u32::to_be_bytes).collect();
    case.write("f", content.clone()).await;
    assert_eq!(case.content("f").await, content);
    let mut reader = store.read(&case.at("f")).await.unwrap();
    assert_eq!(reader.metadata().size, content.len() as u64);
    assert!(reader.file().is_some() || !store.capability().descriptors);
    let mut buffer = [0; 100];
    assert_eq!(reader.read_at(400, &mut buffer).unwrap(), 100);
    assert_eq!(buffer, content[400..500]);
    let end = content.len() as u64;
    assert_eq!(reader.read_at(end - 1, &mut buffer).unwrap(), 1);
    assert_eq!(reader.read_at(end, &mut buffer).unwrap(), 0);
    for beyond in [end + 10, u64::MAX >> 1, u64::MAX - 10, u64::MAX] {
        assert_eq!(reader.read_at(beyond, &mut buffer).unwrap(), 0);
    }
    if let Some(read) = reader.read_cached_at(400, &mut buffer) {
        let read = read.unwrap();
        assert_eq!(buffer[..read], content[400..400 + read]);
    }
    // An open reader keeps its version.
    case.write("f", "new").await;
    assert_eq!(reader.read_at(400, &mut buffer).unwrap(), 100);
    assert_eq!(buffer, content[400..500]);
    assert_eq!(case.content("f").await, b"new");
    case.refused(store.read(&case.at("x")).await, ErrorKind::NotFound);
    case.refused(store.read(&case.at("f/x")).await, ErrorKind::NotADirectory);
    case.refused(store.read(&case.directory).await, ErrorKind::IsADirectory);
}

async fn removing(store: &Store) {
    let case = Case::new(store, "removing").await;
    case.write("f", "text").await;
    store.make_dir(&case.at("d"), 0o755).await.unwrap();
    case.refused(
        store.remove_file(&case.at("d")).await,
        ErrorKind::IsADirectory,
    );
    case.refused(store.remove_file(&case.at("x")).await, ErrorKind::NotFound);
    store.remove_file(&case.at("f")).await.unwrap();
    let gone = store.metadata(&case.at("f"), Follow::No).await;
    case.refused(gone, ErrorKind::NotFound);
    assert_eq!(case.names().await, [b"d"]);
}

async fn renaming_files(store: &Store) {
    let case = Case::new(store, "renaming_files").await;
    case.write("a", "1").await;
    store.make_dir(&case.at("d"), 0o755).await.unwrap();
    let rename = async |from: &str, to: &str, replace| {
        store.rename(&case.at(from), &case.at(to), replace).await
    };
    rename("a", "b", Replace::No).await.unwrap();
    assert_eq!(case.content("b").await, b"1");
    case.refused(rename("a", "c", Replace::Yes).await, ErrorKind::NotFound);
    case.write("c", "2").await;
    case.refused(rename("b", "c", Replace::No).await, ErrorKind::Exists);
    assert_eq!(case.content("c").await, b"2");
    rename("b", "c", Replace::Yes).await.unwrap();
    assert_eq!(case.content("c").await, b"1");
    rename("c", "c", Replace::Yes).await.unwrap();
    case.refused(rename("c", "c", Replace::No).await, ErrorKind::Exists);
    case.refused(
        rename("c", "d", Replace::Yes).await,
        ErrorKind::IsADirectory,
    );
    case.refused(
        rename("d", "c", Replace::Yes).await,
        ErrorKind::NotADirectory,
    );
    case.refused(rename("c", "x/c", Replace::Yes).await, ErrorKind::NotFound);
    rename("c", "d/c", Replace::Yes).await.unwrap();
    assert_eq!(case.content("d/c").await, b"1");
    assert_eq!(case.names().await, [b"d"]);
}

async fn renaming_directories(store: &Store) {
    let case = Case::new(store, "renaming_directories").await;
    store.make_dir(&case.at("a"), 0o755).await.unwrap();
    store.make_dir(&case.at("ab"), 0o755).await.unwrap();
    case.write("a/f", "text").await;
    let rename = async |from: &str, to: &str, replace| {
        store.rename(&case.at(from), &case.at(to), replace).await
    };
    case.refused(
        rename("a", "a/b", Replace::Yes).await,
        ErrorKind::InvalidName,
    );
    case.refused(rename("ab", "a", Replace::Yes).await, ErrorKind::NotEmpty);
    rename("a", "ab", Replace::Yes).await.unwrap();
    assert_eq!(case.content("ab/f").await, b"text");
    rename("ab", "x", Replace::No).await.unwrap();
    assert_eq!(case.content("x/f").await, b"text");
    assert_eq!(case.names().await, [b"x"]);
}

async fn attributes(store: &Store) {
    let case = Case::new(store, "attributes").await;
    let can = store.capability();
    case.write("f", "text").await;
    let modified = Timestamp {
        seconds: 951_782_400,
        nanos: 123_000_000,
    };
    if can.set_times {
        let wanted = Attributes {
            modified: Some(modified),
            ..Attributes::default()
        };
        store
            .set_attributes(&case.at("f"), wanted, Follow::Yes)
            .await
            .unwrap();
        assert_eq!(case.look("f").await.modified, modified);
        let missing = store
            .set_attributes(&case.at("x"), wanted, Follow::Yes)
            .await;
        case.refused(missing, ErrorKind::NotFound);
    }
    if can.set_mode {
        for mode in [0o000, 0o640] {
            let wanted = Attributes {
                mode: Some(mode),
                ..Attributes::default()
            };
            store
                .set_attributes(&case.at("f"), wanted, Follow::Yes)
                .await
                .unwrap();
            assert_eq!(case.look("f").await.mode, mode);
        }
        let wanted = Attributes {
            mode: Some(0o4755),
            ..Attributes::default()
        };
        let refused = store
            .set_attributes(&case.at("f"), wanted, Follow::Yes)
            .await;
        case.refused(refused, ErrorKind::PermissionDenied);
        case.write("f", "other").await;
        assert_eq!(case.look("f").await.mode, 0o640);
    }
    if can.create_time {
        assert!(case.look("f").await.created.is_some());
    }
}

//! The rows of the table of known weaknesses that belong to the local store. The canary is a file
//! beside the root; nothing may read, change, move or remove it, and nothing may appear beside it.

use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::{CWD, FileType, Mode};

use super::{on_disk, open, options, path, request, stage};
use crate::local::{LocalOptions, LocalStore};
use crate::memory::MemoryStore;
use crate::mounts::Mounts;
use crate::{
    Attributes, Batch, Error, ErrorKind, Follow, Kind, Replace, Result, StageMode, Store,
    Timestamp, VPath,
};

/// `outside/canary` and `root/`, which is what is offered.
pub(super) struct Grounds {
    folder: tempfile::TempDir,
    pub(super) store: Store,
}

impl Grounds {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("root")).unwrap();
        std::fs::create_dir(folder.path().join("outside")).unwrap();
        std::fs::write(folder.path().join("outside/canary"), CANARY).unwrap();
        let store = open(&folder.path().join("root"));
        Self { folder, store }
    }

    pub(super) fn root(&self) -> PathBuf {
        self.folder.path().join("root")
    }

    pub(super) fn outside(&self) -> PathBuf {
        self.folder.path().join("outside")
    }

    #[track_caller]
    pub(super) fn check_canary(&self) {
        check_canary(&self.outside());
    }
}

#[track_caller]
fn check_canary(outside: &Path) {
    assert_eq!(on_disk(outside), ["canary"]);
    let canary = outside.join("canary");
    assert_eq!(std::fs::read(&canary).unwrap(), CANARY);
    let metadata = std::fs::metadata(&canary).unwrap();
    assert_ne!(metadata.permissions().mode() & 0o777, 0o777);
    assert_eq!(metadata.nlink(), 1);
    assert!(metadata.modified().unwrap().elapsed().unwrap() < Duration::from_secs(3600));
}

/// Every verb on one path; what it leads to must be refused by all of them.
pub(super) async fn every_verb(store: &Store, at: &VPath) -> Vec<(&'static str, Result<()>)> {
    let other = path("/elsewhere");
    let attributes = Attributes {
        mode: Some(0o777),
        modified: Some(Timestamp::default()),
        ..Attributes::default()
    };
    let append = request().mode(StageMode::Append);
    let resume = request().mode(StageMode::Resume { offset: 2 });
    let update = request().mode(StageMode::Update);
    let times = Attributes {
        mode: None,
        ..attributes
    };
    vec![
        ("metadata", store.metadata(at, Follow::Yes).await.map(drop)),
        ("list", store.list(at).await.map(drop)),
        ("read", store.read(at).await.map(drop)),
        ("stage", store.stage(at, request()).await.map(drop)),
        ("append", store.stage(at, append).await.map(drop)),
        ("resume", store.stage(at, resume).await.map(drop)),
        ("update", store.stage(at, update).await.map(drop)),
        ("make_dir", store.make_dir(at, 0o777).await),
        ("remove_dir", store.remove_dir(at).await),
        ("remove_file", store.remove_file(at).await),
        ("rename", store.rename(at, &other, Replace::Yes).await),
        (
            "set_attributes",
            store.set_attributes(at, attributes, Follow::Yes).await,
        ),
        (
            "set_link_attributes",
            store.set_attributes(at, times, Follow::No).await,
        ),
        ("hard_link", store.hard_link(at, &path(LINKED)).await),
        ("hard_link_to", store.hard_link(&other, at).await),
        ("make_symlink", store.make_symlink(b"x", at).await),
        ("read_link", store.read_link(at).await.map(drop)),
        ("space", store.space(at).await.map(drop)),
    ]
}

#[tokio::test]
async fn f1_dots_lead_nowhere() {
    let grounds = Grounds::new();
    let ups = [
        "../", "/../", "./../", "x/../../", "..//", "..///", "../././",
    ];
    let ends = ["outside/canary", "etc/passwd", "outside/new"];
    for up in ups {
        for depth in 1..20 {
            for end in ends {
                let written = up.repeat(depth) + end;
                for (verb, outcome) in every_verb(&grounds.store, &path(&written)).await {
                    assert!(outcome.is_err(), "{verb} {written}");
                }
            }
        }
    }
    assert!(on_disk(&grounds.root()).is_empty());
    grounds.check_canary();
}

#[tokio::test]
async fn f5_links_at_rest_lead_nowhere_outside() {
    let grounds = Grounds::new();
    let outside = grounds.outside();
    let links: [(&str, PathBuf); 6] = [
        ("relative", "../outside".into()),
        ("absolute", outside.clone()),
        ("magic", "/proc/self/root".into()),
        ("climbing", "./../root/../outside".into()),
        ("file", outside.join("canary")),
        ("missing", outside.join("nothing")),
    ];
    for (name, target) in &links {
        symlink(target, grounds.root().join(name)).unwrap();
    }
    symlink("relative", grounds.root().join("twice")).unwrap();
    for name in ["relative", "absolute", "climbing", "twice"] {
        for below in ["canary", "new", "nothing/new"] {
            let at = path(format!("/{name}/{below}"));
            for (verb, outcome) in every_verb(&grounds.store, &at).await {
                let kind = outcome.map_err(|error| error.kind());
                assert_eq!(kind, Err(ErrorKind::PermissionDenied), "{verb} {at}");
            }
        }
    }
    for name in ["file", "missing", "magic"] {
        let at = path(name);
        for (verb, outcome) in [
            (
                "metadata",
                grounds.store.metadata(&at, Follow::Yes).await.map(drop),
            ),
            ("read", grounds.store.read(&at).await.map(drop)),
            ("list", grounds.store.list(&at).await.map(drop)),
            ("read_link", grounds.store.read_link(&at).await.map(drop)),
            ("space", grounds.store.space(&at).await.map(drop)),
        ] {
            let kind = outcome.map_err(|error| error.kind());
            assert_eq!(kind, Err(ErrorKind::PermissionDenied), "{verb} {at}");
        }
    }
    grounds.check_canary();
}

#[tokio::test]
async fn f5_without_links_none_is_followed() {
    let grounds = Grounds::new();
    std::fs::create_dir(grounds.root().join("d")).unwrap();
    std::fs::write(grounds.root().join("d/f"), "text").unwrap();
    symlink("d", grounds.root().join("link")).unwrap();
    let options = LocalOptions {
        follow_symlinks: false,
        ..options()
    };
    let store = LocalStore::open(&grounds.root(), options).unwrap();
    for (verb, outcome) in every_verb(&store, &path("/link/f")).await {
        let kind = outcome.map_err(|error| error.kind());
        let expected = match verb {
            "make_symlink" => ErrorKind::Unsupported,
            _ => ErrorKind::Loop,
        };
        assert_eq!(kind, Err(expected), "{verb}");
    }
    let shown = store.metadata(&path("/link"), Follow::No).await.unwrap();
    assert_eq!(shown.kind, Kind::Symlink);
    assert_eq!(std::fs::read(grounds.root().join("d/f")).unwrap(), b"text");
}

#[tokio::test]
async fn f6_a_dangling_link_is_not_created_through() {
    let grounds = Grounds::new();
    let new = grounds.outside().join("new");
    symlink(&new, grounds.root().join("absolute")).unwrap();
    symlink("../outside/new", grounds.root().join("relative")).unwrap();
    symlink("inside", grounds.root().join("dangling")).unwrap();
    for name in ["absolute", "relative", "dangling"] {
        let at = path(name);
        for mode in [
            StageMode::Create,
            StageMode::Append,
            StageMode::Update,
            StageMode::Resume { offset: 1 },
        ] {
            let staged = grounds.store.stage(&at, request().mode(mode)).await;
            assert_eq!(kind_of(staged), ErrorKind::NotRegular, "{name} {mode:?}");
        }
        let made = grounds.store.make_dir(&at, 0o755).await;
        assert_eq!(kind_of(made), ErrorKind::Exists, "{name}");
    }
    // And when the link comes while the upload runs.
    for size in [10, 200_000] {
        let mut staged = stage(&grounds.store, "late", StageMode::Create).await;
        staged.write(&vec![1; size]).unwrap();
        symlink(&new, grounds.root().join("late")).unwrap();
        assert_eq!(kind_of(Store::publish(staged).await), ErrorKind::NotRegular);
        std::fs::remove_file(grounds.root().join("late")).unwrap();
    }
    grounds.check_canary();
}

#[tokio::test]
async fn f9_the_root_is_held_whatever_happens_to_its_path() {
    let grounds = Grounds::new();
    let root = grounds.root();
    std::fs::write(root.join("f"), "mine").unwrap();
    std::fs::rename(&root, grounds.folder.path().join("moved")).unwrap();
    symlink(grounds.outside(), &root).unwrap();
    let content = grounds.store.read_file(&path("/f"), 100).await.unwrap();
    assert_eq!(content, b"mine");
    let canary = grounds.store.read(&path("/canary")).await;
    assert_eq!(kind_of(canary), ErrorKind::NotFound);
    grounds
        .store
        .write_file(&path("/g"), "new", request())
        .await
        .unwrap();
    assert_eq!(on_disk(&grounds.folder.path().join("moved")), ["f", "g"]);
    grounds.check_canary();
}

#[tokio::test]
async fn f10_procfs_is_no_way_around() {
    let refused = LocalStore::open(Path::new("/proc"), options());
    assert_eq!(kind_of(refused), ErrorKind::Unsupported);
    let refused = LocalStore::open(Path::new("/proc/self"), options());
    assert_eq!(kind_of(refused), ErrorKind::Unsupported);
    let whole = LocalStore::open(Path::new("/"), options()).unwrap();
    for written in ["/proc/self/root/etc/passwd", "/proc/self/cwd/x"] {
        let at = path(written);
        let read = whole.read(&at).await;
        assert!(matches!(
            kind_of(read),
            ErrorKind::Loop | ErrorKind::PermissionDenied
        ));
        let renamed = whole.rename(&at, &path("/tmp/x"), Replace::No).await;
        assert!(matches!(
            kind_of(renamed),
            ErrorKind::Loop | ErrorKind::PermissionDenied
        ));
    }
    // The server's own memory is a regular file there.
    for name in ["/proc/self/mem", "/proc/self/environ", "/proc/cpuinfo"] {
        let read = whole.read(&path(name)).await;
        assert_eq!(kind_of(read), ErrorKind::PermissionDenied, "{name}");
    }
    let grounds = Grounds::new();
    symlink("/proc/self/root", grounds.root().join("magic")).unwrap();
    let read = grounds.store.read(&path("/magic/etc/passwd")).await;
    assert_eq!(kind_of(read), ErrorKind::PermissionDenied);
}

#[tokio::test]
async fn f19_pipes_sockets_and_devices_are_refused_at_once() {
    let grounds = Grounds::new();
    let root = grounds.root();
    let made = rustix::fs::mknodat(CWD, root.join("pipe"), FileType::Fifo, Mode::RUSR, 0);
    made.unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(root.join("socket")).unwrap();
    let begun = Instant::now();
    for name in ["pipe", "socket"] {
        let at = path(name);
        assert_eq!(
            kind_of(grounds.store.read(&at).await),
            ErrorKind::NotRegular
        );
        for mode in [
            StageMode::Create,
            StageMode::Append,
            StageMode::Update,
            StageMode::Resume { offset: 1 },
        ] {
            let staged = grounds.store.stage(&at, request().mode(mode)).await;
            assert_eq!(kind_of(staged), ErrorKind::NotRegular, "{name} {mode:?}");
        }
        let mode = Attributes {
            mode: Some(0o777),
            ..Attributes::default()
        };
        let set = grounds.store.set_attributes(&at, mode, Follow::Yes).await;
        assert_eq!(kind_of(set), ErrorKind::NotRegular);
        let shown = grounds.store.metadata(&at, Follow::Yes).await.unwrap();
        assert_eq!(shown.kind, Kind::Other);
        grounds.store.remove_file(&at).await.unwrap();
    }
    assert!(begun.elapsed() < Duration::from_secs(1));
}

#[tokio::test]
async fn f21_what_exists_outside_looks_like_what_does_not() {
    let grounds = Grounds::new();
    let host = grounds.folder.path().to_str().unwrap().to_owned();
    let root = grounds.root();
    symlink(grounds.outside().join("canary"), root.join("there")).unwrap();
    symlink(grounds.outside().join("nothing"), root.join("not_there")).unwrap();
    let there = every_verb(&grounds.store, &path("/there/x")).await;
    let not_there = every_verb(&grounds.store, &path("/not_there/x")).await;
    for ((verb, one), (_, other)) in there.into_iter().zip(not_there) {
        let (one, other) = (one.unwrap_err(), other.unwrap_err());
        assert_eq!(one.kind(), other.kind(), "{verb}");
        assert_eq!(one.to_string(), other.to_string(), "{verb}");
        assert!(!chain(&one).contains(&host), "{verb}");
    }
    let there = grounds.store.read_link(&path("/there")).await;
    let not_there = grounds.store.read_link(&path("/not_there")).await;
    assert_eq!(
        there.unwrap_err().to_string(),
        not_there.unwrap_err().to_string()
    );
}

#[tokio::test]
async fn f22_a_rename_to_another_store_copies_nothing() {
    let grounds = Grounds::new();
    symlink(
        grounds.outside().join("canary"),
        grounds.root().join("link"),
    )
    .unwrap();
    std::fs::write(grounds.root().join("f"), "text").unwrap();
    let both = [
        (path("/"), grounds.store.clone()),
        (path("/m"), MemoryStore::new()),
    ];
    let store = Mounts::new(both).unwrap();
    for name in ["/link", "/f"] {
        let renamed = store.rename(&path(name), &path("/m/x"), Replace::Yes).await;
        assert_eq!(kind_of(renamed), ErrorKind::CrossDevice);
    }
    let copied = store.metadata(&path("/m/x"), Follow::No).await;
    assert_eq!(kind_of(copied), ErrorKind::NotFound);
    assert_eq!(on_disk(&grounds.root()), ["f", "link"]);
    grounds.check_canary();
}

#[tokio::test]
async fn f24_evil_names_are_listed_and_never_made() {
    let grounds = Grounds::new();
    let evil = ["a\nb", "c\rd", "e\x1b[2J"];
    for name in evil {
        std::fs::write(grounds.root().join(name), "text").unwrap();
    }
    let mut listing = grounds.store.list(&VPath::root()).await.unwrap();
    let mut batch = Batch::new();
    assert!(listing.next_batch(&mut batch).unwrap());
    let mut names: Vec<_> = batch.iter().map(|entry| entry.name.to_vec()).collect();
    names.sort();
    assert_eq!(names, evil.map(|name| name.as_bytes().to_vec()));
    for bad in [&b"a\0b"[..], b"a\r\nQUIT", b"a\nb"] {
        assert!(VPath::parse(bad).is_err());
    }
    let target = grounds.store.make_symlink(b"a\r\nQUIT", &path("/l")).await;
    assert_eq!(kind_of(target), ErrorKind::InvalidName);
}

/// Where [`every_verb`] puts a hard link.
pub(super) const LINKED: &str = "/linked";

fn chain(error: &Error) -> String {
    let mut text = format!("{error} {error:?}");
    let mut next = std::error::Error::source(error);
    while let Some(source) = next {
        text += &format!(" {source} {source:?}");
        next = source.source();
    }
    text
}

#[track_caller]
fn kind_of<T>(outcome: Result<T>) -> ErrorKind {
    match outcome {
        Ok(_) => panic!("it worked"),
        Err(error) => error.kind(),
    }
}

pub(super) const CANARY: &[u8] = b"the canary";

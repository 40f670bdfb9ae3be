//! Uploads on a local disk: what the conformance suite cannot see from outside.

use std::ffi::OsStr;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::time::{Duration, SystemTime};

use super::{local, on_disk, open, options, path, request, stage};
use crate::local::{LocalOptions, LocalStore};
use crate::{Durability, ErrorKind, Follow, StageMode, StageRequest, Store};

#[tokio::test]
async fn a_small_upload_touches_the_disk_only_when_published() {
    let (folder, store) = local();
    let mut staged = stage(&store, "/f", StageMode::Create).await;
    staged.write(&[1; 65_000]).unwrap();
    staged.write_cached(&[1; 536]).unwrap().unwrap();
    assert_eq!(staged.offset(), 65_536);
    assert!(staged.write_cached(&[1]).is_none());
    assert!(on_disk(folder.path()).is_empty());
    staged.write(&[1]).unwrap();
    assert!(staged.write_cached(&[1]).is_none());
    assert_eq!(on_disk(folder.path()).len(), 1);
    Store::publish(staged).await.unwrap();
    assert_eq!(on_disk(folder.path()), ["f"]);
}

#[tokio::test]
async fn every_durability_publishes() {
    let (folder, store) = local();
    let all = [Durability::Full, Durability::File, Durability::None];
    for durability in all {
        for size in [10, 200_000] {
            for round in [1, 2] {
                let request = StageRequest {
                    durability,
                    ..request()
                };
                let published = store
                    .write_file(&path("/f"), vec![round; size], request)
                    .await;
                assert_eq!(published.unwrap().size, size as u64);
            }
        }
    }
    assert_eq!(on_disk(folder.path()), ["f"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_durable_uploads_at_once_publish_all() {
    let (folder, store) = local();
    let uploads = (0..64).map(|number| {
        let store = store.clone();
        tokio::spawn(async move {
            let at = path(format!("/f{number:02}"));
            let durable = StageRequest::create("ann");
            store.write_file(&at, format!("{number}"), durable).await
        })
    });
    for upload in uploads.collect::<Vec<_>>() {
        upload.await.unwrap().unwrap();
    }
    assert_eq!(on_disk(folder.path()).len(), 64);
}

#[tokio::test]
async fn a_replaced_file_keeps_its_bits_and_never_set_user_id() {
    let (folder, store) = local();
    for size in [10, 200_000] {
        let file = folder.path().join("f");
        std::fs::write(&file, "old").unwrap();
        std::fs::set_permissions(&file, PermissionsExt::from_mode(0o4751)).unwrap();
        store
            .write_file(&path("/f"), vec![1; size], request())
            .await
            .unwrap();
        assert_eq!(std::fs::metadata(&file).unwrap().mode() & 0o7777, 0o751);
        std::fs::remove_file(&file).unwrap();
        let open_to_all = StageRequest {
            permissions: 0o6666,
            ..request()
        };
        store
            .write_file(&path("/f"), vec![1; size], open_to_all)
            .await
            .unwrap();
        assert_eq!(std::fs::metadata(&file).unwrap().mode() & 0o7777, 0o666);
    }
}

#[tokio::test]
async fn staging_names_exist_for_nobody() {
    let (folder, store) = local();
    let mut staged = stage(&store, "/f", StageMode::Create).await;
    staged.write(&[1; 100_000]).unwrap();
    let name = on_disk(folder.path()).remove(0);
    let mode = std::fs::metadata(folder.path().join(&name)).unwrap().mode();
    assert_eq!(mode & 0o777, 0o600);
    let at = path(&name);
    let other = path("/other");
    let not_found = [
        store.metadata(&at, Follow::No).await.map(drop),
        store.read(&at).await.map(drop),
        store.list(&at).await.map(drop),
        store.remove_file(&at).await,
        store.remove_dir(&at).await,
        store.rename(&at, &other, crate::Replace::Yes).await,
        store
            .set_attributes(&at, crate::Attributes::default(), Follow::Yes)
            .await,
        store.hard_link(&at, &other).await,
        store.read_link(&at).await.map(drop),
        store.space(&at).await.map(drop),
    ];
    for outcome in not_found {
        assert_eq!(outcome.unwrap_err().kind(), ErrorKind::NotFound);
    }
    store.write_file(&other, "x", request()).await.unwrap();
    let invalid = [
        store.stage(&at, request()).await.map(drop),
        store.make_dir(&at, 0o755).await,
        store.make_symlink(b"other", &at).await,
        store.make_symlink(name.as_bytes(), &path("/link")).await,
        store.rename(&other, &at, crate::Replace::Yes).await,
        store.hard_link(&other, &at).await,
    ];
    for outcome in invalid {
        assert_eq!(outcome.unwrap_err().kind(), ErrorKind::InvalidName);
    }
    assert_eq!(store.partial(&at, "ann").await.unwrap(), None);
}

#[tokio::test]
async fn a_partial_survives_everything_but_its_time() {
    let (folder, store) = local();
    let day = 24 * 3600;
    for (number, age) in [0, day - 60, day + 60].into_iter().enumerate() {
        let directory = format!("/d{number}");
        store.make_dir(&path(&directory), 0o755).await.unwrap();
        // As a process that was killed leaves it: on the disk, and in nobody's memory.
        let disk = folder.path().join(&directory[1..]);
        plant(&disk, "f", "ann", &[1; 1000], age);
        let partial = store.partial(&path(directory + "/f"), "ann").await.unwrap();
        let expired = age > day;
        assert_eq!(partial, (!expired).then_some(1000));
        assert_eq!(on_disk(&disk).is_empty(), expired);
    }
    let at = path("/d1/f");
    let resume = request().mode(StageMode::Resume { offset: 500 });
    let mut staged = store.stage(&at, resume).await.unwrap();
    staged.write(b"end").unwrap();
    Store::publish(staged).await.unwrap();
    let content = store.read_file(&at, 1000).await.unwrap();
    assert_eq!(content, [&[1; 500][..], b"end"].concat());
    assert_eq!(on_disk(&folder.path().join("d1")), ["f"]);
}

/// The first upload into a directory looks for partials too: one from before a restart must not
/// outlive the version that replaces it.
#[tokio::test]
async fn a_partial_from_before_a_restart_is_superseded() {
    let (folder, store) = local();
    plant(folder.path(), "f", "ann", &[1; 1000], 0);
    store
        .write_file(&path("/f"), "new", request())
        .await
        .unwrap();
    assert_eq!(on_disk(folder.path()), ["f"]);
    let resume = request().mode(StageMode::Resume { offset: 500 });
    let refused = store.stage(&path("/f"), resume).await.err().unwrap();
    assert_eq!(refused.kind(), ErrorKind::BadOffset);
}

#[tokio::test]
async fn of_two_partials_from_before_a_restart_the_newer_counts() {
    let (folder, store) = local();
    plant(folder.path(), "f", "ann", &[1; 1000], 100);
    plant(folder.path(), "f", "ann", &[2; 500], 50);
    plant(folder.path(), "f", "bob", &[3; 700], 10);
    assert_eq!(store.partial(&path("/f"), "ann").await.unwrap(), Some(500));
    assert_eq!(store.partial(&path("/f"), "bob").await.unwrap(), Some(700));
    assert_eq!(on_disk(folder.path()).len(), 2);
}

/// Somebody on the host may put what he likes under the name of a partial.
#[tokio::test]
async fn what_only_looks_like_a_partial_is_not_continued() {
    let (folder, store) = local();
    let secret = folder.path().join("secret");
    std::fs::write(&secret, [7; 1000]).unwrap();
    let link = staging_name(folder.path(), "linked", "ann");
    std::fs::hard_link(&secret, &link).unwrap();
    let link = staging_name(folder.path(), "pointed", "ann");
    symlink(&secret, &link).unwrap();
    for name in ["/linked", "/pointed"] {
        assert_eq!(store.partial(&path(name), "ann").await.unwrap(), None);
        let resume = request().mode(StageMode::Resume { offset: 500 });
        let refused = store.stage(&path(name), resume).await.err().unwrap();
        assert_eq!(refused.kind(), ErrorKind::BadOffset);
    }
    assert_eq!(std::fs::read(&secret).unwrap(), [7; 1000]);
}

#[tokio::test]
async fn a_principal_keeps_only_so_many_partials() {
    let folder = tempfile::tempdir().unwrap();
    let few = LocalOptions {
        partials_per_principal: 2,
        ..options()
    };
    let store = LocalStore::open(folder.path(), few).unwrap();
    // The count is the process's, so this principal is this test's alone.
    for (name, kept) in [("/a", 10), ("/b", 10), ("/c", 0), ("/b", 10)] {
        let mut staged = store
            .stage(&path(name), StageRequest::create("hoarder"))
            .await
            .unwrap();
        staged.write(&[1; 10]).unwrap();
        assert_eq!(Store::keep(staged).await.unwrap(), kept, "{name}");
    }
    assert_eq!(on_disk(folder.path()).len(), 2);
}

#[tokio::test]
async fn beyond_the_clone_limit_an_append_is_in_place_and_undone() {
    let folder = tempfile::tempdir_in("/dev/shm").unwrap();
    let small = LocalOptions {
        clone_limit: 10,
        ..options()
    };
    let store = LocalStore::open(folder.path(), small).unwrap();
    let file = folder.path().join("log");
    std::fs::write(&file, "eleven byte").unwrap();
    let inode = std::fs::metadata(&file).unwrap().ino();
    for mode in [StageMode::Append, StageMode::Append] {
        let mut staged = stage(&store, "/log", mode).await;
        assert_eq!(staged.offset(), 11);
        staged.write(b" lost").unwrap();
        assert_eq!(std::fs::read(&file).unwrap(), b"eleven byte lost");
        let second = store.stage(&path("/log"), request().mode(mode)).await;
        assert_eq!(second.err().unwrap().kind(), ErrorKind::Busy);
        assert_eq!(Store::keep(staged).await.unwrap(), 0);
        assert_eq!(std::fs::read(&file).unwrap(), b"eleven byte");
    }
    let mut staged = stage(&store, "/log", StageMode::Append).await;
    staged.write(b" more").unwrap();
    Store::publish(staged).await.unwrap();
    assert_eq!(std::fs::read(&file).unwrap(), b"eleven byte more");
    assert_eq!(std::fs::metadata(&file).unwrap().ino(), inode);
    let middle = request().mode(StageMode::Resume { offset: 11 });
    let refused = store.stage(&path("/log"), middle).await.err().unwrap();
    assert_eq!(refused.kind(), ErrorKind::Busy);
    // At its very end a resume is an append.
    let mut staged = stage(&store, "/log", StageMode::Resume { offset: 16 }).await;
    staged.write(b"!").unwrap();
    Store::publish(staged).await.unwrap();
    assert_eq!(std::fs::read(&file).unwrap(), b"eleven byte more!");
    assert_eq!(on_disk(folder.path()), ["log"]);
}

#[tokio::test]
async fn two_appends_to_one_file_do_not_lose_one() {
    let (folder, store) = local();
    std::fs::write(folder.path().join("log"), "1").unwrap();
    let mut first = stage(&store, "/log", StageMode::Append).await;
    first.write(b"2").unwrap();
    let second = store
        .stage(&path("/log"), request().mode(StageMode::Append))
        .await;
    assert_eq!(second.err().unwrap().kind(), ErrorKind::Busy);
    Store::publish(first).await.unwrap();
    let mut second = stage(&store, "/log", StageMode::Append).await;
    second.write(b"3").unwrap();
    Store::publish(second).await.unwrap();
    assert_eq!(std::fs::read(folder.path().join("log")).unwrap(), b"123");
}

/// Two stores may offer the same directory, as a user's home and as a part of somebody's tree.
#[tokio::test]
async fn uploads_are_found_through_another_store() {
    let (folder, store) = local();
    store.make_dir(&path("/home"), 0o755).await.unwrap();
    let home = open(&folder.path().join("home"));
    let mut staged = stage(&store, "/home/f", StageMode::Create).await;
    staged.write(&[1; 100_000]).unwrap();
    assert_eq!(
        home.partial(&path("/f"), "ann").await.unwrap(),
        Some(100_000)
    );
    let resumed = stage(&home, "/f", StageMode::Resume { offset: 9 }).await;
    assert_eq!(staged.write(b"x").unwrap_err().kind(), ErrorKind::Cancelled);
    Store::publish(resumed).await.unwrap();
    assert_eq!(
        store.read_file(&path("/home/f"), 100).await.unwrap(),
        [1; 9]
    );
}

/// A path for a staging file as another process would have named it.
fn staging_name(directory: &Path, name: &str, principal: &str) -> std::path::PathBuf {
    let name = crate::local::staging_name_for_test(name, principal);
    directory.join(OsStr::new(&name))
}

fn plant(directory: &Path, name: &str, principal: &str, content: &[u8], age: u64) {
    let file = staging_name(directory, name, principal);
    std::fs::write(&file, content).unwrap();
    let then = SystemTime::now() - Duration::from_secs(age);
    let opened = std::fs::File::options().write(true).open(&file).unwrap();
    opened.set_modified(then).unwrap();
}

//! A process that is killed in the middle of an upload: this test program runs itself, kills the
//! child when it says that it has written, and looks at what is left.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use super::{on_disk, open, path, request, stage};
use crate::{StageMode, Store};

/// Not a test by itself: the child's part of the one below, which tells it the folder.
#[tokio::test]
async fn child_uploads_until_it_is_killed() {
    let Some(folder) = std::env::var_os(FOLDER) else {
        return;
    };
    let store = open(Path::new(&folder));
    let mut staged = stage(&store, "/f", StageMode::Create).await;
    staged.write(&[2; 300_000]).unwrap();
    let mut small = stage(&store, "/small", StageMode::Create).await;
    small.write(&[2; 1000]).unwrap();
    let mut out = std::io::stdout();
    writeln!(out, "\n{WRITTEN}").unwrap();
    out.flush().unwrap();
    // Until it is killed, or the parent is gone.
    std::io::stdin().lines().count();
}

#[tokio::test]
async fn killed_in_the_middle_of_an_upload() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    store
        .write_file(&path("/f"), "old", request())
        .await
        .unwrap();
    let mut child = child("tests::crash::child_uploads_until_it_is_killed")
        .env(FOLDER, folder.path())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(said.any(|line| line.unwrap() == WRITTEN));
    child.kill().unwrap();
    child.wait().unwrap();

    assert_eq!(store.read_file(&path("/f"), 100).await.unwrap(), b"old");
    assert_eq!(on_disk(folder.path()).len(), 2);
    // This process scanned the directory before the child was there; a restart would not have.
    let elsewhere = folder.path().join("moved");
    std::fs::create_dir(&elsewhere).unwrap();
    for name in on_disk(folder.path())
        .iter()
        .filter(|name| *name != "moved")
    {
        std::fs::rename(folder.path().join(name), elsewhere.join(name)).unwrap();
    }
    let store = open(&elsewhere);
    assert_eq!(
        store.partial(&path("/f"), "ann").await.unwrap(),
        Some(300_000)
    );
    let mut staged = stage(&store, "/f", StageMode::Resume { offset: 300_000 }).await;
    staged.write(b"end").unwrap();
    assert_eq!(Store::publish(staged).await.unwrap().size, 300_003);
    let content = store.read_file(&path("/f"), 1 << 20).await.unwrap();
    assert_eq!(content, [&[2; 300_000][..], b"end"].concat());
    assert_eq!(on_disk(&elsewhere), ["f"]);
}

/// Not a test by itself: the child of the one below replaces eight files again and again.
#[tokio::test]
async fn child_replaces_files_until_it_is_killed() {
    let Some(folder) = std::env::var_os(REPLACING) else {
        return;
    };
    let store = open(Path::new(&folder));
    let mut out = std::io::stdout();
    for version in 1..=u8::MAX {
        for (name, size) in FILES {
            let mut staged = stage(&store, name, StageMode::Create).await;
            for chunk in vec![version; size].chunks(20_000) {
                staged.write(chunk).unwrap();
            }
            Store::publish(staged).await.unwrap();
            writeln!(out, "\n{WRITTEN}").unwrap();
        }
    }
}

#[tokio::test]
async fn killed_at_any_time_every_file_is_entirely_old_or_entirely_new() {
    for published in [1, 3, 4, 6, 9, 14, 21, 33, 50, 80] {
        let folder = tempfile::tempdir().unwrap();
        let store = open(folder.path());
        for (name, size) in FILES {
            let old = vec![0; size];
            store.write_file(&path(name), old, request()).await.unwrap();
        }
        let mut child = child("tests::crash::child_replaces_files_until_it_is_killed")
            .env(REPLACING, folder.path())
            .spawn()
            .unwrap();
        let said = BufReader::new(child.stdout.take().unwrap()).lines();
        let said = said.filter(|line| line.as_ref().unwrap() == WRITTEN);
        assert_eq!(said.take(published).count(), published);
        child.kill().unwrap();
        child.wait().unwrap();
        for (name, size) in FILES {
            let content = store.read_file(&path(name), 1 << 20).await.unwrap();
            assert_eq!(content, vec![content[0]; size], "{name}");
        }
    }
}

/// This test program, running one of its tests only.
fn child(test: &str) -> Command {
    let mut child = Command::new(std::env::current_exe().unwrap());
    child
        .args(["--exact", test, "--nocapture"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    child
}

const FILES: [(&str, usize); 4] = [("/a", 10), ("/b", 60_000), ("/c", 100_000), ("/d", 300_000)];
const REPLACING: &str = "WHARF_VFS_CRASH_TEST_REPLACING";
const FOLDER: &str = "WHARF_VFS_CRASH_TEST_FOLDER";
const WRITTEN: &str = "written";

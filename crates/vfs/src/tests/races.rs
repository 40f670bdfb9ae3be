//! What somebody on the host can do while wharf works.

use std::os::unix::fs::symlink;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::{CWD, RenameFlags};

use super::security::{CANARY, Grounds, LINKED, every_verb};
use super::{on_disk, path, request, stage};
use crate::{Replace, StageMode, Store};

/// Somebody on the host swaps a directory and a link to the outside as fast as he can, while every
/// verb works on a name below.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f7_a_racer_never_gets_a_verb_outside() {
    let grounds = Grounds::new();
    let root = grounds.root();
    std::fs::create_dir(root.join("swap")).unwrap();
    std::fs::write(root.join("swap/canary"), "inside").unwrap();
    symlink("../outside", root.join("link")).unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let swaps = Arc::new(AtomicU64::new(0));
    let racer = {
        let (stop, swaps, root) = (Arc::clone(&stop), Arc::clone(&swaps), root.clone());
        thread::spawn(move || {
            let (a, b) = (root.join("swap"), root.join("link"));
            while !stop.load(Ordering::Relaxed) {
                rustix::fs::renameat_with(CWD, &a, CWD, &b, RenameFlags::EXCHANGE).unwrap();
                swaps.fetch_add(1, Ordering::Relaxed);
            }
        })
    };
    let end = Instant::now() + Duration::from_secs(3);
    let mut refused = 0_u64;
    let mut worked = 0_u64;
    while Instant::now() < end {
        let at = path("/swap/canary");
        if let Ok(content) = grounds.store.read_file(&at, 1000).await {
            assert_ne!(content, CANARY);
        }
        let written = grounds.store.write_file(&at, "inside", request()).await;
        let written_new = grounds
            .store
            .write_file(&path("/swap/new"), "x", request())
            .await;
        let mut resumed = false;
        let resume = request().mode(StageMode::Resume { offset: 3 });
        if let Ok(staged) = grounds.store.stage(&at, resume).await {
            resumed = Store::publish(staged).await.is_ok();
        }
        for (_, outcome) in every_verb(&grounds.store, &at).await {
            if outcome.is_err() {
                refused += 1
            } else {
                worked += 1
            }
        }
        if let Ok(content) = grounds.store.read_file(&path(LINKED), 1000).await {
            assert_ne!(content, CANARY);
            grounds.store.remove_file(&path(LINKED)).await.unwrap();
        }
        worked += u64::from(written.is_ok() || written_new.is_ok() || resumed);
        let back = grounds
            .store
            .rename(&path("/elsewhere"), &at, Replace::Yes)
            .await;
        worked += u64::from(back.is_ok());
    }
    stop.store(true, Ordering::Relaxed);
    racer.join().unwrap();
    assert!(
        swaps.load(Ordering::Relaxed) > 1000,
        "the racer did not race"
    );
    assert!(
        worked > 0 && refused > 0,
        "{worked} worked, {refused} refused"
    );
    grounds.check_canary();
}

#[tokio::test]
async fn f8_cleaning_up_removes_nothing_outside() {
    let grounds = Grounds::new();
    let root = grounds.root();
    for end in ["discard", "keep", "drop", "publish"] {
        std::fs::create_dir(root.join("d")).unwrap();
        let mut staged = stage(&grounds.store, "/d/canary", StageMode::Create).await;
        staged.write(&[1; 200_000]).unwrap();
        std::fs::rename(root.join("d"), root.join("moved")).unwrap();
        symlink("../outside", root.join("d")).unwrap();
        // What the upload calls its staging file has a namesake outside.
        let names = on_disk(&root.join("moved"));
        assert_eq!(names.len(), 1);
        let namesake = grounds.outside().join(&names[0]);
        std::fs::write(&namesake, "not yours").unwrap();
        match end {
            "discard" => Store::discard(staged).await.unwrap(),
            "keep" => drop(Store::keep(staged).await.unwrap()),
            "publish" => drop(Store::publish(staged).await.unwrap()),
            _ => drop(staged),
        }
        assert_eq!(std::fs::read(&namesake).unwrap(), b"not yours", "{end}");
        std::fs::remove_file(&namesake).unwrap();
        std::fs::remove_file(root.join("d")).unwrap();
        std::fs::remove_dir_all(root.join("moved")).unwrap();
        grounds.check_canary();
    }
}

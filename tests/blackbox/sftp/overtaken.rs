//! Requests that overtake the CLOSE of the file they are about, as those of sshfs can.

use std::fs;
use std::time::{Duration, Instant};

use wharf_tests::sftp::{Reply, Sftp, body, kind, open_flag, status};
use wharf_tests::ssh::Ssh;

use super::start;

#[test]
fn what_comes_before_the_close_is_served_behind_it() {
    let (wharf, mut sftp) = start();
    wharf.write("f", "an old version");
    fs::create_dir(wharf.path("d")).expect("a folder");
    let first = upload(&mut sftp, "f", "one");
    let second = upload(&mut sftp, "d/g", "two");
    let words = body().string("f").u32(open_flag::READ).u32(0);
    let opened = sftp.request(kind::OPEN, &words);
    let looked = sftp.request(kind::LSTAT, &body().string("f"));
    let renamed = sftp.request(kind::RENAME, &body().string("d/g").string("h"));
    let removed = sftp.request(kind::RMDIR, &body().string("d"));
    // What has nothing to do with them does not wait.
    let begun = Instant::now();
    sftp.stat("e").expect(status::NO_SUCH_FILE);
    let other = upload(&mut sftp, "other", "three");
    sftp.close(&other).expect(status::OK);
    assert!(begun.elapsed() < PATIENCE, "it waited");
    sftp.close(&second).expect(status::OK);
    sftp.reply(renamed).expect(status::OK);
    sftp.reply(removed).expect(status::OK);
    sftp.close(&first).expect(status::OK);
    let handle = sftp.reply(opened).handle();
    assert_eq!(sftp.reply(looked).attributes().size, Some(3));
    assert_eq!(sftp.read(&handle, 0, 100).data(), b"one");
    assert_eq!(wharf.read("h"), b"two");
    assert!(!wharf.path("d").exists());
    assert_eq!(wharf.read("other"), b"three");
}

#[test]
fn a_log_is_added_to_while_it_is_being_closed() {
    let (wharf, mut sftp) = start();
    let mut open = upload(&mut sftp, "log", "0");
    let words = body().string("log");
    let append = words.u32(open_flag::WRITE | open_flag::APPEND).u32(0);
    for turn in 1..10_u8 {
        let opened = sftp.request(kind::OPEN, &append);
        sftp.close(&open).expect(status::OK);
        open = sftp.reply(opened).handle();
        sftp.write(&open, 0, &[b'0' + turn]).expect(status::OK);
    }
    sftp.close(&open).expect(status::OK);
    assert_eq!(wharf.read("log"), b"0123456789");
}

#[test]
fn who_does_not_close_is_not_waited_for_long() {
    let (wharf, mut sftp) = start();
    wharf.write("d/f", "old");
    let open = upload(&mut sftp, "d/f", "newer");
    let reader = sftp.open_file("d/f", open_flag::READ);
    assert_eq!(sftp.read(&reader, 0, 9).data(), b"old");
    sftp.close(&reader).expect(status::OK);
    // Waiting one by one would take minutes.
    let words = body().string("d/f").u32(open_flag::READ).u32(0);
    let asked: Vec<_> = (0..50).map(|_| sftp.request(kind::OPEN, &words)).collect();
    for id in asked {
        let reader = sftp.reply(id).handle();
        sftp.close(&reader).expect(status::OK);
    }
    sftp.close(&open).expect(status::OK);
    assert_eq!(wharf.read("d/f"), b"newer");
}

/// A small upload is in memory until its CLOSE: the file system would let its directory go.
#[test]
fn a_folder_is_not_removed_under_an_upload() {
    let (wharf, mut sftp) = start();
    fs::create_dir(wharf.path("d")).expect("a folder");
    let open = upload(&mut sftp, "d/f", "x");
    let reply = sftp.ask(kind::RMDIR, &body().string("d"));
    reply.expect_cause(status::FAILURE, "C-15");
    sftp.close(&open).expect(status::OK);
    assert_eq!(wharf.read("d/f"), b"x");
}

#[test]
fn an_upload_is_there_for_its_own_channel_only() {
    let (wharf, mut sftp) = start();
    wharf.write("old", "o");
    let first = upload(&mut sftp, "old", "longer");
    let second = upload(&mut sftp, "new", "four");
    let mut other = Sftp::open(&Ssh::of(&wharf));
    assert_eq!(seen(&mut sftp), ["new", "old"]);
    assert_eq!(seen(&mut other), ["old"]);
    assert_eq!(sftp.stat("old").attributes().size, Some(6));
    assert_eq!(sftp.stat("new").attributes().size, Some(4));
    assert_eq!(other.stat("old").attributes().size, Some(1));
    sftp.close(&first).expect(status::OK);
    sftp.close(&second).expect(status::OK);
    assert_eq!(seen(&mut sftp), ["new", "old"]);
    assert_eq!(seen(&mut other), ["new", "old"]);
}

/// What is put aside is in memory: a flood of it has to wait in the channel instead.
#[test]
fn r12_a_flood_of_what_must_wait_ends() {
    let (wharf, mut sftp) = start();
    let open = upload(&mut sftp, "f", "x");
    let long = "n".repeat(200);
    let ids: Vec<_> = (0..150)
        .map(|number| {
            let words = body().string("f").string(format!("{long}{number}"));
            sftp.request(kind::RENAME, &words)
        })
        .collect();
    let close = sftp.request(kind::CLOSE, &body().string(&open));
    let renamed = ids
        .into_iter()
        .filter(|id| matches!(sftp.reply(*id), Reply::Status(status::OK, _)));
    // One after the close, if it came in time; the others find nothing.
    assert!(renamed.count() <= 1, "one file has several names");
    sftp.reply(close).expect(status::OK);
    assert_eq!(fs::read_dir(wharf.root()).expect("a folder").count(), 1);
}

#[track_caller]
fn upload(sftp: &mut Sftp, name: &str, content: &str) -> Vec<u8> {
    let handle = sftp.open_file(name, open_flag::NEW);
    sftp.write(&handle, 0, content.as_bytes())
        .expect(status::OK);
    handle
}

#[track_caller]
fn seen(sftp: &mut Sftp) -> Vec<String> {
    let mut names: Vec<_> = sftp
        .names(".")
        .into_iter()
        .map(|entry| wharf_tests::show(&entry.name))
        .filter(|name| !name.starts_with('.'))
        .collect();
    names.sort();
    names
}

/// How long the server waits for a CLOSE.
const PATIENCE: Duration = Duration::from_secs(1);

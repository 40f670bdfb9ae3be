//! A disk that is full, and one that fails.

use wharf_tests::disk::SmallDisk;
use wharf_tests::fault::Failing;
use wharf_tests::ssh_client::{Answer, Sftp};
use wharf_tests::{Wharf, pattern, tree};

#[test]
fn r16_a_full_disk_is_a_failure_with_its_cause_and_the_old_file_stays() {
    let disk = SmallDisk::mount("1m");
    let wharf = Wharf::with().sftp().root(disk.folder()).start();
    wharf.write("f", "the old version");
    let mut sftp = Sftp::of(&wharf);
    for name in ["f", "new"] {
        let handle = sftp.begin_upload(name);
        let answer = sftp.try_write(&handle, 0, &pattern(1, 4 << 20));
        full(&answer.expect("the connection goes on"));
        // A write that failed is no file, whatever the client asks for next.
        full(&sftp.close(&handle));
        assert_eq!(wharf.read("f"), b"the old version");
        assert!(!wharf.path("new").exists());
        assert_eq!(sftp.retrieve("f"), b"the old version");
        make_room(&disk);
    }
    // A later write that succeeds does not make it whole.
    let handle = sftp.begin_upload("f");
    let answer = sftp.try_write(&handle, 100_000, &pattern(1, 4 << 20));
    full(&answer.expect("the connection goes on"));
    let _ = sftp.try_write(&handle, 0, b"x");
    full(&sftp.close(&handle));
    assert_eq!(wharf.read("f"), b"the old version");
    make_room(&disk);
    // All is well as soon as there is room.
    sftp.store("f", b"the new version");
    assert_eq!(wharf.read("f"), b"the new version");
    assert_eq!(Sftp::of(&wharf).retrieve("f"), b"the new version");
}

/// Out of order, the end of a file can be there while its beginning finds no room.
#[test]
fn r16_a_disk_that_fills_up_under_writes_out_of_order() {
    let disk = SmallDisk::mount("1m");
    let wharf = Wharf::with().sftp().root(disk.folder()).start();
    wharf.write("f", "the old version");
    let mut sftp = Sftp::of(&wharf);
    let handle = sftp.begin_upload("f");
    let block = pattern(3, 64 << 10);
    let mut failed = 0;
    for number in (0..32_u64).rev() {
        let answer = sftp.try_write(&handle, number * (64 << 10), &block);
        let answer = answer.expect("the connection goes on");
        if !answer.is_ok() {
            full(&answer);
            failed += 1;
        }
    }
    assert!(failed > 10, "{failed} of 32 blocks did not fit");
    full(&sftp.close(&handle));
    assert_eq!(wharf.read("f"), b"the old version");
    make_room(&disk);
    sftp.store("f", b"the new version");
    assert_eq!(wharf.read("f"), b"the new version");
}

/// What the disk has not confirmed is not published, and nobody is told that it was.
#[test]
fn a_disk_that_does_not_keep_what_it_was_given() {
    let wharf = Wharf::with().sftp().start();
    wharf.write("f", "the old version");
    let mut sftp = Sftp::of(&wharf);
    let content = pattern(4, 1 << 20);
    let failing = Failing::calls(wharf.pid(), "fsync,fdatasync,syncfs", "EIO");
    for (name, size) in [("f", content.len()), ("f", 100), ("new", 100)] {
        let handle = sftp.begin_upload(name);
        let answer = sftp.try_write(&handle, 0, &content[..size]);
        assert!(answer.expect("the connection goes on").is_ok());
        let answer = sftp.close(&handle);
        assert!(
            matches!(answer, Answer::Status { code: 4, .. }),
            "{answer:?}"
        );
        assert_eq!(wharf.read("f"), b"the old version");
        assert!(!wharf.path("new").exists());
    }
    drop(failing);
    sftp.store("f", &content);
    assert_eq!(wharf.read("f"), content);
}

/// FAILURE, with the cause.
#[track_caller]
fn full(answer: &Answer) {
    assert!(
        matches!(answer, Answer::Status { code: 4, .. }),
        "{answer:?}"
    );
    assert!(answer.refusal().contains("[T-6]"), "{answer:?}");
}

/// What was kept of broken uploads is removed.
fn make_room(disk: &SmallDisk) {
    for name in tree::names(disk.folder()) {
        if name.starts_with(b".") {
            let name = std::str::from_utf8(&name).expect("UTF-8");
            std::fs::remove_file(disk.folder().join(name)).expect("removing a kept partial");
        }
    }
}

//! A disk that is full.

use wharf_tests::disk::SmallDisk;
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

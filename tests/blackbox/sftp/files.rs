//! Files: how they are opened, read, written, closed, renamed and removed.

use std::fs;
use std::os::unix::fs::symlink;

use wharf_tests::sftp::{Reply, body, kind, open_flag, status};
use wharf_tests::{assert_bytes, pattern, tree};

use super::start;

#[test]
fn a_file_is_read_to_its_end() {
    let (wharf, mut sftp) = start();
    let content = pattern(1, 100_000);
    wharf.write("f", &content);
    let handle = sftp.open_file("f", open_flag::READ);
    assert_bytes("all", &content, &sftp.read(&handle, 0, 200_000).data());
    assert_bytes(
        "some",
        &content[70_000..80_000],
        &sftp.read(&handle, 70_000, 10_000).data(),
    );
    assert_bytes(
        "the rest",
        &content[99_999..],
        &sftp.read(&handle, 99_999, 10).data(),
    );
    sftp.read(&handle, 100_000, 10).expect(status::EOF);
    let reply = sftp.read(&handle, u64::MAX, 10);
    assert!(
        matches!(reply, Reply::Status(code, _) if code != status::OK),
        "{reply:?}"
    );
    sftp.close(&handle).expect(status::OK);
    wharf.write("empty", "");
    let handle = sftp.open_file("empty", open_flag::READ);
    sftp.read(&handle, 0, 10).expect(status::EOF);
}

#[test]
fn a_new_file_appears_whole_at_the_close() {
    let (wharf, mut sftp) = start();
    let content = pattern(2, 90_000);
    let handle = sftp.open_file("f", open_flag::NEW);
    sftp.write(&handle, 0, &content).expect(status::OK);
    assert!(!wharf.path("f").exists(), "it is there before the close");
    sftp.close(&handle).expect(status::OK);
    assert_bytes("f", &content, &wharf.read("f"));
    let left = tree::names(wharf.root());
    assert_eq!(left, [b"f".to_vec()], "nothing else is left");
}

/// pkg/sftp sends the rest of its buffer after the last piece of a file, in the version that rclone of
/// Debian 12 has; OpenSSH passes over it.
#[test]
fn bytes_after_the_data_of_a_write_are_passed_over() {
    let (wharf, mut sftp) = start();
    let handle = sftp.open_file("f", open_flag::NEW);
    let words = body().string(&handle).u64(0).string("the end");
    let words = words.raw(&[b'x'; 30_000]);
    sftp.ask(kind::WRITE, &words).expect(status::OK);
    sftp.close(&handle).expect(status::OK);
    assert_eq!(wharf.read("f"), b"the end");
}

#[test]
fn an_old_file_stays_until_the_close_and_its_readers_read_on() {
    let (wharf, mut sftp) = start();
    wharf.write("f", "old");
    let reader = sftp.open_file("f", open_flag::READ);
    let writer = sftp.open_file("f", open_flag::NEW);
    sftp.write(&writer, 0, b"the new content")
        .expect(status::OK);
    assert_eq!(wharf.read("f"), b"old");
    sftp.close(&writer).expect(status::OK);
    assert_eq!(wharf.read("f"), b"the new content");
    assert_eq!(sftp.read(&reader, 0, 100).data(), b"old");
}

#[test]
fn the_flags_of_open_mean_what_the_draft_says() {
    let (wharf, mut sftp) = start();
    wharf.write("old", "0123456789");
    let open = |flags| body().string("none").u32(flags).u32(0);
    let reply = sftp.ask(kind::OPEN, &open(open_flag::READ));
    reply.expect_cause(status::NO_SUCH_FILE, "C-7");
    let reply = sftp.ask(kind::OPEN, &open(open_flag::WRITE));
    reply.expect_cause(status::NO_SUCH_FILE, "C-7");
    // Exclusively, over what is there.
    let flags = open_flag::WRITE | open_flag::CREATE | open_flag::EXCLUSIVE;
    let reply = sftp.ask(kind::OPEN, &body().string("old").u32(flags).u32(0));
    reply.expect_cause(status::FAILURE, "C-15");
    // Without TRUNC the old content stays where nothing is written.
    let handle = sftp.open_file("old", open_flag::WRITE);
    sftp.write(&handle, 3, b"abc").expect(status::OK);
    sftp.close(&handle).expect(status::OK);
    assert_eq!(wharf.read("old"), b"012abc6789");
    // APPEND writes at the end, whatever the offset.
    let handle = sftp.open_file("old", open_flag::WRITE | open_flag::APPEND);
    sftp.write(&handle, 0, b"XY").expect(status::OK);
    sftp.close(&handle).expect(status::OK);
    assert_eq!(wharf.read("old"), b"012abc6789XY");
    // What is written can be read by the same handle.
    let flags = open_flag::READ | open_flag::NEW;
    let handle = sftp.open_file("both", flags);
    sftp.write(&handle, 0, b"back").expect(status::OK);
    assert_eq!(sftp.read(&handle, 0, 100).data(), b"back");
    sftp.close(&handle).expect(status::OK);
    // And not by one that was opened for one of the two.
    let reader = sftp.open_file("old", open_flag::READ);
    assert!(matches!(sftp.write(&reader, 0, b"x"), Reply::Status(code, _) if code != status::OK));
    let writer = sftp.open_file("written", open_flag::NEW);
    assert!(matches!(sftp.read(&writer, 0, 1), Reply::Status(code, _) if code > status::EOF));
}

#[test]
fn the_mode_of_a_new_file_is_kept() {
    use std::os::unix::fs::PermissionsExt;
    let (wharf, mut sftp) = start();
    let open = body().string("f").u32(open_flag::NEW).u32(4).u32(0o600);
    let handle = sftp.ask(kind::OPEN, &open).handle();
    sftp.close(&handle).expect(status::OK);
    let mode = fs::metadata(wharf.path("f"))
        .expect("f")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn what_is_no_file_is_not_opened_as_one() {
    let (wharf, mut sftp) = start();
    fs::create_dir(wharf.path("folder")).expect("a folder");
    for flags in [open_flag::READ, open_flag::NEW] {
        let reply = sftp.ask(kind::OPEN, &body().string("folder").u32(flags).u32(0));
        reply.expect_cause(status::FAILURE, "C-8");
    }
    symlink("/etc/passwd", wharf.path("outside")).expect("a link");
    let reply = sftp.ask(kind::OPEN, &body().string("outside").u32(1).u32(0));
    assert!(
        matches!(reply, Reply::Status(code, _) if code != status::OK),
        "{reply:?}"
    );
}

#[test]
fn rename_replaces_nothing_and_posix_rename_does() {
    let (wharf, mut sftp) = start();
    wharf.write("a", "a");
    wharf.write("b", "b");
    let names = body().string("a").string("b");
    let reply = sftp.ask(kind::RENAME, &names);
    reply.expect_cause(status::FAILURE, "C-15");
    assert_eq!(
        (wharf.read("a"), wharf.read("b")),
        (b"a".to_vec(), b"b".to_vec())
    );
    sftp.extended("posix-rename@openssh.com", &names)
        .expect(status::OK);
    assert_eq!(wharf.read("b"), b"a");
    assert!(!wharf.path("a").exists());
    sftp.ask(kind::RENAME, &body().string("b").string("c"))
        .expect(status::OK);
    assert_eq!(wharf.read("c"), b"a");
    let reply = sftp.ask(kind::RENAME, &body().string("none").string("d"));
    reply.expect_cause(status::NO_SUCH_FILE, "C-7");
}

#[test]
fn files_are_removed_and_folders_are_not() {
    let (wharf, mut sftp) = start();
    wharf.write("f", "x");
    wharf.write("folder/g", "x");
    sftp.ask(kind::REMOVE, &body().string("f"))
        .expect(status::OK);
    assert!(!wharf.path("f").exists());
    let reply = sftp.ask(kind::REMOVE, &body().string("f"));
    reply.expect_cause(status::NO_SUCH_FILE, "C-7");
    let reply = sftp.ask(kind::REMOVE, &body().string("folder"));
    reply.expect_cause(status::FAILURE, "C-8");
    assert!(wharf.path("folder/g").exists());
}

/// The draft has it the other way round; every client does as OpenSSH does.
#[test]
fn symlink_takes_what_the_link_says_first() {
    let (wharf, mut sftp) = start();
    wharf.write("f", "x");
    let words = body().string("f").string("link");
    sftp.ask(kind::SYMLINK, &words).expect(status::OK);
    assert_eq!(
        fs::read_link(wharf.path("link"))
            .expect("a link")
            .as_os_str(),
        "f"
    );
    assert_eq!(
        sftp.ask(kind::READLINK, &body().string("link")).path(),
        b"f"
    );
    let reply = sftp.ask(kind::SYMLINK, &words);
    reply.expect_cause(status::FAILURE, "C-15");
    let reply = sftp.ask(kind::READLINK, &body().string("f"));
    assert!(
        matches!(reply, Reply::Status(code, _) if code != status::OK),
        "{reply:?}"
    );
}

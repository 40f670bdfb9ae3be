//! STAT and its kin, SETSTAT and its kin.

use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};

use wharf_tests::sftp::{Reply, body, kind, open_flag, status};

use super::start;

#[test]
fn stat_follows_links_and_lstat_does_not() {
    let (wharf, mut sftp) = start();
    wharf.write("f", "12345");
    symlink("f", wharf.path("link")).expect("a link");
    symlink("nowhere", wharf.path("dangling")).expect("a link");
    let told = sftp.stat("link").attributes();
    assert_eq!(told.size, Some(5));
    assert_eq!(told.mode.map(|mode| mode & 0o170_000), Some(0o100_000));
    let on_disk = fs::metadata(wharf.path("f")).expect("f");
    assert_eq!(
        told.times.map(|(_, changed)| i64::from(changed)),
        Some(on_disk.mtime())
    );
    let told = sftp.ask(kind::LSTAT, &body().string("link")).attributes();
    assert_eq!(told.mode.map(|mode| mode & 0o170_000), Some(0o120_000));
    sftp.stat("dangling")
        .expect_cause(status::NO_SUCH_FILE, "C-7");
    sftp.ask(kind::LSTAT, &body().string("dangling"))
        .attributes();
    sftp.stat("none").expect_cause(status::NO_SUCH_FILE, "C-7");
    let told = sftp.stat("/").attributes();
    assert_eq!(told.mode.map(|mode| mode & 0o170_000), Some(0o040_000));
    let handle = sftp.open_file("f", open_flag::READ);
    let told = sftp.ask(kind::FSTAT, &body().string(&handle)).attributes();
    assert_eq!(told.size, Some(5));
}

#[test]
fn setstat_sets_size_mode_and_times() {
    let (wharf, mut sftp) = start();
    wharf.write("f", "0123456789");
    let both = body()
        .string("f")
        .u32(12)
        .u32(0o640)
        .u32(1_000_000)
        .u32(2_000_000);
    sftp.ask(kind::SETSTAT, &both).expect(status::OK);
    let metadata = fs::metadata(wharf.path("f")).expect("f");
    assert_eq!(metadata.mode() & 0o7777, 0o640);
    assert_eq!((metadata.atime(), metadata.mtime()), (1_000_000, 2_000_000));
    sftp.ask(kind::SETSTAT, &body().string("f").u32(1).u64(4))
        .expect(status::OK);
    assert_eq!(wharf.read("f"), b"0123");
    sftp.ask(kind::SETSTAT, &body().string("f").u32(0))
        .expect(status::OK);
    let reply = sftp.ask(kind::SETSTAT, &body().string("none").u32(4).u32(0o600));
    reply.expect_cause(status::NO_SUCH_FILE, "C-7");
}

/// As OpenSSH's `put -p` does it: on the handle, before the close.
#[test]
fn fsetstat_on_an_upload_holds_after_the_close() {
    let (wharf, mut sftp) = start();
    let handle = sftp.open_file("f", open_flag::NEW);
    sftp.write(&handle, 0, b"content").expect(status::OK);
    let set = body()
        .string(&handle)
        .u32(12)
        .u32(0o604)
        .u32(1_000_000)
        .u32(2_000_000);
    sftp.ask(kind::FSETSTAT, &set).expect(status::OK);
    sftp.close(&handle).expect(status::OK);
    let metadata = fs::metadata(wharf.path("f")).expect("f");
    assert_eq!(
        (metadata.mode() & 0o7777, metadata.mtime()),
        (0o604, 2_000_000)
    );
    // The size of what is being written, to both sides.
    let handle = sftp.open_file("f", open_flag::NEW);
    sftp.write(&handle, 0, b"0123456789").expect(status::OK);
    for (size, wanted) in [(4, b"0123".as_slice()), (6, b"0123\0\0")] {
        let set = body().string(&handle).u32(1).u64(size);
        sftp.ask(kind::FSETSTAT, &set).expect(status::OK);
        let told = sftp.ask(kind::FSTAT, &body().string(&handle)).attributes();
        assert_eq!(told.size, Some(size), "{wanted:?}");
    }
    sftp.close(&handle).expect(status::OK);
    assert_eq!(wharf.read("f"), b"0123\0\0");
}

/// What a client has made is there for it, as sshfs expects: it asks and sets by name while the
/// file is open.
#[test]
fn an_open_upload_is_there_by_name_for_its_own_session() {
    let (wharf, mut sftp) = start();
    let handle = sftp.open_file("f", open_flag::NEW | open_flag::EXCLUSIVE);
    assert_eq!(sftp.stat("f").attributes().size, Some(0));
    let lstat = sftp.ask(kind::LSTAT, &body().string("f"));
    assert_eq!(lstat.attributes().size, Some(0));
    sftp.write(&handle, 0, b"content").expect(status::OK);
    assert_eq!(sftp.stat("f").attributes().size, Some(7));
    for set in [
        body().string("f").u32(4).u32(0o600),
        body().string("f").u32(8).u32(1_000_000).u32(2_000_000),
        body().string("f").u32(1).u64(4),
    ] {
        sftp.ask(kind::SETSTAT, &set).expect(status::OK);
    }
    sftp.close(&handle).expect(status::OK);
    let metadata = fs::metadata(wharf.path("f")).expect("f");
    assert_eq!(metadata.mode() & 0o7777, 0o600);
    assert_eq!(wharf.read("f"), b"cont");
}

#[test]
fn lsetstat_sets_the_link_and_not_what_it_says() {
    let (wharf, mut sftp) = start();
    wharf.write("f", "x");
    symlink("f", wharf.path("link")).expect("a link");
    let before = fs::metadata(wharf.path("f")).expect("f").mtime();
    let set = body().string("link").u32(8).u32(1_000_000).u32(2_000_000);
    sftp.extended("lsetstat@openssh.com", &set)
        .expect(status::OK);
    assert_eq!(fs::metadata(wharf.path("f")).expect("f").mtime(), before);
    let link = fs::symlink_metadata(wharf.path("link")).expect("the link");
    assert_eq!(link.mtime(), 2_000_000);
}

#[test]
fn a_size_nobody_has_room_for_is_refused() {
    let (wharf, mut sftp) = start();
    wharf.write("f", "x");
    for size in [u64::MAX, 1 << 63] {
        let reply = sftp.ask(kind::SETSTAT, &body().string("f").u32(1).u64(size));
        assert!(
            matches!(reply, Reply::Status(code, _) if code != status::OK),
            "{reply:?}"
        );
    }
    assert_eq!(wharf.read("f"), b"x");
}

//! What each extension answers.

use std::fs;
use std::os::unix::fs::MetadataExt;

use aws_lc_rs::digest;
use wharf_tests::sftp::{Fields, Reply, body, kind, open_flag, status};
use wharf_tests::{assert_bytes, pattern, show};

use super::start;

#[test]
fn statvfs_tells_of_the_disk() {
    let (wharf, mut sftp) = start();
    wharf.write("f", "x");
    let handle = sftp.open_file("f", open_flag::READ);
    let by_name = sftp.extended("statvfs@openssh.com", &body().string("f"));
    let by_handle = sftp.extended("fstatvfs@openssh.com", &body().string(&handle));
    for reply in [by_name, by_handle] {
        let bytes = reply.extended();
        let numbers: Vec<u64> = bytes
            .chunks(8)
            .map(|bytes| u64::from_be_bytes(bytes.try_into().expect("eight bytes")))
            .collect();
        let [block, fragment, blocks, free, available, .., longest_name] = numbers[..] else {
            panic!("{numbers:?}");
        };
        assert_eq!(numbers.len(), 11, "{numbers:?}");
        assert!(block > 0 && fragment > 0 && blocks > 0, "{numbers:?}");
        assert!(free <= blocks && available <= free, "{numbers:?}");
        assert!(longest_name >= 200, "{numbers:?}");
    }
    let reply = sftp.extended("statvfs@openssh.com", &body().string("none"));
    reply.expect_cause(status::NO_SUCH_FILE, "C-7");
}

#[test]
fn space_available_agrees() {
    let (_wharf, mut sftp) = start();
    let reply = sftp.extended("space-available", &body().string("/"));
    let bytes = reply.extended();
    let mut fields = Fields(&bytes);
    let numbers: Vec<_> = (0..4).map_while(|_| fields.u64()).collect();
    let unit = fields.u32().expect("an allocation unit");
    let [device, unused, for_user, unused_for_user] = numbers[..] else {
        panic!("{numbers:?}");
    };
    assert!(fields.0.is_empty(), "{bytes:?}");
    assert!(
        device >= unused && for_user >= unused_for_user,
        "{numbers:?}, {unit}"
    );
}

#[test]
fn paths_are_expanded_and_homes_are_told() {
    let (_wharf, mut sftp) = start();
    for (asked, wanted) in [
        ("~", "/"),
        ("~/a", "/a"),
        ("a/../b", "/b"),
        ("~wharf/x", "/x"),
    ] {
        let reply = sftp.extended("expand-path@openssh.com", &body().string(asked));
        assert_eq!(show(&reply.path()), wanted, "{asked}");
    }
    for name in ["", "wharf"] {
        let reply = sftp.extended("home-directory", &body().string(name));
        assert_eq!(reply.path(), b"/", "{name}");
    }
    // Nobody learns who else there is.
    for name in ["root", "nobody-at-all"] {
        let reply = sftp.extended("home-directory", &body().string(name));
        assert!(
            matches!(reply, Reply::Status(code, _) if code != status::OK),
            "{reply:?}"
        );
    }
}

#[test]
fn copy_data_copies_within_the_server() {
    let (wharf, mut sftp) = start();
    let content = pattern(1, 300_000);
    wharf.write("from", &content);
    let from = sftp.open_file("from", open_flag::READ);
    let to = sftp.open_file("to", open_flag::NEW);
    let words = |start, length, at| {
        body()
            .string(&from)
            .u64(start)
            .u64(length)
            .string(&to)
            .u64(at)
    };
    // A length of 0 is all of the rest.
    sftp.extended("copy-data", &words(100_000, 0, 0))
        .expect(status::OK);
    sftp.extended("copy-data", &words(0, 50, 200_000))
        .expect(status::OK);
    sftp.close(&to).expect(status::OK);
    let wanted = [&content[100_000..], &content[..50]].concat();
    assert_bytes("to", &wanted, &wharf.read("to"));
    // Onto itself, where the two would overlap.
    let both = sftp.open_file("to", open_flag::READ | open_flag::WRITE);
    let overlap = body().string(&both).u64(0).u64(100).string(&both).u64(50);
    let reply = sftp.extended("copy-data", &overlap);
    assert!(
        matches!(reply, Reply::Status(code, _) if code != status::OK),
        "{reply:?}"
    );
    let forged = body().string("nobody's").u64(0).u64(0).string(&both).u64(0);
    sftp.extended("copy-data", &forged).expect(status::FAILURE);
}

#[test]
fn hardlink_makes_a_second_name() {
    let (wharf, mut sftp) = start();
    wharf.write("f", "x");
    let names = body().string("f").string("g");
    sftp.extended("hardlink@openssh.com", &names)
        .expect(status::OK);
    let inode = |name| fs::metadata(wharf.path(name)).expect("a file").ino();
    assert_eq!(inode("f"), inode("g"));
    let reply = sftp.extended("hardlink@openssh.com", &names);
    reply.expect_cause(status::FAILURE, "C-15");
}

#[test]
fn fsync_is_answered_before_the_close() {
    let (wharf, mut sftp) = start();
    let handle = sftp.open_file("f", open_flag::NEW);
    sftp.write(&handle, 0, b"synced").expect(status::OK);
    sftp.extended("fsync@openssh.com", &body().string(&handle))
        .expect(status::OK);
    sftp.close(&handle).expect(status::OK);
    assert_eq!(wharf.read("f"), b"synced");
    let reply = sftp.extended("fsync@openssh.com", &body().string(&handle));
    reply.expect(status::FAILURE);
}

#[test]
fn users_and_groups_have_as_many_names_as_were_asked_for() {
    let (_wharf, mut sftp) = start();
    let users = body().u32(0).u32(4_000_000).done();
    let groups = body().u32(0).done();
    let words = body().string(users).string(groups);
    let bytes = sftp
        .extended("users-groups-by-id@openssh.com", &words)
        .extended();
    let mut fields = Fields(&bytes);
    let (users, groups) = (
        fields.string().expect("users"),
        fields.string().expect("groups"),
    );
    assert!(fields.0.is_empty());
    for (list, wanted) in [(users, 2), (groups, 1)] {
        let mut list = Fields(list);
        let names: Vec<_> = std::iter::from_fn(|| list.string()).collect();
        assert_eq!(names.len(), wanted, "{names:?}");
    }
}

#[test]
fn check_file_hashes() {
    let (wharf, mut sftp) = start();
    let content = pattern(3, 100_000);
    wharf.write("f", &content);
    let handle = sftp.open_file("f", open_flag::READ);
    for (request, what) in [
        ("check-file-name", b"f".to_vec()),
        ("check-file-handle", handle),
    ] {
        let words = |start: u64, length: u64, block: u32| {
            let words = body().string(&what).string("nonsense,sha256,md5");
            words.u64(start).u64(length).u32(block)
        };
        let hash = |bytes: &[u8]| digest::digest(&digest::SHA256, bytes).as_ref().to_vec();
        let bytes = sftp.extended(request, &words(0, 0, 0)).extended();
        let mut fields = Fields(&bytes);
        assert_eq!(fields.string(), Some(b"sha256".as_slice()), "{request}");
        assert_eq!(fields.0, hash(&content), "{request}");
        let bytes = sftp.extended(request, &words(1000, 2000, 1000)).extended();
        let wanted = [hash(&content[1000..2000]), hash(&content[2000..3000])].concat();
        assert!(bytes.ends_with(&wanted), "{request}: two blocks");
        let reply = sftp.ask(
            kind::EXTENDED,
            &body()
                .string(request)
                .string(&what)
                .string("nonsense")
                .u64(0)
                .u64(0)
                .u32(0),
        );
        assert!(
            matches!(reply, Reply::Status(code, _) if code != status::OK),
            "{reply:?}"
        );
    }
}

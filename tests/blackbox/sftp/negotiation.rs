//! Versions, lengths, and packets that cannot be understood.

use std::time::Duration;

use wharf_tests::program::contains;
use wharf_tests::sftp::{Sftp, body, kind, packet, status};
use wharf_tests::show;
use wharf_tests::ssh::Ssh;

use super::{start, start_with};

#[test]
fn version_3_is_spoken_with_its_extensions() {
    let (_wharf, sftp) = start();
    let told: Vec<_> = sftp
        .extensions
        .iter()
        .map(|(name, data)| (show(name), show(data)))
        .collect();
    for (name, data) in EXTENSIONS {
        let wanted = ((*name).to_owned(), (*data).to_owned());
        assert!(told.contains(&wanted), "{wanted:?} is not in {told:?}");
    }
    assert!(told.iter().any(|(name, _)| name == "vendor-id"), "{told:?}");
    for number in 1..told.len() {
        let name = &told[number].0;
        let before = told[..number].iter().any(|(other, _)| other == name);
        assert!(!before, "{name} is told twice");
    }
}

#[test]
fn a_client_of_a_later_version_is_answered_with_3() {
    let (wharf, _) = start();
    for version in [3_u32, 4, 6, u32::MAX] {
        let mut sftp = Sftp::before_init(&Ssh::of(&wharf), 10);
        // With an extension of the client's, as the draft allows.
        let init = body().u8(kind::INIT).u32(version);
        let init = init.string("newline@vandyke.com").string("\n").done();
        sftp.send_raw(&body().string(init).done());
        assert_eq!(sftp.version().0, 3, "asked for {version}");
        sftp.stat("/").attributes();
    }
}

#[test]
fn nothing_goes_before_init() {
    let (wharf, _) = start();
    let mut sftp = Sftp::before_init(&Ssh::of(&wharf), 10);
    sftp.send_raw(&packet(kind::STAT, 1, &body().string("/")));
    sftp.expect_end();
}

#[test]
fn a_packet_may_come_in_pieces_and_several_at_once() {
    let (wharf, mut sftp) = start();
    wharf.write("f", "12345");
    for byte in packet(kind::STAT, 77, &body().string("f")) {
        sftp.send_raw(&[byte]);
        std::thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(sftp.reply(77).attributes().size, Some(5));
    let many: Vec<u8> = (1000..1100)
        .flat_map(|id| packet(kind::STAT, id, &body().string("f")))
        .collect();
    sftp.send_raw(&many);
    for id in 1000..1100 {
        assert_eq!(sftp.reply(id).attributes().size, Some(5));
    }
}

/// A request that cannot be understood is answered with its own id, and the next one is served.
#[test]
fn what_cannot_be_understood_is_a_bad_message_with_its_id() {
    let (_wharf, mut sftp) = start();
    let endless = body().u32(u32::MAX).raw(b"name");
    let odd = [
        ("no path", kind::STAT, body()),
        ("a path longer than the packet", kind::STAT, endless),
        ("bytes after the end", kind::STAT, body().string("/").u32(7)),
        ("no flags", kind::OPEN, body().string("f")),
        ("no length", kind::READ, body().string("handle").u64(0)),
        ("half an offset", kind::READ, body().string("handle").u32(0)),
        ("no data", kind::WRITE, body().string("handle").u64(0)),
        ("no handle", kind::CLOSE, body()),
        ("no name", kind::EXTENDED, body()),
        (
            "a cut extension",
            kind::EXTENDED,
            body().string("statvfs@openssh.com"),
        ),
        (
            "attributes cut short",
            kind::SETSTAT,
            body().string("f").u32(1).u32(0),
        ),
    ];
    for (index, (what, kind, body)) in odd.into_iter().enumerate() {
        let id = 0x00C0_FFEE + u32::try_from(index).expect("few");
        sftp.send_raw(&packet(kind, id, &body));
        let (found, reply) = sftp.any_reply();
        assert_eq!(found, id, "{what}: {reply:?}");
        let text = reply.expect(status::BAD_MESSAGE);
        assert!(!text.is_empty(), "{what}: no text");
    }
    sftp.stat("/").attributes();
}

#[test]
fn requests_of_unknown_kinds_are_unsupported() {
    let (_wharf, mut sftp) = start();
    // LINK, BLOCK and UNBLOCK of later drafts, and what nobody has thought of.
    for kind in [21, 22, 23, 99, 101, 199, 255] {
        sftp.ask(kind, &body().string("/"))
            .expect(status::OP_UNSUPPORTED);
    }
    for name in ["nobody@example.com", "", "STATVFS@openssh.com"] {
        sftp.extended(name, &body().string("/"))
            .expect(status::OP_UNSUPPORTED);
    }
    sftp.stat("/").attributes();
}

#[test]
fn a_second_init_ends_it() {
    let (_wharf, mut sftp) = start();
    sftp.send_raw(&body().u32(5).u8(kind::INIT).u32(3).done());
    sftp.expect_end();
}

#[test]
fn limits_are_told_and_are_true() {
    let (wharf, mut sftp) = start_with("[ssh]\nmax_handles = 7\n");
    wharf.write("f", vec![b'x'; 600_000]);
    let told = sftp.extended("limits@openssh.com", &body()).extended();
    let numbers: Vec<u64> = told
        .chunks(8)
        .map(|bytes| u64::from_be_bytes(bytes.try_into().expect("eight bytes")))
        .collect();
    let [packet, read, write, handles] = numbers[..] else {
        panic!("{numbers:?}");
    };
    assert_eq!((packet, handles), (262_144, 7));
    assert!(read >= 255 * 1024 && write >= 255 * 1024, "{numbers:?}");
    let handle = sftp.open_file("f", wharf_tests::sftp::open_flag::READ);
    let length = u32::try_from(read).expect("a packet's length");
    assert_eq!(sftp.read(&handle, 0, length).data().len() as u64, read);
    let new = sftp.open_file("new", wharf_tests::sftp::open_flag::NEW);
    let longest = vec![b'y'; usize::try_from(write).expect("a packet's length")];
    sftp.write(&new, 0, &longest).expect(status::OK);
    sftp.close(&new).expect(status::OK);
    assert!(contains(&wharf.read("new"), &longest[..1000]));
}

const EXTENSIONS: &[(&str, &str)] = &[
    ("posix-rename@openssh.com", "1"),
    ("statvfs@openssh.com", "2"),
    ("fstatvfs@openssh.com", "2"),
    ("hardlink@openssh.com", "1"),
    ("fsync@openssh.com", "1"),
    ("lsetstat@openssh.com", "1"),
    ("limits@openssh.com", "1"),
    ("expand-path@openssh.com", "1"),
    ("copy-data", "1"),
    ("home-directory", "1"),
    ("users-groups-by-id@openssh.com", "1"),
    ("check-file-name", "1"),
    ("check-file-handle", "1"),
    ("space-available", "1"),
];

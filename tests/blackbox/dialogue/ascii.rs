//! TYPE A converts, both ways, honestly.

use std::io::Write;

use wharf_tests::{Wharf, assert_bytes, data, session_dialogue};

#[test]
fn line_ends_are_converted_both_ways() {
    let wharf = Wharf::start();
    wharf.write("unix.txt", "one\ntwo\n\nfour");
    session_dialogue(
        &wharf,
        "C: TYPE A
         S: 200 ...
         D: passive
         C: RETR unix.txt
         S: 150 ...
         D< one\\r\\ntwo\\r\\n\\r\\nfour
         S: 226 ...
         D: passive
         C: STOR network.txt
         S: 150 ...
         D> one\\r\\ntwo\\r\\n\\r\\nfour
         S: 226 ...
         C: TYPE I
         S: 200 ...
         D: passive
         C: RETR unix.txt
         S: 150 ...
         D< one\\ntwo\\n\\nfour
         S: 226 ...",
    );
    assert_eq!(wharf.read("network.txt"), b"one\ntwo\n\nfour");
}

#[test]
fn a_session_begins_in_ascii() {
    // RFC 959 section 5.1: the default is ASCII Non-print.
    let wharf = Wharf::start();
    wharf.write("unix.txt", "one\ntwo\n");
    let mut control = wharf.connect();
    control.login(wharf.account());
    assert_eq!(control.retrieve("RETR unix.txt"), b"one\r\ntwo\r\n");
}

#[test]
fn a_line_end_may_be_cut_in_two() {
    let wharf = Wharf::start();
    let mut control = wharf.session();
    control.expect("TYPE A", 200);
    let mut upload = control.begin("STOR cut.txt");
    for piece in [
        b"one\r".as_slice(),
        b"\ntwo\r",
        b"three\r\r",
        b"\n",
        b"\r\n",
        b"end\r",
    ] {
        upload.write_all(piece).expect("a piece");
        upload.flush().expect("a flush");
        // The server answers NOOP while bytes flow; by then it has had the chance to read the
        // piece on its own.
        control.expect("NOOP", 200);
    }
    drop(upload);
    control.await_code(226);
    // A CR that no LF follows stays.
    assert_eq!(wharf.read("cut.txt"), b"one\ntwo\rthree\r\n\nend\r");
}

#[test]
fn large_texts_come_through_whole() {
    let wharf = Wharf::start();
    let mut text = Vec::new();
    let mut number = 0_u64;
    while text.len() < 1_300_000 {
        writeln!(text, "line {number} {}", "x".repeat((number % 97) as usize)).expect("a Vec");
        number += 1;
    }
    let network: Vec<u8> = text
        .iter()
        .flat_map(|&byte| {
            if byte == b'\n' {
                vec![b'\r', b'\n']
            } else {
                vec![byte]
            }
        })
        .collect();
    wharf.write("large.txt", &text);
    let mut control = wharf.session();
    control.expect("TYPE A", 200);
    assert_bytes(
        "the download",
        &network,
        &control.retrieve("RETR large.txt"),
    );
    control.store("STOR back.txt", &network);
    assert_bytes("the upload", &text, &wharf.read("back.txt"));
}

#[test]
fn size_counts_what_would_be_sent() {
    let wharf = Wharf::start();
    wharf.write("unix.txt", "one\ntwo\n");
    let large = fs_sparse(&wharf, "large.bin", 1 << 30);
    session_dialogue(
        &wharf,
        "C: SIZE unix.txt
         S: 213 8
         C: SIZE large.bin
         S: 213 1073741824
         C: TYPE A
         S: 200 ...
         C: SIZE unix.txt
         S: 213 10
         # The converted size would need a GiB read.
         C: SIZE large.bin
         S: 550 ...
         C: TYPE I
         S: 200 ...
         C: SIZE missing
         S: 550 ...
         C: SIZE /
         S: 550 ...",
    );
    drop(large);
}

#[test]
fn an_offset_in_ascii_is_refused() {
    let wharf = Wharf::start();
    wharf.write("unix.txt", "one\ntwo\n");
    session_dialogue(
        &wharf,
        "C: TYPE A
         S: 200 ...
         C: REST 4
         S: 504 ...
         C: REST 0
         S: 350 ...
         D: passive
         C: RETR unix.txt
         S: 150 ...
         D< one\\r\\ntwo\\r\\n
         S: 226 ...",
    );
}

#[test]
fn an_offset_set_in_binary_does_not_slip_into_ascii() {
    let wharf = Wharf::start();
    wharf.write("unix.txt", "one\ntwo\n");
    let mut control = wharf.session();
    control.expect("REST 4", 350);
    control.expect("TYPE A", 200);
    // REST holds for the next command only, and TYPE was it.
    assert_eq!(control.retrieve("RETR unix.txt"), b"one\r\ntwo\r\n");
}

#[test]
fn listings_end_their_lines_with_crlf_in_every_type() {
    let wharf = Wharf::start();
    wharf.write("f", "1");
    let mut control = wharf.session();
    for kind in ["TYPE A", "TYPE I"] {
        control.expect(kind, 200);
        for command in ["LIST", "NLST", "MLSD"] {
            let raw = control.retrieve(command);
            assert!(!data::split_lines(&raw).is_empty(), "{command} in {kind}");
            assert!(
                !raw.windows(2).any(|pair| pair == b"\r\r"),
                "{command} in {kind}"
            );
        }
    }
}

fn fs_sparse(wharf: &Wharf, name: &str, size: u64) -> std::fs::File {
    let file = std::fs::File::create(wharf.path(name)).expect("a file");
    file.set_len(size).expect("a sparse file");
    file
}

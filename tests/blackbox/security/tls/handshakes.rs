//! Rows M11 and P15: handshakes in pieces, handshakes that are none, handshakes again.

use std::io::{Read, Write};
use std::time::Duration;

use wharf_tests::program::Program;
use wharf_tests::tls::hello::{Answer, Hello, answer, split_records};
use wharf_tests::{Control, Tls, Wharf, data, pattern, probe};

use super::{failed, told, unhurt};

#[test]
fn m11_a_hello_of_one_byte_per_record_is_a_hello() {
    let mut wharf = Wharf::with().implicit().start();
    wharf.write("f", "content");
    for tls in [Tls::v12(), Tls::v13()] {
        for size in [1, 2, 5, 100] {
            let mut control = wharf.session_tls(&tls.clone().pieces(size));
            // The data connections' handshakes are cut as well.
            assert_eq!(control.retrieve("RETR f"), b"content", "pieces of {size}");
            control.store("STOR up", b"content");
        }
        let mut control = wharf.connect_implicit(&tls.pieces(1));
        control.login(wharf.account());
    }
    assert!(told(&wharf, "tls_failed").is_empty());
    unhurt(&mut wharf);
}

#[test]
fn m11_what_is_no_handshake_is_an_alert_or_an_end() {
    let mut wharf = Wharf::with().implicit().start();
    let hello = Hello::v12().record();
    let (cut, _) = split_records(&hello, 1);
    let broken: Vec<(&str, Vec<u8>)> = vec![
        ("a record of nothing", vec![22, 3, 1, 0, 0]),
        (
            "a record too long",
            [&[22, 3, 1, 0xff, 0xff], &pattern(1, 70_000)[..]].concat(),
        ),
        ("an alert first", vec![21, 3, 1, 0, 2, 1, 0]),
        ("application data first", vec![23, 3, 3, 0, 3, 1, 2, 3]),
        ("a change of ciphers first", vec![20, 3, 3, 0, 1, 1]),
        ("a server's hello", vec![22, 3, 3, 0, 4, 2, 0, 0, 0]),
        (
            "an SSL 2 hello",
            vec![0x80, 0x2e, 1, 3, 1, 0, 0x15, 0, 0, 0, 0x10],
        ),
        (
            "a hello and garbage",
            [&hello[..], &pattern(2, 500)[..]].concat(),
        ),
        (
            "a hello cut short",
            hello.get(..60).expect("60 bytes").to_vec(),
        ),
        (
            "an unknown version",
            [&[22, 9, 9, 0, 4, 1, 0, 0, 0][..]].concat(),
        ),
        (
            "records of nothing, and more",
            [22, 3, 1, 0, 0].repeat(2000),
        ),
        ("pieces between which there is another record", {
            let mut mixed = cut.get(..60).expect("60 bytes").to_vec();
            mixed.extend_from_slice(&[21, 3, 1, 0, 2, 1, 90]);
            mixed.extend_from_slice(&cut[60..]);
            mixed
        }),
    ];
    for (what, bytes) in broken {
        let mut socket = data::open(wharf.implicit());
        // It may be closed before all of it is sent.
        let _ = socket.write_all(&bytes);
        data::finish(&socket);
        let answer = match answer(&mut socket) {
            // After which its own end, or an alert, comes.
            Answer::ServerHello if what.contains("hello") => Answer::Closed,
            // What does not begin as a handshake may be somebody who reads text.
            Answer::Clear(text) if bytes[0] != 22 && text.starts_with(b"421 ") => Answer::Closed,
            other => other,
        };
        assert!(
            matches!(answer, Answer::Alert(_) | Answer::Closed),
            "{what}: {answer:?}"
        );
    }
    for seed in 0..40 {
        let mut garbage = pattern(seed, 600);
        garbage.splice(..3, [22, 3, 1]);
        if seed % 2 == 0 {
            garbage.splice(3..9, [2, 0, 1, 0, 1, 0xfc]);
        }
        let mut socket = data::open(wharf.implicit());
        let _ = socket.write_all(&garbage);
        data::finish(&socket);
        assert!(
            !matches!(answer(&mut socket), Answer::ServerHello),
            "seed {seed}"
        );
    }
    unhurt(&mut wharf);
}

/// A message that says it is 16 MiB long, and its bytes for as long as anybody takes them.
#[test]
fn m11_a_hello_without_end_costs_no_memory() {
    let mut wharf = Wharf::with().implicit().start();
    // What a first login needs is there from now on.
    drop(wharf.session());
    let before = probe::resident(wharf.pid());
    let mut record = vec![22, 3, 1, 0x40, 0x00];
    record.extend_from_slice(&pattern(3, 0x4000));
    record.splice(5..9, [1, 0xff, 0xff, 0xff]);
    let mut socket = data::open(wharf.implicit());
    let mut sent = 0;
    while sent < 640 && socket.write_all(&record).is_ok() {
        record.splice(5..9, [7, 7, 7, 7]);
        sent += 1;
    }
    assert!(sent < 640, "10 MiB of one message were taken");
    let after = probe::resident(wharf.pid());
    assert!(after < before + (4 << 20), "from {before} to {after} bytes");
    unhurt(&mut wharf);
}

#[test]
fn p15_there_is_no_renegotiation() {
    let mut wharf = Wharf::start();
    let run = |name: &str, input: &str| {
        Program::new("openssl", "openssl")
            .folder(wharf.scratch().base())
            .args(["s_client", "-starttls", "ftp", "-tls1_2", "-connect"])
            .arg(wharf.host())
            .arg(name)
            .input(input)
            .limit(Duration::from_secs(30))
            .run()
    };
    // `R` at the beginning of a line asks for a new handshake.
    let finished = run("-legacy_renegotiation", "R\nNOOP\nR\nR\n");
    let said = finished.to_string();
    assert!(
        said.contains("RENEGOTIATING"),
        "it was not even asked for:\n{said}"
    );
    assert!(
        said.contains("no renegotiation") || !finished.status.success(),
        "it was taken:\n{said}"
    );
    unhurt(&mut wharf);
}

#[test]
fn m11_the_end_in_the_middle_of_a_handshake_is_an_end() {
    let mut wharf = Wharf::with()
        .settings("[limits]\nsessions = 3\n")
        .implicit()
        .start();
    let hello = Hello::v12().record();
    for reset in [false, true] {
        for count in [0, 1, 5, 40, hello.len()] {
            let mut socket = data::open(wharf.implicit());
            let part = hello.get(..count).expect("a part of it");
            socket.write_all(part).expect("a part");
            if reset {
                data::reset(socket);
            } else {
                drop(socket);
            }
        }
    }
    // Each has given its place back.
    let free = probe::eventually(wharf_tests::PATIENCE, || {
        let mut control = Control::open(wharf.address());
        control.reply().code == 220
    });
    assert!(free, "places are not given back");
    unhurt(&mut wharf);
}

/// A client of implicit TLS on the port that begins in clear: named, not answered as a command.
#[test]
fn p13_tls_where_a_command_is_awaited_is_named() {
    let mut wharf = Wharf::start();
    let mut socket = data::open(wharf.address());
    let mut greeting = [0; 4];
    socket.read_exact(&mut greeting).expect("a greeting");
    assert_eq!(&greeting, b"220 ");
    socket
        .write_all(&Hello::v12().record())
        .expect("a ClientHello");
    let (bytes, _) = data::read_what_comes(socket);
    assert!(!bytes.windows(4).any(|said| said == b"\n500"), "{bytes:?}");
    failed(&wharf, "F-2");
    unhurt(&mut wharf);
}

/// What a server says when it stops would be taken for TLS by a client that waits for TLS.
#[test]
fn p10_a_server_that_stops_says_nothing_in_clear_to_whom_it_owes_tls() {
    let mut wharf = Wharf::with().implicit().start();
    let mut control = wharf.connect();
    control.expect("AUTH TLS", 234);
    let explicit = control.stream().try_clone().expect("a second handle");
    let mut implicit = data::open(wharf.implicit());
    let hello = Hello::v12().record();
    let half = hello.get(..hello.len() / 2).expect("a half");
    implicit.write_all(half).expect("half a ClientHello");
    wharf.wait_event("connected", |event| event["session"] == 2);
    wharf.signal(rustix::process::Signal::TERM);
    for socket in [explicit, implicit] {
        let (bytes, _) = data::read_what_comes(socket);
        assert!(bytes.is_empty(), "{bytes:?}");
    }
    let ended = wharf.ended(Duration::from_secs(20));
    assert!(ended.success(), "{ended}");
}

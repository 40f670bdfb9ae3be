//! Rows F19 to F24: odd files, odd names, and what a reply gives away.

use std::os::unix::fs::symlink;
use std::process::Command;
use std::time::{Duration, Instant};

use wharf_tests::program::contains;
use wharf_tests::{Control, Wharf, data, tree};

#[test]
fn f19_what_is_no_file_is_refused_at_once() {
    let wharf = Wharf::start();
    let made = Command::new("mkfifo")
        .arg(wharf.path("fifo"))
        .status()
        .expect("mkfifo");
    assert!(made.success());
    let socket = std::os::unix::net::UnixListener::bind(wharf.path("socket")).expect("a socket");
    let mut control = wharf.session();
    for name in ["fifo", "socket"] {
        let since = Instant::now();
        assert_eq!(
            control.fetch(format!("RETR {name}")).reply.code,
            550,
            "{control}"
        );
        for verb in ["STOR", "APPE"] {
            let reply = control.put(format!("{verb} {name}"), b"x");
            assert!(
                [550, 553].contains(&reply.code),
                "{verb} {name}: {reply}\n{control}"
            );
        }
        control.expect(format!("SIZE {name}"), 550);
        control.fetch(format!("LIST {name}"));
        control.command(format!("MLST {name}"));
        assert!(
            since.elapsed() < Duration::from_secs(2),
            "{:?}",
            since.elapsed()
        );
        control.expect("NOOP", 200);
    }
    drop(socket);
}

#[test]
fn f21_replies_tell_nothing_of_the_host() {
    let wharf = Wharf::start();
    wharf.write("folder/f", "1");
    symlink("/etc/passwd", wharf.path("there")).expect("a link");
    symlink("/etc/no-such-file", wharf.path("not there")).expect("a link");
    let base = wharf.scratch().base().to_str().expect("UTF-8").to_owned();
    let mut control = wharf.session();
    for verb in VERBS_WITH_PATHS {
        for path in [
            "missing",
            "folder",
            "folder/f/g",
            "there",
            "../..",
            "x/y/z",
            "/",
        ] {
            if verb.starts_with("RM") && path == "folder" {
                continue;
            }
            talk(&mut control, verb, path);
        }
        // What exists outside and what does not look the same.
        let there = talk(&mut control, verb, "there");
        let not_there = talk(&mut control, verb, "not there");
        assert_eq!(
            there.replace("there", "X"),
            not_there.replace("not there", "X"),
            "{verb} tells whether a file outside exists"
        );
    }
    control.command("HELP");
    control.command("STAT");
    control.command("FEAT");
    for line in control.transcript() {
        assert!(!line.contains(&base), "the host's path in: {line}");
        assert!(!line.contains("os error"), "the system's words in: {line}");
    }
}

fn talk(control: &mut Control, verb: &str, path: &str) -> String {
    let command = format!("{verb} {path}");
    let reply = match *verb.as_bytes() {
        [b'R', b'E', b'T', b'R', ..] => control.fetch(command).reply,
        [b'S', b'T', b'O', b'R', ..] | [b'A', b'P', b'P', b'E', ..] => control.put(command, b""),
        _ => control.command(command),
    };
    reply.to_string()
}

const VERBS_WITH_PATHS: &[&str] = &[
    "RETR",
    "APPE",
    "SIZE",
    "MDTM",
    "CWD",
    "MKD",
    "RMD",
    "RNTO",
    "MFMT 20200101000000",
    "SITE CHMOD 644",
];

#[test]
fn f24_control_bytes_in_names_are_refused_and_listed_safely() {
    let wharf = Wharf::start();
    wharf.write("f", "1");
    let mut control = wharf.session();
    for verb in [
        "MKD",
        "RNTO",
        "SITE SYMLINK f",
        "DELE",
        "RETR",
        "CWD",
        "SIZE",
        "STOR",
    ] {
        for name in [b"a\0b".as_slice(), b"a\rb", b"\0", b"a\r\0b"] {
            if verb == "RNTO" {
                control.expect("RNFR f", 350);
            }
            let reply = control.command([verb.as_bytes(), b" ", name].concat());
            assert!(
                reply.code == 553 || reply.code == 501,
                "{verb}: {reply}\n{control}"
            );
        }
    }
    assert_eq!(control.command(b"MKD a\0b").code, 553, "{control}");
    assert_eq!(tree::names(wharf.root()), [b"f"]);
    // A line feed ends the line: what follows is a command of its own, never part of a name.
    control.send_raw(b"MKD a\r\nPWD\r\n");
    control.await_code(257);
    control.await_code(257);

    let evil: [&[u8]; 5] = [
        b"new\nline",
        b"re\rturn",
        b"esc\x1b[31m",
        b"bell\x07",
        b"tab\there",
    ];
    for name in evil {
        tree::write(wharf.root(), name, b"");
    }
    for command in ["LIST", "NLST", "MLSD", "LIST -a", "LIST -R"] {
        let bytes = control.retrieve(command);
        for line in data::split_lines(&bytes) {
            assert!(
                !line.contains(&b'\n') && !line.contains(&b'\r'),
                "{command}"
            );
            assert!(!line.contains(&0x1b) || command != "LIST", "{command}");
        }
        assert!(
            !contains(&bytes, b"\nline"),
            "{command} has a name of two lines"
        );
    }
    let lines = control.listing("LIST");
    assert!(
        lines.iter().any(|line| contains(line, b"esc?[31m")),
        "escaped, not left out"
    );
    control.expect_any("STAT /", &[211, 212, 213]);
    control.expect("NOOP", 200);
}

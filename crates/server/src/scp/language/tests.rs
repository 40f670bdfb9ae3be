use proptest::prelude::*;

use super::*;

fn read(line: &str) -> Result<Command, Unusable> {
    command(line.as_bytes()).expect("a command of scp")
}

fn texts(command: &Command) -> Vec<&str> {
    let texts = command.paths.iter();
    texts
        .map(|word| std::str::from_utf8(&word.text).unwrap())
        .collect()
}

#[test]
fn commands_as_clients_send_them() {
    for (line, direction, flags, paths) in [
        // OpenSSH, with and without what -v adds, and a name that begins with a dash.
        ("scp -t .", Direction::ToServer, "", &["."][..]),
        ("scp -v -r -p -d -t in", Direction::ToServer, "rpd", &["in"]),
        ("scp -f -- -x", Direction::ToClient, "", &["-x"]),
        (
            "scp -f a b 'c d'",
            Direction::ToClient,
            "",
            &["a", "b", "c d"],
        ),
        // PuTTY's pscp.
        (
            "scp -r -p -d -f \"a b\"",
            Direction::ToClient,
            "rpd",
            &["a b"],
        ),
        // libssh2.
        (
            "scp -pt '/a'\"'\"'b'\\!'c'",
            Direction::ToServer,
            "p",
            &["/a'b!c"],
        ),
        // scp.py, JSch and others.
        ("scp -rpf 'x'", Direction::ToClient, "rp", &["x"]),
        ("/usr/bin/scp -qt ~", Direction::ToServer, "", &["."]),
        (
            "scp -f ~/x ~y '~' \\~/z a~",
            Direction::ToClient,
            "",
            &["./x", "~y", "~", "~/z", "a~"],
        ),
        ("  scp\t-t   ''  ", Direction::ToServer, "", &[""]),
        ("scp -f a -r", Direction::ToClient, "", &["a", "-r"]),
        ("scp -f -", Direction::ToClient, "", &["-"]),
    ] {
        let command = read(line).unwrap_or_else(|error| panic!("{line}: {error}"));
        assert_eq!(command.direction, direction, "{line}");
        assert_eq!(texts(&command), paths, "{line}");
        for (flag, letter) in [
            (command.recursive, 'r'),
            (command.preserve, 'p'),
            (command.into_directory, 'd'),
        ] {
            assert_eq!(flag, flags.contains(letter), "{line}: -{letter}");
        }
    }
}

#[test]
fn what_is_not_scp_is_somebody_elses() {
    for line in [
        "",
        "ls",
        "scpx -t a",
        "'scp' -t a",
        "cd x; scp -t a",
        "rsync --server",
    ] {
        assert_eq!(command(line.as_bytes()), None, "{line}");
    }
}

#[test]
fn what_cannot_be_done_is_told() {
    for (line, why) in [
        ("scp", Unusable::NoDirection),
        ("scp a b", Unusable::NoDirection),
        ("scp -t", Unusable::NoPath),
        ("scp -t --", Unusable::NoPath),
        ("scp -tf x", Unusable::BothDirections),
        ("scp -t a b", Unusable::SeveralTargets),
        ("scp -tS x y", Unusable::Option(b'S')),
        ("scp --help", Unusable::Option(b'-')),
        ("scp -f 'x", Unusable::Quote),
        ("scp -f \"x", Unusable::Quote),
        ("scp -f x\\", Unusable::Quote),
        ("scp -f $HOME/x", Unusable::ForShell(b'$')),
        ("scp -f \"$(id)\"", Unusable::ForShell(b'$')),
        ("scp -f `id`", Unusable::ForShell(b'`')),
        ("scp -t x;id", Unusable::ForShell(b';')),
        ("scp -t x && id", Unusable::ForShell(b'&')),
        ("scp -t x\nid", Unusable::ForShell(b'\n')),
    ] {
        assert_eq!(read(line), Err(why), "{line}");
    }
}

#[test]
fn patterns_are_what_is_not_quoted() {
    for (word, pattern) in [
        ("*.txt", Some("*.txt")),
        ("a/b/?x", Some("?x")),
        ("'a*'", None),
        ("\\*", None),
        ("'[a]'*", Some("\\[\\a\\]*")),
        ("a*/b", None),
        ("a*/'b*'", None),
        ("*'/'x", None),
    ] {
        let command = read(&format!("scp -f {word}")).unwrap();
        let [word_read] = &command.paths[..] else {
            panic!("{word} is not one word");
        };
        let pattern = pattern.map(|pattern| pattern.as_bytes().to_vec());
        assert_eq!(word_read.pattern, pattern, "{word}");
    }
}

#[test]
fn lines() {
    for (text, line) in [
        (
            "C0644 5 a b",
            Line::File {
                mode: 0o644,
                size: 5,
                name: b"a b",
            },
        ),
        (
            "C0644 9223372036854775807 x",
            Line::File {
                mode: 0o644,
                size: i64::MAX as u64,
                name: b"x",
            },
        ),
        (
            "D2755 0 x",
            Line::Directory {
                mode: 0o2755,
                name: b"x",
            },
        ),
        (
            "T1700000000 0 1700000001 0",
            Line::Times(Times {
                modified: 1_700_000_000,
                accessed: 1_700_000_001,
            }),
        ),
        ("E", Line::Up),
    ] {
        assert_eq!(Line::read(text.as_bytes()), Ok(line), "{text}");
    }
    for text in [
        "",
        "X",
        "E ",
        "C0644 5",
        "C0644  x",
        "C0648 5 x",
        "C 5 x",
        "C0644 -5 x",
        "C0644 +5 x",
        "C0644 9223372036854775808 x",
        "C0644 5x x",
        "D0755 x",
        "T1 0 1",
        "T1 0 1 0 0",
        "T-1 0 1 0",
    ] {
        assert!(Line::read(text.as_bytes()).is_err(), "{text}");
    }
}

#[test]
fn c1_a_name_is_one_component() {
    for name in ["a", "...", "a b", "-", "\\", "..x", "ä", "\u{1}"] {
        assert!(Name::new(name.as_bytes()).is_ok(), "{name}");
    }
    for name in [
        "", ".", "..", "/", "/a", "a/", "a/b", "../a", "a\0b", "a\rb", "a\nb",
    ] {
        assert!(Name::new(name.as_bytes()).is_err(), "{name}");
    }
}

#[test]
fn what_is_told_is_one_line() {
    assert_eq!(warning("a\nb\u{1b}c"), b"\x01scp: a?b?c\n");
    assert_eq!(fatal("x"), b"\x02scp: x\n");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    /// However a name is quoted, it is read as it was.
    #[test]
    fn quoting_and_reading_are_inverse(name in prop::collection::vec(1_u8.., 1..40), how in 0..3) {
        let mut line = b"scp -f -- ".to_vec();
        match how {
            0 => name.iter().for_each(|byte| line.extend([b'\\', *byte])),
            1 => {
                line.push(b'\'');
                for byte in &name {
                    match byte {
                        b'\'' => line.extend(b"'\\''"),
                        byte => line.push(*byte),
                    }
                }
                line.push(b'\'');
            }
            _ => {
                line.push(b'"');
                for byte in &name {
                    if matches!(byte, b'$' | b'`' | b'"' | b'\\') {
                        line.push(b'\\');
                    }
                    line.push(*byte);
                }
                line.push(b'"');
            }
        }
        // A shell takes a backslash and a line feed for nothing; here it is a line feed.
        let command = command(&line).unwrap().unwrap();
        prop_assert_eq!(&command.paths, &[Word { text: name, pattern: None }]);
    }

    #[test]
    fn any_bytes_are_a_command_or_not(line in prop::collection::vec(any::<u8>(), 0..60)) {
        let _ = command(&line);
        let _ = command(&[b"scp -f ", &line[..]].concat());
    }

    #[test]
    fn written_lines_are_read(
        mode in 0_u32..0o10000,
        size in 0..=i64::MAX as u64,
        name in "[^\n]{1,20}",
        up in any::<bool>(),
    ) {
        let name = name.as_bytes();
        let line = match (up, size % 3) {
            (true, _) => Line::Up,
            (false, 0) => Line::File { mode, size, name },
            (false, 1) => Line::Directory { mode, name },
            _ => Line::Times(Times { modified: size, accessed: size / 2 }),
        };
        let written = line.write();
        prop_assert_eq!(Line::read(written.strip_suffix(b"\n").unwrap()), Ok(line));
    }
}

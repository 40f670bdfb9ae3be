use std::net::{Ipv4Addr, Ipv6Addr, SocketAddrV4};

use proptest::prelude::*;
use secrecy::ExposeSecret;

use super::*;

/// Shows everything, the password too, which `Debug` does not.
fn shown(command: &Command) -> String {
    match command {
        Command::Pass(secret) | Command::Acct(secret) => {
            format!("{:?} {:?}", command.verb(), secret.expose_secret())
        }
        other => format!("{other:?}"),
    }
}

fn check(line: &[u8], expected: Command) {
    let read = Command::parse_any(line).unwrap_or_else(|error| panic!("{line:?}: {error:?}"));
    assert_eq!(shown(&read), shown(&expected), "{line:?}");
}

fn path(text: &str) -> Path {
    text.as_bytes().into()
}

fn code(line: &[u8]) -> u16 {
    Command::parse(line).map_or_else(|error| error.code(), |command| panic!("{command:?}"))
}

#[test]
fn only_the_first_space_is_not_the_names() {
    check(b"retr a b ", Command::Retr(path("a b ")));
    check(b"RETR  a", Command::Retr(path(" a")));
    check(b"XCWD /", Command::Cwd(path("/")));
    check(b"PASS ", Command::Pass(Vec::new().into()));
    check(b"PASS", Command::Pass(Vec::new().into()));
    check(b"PASS  a ", Command::Pass(b" a ".to_vec().into()));
    check(b"PWD ", Command::Pwd);
    check(b"NOOP are you there", Command::Noop);
    check(b"STOR \xff\xfe", Command::Stor(vec![0xff, 0xfe].into()));
}

#[test]
fn codes_of_refusals() {
    for (line, expected) in [
        (&b""[..], 500),
        (b" NOOP", 500),
        (b"NOOPE", 500),
        (b"SITE EXEC ls", 500),
        (b"SITE", 501),
        (b"USER", 501),
        (b"CWD", 501),
        (b"CWD ", 501),
        (b"PWD x", 501),
        (b"PASV x", 501),
        (b"TYPE", 501),
        (b"TYPE X", 501),
        (b"TYPE E", 504),
        (b"TYPE A T", 504),
        (b"TYPE A C", 504),
        (b"TYPE L 7", 504),
        (b"TYPE L", 501),
        (b"STRU R", 504),
        (b"STRU P", 504),
        (b"STRU X", 501),
        (b"MODE Z", 504),
        (b"MODE B", 504),
        (b"MODE C", 504),
        (b"MODE X", 501),
        (b"PORT 1,2,3", 501),
        (b"PORT 127,0,0,1,0,0", 501),
        (b"EPRT |3|x|1|", 522),
        (b"EPRT |2|::1%lo|99999|", 501),
        (b"EPSV 3", 522),
        (b"EPSV x", 501),
        (b"AUTH TLS", 502),
        (b"AUTH", 502),
        (b"PBSZ 0", 502),
        (b"HASH x", 502),
        (b"SMNT x", 502),
        (b"SITE CPFR x", 502),
        (b"SITE WHO", 502),
        (b"SITE CHMOD 888 x", 501),
        (b"SITE CHMOD 17777 x", 501),
        (b"SITE CHMOD 644", 501),
        (b"SITE UMASK 1000", 501),
        (b"SITE IDLE -1", 501),
        (b"SITE SYMLINK a", 501),
        (b"ALLO", 501),
        (b"ALLO 1 X 2", 501),
        (b"MFMT 2020 x", 501),
        (b"MFMT 20200101000000", 501),
        (b"MFF modify=20200101000000 x", 501),
        (b"MFF modify=x; x", 501),
        (b"MFF colour=red; x", 504),
        (b"OPTS", 501),
        (b"RANG 5 4", 501),
        (b"RANG 5", 501),
        (b"HOST", 501),
    ] {
        assert_eq!(code(line), expected, "{:?}", String::from_utf8_lossy(line));
    }
}

#[test]
fn r8_rest_is_a_u63_in_digits() {
    check(b"REST 0", Command::Rest(0));
    check(
        b"REST 9223372036854775807",
        Command::Rest(i64::MAX.unsigned_abs()),
    );
    for line in [
        &b"REST"[..],
        b"REST ",
        b"REST -5",
        b"REST +5",
        b"REST 5x",
        b"REST  5",
        b"REST 0x5",
        b"REST 9223372036854775808",
        b"REST 99999999999999999999999",
        b"RANG 0 9223372036854775808",
    ] {
        assert_eq!(code(line), 501, "{line:?}");
    }
    check(b"RANG 1 0", Command::Rang { start: 1, end: 0 });
    check(b"RANG 5 5", Command::Rang { start: 5, end: 5 });
}

#[test]
fn f24_no_argument_holds_nul_cr_or_lf() {
    for line in [
        &b"MKD a\0b"[..],
        b"MKD a\r\nQUIT",
        b"MKD a\rb",
        b"PASS a\0",
        b"SITE CHMOD 644 a\nb",
    ] {
        assert_eq!(code(line), 553, "{line:?}");
    }
    assert_eq!(code(b"MK\0 a"), 500);
    for name in [&b"a\r\nQUIT"[..], b"a\0b", b"a\n"] {
        assert_eq!(
            Command::Mkd(name.into()).encode(),
            Err(crate::line::Unsayable)
        );
    }
}

#[test]
fn list_options_end_where_a_path_begins() {
    let arguments = |line: &[u8]| match Command::parse(line) {
        Ok(Command::List(arguments)) => arguments,
        other => panic!("{other:?}"),
    };
    let with_path = |text: &str| ListArguments {
        path: Some(path(text)),
        ..ListArguments::default()
    };
    assert_eq!(arguments(b"LIST"), ListArguments::default());
    assert_eq!(arguments(b"LIST "), ListArguments::default());
    assert_eq!(arguments(b"LIST -F"), ListArguments::default());
    let all = ListArguments {
        all: true,
        long: true,
        ..ListArguments::default()
    };
    assert_eq!(arguments(b"LIST -al"), all);
    assert_eq!(arguments(b"LIST -a -l "), all);
    assert_eq!(
        arguments(b"LIST -al my dir -R"),
        ListArguments {
            path: Some(path("my dir -R")),
            ..all
        }
    );
    let read = arguments(b"LIST -al  x");
    assert_eq!(read.path, Some(path(" x")));
    assert_eq!(arguments(b"LIST -"), with_path("-"));
    assert_eq!(arguments(b"LIST -- -a"), with_path("-a"));
    assert_eq!(arguments(b"LIST -- --"), with_path("--"));
    assert_eq!(arguments(b"LIST ./-a"), with_path("./-a"));
    assert_eq!(arguments(b"LIST -draft.txt"), with_path("-draft.txt"));
    assert!(matches!(Command::parse(b"STAT"), Ok(Command::Stat(None))));
    assert!(matches!(
        Command::parse(b"STAT -l"),
        Ok(Command::Stat(Some(_)))
    ));
}

#[test]
fn forms_real_clients_send() {
    let at = Timestamp::parse(b"20200102030405").unwrap();
    check(b"TYPE a n", Command::Type(TypeCode::Ascii));
    check(b"TYPE L 8", Command::Type(TypeCode::Image));
    check(b"opts utf8 on", Command::Opts(OptsArgument::Utf8(true)));
    check(b"OPTS UTF8", Command::Opts(OptsArgument::Utf8(true)));
    check(b"OPTS UTF8 OFF", Command::Opts(OptsArgument::Utf8(false)));
    check(
        b"OPTS MLST type;size;",
        Command::Opts(OptsArgument::Mlst(vec![path("type"), path("size")])),
    );
    check(b"OPTS MLST", Command::Opts(OptsArgument::Mlst(Vec::new())));
    // lftp
    check(
        b"SITE CHMOD 644 a b",
        Command::Site(SiteCommand::Chmod {
            mode: 0o644,
            path: path("a b"),
        }),
    );
    check(
        b"MFF UNIX.mode=644; a",
        Command::Mff {
            facts: vec![Fact::Mode(0o644)],
            path: path("a"),
        },
    );
    let utime = Command::Site(SiteCommand::Utime {
        modified: at,
        path: path("a b"),
    });
    check(b"SITE UTIME 20200102030405 a b", utime.clone());
    check(
        b"SITE UTIME a b 20210101000000 20200102030405 20210101000000 UTC",
        utime,
    );
    check(
        b"SITE UTIME 202001020304 a",
        Command::Site(SiteCommand::Utime {
            modified: Timestamp::parse(b"20200102030400").unwrap(),
            path: path("a"),
        }),
    );
    check(
        b"SITE SYMLINK \"to \"\"x\"\" y\" a b",
        Command::Site(SiteCommand::Symlink {
            target: path("to \"x\" y"),
            path: path("a b"),
        }),
    );
    check(
        b"MDTM a",
        Command::Mdtm {
            path: path("a"),
            set: None,
        },
    );
    check(
        b"MDTM 20200102030405 a",
        Command::Mdtm {
            path: path("20200102030405 a"),
            set: Some((at, path("a"))),
        },
    );
    check(
        b"XCRC \"a b\" 0 5",
        Command::Xcrc(RangeOfFile {
            path: path("a b"),
            start: Some(0),
            end: Some(5),
        }),
    );
    check(b"EPSV all", Command::Epsv(EpsvArgument::All));
    check(b"AUTH tls-c", Command::Auth(Mechanism::Tls));
}

#[test]
fn passwords_are_bounded_and_not_shown() {
    let line = [b"PASS ".as_slice(), &vec![b'a'; MAX_PASSWORD + 1]].concat();
    assert_eq!(code(&line), 501);
    let command = Command::parse(b"PASS hunter2").unwrap();
    assert!(!format!("{command:?}").contains("hunter2"));
}

#[test]
fn facts_cannot_smuggle_facts() {
    for owner in ["a;UNIX.mode=0777", "a b", ""] {
        let facts = vec![Fact::Owner(path(owner))];
        let command = Command::Mff {
            facts,
            path: path("x"),
        };
        assert_eq!(command.encode(), Err(crate::line::Unsayable), "{owner}");
    }
}

fn a_path() -> impl Strategy<Value = Path> {
    let tricky = prop::sample::select(vec![
        "-a",
        "--",
        "-- -a",
        "-",
        " a",
        "a ",
        "\"q\"",
        "20200102030405 a",
        "x UTC",
        "a 20200101000000 20200101000000 20200101000000 UTC",
        "-a b",
        "1 2",
        "~",
        "a;b=c;",
    ]);
    prop_oneof![
        tricky.prop_map(path),
        prop::collection::vec(
            any::<u8>().prop_filter("sayable", |byte| !matches!(byte, 0 | b'\r' | b'\n')),
            1..30
        )
        .prop_map(Into::into),
    ]
}

fn a_time() -> impl Strategy<Value = Timestamp> {
    (Timestamp::MIN.seconds..=Timestamp::MAX.seconds, 0_u32..1000).prop_map(|(seconds, millis)| {
        Timestamp {
            seconds,
            nanos: millis * 1_000_000,
        }
    })
}

fn a_word() -> impl Strategy<Value = Path> {
    "[a-zA-Z0-9.]{1,12}".prop_map(|text| path(&text))
}

fn an_offset() -> impl Strategy<Value = u64> {
    prop_oneof![
        Just(0),
        Just(i64::MAX.unsigned_abs()),
        0..=i64::MAX.unsigned_abs()
    ]
}

fn list_arguments() -> impl Strategy<Value = ListArguments> {
    (any::<[bool; 6]>(), prop::option::of(a_path())).prop_map(
        |([all, long, recursive, by_time, reverse, one_per_line], path)| ListArguments {
            all,
            long,
            recursive,
            by_time,
            reverse,
            one_per_line,
            path,
        },
    )
}

fn a_range() -> impl Strategy<Value = RangeOfFile> {
    (
        a_path(),
        prop::option::of((an_offset(), prop::option::of(an_offset()))),
    )
        .prop_map(|(path, numbers)| RangeOfFile {
            path,
            start: numbers.map(|(start, _)| start),
            end: numbers.and_then(|(_, end)| end),
        })
}

fn a_fact() -> impl Strategy<Value = Fact> {
    prop_oneof![
        a_time().prop_map(Fact::Modify),
        a_time().prop_map(Fact::Create),
        (0_u32..=0o7777).prop_map(Fact::Mode),
        a_word().prop_map(Fact::Owner),
        a_word().prop_map(Fact::Group),
    ]
}

fn plain() -> impl Strategy<Value = Command> {
    prop::sample::select(vec![
        Command::Rein,
        Command::Quit,
        Command::Cdup,
        Command::Pwd,
        Command::Pasv,
        Command::Abor,
        Command::Ccc,
        Command::Feat,
        Command::Noop,
        Command::Syst,
        Command::Stat(None),
        Command::Type(TypeCode::Ascii),
        Command::Type(TypeCode::Image),
        Command::Stru(StructureCode::File),
        Command::Mode(ModeCode::Stream),
        Command::Epsv(EpsvArgument::Any),
        Command::Epsv(EpsvArgument::V4),
        Command::Epsv(EpsvArgument::V6),
        Command::Epsv(EpsvArgument::All),
        Command::Auth(Mechanism::Tls),
        Command::Auth(Mechanism::Ssl),
        Command::Prot(Protection::Clear),
        Command::Prot(Protection::Safe),
        Command::Prot(Protection::Confidential),
        Command::Prot(Protection::Private),
        Command::Opts(OptsArgument::Utf8(true)),
        Command::Opts(OptsArgument::Utf8(false)),
        Command::Site(SiteCommand::Help),
        Command::Site(SiteCommand::Quota),
        Command::Site(SiteCommand::Who),
    ])
}

fn with_path() -> impl Strategy<Value = Command> {
    (0_usize..24, a_path()).prop_map(|(which, path)| match which {
        0 => Command::User(path),
        1 => Command::Cwd(path),
        2 => Command::Mkd(path),
        3 => Command::Rmd(path),
        4 => Command::Dele(path),
        5 => Command::Rnfr(path),
        6 => Command::Rnto(path),
        7 => Command::Smnt(path),
        8 => Command::Retr(path),
        9 => Command::Stor(path),
        10 => Command::Stou(Some(path)),
        11 => Command::Appe(path),
        12 => Command::Mlsd(Some(path)),
        13 => Command::Mlst(Some(path)),
        14 => Command::Size(path),
        15 => Command::Help(Some(path)),
        16 => Command::Clnt(path),
        17 => Command::Csid(Some(path)),
        18 => Command::Host(path),
        19 => Command::Lang(Some(path)),
        20 => Command::Hash(path),
        21 => Command::Avbl(Some(path)),
        22 => Command::Site(SiteCommand::Cpfr(path)),
        _ => Command::Site(SiteCommand::Cpto(path)),
    })
}

fn structured() -> impl Strategy<Value = Command> {
    let secret = || a_path().prop_map(|bytes| bytes.to_vec().into());
    prop_oneof![
        secret().prop_map(Command::Pass),
        secret().prop_map(Command::Acct),
        (any::<Ipv4Addr>(), 1_u16..)
            .prop_map(|(ip, port)| Command::Port(SocketAddrV4::new(ip, port))),
        (any::<Ipv6Addr>(), 1_u16..).prop_map(|(ip, port)| Command::Eprt((ip, port).into())),
        an_offset().prop_map(Command::Rest),
        (an_offset(), an_offset()).prop_map(|(a, b)| Command::Rang {
            start: a.min(b),
            end: a.max(b)
        }),
        (an_offset(), prop::option::of(an_offset()))
            .prop_map(|(size, record)| Command::Allo { size, record }),
        list_arguments().prop_map(Command::List),
        list_arguments().prop_map(Command::Nlst),
        list_arguments()
            .prop_map(|arguments| Command::Stat(Some(arguments))),
        a_path().prop_map(|path| {
            let set = argument::time_and_path(&path);
            Command::Mdtm { path, set }
        }),
        (a_time(), a_path()).prop_map(|(time, path)| Command::Mfmt { time, path }),
        (a_time(), a_path()).prop_map(|(time, path)| Command::Mfct { time, path }),
        (prop::collection::vec(a_fact(), 1..4), a_path())
            .prop_map(|(facts, path)| Command::Mff { facts, path }),
        any::<u32>().prop_map(Command::Pbsz),
        prop::collection::vec(a_word(), 0..4)
            .prop_map(|names| Command::Opts(OptsArgument::Mlst(names))),
        prop::option::of(a_word()).prop_map(|name| Command::Opts(OptsArgument::Hash(name))),
        a_word().prop_map(|text| Command::Opts(OptsArgument::ModeZ(text))),
        a_range().prop_map(Command::Xcrc),
        a_range().prop_map(Command::Xsha512),
        (a_path(), prop::collection::vec(a_path(), 1..3))
            .prop_map(|(target, sources)| Command::Comb { target, sources }),
    ]
}

fn site() -> impl Strategy<Value = Command> {
    prop_oneof![
        (0_u32..=0o7777, a_path()).prop_map(|(mode, path)| SiteCommand::Chmod { mode, path }),
        (a_time(), a_path()).prop_map(|(modified, path)| SiteCommand::Utime { modified, path }),
        (a_path(), a_path()).prop_map(|(target, path)| SiteCommand::Symlink { target, path }),
        prop::option::of(0_u32..=0o777).prop_map(SiteCommand::Umask),
        prop::option::of(any::<u64>()).prop_map(SiteCommand::Idle),
    ]
    .prop_map(Command::Site)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn what_is_said_is_what_is_read(
        command in prop_oneof![1 => plain(), 3 => with_path(), 6 => structured(), 3 => site()],
    ) {
        let line = command.encode().unwrap();
        let read = Command::parse_any(line.as_bytes());
        let read = read.map_err(|error| TestCaseError::fail(format!("{error:?}")))?;
        prop_assert_eq!(shown(&read), shown(&command), "{:?}", line.as_bytes());
        prop_assert_eq!(read.verb(), command.verb());
    }

    #[test]
    fn any_line_is_read_without_panic(
        verb in prop::sample::select(crate::verb::table()),
        argument in prop::collection::vec(any::<u8>(), 0..60),
    ) {
        let line = [verb.name.as_bytes(), b" ", &argument].concat();
        if let Ok(command) = Command::parse_any(&line) {
            prop_assert!(command.encode().is_ok());
        }
    }
}

//! Whatever command is said is read again.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddrV4};

use proptest::prelude::*;

use super::*;

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
        Command::Sscn(None),
        Command::Sscn(Some(true)),
        Command::Sscn(Some(false)),
        Command::Cpsv,
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
    (0_usize..23, a_path()).prop_map(|(which, path)| match which {
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
        18 => Command::Lang(Some(path)),
        19 => Command::Hash(path),
        20 => Command::Avbl(Some(path)),
        21 => Command::Site(SiteCommand::Cpfr(path)),
        _ => Command::Site(SiteCommand::Cpto(path)),
    })
}

fn a_host() -> impl Strategy<Value = HostName> {
    prop_oneof![
        "([a-zA-Z0-9_]([a-zA-Z0-9_-]{0,20}[a-zA-Z0-9_])?[.]){0,4}[a-zA-Z]{1,20}[.]?",
        any::<Ipv4Addr>().prop_map(|address| address.to_string()),
        any::<Ipv6Addr>().prop_map(|address| format!("[{address}]")),
    ]
    .prop_map(|text| HostName::parse(text.as_bytes()).unwrap())
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
        list_arguments().prop_map(|arguments| Command::Stat(Some(arguments))),
        a_path().prop_map(|path| {
            let set = argument::time_and_path(&path);
            Command::Mdtm { path, set }
        }),
        (a_time(), a_path()).prop_map(|(time, path)| Command::Mfmt { time, path }),
        (a_time(), a_path()).prop_map(|(time, path)| Command::Mfct { time, path }),
        (prop::collection::vec(a_fact(), 1..4), a_path())
            .prop_map(|(facts, path)| Command::Mff { facts, path }),
        any::<u32>().prop_map(Command::Pbsz),
        a_host().prop_map(Command::Host),
        "[A-Z-]{1,12}".prop_map(|name| {
            let line = format!("AUTH {name}");
            Command::parse_any(line.as_bytes()).unwrap()
        }),
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
        verb in prop::sample::select(verb::table()),
        argument in prop::collection::vec(any::<u8>(), 0..60),
    ) {
        let line = [verb.name.as_bytes(), b" ", &argument].concat();
        if let Ok(command) = Command::parse_any(&line) {
            prop_assert!(command.encode().is_ok());
        }
    }
}

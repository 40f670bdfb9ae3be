use secrecy::ExposeSecret;

use super::*;
use crate::verb;

mod round_trip;

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
        (b"AUTH", 501),
        (b"PBSZ", 501),
        (b"PBSZ -1", 501),
        (b"PBSZ 4294967296", 501),
        (b"PROT", 501),
        (b"PROT PP", 501),
        (b"PROT X", 504),
        (b"CCC x", 501),
        (b"CPSV x", 501),
        (b"SSCN x", 501),
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
        (b"HOST a b", 501),
        (b"HOST 2001:db8::1", 501),
    ] {
        assert_eq!(
            code(line),
            expected,
            "{:?}",
            line.escape_ascii().to_string()
        );
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
}

#[test]
fn forms_of_the_verbs_of_tls() {
    check(b"AUTH tls-c", Command::Auth(Mechanism::Tls));
    check(b"AUTH TLS-P", Command::Auth(Mechanism::Ssl));
    check(b"PROT p", Command::Prot(Protection::Private));
    check(b"SSCN", Command::Sscn(None));
    check(b"sscn on", Command::Sscn(Some(true)));
    check(b"SSCN Off ", Command::Sscn(Some(false)));
    check(
        b"HOST [2001:DB8::1]",
        Command::Host(HostName::parse(b"[2001:db8::1]").unwrap()),
    );
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

/// A line of each verb, so that a verb without a parser is seen.
fn example(verb: Verb) -> &'static str {
    match verb {
        Verb::Port => "1,2,3,4,5,6",
        Verb::Eprt => "|1|1.2.3.4|5|",
        Verb::Type => "I",
        Verb::Stru => "F",
        Verb::Mode => "S",
        Verb::Prot => "P",
        Verb::Auth => "TLS",
        Verb::Host => "ftp.example.com",
        Verb::Sscn => "ON",
        Verb::Rest | Verb::Allo | Verb::Pbsz => "1",
        Verb::Rang => "1 2",
        Verb::Mfmt | Verb::Mfct => "20200102030405 a",
        Verb::Mff => "UNIX.mode=0644; a",
        Verb::Comb => "a b",
        Verb::Site => "HELP",
        Verb::Epsv => "ALL",
        verb if verb.info().help.contains('<') => "a",
        _ => "",
    }
}

#[test]
fn every_verb_is_read_and_said() {
    for row in verb::table() {
        let line = format!("{} {}", row.name, example(row.verb));
        let command = Command::parse_any(line.as_bytes());
        let command = command.unwrap_or_else(|error| panic!("{line}: {error:?}"));
        assert_eq!(command.verb(), row.verb, "{line}");
        let said = command.encode().unwrap();
        assert!(
            said.as_bytes().starts_with(row.verb.info().name.as_bytes()),
            "{line}"
        );
    }
}

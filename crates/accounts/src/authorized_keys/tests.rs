use super::{AddressPatterns, AuthorizedKeys, AuthorizedKeysError};
use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};
use std::time::{Duration, SystemTime};

const ED25519: &str = include_str!("../../testdata/ed25519.pub");
const RSA: &str = include_str!("../../testdata/rsa.pub");
const RSA_1024: &str = include_str!("../../testdata/rsa-1024.pub");

#[test]
fn lines_without_options_are_those_of_pub_files() {
    let text = format!("# comment\r\n\n  \t\n{ED25519}\t{}\r\n", RSA.trim());
    let read = parse(&text);
    assert_eq!(read.problems(), []);
    let [first, second] = read.entries() else {
        panic!("{read:?}");
    };
    assert_eq!((first.line, second.line), (4, 5));
    assert_eq!(first.key, ED25519.parse().unwrap());
    assert_eq!(first.label, "ann@example.org");
    assert!(first.from.is_none() && first.until.is_none() && first.authority.is_none());
}

#[test]
fn options_are_read_as_openssh_reads_them() {
    for options in [
        "restrict",
        "RESTRICT,No-Pty",
        "restrict,pty,port-forwarding,agent-forwarding,X11-forwarding,user-rc",
        "no-agent-forwarding,no-port-forwarding,no-pty,no-user-rc,no-X11-forwarding",
        "no-touch-required",
        "environment=\"A=b c\",permitopen=\"host:1\",permitlisten=\"1\",tunnel=\"0\"",
        "environment=\"A=\\\"b, c\\\"\"",
        "command=\"internal-sftp\"",
        "from=\"10.0.0.0/8,!10.1.0.0/16,2001:db8::*\"",
        "expiry-time=\"20380101\"",
        "cert-authority",
        "cert-authority,principals=\"ann,b c\"",
    ] {
        for (tail, label) in [("", ""), (" her key, \"x\"", "her key, \"x\"")] {
            let (kind, base64) = pair(ED25519);
            let read = parse(&format!("{options} \t{kind}  {base64}{tail}"));
            assert_eq!(read.problems(), [], "{options}");
            assert_eq!(read.entries().len(), 1, "{options}");
            assert_eq!(read.entries()[0].label, label);
        }
    }
    let read = parse(&format!("cert-authority,principals=\"ann,b c\" {ED25519}"));
    let names = vec!["ann".to_owned(), "b c".to_owned()];
    assert_eq!(read.entries()[0].authority, Some(names));
}

#[test]
fn a20_what_is_not_understood_opens_nothing() {
    for (line, told) in [
        ("surprise KEY", "`surprise` is not known"),
        ("restrict,surprise=\"x\" KEY", "`surprise` is not known"),
        ("verify-required KEY", "`verify-required` is not known"),
        ("restrict=\"x\" KEY", "`restrict` takes no value"),
        ("from KEY", "`from` has no value"),
        ("from=10.0.0.0/8 KEY", "not in quotes"),
        ("from=\"10.0.0.0/8 KEY", "has no end"),
        ("from=\"10.0.0.0/8\\\" KEY", "has no end"),
        ("from=\"\" KEY", "an empty pattern"),
        ("from=\"10.0.0.0/8,\" KEY", "an empty pattern"),
        ("from=\"!\" KEY", "an empty pattern"),
        ("from=\"10.0.0.1/8\" KEY", "is not a network"),
        ("from=\"10.0.0.0/33\" KEY", "is not a network"),
        (
            "from=\"*,!bad.example.org\" KEY",
            "`!bad.example.org` is not a pattern of addresses",
        ),
        (
            "from=\"*,!*.example.org\" KEY",
            "is not a pattern of addresses",
        ),
        ("from=\"*\",from=\"*\" KEY", "`from` is there twice"),
        ("from=\"*\"x KEY", "something follows the value of `from`"),
        ("command=\"rsync\" KEY", "ties the key to a command"),
        (
            "command=\"internal-sftp -R\" KEY",
            "ties the key to a command",
        ),
        ("command=\"\" KEY", "ties the key to a command"),
        ("expiry-time=\"2038\" KEY", "is not a date"),
        ("expiry-time=\"20380132\" KEY", "is not a date"),
        ("expiry-time=\"203801010\" KEY", "is not a date"),
        ("expiry-time=\"2038-01-01\" KEY", "is not a date"),
        ("expiry-time=\"203801012460\" KEY", "is not a date"),
        ("expiry-time=\"Z\" KEY", "is not a date"),
        ("expiry-time=\"+0380101\" KEY", "is not a date"),
        ("expiry-time=\"always\" KEY", "is not a date"),
        ("principals=\"a\" KEY", "without `cert-authority`"),
        ("cert-authority,principals=\"a,\" KEY", "an empty name"),
        ("cert-authority,principals=\"\" KEY", "an empty name"),
        ("restrict,,pty KEY", "neither a key nor an option"),
        (",restrict KEY", "neither a key nor an option"),
        ("restrict, KEY", "neither a key nor an option"),
        ("\"restrict\" KEY", "neither a key nor an option"),
        ("restrict", "no key in it"),
        ("restrict ", "no key in it"),
        ("restrict pty KEY", "`pty` are not taken"),
        ("ssh-ed25519", "not a public key"),
        ("ssh-dss AAAA", "`ssh-dss` are not taken"),
        ("ssh-ed25519-cert-v01@openssh.com AAAA", "are not taken"),
    ] {
        let line = line.replace("KEY", ED25519.trim());
        let read = parse(&format!("{line}\n{RSA}"));
        assert_eq!(read.entries().len(), 1, "{line}: only the line after it");
        let [problem] = read.problems() else {
            panic!("{line}: {:?}", read.problems());
        };
        assert!(problem.to_string().starts_with("line 1: "), "{problem}");
        assert!(problem.what.contains(told), "{line}: {problem}");
    }
    let read = parse(RSA_1024);
    assert!(read.problems()[0].what.contains("this one has 1024"));
    let long = format!("environment=\"{}\" {ED25519}", "x".repeat(16384));
    assert!(parse(&long).problems()[0].what.contains("more than 16384"));
    let read = AuthorizedKeys::parse(b"environment=\"\xff\" ssh-ed25519 AAAA").unwrap();
    assert!(read.problems()[0].what.contains("not text"));
}

#[test]
fn a_file_has_its_bounds() {
    let lines = AuthorizedKeys::MAX_LINES;
    let full = "#\n".repeat(lines - 1) + ED25519;
    assert_eq!(parse(&full).entries().len(), 1);
    let over = "#\n".repeat(lines) + ED25519;
    let told = AuthorizedKeys::parse(over.as_bytes());
    assert_eq!(told, Err(AuthorizedKeysError::TooManyLines));
    let long = vec![b'#'; AuthorizedKeys::MAX_BYTES + 1];
    let told = AuthorizedKeys::parse(&long);
    assert_eq!(told, Err(AuthorizedKeysError::TooLong));
    assert!(AuthorizedKeys::parse(&long[1..]).is_ok());
}

#[test]
fn a8_patterns_let_in_and_keep_out() {
    for (patterns, peer, expected) in [
        ("192.0.2.7", "192.0.2.7", true),
        ("192.0.2.7", "::ffff:192.0.2.7", true),
        ("192.0.2.7", "192.0.2.77", false),
        ("192.0.2.*", "192.0.2.77", true),
        ("192.0.2.?", "192.0.2.77", false),
        ("192.0.2.??", "192.0.2.77", true),
        ("*", "2001:db8::1", true),
        ("2001:DB8::*", "2001:db8::1", true),
        ("2001:db8:0::1", "2001:db8::1", true),
        ("10.0.0.0/8,192.0.2.0/24", "192.0.2.7", true),
        ("!192.0.2.7,192.0.2.0/24", "192.0.2.7", false),
        ("192.0.2.0/24,!192.0.2.7", "192.0.2.7", false),
        ("192.0.2.0/24,!192.0.2.7", "192.0.2.8", true),
        ("!192.0.2.7", "192.0.2.8", false),
        ("host.example.org,192.0.2.8", "192.0.2.8", true),
        ("*.example.org", "192.0.2.8", false),
        ("*.cafe", "192.0.2.8", false),
        ("1*2*3*4*5*6*7*8*9*?", "192.0.2.8", false),
    ] {
        let read: AddressPatterns = patterns.parse().unwrap();
        assert_eq!(
            read.allow(peer.parse().unwrap()),
            expected,
            "{patterns} {peer}"
        );
    }
}

#[test]
fn times_without_a_z_are_of_this_machine() {
    let at = |text: &str| {
        parse(&format!("expiry-time=\"{text}\" {ED25519}")).entries()[0]
            .until
            .unwrap()
    };
    let utc = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
    assert_eq!(at("20380101Z"), utc(2_145_916_800));
    assert_eq!(at("203801010000z"), utc(2_145_916_800));
    assert_eq!(at("20380101000000UTC"), utc(2_145_916_800));
    assert_eq!(at("20380101123456Z"), utc(2_145_962_096));
    let day = Duration::from_secs(24 * 3600);
    let local = at("20380101");
    assert!(local > utc(2_145_916_800) - day && local < utc(2_145_916_800) + day);
    let later = Duration::from_secs(62 * 60);
    assert_eq!(at("203801010102"), at("20380101") + later);
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_told_of(bytes in any::<Vec<u8>>()) {
        let read = AuthorizedKeys::parse(&bytes).unwrap();
        let lines = bytes.split(|byte| *byte == b'\n').count();
        prop_assert!(read.entries().len() + read.problems().len() <= lines);
    }

    /// Whatever is put before a key: either it is all understood, or the line counts for nothing.
    #[test]
    fn a20_a_key_is_not_freed_by_damage(options in "[a-z\\-=\",\\\\!*/ .0-9]{0,40}") {
        let line = format!("from=\"10.0.0.0/8\",{options} {ED25519}");
        let peer = "192.0.2.7".parse().unwrap();
        for entry in parse(&line).entries() {
            prop_assert!(!entry.allows(peer, SystemTime::now()), "{}", line);
        }
    }

    #[test]
    fn lines_do_not_change_each_other(before in "[^\n]{0,60}", after in "[^\n]{0,60}") {
        let text = format!("{before}\n{ED25519}{after}");
        let expected = ED25519.parse().unwrap();
        let read = parse(&text);
        let it = read.entries().iter().find(|entry| entry.line == 2);
        prop_assert_eq!(it.map(|entry| &entry.key), Some(&expected));
    }
}

fn parse(text: &str) -> AuthorizedKeys {
    AuthorizedKeys::parse(text.as_bytes()).unwrap()
}

fn pair(line: &str) -> (&str, &str) {
    let mut words = line.split_whitespace();
    (words.next().unwrap(), words.next().unwrap())
}

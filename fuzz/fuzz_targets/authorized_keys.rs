#![no_main]

use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, SystemTime};

use libfuzzer_sys::fuzz_target;
use wharf_accounts::{AuthorizedKeys, PublicKey};

/// The base64 of it, without the options before it and the comment after it.
const KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDtVq1lAsMEsJ0Yl9O5d0vDHVdyYN5wQH4bR9CzI1pQk";

fuzz_target!(|text: &[u8]| {
    let Ok(read) = AuthorizedKeys::parse(text) else {
        assert!(text.len() > AuthorizedKeys::MAX_BYTES || lines(text) > AuthorizedKeys::MAX_LINES);
        return;
    };
    assert!(read.entries().len() + read.problems().len() <= lines(text));
    for entry in read.entries() {
        assert_eq!(entry.key.to_string().parse::<PublicKey>().as_ref(), Ok(&entry.key));
        assert!(!entry.label.chars().any(char::is_control));
    }

    // What stands in one line, between a restriction and the key.
    if text.contains(&b'\n') || text.len() > 4096 {
        return;
    }
    let somewhere = IpAddr::from(Ipv4Addr::new(192, 0, 2, 7));
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(2_000_000_000);
    for restriction in ["from=\"10.0.0.0/8\"", "expiry-time=\"20200101Z\"", "cert-authority"] {
        let start = format!("{restriction},").into_bytes();
        let line = [&start, text, b" ", KEY.as_bytes()].concat();
        let read = AuthorizedKeys::parse(&line).expect("one line");
        for entry in read.entries() {
            assert!(!entry.allows(somewhere, now) || entry.authority.is_some());
        }
    }
});

fn lines(text: &[u8]) -> usize {
    text.split(|byte| *byte == b'\n').count()
}

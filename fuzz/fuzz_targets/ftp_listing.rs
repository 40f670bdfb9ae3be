#![no_main]

use libfuzzer_sys::fuzz_target;
use wharf_ftp::listing::read::{self, MAX_FACTS, is_single_component};
use wharf_ftp::listing::write::{Entry, FactSet, FactType, Kind, facts, name_line, unix_long};
use wharf_ftp::time::Timestamp;

fuzz_target!(|input: (i64, u64, u32, &[u8])| {
    let (seconds, size, mode, text) = input;
    let now = Timestamp {
        seconds,
        nanos: mode,
    };
    let forms = [
        read::line(text, now),
        read::unix_long(text, now),
        read::dos(text),
        read::eplf(text),
        read::mlsx(text),
    ];
    for parsed in forms.into_iter().flatten() {
        assert!(!parsed.name.is_empty());
        assert!(parsed.facts.len() <= MAX_FACTS);
        assert!(parsed.mode.is_none_or(|mode| mode <= 0o7777));
        if is_single_component(&parsed.name) {
            assert!(!parsed.name.contains(&b'/'));
        }
    }

    let entry = Entry {
        name: text,
        kind: Kind::Symlink { target: Some(text) },
        size,
        modified: now,
        created: Some(now),
        mode,
        uid: mode,
        gid: mode,
        links: size,
        device: size,
        inode: size,
    };
    let mut out = Vec::new();
    unix_long(
        &mut out,
        &entry,
        Timestamp {
            seconds: 0,
            nanos: 0,
        },
    );
    assert_one_line(&out);
    for written in [
        |out: &mut Vec<u8>, entry: &Entry<'_>| {
            facts(out, entry, FactSet::ALL, "r", FactType::Entry, "")
        },
        |out: &mut Vec<u8>, entry: &Entry<'_>| name_line(out, entry.name),
    ] {
        out.clear();
        if written(&mut out, &entry) {
            assert_one_line(&out);
        } else {
            assert!(out.is_empty());
        }
    }
});

fn assert_one_line(out: &[u8]) {
    let line = out.strip_suffix(b"\r\n").expect("a line ends");
    assert!(!line.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)));
}

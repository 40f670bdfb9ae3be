use proptest::prelude::*;

use super::*;
use crate::listing::write::{self, Entry, FactSet};

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text.as_bytes()).unwrap()
}

fn now() -> Timestamp {
    at("20260301120000")
}

/// `kind name size modified(precision) mode target`, what of it there is.
fn check(text: &str, expected: &str) {
    let said = line(text.as_bytes(), now()).map(|parsed| {
        let show = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let mut said = format!("{:?} {:?}", parsed.kind, show(&parsed.name));
        if let Some(size) = parsed.size {
            said += &format!(" {size}");
        }
        if let Some(Modified { at, precision }) = parsed.modified {
            said += &format!(" {at} {precision:?}");
        }
        if let Some(mode) = parsed.mode {
            said += &format!(" {mode:04o}");
        }
        if let Some(target) = parsed.target {
            said += &format!(" -> {:?}", show(&target));
        }
        said
    });
    assert_eq!(said.as_deref().unwrap_or("nothing"), expected, "{text}");
}

#[test]
fn unix_dialects() {
    check(
        "-rw-r--r--   1 ann  staff   123 Jan  2 12:34 a b",
        "File \"a b\" 123 20260102123400 Minute 0644",
    );
    check(
        "-rw-r--r--   1 ann  staff   123 Jan  2  2020   leading",
        "File \"  leading\" 123 20200102000000 Day 0644",
    );
    check(
        "-rw-r--r--   1 ann  staff   123 Jan  2 12:34 2020 report",
        "File \"2020 report\" 123 20260102123400 Minute 0644",
    );
    // No group, no owner, neither links.
    check(
        "-rw-r--r-- 1 ann 123 Jan 2 2020 x",
        "File \"x\" 123 20200102000000 Day 0644",
    );
    check(
        "-rw-r--r-- 123 Jan 2 2020 x",
        "File \"x\" 123 20200102000000 Day 0644",
    );
    // Owners with blanks.
    check(
        "-rw-r--r-- 1 ann Domain Users 5 Jan 2 2020 x",
        "File \"x\" 5 20200102000000 Day 0644",
    );
    check(
        "drwxr-xr-x12345 ann g 5 Jan 2 2020 x",
        "Directory \"x\" 5 20200102000000 Day 0755",
    );
}

#[test]
fn unix_kinds() {
    check(
        "drwxrwsr-t+ 2 0 0 4096 Mar  1 12:00 d",
        "Directory \"d\" 4096 20260301120000 Minute 3775",
    );
    check(
        "lrwxrwxrwx 1 0 0 2 Mar  1 12:00 l -> a -> b",
        "Symlink \"l\" 2 20260301120000 Minute 0777 -> \"a -> b\"",
    );
    check(
        "lrwxrwxrwx 1 0 0 2 Mar  1 12:00 l",
        "Symlink \"l\" 2 20260301120000 Minute 0777",
    );
    check(
        "brw-rw---- 1 root disk 8, 0 Mar  1 12:00 sda",
        "Other \"sda\" 20260301120000 Minute 0660",
    );
    check(
        "-rw-r--r-- 1 0 0 2 Mar  1 12:00 a -> b",
        "File \"a -> b\" 2 20260301120000 Minute 0644",
    );
    check(
        "-rwSr-lr-T@ 1 0 0 2 Mar  1 12:00 a",
        "File \"a\" 2 20260301120000 Minute 7644",
    );
    check(
        "d [R----F--] supervisor            512 Jan 16 18:53    login",
        "Directory \"   login\" 512 20260116185300 Minute",
    );
}

#[test]
fn unix_dates() {
    let date = |text: &str, expected: &str| {
        check(
            &format!("-rw-r--r-- 1 0 0 2 {text} x"),
            &format!("File \"x\" 2 {expected} 0644"),
        );
    };
    // Not later than a day from now: else it was last year.
    date("Mar  2 11:59", "20260302115900 Minute");
    date("Mar  2 12:01", "20250302120100 Minute");
    date("Dec 31 23:59", "20251231235900 Minute");
    date("Feb 29 00:00", "20240229000000 Minute");
    date("2 Jan 2020", "20200102000000 Day");
    date("2. Jan 12:34", "20260102123400 Minute");
    date("Jan  2 12:34:56 2020", "20200102123456 Second");
    date("Jan  2 12:34:56", "20260102123456 Second");
    date("2020-01-02 12:34", "20200102123400 Minute");
    date("2020-01-02 12:34:56", "20200102123456 Second");
    date(
        "2020-01-02 12:34:56.789000000 +0130",
        "20200102110456.789 Subsecond",
    );
    check(
        "-rw-r--r-- 1 0 0 2 2020-01-02 12:34 +0200",
        "File \"+0200\" 2 20200102123400 Minute 0644",
    );
}

#[test]
fn dos_dialects() {
    check(
        "01-02-20  05:30PM       <DIR>          a b",
        "Directory \"a b\" 20200102173000 Minute",
    );
    check(
        "01-02-20  05:30PM       <DIR>            a",
        "Directory \"  a\" 20200102173000 Minute",
    );
    check(
        "01-02-2020  12:05AM               123  a",
        "File \" a\" 123 20200102000500 Minute",
    );
    check(
        "01-02-99  12:05PM         1,234,567 a",
        "File \"a\" 1234567 19990102120500 Minute",
    );
    check(
        "2020-01-02  17:30    <DIR>  a",
        "Directory \"a\" 20200102173000 Minute",
    );
    check(
        "01/02/2020  05:30 PM    123 a",
        "File \"a\" 123 20200102173000 Minute",
    );
    check(
        "01-02-20  05:30PM    <SYMLINKD>     l [C:\\x y]",
        "Symlink \"l\" 20200102173000 Minute -> \"C:\\\\x y\"",
    );
}

#[test]
fn eplf_lines() {
    check(
        "+i8388621.29609,m824255902,/,\tdev",
        "Directory \"dev\" 19960213235822 Second",
    );
    check(
        "+i8388621.44468,m839956783,r,s10376,\tRFC EPLF",
        "File \"RFC EPLF\" 10376 19960813171943 Second",
    );
    check("+up644,r,\tx", "File \"x\" 0644");
}

#[test]
fn mlsx_lines() {
    check(
        "type=file;size=123;modify=20200102030405.678;UNIX.mode=0644;  a b",
        "File \" a b\" 123 20200102030405.678 Subsecond 0644",
    );
    check(
        "Type=DIR;Modify=20200102030405 d",
        "Directory \"d\" 20200102030405 Second",
    );
    check("type=OS.unix=slink:/a/b; l", "Symlink \"l\" -> \"/a/b\"");
    check("type=OS.unix=symlink; l", "Symlink \"l\"");
    check("type=OS.unix=chr-1/3; null", "Other \"null\"");
    let about = |text: &[u8]| mlsx(text).unwrap().about;
    assert_eq!(about(b"type=cdir; ."), FactType::CurrentDirectory);
    assert_eq!(about(b"type=pdir; .."), FactType::ParentDirectory);
    assert_eq!(mlsx(b" only a name").unwrap().name.as_ref(), b"only a name");
    let many = [b"a=b;".repeat(1000).as_slice(), b" x"].concat();
    assert_eq!(mlsx(&many).unwrap().facts.len(), MAX_FACTS);
}

#[test]
fn what_is_no_entry() {
    for text in [
        "",
        " ",
        "total 12",
        "-rw-r--r--",
        "-rw-r--r-- 1 0 0 2 Mar  1 12:00",
        "+",
        "+r,",
        "+r,\t",
        "-rw-r--r-- 1 0 0 2 Mar  1 12:00 ",
        "-rw-r--r-- 1 0 0 x Mar  1 12:00 a",
        "-rw-r--r-- 1 0 0 2 Foo  1 12:00 a",
        "-rw-r--r-- 1 0 0 2 Feb 30 2020 a",
        "01-02-20",
        "01-02-20  05:30PM",
        "13-02-20  05:30PM 1 a",
        "01-02-20  13:30PM 1 a",
        "01-02-20  05:30PM       <DIR>",
        "type=file;",
        "type=file; ",
        "ls: no such file",
    ] {
        check(text, "nothing");
    }
}

#[test]
fn names_that_lead_elsewhere() {
    for name in [
        &b""[..],
        b".",
        b"..",
        b"a/b",
        b"/",
        b"../x",
        b"a\0",
        b"a\r",
        b"a\nb",
    ] {
        assert!(!is_single_component(name), "{name:?}");
    }
    for name in [&b"a"[..], b"...", b".a", b"a..b", b"a\\b", b"\xff", b" "] {
        assert!(is_single_component(name), "{name:?}");
    }
}

fn a_name() -> impl Strategy<Value = Vec<u8>> {
    let sayable = |byte: &u8| !byte.is_ascii_control();
    prop::collection::vec(any::<u8>().prop_filter("sayable", sayable), 1..30)
}

proptest! {
    #[test]
    fn unix_listings_come_back(
        name in a_name(),
        target in prop::option::of(a_name()),
        directory in any::<bool>(),
        mode in 0_u32..=0o7777,
        (size, links) in any::<(u64, u64)>(),
        (uid, gid) in any::<(u32, u32)>(),
        age in 0_i64..100_000_000_000,
    ) {
        prop_assume!(target.is_none() || memchr::memmem::find(&name, b" -> ").is_none());
        // An arrow over the border: `a ->` and a target.
        prop_assume!(target.is_none() || !name.ends_with(b" ->"));
        let modified = Timestamp::new(now().seconds - age, 0);
        let kind = match &target {
            Some(target) => write::Kind::Symlink { target: Some(target) },
            None if directory => write::Kind::Directory,
            None => write::Kind::File,
        };
        let entry = Entry {
            name: &name, kind, size, modified, created: None, mode, uid, gid, links,
            device: 0, inode: 0,
        };
        let mut out = Vec::new();
        write::unix_long(&mut out, &entry, now());
        let read = line(out.strip_suffix(b"\r\n").unwrap(), now()).unwrap();
        prop_assert_eq!(&*read.name, name.as_slice());
        prop_assert_eq!(read.target.as_deref(), target.as_deref());
        prop_assert_eq!(read.mode, Some(mode));
        prop_assert_eq!(read.size, Some(size));
        let Modified { at, precision } = read.modified.unwrap();
        let unit = if precision == Precision::Day { 86_400 } else { 60 };
        prop_assert_eq!(at.seconds, modified.seconds.div_euclid(unit) * unit);
    }

    #[test]
    fn mlsx_listings_come_back(
        name in a_name(),
        mode in 0_u32..=0o7777,
        size in any::<u64>(),
        seconds in Timestamp::MIN.seconds..=Timestamp::MAX.seconds,
        millis in 0_u32..1000,
    ) {
        let modified = Timestamp { seconds, nanos: millis * 1_000_000 };
        let entry = Entry {
            name: &name, kind: write::Kind::File, size, modified, created: Some(modified), mode,
            uid: 1, gid: 2, links: 1, device: 3, inode: 4,
        };
        let mut out = Vec::new();
        prop_assert!(write::facts_text(
            &mut out, &entry, FactSet::ALL, "r", FactType::Entry, "x.partial=1;"
        ));
        let read = mlsx(&out).unwrap();
        prop_assert_eq!(&*read.name, name.as_slice());
        prop_assert_eq!((read.kind, read.size, read.mode), (Kind::File, Some(size), Some(mode)));
        prop_assert_eq!(read.modified, Some(Modified { at: modified, precision: Precision::Subsecond }));
        prop_assert_eq!(read.facts.len(), 11);
    }

    #[test]
    fn any_line_is_read_without_panic(
        start in prop::sample::select(vec![
            "", "-rw-r--r-- 1 0 0 2 ", "drwxr-xr-x", "01-02-20 05:30PM ", "type=", "+", "d [",
            "lrwxrwxrwx 1 0 0 2 Mar 1 12:00 ",
        ]),
        rest in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..60),
            "[0-9: a-zA-Z;=<>-]{0,60}".prop_map(String::into_bytes),
        ],
        seconds in any::<i64>(),
    ) {
        let text = [start.as_bytes(), &rest].concat();
        let now = Timestamp { seconds, nanos: 0 };
        for parsed in [line(&text, now), mlsx(&text), dos(&text), eplf(&text)].into_iter().flatten() {
            prop_assert!(!parsed.name.is_empty());
            prop_assert!(parsed.facts.len() <= MAX_FACTS);
        }
    }
}

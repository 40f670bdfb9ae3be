use proptest::prelude::*;

use super::*;

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text.as_bytes()).unwrap()
}

fn now() -> Timestamp {
    at("20260701120000")
}

fn entry(name: &[u8]) -> Entry<'_> {
    Entry {
        name,
        kind: Kind::File,
        size: 123,
        modified: at("20260102123456.789"),
        created: None,
        mode: 0o644,
        uid: 1000,
        gid: 1000,
        links: 1,
        device: 0x801,
        inode: 0x1234,
    }
}

fn long(entry: &Entry<'_>) -> String {
    let mut out = Vec::new();
    unix_long(&mut out, entry, now());
    String::from_utf8(out).unwrap()
}

fn mlsx(entry: &Entry<'_>, selection: FactSet, about: FactType) -> String {
    let mut out = Vec::new();
    assert!(facts(&mut out, entry, selection, "adfrw", about, ""));
    String::from_utf8(out).unwrap()
}

#[test]
fn long_form() {
    assert_eq!(
        long(&entry(b"a b")),
        "-rw-r--r--   1 1000 1000        123 Jan  2 12:34 a b\r\n"
    );
    let link = Entry {
        kind: Kind::Symlink {
            target: Some(b"to"),
        },
        mode: 0o777,
        ..entry(b"l")
    };
    assert!(long(&link).starts_with("lrwxrwxrwx "));
    assert!(long(&link).ends_with(" l -> to\r\n"));
    let bare = Entry {
        kind: Kind::Symlink { target: None },
        ..entry(b"l")
    };
    assert!(long(&bare).ends_with(" l\r\n"));
    let directory = Entry {
        kind: Kind::Directory,
        mode: 0o3750,
        ..entry(b"d")
    };
    assert!(long(&directory).starts_with("drwxr-s--T "));
    let set = Entry {
        mode: 0o5711,
        ..entry(b"s")
    };
    assert!(long(&set).starts_with("-rws--x--t "));
    for (mode, letter) in [
        (0o140_600, 's'),
        (0o060_600, 'b'),
        (0o020_600, 'c'),
        (0o600, 'p'),
    ] {
        let other = Entry {
            kind: Kind::Other,
            mode,
            ..entry(b"o")
        };
        assert!(long(&other).starts_with(&format!("{letter}rw------- ")));
    }
}

#[test]
fn years_stand_where_a_time_would_mislead() {
    let date = |modified: &str| {
        let line = long(&Entry {
            modified: at(modified),
            ..entry(b"x")
        });
        line[40 - 4..].trim_end().trim_end_matches(" x").to_owned()
    };
    assert_eq!(date("20260701120000"), "Jul  1 12:00");
    assert_eq!(date("20260701120001"), "Jul  1  2026");
    assert_eq!(date("20251230210000"), "Dec 30  2025");
    assert_eq!(date("20251230220000"), "Dec 30 22:00");
    assert_eq!(date("00010203000000"), "Feb  3  0001");
}

#[test]
fn f24_a_name_never_becomes_a_line() {
    let name = b"a\r\n-rw-r--r-- b\x1b[31m\0\x7f\xff";
    let mut out = Vec::new();
    unix_long(&mut out, &entry(name), now());
    assert!(out.ends_with(b" a??-rw-r--r-- b?[31m??\xff\r\n"));
    assert_eq!(memchr::memchr_iter(b'\n', &out).count(), 1);

    for name in [&b"a\rb"[..], b"a\nb", b"a\0b"] {
        let mut out = b"before".to_vec();
        assert!(!name_line(&mut out, name));
        assert!(!facts(
            &mut out,
            &entry(name),
            FactSet::ALL,
            "",
            FactType::Entry,
            ""
        ));
        assert_eq!(out, b"before");
    }
    let mut out = Vec::new();
    assert!(name_line(&mut out, b"a\x1b\xff"));
    assert_eq!(out, b"a\x1b\xff\r\n");
}

#[test]
fn facts_of_an_entry() {
    assert_eq!(
        mlsx(&entry(b"a b"), FactSet::default(), FactType::Entry),
        "type=file;size=123;modify=20260102123456.789;perm=adfrw;unique=801U1234;\
         UNIX.mode=0644;UNIX.owner=1000;UNIX.group=1000; a b\r\n"
    );
    let created = Entry {
        created: Some(at("20200101000000")),
        ..entry(b"a.TXT")
    };
    assert_eq!(
        mlsx(
            &created,
            FactSet::CREATE.with(FactSet::MEDIA_TYPE),
            FactType::Entry
        ),
        "create=20200101000000.000;media-type=text/plain; a.TXT\r\n"
    );
    assert_eq!(mlsx(&entry(b"a"), FactSet::NONE, FactType::Entry), " a\r\n");
    let directory = Entry {
        kind: Kind::Directory,
        ..entry(b"d")
    };
    let type_and_size = FactSet::TYPE.with(FactSet::SIZE);
    assert_eq!(
        mlsx(&directory, type_and_size, FactType::Entry),
        "type=dir; d\r\n"
    );
    assert_eq!(
        mlsx(&directory, type_and_size, FactType::CurrentDirectory),
        "type=cdir; d\r\n"
    );
    assert_eq!(
        mlsx(&directory, type_and_size, FactType::ParentDirectory),
        "type=pdir; d\r\n"
    );

    let mut out = Vec::new();
    let said = facts(
        &mut out,
        &entry(b"a"),
        FactSet::SIZE,
        "",
        FactType::Entry,
        "x.partial=1;",
    );
    assert!(said);
    assert_eq!(out, b"size=123;x.partial=1; a\r\n");
}

#[test]
fn a_link_target_never_becomes_a_fact() {
    let link = |target| Entry {
        kind: Kind::Symlink {
            target: Some(target),
        },
        ..entry(b"l")
    };
    let line = |target| mlsx(&link(target), FactSet::TYPE, FactType::Entry);
    assert_eq!(line(b"a/b"), "type=OS.unix=slink:a/b; l\r\n");
    for target in [&b"a b"[..], b"a;type=dir", b"a\r\nb"] {
        assert_eq!(line(target), "type=OS.unix=slink:; l\r\n");
    }
}

#[test]
fn m10_long_names_are_whole() {
    let name = vec![b'n'; 4096];
    let target = vec![b't'; 4096];
    let link = Entry {
        kind: Kind::Symlink {
            target: Some(&target),
        },
        ..entry(&name)
    };
    assert!(long(&link).len() > 8192);
    assert!(mlsx(&link, FactSet::default(), FactType::Entry).len() > 8192);
}

#[test]
fn fact_sets() {
    let chosen = FactSet::parse(b"SIZE;unix.MODE;colour;;");
    assert_eq!(chosen, FactSet::SIZE.with(FactSet::UNIX_MODE));
    assert_eq!(chosen.to_string(), "size;UNIX.mode;");
    assert_eq!(FactSet::from_names(&[] as &[&[u8]]), FactSet::NONE);
    assert_eq!(FactSet::NONE.to_string(), "");
    assert_eq!(
        FactSet::default().feature_line(),
        "MLST type*;size*;modify*;create*;perm*;unique*;UNIX.mode*;UNIX.owner*;UNIX.group*;\
         media-type;"
    );
    assert_eq!(
        FactSet::parse(FactSet::ALL.to_string().as_bytes()),
        FactSet::ALL
    );
}

proptest! {
    #[test]
    fn every_entry_is_one_line(
        name in prop::collection::vec(any::<u8>(), 0..40),
        target in prop::option::of(prop::collection::vec(any::<u8>(), 0..40)),
        numbers in any::<[u64; 4]>(),
        (mode, uid, gid) in any::<(u32, u32, u32)>(),
        seconds in any::<i64>(),
    ) {
        let [size, links, device, inode] = numbers;
        let kind = match &target {
            Some(target) => Kind::Symlink { target: Some(target) },
            None => Kind::Other,
        };
        let modified = Timestamp { seconds, nanos: 0 };
        let created = Some(modified);
        let entry = Entry {
            name: &name, kind, size, modified, created, mode, uid, gid, links, device, inode,
        };
        let mut out = Vec::new();
        unix_long(&mut out, &entry, now());
        if facts(&mut out, &entry, FactSet::ALL, "r", FactType::Entry, "") {
            prop_assert_eq!(memchr::memchr_iter(b'\n', &out).count(), 2);
        } else {
            prop_assert_eq!(memchr::memchr_iter(b'\n', &out).count(), 1);
        }
        prop_assert!(!out.contains(&0));
    }
}

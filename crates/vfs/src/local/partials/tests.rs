//! The index by itself, without a disk.

use super::*;

fn directory(inode: u64) -> DirectoryKey {
    DirectoryKey::for_test(inode)
}

fn key(name: &str, principal: &str) -> Key {
    Key::new(&CString::new(name).unwrap(), principal)
}

fn kept(file: &str, seconds: i64) -> Kept {
    Kept {
        file: CString::new(file).unwrap(),
        size: 1,
        modified: Timestamp { seconds, nanos: 0 },
    }
}

#[test]
fn the_newer_of_two_attempts_stays() {
    let mut index = Index::default();
    let found = vec![
        (key("f", "ann"), kept("old", 1)),
        (key("f", "ann"), kept("new", 2)),
        (key("f", "bob"), kept("bobs", 1)),
    ];
    assert_eq!(
        index.scanned(directory(1), found, Duration::MAX),
        [c"old".to_owned()]
    );
    let found = index.find(directory(1), &key("f", "ann"), Duration::MAX);
    assert_eq!(found.kept.unwrap().file.as_c_str(), c"new");
}

#[test]
fn a_principal_keeps_a_bounded_number() {
    let mut index = Index::default();
    let upload = Arc::new(Upload::in_memory());
    let mut keep = |name: &str, file: &str| {
        index.keep(
            directory(1),
            key(name, "ann"),
            &upload,
            kept(file, 1),
            &few(Duration::MAX),
        )
    };
    assert_eq!(keep("a", "1"), None);
    assert_eq!(keep("b", "2"), None);
    assert_eq!(keep("c", "3"), Some(c"3".to_owned()));
    assert_eq!(keep("b", "4"), Some(c"2".to_owned()));
    assert_eq!(
        index.published(directory(1), &key("a", "ann"), &upload),
        Some(c"1".to_owned())
    );
    let (place, key) = (directory(1), key("c", "ann"));
    let again = index.keep(place, key, &upload, kept("5", 1), &few(Duration::MAX));
    assert_eq!(again, None);
}

#[test]
fn directories_remembered_are_bounded_and_uploads_are_not_forgotten() {
    let mut index = Index::default();
    let upload = Arc::new(Upload::in_memory());
    index.begin(directory(0), key("f", "ann"), Arc::clone(&upload));
    for inode in 1..20_000 {
        index.scanned(directory(inode), Vec::new(), Duration::MAX);
        assert!(index.directories.len() <= MAX_DIRECTORIES);
    }
    let found = index.find(directory(0), &key("f", "ann"), Duration::MAX);
    assert!(found.live.is_some());
    assert!(index.needs_scan(directory(1)));
    assert!(!index.needs_scan(directory(19_999)));
}

#[test]
fn only_one_continues_a_partial() {
    let mut index = Index::default();
    index.scanned(
        directory(1),
        vec![(key("f", "ann"), kept("x", 1))],
        Duration::MAX,
    );
    let found = index.find(directory(1), &key("f", "ann"), Duration::MAX);
    let partial = found.kept.unwrap();
    assert!(index.take(directory(1), &key("f", "ann"), &partial));
    assert!(!index.take(directory(1), &key("f", "ann"), &partial));
    assert!(index.kept_by.is_empty());
}

#[test]
fn an_expired_partial_is_not_found() {
    let mut index = Index::default();
    index.scanned(
        directory(1),
        vec![(key("f", "ann"), kept("x", 1))],
        Duration::MAX,
    );
    let day = Duration::from_secs(24 * 3600);
    let found = index.find(directory(1), &key("f", "ann"), day);
    assert_eq!(found.kept, None);
}

#[test]
fn expired_partials_do_not_count() {
    let mut index = Index::default();
    let upload = Arc::new(Upload::in_memory());
    let day = few(Duration::from_secs(24 * 3600));
    let now = Timestamp::now().seconds;
    for (number, age) in [100_000, 100_000, 10].into_iter().enumerate() {
        let place = directory(number as u64);
        let name = number.to_string();
        let kept = kept(&name, now - age);
        assert_eq!(
            index.keep(place, key(&name, "ann"), &upload, kept, &day),
            None
        );
    }
    assert!(index.needs_scan(directory(0)));
    assert_eq!(index.count_of(Principal::of("ann")), 1);
}

/// A million uploads later the index is as small as before the first.
#[test]
fn r22_an_upload_that_is_over_leaves_nothing() {
    let mut index = Index::default();
    for number in 0..1000 {
        let upload = Arc::new(Upload::in_memory());
        let name = key(&number.to_string(), "ann");
        index.begin(directory(1), name.clone(), Arc::clone(&upload));
        match number % 2 {
            0 => assert_eq!(index.published(directory(1), &name, &upload), None),
            _ => index.forget(directory(1), &name, &upload),
        }
    }
    assert_eq!(index.directories.len(), 1);
    assert!(index.known(directory(1)).uploads.is_empty());
    assert!(index.kept_by.is_empty());
}

fn few(partial_ttl: Duration) -> LocalOptions {
    LocalOptions {
        partials_per_principal: 2,
        partial_ttl,
        ..LocalOptions::default()
    }
}

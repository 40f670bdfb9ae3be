//! Uploads whose bytes come in any order.

use super::{Case, bytes, request};
use crate::{Attributes, ErrorKind, Follow, StageMode, Staged, Store, Timestamp};

pub(super) async fn run(store: &Store) {
    for size in [1000, 300_000] {
        out_of_order(store, size).await;
        gaps(store, size).await;
    }
    lengths(store).await;
    reading_back(store).await;
    far_beyond_the_end(store).await;
    too_many_gaps(store).await;
    attributes(store).await;
    if store.capability().resume {
        what_is_kept(store).await;
    }
    copying(store).await;
    copying_within(store).await;
}

async fn out_of_order(store: &Store, size: usize) {
    let case = Case::new(store, &format!("out_of_order_{size}")).await;
    let whole = bytes(size, 1);
    let step = size / 10;
    let orders: [[usize; 10]; 3] = [
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
        [9, 8, 7, 6, 5, 4, 3, 2, 1, 0],
        [1, 0, 3, 2, 9, 4, 5, 8, 7, 6],
    ];
    for (number, order) in orders.into_iter().enumerate() {
        let name = format!("f{number}");
        case.write(&name, "old").await;
        let mut staged = case.stage(&name, StageMode::Create).await;
        for place in order {
            let at = place * step;
            let chunk = &whole[at..at + step];
            match staged.write_at_cached(at as u64, chunk) {
                Some(written) => written.unwrap(),
                None => staged.write_at(at as u64, chunk).unwrap(),
            }
        }
        // Once more over what is there.
        staged.write_at(10, &whole[10..50]).unwrap();
        staged.write_at(size as u64 * 2, b"").unwrap();
        assert_eq!(
            (staged.offset(), staged.length()),
            (size as u64, size as u64)
        );
        staged.sync().unwrap();
        assert_eq!(case.content(&name).await, b"old");
        let published = Store::publish(staged).await.unwrap();
        assert_eq!((published.size, published.replaced), (size as u64, true));
        assert_eq!(case.content(&name).await, whole);
    }
    assert_eq!(case.names().await, [b"f0", b"f1", b"f2"]);
}

/// Bytes that never came are not made up.
async fn gaps(store: &Store, size: usize) {
    let case = Case::new(store, &format!("gaps_{size}")).await;
    case.write("f", "old").await;
    let whole = bytes(size, 1);
    let (first, last) = (size / 4, size / 2);
    let mut staged = case.stage("f", StageMode::Create).await;
    staged.write_at(last as u64, &whole[last..]).unwrap();
    staged.write_at(0, &whole[..first]).unwrap();
    assert_eq!(
        (staged.offset(), staged.length()),
        (first as u64, size as u64)
    );
    assert_eq!(staged.metadata().size, size as u64);
    let error = Store::publish(staged).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Incomplete);
    let said = format!("bytes {first} to {} were never written", last - 1);
    assert_eq!(error.text(), said);
    assert_eq!(case.content("f").await, b"old");
    assert_eq!(case.names().await, [b"f"]);
    if store.capability().resume {
        assert_eq!(case.partial("f").await, Some(first as u64));
        let offset = first as u64;
        let mut staged = case.stage("f", StageMode::Resume { offset }).await;
        assert_eq!(staged.length(), offset);
        staged.write(&whole[first..]).unwrap();
        Store::publish(staged).await.unwrap();
        assert_eq!(case.content("f").await, whole);
    }
}

async fn lengths(store: &Store) {
    let case = Case::new(store, "lengths").await;
    // A length that was set closes the gaps below it.
    let mut staged = case.stage("closed", StageMode::Create).await;
    staged.write_at(5, b"end").unwrap();
    staged.set_len(8).unwrap();
    Store::publish(staged).await.unwrap();
    assert_eq!(case.content("closed").await, b"\0\0\0\0\0end");
    // Beyond it they are gaps still.
    let mut staged = case.stage("open", StageMode::Create).await;
    staged.set_len(4).unwrap();
    staged.write_at(6, b"end").unwrap();
    let error = Store::publish(staged).await.unwrap_err();
    assert_eq!(error.text(), "bytes 4 to 5 were never written");
    for size in [10, 100_000] {
        let name = format!("f{size}");
        let mut staged = case.stage(&name, StageMode::Create).await;
        staged.write(&bytes(size, 1)).unwrap();
        staged.set_len(size as u64).unwrap();
        staged.set_len(7).unwrap();
        assert_eq!((staged.offset(), staged.length()), (7, 7));
        staged.write(b"x").unwrap();
        staged.set_len(size as u64).unwrap();
        assert_eq!((staged.offset(), staged.length()), (8, size as u64));
        Store::publish(staged).await.unwrap();
        let expected = [&bytes(7, 1)[..], b"x", &vec![0; size - 8]].concat();
        assert_eq!(case.content(&name).await, expected);
    }
}

async fn reading_back(store: &Store) {
    let case = Case::new(store, "reading_back").await;
    for size in [100, 200_000] {
        let whole = bytes(size, 1);
        let mut staged = case.stage("f", StageMode::Create).await;
        staged.write(&whole).unwrap();
        let mut buffer = [0; 60];
        assert_eq!(staged.read_at(40, &mut buffer).unwrap(), 60);
        assert_eq!(buffer, whole[40..100]);
        let end = size as u64;
        assert_eq!(staged.read_at(end - 1, &mut buffer).unwrap(), 1);
        assert_eq!(staged.read_at(end, &mut buffer).unwrap(), 0);
        for beyond in [u64::MAX >> 1, u64::MAX] {
            assert_eq!(staged.read_at(beyond, &mut buffer).unwrap(), 0);
        }
        staged.write_at(end + 10, b"x").unwrap();
        assert_eq!(staged.read_at(end, &mut buffer[..10]).unwrap(), 10);
        assert_eq!(buffer[..10], [0; 10]);
        Store::discard(staged).await.unwrap();
    }
}

async fn far_beyond_the_end(store: &Store) {
    let case = Case::new(store, "far_beyond_the_end").await;
    for offset in [u64::MAX, u64::MAX - 3, i64::MAX as u64] {
        let mut staged = case.stage("f", StageMode::Create).await;
        staged.write(b"beginning").unwrap();
        case.refused(staged.set_len(offset.max(1 << 63)), ErrorKind::TooLarge);
        case.refused(staged.write_at(offset, b"four"), ErrorKind::TooLarge);
        // What failed stays failed.
        assert!(staged.write(b"more").is_err());
        assert!(Store::publish(staged).await.is_err());
    }
    assert!(case.names().await.is_empty());
}

async fn too_many_gaps(store: &Store) {
    let case = Case::new(store, "too_many_gaps").await;
    let mut staged = case.stage("f", StageMode::Create).await;
    let refused = (1..=u64::from(u16::MAX) + 2).find_map(|number| {
        let written = staged.write_at(number * 2, b"x");
        written.err().map(|error| (number, error.kind()))
    });
    assert_eq!(refused, Some((65_537, ErrorKind::Busy)));
    Store::discard(staged).await.unwrap();
}

async fn attributes(store: &Store) {
    let case = Case::new(store, "attributes_of_uploads").await;
    let can = store.capability();
    let modified = Timestamp {
        seconds: 951_782_400,
        nanos: 123_000_000,
    };
    for (name, size) in [("small", 10), ("large", 200_000)] {
        for round in ["new", "replaced"] {
            let mut staged = case.stage(name, StageMode::Create).await;
            let looked = staged.metadata();
            assert!(looked.partial);
            if can.set_mode {
                let mode = if round == "new" { 0o644 } else { 0o400 };
                assert_eq!(looked.mode, mode);
            }
            let set_id = Attributes {
                mode: Some(0o4755),
                modified: Some(modified),
                ..Attributes::default()
            };
            let refused = staged.set_attributes(set_id);
            case.refused(refused, ErrorKind::PermissionDenied);
            assert_ne!(staged.metadata().modified, modified);
            let wanted = Attributes {
                mode: Some(if round == "new" { 0o400 } else { 0o620 }),
                modified: Some(modified),
                uid: Some(case.look("").await.uid),
                ..Attributes::default()
            };
            staged.write(b"1").unwrap();
            staged.set_attributes(wanted).unwrap();
            staged.set_attributes(Attributes::default()).unwrap();
            staged.write(&bytes(size, 1)).unwrap();
            assert_eq!(staged.metadata().modified, modified);
            assert_eq!(Some(staged.metadata().mode), wanted.mode);
            Store::publish(staged).await.unwrap();
            let found = case.look(name).await;
            if can.set_times {
                assert_eq!(found.modified, modified);
            }
            if can.set_mode {
                assert_eq!(Some(found.mode), wanted.mode);
            }
        }
    }
}

/// What is kept ends where the bytes from the start end, whatever was written beyond.
async fn what_is_kept(store: &Store) {
    let case = Case::new(store, "what_is_kept").await;
    let whole = bytes(100_000, 1);
    let mut staged = case.stage("length", StageMode::Create).await;
    // Some set the length first. Zeros that nobody sent are nothing to go on from.
    staged.set_len(100_000).unwrap();
    staged.write(&whole[..40_000]).unwrap();
    assert_eq!(case.partial("length").await, Some(40_000));
    assert_eq!(Store::keep(staged).await.unwrap(), 40_000);
    let mut staged = case.stage("nothing", StageMode::Create).await;
    staged.write_at(1, &whole).unwrap();
    assert_eq!(case.partial("nothing").await, None);
    assert_eq!(Store::keep(staged).await.unwrap(), 0);
    assert_eq!(case.partial("nothing").await, None);
    // One who takes over an upload with gaps gets what is before them.
    let mut lost = case.stage("taken", StageMode::Create).await;
    lost.write_at(50_000, &whole[50_000..]).unwrap();
    lost.write_at(0, &whole[..20_000]).unwrap();
    let refused = StageMode::Resume { offset: 20_001 };
    let refused = store
        .stage(&case.at("taken"), request().mode(refused))
        .await;
    case.refused(refused, ErrorKind::BadOffset);
    let mut staged = case
        .stage("taken", StageMode::Resume { offset: 20_000 })
        .await;
    case.refused(lost.read_at(0, &mut [0; 8]), ErrorKind::Cancelled);
    case.refused(lost.set_len(0), ErrorKind::Cancelled);
    staged.write(&whole[20_000..]).unwrap();
    Store::publish(staged).await.unwrap();
    assert_eq!(case.content("taken").await, whole);
    assert_eq!(case.names().await, [b"taken"]);
}

async fn copying(store: &Store) {
    let case = Case::new(store, "copying").await;
    let whole = bytes(300_000, 1);
    case.write("source", whole.clone()).await;
    let mut source = store.read(&case.at("source")).await.unwrap();
    for (name, first) in [("small", 10), ("large", 100_000)] {
        let mut staged = case.stage(name, StageMode::Create).await;
        staged.write(&whole[..first]).unwrap();
        // The end first, so that the middle is a gap until it is copied too.
        let at = 200_000;
        copy(&mut *staged, 100_000, |staged, done, left| {
            staged.copy_from(&mut *source, at + done, at + done, left)
        });
        let from = first as u64;
        copy(&mut *staged, at - from, |staged, done, left| {
            staged.copy_from(&mut *source, from + done, from + done, left)
        });
        assert_eq!(staged.copy_from(&mut *source, 300_000, 0, 10).unwrap(), 0);
        assert_eq!(staged.copy_from(&mut *source, 0, 0, 0).unwrap(), 0);
        let rest = staged.copy_from(&mut *source, 299_990, 299_990, u64::MAX >> 2);
        assert_eq!(rest.unwrap(), 10);
        Store::publish(staged).await.unwrap();
        assert_eq!(case.content(name).await, whole);
    }
    let mut staged = case.stage("f", StageMode::Create).await;
    let refused = staged.copy_from(&mut *source, 0, u64::MAX - 5, 10);
    case.refused(refused, ErrorKind::TooLarge);
    assert!(Store::publish(staged).await.is_err());
}

async fn copying_within(store: &Store) {
    let case = Case::new(store, "copying_within").await;
    let half = bytes(100_000, 1);
    let begin = async || {
        let mut staged = case.stage("f", StageMode::Create).await;
        staged.write(&half).unwrap();
        staged
    };
    let mut staged = begin().await;
    copy(&mut *staged, 100_000, |staged, done, left| {
        staged.copy_within(done, 100_000 + done, left)
    });
    Store::publish(staged).await.unwrap();
    assert_eq!(case.content("f").await, half.repeat(2));
    let mut staged = begin().await;
    case.refused(staged.copy_within(0, 50_000, 50_001), ErrorKind::BadOffset);
    assert!(Store::publish(staged).await.is_err());
    let mut staged = begin().await;
    staged.write_at(100_010, b"x").unwrap();
    let refused = staged.copy_within(99_999, 200_000, 100);
    case.refused(refused, ErrorKind::Incomplete);
    Store::discard(staged).await.unwrap();
    let unchanged = store.metadata(&case.at("f"), Follow::No).await.unwrap();
    assert_eq!(unchanged.size, 200_000);
}

/// Goes on until all of it is copied, as a front-end does.
fn copy(
    staged: &mut dyn Staged,
    length: u64,
    mut step: impl FnMut(&mut dyn Staged, u64, u64) -> crate::Result<u64>,
) {
    let mut done = 0;
    while done < length {
        let copied = step(staged, done, length - done).unwrap();
        assert!(copied > 0 && copied <= crate::COPY_STEP);
        done += copied;
    }
}

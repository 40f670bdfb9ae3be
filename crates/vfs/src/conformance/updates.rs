//! Changing a file anywhere: all or nothing, too.

use super::{Case, bytes, request};
use crate::{Attributes, ErrorKind, Follow, StageMode, Store};

pub(super) async fn run(store: &Store) {
    for size in [1000, 300_000] {
        changing(store, size).await;
    }
    changing_nothing(store).await;
    two_at_once(store).await;
    of_what_is_not_there(store).await;
    breaking(store).await;
}

async fn changing(store: &Store, size: usize) {
    let case = Case::new(store, &format!("changing_{size}")).await;
    let old = bytes(size, 1);
    case.write("f", old.clone()).await;
    let mut staged = case.stage("f", StageMode::Update).await;
    assert_eq!(
        (staged.offset(), staged.length()),
        (size as u64, size as u64)
    );
    let mut buffer = [0; 10];
    assert_eq!(staged.read_at(500, &mut buffer).unwrap(), 10);
    assert_eq!(buffer, old[500..510]);
    staged.write_at(500, b"changed").unwrap();
    staged.write(b"appended").unwrap();
    assert_eq!(case.content("f").await, old);
    let published = Store::publish(staged).await.unwrap();
    assert_eq!(
        (published.size, published.replaced),
        (size as u64 + 8, true)
    );
    let new = [&old[..500], b"changed", &old[507..], b"appended"].concat();
    assert_eq!(case.content("f").await, new);

    let mut staged = case.stage("f", StageMode::Update).await;
    staged.set_len(502).unwrap();
    staged.write_at(510, b"!").unwrap();
    let error = Store::publish(staged).await.unwrap_err();
    assert_eq!(error.text(), "bytes 502 to 509 were never written");
    assert_eq!(case.content("f").await, new);

    let mut staged = case.stage("f", StageMode::Update).await;
    staged.set_len(0).unwrap();
    Store::publish(staged).await.unwrap();
    assert_eq!(case.content("f").await, b"");
}

/// Opened for writing and closed again, a file is as it was, its times and other names too.
async fn changing_nothing(store: &Store) {
    let case = Case::new(store, "changing_nothing").await;
    case.write("f", "text").await;
    let before = case.look("f").await;
    let mut staged = case.stage("f", StageMode::Update).await;
    staged.write_at(2, b"").unwrap();
    staged.set_len(4).unwrap();
    staged.sync().unwrap();
    let published = Store::publish(staged).await.unwrap();
    assert_eq!((published.size, published.replaced), (4, true));
    assert_eq!(case.look("f").await, before);
    // Attributes alone are a change.
    let mut staged = case.stage("f", StageMode::Update).await;
    let mode = Some(0o600);
    let attributes = Attributes {
        mode,
        ..Attributes::default()
    };
    staged.set_attributes(attributes).unwrap();
    Store::publish(staged).await.unwrap();
    assert_eq!(Some(case.look("f").await.mode), mode);
    assert_eq!(case.content("f").await, b"text");
    assert_eq!(case.names().await, [b"f"]);
}

async fn two_at_once(store: &Store) {
    let case = Case::new(store, "two_at_once").await;
    case.write("f", "0123456789").await;
    let mut first = case.stage("f", StageMode::Update).await;
    let mut second = case.stage("f", StageMode::Update).await;
    first.write_at(0, b"a").unwrap();
    second.write_at(9, b"b").unwrap();
    Store::publish(second).await.unwrap();
    assert_eq!(case.content("f").await, b"012345678b");
    Store::publish(first).await.unwrap();
    assert_eq!(case.content("f").await, b"a123456789");
}

async fn of_what_is_not_there(store: &Store) {
    let case = Case::new(store, "of_what_is_not_there").await;
    let mut staged = case.stage("f", StageMode::Update).await;
    assert_eq!(staged.length(), 0);
    if store.capability().resume {
        staged.write(b"first half, ").unwrap();
        let at = case.at("f");
        let second = store.stage(&at, request().mode(StageMode::Update)).await;
        case.refused(second, ErrorKind::Busy);
        Store::keep(staged).await.unwrap();
        staged = case.stage("f", StageMode::Update).await;
        assert_eq!(staged.length(), 12);
        staged.write_at(12, b"second half").unwrap();
        // It is this principal's own, so what is there may be changed and still be kept.
        staged.write_at(0, b"F").unwrap();
        assert_eq!(Store::keep(staged).await.unwrap(), 23);
        staged = case.stage("f", StageMode::Update).await;
    }
    let size = Store::publish(staged).await.unwrap().size;
    assert_eq!(
        case.content("f").await,
        b"First half, second half"[..size as usize]
    );
    // Made, even where nothing is written.
    let staged = case.stage("empty", StageMode::Update).await;
    assert!(!Store::publish(staged).await.unwrap().replaced);
    assert_eq!(case.look("empty").await.size, 0);
    let missing = store.metadata(&case.at("g"), Follow::No).await;
    case.refused(missing, ErrorKind::NotFound);
}

async fn breaking(store: &Store) {
    let case = Case::new(store, "breaking_updates").await;
    let old = bytes(100_000, 1);
    case.write("f", old.clone()).await;
    // Half old and half new is no beginning of anything.
    let mut staged = case.stage("f", StageMode::Update).await;
    staged.write_at(50_000, b"changed").unwrap();
    assert_eq!(case.partial("f").await, None);
    assert_eq!(Store::keep(staged).await.unwrap(), 0);
    let mut staged = case.stage("f", StageMode::Update).await;
    staged.set_len(10).unwrap();
    drop(staged);
    assert_eq!(case.partial("f").await, None);
    // What was only added to can be continued.
    if store.capability().resume {
        let mut staged = case.stage("f", StageMode::Update).await;
        staged.write_at(100_000, b"more").unwrap();
        drop(staged);
        assert_eq!(case.partial("f").await, Some(100_004));
        // So can one that is still open: whoever goes on from its middle makes it his own.
        let mut lost = case.stage("f", StageMode::Update).await;
        let mut staged = case.stage("f", StageMode::Resume { offset: 500 }).await;
        case.refused(lost.write(b"late"), ErrorKind::Cancelled);
        staged.write(b"new").unwrap();
        drop(staged);
        assert_eq!(case.partial("f").await, Some(503));
    }
    assert_eq!(case.content("f").await, old);
    assert_eq!(case.names().await, [b"f"]);
}

//! Staged uploads: invisible until published, kept when broken, resumed where they broke.

use super::{Case, bytes, request};
use crate::{ErrorKind, Follow, StageMode, StageRequest, Store};

pub(super) async fn run(store: &Store) {
    publishing(store).await;
    early_refusals(store).await;
    not_replacing(store).await;
    breaking(store).await;
    if store.capability().resume {
        for size in [10, 200_000] {
            resuming(store, size).await;
            resuming_a_published_file(store, size).await;
            taking_over(store, size).await;
        }
        partials_stay_hidden(store).await;
        offsets_beyond_the_end(store).await;
        superseded_partials(store).await;
    }
    if store.capability().append {
        appending(store).await;
        appending_to_a_partial(store).await;
    }
}

async fn publishing(store: &Store) {
    let case = Case::new(store, "publishing").await;
    for (name, size) in [
        ("empty", 0),
        ("small", 100),
        ("edge", 65_536),
        ("large", 300_000),
    ] {
        let first = bytes(size, 1);
        let mut staged = case.stage(name, StageMode::Create).await;
        assert_eq!(staged.offset(), 0);
        for chunk in first.chunks(30_000) {
            staged.write(chunk).unwrap();
        }
        assert_eq!(staged.offset(), size as u64);
        let unseen = store.metadata(&case.at(name), Follow::No).await;
        case.refused(unseen, ErrorKind::NotFound);
        assert!(!case.names().await.contains(&name.as_bytes().to_vec()));
        let published = Store::publish(staged).await.unwrap();
        assert_eq!((published.size, published.replaced), (size as u64, false));
        assert_eq!(case.content(name).await, first);

        let second = bytes(size / 2 + 1, 2);
        let mut staged = case.stage(name, StageMode::Create).await;
        staged.write(&second).unwrap();
        assert_eq!(case.content(name).await, first);
        let published = Store::publish(staged).await.unwrap();
        assert!(published.replaced);
        assert_eq!(case.content(name).await, second);
    }
    assert_eq!(case.names().await.len(), 4);
    if store.capability().set_mode {
        assert_eq!(case.look("large").await.mode, 0o644);
    }
}

async fn early_refusals(store: &Store) {
    let case = Case::new(store, "early_refusals").await;
    store.make_dir(&case.at("d"), 0o755).await.unwrap();
    case.write("f", "text").await;
    let stage = async |name: &str| store.stage(&case.at(name), request()).await;
    case.refused(stage("d").await, ErrorKind::IsADirectory);
    case.refused(stage("x/y").await, ErrorKind::NotFound);
    case.refused(stage("f/y").await, ErrorKind::NotADirectory);
    if store.capability().space {
        let space = store.space(&case.directory).await.unwrap();
        if let Some(expected) = space.available.checked_add(1 << 30) {
            let request = StageRequest {
                expected: Some(expected),
                ..request()
            };
            let refused = store.stage(&case.at("g"), request).await;
            case.refused(refused, ErrorKind::NoSpace);
        }
    }
    assert_eq!(case.names().await, [b"d", b"f"]);
}

async fn not_replacing(store: &Store) {
    let case = Case::new(store, "not_replacing").await;
    let careful = || StageRequest {
        replace: false,
        ..request()
    };
    for size in [10, 200_000] {
        let name = format!("f{size}");
        let mut late = store.stage(&case.at(&name), careful()).await.unwrap();
        late.write(&bytes(size, 1)).unwrap();
        case.write(&name, "first").await;
        case.refused(Store::publish(late).await, ErrorKind::Exists);
        let early = store.stage(&case.at(&name), careful()).await;
        case.refused(early, ErrorKind::Exists);
        assert_eq!(case.content(&name).await, b"first");
        let fresh = format!("g{size}");
        let at = case.at(&fresh);
        store
            .write_file(&at, bytes(size, 2), careful())
            .await
            .unwrap();
        assert_eq!(case.content(&fresh).await, bytes(size, 2));
    }
    assert_eq!(case.names().await.len(), 4);
}

async fn breaking(store: &Store) {
    let case = Case::new(store, "breaking").await;
    case.write("f", "old").await;
    for size in [0, 10, 200_000] {
        let mut staged = case.stage("f", StageMode::Create).await;
        staged.write(&bytes(size, 1)).unwrap();
        Store::discard(staged).await.unwrap();
        assert_eq!(case.partial("f").await, None);
        let mut staged = case.stage("g", StageMode::Create).await;
        staged.write(&bytes(size, 1)).unwrap();
        drop(staged);
        let kept = (size > 0 && store.capability().resume).then_some(size as u64);
        assert_eq!(case.partial("g").await, kept);
    }
    assert_eq!(case.content("f").await, b"old");
    assert_eq!(case.names().await, [b"f"]);
}

async fn resuming(store: &Store, size: usize) {
    let case = Case::new(
        store,
        if size > 100 {
            "resuming"
        } else {
            "resuming_a_small_one"
        },
    )
    .await;
    let whole = bytes(size, 1);
    for existing in [false, true] {
        let name = if existing { "old" } else { "new" };
        if existing {
            case.write(name, "the previous version").await;
        }
        let mut staged = case.stage(name, StageMode::Create).await;
        staged.write(&whole[..size / 2]).unwrap();
        assert_eq!(Store::keep(staged).await.unwrap(), size as u64 / 2);
        assert_eq!(case.partial(name).await, Some(size as u64 / 2));
        let others = store.partial(&case.at(name), "bob").await.unwrap();
        assert_eq!(others, None);

        // In the middle of the partial, as one resumes who is not sure of the last bytes.
        let offset = size as u64 / 2 - 3;
        let mut staged = case.stage(name, StageMode::Resume { offset }).await;
        assert_eq!(staged.offset(), offset);
        staged.write(&whole[size / 2 - 3..]).unwrap();
        Store::publish(staged).await.unwrap();
        assert_eq!(case.content(name).await, whole);
        assert_eq!(case.partial(name).await, None);
    }
    assert_eq!(case.names().await, [b"new", b"old"]);
}

async fn resuming_a_published_file(store: &Store, size: usize) {
    let name = if size > 100 {
        "resuming_published"
    } else {
        "resuming_small_published"
    };
    let case = Case::new(store, name).await;
    let whole = bytes(size, 1);
    case.write("f", whole[..size - 1].to_vec()).await;
    for offset in [size - 1, size / 2] {
        let mode = StageMode::Resume {
            offset: offset as u64,
        };
        let mut staged = case.stage("f", mode).await;
        assert_eq!(staged.offset(), offset as u64);
        staged.write(&whole[offset..]).unwrap();
        let published = Store::publish(staged).await.unwrap();
        assert_eq!((published.size, published.replaced), (size as u64, true));
        assert_eq!(case.content("f").await, whole);
    }
}

async fn taking_over(store: &Store, size: usize) {
    let name = if size > 100 {
        "taking_over"
    } else {
        "taking_over_a_small_one"
    };
    let case = Case::new(store, name).await;
    let whole = bytes(size, 1);
    let mut lost = case.stage("f", StageMode::Create).await;
    lost.write(&whole[..size / 2]).unwrap();
    assert_eq!(case.partial("f").await, Some(size as u64 / 2));
    let offset = size as u64 / 2;
    let mut staged = case.stage("f", StageMode::Resume { offset }).await;
    case.refused(lost.write(b"late"), ErrorKind::Cancelled);
    staged.write(&whole[size / 2..]).unwrap();
    drop(lost);
    Store::publish(staged).await.unwrap();
    assert_eq!(case.content("f").await, whole);
    assert_eq!(case.partial("f").await, None);

    // One who only lost his connection when all was written publishes nothing either.
    let mut lost = case.stage("g", StageMode::Create).await;
    lost.write(&whole).unwrap();
    let mut staged = case.stage("g", StageMode::Resume { offset }).await;
    case.refused(Store::publish(lost).await, ErrorKind::Cancelled);
    staged.write(b"end").unwrap();
    Store::publish(staged).await.unwrap();
    assert_eq!(
        case.content("g").await,
        [&whole[..size / 2], b"end"].concat()
    );
    assert_eq!(case.names().await, [b"f", b"g"]);
}

async fn partials_stay_hidden(store: &Store) {
    let case = Case::new(store, "partials_stay_hidden").await;
    store.make_dir(&case.at("d"), 0o755).await.unwrap();
    let mut staged = case.stage("d/f", StageMode::Create).await;
    staged.write(&bytes(200_000, 1)).unwrap();
    assert!(super::names_in(store, &case.at("d")).await.is_empty());
    case.refused(store.remove_dir(&case.at("d")).await, ErrorKind::NotEmpty);
    Store::keep(staged).await.unwrap();
    assert!(super::names_in(store, &case.at("d")).await.is_empty());
    // To everybody it is empty, so it can be removed.
    store.remove_dir(&case.at("d")).await.unwrap();
    store.make_dir(&case.at("d"), 0o755).await.unwrap();
    assert_eq!(case.partial("d/f").await, None);
}

async fn offsets_beyond_the_end(store: &Store) {
    let case = Case::new(store, "offsets_beyond_the_end").await;
    let stage = async |offset: u64| {
        let request = request().mode(StageMode::Resume { offset });
        store.stage(&case.at("f"), request).await
    };
    case.refused(stage(1).await, ErrorKind::BadOffset);
    case.write("f", "abc").await;
    for offset in [4, 1000, 1 << 40, u64::MAX] {
        case.refused(stage(offset).await, ErrorKind::BadOffset);
    }
    assert_eq!(stage(3).await.unwrap().offset(), 3);
    assert_eq!(case.content("f").await, b"abc");
    assert_eq!(case.names().await, [b"f"]);
}

/// A partial of an older version must not be continued with bytes of a newer one.
async fn superseded_partials(store: &Store) {
    let case = Case::new(store, "superseded_partials").await;
    let mut staged = case.stage("f", StageMode::Create).await;
    staged.write(&bytes(200_000, 1)).unwrap();
    Store::keep(staged).await.unwrap();
    let newer = bytes(100_000, 2);
    case.write("f", newer.clone()).await;
    assert_eq!(case.partial("f").await, None);
    let mut staged = case.stage("f", StageMode::Resume { offset: 50_000 }).await;
    staged.write(b"end").unwrap();
    Store::publish(staged).await.unwrap();
    assert_eq!(case.content("f").await, [&newer[..50_000], b"end"].concat());

    for size in [150_000, 120_000] {
        let mut staged = case.stage("f", StageMode::Create).await;
        staged.write(&bytes(size, 3)).unwrap();
        Store::keep(staged).await.unwrap();
        assert_eq!(case.partial("f").await, Some(size as u64));
    }
}

async fn appending(store: &Store) {
    let case = Case::new(store, "appending").await;
    let mut staged = case.stage("log", StageMode::Append).await;
    assert_eq!(staged.offset(), 0);
    staged.write(b"one\n").unwrap();
    Store::publish(staged).await.unwrap();
    let mut staged = case.stage("log", StageMode::Append).await;
    assert_eq!(staged.offset(), 4);
    staged.write(b"two\n").unwrap();
    let published = Store::publish(staged).await.unwrap();
    assert_eq!((published.size, published.replaced), (8, true));
    assert_eq!(case.content("log").await, b"one\ntwo\n");
    let mut staged = case.stage("log", StageMode::Append).await;
    staged.write(b"broken").unwrap();
    drop(staged);
    assert_eq!(case.content("log").await, b"one\ntwo\n");
    assert_eq!(case.names().await, [b"log"]);
}

async fn appending_to_a_partial(store: &Store) {
    if !store.capability().resume {
        return;
    }
    let case = Case::new(store, "appending_to_a_partial").await;
    let mut staged = case.stage("f", StageMode::Create).await;
    staged.write(b"first half, ").unwrap();
    // Nobody knows yet whether the first half is complete.
    case.refused(
        store
            .stage(&case.at("f"), request().mode(StageMode::Append))
            .await,
        ErrorKind::Busy,
    );
    Store::keep(staged).await.unwrap();
    let mut staged = case.stage("f", StageMode::Append).await;
    assert_eq!(staged.offset(), 12);
    staged.write(b"second half").unwrap();
    Store::publish(staged).await.unwrap();
    assert_eq!(case.content("f").await, b"first half, second half");
}

//! What every store is held to. [`run`] chooses its cases by what the store says it can do, and
//! panics with the name of the case that failed.
//!
//! The store must be empty, and may be left with anything in it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

mod links;
mod names;
mod random;
mod updates;
mod uploads;

use crate::{
    Batch, Durability, ErrorKind, Follow, Kind, Metadata, Result, StageMode, StageRequest, Staged,
    Store, VPath,
};

/// Runs every case that fits the store.
///
/// # Panics
/// When the store does not do what [`Backend`](crate::Backend) promises.
pub async fn run(store: &Store) {
    names::run(store).await;
    links::run(store).await;
    uploads::run(store).await;
    if store.capability().random_write {
        random::run(store).await;
        updates::run(store).await;
    }
}

/// A directory of its own for one case.
struct Case<'a> {
    name: String,
    store: &'a Store,
    directory: VPath,
}

impl<'a> Case<'a> {
    async fn new(store: &'a Store, name: &str) -> Self {
        let directory = path(&format!("/{name}"));
        store.make_dir(&directory, 0o755).await.expect(name);
        Self {
            name: name.to_owned(),
            store,
            directory,
        }
    }

    fn at(&self, relative: impl AsRef<[u8]>) -> VPath {
        self.directory.resolve(relative.as_ref()).expect(&self.name)
    }

    async fn write(&self, name: &str, content: impl Into<Vec<u8>>) {
        self.store
            .write_file(&self.at(name), content, request())
            .await
            .expect(&self.name);
    }

    async fn content(&self, name: &str) -> Vec<u8> {
        let content = self.store.read_file(&self.at(name), u64::MAX).await;
        content.expect(&self.name)
    }

    async fn look(&self, name: &str) -> Metadata {
        let found = self.store.metadata(&self.at(name), Follow::No).await;
        found.expect(&self.name)
    }

    async fn stage(&self, name: &str, mode: StageMode) -> Box<dyn Staged> {
        let staged = self.store.stage(&self.at(name), request().mode(mode)).await;
        staged.expect(&self.name)
    }

    async fn partial(&self, name: &str) -> Option<u64> {
        let partial = self.store.partial(&self.at(name), "ann").await;
        partial.expect(&self.name)
    }

    async fn names(&self) -> Vec<Vec<u8>> {
        names_in(self.store, &self.directory).await
    }

    #[track_caller]
    fn refused<T>(&self, outcome: Result<T>, kind: ErrorKind) {
        match outcome {
            Ok(_) => panic!("{}: expected {kind:?}, and it worked", self.name),
            Err(error) => assert_eq!(error.kind(), kind, "{}: {error:?}", self.name),
        }
    }
}

/// The names in a directory, sorted, each with batches no larger than they may be.
async fn names_in(store: &Store, directory: &VPath) -> Vec<Vec<u8>> {
    let mut names = Vec::new();
    let mut listing = store.list(directory).await.unwrap();
    let mut batch = Batch::new();
    loop {
        let (back, filled, more) = Store::next_batch(listing, batch).await.unwrap();
        assert_eq!(more, !filled.is_empty());
        assert!(filled.len() <= Batch::LIMIT);
        if !more {
            break;
        }
        names.extend(filled.iter().map(|entry| entry.name.to_vec()));
        (listing, batch) = (back, filled);
    }
    names.sort();
    names
}

fn path(text: &str) -> VPath {
    VPath::parse(text.as_bytes()).unwrap()
}

/// Not durable: these are thousands of uploads, and their bytes are worthless.
fn request() -> StageRequest {
    StageRequest {
        durability: Durability::None,
        ..StageRequest::create("ann")
    }
}

const fn is_file(metadata: &Metadata) -> bool {
    matches!(metadata.kind, Kind::File)
}

/// Bytes that differ from place to place and from seed to seed.
fn bytes(size: usize, seed: u64) -> Vec<u8> {
    (0..size as u64)
        .map(|place| ((place ^ (seed << 40)).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 56) as u8)
        .collect()
}

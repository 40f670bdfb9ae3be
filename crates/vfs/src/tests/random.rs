//! Random writes to a staged upload beside the same writes to a row of bytes.

use proptest::prelude::*;

use super::{local, on_disk, path};
use crate::memory::MemoryStore;
use crate::{Durability, ErrorKind, StageMode, StageRequest, Staged, Store};

#[derive(Debug, Clone)]
enum Change {
    Write(u64, Vec<u8>),
    Append(Vec<u8>),
    SetLength(u64),
    Copy(u64, u64, u64),
}

fn change() -> impl Strategy<Value = Change> {
    // Small ones stay in memory; with large steps they soon do not.
    let place = prop_oneof![0..100_u64, 60_000..70_000_u64];
    let chunk = prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..20),
        (any::<u8>(), 1..40_000_usize).prop_map(|(byte, length)| vec![byte; length]),
    ];
    prop_oneof![
        4 => (place.clone(), chunk.clone()).prop_map(|(at, chunk)| Change::Write(at, chunk)),
        2 => chunk.prop_map(Change::Append),
        1 => place.clone().prop_map(Change::SetLength),
        1 => (place.clone(), place, 0..50_u64).prop_map(|(from, to, n)| Change::Copy(from, to, n)),
    ]
}

/// What a file would be, and which of its bytes have come.
#[derive(Default)]
struct Model {
    bytes: Vec<u8>,
    written: Vec<bool>,
    /// Below, gaps are zeros on purpose.
    closed: usize,
}

impl Model {
    fn write(&mut self, at: usize, chunk: &[u8]) {
        let end = at + chunk.len();
        if chunk.is_empty() {
            return;
        }
        if self.bytes.len() < end {
            self.resize(end);
        }
        self.bytes[at..end].copy_from_slice(chunk);
        self.written[at..end].fill(true);
    }

    fn resize(&mut self, length: usize) {
        self.bytes.resize(length, 0);
        self.written.resize(length, false);
    }

    fn prefix(&self) -> usize {
        self.written.iter().take_while(|written| **written).count()
    }

    fn has_gap(&self, from: usize, to: usize) -> bool {
        let to = to.min(self.written.len());
        (from..to).any(|at| at >= self.closed && !self.written[at])
    }

    /// Whether the copy may be made.
    fn may_copy(&self, from: u64, to: u64, length: u64) -> bool {
        from.abs_diff(to) >= length && !self.has_gap(from as usize, (from + length) as usize)
    }
}

fn apply(staged: &mut dyn Staged, model: &mut Model, change: Change) {
    match change {
        Change::Write(at, chunk) => {
            match staged.write_at_cached(at, &chunk) {
                Some(outcome) => outcome.unwrap(),
                None => staged.write_at(at, &chunk).unwrap(),
            }
            model.write(at as usize, &chunk);
        }
        Change::Append(chunk) => {
            staged.write(&chunk).unwrap();
            model.write(model.prefix(), &chunk);
        }
        Change::SetLength(length) => {
            staged.set_len(length).unwrap();
            model.resize(length as usize);
            model.closed = length as usize;
        }
        Change::Copy(from, to, length) if model.may_copy(from, to, length) => {
            let copied = staged.copy_within(from, to, length).unwrap() as usize;
            let from = from as usize;
            let expected = model.bytes.len().saturating_sub(from).min(length as usize);
            assert_eq!(copied, expected);
            if copied > 0 {
                let chunk = model.bytes[from..from + copied].to_vec();
                model.write(to as usize, &chunk);
            }
        }
        // What is refused spoils the upload; the conformance suite has it.
        Change::Copy(..) => {}
    }
    assert_eq!(staged.offset(), model.prefix() as u64);
    assert_eq!(staged.length(), model.bytes.len() as u64);
    let mut content = vec![7; model.bytes.len() + 1];
    let mut read = 0;
    while read < model.bytes.len() {
        read += staged.read_at(read as u64, &mut content[read..]).unwrap();
    }
    assert!(content[..read] == model.bytes, "not what was written");
}

async fn check(store: &Store, old: Option<&[u8]>, changes: Vec<Change>, keep: bool) {
    let at = path("/f");
    let mut model = Model::default();
    if let Some(old) = old {
        store.write_file(&at, old, request()).await.unwrap();
        model.write(0, old);
    }
    let update = request().mode(StageMode::Update);
    let mut staged = store.stage(&at, update).await.unwrap();
    for change in changes {
        apply(&mut *staged, &mut model, change);
    }
    if old.is_none() && keep {
        let prefix = model.prefix();
        assert_eq!(staged.keep().unwrap(), prefix as u64);
        let offset = prefix as u64;
        let resume = request().mode(StageMode::Resume { offset });
        model.bytes.truncate(prefix);
        model.closed = prefix;
        model.resize(prefix);
        staged = store.stage(&at, resume).await.unwrap();
    }
    match staged.publish() {
        Ok(published) => {
            assert!(!model.has_gap(0, model.bytes.len()));
            assert_eq!(published.size, model.bytes.len() as u64);
            let content = store.read_file(&at, u64::MAX).await.unwrap();
            assert!(content == model.bytes, "not what was written");
        }
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::Incomplete);
            assert!(model.has_gap(0, model.bytes.len()));
            let content = store.read_file(&at, u64::MAX).await.ok();
            assert!(content.as_deref() == old, "not untouched");
        }
    }
}

/// By somebody else than in other tests: what he leaves behind counts, for all of the process.
fn request() -> StageRequest {
    StageRequest {
        durability: Durability::None,
        ..StageRequest::create("random writer")
    }
}

fn run(future: impl Future<Output = ()>) {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.build().unwrap().block_on(future);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn what_is_published_is_what_was_written(
        old in proptest::option::of(proptest::collection::vec(any::<u8>(), 0..90)),
        changes in proptest::collection::vec(change(), 0..20),
        keep in any::<bool>(),
    ) {
        run(async {
            let memory = MemoryStore::new();
            check(&memory, old.as_deref(), changes.clone(), keep).await;
            let (folder, store) = local();
            check(&store, old.as_deref(), changes, keep).await;
            // Nothing is left but the file and at most one partial.
            assert!(on_disk(folder.path()).len() <= 2);
        });
    }
}

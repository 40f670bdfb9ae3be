//! How fast the local store is, without a network: operations per second, and microseconds of
//! processor time for each, which says more on a busy machine.
//!
//! `cargo run --release -p wharf-vfs --example rates -- FOLDER [files]`

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    missing_docs
)]

use std::path::PathBuf;
use std::time::{Duration, Instant};

use wharf_vfs::local::{LocalOptions, LocalStore};
use wharf_vfs::{Batch, Durability, Follow, StageRequest, Store, VPath};

const SESSIONS: usize = 8;

fn main() {
    let mut arguments = std::env::args_os().skip(1);
    let folder = PathBuf::from(arguments.next().unwrap());
    let files = arguments
        .next()
        .map_or(16_000, |n| n.into_string().unwrap().parse().unwrap());
    let store = LocalStore::open(&folder, LocalOptions::default()).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let run = std::process::id();
    for (name, durability, files) in [
        ("none", Durability::None, files),
        ("full", Durability::Full, files / 16),
    ] {
        let root = VPath::parse(format!("/{run}-{name}").as_bytes()).unwrap();
        runtime.block_on(store.make_dir(&root, 0o755)).unwrap();
        for round in ["new", "replaced"] {
            let per_second = sessions(&runtime, &store, &root, files, move |store, at| {
                runtime_upload(store, at, durability)
            });
            println!("uploads of 4 KiB, durability {name}, {round}: {per_second}");
        }
    }
    let root = VPath::parse(format!("/{run}-none").as_bytes()).unwrap();
    let begun = Clock::start();
    let mut waited = 0;
    runtime.block_on(async {
        let mut buffer = [0; 4096];
        for number in 0..files {
            let at = root.child(format!("f{}-{}", number % SESSIONS, number / SESSIONS).as_bytes());
            let mut reader = store.read(&at.unwrap()).await.unwrap();
            let read = reader.read_cached_at(0, &mut buffer).unwrap_or_else(|| {
                waited += 1;
                reader.read_at(0, &mut buffer)
            });
            assert_eq!(read.unwrap(), 4096);
        }
    });
    println!(
        "downloads of 4 KiB, one thread: {}, {waited} not from the cache",
        rate(files, begun)
    );
    let begun = Clock::start();
    runtime.block_on(async {
        for number in 0..files {
            let at = root.child(format!("f{}-{}", number % SESSIONS, number / SESSIONS).as_bytes());
            store.metadata(&at.unwrap(), Follow::Yes).await.unwrap();
        }
    });
    println!("metadata, one thread: {}", rate(files, begun));
    for _ in 0..2 {
        let begun = Clock::start();
        let mut listing = runtime.block_on(store.list(&root)).unwrap();
        let mut batch = Batch::new();
        let mut count = 0;
        while listing.next_batch(&mut batch).unwrap() {
            count += batch.len();
        }
        println!("listing of {count} entries: {}", rate(count, begun));
    }
}

type Done = std::pin::Pin<Box<dyn Future<Output = ()> + Send>>;

/// One file after another in each of eight sessions.
fn sessions(
    runtime: &tokio::runtime::Runtime,
    store: &Store,
    root: &VPath,
    files: usize,
    work: impl Fn(Store, VPath) -> Done + Clone + Send + 'static,
) -> String {
    let begun = Clock::start();
    let sessions: Vec<_> = (0..SESSIONS)
        .map(|session| {
            let (store, root, work) = (store.clone(), root.clone(), work.clone());
            runtime.spawn(async move {
                for number in 0..files / SESSIONS {
                    let at = root
                        .child(format!("f{session}-{number}").as_bytes())
                        .unwrap();
                    work(store.clone(), at).await;
                }
            })
        })
        .collect();
    for session in sessions {
        runtime.block_on(session).unwrap();
    }
    rate(files, begun)
}

fn runtime_upload(store: Store, at: VPath, durability: Durability) -> Done {
    Box::pin(async move {
        let request = StageRequest {
            durability,
            ..StageRequest::create("ann")
        };
        let mut staged = store.stage(&at, request).await.unwrap();
        staged.write(&[7; 4096]).unwrap();
        Store::publish(staged).await.unwrap();
    })
}

struct Clock {
    wall: Instant,
    processor: Duration,
}

impl Clock {
    fn start() -> Self {
        Self {
            wall: Instant::now(),
            processor: processor_time(),
        }
    }
}

fn rate(count: usize, begun: Clock) -> String {
    let seconds = begun.wall.elapsed().as_secs_f64();
    let each = (processor_time() - begun.processor).as_secs_f64() / count as f64;
    format!("{:.0}/s, {:.2} µs", count as f64 / seconds, each * 1e6)
}

fn processor_time() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::try_from(now).unwrap()
}

//! How fast this crate moves bytes and opens ports, over loopback.
//!
//! `cargo run --release -p wharf-net --example rates [PART OF A NAME]`. The peers discard what they receive in the
//! kernel (`MSG_TRUNC`), so that they are not the limit.

use std::convert::Infallible;
use std::fs::File;
use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use rustix::net::{RecvFlags, recv};
use rustix::time::{ClockId, clock_gettime};
use wharf_net::data::{DataConnection, Sink, Source, TransferControl};
use wharf_net::passive::PassivePorts;

const GIB: u64 = 1 << 30;
const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const LONG: Duration = Duration::from_secs(30);
const ROUNDS: usize = 5;

fn main() -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let file = Arc::new(whole_file(GIB)?);
    for connections in [1, 4] {
        let name = format!("send_file, connections: {connections}");
        row(&name, "MB", || {
            runtime.block_on(download(&file, connections))
        })?;
    }
    row("send from a source", "MB", || {
        runtime.block_on(send_source())
    })?;
    row("receive to a null sink", "MB", || {
        runtime.block_on(upload(Nowhere))
    })?;
    let disk = tempfile::tempfile()?;
    row("receive to a file", "MB", || {
        runtime.block_on(upload(Disk(disk.try_clone()?)))
    })?;
    row("passive open, connect, accept, close", "", || {
        runtime.block_on(passive(None))
    })?;
    let small = Arc::new(whole_file(4096)?);
    row("the same with send_file of 4 KiB", "", || {
        runtime.block_on(passive(Some(Arc::clone(&small))))
    })?;
    row("the same with receive of 4 KiB", "", || {
        runtime.block_on(small_uploads())
    })
}

/// Measures some times and prints the median rate, and the processor time of both ends together,
/// which says more than the rate where other programs run too. `measure` returns how many.
fn row(name: &str, unit: &str, mut measure: impl FnMut() -> io::Result<f64>) -> io::Result<()> {
    if !std::env::args()
        .nth(1)
        .is_none_or(|part| name.contains(&part))
    {
        return Ok(());
    }
    let mut rates = Vec::new();
    let mut costs = Vec::new();
    for _ in 0..ROUNDS {
        let (began, spent) = (Instant::now(), processor_seconds());
        let count = measure()?;
        rates.push(count / began.elapsed().as_secs_f64());
        costs.push((processor_seconds() - spent) / count * 1e6);
    }
    rates.sort_by(f64::total_cmp);
    costs.sort_by(f64::total_cmp);
    let (rate, cost) = (rates[ROUNDS / 2], costs[ROUNDS / 2]);
    let line = format!("{name}: {rate:.0} {unit}/s, {cost:.1} us of processor time each");
    writeln!(io::stdout(), "{line}")
}

fn processor_seconds() -> f64 {
    let spent = clock_gettime(ClockId::ProcessCPUTime);
    spent.tv_sec as f64 + spent.tv_nsec as f64 / 1e9
}

fn whole_file(length: u64) -> io::Result<File> {
    let mut file = tempfile::tempfile()?;
    let piece = vec![7; length.min(1 << 20) as usize];
    for _ in 0..length / piece.len() as u64 {
        file.write_all(&piece)?;
    }
    Ok(file)
}

fn control() -> Arc<TransferControl> {
    Arc::new(TransferControl::new(LONG))
}

fn pair() -> io::Result<(DataConnection, TcpStream)> {
    let listener = TcpListener::bind((HERE, 0))?;
    let client = TcpStream::connect(listener.local_addr()?)?;
    Ok((DataConnection::from_std(listener.accept()?.0)?, client))
}

/// Reads to the end. A large `scrap` wakes the reader, and so costs, less often.
fn discard(client: &TcpStream, scrap: &mut [u8]) -> u64 {
    let mut all = 0;
    loop {
        match recv(client, &mut *scrap, RecvFlags::TRUNC) {
            Ok((_, 0)) | Err(_) => return all,
            Ok((_, length)) => all += length as u64,
        }
    }
}

async fn download(file: &Arc<File>, connections: u64) -> io::Result<f64> {
    let mut transfers = Vec::new();
    for _ in 0..connections {
        let (mut connection, client) = pair()?;
        let reader = thread::spawn(move || discard(&client, &mut vec![0; 1 << 20]));
        let file = Arc::clone(file);
        let sending = tokio::spawn(async move {
            let sent = connection.send_file(&file, 0, GIB, &control()).await;
            connection.finish().await.map(|()| sent)
        });
        transfers.push((sending, reader));
    }
    for (sending, reader) in transfers {
        sending.await??.map_err(io::Error::other)?;
        assert_eq!(reader.join().ok(), Some(GIB));
    }
    Ok((GIB * connections) as f64 / 1e6)
}

struct Zeros(u64);

impl Source for Zeros {
    type Error = Infallible;

    fn fill(&mut self, buffer: &mut Vec<u8>) -> Result<(), Infallible> {
        let piece = self.0.min(256 * 1024);
        buffer.resize(piece as usize, 0);
        self.0 -= piece;
        Ok(())
    }
}

async fn send_source() -> io::Result<f64> {
    let (mut connection, client) = pair()?;
    let reader = thread::spawn(move || discard(&client, &mut vec![0; 1 << 20]));
    let (_, sent) = connection.send(Zeros(GIB), &control()).await;
    sent.map_err(io::Error::other)?;
    connection.finish().await?;
    assert_eq!(reader.join().ok(), Some(GIB));
    Ok(GIB as f64 / 1e6)
}

struct Nowhere;

impl Sink for Nowhere {
    type Error = io::Error;

    fn write(&mut self, _: &[u8]) -> io::Result<()> {
        Ok(())
    }

    fn end(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Disk(File);

impl Sink for Disk {
    type Error = io::Error;

    fn write(&mut self, chunk: &[u8]) -> io::Result<()> {
        self.0.write_all(chunk)
    }

    fn end(&mut self) -> io::Result<()> {
        self.0.set_len(0)?;
        io::Seek::rewind(&mut self.0)
    }
}

async fn upload<S: Sink<Error = io::Error>>(sink: S) -> io::Result<f64> {
    let (mut connection, mut client) = pair()?;
    let writer = thread::spawn(move || {
        let piece = vec![0; 1 << 20];
        (0..GIB >> 20).all(|_| client.write_all(&piece).is_ok())
    });
    let (_, received) = connection.receive(sink, &control()).await;
    assert_eq!(received.map_err(io::Error::other)?, GIB);
    assert_eq!(writer.join().ok(), Some(true));
    Ok(GIB as f64 / 1e6)
}

const SMALL: u32 = 20_000;

/// Both ends in one task, in turn, so that what is measured is work and not waking up.
async fn passive(file: Option<Arc<File>>) -> io::Result<f64> {
    let ports = PassivePorts::new(50_000..=50_100);
    let expected = if file.is_some() { 4096 } else { 0 };
    let task = tokio::spawn(async move {
        for _ in 0..SMALL {
            let (mut connection, client) = connected(&ports)?;
            if let Some(file) = &file {
                let sent = connection.send_file(file, 0, 4096, &control()).await;
                sent.map_err(io::Error::other)?;
            }
            connection.finish().await?;
            assert_eq!(discard(&client, &mut [0; 8192]), expected);
        }
        Ok(f64::from(SMALL))
    });
    task.await?
}

async fn small_uploads() -> io::Result<f64> {
    let ports = PassivePorts::new(50_000..=50_100);
    let task = tokio::spawn(async move {
        for _ in 0..SMALL {
            let (mut connection, mut client) = connected(&ports)?;
            client.write_all(&[7; 4096])?;
            drop(client);
            let (_, received) = connection.receive(Nowhere, &control()).await;
            assert_eq!(received.map_err(io::Error::other)?, 4096);
            connection.finish().await?;
        }
        Ok(f64::from(SMALL))
    });
    task.await?
}

fn connected(ports: &PassivePorts) -> io::Result<(DataConnection, TcpStream)> {
    let mut listener = ports.open(HERE, HERE).map_err(io::Error::other)?;
    let client = TcpStream::connect(SocketAddr::new(HERE, listener.port()))?;
    let connection = listener.try_accept();
    Ok((connection.ok_or(io::ErrorKind::WouldBlock)?, client))
}

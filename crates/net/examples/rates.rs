//! How fast this crate moves bytes and opens ports, over loopback.
//!
//! `cargo run --release -p wharf-net --example rates`. The peers discard what they receive in the
//! kernel (`MSG_TRUNC`), so that they are not the limit.

use std::convert::Infallible;
use std::fs::File;
use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use rustix::net::{RecvFlags, recv};
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
    for (name, connections) in [("1 connection", 1), ("4 connections", 4)] {
        let rate = median(|| runtime.block_on(download(&file, connections)))?;
        say(&format!("send_file, {name}: {rate:.0} MB/s"))?;
    }
    let rate = median(|| runtime.block_on(send_source()))?;
    say(&format!("send from a source: {rate:.0} MB/s"))?;
    let rate = median(|| runtime.block_on(upload(Nowhere)))?;
    say(&format!("receive to a null sink: {rate:.0} MB/s"))?;
    let sink = Disk(tempfile::tempfile()?);
    let rate = median(|| runtime.block_on(upload(Disk(sink.0.try_clone()?))))?;
    say(&format!("receive to a file: {rate:.0} MB/s"))?;
    let rate = median(|| runtime.block_on(passive(None)))?;
    say(&format!(
        "passive open, connect, accept, close: {rate:.0}/s"
    ))?;
    let small = Arc::new(whole_file(4096)?);
    let rate = median(|| runtime.block_on(passive(Some(Arc::clone(&small)))))?;
    say(&format!("the same with send_file of 4 KiB: {rate:.0}/s"))?;
    let rate = median(|| runtime.block_on(small_uploads()))?;
    say(&format!("the same with receive of 4 KiB: {rate:.0}/s"))
}

fn say(line: &str) -> io::Result<()> {
    writeln!(io::stdout(), "{line}")
}

fn median(mut measure: impl FnMut() -> io::Result<f64>) -> io::Result<f64> {
    let mut rates = (0..ROUNDS)
        .map(|_| measure())
        .collect::<Result<Vec<_>, _>>()?;
    rates.sort_by(f64::total_cmp);
    Ok(rates[ROUNDS / 2])
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

fn megabytes(bytes: u64, began: Instant) -> f64 {
    bytes as f64 / 1e6 / began.elapsed().as_secs_f64()
}

fn pair() -> io::Result<(DataConnection, TcpStream)> {
    let listener = TcpListener::bind((HERE, 0))?;
    let client = TcpStream::connect(listener.local_addr()?)?;
    Ok((DataConnection::from_std(listener.accept()?.0)?, client))
}

fn discard(client: &TcpStream) -> u64 {
    let mut scrap = vec![0; 1 << 20];
    let mut all = 0;
    loop {
        match recv(client, &mut scrap, RecvFlags::TRUNC) {
            Ok((_, 0)) | Err(_) => return all,
            Ok((_, length)) => all += length as u64,
        }
    }
}

async fn download(file: &Arc<File>, connections: u64) -> io::Result<f64> {
    let began = Instant::now();
    let mut transfers = Vec::new();
    for _ in 0..connections {
        let (mut connection, client) = pair()?;
        let reader = thread::spawn(move || discard(&client));
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
    Ok(megabytes(GIB * connections, began))
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
    let began = Instant::now();
    let (mut connection, client) = pair()?;
    let reader = thread::spawn(move || discard(&client));
    let (_, sent) = connection.send(Zeros(GIB), &control()).await;
    sent.map_err(io::Error::other)?;
    connection.finish().await?;
    assert_eq!(reader.join().ok(), Some(GIB));
    Ok(megabytes(GIB, began))
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
    let began = Instant::now();
    let (mut connection, mut client) = pair()?;
    let writer = thread::spawn(move || {
        let piece = vec![0; 1 << 20];
        (0..GIB >> 20).all(|_| client.write_all(&piece).is_ok())
    });
    let (_, received) = connection.receive(sink, &control()).await;
    assert_eq!(received.map_err(io::Error::other)?, GIB);
    assert_eq!(writer.join().ok(), Some(true));
    Ok(megabytes(GIB, began))
}

const SMALL: u32 = 20_000;

/// One client thread and one server task, in turn: connection after connection.
async fn passive(file: Option<Arc<File>>) -> io::Result<f64> {
    let ports = PassivePorts::new(50_000..=50_100);
    let (to_client, from_server) = std::sync::mpsc::sync_channel::<u16>(1);
    let client = thread::spawn(move || {
        for port in from_server {
            if let Ok(stream) = TcpStream::connect(SocketAddr::new(HERE, port)) {
                discard(&stream);
            }
        }
    });
    let sending = tokio::spawn(async move {
        let began = Instant::now();
        for _ in 0..SMALL {
            let mut listener = ports.open(HERE, HERE).map_err(io::Error::other)?;
            to_client.send(listener.port()).map_err(io::Error::other)?;
            let mut connection = listener.accept(LONG).await.map_err(io::Error::other)?;
            drop(listener);
            if let Some(file) = &file {
                let sent = connection.send_file(file, 0, 4096, &control()).await;
                sent.map_err(io::Error::other)?;
            }
            connection.finish().await?;
        }
        io::Result::Ok(f64::from(SMALL) / began.elapsed().as_secs_f64())
    });
    let rate = sending.await?;
    assert!(client.join().is_ok());
    rate
}

async fn small_uploads() -> io::Result<f64> {
    let ports = PassivePorts::new(50_000..=50_100);
    let (to_client, from_server) = std::sync::mpsc::sync_channel::<u16>(1);
    let client = thread::spawn(move || {
        for port in from_server {
            if let Ok(mut stream) = TcpStream::connect(SocketAddr::new(HERE, port)) {
                assert!(stream.write_all(&[7; 4096]).is_ok());
            }
        }
    });
    let receiving = tokio::spawn(async move {
        let began = Instant::now();
        for _ in 0..SMALL {
            let mut listener = ports.open(HERE, HERE).map_err(io::Error::other)?;
            to_client.send(listener.port()).map_err(io::Error::other)?;
            let mut connection = listener.accept(LONG).await.map_err(io::Error::other)?;
            drop(listener);
            let (_, received) = connection.receive(Nowhere, &control()).await;
            assert_eq!(received.map_err(io::Error::other)?, 4096);
            connection.finish().await?;
        }
        io::Result::Ok(f64::from(SMALL) / began.elapsed().as_secs_f64())
    });
    let rate = receiving.await?;
    assert!(client.join().is_ok());
    rate
}

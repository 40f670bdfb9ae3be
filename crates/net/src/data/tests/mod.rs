mod encrypted;
mod receiving;
mod sending;
mod stopping;

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Mutex;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Runtime};
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::timeout;

use super::*;
use crate::sync::locked;

const LONG: Duration = Duration::from_secs(30);
const MIB: usize = 1024 * 1024;

fn pair() -> (DataConnection, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    client.set_read_timeout(Some(LONG)).unwrap();
    client.set_write_timeout(Some(LONG)).unwrap();
    let server = listener.accept().unwrap().0;
    (DataConnection::from_std(server).unwrap(), client)
}

fn control(stall: Duration) -> Arc<TransferControl> {
    Arc::new(TransferControl::new(stall))
}

/// Bytes that differ wherever a piece could be lost, doubled or moved.
fn pattern(length: usize) -> Vec<u8> {
    let byte = |place: usize| (place.wrapping_mul(31) ^ (place >> 8) ^ (place >> 16)) as u8;
    (0..length).map(byte).collect()
}

fn file_of(bytes: &[u8]) -> Arc<File> {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    Arc::new(file)
}

fn reading(mut client: TcpStream) -> JoinHandle<io::Result<Vec<u8>>> {
    spawn_blocking(move || {
        let mut all = Vec::new();
        client.read_to_end(&mut all).map(|_| all)
    })
}

/// Waits until the transfer has moved something and then nothing more for a while: it is blocked.
async fn blocked(control: &TransferControl) {
    let began = Instant::now();
    let mut last = (0, Instant::now());
    while last.0 == 0 || last.1.elapsed() < Duration::from_millis(100) {
        assert!(began.elapsed() < LONG, "nothing moves at all");
        if control.bytes() != last.0 {
            last = (control.bytes(), Instant::now());
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[derive(Default)]
struct Kept {
    bytes: Vec<u8>,
    ends: u32,
    fails_at: Option<usize>,
    fails_at_end: bool,
}

impl Sink for Kept {
    type Error = &'static str;

    fn write(&mut self, chunk: &[u8]) -> Result<(), &'static str> {
        assert!(!chunk.is_empty() && chunk.len() <= crate::pool::BUFFER_BYTES);
        self.bytes.extend_from_slice(chunk);
        match self.fails_at {
            Some(limit) if self.bytes.len() >= limit => Err("disk full"),
            _ => Ok(()),
        }
    }

    fn end(&mut self) -> Result<(), &'static str> {
        self.ends += 1;
        if self.fails_at_end {
            Err("no name")
        } else {
            Ok(())
        }
    }
}

/// Gives its chunks one by one.
struct Chunks(std::vec::IntoIter<Result<Vec<u8>, &'static str>>);

impl Chunks {
    fn of(chunks: Vec<Result<Vec<u8>, &'static str>>) -> Self {
        Self(chunks.into_iter())
    }
}

impl Source for Chunks {
    type Error = &'static str;

    fn fill(&mut self, buffer: &mut Vec<u8>) -> Result<(), &'static str> {
        assert!(buffer.is_empty());
        if let Some(chunk) = self.0.next() {
            buffer.extend_from_slice(&chunk?);
        }
        Ok(())
    }
}

/// A source without end.
struct Zeros;

impl Source for Zeros {
    type Error = &'static str;

    fn fill(&mut self, buffer: &mut Vec<u8>) -> Result<(), &'static str> {
        buffer.resize(crate::pool::BUFFER_BYTES, 0);
        Ok(())
    }
}

fn sparse(length: u64) -> Arc<File> {
    let file = tempfile::tempfile().unwrap();
    file.set_len(length).unwrap();
    Arc::new(file)
}

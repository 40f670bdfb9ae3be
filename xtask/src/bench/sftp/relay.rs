//! A long path between client and server, where the kernel cannot make one.
//!
//! Every byte is held for the same time in each direction, and the rate is not limited: bytes are
//! taken from the sender at once and wait in memory. TCP itself therefore sees a short path: what
//! is measured is how much the two ends let be on its way, not how TCP finds its rate.

use std::collections::VecDeque;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, SocketAddrV4, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// What one direction holds at most, in bytes; then the sender waits.
const ROOM: usize = 64 << 20;
/// What is taken from the kernel at once, in bytes.
const CHUNK: usize = 256 << 10;
/// Buffers kept for the next chunks: new memory costs as much as copying into it.
const SPARE: usize = ROOM / CHUNK;

/// Passes connections on, and holds their bytes; it ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Relay {
    pub(crate) address: SocketAddrV4,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

impl Relay {
    /// Listens on loopback, and passes on to `server`; a byte takes `delay` each way.
    pub(crate) fn start(server: SocketAddrV4, delay: Duration) -> Result<Self> {
        Self::with_room(server, delay, ROOM)
    }

    fn with_room(server: SocketAddrV4, delay: Duration, room: usize) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let SocketAddr::V4(address) = listener.local_addr()? else {
            bail!("an IPv4 listener has an IPv4 address");
        };
        let shared = Arc::new(Shared::default());
        let acceptor = std::thread::spawn({
            let shared = Arc::clone(&shared);
            move || {
                for client in listener.incoming().flatten() {
                    if shared.ended.load(Ordering::Acquire) {
                        return;
                    }
                    // Whoever cannot be passed on finds its connection closed.
                    let _ = connect(&shared, client, server, delay, room);
                }
            }
        });
        Ok(Self {
            address,
            shared,
            acceptor: Some(acceptor),
        })
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::Release);
        for stream in &*locked(&self.shared.streams) {
            let _ = stream.shutdown(Shutdown::Both);
        }
        // Wakes the acceptor.
        let woken = TcpStream::connect(self.address).is_ok();
        if let Some(acceptor) = self.acceptor.take()
            && woken
        {
            let _ = acceptor.join();
        }
    }
}

#[derive(Debug, Default)]
struct Shared {
    ended: AtomicBool,
    /// All that were opened, so that they can be shut down.
    streams: Mutex<Vec<TcpStream>>,
}

/// Opens the connection's other half, and starts two threads for each direction.
fn connect(
    shared: &Shared,
    client: TcpStream,
    server: SocketAddrV4,
    delay: Duration,
    room: usize,
) -> Result<()> {
    let server = TcpStream::connect(server)?;
    for stream in [&client, &server] {
        stream.set_nodelay(true)?;
        locked(&shared.streams).push(stream.try_clone()?);
    }
    carry(client.try_clone()?, server.try_clone()?, delay, room);
    carry(server, client, delay, room);
    Ok(())
}

fn carry(from: TcpStream, to: TcpStream, delay: Duration, room: usize) {
    let path = Arc::new(Path {
        room,
        held: Mutex::default(),
        changed: Condvar::new(),
    });
    std::thread::spawn({
        let path = Arc::clone(&path);
        move || path.fill(from, delay)
    });
    std::thread::spawn(move || path.empty(to));
}

/// One direction of one connection.
#[derive(Debug)]
struct Path {
    room: usize,
    held: Mutex<Held>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Held {
    /// Bytes, and when they are due; an empty chunk is the end.
    chunks: VecDeque<(Instant, Vec<u8>)>,
    /// The memory of all chunks.
    size: usize,
    spare: Vec<Vec<u8>>,
    /// Nobody takes anything any more.
    broken: bool,
}

impl Path {
    fn fill(&self, mut from: TcpStream, delay: Duration) {
        let mut buffer = vec![0; CHUNK];
        loop {
            let length = from.read(&mut buffer).unwrap_or(0);
            let due = Instant::now() + delay;
            let mut held = locked(&self.held);
            let chunk = if length < CHUNK / 4 {
                // A whole buffer for a few bytes would fill the room with nothing.
                buffer[..length].to_vec()
            } else {
                let next = held.spare.pop().unwrap_or_else(|| vec![0; CHUNK]);
                let mut chunk = std::mem::replace(&mut buffer, next);
                chunk.truncate(length);
                chunk
            };
            let size = chunk.capacity();
            while held.size + size > self.room && held.size > 0 && !held.broken {
                held = self.wait(held);
            }
            if held.broken {
                let _ = from.shutdown(Shutdown::Both);
                return;
            }
            held.size += size;
            held.chunks.push_back((due, chunk));
            drop(held);
            self.changed.notify_all();
            if length == 0 {
                return;
            }
        }
    }

    fn empty(&self, mut to: TcpStream) {
        loop {
            let (due, mut chunk) = self.next();
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            if chunk.is_empty() {
                let _ = to.shutdown(Shutdown::Write);
                return;
            }
            let written = to.write_all(&chunk);
            let mut held = locked(&self.held);
            held.broken = written.is_err();
            held.size -= chunk.capacity();
            if chunk.capacity() >= CHUNK && held.spare.len() < SPARE {
                chunk.resize(CHUNK, 0);
                held.spare.push(chunk);
            }
            drop(held);
            self.changed.notify_all();
            if written.is_err() {
                return;
            }
        }
    }

    fn next(&self) -> (Instant, Vec<u8>) {
        let mut held = locked(&self.held);
        loop {
            if let Some(next) = held.chunks.pop_front() {
                return next;
            }
            held = self.wait(held);
        }
    }

    fn wait<'a>(&self, held: MutexGuard<'a, Held>) -> MutexGuard<'a, Held> {
        self.changed
            .wait(held)
            .unwrap_or_else(PoisonError::into_inner)
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DELAY: Duration = Duration::from_millis(25);

    /// Two ends of a relayed connection.
    fn pair(room: usize) -> (Relay, TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let SocketAddr::V4(address) = listener.local_addr().unwrap() else {
            panic!("not IPv4");
        };
        let relay = Relay::with_room(address, DELAY, room).unwrap();
        let client = TcpStream::connect(relay.address).unwrap();
        let (server, _) = listener.accept().unwrap();
        for end in [&client, &server] {
            end.set_nodelay(true).unwrap();
            end.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        }
        (relay, client, server)
    }

    #[test]
    fn a_question_and_its_answer_take_two_delays() {
        let (_relay, mut client, mut server) = pair(ROOM);
        for question in 0..5 {
            let asked = Instant::now();
            client.write_all(&[question]).unwrap();
            let mut byte = [0];
            server.read_exact(&mut byte).unwrap();
            assert!(asked.elapsed() >= DELAY, "{:?}", asked.elapsed());
            server.write_all(&byte).unwrap();
            client.read_exact(&mut byte).unwrap();
            assert_eq!(byte, [question]);
            assert!(asked.elapsed() >= 2 * DELAY, "{:?}", asked.elapsed());
        }
    }

    #[test]
    fn everything_arrives_in_order_and_so_does_the_end() {
        let (_relay, mut client, mut server) = pair(ROOM);
        let numbers = 4_000_000_u32;
        let sender = std::thread::spawn(move || {
            let bytes: Vec<u8> = (0..numbers).flat_map(u32::to_le_bytes).collect();
            // Odd pieces, so that chunks of all sizes are held.
            for (number, piece) in bytes.chunks(70_001).enumerate() {
                let (head, tail) = piece.split_at(piece.len().min(number % 7));
                client.write_all(head).unwrap();
                client.write_all(tail).unwrap();
            }
            client
        });
        let mut received = Vec::new();
        let mut chunk = vec![0; 1 << 20];
        while received.len() < numbers as usize * 4 {
            let length = server.read(&mut chunk).unwrap();
            assert!(length > 0, "ended after {} bytes", received.len());
            received.extend_from_slice(&chunk[..length]);
        }
        let in_order = received
            .chunks_exact(4)
            .zip(0_u32..)
            .all(|(bytes, number)| bytes == number.to_le_bytes());
        assert!(in_order);
        let client = sender.join().unwrap();
        let closed = Instant::now();
        client.shutdown(Shutdown::Write).unwrap();
        assert_eq!(server.read(&mut chunk).unwrap(), 0);
        assert!(closed.elapsed() >= DELAY);
    }

    #[test]
    fn who_does_not_read_stops_the_sender() {
        let room = 1 << 20;
        let (_relay, mut client, mut server) = pair(room);
        client
            .set_write_timeout(Some(Duration::from_millis(500)))
            .unwrap();
        let chunk = vec![7; 1 << 20];
        // The kernel's buffers hold some more, but not half a gigabyte.
        let mut sent = 0;
        while sent < 512 << 20 {
            match client.write(&chunk) {
                Ok(length) => sent += length,
                Err(_) => break,
            }
        }
        assert!((room..512 << 20).contains(&sent), "{sent}");
        client.shutdown(Shutdown::Write).unwrap();
        let mut received = 0;
        let mut chunk = vec![0; 1 << 20];
        loop {
            match server.read(&mut chunk).unwrap() {
                0 => break,
                length => received += length,
            }
        }
        assert_eq!(received, sent);
    }

    #[test]
    fn a_relay_that_ends_closes_its_connections() {
        let (relay, mut client, _server) = pair(ROOM);
        drop(relay);
        assert!(matches!(client.read(&mut [0]), Ok(0) | Err(_)));
    }
}

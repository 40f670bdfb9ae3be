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

#[tokio::test]
async fn a_sparse_gibibyte_arrives_whole() {
    const LENGTH: u64 = 1 << 30;
    let islands = [0, 5_000_000, (1 << 29) - 7, LENGTH - 100_000];
    let island = pattern(100_000);
    let file = sparse(LENGTH);
    for place in islands {
        (&*file).seek(SeekFrom::Start(place)).unwrap();
        (&*file).write_all(&island).unwrap();
    }
    let (mut connection, mut client) = pair();
    let reader = spawn_blocking(move || {
        let mut buffer = vec![0; 4 * MIB];
        let (mut place, mut found) = (0_u64, vec![Vec::new(); islands.len()]);
        loop {
            let read = client.read(&mut buffer).unwrap();
            if read == 0 {
                return (place, found);
            }
            for (start, found) in islands.iter().zip(&mut found) {
                let from = start.saturating_sub(place).min(read as u64) as usize;
                let to = (start + 100_000).saturating_sub(place).min(read as u64) as usize;
                found.extend_from_slice(&buffer[from..to]);
            }
            place += read as u64;
        }
    });
    let control = control(LONG);
    let sent = connection.send_file(&file, 0, LENGTH, &control).await;
    assert_eq!(sent.unwrap(), LENGTH);
    assert_eq!(control.bytes(), LENGTH);
    connection.finish().await.unwrap();
    let (length, found) = reader.await.unwrap();
    assert_eq!(length, LENGTH);
    assert!(found.iter().all(|bytes| *bytes == island));
}

#[tokio::test]
async fn a_part_of_a_file_and_small_and_empty_files() {
    let bytes = pattern(3 * MIB);
    let file = file_of(&bytes);
    for (offset, length) in [(0, 0), (0, 1), (7, 4_096), (MIB, 2 * MIB), (3 * MIB - 1, 1)] {
        let (mut connection, client) = pair();
        let reader = reading(client);
        let control = control(LONG);
        let sent = connection
            .send_file(&file, offset as u64, length as u64, &control)
            .await;
        assert_eq!(sent.unwrap(), length as u64);
        assert_eq!(control.bytes(), length as u64);
        connection.finish().await.unwrap();
        let read = reader.await.unwrap().unwrap();
        assert!(
            read == bytes[offset..offset + length],
            "{length} from {offset}"
        );
    }
}

#[tokio::test]
async fn a_file_the_kernel_cannot_send_is_copied() {
    let bytes = pattern(3 * MIB + 17);
    let (mut connection, client) = pair();
    let reader = reading(client);
    let control = control(LONG);
    let end = (bytes.len() - 20) as u64;
    let work = file::FileSending::copying(&file_of(&bytes), 5, end - 5);
    burst::drive(&mut connection, work, &control)
        .await
        .1
        .unwrap();
    connection.finish().await.unwrap();
    assert!(reader.await.unwrap().unwrap() == bytes[5..bytes.len() - 20]);
    // /proc/kmsg and its like aside, a directory is what neither way can read.
    let directory = Arc::new(File::open(std::env::temp_dir()).unwrap());
    let (mut connection, _client) = pair();
    let error = connection.send_file(&directory, 0, 100_000, &control).await;
    assert!(matches!(error, Err(TransferError::Local(_))), "{error:?}");
}

#[tokio::test]
async fn a_file_shorter_than_promised_is_an_error_and_a_reset() {
    for (length, promised) in [(10, 11), (100_000, 200_000)] {
        let (mut connection, client) = pair();
        let reader = reading(client);
        let sent = connection
            .send_file(&file_of(&pattern(length)), 0, promised, &control(LONG))
            .await;
        match sent {
            Err(TransferError::Local(error)) => {
                assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
            }
            other => panic!("{other:?}"),
        }
        drop(connection);
        let error = reader.await.unwrap().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    }
}

#[tokio::test]
async fn what_a_source_gives_arrives_and_what_a_client_sends_is_kept() {
    let bytes = pattern(20 * MIB + 1);
    let pieces = bytes
        .chunks(211_111)
        .map(|piece| Ok(piece.to_vec()))
        .collect();
    let (mut connection, client) = pair();
    let reader = reading(client);
    let sending = control(LONG);
    let (_, sent) = connection.send(Chunks::of(pieces), &sending).await;
    assert_eq!(sent.unwrap(), bytes.len() as u64);
    assert_eq!(sending.bytes(), bytes.len() as u64);
    connection.finish().await.unwrap();
    assert!(reader.await.unwrap().unwrap() == bytes);

    let (mut connection, mut client) = pair();
    let sent = bytes.clone();
    let writer = spawn_blocking(move || {
        client
            .write_all(&sent)
            .map(|()| client.shutdown(Shutdown::Write))
    });
    let receiving = control(LONG);
    let (kept, received) = connection.receive(Kept::default(), &receiving).await;
    writer.await.unwrap().unwrap().unwrap();
    assert_eq!(received.unwrap(), bytes.len() as u64);
    assert_eq!(receiving.bytes(), bytes.len() as u64);
    assert!(kept.bytes == bytes);
    assert_eq!(kept.ends, 1);
}

#[tokio::test]
async fn nothing_sent_is_an_empty_file() {
    let (mut connection, client) = pair();
    client.shutdown(Shutdown::Write).unwrap();
    let (kept, received) = connection.receive(Kept::default(), &control(LONG)).await;
    assert_eq!((received.unwrap(), kept.bytes.len(), kept.ends), (0, 0, 1));
    let (_, sent) = connection.send(Chunks::of(vec![]), &control(LONG)).await;
    assert_eq!(sent.unwrap(), 0);
}

/// Gives `first`, and then waits until it is told to go on.
struct Held(Option<&'static [u8]>, mpsc::Receiver<()>);

impl Source for Held {
    type Error = mpsc::RecvTimeoutError;

    fn fill(&mut self, buffer: &mut Vec<u8>) -> Result<(), Self::Error> {
        match self.0.take() {
            Some(first) => buffer.extend_from_slice(first),
            None => self.1.recv_timeout(LONG)?,
        }
        Ok(())
    }
}

#[tokio::test]
async fn r7_the_first_bytes_leave_before_the_source_is_read_to_its_end() {
    let (mut connection, mut client) = pair();
    let (go_on, held) = mpsc::channel();
    let reader = spawn_blocking(move || {
        let mut read = [0; 5];
        client.read_exact(&mut read).unwrap();
        assert_eq!(&read, b"first");
        go_on.send(()).unwrap();
    });
    let (_, sent) = connection
        .send(Held(Some(b"first"), held), &control(LONG))
        .await;
    assert_eq!(sent.unwrap(), 5);
    reader.await.unwrap();
}

#[tokio::test]
async fn a_source_that_fails_ends_in_a_reset() {
    let (mut connection, client) = pair();
    let reader = reading(client);
    let chunks = vec![Ok(pattern(1_000)), Err("the disk is gone")];
    let (_, sent) = connection.send(Chunks::of(chunks), &control(LONG)).await;
    assert!(matches!(
        sent,
        Err(TransferError::Local("the disk is gone"))
    ));
    drop(connection);
    let error = reader.await.unwrap().unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn a_sink_that_fails_closes_the_connection_at_once() {
    let (mut connection, mut client) = pair();
    let writer = spawn_blocking(move || {
        let bytes = vec![0; MIB];
        (0..1_000).find_map(|_| client.write_all(&bytes).err())
    });
    let sink = Kept {
        fails_at: Some(100_000),
        ..Kept::default()
    };
    let (kept, received) = connection.receive(sink, &control(LONG)).await;
    assert!(matches!(received, Err(TransferError::Local("disk full"))));
    assert_eq!(kept.ends, 0);
    // The connection object is still there, and yet the client is told.
    let error = writer.await.unwrap().unwrap();
    assert!(
        matches!(
            error.kind(),
            io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe
        ),
        "{error}"
    );
    let later = connection.try_receive(&mut [0; 8]).unwrap_err();
    assert_eq!(later.kind(), io::ErrorKind::NotConnected);
}

#[tokio::test]
async fn a_sink_that_cannot_end_is_a_failure() {
    let (mut connection, mut client) = pair();
    client.write_all(b"all of it").unwrap();
    drop(client);
    let sink = Kept {
        fails_at_end: true,
        ..Kept::default()
    };
    let (kept, received) = connection.receive(sink, &control(LONG)).await;
    assert!(matches!(received, Err(TransferError::Local("no name"))));
    assert_eq!((kept.bytes.as_slice(), kept.ends), (&b"all of it"[..], 1));
}

#[tokio::test]
async fn a_reset_is_never_taken_for_the_end() {
    let (mut connection, mut client) = pair();
    client.write_all(b"half of").unwrap();
    let receiving = control(LONG);
    let transfer = tokio::spawn({
        let receiving = Arc::clone(&receiving);
        async move { connection.receive(Kept::default(), &receiving).await }
    });
    blocked(&receiving).await;
    crate::socket::reset(client.into());
    let (kept, received) = transfer.await.unwrap();
    assert!(
        matches!(received, Err(TransferError::Broken(_))),
        "{received:?}"
    );
    assert_eq!((kept.bytes.as_slice(), kept.ends), (&b"half of"[..], 0));

    let (mut connection, client) = pair();
    let sending = control(LONG);
    let transfer = tokio::spawn({
        let (sending, file) = (Arc::clone(&sending), sparse(1 << 30));
        async move { connection.send_file(&file, 0, 1 << 30, &sending).await }
    });
    blocked(&sending).await;
    crate::socket::reset(client.into());
    let sent = transfer.await.unwrap();
    assert!(matches!(sent, Err(TransferError::Broken(_))), "{sent:?}");
}

#[tokio::test]
async fn r4_a_peer_that_does_nothing_is_given_up_and_one_that_is_slow_is_not() {
    const STALL: Duration = Duration::from_millis(400);
    let (mut connection, client) = pair();
    let began = Instant::now();
    let sent = connection
        .send_file(&sparse(1 << 30), 0, 1 << 30, &control(STALL))
        .await;
    assert!(
        matches!(sent, Err(TransferError::Stalled(STALL))),
        "{sent:?}"
    );
    assert!(began.elapsed() >= STALL);
    drop(client);

    let (mut connection, mut client) = pair();
    client.write_all(b"and then nothing").unwrap();
    let (kept, received) = connection.receive(Kept::default(), &control(STALL)).await;
    assert!(matches!(received, Err(TransferError::Stalled(STALL))));
    assert_eq!(kept.ends, 0);
    drop(client);

    // 64 KiB every 50 ms: it takes longer than the timeout before the kernel calls the socket
    // writable again.
    let (mut connection, mut client) = pair();
    let reader = spawn_blocking(move || {
        let mut buffer = vec![0; 64 * 1024];
        for _ in 0..40 {
            client.read_exact(&mut buffer).unwrap();
            std::thread::sleep(Duration::from_millis(50));
        }
        client.read_to_end(&mut Vec::new()).unwrap()
    });
    let length = 20 * MIB as u64;
    let sent = connection
        .send_file(&sparse(length), 0, length, &control(STALL))
        .await;
    assert_eq!(sent.unwrap(), length);
    connection.finish().await.unwrap();
    assert_eq!(reader.await.unwrap(), 20 * MIB - 40 * 64 * 1024);
}

#[tokio::test]
async fn cancelling_stops_every_kind_of_transfer_soon() {
    let soon = Duration::from_secs(5);
    let file = sparse(1 << 30);
    let (mut connection, client) = pair();
    let cancelled = control(LONG);
    let transfer = tokio::spawn({
        let (cancelled, file) = (Arc::clone(&cancelled), Arc::clone(&file));
        async move { connection.send_file(&file, 0, 1 << 30, &cancelled).await }
    });
    blocked(&cancelled).await;
    cancelled.cancel();
    let sent = timeout(soon, transfer).await.unwrap().unwrap();
    assert!(matches!(sent, Err(TransferError::Cancelled)));
    let error = reading(client).await.unwrap().unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);

    // While it is in full flow.
    let (mut connection, client) = pair();
    let reader = reading(client);
    let flowing = control(LONG);
    let transfer = tokio::spawn({
        let flowing = Arc::clone(&flowing);
        async move { connection.send(Zeros, &flowing).await.1 }
    });
    while flowing.bytes() < MIB as u64 {
        tokio::task::yield_now().await;
    }
    flowing.cancel();
    let sent = timeout(soon, transfer).await.unwrap().unwrap();
    assert!(matches!(sent, Err(TransferError::Cancelled)));
    assert!(reader.await.unwrap().is_err());

    let (mut connection, _client) = pair();
    let idle = control(LONG);
    let transfer = tokio::spawn({
        let idle = Arc::clone(&idle);
        async move { connection.receive(Kept::default(), &idle).await.1 }
    });
    tokio::task::yield_now().await;
    idle.cancel();
    let received = timeout(soon, transfer).await.unwrap().unwrap();
    assert!(matches!(received, Err(TransferError::Cancelled)));

    let (mut connection, _client) = pair();
    let sent = connection.send_file(&file, 0, 10, &idle).await;
    assert!(
        matches!(sent, Err(TransferError::Cancelled)),
        "a cancelled control stays so"
    );
}

#[tokio::test]
async fn a_dropped_transfer_lets_go_of_the_file_and_resets_the_peer() {
    let file = sparse(1 << 30);
    let (mut connection, client) = pair();
    let control = control(LONG);
    {
        let transfer = connection.send_file(&file, 0, 1 << 30, &control);
        tokio::pin!(transfer);
        tokio::select! {
            _ = &mut transfer => panic!("nobody reads, and yet it ended"),
            () = blocked(&control) => {}
        }
    }
    drop(connection);
    assert!(control.is_cancelled());
    let error = reading(client).await.unwrap().unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    let freed = async {
        while Arc::strong_count(&file) > 1 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(Duration::from_secs(5), freed).await.unwrap();
}

fn one_blocking_thread() -> Runtime {
    Builder::new_multi_thread()
        .worker_threads(1)
        .max_blocking_threads(1)
        .enable_all()
        .build()
        .unwrap()
}

#[test]
fn r4_a_slow_peer_holds_no_thread() {
    one_blocking_thread().block_on(async {
        let (mut to_reader, _reader) = pair();
        let (mut to_lister, _lister) = pair();
        let (mut from_writer, mut writer) = pair();
        writer.write_all(b"x").unwrap();
        let controls = [control(LONG), control(LONG), control(LONG)];
        let [first, second, third] = controls.clone();
        let transfers = [
            tokio::spawn(async move {
                let _ = to_reader
                    .send_file(&sparse(1 << 30), 0, 1 << 30, &first)
                    .await;
            }),
            tokio::spawn(async move { drop(to_lister.send(Zeros, &second).await) }),
            tokio::spawn(async move { drop(from_writer.receive(Kept::default(), &third).await) }),
        ];
        for control in &controls {
            blocked(control).await;
        }
        // The only thread there is must be free for this, ten times over.
        for _ in 0..10 {
            let free = timeout(Duration::from_secs(5), spawn_blocking(|| 7)).await;
            assert_eq!(free.unwrap().unwrap(), 7);
        }
        assert!(transfers.iter().all(|transfer| !transfer.is_finished()));
        controls.iter().for_each(|control| control.cancel());
        for transfer in transfers {
            transfer.await.unwrap();
        }
    });
}

/// Notes on which threads, in which order, it was used.
struct Threads(Arc<Mutex<Vec<std::thread::ThreadId>>>);

impl Sink for Threads {
    type Error = std::convert::Infallible;

    fn write(&mut self, _: &[u8]) -> Result<(), Self::Error> {
        locked(&self.0).push(std::thread::current().id());
        Ok(())
    }

    fn end(&mut self) -> Result<(), Self::Error> {
        self.write(&[])
    }
}

#[tokio::test]
async fn nothing_waits_on_a_disk_in_a_worker() {
    let (mut connection, mut client) = pair();
    client.write_all(b"small").unwrap();
    drop(client);
    let threads = Arc::default();
    let sink = Threads(Arc::clone(&threads));
    connection.receive(sink, &control(LONG)).await.1.unwrap();
    let threads = locked(&threads);
    assert_eq!(threads.len(), 2, "one write, one end");
    assert_eq!(threads[0], threads[1]);
    assert_ne!(threads[0], std::thread::current().id());
}

#[tokio::test]
async fn finish_delivers_everything_even_to_a_peer_that_has_spoken() {
    let (mut connection, mut client) = pair();
    client.write_all(&pattern(10_000)).unwrap();
    let bytes = pattern(MIB);
    let reader = reading(client);
    let chunks = Chunks::of(vec![Ok(bytes.clone())]);
    let (_, sent) = connection.send(chunks, &control(LONG)).await;
    assert_eq!(sent.unwrap(), MIB as u64);
    connection.finish().await.unwrap();
    assert!(reader.await.unwrap().unwrap() == bytes);
}

#[tokio::test]
async fn abort_is_seen_as_a_reset_and_finish_as_an_end() {
    let (connection, client) = pair();
    connection.abort();
    let error = reading(client).await.unwrap().unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    let (connection, client) = pair();
    connection.finish().await.unwrap();
    assert!(reading(client).await.unwrap().unwrap().is_empty());
}

#[tokio::test]
async fn try_send_and_try_receive_do_not_wait() {
    let (connection, mut client) = pair();
    let mut buffer = [0; 16];
    let nothing = connection.try_receive(&mut buffer).unwrap_err();
    assert_eq!(nothing.kind(), io::ErrorKind::WouldBlock);
    let bytes = vec![0; MIB];
    let full = (0..1_000)
        .find_map(|_| connection.try_send(&bytes).err())
        .unwrap();
    assert_eq!(full.kind(), io::ErrorKind::WouldBlock);
    client.write_all(b"here").unwrap();
    connection
        .socket()
        .unwrap()
        .wait(crate::socket::Direction::Receive)
        .await
        .unwrap();
    assert_eq!(connection.try_receive(&mut buffer).unwrap(), 4);
    client.shutdown(Shutdown::Write).unwrap();
    connection
        .socket()
        .unwrap()
        .wait(crate::socket::Direction::Receive)
        .await
        .unwrap();
    assert_eq!(connection.try_receive(&mut buffer).unwrap(), 0);
}

#[tokio::test]
async fn a_panic_in_a_sink_is_the_panic_of_its_transfer() {
    struct Panics;
    impl Sink for Panics {
        type Error = ();
        fn write(&mut self, _: &[u8]) -> Result<(), ()> {
            panic!("the sink's own");
        }
        fn end(&mut self) -> Result<(), ()> {
            Ok(())
        }
    }
    let (mut connection, mut client) = pair();
    client.write_all(b"x").unwrap();
    let transfer = tokio::spawn(async move {
        let _ = connection.receive(Panics, &control(LONG)).await;
    });
    assert!(transfer.await.unwrap_err().is_panic());
    let error = reading(client).await.unwrap().unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
}

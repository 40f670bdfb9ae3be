//! Receiving into sinks.

use super::*;

#[tokio::test]
async fn nothing_sent_is_an_empty_file() {
    let (mut connection, client) = pair();
    client.shutdown(Shutdown::Write).unwrap();
    let (kept, received) = connection.receive(Kept::default(), &control(LONG)).await;
    assert_eq!((received.unwrap(), kept.bytes.len(), kept.ends), (0, 0, 1));
    let (_, sent) = connection.send(Chunks::of(vec![]), &control(LONG)).await;
    assert_eq!(sent.unwrap(), 0);
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
        .wait(Direction::Receive)
        .await
        .unwrap();
    assert_eq!(connection.try_receive(&mut buffer).unwrap(), 4);
    client.shutdown(Shutdown::Write).unwrap();
    connection
        .socket()
        .unwrap()
        .wait(Direction::Receive)
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

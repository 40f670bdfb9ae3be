//! Sending files and sources, and ending in order.

use super::*;

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

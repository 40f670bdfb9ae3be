//! Transfers that do not go on: stalled, reset, cancelled, dropped.

use super::*;

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
    const STALL: Duration = Duration::from_secs(1);
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

    // 64 KiB every 100 ms: it takes longer than the timeout before the kernel calls the socket
    // writable again.
    let (mut connection, mut client) = pair();
    let reader = spawn_blocking(move || {
        let mut buffer = vec![0; 64 * 1024];
        for _ in 0..40 {
            client.read_exact(&mut buffer).unwrap();
            std::thread::sleep(Duration::from_millis(100));
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

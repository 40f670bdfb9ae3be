//! Lengths, handles, and a client that reads nothing.

use std::io::Write;
use std::time::Duration;

use wharf_tests::probe;
use wharf_tests::sftp::{Body, Sftp, body, kind, open_flag, packet, status};

use super::start;

#[test]
fn m6_m7_impossible_lengths_close_the_channel_and_cost_no_memory() {
    let (wharf, login) = start();
    Sftp::open(&login).stat("/").attributes();
    let before = probe::resident(wharf.pid());
    for length in [0_u32, 262_145, 1 << 31, u32::MAX] {
        for pieces in [false, true] {
            let mut sftp = Sftp::open(&login);
            let bytes = body().u32(length).u8(kind::STAT).u32(1).string("/").done();
            if pieces {
                for byte in bytes {
                    let _ = sftp.try_send_raw(&[byte]);
                }
            } else {
                sftp.send_raw(&bytes);
            }
            sftp.expect_end();
        }
    }
    let after = probe::resident(wharf.pid());
    assert!(after < before + (4 << 20), "from {before} to {after} bytes");
    // Too short for an id: there is nobody to answer, and others go on.
    for length in [1, 4] {
        let mut sftp = Sftp::open(&login);
        let content = vec![kind::STAT; length];
        sftp.send_raw(&body().string(content).done());
    }
    // The longest that is allowed.
    let mut sftp = Sftp::open(&login);
    let handle = sftp.open_file("f", open_flag::NEW);
    let data = vec![b'x'; 262_144 - 1 - 4 - 4 - handle.len() - 8 - 4];
    let write = packet(
        kind::WRITE,
        99,
        &body().string(&handle).u64(0).string(&data),
    );
    assert_eq!(write.len(), 4 + 262_144);
    sftp.send_raw(&write);
    sftp.reply(99).expect(status::OK);
}

#[test]
fn m9_a_handle_is_its_channels_own_and_forged_ones_fail() {
    let (wharf, login) = start();
    wharf.write("f", "content");
    let (mut one, mut other) = (Sftp::open(&login), Sftp::open(&login));
    let handle = one.open_file("f", open_flag::READ);
    let closed = one.open_file("f", open_flag::READ);
    one.close(&closed).expect(status::OK);
    let folder = one.open_folder("/");
    let mut near = handle.clone();
    *near.last_mut().expect("a handle") ^= 1;
    let forged = [
        Vec::new(),
        b"\0\0\0\0".to_vec(),
        vec![b'x'; 256],
        near,
        closed,
    ];
    for handle in &forged {
        fails(&mut one, handle);
    }
    fails(&mut other, &handle);
    fails(&mut other, &folder);
    // One kind for the other.
    one.read(&folder, 0, 10).expect(status::FAILURE);
    one.ask(kind::READDIR, &body().string(&handle))
        .expect(status::FAILURE);
    assert_eq!(one.read(&handle, 0, 100).data(), b"content");
    // And they tell nothing about one another.
    let more: Vec<_> = (0..50)
        .map(|_| one.open_file("f", open_flag::READ))
        .collect();
    for (index, handle) in more.iter().enumerate() {
        assert!(!more[..index].contains(handle), "the same handle twice");
        assert!(
            handle.len() >= 8,
            "a handle that can be guessed: {handle:?}"
        );
    }
}

#[track_caller]
fn fails(sftp: &mut Sftp, handle: &[u8]) {
    let own = || body().string(handle);
    let requests: [(u8, Body); 6] = [
        (kind::CLOSE, own()),
        (kind::READ, own().u64(0).u32(10)),
        (kind::WRITE, own().u64(0).string("x")),
        (kind::FSTAT, own()),
        (kind::FSETSTAT, own().u32(0)),
        (kind::READDIR, own()),
    ];
    for (kind, body) in requests {
        let reply = sftp.ask(kind, &body);
        let text = reply.expect(status::FAILURE);
        assert!(!text.is_empty(), "request {kind} fails without a text");
    }
}

#[test]
fn r11_a_session_has_128_handles() {
    let (wharf, login) = start();
    wharf.write("f", "content");
    let mut sftp = Sftp::open(&login);
    let handles: Vec<_> = (0..128)
        .map(|number| match number % 2 {
            0 => sftp.open_file("f", open_flag::READ),
            _ => sftp.open_folder("/"),
        })
        .collect();
    let file = body().string("f").u32(open_flag::READ).u32(0);
    for (kind, body) in [(kind::OPEN, file), (kind::OPENDIR, body().string("/"))] {
        let text = sftp.ask(kind, &body).expect(status::FAILURE);
        assert!(
            text.to_lowercase().contains("too many open") && text.ends_with("[G-20]"),
            "{text}"
        );
    }
    sftp.close(&handles[0]).expect(status::OK);
    let again = sftp.open_file("f", open_flag::READ);
    assert_eq!(sftp.read(&again, 0, 100).data(), b"content");
}

/// 10 GB of READs are asked for and nothing of it is taken.
#[test]
fn r12_a_reader_that_takes_nothing_costs_no_memory() {
    let (wharf, login) = start();
    std::fs::File::create(wharf.path("large"))
        .and_then(|file| file.set_len(10_000_000_000))
        .expect("a sparse file");
    let mut sftp = Sftp::before_init(&login, 1);
    sftp.send_raw(&body().u32(5).u8(kind::INIT).u32(3).done());
    sftp.version();
    let handle = sftp.open_file("large", open_flag::READ);
    assert_eq!(sftp.read(&handle, 0, 32_768).data().len(), 32_768);
    let before = probe::resident(wharf.pid());
    let reads: Vec<u8> = (0..10_000_000_000 / 32_768)
        .flat_map(|number: u64| {
            let id = 1000 + u32::try_from(number).unwrap_or_default();
            let words = body().string(&handle).u64(number * 32_768).u32(32_768);
            packet(kind::READ, id, &words)
        })
        .collect();
    let (sent, all) = std::sync::mpsc::sync_channel(1);
    let mut input = sftp.take_input();
    let writer = std::thread::spawn(move || {
        // It blocks when the server reads no more: that is what is wanted.
        let outcome = input.write_all(&reads);
        let _ = sent.send(());
        (input, outcome.is_ok())
    });
    // Either all is sent, or the server has stopped reading: both are steady.
    let _ = all.recv_timeout(Duration::from_secs(3));
    let highest = (0..20)
        .map(|_| {
            std::thread::sleep(Duration::from_millis(50));
            probe::resident(wharf.pid())
        })
        .max()
        .unwrap_or_default();
    assert!(
        highest < before + (8 << 20),
        "from {before} to {highest} bytes"
    );
    // Others are served meanwhile.
    Sftp::open(&login).stat("/").attributes();
    sftp.cut();
    let _ = writer.join();
}

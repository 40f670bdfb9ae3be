//! R12, R13: keys without end, readers that do not read, writers that do not write.

use std::time::{Duration, Instant};

use wharf_sftp::{OpenFlags, Request};
use wharf_ssh::transport::Options;
use wharf_tests::ssh_client::{Answer, Sftp, SshClient, options};
use wharf_tests::{PATIENCE, Wharf, assert_bytes, data, pattern, probe};

use super::{serve, serve_with, start};

/// A client that may ask for new keys at any time.
fn eager() -> Options {
    let mut options = options();
    options.limits.rekey_packets = 0;
    options
}

fn eager_session(wharf: &Wharf) -> SshClient {
    let mut client = SshClient::around(data::open(wharf.sftp()), eager());
    client.exchange_keys();
    client.ask_for_logins();
    let account = wharf.account();
    client.password(&account.name, account.password.as_bytes());
    client
}

#[test]
fn r13_keys_are_not_made_anew_without_end() {
    let wharf = serve();
    for logged_in in [false, true] {
        let mut client = if logged_in {
            eager_session(&wharf)
        } else {
            let mut client = SshClient::around(data::open(wharf.sftp()), eager());
            client.exchange_keys();
            client
        };
        let before = probe::cpu_ticks(wharf.pid());
        let mut made = 0;
        let ended = loop {
            match client.renew_keys() {
                Ok(()) => made += 1,
                Err(ended) => break ended,
            }
            assert!(made < 50, "{made} key exchanges, and no end");
        };
        assert_eq!(ended.code(), super::PROTOCOL_ERROR, "{ended:?}");
        assert!(made >= 3, "a few are nobody's attack");
        let spent = probe::cpu_ticks(wharf.pid()) - before;
        assert!(spent < 50, "{spent} ticks");
    }
}

#[test]
fn r13_a_key_exchange_that_does_not_end_holds_up_nobody_else() {
    let wharf = serve_with("[timeouts]\nidle = \"2 s\"\n");
    let mut client = eager_session(&wharf);
    // KEXINIT, and nothing behind it.
    let key_init = client.begin_keys();
    client.raw(&key_init).expect("KEXINIT");
    drop(Sftp::of(&wharf));
    let since = Instant::now();
    client.ended(Duration::from_secs(15));
    assert!(
        since.elapsed() > Duration::from_millis(1500),
        "{:?}",
        since.elapsed()
    );
}

#[test]
fn r13_new_keys_in_the_middle_of_a_transfer_lose_nothing() {
    let wharf = serve();
    let content = pattern(1, 12 << 20);
    wharf.write("down", &content);
    let mut sftp = Sftp::over(eager_session(&wharf), u32::MAX);
    let handle = sftp.begin_upload("up");
    for (number, piece) in content.chunks(3 << 20).enumerate() {
        sftp.write(&handle, (number * (3 << 20)) as u64, piece);
        sftp.client.renew_keys().expect("new keys");
    }
    assert!(sftp.close(&handle).is_ok());
    assert_bytes("up", &content, &wharf.read("up"));
    assert_bytes("down", &content, &sftp.retrieve("down"));
}

#[test]
fn r13_openssh_renews_keys_every_megabyte_and_loses_nothing() {
    let (wharf, login) = start();
    let size = if wharf_tests::long() { 64 } else { 16 } << 20;
    let content = pattern(1, size);
    wharf.write("down", &content);
    std::fs::write(login.folder.join("up"), &content).expect("a local file");
    let finished = login
        .program("sftp", "openssh-client")
        .args(login.options())
        .args(["-q", "-oRekeyLimit=1M", "-P", &login.port.to_string()])
        .args(["-b", "-", &login.host()])
        .input("put up up\nget down down\n")
        .run();
    finished
        .well()
        .unwrap_or_else(|problem| panic!("{problem}"));
    assert_bytes("up", &content, &wharf.read("up"));
    let got = std::fs::read(login.folder.join("down")).expect("the download");
    assert_bytes("down", &content, &got);
}

#[test]
fn r12_a_reader_that_does_not_read_costs_no_memory_and_is_let_go() {
    let wharf = serve_with("[timeouts]\nstall = \"2 s\"\nidle = \"60 s\"\n");
    let file = std::fs::File::create(wharf.path("huge")).expect("a file");
    file.set_len(10 << 30).expect("a sparse file");
    drop(Sftp::of(&wharf).read(b"", 0, 1));
    let before = probe::resident(wharf.pid());
    let mut readers: Vec<_> = (0..4).map(|_| Sftp::of(&wharf)).collect();
    for sftp in &mut readers {
        let handle = sftp.handle("huge", OpenFlags::READ);
        // 10 GB asked for, as some clients do at once; the window of the client is endless, so
        // that only the socket holds it up.
        ask_for_all(sftp, &handle, 2000);
    }
    let mut peak = 0;
    let since = Instant::now();
    while since.elapsed() < Duration::from_millis(1500) {
        peak = peak.max(probe::resident(wharf.pid()));
        std::thread::sleep(Duration::from_millis(20));
    }
    let grown = peak.saturating_sub(before) / 4;
    assert!(grown < 8 << 20, "{grown} bytes a reader");
    // They take nothing: they are let go, and what was held for them is free.
    for _ in 0..4 {
        wharf.wait_event("closed", |event| event["reason"] == "stalled");
    }
    drop(readers);
    drop(Sftp::of(&wharf));
}

/// READs of all of it, sent without waiting for anything; those that the server does not take
/// are left out.
fn ask_for_all(sftp: &mut Sftp, handle: &[u8], most: u32) {
    let mut bytes = Vec::new();
    for id in 0..most {
        let (offset, length) = (u64::from(id) * 261_120, 261_120);
        let request = Request::Read {
            id,
            handle,
            offset,
            length,
        };
        request.encode_into(&mut bytes).expect("it can be said");
    }
    let channel = sftp.channel;
    for part in bytes.chunks(30_000) {
        sftp.client
            .queue(&wharf_tests::ssh_client::channel_data(channel, part));
    }
    let _ = sftp
        .client
        .stream()
        .set_write_timeout(Some(Duration::from_millis(300)));
    sftp.client.flush_what_goes();
}

#[test]
fn r12_a_window_that_is_shut_holds_up_only_its_own_channel() {
    let wharf = serve();
    let content = pattern(1, 4 << 20);
    wharf.write("f", &content);
    let client = SshClient::session(&wharf);
    // Room for VERSION and a handle, and for nothing more.
    let mut shut = Sftp::over(client, 4096);
    let handle = shut.handle("f", OpenFlags::READ);
    for id in 100..160 {
        let request = Request::Read {
            id,
            handle: &handle,
            offset: 0,
            length: 261_120,
        };
        shut.send(&request).expect("the connection");
    }
    let mut other = Sftp::over(shut.client, u32::MAX);
    assert_bytes("f", &content, &other.retrieve("f"));
    let before = probe::cpu_ticks(wharf.pid());
    std::thread::sleep(Duration::from_millis(500));
    let spent = probe::cpu_ticks(wharf.pid()) - before;
    assert!(spent <= 5, "{spent} ticks of waiting");
}

#[test]
fn r12_names_and_hashes_that_nobody_takes_cost_little() {
    let wharf = serve();
    for number in 0..2000 {
        wharf.write(&format!("d/{number:0>200}"), "");
    }
    wharf.write("f", vec![7; 1 << 20]);
    // Threads and pools are there for good.
    drop(ask_for_names(&wharf));
    let before = probe::resident(wharf.pid());
    let sessions: Vec<_> = (0..4).map(|_| ask_for_names(&wharf)).collect();
    let mut peak = 0;
    let since = Instant::now();
    while since.elapsed() < Duration::from_millis(1500) {
        peak = peak.max(probe::resident(wharf.pid()));
        std::thread::sleep(Duration::from_millis(20));
    }
    drop(sessions);
    let grown = peak.saturating_sub(before) / 4;
    assert!(grown < 8 << 20, "{grown} bytes a session");
}

/// A session that asks for many names and hashes and takes none of them.
fn ask_for_names(wharf: &Wharf) -> Sftp {
    let mut sftp = Sftp::over(SshClient::session(wharf), 64 << 10);
    let mut handles = Vec::new();
    for _ in 0..120 {
        let id = sftp.id();
        let opened = sftp.ask(&Request::Opendir { id, path: b"d" });
        let Answer::Handle(handle) = opened else {
            panic!("{opened:?}");
        };
        // What comes first has but two names.
        let id = sftp.id();
        sftp.ask(&Request::Readdir {
            id,
            handle: &handle,
        });
        handles.push(handle);
    }
    let mut bytes = Vec::new();
    for handle in &handles {
        let request = Request::Readdir { id: 1, handle };
        request.encode_into(&mut bytes).expect("it can be said");
    }
    for id in 0..60 {
        bytes.extend(super::channels::hash_of(id, b"f", 256));
    }
    sftp.send_bytes(&bytes).expect("the connection");
    sftp
}

#[test]
fn r3_who_says_nothing_is_told_and_let_go() {
    let wharf = serve_with("[timeouts]\nidle = \"1 s\"\nlogin = \"1 s\"\n");
    // After the keys, after the login, with a channel, with SFTP and a file open.
    let mut silent = SshClient::connect(&wharf);
    let mut logged_in = SshClient::session(&wharf);
    let mut with_channel = SshClient::session(&wharf);
    let opened = with_channel
        .open_channel(1 << 20, 1 << 15)
        .expect("an answer");
    assert!(opened.is_ok());
    let mut with_file = Sftp::of(&wharf);
    wharf.write("f", "old");
    let handle = with_file.begin_upload("f");
    with_file.write(&handle, 0, b"new");
    for client in [
        &mut silent,
        &mut logged_in,
        &mut with_channel,
        &mut with_file.client,
    ] {
        let ended = client.ended(Duration::from_secs(10));
        assert_eq!(ended.code(), 11, "{ended:?}");
        assert!(ended.text().contains("[E-6]"), "{ended:?}");
    }
    assert_eq!(wharf.read("f"), b"old");
}

#[test]
fn r4_a_slow_writer_and_a_slow_reader_are_served_to_the_end() {
    let wharf = serve_with("[timeouts]\nidle = \"1500 ms\"\nstall = \"1500 ms\"\n");
    let content = pattern(2, 300_000);
    wharf.write("down", &content);
    let mut sftp = Sftp::of(&wharf);
    let up = sftp.begin_upload("up");
    let down = sftp.handle("down", OpenFlags::READ);
    let mut read = Vec::new();
    for (number, piece) in content.chunks(75_000).enumerate() {
        std::thread::sleep(Duration::from_millis(500));
        sftp.write(&up, (number * 75_000) as u64, piece);
        let answer = sftp.read(&down, read.len() as u64, 75_000);
        let Answer::Data(data) = answer else {
            panic!("{answer:?}");
        };
        read.extend(data);
    }
    assert!(sftp.close(&up).is_ok());
    assert_bytes("up", &content, &wharf.read("up"));
    assert_bytes("down", &content, &read);
}

#[test]
fn r22_what_abuse_takes_is_given_back() {
    let wharf = serve();
    wharf.write("f", pattern(1, 1 << 20));
    abuse(&wharf, 40);
    let settled =
        |before: usize| probe::eventually(PATIENCE, || probe::descriptors(wharf.pid()) <= before);
    settled(40);
    let (memory, descriptors) = (
        probe::resident(wharf.pid()),
        probe::descriptors(wharf.pid()),
    );
    abuse(&wharf, 160);
    assert!(
        settled(descriptors),
        "{} descriptors",
        probe::descriptors(wharf.pid())
    );
    let grown = probe::resident(wharf.pid()).saturating_sub(memory);
    assert!(grown < 6 << 20, "{grown} bytes in 160 sessions");
}

/// Sessions with everything open that may be, which end in every way but the right one.
fn abuse(wharf: &Wharf, sessions: usize) {
    for number in 0..sessions {
        let mut sftp = Sftp::of(wharf);
        for _ in 0..8 {
            let _ = sftp.open("f", OpenFlags::READ);
        }
        let handle = sftp.begin_upload(&format!("up{}", number % 3));
        sftp.write(&handle, 0, &[7; 100_000]);
        match number % 4 {
            0 => sftp.client.reset(),
            1 => sftp.client.finish_sending(),
            2 => drop(sftp.client.raw(&[0; 100])),
            _ => drop(sftp.send_bytes(&[255; 100])),
        }
    }
}

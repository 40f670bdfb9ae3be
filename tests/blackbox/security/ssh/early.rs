//! P20, P21, M5, M8: what comes before the login, and lists that claim too much.

use std::time::{Duration, Instant};

use wharf_ssh::encoding::Writer;
use wharf_tests::ssh_client::{Ended, Said, SshClient, clear_packet, clear_packets, ignore};
use wharf_tests::{PATIENCE, probe};

use super::{PROTOCOL_ERROR, breach, nobody_logged_in, serve, serve_with};

#[test]
fn p20_what_belongs_behind_the_login_ends_a_connection_before_it() {
    for service in [false, true] {
        let wharf = serve();
        for number in [52, 51, 53, 60, 80, 81, 90, 91, 93, 94, 96, 97, 98, 99, 127] {
            let mut client = SshClient::connect(&wharf);
            if service {
                client.ask_for_logins();
            }
            let mut payload = vec![number];
            payload.put_u32(0);
            payload.put_string(b"session");
            // What would follow is not looked at either.
            client.queue(&payload);
            client.queue(&wharf_tests::ssh_client::channel_open(
                b"session",
                0,
                1 << 20,
                1 << 15,
            ));
            let _ = client.flush();
            breach(&mut client);
        }
        nobody_logged_in(&wharf);
    }
}

#[test]
fn p20_before_the_keys_there_is_nothing_but_the_key_exchange() {
    let wharf = serve();
    for number in [5, 50, 52, 80, 90, 94, 98] {
        let mut client = SshClient::open(wharf.sftp());
        let hello = client.hello();
        client.raw(&hello).expect("KEXINIT");
        let mut payload = vec![number];
        payload.put_string(b"ssh-userauth");
        client.raw(&clear_packet(&payload)).expect("the message");
        breach(&mut client);
    }
    nobody_logged_in(&wharf);
}

/// CVE-2018-10933: the client tells the server that it is logged in.
#[test]
fn p20_a_client_cannot_say_that_it_is_in() {
    let wharf = serve();
    let mut client = SshClient::ready_to_log_in(&wharf);
    assert!(client.none(&wharf.account().name).is_refused());
    client.send(&[52]);
    breach(&mut client);
    nobody_logged_in(&wharf);
}

#[test]
fn p21_what_is_sent_before_the_login_has_an_end_and_costs_no_memory() {
    let wharf = serve();
    let mut ping = vec![192];
    ping.put_string(b"x");
    // A round that warms what is kept for good: pools, threads.
    for _ in 0..5 {
        flood(&wharf, &ignore(&[7; 30_000]), 100 << 20);
    }
    let before = probe::resident(wharf.pid());
    for (payload, most) in [
        (ping.clone(), 100_000 * ping.len()),
        (ignore(&[7; 30_000]), 100 << 20),
        (ignore(b""), 100_000 * 5),
        (vec![4; 10], 100_000 * 10),
    ] {
        let sent = flood(&wharf, &payload, most);
        assert!(sent < 8 << 20, "{sent} bytes of {:?} …", &payload[..5]);
    }
    let grown = probe::resident(wharf.pid()).saturating_sub(before);
    assert!(grown < 1 << 20, "{grown} bytes more");
    drop(SshClient::session(&wharf));
}

/// Sends it again and again; the bytes that went until the connection ended.
fn flood(wharf: &wharf_tests::Wharf, payload: &[u8], most: usize) -> usize {
    let mut client = SshClient::connect(wharf);
    let mut sent = 0;
    while sent < most {
        for _ in 0..50 {
            client.queue(payload);
            sent += payload.len();
        }
        if let Err(ended) = client.flush() {
            assert!(matches!(ended.code(), 0 | PROTOCOL_ERROR), "{ended:?}");
            return sent;
        }
    }
    let ended = client.ended(PATIENCE);
    assert!(matches!(ended.code(), 0 | PROTOCOL_ERROR), "{ended:?}");
    sent
}

#[test]
fn p21_logins_that_never_come_have_an_end_too() {
    let wharf = serve();
    let mut client = SshClient::ready_to_log_in(&wharf);
    let mut asked = 0;
    let ended = loop {
        match client.none("ann") {
            Said::Ended(ended) => break ended,
            said => assert!(said.is_refused(), "{said:?}"),
        }
        asked += 1;
        assert!(asked < 10_000, "`none` is answered without end");
    };
    assert_eq!(ended.code(), PROTOCOL_ERROR, "{ended:?}");
}

#[test]
fn m5_a_count_of_answers_is_not_believed() {
    let mut wharf = serve_with("[ssh]\nlogin_attempts = 100\n");
    let before = probe::resident(wharf.pid());
    for count in [u32::MAX, 1 << 31, 1 << 24, 9] {
        let mut client = SshClient::ready_to_log_in(&wharf);
        let said = client.interactive(&wharf.account().name);
        assert!(matches!(said, Said::Questions(_)), "{said:?}");
        let mut payload = vec![61];
        payload.put_u32(count);
        payload.put_string(b"x");
        let Said::Ended(ended) = client.step(&payload) else {
            panic!("{count} answers are taken");
        };
        assert_eq!(ended.code(), PROTOCOL_ERROR, "{ended:?}");
    }
    // None, more than was asked for, and some that nobody asked for.
    for count in [0_u32, 2] {
        let mut client = SshClient::ready_to_log_in(&wharf);
        client.interactive(&wharf.account().name);
        let mut payload = vec![61];
        payload.put_u32(count);
        for _ in 0..count {
            payload.put_string(wharf.account().password.as_bytes());
        }
        assert!(client.step(&payload).is_refused());
        assert!(
            client
                .answer(wharf.account().password.as_bytes())
                .is_refused()
        );
    }
    let grown = probe::resident(wharf.pid()).saturating_sub(before);
    assert!(grown < 32 << 20, "{grown} bytes more");
    assert!(wharf.alive());
}

#[test]
fn m8_lists_of_very_many_names_are_refused_before_they_are_read() {
    let mut wharf = serve();
    let before = probe::resident(wharf.pid());
    // 200 000 names: as long a packet as is taken at all.
    let names = b"a,".repeat(100_000);
    for place in 0..10 {
        let mut client = SshClient::open(wharf.sftp());
        let hello = client.hello();
        let line = hello
            .iter()
            .position(|byte| *byte == b'\n')
            .expect("a line");
        let (line, packet) = hello.split_at(line + 1);
        let key_init = &clear_packets(packet)[0];
        let padding = usize::from(key_init[4]);
        let payload = &key_init[5..key_init.len() - padding];
        client.raw(line).expect("the identification");
        let _ = client.raw(&clear_packet(&with_list(payload, place, &names)));
        let ended = client.ended(PATIENCE);
        assert!(
            ended.code() == PROTOCOL_ERROR || ended == Ended::Reset,
            "{ended:?}"
        );
    }
    let grown = probe::resident(wharf.pid()).saturating_sub(before);
    assert!(grown < 4 << 20, "{grown} bytes more");
    assert!(wharf.alive());
}

/// A KEXINIT with another list at this place.
fn with_list(key_init: &[u8], place: usize, names: &[u8]) -> Vec<u8> {
    let (front, mut rest) = key_init.split_at(17);
    let mut payload = front.to_vec();
    for at in 0..10 {
        let (length, behind) = rest.split_first_chunk().expect("a list");
        let (list, behind) = behind.split_at(u32::from_be_bytes(*length) as usize);
        payload.put_string(if at == place { names } else { list });
        rest = behind;
    }
    payload.extend_from_slice(rest);
    payload
}

#[test]
fn r1_half_open_connections_end_at_the_login_deadline_whatever_they_send() {
    let wharf = serve_with(
        "[timeouts]\nlogin = \"2 s\"\n[limits]\nsessions = 500\nsessions_per_address = 500\n",
    );
    let begun = Instant::now();
    // As many as silent: with the identification alone, with keys, with the service of logins.
    let threads: Vec<_> = (0..120)
        .map(|number| {
            let address = wharf.sftp();
            std::thread::spawn(move || half_open(address, number))
        })
        .collect();
    // Who wants in meanwhile gets in.
    for _ in 0..3 {
        let since = Instant::now();
        drop(SshClient::session(&wharf));
        assert!(
            since.elapsed() < Duration::from_secs(5),
            "{:?}",
            since.elapsed()
        );
    }
    for thread in threads {
        let ended = thread.join().expect("a connection");
        let after = ended.duration_since(begun);
        assert!(after > Duration::from_millis(1900), "{after:?}");
        assert!(after < Duration::from_secs(12), "{after:?}");
    }
    // Their places are free again, and nothing is left of them.
    let free = probe::eventually(PATIENCE, || probe::descriptors(wharf.pid()) < 60);
    assert!(free, "{} descriptors", probe::descriptors(wharf.pid()));
}

/// Sends a little all the time until the server ends it; gives when that was.
fn half_open(address: std::net::SocketAddr, number: usize) -> Instant {
    let mut client = SshClient::open(address);
    match number % 4 {
        0 => {}
        1 => client.raw(b"SSH-2.0-half").expect("a beginning"),
        _ => client.exchange_keys(),
    }
    if number % 4 == 3 {
        client.ask_for_logins();
    }
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        let sent = match number % 4 {
            0 => Ok(()),
            1 => client.raw(b"x"),
            _ => client.try_send(&ignore(b"")),
        };
        if sent.is_err() || !client.is_open(Duration::from_millis(100)) {
            return Instant::now();
        }
    }
    panic!("half open for ever");
}

//! Limits of sessions: one count for FTP and SFTP, and words that help.

use std::time::Duration;

use wharf_tests::ssh_client::{Ended, Said, Sftp, SshClient};
use wharf_tests::{Control, Wharf, data, probe};

use super::serve_with;

#[test]
fn sessions_per_address_are_counted_over_both_protocols() {
    let wharf = serve_with("[limits]\nsessions_per_address = 3\n");
    let held = (
        wharf.connect(),
        SshClient::session(&wharf),
        SshClient::connect(&wharf),
    );
    let refused = at_the_door(&wharf);
    helpful(refused.text(), "sessions_per_address", "[E-1]");
    let mut fourth = Control::open(wharf.address());
    helpful(
        &fourth.await_code(421).text(),
        "sessions_per_address",
        "[E-1]",
    );
    // Another address is not concerned.
    let other = data::connect_from(std::net::Ipv4Addr::new(127, 0, 0, 2), wharf.sftp());
    let other = other.expect("another address");
    let mut other = SshClient::around(other, wharf_tests::ssh_client::options());
    other.exchange_keys();
    drop(held);
    let free = probe::eventually(wharf_tests::PATIENCE, || {
        SshClient::open(wharf.sftp()).try_exchange_keys().is_ok()
    });
    assert!(free, "places are not given back");
}

#[test]
fn sessions_in_all_are_counted_over_both_protocols() {
    let wharf = serve_with("[limits]\nsessions = 2\n");
    let held = (wharf.connect(), SshClient::connect(&wharf));
    let refused = at_the_door(&wharf);
    helpful(refused.text(), "sessions", "[E-3]");
    let event = wharf.wait_event("refused", |_| true);
    assert!(event.to_string().contains("sessions"), "{event}");
    drop(held);
}

#[test]
fn sessions_per_account_are_counted_over_both_protocols() {
    let wharf = serve_with("[limits]\nsessions_per_account = 2\n");
    let held = (wharf.session(), SshClient::session(&wharf));
    let account = wharf.account().clone();
    let mut third = SshClient::ready_to_log_in(&wharf);
    let said = third.password(&account.name, account.password.as_bytes());
    let Said::Ended(ended) = said else {
        panic!("{said:?}");
    };
    assert_eq!(ended.code(), TOO_MANY_CONNECTIONS, "{ended:?}");
    helpful(ended.text(), "sessions_per_account", "[E-2]");
    let mut control = wharf.connect();
    control.expect(format!("USER {}", account.name), 331);
    let reply = control.expect(format!("PASS {}", account.password), 421);
    helpful(&reply.text(), "sessions_per_account", "[E-2]");
    // Who was refused holds no place, and who goes gives it back.
    let ann = wharf.add_account("ann", &["--max-sessions", "1"]);
    drop(SshClient::session_of(&wharf, &ann));
    drop(held);
    let free = probe::eventually(wharf_tests::PATIENCE, || {
        let mut client = SshClient::ready_to_log_in(&wharf);
        client.password(&account.name, account.password.as_bytes()) == Said::Success
    });
    assert!(free, "places are not given back");
}

#[test]
fn the_channels_of_a_connection_have_an_end() {
    let wharf = serve_with("[ssh]\nchannels = 3\n");
    let mut client = SshClient::session(&wharf);
    let mut open = Vec::new();
    for _ in 0..3 {
        let opened = client.open_channel(1 << 20, 1 << 15).expect("an answer");
        open.push(opened.expect("a channel"));
    }
    // RFC 4254 §5.1: a shortage.
    assert_eq!(client.open_channel(1 << 20, 1 << 15), Ok(Err(4)));
    client.send(&wharf_tests::ssh_client::of_channel(97, open[0]));
    let opened = client.open_channel(1 << 20, 1 << 15).expect("an answer");
    assert!(opened.is_ok(), "the place of a closed one is free");
}

#[test]
fn a_transfer_is_not_idle_and_work_is_not_either() {
    let wharf = serve_with("[timeouts]\nidle = \"1 s\"\n");
    let mut sftp = Sftp::of(&wharf);
    let handle = sftp.begin_upload("f");
    for number in 0..4 {
        std::thread::sleep(Duration::from_millis(500));
        sftp.write(&handle, number * 4, b"four");
    }
    assert!(sftp.close(&handle).is_ok());
    assert_eq!(wharf.read("f"), b"four".repeat(4));
}

/// How a connection is refused before anything is said.
fn at_the_door(wharf: &Wharf) -> Ended {
    let mut client = SshClient::open(wharf.sftp());
    match client.try_exchange_keys() {
        Ok(()) => panic!("it is taken"),
        Err(ended) => ended,
    }
}

#[track_caller]
fn helpful(text: &str, limit: &str, cause: &str) {
    let mut words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    assert!(
        words.any(|word| word == limit),
        "the limit `{limit}` by its name: {text}"
    );
    assert!(
        text.contains(" s [") && text.contains("try again in"),
        "how long to wait: {text}"
    );
    assert!(text.contains(cause), "{text}");
}

/// RFC 4253 §11.1.
const TOO_MANY_CONNECTIONS: u32 = 12;

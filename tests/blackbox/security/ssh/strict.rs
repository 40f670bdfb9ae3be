//! P19 and P24: nothing is slipped in before, into or behind the key exchange.

use wharf_ssh::algorithm::{Cipher, Mac};
use wharf_tests::ssh_client::{
    SshClient, clear_packet, debug, ext_info, ignore, options, unimplemented,
};
use wharf_tests::{PATIENCE, data};

use super::{MAC_ERROR, PROTOCOL_ERROR, breach, serve};

fn ignored() -> [Vec<u8>; 4] {
    [
        ignore(b""),
        ignore(&[7; 1000]),
        debug(b"x"),
        unimplemented(0),
    ]
}

#[test]
fn p19_nothing_comes_before_a_strict_key_exchange() {
    let wharf = serve();
    for message in ignored() {
        let mut client = SshClient::open(wharf.sftp());
        let hello = client.hello();
        let line = hello
            .iter()
            .position(|byte| *byte == b'\n')
            .expect("a line");
        let (line, key_init) = hello.split_at(line + 1);
        client.raw(line).expect("the identification");
        client.raw(&clear_packet(&message)).expect("the message");
        client.raw(key_init).expect("KEXINIT");
        breach(&mut client);
    }
}

#[test]
fn p19_nothing_comes_between_the_messages_of_a_strict_key_exchange() {
    let wharf = serve();
    for message in ignored() {
        // Behind KEXINIT.
        let mut client = SshClient::open(wharf.sftp());
        let hello = client.hello();
        client.raw(&hello).expect("KEXINIT");
        let half = client.answer_of(SshClient::has_output).expect("a half");
        client.raw(&clear_packet(&message)).expect("the message");
        let _ = client.raw(&half);
        breach(&mut client);
        // Before NEWKEYS.
        let mut client = SshClient::open(wharf.sftp());
        let hello = client.hello();
        client.raw(&hello).expect("KEXINIT");
        let half = client.answer_of(SshClient::has_output).expect("a half");
        client.raw(&half).expect("the half");
        let new_keys = client.answer_of(SshClient::has_output).expect("NEWKEYS");
        client.raw(&clear_packet(&message)).expect("the message");
        let _ = client.raw(&new_keys);
        breach(&mut client);
    }
}

#[test]
fn p19_a_packet_that_is_lost_repeated_or_moved_under_the_keys_is_noticed() {
    let wharf = serve();
    for cipher in [
        Cipher::ChaCha20Poly1305,
        Cipher::Aes128Gcm,
        Cipher::Aes256Ctr,
    ] {
        for case in 0..3 {
            let mut options = options();
            options.offer.ciphers = vec![cipher];
            options.offer.macs = vec![Mac::Sha256Etm];
            let stream = data::open(wharf.sftp());
            let mut client = SshClient::around(stream, options);
            client.exchange_keys();
            let [first, second] = [client.sealed(&ignore(b"1")), client.sealed(&ignore(b"2"))];
            let sent = match case {
                0 => second,
                1 => [first.clone(), first].concat(),
                _ => [second, first].concat(),
            };
            client.raw(&sent).expect("the packets");
            // A length that was read wrongly may have to be waited for.
            let _ = client.raw(&[0; 300_000]);
            let ended = client.ended(PATIENCE);
            // Where the length is encrypted too, it may be what cannot be.
            let noticed = matches!(ended.code(), MAC_ERROR | PROTOCOL_ERROR);
            assert!(noticed, "{cipher:?}, case {case}: {ended:?}");
        }
    }
}

#[test]
fn p19_both_sides_count_from_nothing_after_every_key_exchange() {
    let wharf = serve();
    for cipher in [Cipher::ChaCha20Poly1305, Cipher::Aes128Ctr] {
        let mut options = options();
        options.offer.ciphers = vec![cipher];
        options.limits.rekey_packets = 0;
        let mut client = SshClient::around(data::open(wharf.sftp()), options);
        client.exchange_keys();
        client.ask_for_logins();
        let account = wharf.account();
        client.password(&account.name, account.password.as_bytes());
        for _ in 0..3 {
            // The client counts from nothing; a server that went on counting would not read it.
            client.renew_keys().expect("new keys");
            let channel = client.open_channel(1 << 20, 1 << 15).expect("an answer");
            assert!(channel.is_ok(), "{channel:?}");
        }
    }
}

#[test]
fn p24_extensions_come_as_the_first_message_under_the_keys_or_not_at_all() {
    let wharf = serve();
    let info = ext_info(b"ping@openssh.com", b"0");
    // At its place.
    let mut client = SshClient::connect(&wharf);
    client.send(&info);
    client.ask_for_logins();
    // Twice, late, and behind the login.
    client.send(&info);
    breach(&mut client);
    let mut client = SshClient::connect(&wharf);
    client.ask_for_logins();
    client.send(&info);
    breach(&mut client);
    let mut client = SshClient::session(&wharf);
    client.send(&info);
    breach(&mut client);
}

/// CVE-2023-46445: a login that somebody puts into the conversation of another.
#[test]
fn p24_a_login_in_the_middle_of_a_session_changes_nobody() {
    let wharf = serve();
    let bob = wharf.add_account::<&str>("bob", &[]);
    let mut client = SshClient::session(&wharf);
    let password = SshClient::password_message(&bob.name, bob.password.as_bytes());
    client.send(&password);
    // Ignored (RFC 4252 §5.1): no answer, and whoever was logged in still is.
    let channel = client.open_channel(1 << 20, 1 << 15).expect("an answer");
    assert!(channel.is_ok());
    let logins = wharf.events();
    let of_bob = logins
        .iter()
        .any(|event| event["event"] == "login" && event["account"] == "bob");
    assert!(!of_bob, "{logins:?}");
}

//! A6, R13: that the server has its host keys is proved once (OpenSSH's `hostkeys-prove-00`).

use wharf_ssh::encoding::{Reader, Writer};
use wharf_ssh::key::PublicKey;
use wharf_tests::Wharf;
use wharf_tests::ssh_client::{Sftp, SshClient, UserKey};

use super::serve;

/// A session, and the host keys it was told of.
fn told(wharf: &Wharf) -> (SshClient, Vec<Vec<u8>>) {
    let mut client = SshClient::ready_to_log_in(wharf);
    let account = wharf.account();
    let login = SshClient::password_message(&account.name, account.password.as_bytes());
    client.send(&login);
    loop {
        let message = client.receive().expect("a login and host keys");
        let mut reader = Reader::new(&message);
        if reader.byte() == Ok(52) {
            client.transport().set_authenticated();
        }
        if message.first() != Some(&80) {
            continue;
        }
        let name = reader.string(100).expect("a name");
        assert_eq!(name, b"hostkeys-00@openssh.com");
        assert_eq!(reader.boolean(), Ok(false));
        let mut keys = Vec::new();
        while !reader.is_empty() {
            keys.push(reader.string(4096).expect("a key").to_vec());
        }
        assert!(!keys.is_empty(), "no host keys");
        return (client, keys);
    }
}

/// What is answered to a request to prove these.
fn prove(client: &mut SshClient, keys: &[Vec<u8>]) -> Vec<u8> {
    let mut payload = vec![80];
    payload.put_string(PROVE);
    payload.put_boolean(true);
    for key in keys {
        payload.put_string(key);
    }
    client.send(&payload);
    client.reply().expect("an answer")
}

#[test]
fn a6_host_keys_are_proved_by_their_signatures() {
    let wharf = serve();
    let (mut client, keys) = told(&wharf);
    let session = client.transport().session().expect("keys in use").to_vec();
    let answer = prove(&mut client, &keys);
    let mut reader = Reader::new(&answer);
    assert_eq!(reader.byte(), Ok(81), "{answer:?}");
    for wire in &keys {
        let mut message = Vec::new();
        message.put_string(PROVE);
        message.put_string(&session);
        message.put_string(wire);
        let signature = reader.string(4096).expect("a signature of each");
        let key = PublicKey::decode(wire).expect("a host key");
        let algorithm = Reader::new(signature).string(100).expect("a name").to_vec();
        let verified = key.verify(&algorithm, &message, signature);
        assert!(verified.is_ok(), "{verified:?}");
        // It holds for this connection alone.
        message[PROVE.len() + 8] ^= 1;
        assert!(key.verify(&algorithm, &message, signature).is_err());
    }
    assert!(reader.is_empty(), "more than was asked for");
}

#[test]
fn r13_signatures_are_not_made_without_end() {
    let wharf = serve();
    let (mut client, keys) = told(&wharf);
    assert_eq!(prove(&mut client, &keys).first(), Some(&81));
    for _ in 0..20 {
        assert_eq!(prove(&mut client, &keys), [82]);
    }
    // Nor many of one key at once, nor of a key that is not the server's.
    let (mut greedy, keys) = told(&wharf);
    assert_eq!(prove(&mut greedy, &vec![keys[0].clone(); 50]), [82]);
    let strange = UserKey::make(&wharf.scratch().local(), "strange");
    let (mut curious, mut keys) = told(&wharf);
    keys.insert(1, strange.wire);
    assert_eq!(prove(&mut curious, &keys), [82]);
    // The connections are as they were.
    for client in [client, greedy, curious] {
        Sftp::over(client, u32::MAX).store("f", b"x");
    }
}

const PROVE: &[u8] = b"hostkeys-prove-00@openssh.com";

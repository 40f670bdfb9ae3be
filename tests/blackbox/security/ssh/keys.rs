//! P27, P28, A6, A7, A12: which keys open what.

use std::time::{Duration, Instant};

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use wharf_ssh::encoding::Writer;
use wharf_tests::Wharf;
use wharf_tests::ssh_client::{Said, SshClient, UserKey};

use super::serve_with;

/// A server, and accounts with a key each: `ann` and `bob`.
pub(super) fn keyed() -> (Wharf, [UserKey; 3]) {
    let wharf = serve_with("[ssh]\nlogin_attempts = 100\n");
    let folder = wharf.scratch().local();
    let keys = ["ann", "bob", "nobodys"].map(|name| UserKey::make(&folder, name));
    for (name, key) in ["ann", "bob"].iter().zip(&keys) {
        let added = wharf.user(["add", name, "--no-password", "--key", &key.public()], "");
        added.well().unwrap_or_else(|problem| panic!("{problem}"));
    }
    (wharf, keys)
}

#[test]
fn p27_absurd_keys_are_refused_before_any_mathematics() {
    let (wharf, _) = keyed();
    let mut client = SshClient::ready_to_log_in(&wharf);
    let mut largest = Duration::ZERO;
    for (exponent, bits) in [
        (vec![1, 0, 1], 65_536_usize),
        (vec![1, 0, 1], 16_384),
        (vec![1, 0, 1], 512),
        (vec![0xff; 8000], 4096),
        (vec![1], 4096),
        (vec![2], 4096),
        (vec![1; 9], 4096),
    ] {
        let mut modulus = vec![0xff; bits / 8];
        modulus[0] = 0x80;
        let mut wire = Vec::new();
        wire.put_string(b"ssh-rsa");
        wire.put_mpint(&exponent);
        wire.put_mpint(&modulus);
        let mut signature = Vec::new();
        signature.put_string(b"rsa-sha2-512");
        signature.put_string(&modulus);
        for signed in [false, true] {
            let since = Instant::now();
            let said = if signed {
                let (mut payload, _) = client.to_sign("ann", "rsa-sha2-512", &wire);
                payload.put_string(&signature);
                client.step(&payload)
            } else {
                client.query("ann", "rsa-sha2-512", &wire)
            };
            largest = largest.max(since.elapsed());
            assert!(said.is_refused(), "{bits} bits: {said:?}");
        }
    }
    // The refusal itself waits 50 ms, for whatever reason it comes.
    assert!(largest < Duration::from_millis(500), "{largest:?}");
}

#[test]
fn p27_the_algorithm_is_that_of_the_key_and_of_the_signature() {
    let (wharf, [ann, ..]) = keyed();
    let mut client = SshClient::ready_to_log_in(&wharf);
    for algorithm in [
        "ssh-rsa",
        "rsa-sha2-256",
        "ecdsa-sha2-nistp256",
        "none",
        "",
        "ssh-dss",
    ] {
        let said = client.query("ann", algorithm, &ann.wire);
        assert!(said.is_refused(), "{algorithm}: {said:?}");
        let said = client.signed("ann", algorithm, &ann.wire, &ann);
        assert!(said.is_refused(), "{algorithm}: {said:?}");
    }
    // A blob that names another algorithm, is cut, or has something behind it.
    let (_, message) = client.to_sign("ann", &ann.algorithm, &ann.wire);
    let right = ann.sign(&message);
    let mut named = Vec::new();
    named.put_string(b"rsa-sha2-256");
    named.put_string(&right[right.len() - 64..]);
    let longer = [right.as_slice(), &[0]].concat();
    for wrong in [named, longer, right[..right.len() - 1].to_vec(), Vec::new()] {
        let said = client.with_signature("ann", &ann, &wrong);
        assert!(said.is_refused(), "{said:?}");
    }
    assert_eq!(client.with_signature("ann", &ann, &right), Said::Success);
}

#[test]
fn p28_no_key_is_made_or_taken_that_signs_with_sha_1() {
    let (wharf, _) = keyed();
    let mut client = SshClient::connect(&wharf);
    let agreed = client.transport().agreed().expect("keys").host_key;
    assert!(!agreed.contains("rsa"), "{agreed}");
    let made = wharf_tests::tree::names(&wharf.scratch().state());
    let made: Vec<_> = made
        .iter()
        .filter(|name| name.starts_with(b"ssh_host_"))
        .collect();
    assert!(made.len() >= 2, "{made:?}");
    for name in made {
        let file = wharf
            .scratch()
            .state()
            .join(String::from_utf8_lossy(name).as_ref());
        let said = wharf_tests::ssh_client::keygen(&["-lf", file.to_str().expect("UTF-8")]);
        assert!(
            !said.contains("RSA") && !said.contains("DSA)\n") || said.contains("ECDSA"),
            "{said}"
        );
    }
}

#[test]
fn a6_a_key_opens_its_own_account_and_only_with_a_right_signature() {
    let (wharf, [ann, bob, nobodys]) = keyed();
    let mut client = SshClient::ready_to_log_in(&wharf);
    for (name, key) in [
        ("ann", &nobodys),
        ("ann", &bob),
        ("bob", &ann),
        ("missing", &ann),
    ] {
        assert!(
            client.query(name, &key.algorithm, &key.wire).is_refused(),
            "{name}"
        );
        assert!(client.by_key(name, key).is_refused(), "{name}");
    }
    // A signature of another message: another session, another user, another service.
    let other = SshClient::ready_to_log_in(&wharf).to_sign("ann", &ann.algorithm, &ann.wire);
    let of_bob = client.to_sign("bob", &ann.algorithm, &ann.wire);
    for message in [other.1, of_bob.1, b"anything".to_vec()] {
        let said = client.with_signature("ann", &ann, &ann.sign(&message));
        assert!(said.is_refused(), "{said:?}");
    }
    // A signature by another key.
    assert!(
        client
            .signed("ann", &ann.algorithm, &ann.wire, &bob)
            .is_refused()
    );
    // And no password opens an account that has none.
    for password in [&b""[..], b"ann", b"x"] {
        assert!(client.password("ann", password).is_refused());
    }
    assert_eq!(client.by_key("ann", &ann), Said::Success);
}

#[test]
fn a7_an_offered_key_is_nothing_a_signature_is() {
    let (wharf, [ann, bob, _]) = keyed();
    let mut client = SshClient::ready_to_log_in(&wharf);
    // Ann's key would do, and does not make anybody ann.
    assert_eq!(
        client.query("ann", &ann.algorithm, &ann.wire),
        Said::KeyWouldDo
    );
    assert!(client.by_key("ann", &bob).is_refused());
    assert_eq!(
        client.query("ann", &ann.algorithm, &ann.wire),
        Said::KeyWouldDo
    );
    assert_eq!(
        client.query("bob", &bob.algorithm, &bob.wire),
        Said::KeyWouldDo
    );
    assert_eq!(
        client.query("ann", &ann.algorithm, &ann.wire),
        Said::KeyWouldDo
    );
    assert_eq!(client.by_key("bob", &bob), Said::Success);
    let login = wharf.wait_event("login", |_| true);
    assert_eq!(login["account"], "bob", "{login}");
}

#[test]
fn a12_a_hardware_key_that_nobody_touched_opens_nothing() {
    let (wharf, [ann, ..]) = keyed();
    // The same key, as if it lived in hardware (OpenSSH's PROTOCOL.u2f).
    let (algorithm, application) = ("sk-ssh-ed25519@openssh.com", b"ssh:");
    let mut wire = Vec::new();
    wire.put_string(algorithm.as_bytes());
    wire.put_string(&ann.wire[ann.wire.len() - 32..]);
    wire.put_string(application);
    let file = wharf.scratch().local().join("hardware.pub");
    std::fs::write(&file, format!("{algorithm} {} x\n", STANDARD.encode(&wire))).expect("a key");
    let words = ["key", "add", "ann", file.to_str().expect("UTF-8")];
    let added = wharf.user(words, "");
    added.well().unwrap_or_else(|problem| panic!("{problem}"));
    let mut client = SshClient::ready_to_log_in(&wharf);
    let mut touched = |flags: u8, signed_flags: u8| {
        let (mut payload, message) = client.to_sign("ann", algorithm, &wire);
        let mut told = digest(&SHA256, application).as_ref().to_vec();
        told.extend([signed_flags, 0, 0, 0, 7]);
        told.extend(digest(&SHA256, &message).as_ref());
        let signature = ann.sign(&told);
        let mut blob = Vec::new();
        blob.put_string(algorithm.as_bytes());
        blob.put_string(&signature[signature.len() - 64..]);
        blob.extend([flags, 0, 0, 0, 7]);
        payload.put_string(&blob);
        client.step(&payload)
    };
    // Not touched; known by a PIN and not touched; touched only on the way.
    for (flags, signed_flags) in [(0, 0), (4, 4), (1, 0), (0, 1)] {
        let said = touched(flags, signed_flags);
        assert!(
            said.is_refused(),
            "{flags}, signed as {signed_flags}: {said:?}"
        );
    }
    assert_eq!(touched(1, 1), Said::Success);
}

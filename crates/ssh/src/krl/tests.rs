use proptest::prelude::*;

use super::*;
use crate::encoding::Writer as _;
use crate::tests::{certificate, data, public};

/// Whether each of these is revoked: the key `ed25519`, its certificate 7, one that `ca-ecdsa384`
/// made of the same key, certificate 7 of `ecdsa521`, and the key `rsa2048`.
fn revoked(list: &[u8]) -> [bool; 5] {
    let list = RevocationList::parse(list).unwrap();
    [
        list.revokes_key(&public(data!("keys/ed25519.pub"))),
        list.revokes_certificate(&certificate(data!("certificates/ed25519.cert"))),
        list.revokes_certificate(&certificate(data!("certificates/by-ecdsa.cert"))),
        list.revokes_certificate(&certificate(data!("certificates/ecdsa521.cert"))),
        list.revokes_key(&public(data!("keys/rsa2048.pub"))),
    ]
}

#[test]
fn a11_lists_of_ssh_keygen_revoke_what_it_says() {
    // The right answers are those of `ssh-keygen -Q`.
    for (list, right) in [
        (
            data!("krl/any-authority.krl"),
            [false, true, false, true, false],
        ),
        (data!("krl/any-id.krl"), [false, false, true, false, false]),
        (
            data!("krl/authority.krl"),
            [false, true, false, true, false],
        ),
        (data!("krl/bitmap.krl"), [false, true, false, true, false]),
        (
            data!("krl/certificate.krl"),
            [false, true, false, true, false],
        ),
        (data!("krl/empty.krl"), [false; 5]),
        (data!("krl/hash.krl"), [true, true, true, false, false]),
        (data!("krl/id.krl"), [false, true, false, false, false]),
        (data!("krl/keys.krl"), [true, true, true, false, true]),
        (data!("krl/list.krl"), [false, true, false, true, false]),
        (data!("krl/other-authority.krl"), [false; 5]),
        (data!("krl/range.krl"), [false, true, false, true, false]),
        (data!("krl/sha1.krl"), [true, true, true, false, false]),
        (data!("krl/sha256.krl"), [true, true, true, true, false]),
    ] {
        assert_eq!(revoked(list), right, "{:?}", RevocationList::parse(list));
    }
}

#[test]
fn a11_plain_lists_revoke_their_keys() {
    let line = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let key = line(data!("keys/ed25519.pub"));
    let rsa = line(data!("keys/rsa2048.pub"));
    let authority = line(data!("certificates/ca-ed25519.pub"));
    let certificate = line(data!("certificates/ed25519.cert"));
    // Too short to log in with, so that it need not be understood.
    let short = line(data!("keys/rsa1024.pub"));
    for (text, right) in [
        (String::new(), [false; 5]),
        ("# none\n\n \t\r\n".to_owned(), [false; 5]),
        (key.clone(), [true, true, true, false, false]),
        (
            format!("# two\n  {}\r\n{}{short}", key.trim(), rsa),
            [true, true, true, false, true],
        ),
        (authority, [false, true, false, true, false]),
        (certificate, [true, true, true, false, false]),
    ] {
        assert_eq!(revoked(text.as_bytes()), right, "{text}");
    }
    for broken in [
        "ssh-ed25519",
        "ssh-ed25519 !!!!",
        "ssh-ed25519 AAAA",
        "hello",
        "SSHKRL",
        &key.replacen("ssh-ed25519", "ssh-rsa", 1),
        &key[..40],
        &format!("from=\"10.0.0.1\" {key}"),
    ] {
        let text = format!("# a comment\n{broken}\n");
        let error = RevocationList::parse(text.as_bytes()).unwrap_err();
        assert!(error.to_string().starts_with("line 2 "), "{error}");
    }
}

#[test]
fn a11_what_is_not_understood_is_an_error() {
    let section = |kind: u8, data: &[u8]| {
        let mut file = data!("krl/empty.krl").to_vec();
        file.put_byte(kind);
        file.put_string(data);
        RevocationList::parse(&file).map(|_| ())
    };
    let part = |text: &str| Err(RevocationError::Part(text.to_owned()));
    let extension = |critical| {
        let mut data = Vec::new();
        data.put_string(b"later@example.org");
        data.put_boolean(critical);
        data.put_string(b"x");
        data
    };
    let of_certificates = |kind: u8, data: &[u8]| {
        let mut section = vec![0; 8];
        section.put_byte(kind);
        section.put_string(data);
        section
    };
    assert_eq!(section(255, &extension(false)), Ok(()));
    let refused = part("extension `later@example.org`");
    assert_eq!(section(255, &extension(true)), refused);
    assert_eq!(
        section(1, &of_certificates(0x39, &extension(true))),
        refused
    );
    assert_eq!(
        section(1, &of_certificates(0x39, &extension(false))),
        Ok(())
    );
    assert_eq!(section(6, b""), part("section 6"));
    assert_eq!(section(0, b""), part("section 0"));
    assert_eq!(
        section(1, &of_certificates(0x24, b"")),
        part("section 36 of certificates")
    );
    assert_eq!(section(4, b"x"), Err(RevocationError::Signature));
    let range = [[0, 0, 0, 0, 0, 0, 0, 2], [0, 0, 0, 0, 0, 0, 0, 1]].concat();
    let refused = Err(RevocationError::Range);
    assert_eq!(section(1, &of_certificates(0x21, &range)), refused);
    let mut short = Vec::new();
    short.put_string(&[7; 19]);
    assert_eq!(section(3, &short), Err(RevocationError::Hash));
    assert_eq!(section(5, &short), Err(RevocationError::Hash));
    let mut broken = Vec::new();
    broken.put_string(b"\0\0\0\x0bssh-ed25519");
    assert!(matches!(section(2, &broken), Err(RevocationError::Key(_))));
    let mut later = data!("krl/empty.krl").to_vec();
    later[11] = 2;
    let refused = RevocationList::parse(&later).unwrap_err();
    assert_eq!(refused, RevocationError::Format(2));
}

#[test]
fn certificates_without_a_number_are_not_number_0() {
    let mut section = vec![0; 8];
    section.put_byte(0x21);
    let mut range = vec![0; 8];
    range.put_u64(u64::MAX);
    section.put_string(&range);
    let mut file = data!("krl/empty.krl").to_vec();
    file.put_byte(1);
    file.put_string(&section);
    let list = RevocationList::parse(&file).unwrap();
    let unnumbered = certificate(data!("certificates/by-rsa-sha512.cert"));
    assert!(!list.revokes_certificate(&unnumbered));
    assert!(list.revokes_certificate(&certificate(data!("certificates/ed25519.cert"))));
}

proptest! {
    #[test]
    fn a11_a_list_that_is_cut_off_is_an_error(at: prop::sample::Index) {
        for list in [data!("krl/keys.krl"), data!("krl/bitmap.krl"), data!("krl/sha256.krl")] {
            // Where the header ends, what is left is an empty list.
            let header = data!("krl/empty.krl").len();
            let at = at.index(list.len());
            assert!(at == header || at == 0 || RevocationList::parse(&list[..at]).is_err());
        }
    }

    #[test]
    fn bytes_are_a_list_or_an_error(bytes: Vec<u8>, at: prop::sample::Index, byte: u8) {
        let _ = RevocationList::parse(&bytes);
        for list in [data!("krl/list.krl"), data!("krl/range.krl"), data!("krl/id.krl")] {
            let mut file = list.to_vec();
            let at = at.index(file.len());
            file[at] = byte;
            let _ = RevocationList::parse(&file);
            file.truncate(data!("krl/empty.krl").len());
            file.extend_from_slice(&bytes);
            let _ = RevocationList::parse(&file);
        }
    }
}

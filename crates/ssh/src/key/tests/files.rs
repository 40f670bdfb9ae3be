use proptest::prelude::*;

use super::*;

#[test]
fn private_keys_of_other_programs_are_read() {
    for (text, line) in [
        (data!("keys/ed25519"), data!("keys/ed25519.pub")),
        (data!("keys/ecdsa256"), data!("keys/ecdsa256.pub")),
        (data!("keys/ecdsa256.PEM"), data!("keys/ecdsa256.pub")),
        (data!("keys/ecdsa256.PKCS8"), data!("keys/ecdsa256.pub")),
        (data!("keys/ecdsa384"), data!("keys/ecdsa384.pub")),
        (data!("keys/ecdsa384.PEM"), data!("keys/ecdsa384.pub")),
        (data!("keys/ecdsa384.PKCS8"), data!("keys/ecdsa384.pub")),
        (data!("keys/ecdsa521"), data!("keys/ecdsa521.pub")),
        (data!("keys/rsa2048"), data!("keys/rsa2048.pub")),
        (data!("keys/rsa2048.PEM"), data!("keys/rsa2048.pub")),
        (data!("keys/rsa2048.PKCS8"), data!("keys/rsa2048.pub")),
        (data!("keys/rsa3072"), data!("keys/rsa3072.pub")),
    ] {
        let key = HostKey::from_openssh(text).unwrap();
        assert_eq!(*key.public(), public(line));
    }
    for text in [
        data!("keys/ed25519.PKCS8"),
        data!("keys/ecdsa256-parameters.PEM"),
    ] {
        HostKey::from_openssh(text).unwrap();
    }
}

#[test]
fn what_is_written_is_read() {
    for key in host_keys() {
        for comment in ["", "a", "ab", "a comment of some length"] {
            let text = key.to_openssh(comment).unwrap();
            let again = HostKey::from_openssh(text.as_bytes()).unwrap();
            assert_eq!(again.public(), key.public());
            let crlf = text.replace('\n', "\r\n");
            assert!(HostKey::from_openssh(crlf.as_bytes()).is_ok());
        }
    }
}

#[test]
fn what_is_no_host_key_is_told_with_a_cure() {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let whole = text(data!("keys/ed25519"));
    let rsa = text(data!("keys/rsa2048"));
    for (text, told) in [
        (String::new(), "no key in it"),
        ("\n \r\n".to_owned(), "no key in it"),
        ("x".repeat(HostKey::MAX_TEXT + 1), "at most"),
        (text(data!("keys/ed25519.pub")), "without `.pub`"),
        (
            "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----".to_owned(),
            "without `.pub`",
        ),
        (text(data!("keys/encrypted")), "ssh-keygen -p"),
        (text(data!("keys/encrypted.PEM")), "ssh-keygen -p"),
        (text(data!("keys/encrypted.PKCS8")), "ssh-keygen -p"),
        ("PuTTY-User-Key-File-3: ssh-ed25519".to_owned(), "puttygen"),
        ("hello".to_owned(), "not a private key"),
        (
            "-----BEGIN CERTIFICATE-----\nAAAA".to_owned(),
            "not a private key",
        ),
        (
            "-----BEGIN DSA PRIVATE KEY-----\nAAAA\n-----END DSA PRIVATE KEY-----".to_owned(),
            "of the kind `DSA`",
        ),
        (whole.replace("-----END", "-----AND"), "its last line"),
        (whole.replace("END OPENSSH", "END EC"), "another kind"),
        (
            whole.replace("b3BlbnNzaC1", "b3BlbnNzaC2"),
            "does not begin",
        ),
        (whole.replace("b3BlbnNzaC1", "!!!!!!!!!!!"), "not base64"),
        (text(data!("keys/rsa1024")), "this one has 1024"),
        (rsa.replace("OPENSSH", "RSA"), "not an RSA key"),
        (rsa.replace("OPENSSH", "EC"), "curve of NIST's"),
        (rsa.replace("OPENSSH ", ""), "neither Ed25519"),
    ] {
        let error = HostKey::from_openssh(text.as_bytes()).unwrap_err();
        assert!(error.to_string().contains(told), "{text}: {error}");
    }
}

#[test]
fn halves_that_do_not_belong_together_are_refused() {
    let changed = |text: &[u8], change: &dyn Fn(&mut Vec<u8>)| {
        let text = String::from_utf8(text.to_vec()).unwrap();
        let body: String = text.lines().filter(|line| !line.contains('-')).collect();
        let mut bytes = base64::engine::general_purpose::STANDARD
            .decode(body)
            .unwrap();
        change(&mut bytes);
        let body = base64::engine::general_purpose::STANDARD.encode(bytes);
        let armour = "OPENSSH PRIVATE KEY-----";
        let text = format!("-----BEGIN {armour}\n{body}\n-----END {armour}\n");
        HostKey::from_openssh(text.as_bytes()).map(|_| ())
    };
    for (text, line) in [
        (data!("keys/ed25519"), data!("keys/ed25519.pub")),
        (data!("keys/ecdsa384"), data!("keys/ecdsa384.pub")),
        (data!("keys/rsa2048"), data!("keys/rsa2048.pub")),
    ] {
        assert_eq!(changed(text, &|_| {}), Ok(()));
        // The last byte of the public half, which stands before the private one.
        let wire = wire(line);
        let refused = changed(text, &|bytes| {
            let at = bytes
                .windows(wire.len())
                .position(|window| window == wire)
                .unwrap();
            bytes[at + wire.len() - 1] ^= 4;
        });
        assert!(
            matches!(refused, Err(HostKeyError::Damaged(why)) if why.contains("half")),
            "{refused:?}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn a_changed_byte_gives_the_same_key_or_an_error(at: prop::sample::Index, byte: u8) {
        for text in [
            data!("keys/ed25519"),
            data!("keys/ecdsa521"),
            data!("keys/rsa2048"),
            data!("keys/rsa2048.PEM"),
            data!("keys/ecdsa256.PKCS8"),
            data!("keys/encrypted.PEM"),
        ] {
            let mut changed = text.to_vec();
            let at = at.index(changed.len());
            changed[at] = byte;
            if let Ok(key) = HostKey::from_openssh(&changed) {
                let algorithm = key.algorithms()[0];
                let signature = key.sign(algorithm, b"m").unwrap();
                key.public().verify(algorithm.as_bytes(), b"m", &signature).unwrap();
            }
            let _ = HostKey::from_openssh(&text[..at]);
        }
    }
}

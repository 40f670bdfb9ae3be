mod files;
mod hardware;

use proptest::prelude::*;

use super::*;
use crate::tests::{data, ed25519, public, wire};

fn host_keys() -> Vec<HostKey> {
    [
        data!("keys/ed25519"),
        data!("keys/ecdsa256"),
        data!("keys/ecdsa384"),
        data!("keys/ecdsa521"),
        data!("keys/rsa2048"),
    ]
    .map(|text| HostKey::from_openssh(text).unwrap())
    .into()
}

fn public_keys() -> Vec<PublicKey> {
    [
        data!("keys/ed25519.pub"),
        data!("keys/ecdsa256.pub"),
        data!("keys/ecdsa384.pub"),
        data!("keys/ecdsa521.pub"),
        data!("keys/rsa2048.pub"),
        data!("keys/rsa3072.pub"),
        data!("keys/sk-ed25519.pub"),
        data!("keys/sk-ecdsa256.pub"),
    ]
    .map(public)
    .into()
}

#[test]
fn keys_of_ssh_keygen_have_the_fingerprints_it_prints() {
    for (line, fingerprint) in [
        (
            data!("keys/ed25519.pub"),
            "SHA256:8NftQTQgIZ31ay5m3UpRYPfcvy0djNKM/o2gsHDbBM0",
        ),
        (
            data!("keys/sk-ed25519.pub"),
            "SHA256:J9IXEo3EF3fwJgALNhO24kRdykwiX8YoE0mg7hrUGow",
        ),
        (
            data!("keys/sk-ecdsa256.pub"),
            "SHA256:8fRrsTYnKLHCtUDCQ1n9EhsGF/VCNCczJs8gyIgtpIM",
        ),
    ] {
        let key = public(line);
        assert_eq!(key.fingerprint(), fingerprint);
        assert!(line.starts_with(key.kind().as_bytes()));
    }
}

#[test]
fn every_key_signs_with_each_of_its_algorithms() {
    for key in host_keys() {
        for algorithm in key.algorithms() {
            assert!(SIGNATURE_ALGORITHMS.contains(algorithm));
            let signature = key.sign(algorithm, b"message").unwrap();
            let verify = |message: &[u8]| {
                let name = algorithm.as_bytes();
                key.public().verify(name, message, &signature)
            };
            assert_eq!(verify(b"message"), Ok(()));
            assert_eq!(verify(b"massage"), Err(SignatureRefused::Wrong));
        }
        let refused = Err(SigningError::Algorithm);
        assert_eq!(key.sign("ssh-rsa", b"message"), refused);
        assert_eq!(key.sign("none", b"message"), refused);
    }
}

#[test]
fn integers_of_a_signature_need_all_their_zeros() {
    // One in 128 has an integer that is shorter than the curve.
    let key = HostKey::from_openssh(data!("keys/ecdsa256")).unwrap();
    let name = "ecdsa-sha2-nistp256";
    for number in 0..600_u32 {
        let message = number.to_be_bytes();
        let signature = key.sign(name, &message).unwrap();
        let verified = key.public().verify(name.as_bytes(), &message, &signature);
        assert_eq!(verified, Ok(()), "{number}");
    }
}

#[test]
fn a6_another_keys_signature_opens_nothing() {
    let keys = host_keys();
    for signer in &keys {
        for algorithm in signer.algorithms() {
            let signature = signer.sign(algorithm, b"message").unwrap();
            for other in keys.iter().filter(|key| key.public() != signer.public()) {
                let name = algorithm.as_bytes();
                let refused = other.public().verify(name, b"message", &signature);
                assert_eq!(refused, Err(SignatureRefused::Algorithm));
            }
        }
    }
    let stranger = HostKey::generate(HostKeyKind::Ed25519).unwrap();
    let signature = stranger.sign("ssh-ed25519", b"message").unwrap();
    let refused = ed25519()
        .public()
        .verify(b"ssh-ed25519", b"message", &signature);
    assert_eq!(refused, Err(SignatureRefused::Wrong));
}

#[test]
fn p27_request_signature_and_key_name_one_algorithm() {
    let key = HostKey::from_openssh(data!("keys/rsa2048")).unwrap();
    let with_512 = key.sign("rsa-sha2-512", b"m").unwrap();
    let verify = |name: &[u8], signature: &[u8]| key.public().verify(name, b"m", signature);
    assert_eq!(
        verify(b"rsa-sha2-256", &with_512),
        Err(SignatureRefused::OtherAlgorithm)
    );
    assert_eq!(verify(b"ssh-rsa", &with_512), Err(SignatureRefused::Sha1));
    for name in [
        &b"ssh-ed25519"[..],
        b"",
        b"rsa-sha2-512-cert-v01@openssh.com",
    ] {
        assert_eq!(verify(name, &with_512), Err(SignatureRefused::Algorithm));
    }
    let blob = |raw: &[u8]| {
        let mut blob = Vec::new();
        blob.put_string(b"rsa-sha2-512");
        blob.put_string(raw);
        blob
    };
    for length in [0, 1, 240, 257, 1024] {
        let refused = verify(b"rsa-sha2-512", &blob(&vec![1; length]));
        assert_eq!(refused, Err(SignatureRefused::Length), "{length}");
    }
    assert!(matches!(
        verify(b"rsa-sha2-512", &blob(&[1; 1025])),
        Err(SignatureRefused::Malformed(Malformed::TooLong { .. }))
    ));
    let mut longer = with_512;
    longer.push(0);
    assert_eq!(
        verify(b"rsa-sha2-512", &longer),
        Err(SignatureRefused::Malformed(Malformed::Trailing))
    );
}

#[test]
fn p27_numbers_of_an_rsa_key_have_bounds() {
    let rsa = |exponent: &[u8], modulus: &[u8]| {
        let mut wire = Vec::new();
        wire.put_string(b"ssh-rsa");
        wire.put_mpint(exponent);
        wire.put_mpint(modulus);
        PublicKey::decode(&wire).map(|key| key.kind())
    };
    let size = |bits| Err(KeyError::RsaSize { bits });
    let of_bytes = |count| vec![0xff; count];
    let good = [1, 0, 1];
    for bytes in [256, 384, 1024] {
        assert_eq!(rsa(&good, &of_bytes(bytes)), Ok("ssh-rsa"));
    }
    assert_eq!(rsa(&good, &of_bytes(128)), size(1024));
    let mut short = of_bytes(256);
    short[0] = 0x7f;
    assert_eq!(rsa(&good, &short), size(2047));
    assert_eq!(rsa(&good, &[]), size(0));
    assert_eq!(rsa(&good, &of_bytes(1025)), size(8200));
    assert_eq!(rsa(&good, &of_bytes(2048)), size(16384));
    // 64 K bits.
    assert_eq!(rsa(&good, &of_bytes(8192)), Err(KeyError::TooLong));
    for exponent in [&[][..], &[1], &[2], &[1, 0, 0], &[1, 0, 0, 0, 1]] {
        assert_eq!(rsa(exponent, &of_bytes(256)), Err(KeyError::RsaNumbers));
    }
    let mut even = of_bytes(256);
    even[255] = 0xfe;
    assert_eq!(rsa(&good, &even), Err(KeyError::RsaNumbers));
    assert_eq!(rsa(&[3], &of_bytes(256)), Ok("ssh-rsa"));
    let short = PublicKey::decode(&wire(data!("keys/rsa1024.pub")));
    assert_eq!(short, Err(KeyError::RsaSize { bits: 1024 }));
}

#[test]
fn p27_pathological_keys_cost_nothing() {
    // A modulus that divides nothing, an exponent as large as is taken.
    let mut wire = Vec::new();
    wire.put_string(b"ssh-rsa");
    wire.put_mpint(&[0xff, 0xff, 0xff, 0xff]);
    wire.put_mpint(&[0xff; 1024]);
    let key = PublicKey::decode(&wire).unwrap();
    let mut signature = Vec::new();
    signature.put_string(b"rsa-sha2-512");
    signature.put_string(&[0xfe; 1024]);
    let begun = std::time::Instant::now();
    let refused = key.verify(b"rsa-sha2-512", b"m", &signature);
    assert_eq!(refused, Err(SignatureRefused::Wrong));
    assert!(begun.elapsed().as_millis() < 500, "{:?}", begun.elapsed());

    for (kind, curve, length) in [
        ("ecdsa-sha2-nistp256", "nistp256", 65),
        ("ecdsa-sha2-nistp384", "nistp384", 97),
        ("ecdsa-sha2-nistp521", "nistp521", 133),
    ] {
        let mut wire = Vec::new();
        wire.put_string(kind.as_bytes());
        wire.put_string(curve.as_bytes());
        let mut point = vec![7; length];
        point[0] = 4;
        wire.put_string(&point);
        // Not on the curve: it verifies nothing.
        let key = PublicKey::decode(&wire).unwrap();
        let mut raw = Vec::new();
        raw.put_mpint(&[1]);
        raw.put_mpint(&[1]);
        let mut signature = Vec::new();
        signature.put_string(kind.as_bytes());
        signature.put_string(&raw);
        let refused = key.verify(kind.as_bytes(), b"m", &signature);
        assert_eq!(refused, Err(SignatureRefused::Wrong));
    }
}

#[test]
fn p28_new_keys_are_ed25519_or_ecdsa_and_rsa_is_never_sha1() {
    for (kind, name) in [
        (HostKeyKind::Ed25519, "ssh-ed25519"),
        (HostKeyKind::EcdsaP256, "ecdsa-sha2-nistp256"),
        (HostKeyKind::EcdsaP384, "ecdsa-sha2-nistp384"),
    ] {
        let key = HostKey::generate(kind).unwrap();
        assert_eq!(key.public().kind(), name);
        assert_eq!(key.algorithms(), [name]);
        assert_eq!(format!("{key:?}"), format!("HostKey({name})"));
    }
    let rsa = HostKey::generate(HostKeyKind::Rsa3072).unwrap();
    assert_eq!(rsa.algorithms(), ["rsa-sha2-512", "rsa-sha2-256"]);
    assert!(!SIGNATURE_ALGORITHMS.contains(&"ssh-rsa"));
}

#[test]
fn what_is_no_key_is_named() {
    let with = |kind: &str, fields: &[&[u8]]| {
        let mut wire = Vec::new();
        wire.put_string(kind.as_bytes());
        fields.iter().for_each(|field| wire.put_string(field));
        PublicKey::decode(&wire)
    };
    for kind in ["ssh-dss", "", "ssh-ed25519-cert-v01@openssh.com"] {
        assert_eq!(with(kind, &[]), Err(KeyError::Kind(kind.to_owned())));
    }
    let told = with("\u{1b}[31mred", &[]).unwrap_err().to_string();
    assert!(told.contains("\\x1b[31mred"), "{told}");
    assert_eq!(with("ssh-ed25519", &[&[1; 31]]), Err(KeyError::Point));
    let ecdsa = "ecdsa-sha2-nistp256";
    let point = [4; 65];
    assert!(with(ecdsa, &[b"nistp256", &point]).is_ok());
    assert_eq!(with(ecdsa, &[b"nistp384", &point]), Err(KeyError::Curve));
    assert_eq!(with(ecdsa, &[b"nistp256", &[4; 66]]), Err(KeyError::Point));
    // Compressed.
    assert_eq!(with(ecdsa, &[b"nistp256", &[2; 33]]), Err(KeyError::Point));
    assert_eq!(
        with(ecdsa, &[b"nistp256", &point, b""]),
        Err(KeyError::Malformed(Malformed::Trailing))
    );
}

proptest! {
    #[test]
    fn bytes_are_a_key_or_an_error(wire: Vec<u8>) {
        if let Ok(key) = PublicKey::decode(&wire) {
            assert_eq!(key.wire(), wire);
        }
    }

    #[test]
    fn a_changed_byte_gives_another_key_or_none(at: prop::sample::Index, bit in 0..8_u32) {
        for key in public_keys() {
            let mut wire = key.wire().to_vec();
            let at = at.index(wire.len());
            assert!(PublicKey::decode(&wire[..at]).is_err());
            wire[at] ^= 1 << bit;
            if let Ok(other) = PublicKey::decode(&wire) {
                assert_ne!(other.fingerprint(), key.fingerprint());
                let material = PublicKey::of(other.kind, other.material.clone());
                assert_eq!(material.wire(), wire);
            }
        }
    }
}

proptest! {
    // Each signs with every kind of key.
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn a6_a_changed_signature_opens_nothing(at: prop::sample::Index, bit in 0..8_u32) {
        for key in host_keys() {
            let algorithm = key.algorithms()[0];
            let mut signature = key.sign(algorithm, b"message").unwrap();
            let at = at.index(signature.len());
            signature[at] ^= 1 << bit;
            let verified = key.public().verify(algorithm.as_bytes(), b"message", &signature);
            assert!(verified.is_err());
        }
    }
}

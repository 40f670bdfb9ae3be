mod made;

use std::net::IpAddr;

use proptest::prelude::*;

use super::*;
use crate::encoding::Writer as _;
use crate::key::{HostKey, HostKeyKind, SignatureRefused};
use crate::krl::RevocationList;
use crate::tests::{certificate, data, ed25519, public, wire};
use made::Made;

/// 2025.
const NOW: u64 = 1_750_000_000;

fn authorities() -> Vec<PublicKey> {
    [
        data!("certificates/ca-ed25519.pub"),
        data!("certificates/ca-ecdsa384.pub"),
        data!("certificates/ca-rsa.pub"),
    ]
    .map(public)
    .into()
}

fn judge(certificate: &Certificate, demands: &Demands<'_>) -> Result<(), CertificateRefused> {
    certificate.verify(demands).map(|_| ())
}

/// Judged as Ann's, from 192.0.2.7, in 2025, with every authority trusted.
fn anns(line: &[u8]) -> Result<(), CertificateRefused> {
    anns_from(line, "192.0.2.7")
}

fn anns_from(line: &[u8], peer: &str) -> Result<(), CertificateRefused> {
    let demands = Demands {
        now: NOW,
        principals: &[b"ann"],
        peer: peer.parse().unwrap(),
        authorities: &authorities(),
        revoked: &[],
    };
    judge(&certificate(line), &demands)
}

#[test]
fn certificates_of_ssh_keygen_are_read() {
    for (line, key) in [
        (
            data!("certificates/ed25519.cert"),
            data!("keys/ed25519.pub"),
        ),
        (
            data!("certificates/ecdsa256.cert"),
            data!("keys/ecdsa256.pub"),
        ),
        (
            data!("certificates/ecdsa384.cert"),
            data!("keys/ecdsa384.pub"),
        ),
        (
            data!("certificates/ecdsa521.cert"),
            data!("keys/ecdsa521.pub"),
        ),
        (
            data!("certificates/rsa2048.cert"),
            data!("keys/rsa2048.pub"),
        ),
        (
            data!("certificates/sk-ed25519.cert"),
            data!("keys/sk-ed25519.pub"),
        ),
        (
            data!("certificates/sk-ecdsa256.cert"),
            data!("keys/sk-ecdsa256.pub"),
        ),
    ] {
        let read = certificate(line);
        assert_eq!(*read.key(), public(key));
        assert_eq!(read.wire(), wire(line));
        assert!(line.starts_with(read.kind().as_bytes()));
        assert!(Certificate::is_named_by(read.kind().as_bytes()));
        assert_eq!(read.serial(), 7);
        assert!(read.key_id().starts_with(b"ann's "));
        assert_eq!(read.valid_before(), u64::MAX);
        assert_eq!(anns(line), Ok(()));
        assert_eq!(PublicKey::decode(&wire(line)).unwrap_err(), {
            KeyError::Kind(read.kind().to_owned())
        });
    }
}

#[test]
fn a10_each_certificate_is_judged() {
    let malformed = CertificateRefused::Malformed;
    for (line, judged) in [
        (data!("certificates/by-ecdsa.cert"), Ok(())),
        (data!("certificates/by-rsa-sha512.cert"), Ok(())),
        (data!("certificates/by-rsa-sha256.cert"), Ok(())),
        (
            data!("certificates/by-rsa-sha1.cert"),
            Err(CertificateRefused::Signature(SignatureRefused::Sha1)),
        ),
        (
            data!("certificates/host.cert"),
            Err(CertificateRefused::Host),
        ),
        (
            data!("certificates/no-principals.cert"),
            Err(CertificateRefused::NoPrincipals),
        ),
        (
            data!("certificates/wildcard.cert"),
            Err(CertificateRefused::Wildcard("*".to_owned())),
        ),
        (
            data!("certificates/in-2020.cert"),
            Err(CertificateRefused::Expired),
        ),
        (data!("certificates/source.cert"), Ok(())),
        (data!("certificates/sftp-only.cert"), Ok(())),
        (
            data!("certificates/command.cert"),
            Err(CertificateRefused::Command("/bin/sh".to_owned())),
        ),
        (data!("certificates/verify-required.cert"), Ok(())),
        (
            data!("certificates/unknown-option.cert"),
            Err(CertificateRefused::Option("later@example.org".to_owned())),
        ),
        (data!("certificates/unknown-extension.cert"), Ok(())),
    ] {
        assert_eq!(anns(line), judged, "{:?}", certificate(line));
    }
    let source = data!("certificates/source.cert");
    assert_eq!(anns_from(source, "::ffff:192.0.2.9"), Ok(()));
    assert_eq!(anns_from(source, "2001:db8::1"), Ok(()));
    assert_eq!(
        anns_from(source, "192.0.3.7"),
        Err(CertificateRefused::Source)
    );
    for (name, data) in [
        ("source-address", &b"\0\0\0\x01x"[..]),
        ("source-address", b"192.0.2.0/24"),
        ("force-command", b"internal-sftp"),
        ("verify-required", b"x"),
    ] {
        let made = Made {
            options: vec![(name, data.to_vec())],
            ..Made::default()
        };
        assert_eq!(made.judged(), Err(malformed(name)), "{name}");
    }
}

#[test]
fn a10_principals_are_matched_whole() {
    let line = data!("certificates/ed25519.cert");
    let read = certificate(line);
    let judged = |principals: &[&[u8]]| {
        judge(
            &read,
            &Demands {
                now: NOW,
                principals,
                peer: IpAddr::from([127, 0, 0, 1]),
                authorities: &authorities(),
                revoked: &[],
            },
        )
    };
    assert_eq!(judged(&[b"ann"]), Ok(()));
    assert_eq!(judged(&[b"bob"]), Ok(()));
    assert_eq!(judged(&[b"eve", b"bob"]), Ok(()));
    for others in [
        &[][..],
        &[&b""[..]],
        &[b"an"],
        &[b"anna"],
        &[b"ANN"],
        &[b"*"],
        &[b"ann,bob"],
        &[b"root"],
    ] {
        assert_eq!(judged(others), Err(CertificateRefused::Principal));
    }
    // A principal without letters is still not the account that has none.
    let made = Made {
        principals: vec![b""],
        ..Made::default()
    };
    assert_eq!(made.judged(), Err(CertificateRefused::Principal));
    for pattern in [&b"*"[..], b"a*", b"an?"] {
        let made = Made {
            principals: vec![b"ann", pattern],
            ..Made::default()
        };
        assert!(matches!(
            made.judged(),
            Err(CertificateRefused::Wildcard(_))
        ));
    }
}

#[test]
fn a10_time_is_kept() {
    for (after, before, judged) in [
        (0, u64::MAX, Ok(())),
        (NOW, NOW + 1, Ok(())),
        (NOW - 1, NOW, Err(CertificateRefused::Expired)),
        (0, 0, Err(CertificateRefused::Expired)),
        // The authority's clock may be a minute ahead.
        (NOW + 60, NOW + 100, Ok(())),
        (NOW + 61, NOW + 100, Err(CertificateRefused::NotYet)),
        (u64::MAX, u64::MAX, Err(CertificateRefused::NotYet)),
        (NOW + 10, NOW - 10, Err(CertificateRefused::Expired)),
    ] {
        let made = Made {
            time: (after, before),
            ..Made::default()
        };
        assert_eq!(made.judged(), judged, "{after} {before}");
    }
}

#[test]
fn a10_only_trusted_authorities_vouch() {
    let read = certificate(data!("certificates/ed25519.cert"));
    let demands = Demands {
        now: NOW,
        principals: &[b"ann"],
        peer: IpAddr::from([127, 0, 0, 1]),
        authorities: &[],
        revoked: &[],
    };
    let stranger = Err(CertificateRefused::Authority(
        read.authority().fingerprint(),
    ));
    assert_eq!(judge(&read, &demands), stranger);
    let others = authorities().split_off(1);
    let demands = Demands {
        authorities: &others,
        ..demands
    };
    assert_eq!(judge(&read, &demands), stranger);
    // The key that is vouched for does not vouch.
    let itself = [read.key().clone()];
    let demands = Demands {
        authorities: &itself,
        ..demands
    };
    assert_eq!(judge(&read, &demands), stranger);

    let made = Made {
        role: 3,
        ..Made::default()
    };
    assert_eq!(made.judged(), Err(CertificateRefused::Role));
    let made = Made {
        authority: wire(data!("certificates/ed25519.cert")),
        ..Made::default()
    };
    assert!(matches!(
        Certificate::decode(&made.wire()),
        Err(CertificateError::Authority(KeyError::Kind(_)))
    ));
}

#[test]
fn a11_what_is_revoked_lets_nobody_in() {
    let read = certificate(data!("certificates/ed25519.cert"));
    for list in [
        data!("krl/list.krl"),
        data!("krl/keys.krl"),
        data!("krl/authority.krl"),
        data!("keys/ed25519.pub"),
        data!("certificates/ca-ed25519.pub"),
    ] {
        let revoked = RevocationList::parse(list).unwrap();
        let demands = Demands {
            now: NOW,
            principals: &[b"ann"],
            peer: IpAddr::from([127, 0, 0, 1]),
            authorities: &authorities(),
            revoked: &[&RevocationList::default(), &revoked],
        };
        assert_eq!(judge(&read, &demands), Err(CertificateRefused::Revoked));
    }
}

#[test]
fn a7_the_login_is_signed_with_the_key_of_the_certificate() {
    let demands = Demands {
        now: NOW,
        principals: &[b"ann"],
        peer: IpAddr::from([127, 0, 0, 1]),
        authorities: &authorities(),
        revoked: &[],
    };
    for (line, key) in [
        (data!("certificates/ed25519.cert"), data!("keys/ed25519")),
        (data!("certificates/ecdsa521.cert"), data!("keys/ecdsa521")),
        (data!("certificates/rsa2048.cert"), data!("keys/rsa2048")),
    ] {
        let (read, key) = (certificate(line), HostKey::from_openssh(key).unwrap());
        let verified = read.verify(&demands).unwrap();
        for (name, plain) in read.algorithms().iter().zip(key.algorithms()) {
            let signature = key.sign(plain, b"m").unwrap();
            assert_eq!(verified.verify(name.as_bytes(), b"m", &signature), Ok(()));
            assert_eq!(
                verified.verify(name.as_bytes(), b"n", &signature),
                Err(SignatureRefused::Wrong)
            );
            assert_eq!(
                verified.verify(plain.as_bytes(), b"m", &signature),
                Err(SignatureRefused::Algorithm)
            );
            assert_eq!(
                verified.verify(b"ssh-rsa-cert-v01@openssh.com", b"m", &signature),
                Err(SignatureRefused::Sha1)
            );
        }
        let stranger = HostKey::generate(HostKeyKind::Ed25519).unwrap();
        let signature = stranger.sign("ssh-ed25519", b"m").unwrap();
        let name = read.algorithms()[0].as_bytes();
        assert!(verified.verify(name, b"m", &signature).is_err());
    }
}

#[test]
fn a12_verify_required_is_kept() {
    // A key without hardware cannot know its user.
    let made = Made {
        options: vec![("verify-required", Vec::new())],
        ..Made::default()
    };
    let read = Certificate::decode(&made.wire()).unwrap();
    let demands = Demands {
        now: NOW,
        principals: &[b"ann"],
        peer: IpAddr::from([127, 0, 0, 1]),
        authorities: &authorities(),
        revoked: &[],
    };
    let signature = ed25519().sign("ssh-ed25519", b"m").unwrap();
    let verified = read.verify(&demands).unwrap();
    assert_eq!(
        verified.verify(b"ssh-ed25519-cert-v01@openssh.com", b"m", &signature),
        Err(SignatureRefused::NotVerified)
    );
}

#[test]
fn counts_are_bounded() {
    let many = Made {
        principals: vec![b"ann"; Certificate::MAX_PRINCIPALS],
        ..Made::default()
    };
    assert_eq!(many.judged(), Ok(()));
    let more = Made {
        principals: vec![b"ann"; Certificate::MAX_PRINCIPALS + 1],
        ..Made::default()
    };
    let refused = Certificate::decode(&more.wire()).unwrap_err();
    assert_eq!(refused, CertificateError::TooMany);
    let twice = Made {
        options: vec![("source-address", Vec::new()); 2],
        ..Made::default()
    };
    let refused = Certificate::decode(&twice.wire()).unwrap_err();
    assert_eq!(
        refused,
        CertificateError::Twice("source-address".to_owned())
    );
    let refused = Certificate::decode(&vec![0; Certificate::MAX_WIRE + 1]).unwrap_err();
    assert_eq!(refused, CertificateError::TooLong);
}

proptest! {
    #[test]
    fn bytes_are_a_certificate_or_an_error(bytes: Vec<u8>) {
        let mut wire = Vec::new();
        wire.put_string(b"ssh-ed25519-cert-v01@openssh.com");
        wire.extend_from_slice(&bytes);
        assert!(Certificate::decode(&bytes).is_err());
        let _ = Certificate::decode(&wire);
    }

    #[test]
    fn a10_a_changed_certificate_lets_nobody_in(at: prop::sample::Index, bit in 0..8_u32) {
        for line in [data!("certificates/ed25519.cert"), data!("certificates/by-ecdsa.cert")] {
            let mut wire = wire(line);
            let at = at.index(wire.len());
            assert!(Certificate::decode(&wire[..at]).is_err());
            wire[at] ^= 1 << bit;
            if let Ok(read) = Certificate::decode(&wire) {
                let demands = Demands {
                    now: NOW,
                    principals: &[b"ann"],
                    peer: IpAddr::from([192, 0, 2, 7]),
                    authorities: &authorities(),
                    revoked: &[],
                };
                assert!(judge(&read, &demands).is_err());
            }
        }
    }
}

//! M11: what a client or an authority sends may be anything.

use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, CrlDistributionPoint, CustomExtension, DnType,
    GeneralSubtree, IsCa, KeyPair, NameConstraints,
};

use super::super::super::super::certificate::tests::samples::named;
use super::*;

#[test]
fn m11_hostile_names_and_extensions_are_an_error() {
    let root = Authority::new("Root");
    let trust = trust(&root);
    let verdict = |name: &str, excluded: &[&str]| {
        let constraints = NameConstraints {
            permitted_subtrees: vec![
                GeneralSubtree::DnsName("example.org".to_owned()),
                GeneralSubtree::IpAddress(CidrSubnet::from_v4_prefix([192, 0, 2, 0], 24)),
            ],
            excluded_subtrees: excluded
                .iter()
                .map(|&name| GeneralSubtree::DnsName(name.to_owned()))
                .collect(),
        };
        let mut middle = CertificateParams::default();
        middle.distinguished_name = named(&[(DnType::CommonName, "Middle")]);
        middle.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        middle.name_constraints = Some(constraints);
        let key = KeyPair::generate().unwrap();
        let middle_pem = root.sign(&middle, &key).chain;
        let issuer = rcgen::Issuer::new(middle, key);
        let mut ann = CertificateParams::new(vec![name.to_owned()]).unwrap();
        ann.extended_key_usages = client("ann").extended_key_usages;
        let ann = ann.signed_by(&KeyPair::generate().unwrap(), &issuer);
        peer(&format!("{}{middle_pem}", ann.unwrap().pem())).verify(&trust)
    };
    verdict("ok.example.org", &[]).unwrap();
    verdict("192.0.2.9", &[]).unwrap();
    for (name, excluded) in [
        ("other.test", &[][..]),
        ("203.0.113.1", &[]),
        // The wildcard would be for the excluded name as well (RUSTSEC-2026-0099).
        ("*.example.org", &["no.example.org"]),
        ("no.example.org", &["no.example.org"]),
        ("any.example.org", &[""]),
    ] {
        verdict(name, excluded).unwrap_err();
    }
    for (critical, trusted) in [(false, true), (true, false)] {
        let mut params = client("ann");
        let mut extension = CustomExtension::from_oid_content(&[1, 2, 3, 4], vec![0x30, 0x80]);
        extension.set_criticality(critical);
        params.custom_extensions = vec![extension];
        let ann = peer(&root.sign(&params, &KeyPair::generate().unwrap()).chain);
        assert_eq!(ann.verify(&trust).is_ok(), trusted);
    }
}

#[test]
fn m11_bytes_that_are_no_certificate_are_an_error() {
    let authority = Authority::new("CA");
    let trust = trust(&authority);
    let good = chain(&authority.client("ann").chain).remove(0);
    for index in 0..good.len() {
        let mut bent = good.to_vec();
        bent[index] ^= 0xff;
        for der in [bent, good[..index].to_vec()] {
            let bent = PeerCertificate::new(vec![der.into()]).unwrap();
            let _ = bent.subject();
            bent.verify(&trust).unwrap_err();
        }
    }
    assert_eq!(PeerCertificate::new(Vec::new()), None);
}

#[test]
fn m11_a_hostile_revocation_list_is_an_error() {
    let authority = Authority::new("CA");
    let ann = numbered(&authority, 7);
    let good = authority.revocation_list(&[7], 4000);
    for index in 0..good.len() {
        let mut bent = vec![good[..index].to_vec()];
        for byte in [0x00, 0x01, 0x7f, 0x80, 0x84, 0xff, good[index] ^ 0x20] {
            if byte != good[index] {
                let mut other = good.clone();
                other[index] = byte;
                bent.push(other);
            }
        }
        for list in bent {
            let text = lists(&[list]);
            let made = ClientTrust::from_pem(authority.pem.as_bytes(), Some(text.as_bytes()));
            // Where it can still be read, its signature tells.
            if let Ok(trust) = made {
                ann.verify(&trust).unwrap_err();
            }
        }
    }
}

#[test]
fn m11_a_hostile_issuing_distribution_point_is_an_error() {
    let authority = Authority::new("CA");
    let with = |point: &[u8]| {
        let list = lists(&[with_distribution_point(&authority, point)]);
        ClientTrust::from_pem(authority.pem.as_bytes(), Some(list.as_bytes()))
    };
    // One with a name is taken: what the others are refused for is the point.
    let good = with(b"\x30\x0e\xa0\x0c\xa0\x0a\x86\x08http://a").unwrap();
    numbered(&authority, 8).verify(&good).unwrap();
    let revoked = numbered(&authority, 7).verify(&good);
    assert_eq!(revoked, Err("was revoked".to_owned()));
    let points: [&[u8]; 9] = [
        b"",
        b"\x30\x00",
        b"\x30\x80\xa0\x80\x00\x00",
        // Names: none, one that says it is longer than it is, a URI of no character.
        b"\x30\x04\xa0\x02\xa0\x00",
        b"\x30\x06\xa0\x04\xa0\x02\x86\x7f",
        b"\x30\x06\xa0\x04\xa0\x02\x86\x00",
        // RUSTSEC-2026-0104: a BIT STRING of reasons without a byte, without a bit, and with
        // more unused bits than it has.
        b"\x30\x02\x83\x00",
        b"\x30\x03\x83\x01\x00",
        b"\x30\x04\x83\x02\x09\x00",
    ];
    // The names in the point are read when the certificate has a point to compare them with.
    let mut pointed = client("ann");
    pointed.serial_number = Some(SerialNumber::from(7_u64));
    pointed.crl_distribution_points = vec![CrlDistributionPoint {
        uris: vec!["http://a".to_owned()],
    }];
    let pointed = peer(
        &authority
            .sign(&pointed, &KeyPair::generate().unwrap())
            .chain,
    );
    let revoked = pointed.verify(&good);
    assert_eq!(revoked, Err("was revoked".to_owned()));
    for point in points {
        if let Ok(trust) = with(point) {
            numbered(&authority, 7).verify(&trust).unwrap_err();
            pointed.verify(&trust).unwrap_err();
        }
    }
}

/// A list of the authority, signed by it, that revokes 7 and has this extension in front.
fn with_distribution_point(authority: &Authority, point: &[u8]) -> Vec<u8> {
    let list = authority.revocation_list(&[7], 4000);
    let (signed, rest) = split(inner(&list));
    let (algorithm, _) = split(rest);
    // The extensions are the last element, [0], around a SEQUENCE.
    let mut elements = inner(signed);
    let mut kept = Vec::new();
    while elements[0] != 0xa0 {
        let (element, rest) = split(elements);
        kept.extend(element);
        elements = rest;
    }
    // 2.5.29.28, critical.
    let head: &[u8] = b"\x06\x03\x55\x1d\x1c\x01\x01\xff";
    let extension = tlv(0x30, &[head, &tlv(0x04, point)].concat());
    let others = inner(inner(elements));
    kept.extend(tlv(0xa0, &tlv(0x30, &[&extension, others].concat())));
    let signed = tlv(0x30, &kept);
    let signature = [vec![0], authority.signature(&signed)].concat();
    tlv(0x30, &[&signed, algorithm, &tlv(0x03, &signature)].concat())
}

/// The first element, and what follows it.
fn split(der: &[u8]) -> (&[u8], &[u8]) {
    let (head, length) = header(der);
    der.split_at(head + length)
}

fn inner(der: &[u8]) -> &[u8] {
    let (head, length) = header(der);
    &der[head..head + length]
}

fn header(der: &[u8]) -> (usize, usize) {
    match der[1] {
        short @ 0..=0x7f => (2, short.into()),
        0x81 => (3, der[2].into()),
        _ => (4, usize::from(der[2]) << 8 | usize::from(der[3])),
    }
}

fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).unwrap().to_be_bytes();
    let mut der = match length {
        [0, short @ 0..=0x7f] => vec![tag, short],
        [0, low] => vec![tag, 0x81, low],
        [high, low] => vec![tag, 0x82, high, low],
    };
    der.extend(content);
    der
}

use std::fs;
use std::time::{Duration, Instant};

use rcgen::{
    CertificateParams, CidrSubnet, CustomExtension, DnType, GeneralSubtree, IsCa, KeyPair,
    NameConstraints, SerialNumber, date_time_ymd,
};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use rustls::version::{TLS12, TLS13};
use rustls::{AlertDescription, ClientConfig, ServerConfig, SupportedProtocolVersion};
use tempfile::TempDir;

use super::super::certificate::CertificateError;
use super::super::certificate::samples::{
    Authority, Ends, Sample, client, named, openssl, pem, shake, trusting,
};
use super::*;

const VERSIONS: [&SupportedProtocolVersion; 2] = [&TLS12, &TLS13];

fn chain(pem: &str) -> Vec<CertificateDer<'static>> {
    CertificateDer::pem_slice_iter(pem.as_bytes())
        .map(Result::unwrap)
        .collect()
}

fn key(pem: &str) -> PrivateKeyDer<'static> {
    PrivateKeyDer::from_pem_slice(pem.as_bytes()).unwrap()
}

fn peer(pem: &str) -> PeerCertificate {
    PeerCertificate::new(chain(pem)).unwrap()
}

fn trust(authority: &Authority) -> ClientTrust {
    ClientTrust::from_pem(authority.pem.as_bytes(), None).unwrap()
}

/// Two ends whose server has a certificate of its own authority.
struct Pair {
    authority: Authority,
    server: Sample,
}

impl Pair {
    fn new() -> Self {
        let authority = Authority::new("Server CA");
        let server = authority.server(&["ftp.example.org"]);
        Self { authority, server }
    }

    fn shake(
        &self,
        version: &'static SupportedProtocolVersion,
        verifier: Arc<dyn ClientCertVerifier>,
        shown: Option<&Sample>,
    ) -> Ends {
        let client = trusting(&self.authority, version);
        let client = match shown {
            Some(own) => client
                .with_client_auth_cert(chain(&own.chain), key(&own.key))
                .unwrap(),
            None => client.with_no_client_auth(),
        };
        self.shake_with(client, verifier)
    }

    fn shake_with(&self, client: ClientConfig, verifier: Arc<dyn ClientCertVerifier>) -> Ends {
        let server = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(&[&TLS13, &TLS12])
            .unwrap()
            .with_client_cert_verifier(verifier)
            .with_single_cert(chain(&self.server.chain), key(&self.server.key))
            .unwrap();
        shake(client, server, "ftp.example.org")
    }
}

#[test]
fn off_does_not_ask() {
    let (pair, ann) = (Pair::new(), Authority::new("CA").client("ann"));
    for version in VERSIONS {
        let (_, server) = pair
            .shake(version, verifier(ClientCertificates::Off, None), Some(&ann))
            .unwrap();
        assert!(server.peer_certificates().is_none());
    }
}

#[test]
fn request_takes_any_certificate_and_none() {
    let pair = Pair::new();
    let (known, unknown) = (Authority::new("CA"), Authority::new("Nobody's CA"));
    let mut expired = client("ann");
    expired.not_after = date_time_ymd(2020, 1, 1);
    let expired = unknown.sign(&expired, &KeyPair::generate().unwrap());
    for version in VERSIONS {
        let request = || verifier(ClientCertificates::Request, Some(&trust(&known)));
        let (_, server) = pair.shake(version, request(), None).unwrap();
        assert!(server.peer_certificates().is_none());
        for sample in [&known.client("ann"), &unknown.client("ann"), &expired] {
            // Also one whose authority was not among the hints: the client is free.
            let shown = pair.shake(version, request(), Some(sample));
            let (_, server) = shown.unwrap();
            let peer_chain = server.peer_certificates().unwrap().to_vec();
            let own = PeerCertificate::new(peer_chain).unwrap();
            assert_eq!(own, peer(&sample.chain));
            assert_eq!(own.subject(), "CN=ann");
        }
    }
}

#[test]
fn f15_require_refuses_a_client_without_one() {
    let pair = Pair::new();
    let ann = Authority::new("CA").client("ann");
    for version in VERSIONS {
        let require = || verifier(ClientCertificates::Require, None);
        let refusal = pair.shake(version, require(), None).unwrap_err();
        assert_eq!(refusal.server, Some(Error::NoCertificatesPresented));
        assert_eq!(
            refusal.client,
            Some(Error::AlertReceived(AlertDescription::CertificateRequired))
        );
        pair.shake(version, require(), Some(&ann)).unwrap();
    }
}

#[test]
fn a_certificate_without_its_key_is_refused() {
    let pair = Pair::new();
    let authority = Authority::new("CA");
    let (ann, bob) = (authority.client("ann"), authority.client("bob"));
    for version in VERSIONS {
        let stolen = thief::Thief::new(chain(&ann.chain), key(&bob.key));
        let client = trusting(&pair.authority, version).with_client_cert_resolver(Arc::new(stolen));
        let refusal = pair
            .shake_with(client, verifier(ClientCertificates::Request, None))
            .unwrap_err();
        let server = refusal.server;
        assert_eq!(
            server,
            Some(Error::InvalidCertificate(
                rustls::CertificateError::BadSignature
            ))
        );
    }
}

mod thief {
    use super::*;
    use rustls::client::ResolvesClientCert;
    use rustls::sign::CertifiedKey;

    /// Shows a certificate it has no key of.
    #[derive(Debug)]
    pub(super) struct Thief(Arc<CertifiedKey>);

    impl Thief {
        pub(super) fn new(
            chain: Vec<CertificateDer<'static>>,
            key: PrivateKeyDer<'static>,
        ) -> Self {
            let key = aws_lc_rs::sign::any_supported_type(&key).unwrap();
            Self(Arc::new(CertifiedKey::new(chain, key)))
        }
    }

    impl ResolvesClientCert for Thief {
        fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
            Some(Arc::clone(&self.0))
        }

        fn has_certs(&self) -> bool {
            true
        }
    }
}

#[test]
fn p27_weak_algorithms_prove_nothing() {
    let schemes = verifier(ClientCertificates::Require, None).supported_verify_schemes();
    assert!(
        schemes.contains(&SignatureScheme::ECDSA_NISTP256_SHA256),
        "{schemes:?}"
    );
    assert!(
        schemes.contains(&SignatureScheme::RSA_PSS_SHA256),
        "{schemes:?}"
    );
    for weak in [
        SignatureScheme::RSA_PKCS1_SHA1,
        SignatureScheme::ECDSA_SHA1_Legacy,
    ] {
        assert!(!schemes.contains(&weak), "{schemes:?}");
    }
    // And a key of 1024 bits does not, whatever it signs with.
    let folder = TempDir::new().unwrap();
    let arguments = "req -x509 -newkey rsa:1024 -nodes -keyout key.pem -out chain.pem -subj /CN=t";
    openssl(folder.path(), &arguments.split(' ').collect::<Vec<_>>());
    let text = |name| fs::read_to_string(folder.path().join(name)).unwrap();
    let weak = peer(&text("chain.pem"));
    let own = ClientTrust::from_pem(text("chain.pem").as_bytes(), None).unwrap();
    weak.verify(&own).unwrap_err();
}

#[test]
fn trust_is_of_the_authority_the_dates_and_the_use() {
    let authority = Authority::new("CA");
    let trust = trust(&authority);
    let refused = |pem: &str| peer(pem).verify(&trust).unwrap_err();
    peer(&authority.client("ann").chain).verify(&trust).unwrap();

    let stranger = refused(&Authority::new("CA").client("ann").chain);
    assert!(stranger.contains("authority"), "{stranger}");
    let server = refused(&authority.server(&["ann"]).chain);
    assert!(server.contains("clientAuth"), "{server}");
    let sign = |params: &CertificateParams| authority.sign(params, &KeyPair::generate().unwrap());
    let mut old = client("ann");
    old.not_after = date_time_ymd(2020, 1, 1);
    let old = refused(&sign(&old).chain);
    assert!(old.contains("expired") && old.contains("2020"), "{old}");
    let mut early = client("ann");
    early.not_before = date_time_ymd(3000, 1, 1);
    let early = refused(&sign(&early).chain);
    assert!(early.contains("not valid before"), "{early}");
    let mut authority_itself = client("ann");
    authority_itself.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    refused(&sign(&authority_itself).chain);
}

#[test]
fn a_chain_may_go_over_intermediates() {
    let root = Authority::new("Root");
    let middle = root.authority("Middle");
    let ann = middle.client("ann");
    let trust = trust(&root);
    peer(&format!("{}{}", ann.chain, middle.pem))
        .verify(&trust)
        .unwrap();
    peer(&ann.chain).verify(&trust).unwrap_err();
    // Somebody else's certificate in the place of an authority.
    let eve = root.client("Middle");
    peer(&format!("{}{}", ann.chain, eve.chain))
        .verify(&trust)
        .unwrap_err();
}

fn lists(ders: &[Vec<u8>]) -> String {
    ders.iter().map(|der| pem("X509 CRL", der)).collect()
}

fn numbered(authority: &Authority, serial: u64) -> PeerCertificate {
    let mut params = client("ann");
    params.serial_number = Some(SerialNumber::from(serial));
    peer(&authority.sign(&params, &KeyPair::generate().unwrap()).chain)
}

#[test]
fn what_was_revoked_is_not_trusted() {
    let authority = Authority::new("CA");
    let with = |lists: &str| {
        ClientTrust::from_pem(authority.pem.as_bytes(), Some(lists.as_bytes())).unwrap()
    };
    let (ann, bob) = (numbered(&authority, 7), numbered(&authority, 8));
    let current = with(&lists(&[authority.revocation_list(&[7, 9], 4000)]));
    assert_eq!(ann.verify(&current), Err("was revoked".to_owned()));
    bob.verify(&current).unwrap();
    // Lists that say nothing about it let nobody in.
    let old = with(&lists(&[authority.revocation_list(&[7], 2025)]));
    let refused = bob.verify(&old).unwrap_err();
    assert!(refused.contains("expired"), "{refused}");
    let foreign = with(&lists(&[
        Authority::new("Other").revocation_list(&[7], 4000)
    ]));
    let refused = bob.verify(&foreign).unwrap_err();
    assert!(refused.contains("covered"), "{refused}");
    // Of the same name, with another key.
    let forged = with(&lists(&[Authority::new("CA").revocation_list(&[], 4000)]));
    ann.verify(&forged).unwrap_err();
}

#[test]
fn trust_needs_what_it_is_made_of() {
    let authority = Authority::new("CA");
    let made = |roots: &[u8], lists: Option<&[u8]>| ClientTrust::from_pem(roots, lists).map(drop);
    let roots = authority.pem.as_bytes();
    let refused = made(b"", None);
    assert!(
        matches!(refused, Err(CertificateError::NotPem { .. })),
        "{refused:?}"
    );
    let refused = made(authority.client("a").key.as_bytes(), None);
    assert!(
        matches!(refused, Err(CertificateError::NoCertificate { .. })),
        "{refused:?}"
    );
    let refused = made(pem("CERTIFICATE", b"0").as_bytes(), None);
    assert!(
        matches!(refused, Err(CertificateError::BadCertificate { .. })),
        "{refused:?}"
    );
    let refused = made(roots, Some(roots));
    assert!(
        matches!(refused, Err(CertificateError::NoRevocationList { .. })),
        "{refused:?}"
    );
    let refused = made(roots, Some(pem("X509 CRL", b"0").as_bytes()));
    assert!(
        matches!(refused, Err(CertificateError::BadRevocationList { .. })),
        "{refused:?}"
    );
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
    let good = authority.revocation_list(&[7], 4000);
    let points: [&[u8]; 6] = [
        b"",
        b"\x30\x00",
        // RUSTSEC-2026-0104: a BIT STRING of reasons without a byte, with more unused bits than
        // it has, and with none at all.
        b"\x30\x02\x83\x00",
        b"\x30\x03\x83\x01\x07",
        b"\x30\x04\x83\x02\x09\x00",
        b"\x30\x80\xa0\x80\x00\x00",
    ];
    for point in points {
        let text = lists(&[with_distribution_point(&good, point)]);
        let made = ClientTrust::from_pem(authority.pem.as_bytes(), Some(text.as_bytes()));
        if let Ok(trust) = made {
            numbered(&authority, 7).verify(&trust).unwrap_err();
            numbered(&authority, 8).verify(&trust).unwrap_err();
        }
    }
}

/// The list with this extension put before its others; its signature is void then.
fn with_distribution_point(list: &[u8], point: &[u8]) -> Vec<u8> {
    // 2.5.29.28, critical.
    let head = b"\x06\x03\x55\x1d\x1c\x01\x01\xff";
    let extension = tlv(0x30, &[&head[..], &tlv(0x04, point)].concat());
    let (_, parsed) = x509_parser::parse_x509_crl(list).unwrap();
    let signed = parsed.tbs_cert_list.as_ref();
    let rest = &list[list.len() - after(list, signed).len()..];
    let body = inner(signed);
    // The extensions are the last element, [0], around a SEQUENCE.
    let at = (0..body.len())
        .rev()
        .find(|&at| body[at] == 0xa0 && length_of(&body[at..]) == body.len() - at)
        .unwrap();
    let others = inner(inner(&body[at..]));
    let extensions = tlv(0xa0, &tlv(0x30, &[extension, others.to_vec()].concat()));
    let signed = tlv(0x30, &[&body[..at], &extensions].concat());
    tlv(0x30, &[&signed, rest].concat())
}

fn after<'a>(whole: &'a [u8], part: &[u8]) -> &'a [u8] {
    let body = inner(whole);
    assert!(body.starts_with(part));
    &body[part.len()..]
}

fn header(der: &[u8]) -> (usize, usize) {
    match der[1] {
        short @ 0..=0x7f => (2, short.into()),
        0x81 => (3, der[2].into()),
        _ => (4, usize::from(der[2]) << 8 | usize::from(der[3])),
    }
}

fn length_of(der: &[u8]) -> usize {
    if der.len() < 4 {
        return 0;
    }
    let (head, length) = header(der);
    head + length
}

fn inner(der: &[u8]) -> &[u8] {
    let (head, length) = header(der);
    &der[head..head + length]
}

fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).unwrap().to_be_bytes();
    let mut der = match length {
        [0, short @ 0..0x80] => vec![tag, short],
        [high, low] => vec![tag, 0x82, high, low],
    };
    der.extend(content);
    der
}

#[test]
fn m11_hostile_names_and_extensions_are_an_error() {
    let root = Authority::new("Root");
    let trust = trust(&root);
    // Constraints on names of every kind in an authority, and a certificate that breaks them.
    let mut middle = CertificateParams::default();
    middle.distinguished_name = named(&[(DnType::CommonName, "Middle")]);
    middle.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    middle.name_constraints = Some(NameConstraints {
        permitted_subtrees: vec![
            GeneralSubtree::DnsName("example.org".to_owned()),
            GeneralSubtree::IpAddress(CidrSubnet::from_v4_prefix([192, 0, 2, 0], 24)),
        ],
        excluded_subtrees: vec![GeneralSubtree::DnsName(String::new())],
    });
    let middle_key = KeyPair::generate().unwrap();
    let middle_pem = root.sign(&middle, &middle_key).chain;
    let issuer = rcgen::Issuer::new(middle, middle_key);
    for name in ["*.example.org", "other.test", "203.0.113.1"] {
        let mut ann = CertificateParams::new(vec![name.to_owned()]).unwrap();
        ann.extended_key_usages = client("ann").extended_key_usages;
        let ann = ann
            .signed_by(&KeyPair::generate().unwrap(), &issuer)
            .unwrap()
            .pem();
        peer(&format!("{ann}{middle_pem}"))
            .verify(&trust)
            .unwrap_err();
    }
    let mut critical = client("ann");
    let mut extension = CustomExtension::from_oid_content(&[1, 2, 3, 4], vec![0x30, 0x80]);
    extension.set_criticality(true);
    critical.custom_extensions = vec![extension];
    let critical = root.sign(&critical, &KeyPair::generate().unwrap());
    peer(&critical.chain).verify(&trust).unwrap_err();
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
fn the_clients_are_told_the_authorities_but_not_hundreds() {
    let one = Authority::new("CA");
    let hints = |pem: &str| {
        let trust = ClientTrust::from_pem(pem.as_bytes(), None).unwrap();
        verifier(ClientCertificates::Request, Some(&trust))
            .root_hint_subjects()
            .len()
    };
    assert_eq!(hints(&one.pem), 1);
    let many: String = (0..120)
        .map(|index| Authority::new(&format!("Authority of the place with the number {index}")).pem)
        .collect();
    assert_eq!(hints(&many), 0);
    assert_eq!(
        verifier(ClientCertificates::Request, None)
            .root_hint_subjects()
            .len(),
        0
    );
}

#[test]
fn replaced_lists_are_in_force_without_a_restart() {
    let authority = Authority::new("CA");
    let folder = TempDir::new().unwrap();
    let [roots, revoked] = ["ca.pem", "revoked.pem"].map(|name| folder.path().join(name));
    fs::write(&roots, &authority.pem).unwrap();
    fs::write(&revoked, lists(&[authority.revocation_list(&[1], 4000)])).unwrap();
    let trust = ClientTrust::from_files(&roots, Some(&revoked)).unwrap();
    let start = Instant::now();
    let look = |seconds| trust.refresh_at(start + Duration::from_secs(seconds));
    let ann = numbered(&authority, 7);
    ann.verify(&trust).unwrap();
    assert_eq!(look(0), Ok(false));

    fs::write(&revoked, lists(&[authority.revocation_list(&[7], 4000)])).unwrap();
    assert_eq!(look(2), Ok(true));
    assert_eq!(ann.verify(&trust), Err("was revoked".to_owned()));
    fs::write(&revoked, "half").unwrap();
    assert_eq!(look(4), Ok(false));
    let error = look(14).unwrap_err();
    assert_eq!(error.file(), Some(revoked.as_path()));
    assert_eq!(look(16), Ok(false));
    assert_eq!(ann.verify(&trust), Err("was revoked".to_owned()));
}

#[test]
fn one_file_may_have_authorities_and_lists() {
    let authority = Authority::new("CA");
    let folder = TempDir::new().unwrap();
    let both = folder.path().join("both.pem");
    let list = lists(&[authority.revocation_list(&[7], 4000)]);
    fs::write(&both, format!("{}{list}", authority.pem)).unwrap();
    let trust = ClientTrust::from_files(&both, Some(&both)).unwrap();
    numbered(&authority, 7).verify(&trust).unwrap_err();
    numbered(&authority, 8).verify(&trust).unwrap();
}

#[test]
fn subjects_are_written_as_openssl_writes_them() {
    let folder = TempDir::new().unwrap();
    let run = |arguments: &[&str]| openssl(folder.path(), arguments);
    for subject in [
        "/C=DE/ST=Berlin/L=Berlin/O=Example, Inc./OU=A+B/CN=ann",
        "/DC=org/DC=example/UID=ann/CN=Ann \\\"the\\\" <first>; #1",
        "/CN=# leading/O= both ",
        "/CN=Zoë Bücher/emailAddress=zoe@example.org",
        "/CN=a\\\\b=c/SN=Doe/GN=Ann/title=Dr/serialNumber=7/street=1 Road",
        "/CN=one+OU=two/O=three",
        "/O=control\tcharacter/CN=line\u{1b}[31m",
        "/1.2.3.4.5=unnamed/CN=x",
        "/CN= ",
    ] {
        run(&[
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-utf8",
            "-multivalue-rdn",
            "-keyout",
            "key.pem",
            "-out",
            "c.pem",
            "-subj",
            subject,
        ]);
        let printed = run(&[
            "x509",
            "-in",
            "c.pem",
            "-noout",
            "-subject",
            "-nameopt",
            "RFC2253,-esc_msb",
        ]);
        let printed = printed
            .strip_prefix("subject=")
            .unwrap()
            .trim_end_matches('\n');
        let text = fs::read_to_string(folder.path().join("c.pem")).unwrap();
        assert_eq!(peer(&text).subject(), printed, "{subject}");
    }
}

#[test]
fn other_kinds_of_strings_are_read_too() {
    let authority = Authority::new("CA");
    let mut params = client("");
    params.distinguished_name = rcgen::DistinguishedName::new();
    let bmp = rcgen::string::BmpString::try_from("Bücher").unwrap();
    params
        .distinguished_name
        .push(DnType::CommonName, rcgen::DnValue::BmpString(bmp));
    let universal = rcgen::string::UniversalString::try_from("𝄞").unwrap();
    params.distinguished_name.push(
        DnType::OrganizationName,
        rcgen::DnValue::UniversalString(universal),
    );
    let sample = authority.sign(&params, &KeyPair::generate().unwrap());
    assert_eq!(peer(&sample.chain).subject(), "O=𝄞,CN=Bücher");
    let empty = {
        params.distinguished_name = rcgen::DistinguishedName::new();
        authority.sign(&params, &KeyPair::generate().unwrap())
    };
    assert_eq!(peer(&empty.chain).subject(), "");
}

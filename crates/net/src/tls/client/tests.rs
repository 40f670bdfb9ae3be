use rcgen::{KeyPair, date_time_ymd};
use rustls::pki_types::PrivateKeyDer;
use rustls::version::{TLS12, TLS13};
use rustls::{AlertDescription, ClientConfig, ServerConfig, SupportedProtocolVersion};

use super::super::certificate::tests::samples::{
    Authority, Ends, Sample, chain, client, key, shake, trusting,
};
use super::*;

const VERSIONS: [&SupportedProtocolVersion; 2] = [&TLS12, &TLS13];

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
fn require_refuses_a_client_without_one() {
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
fn bytes_that_are_no_certificate_are_refused() {
    let pair = Pair::new();
    let ann = Authority::new("CA").client("ann");
    for version in VERSIONS {
        let garbage = vec![CertificateDer::from(vec![0x30, 0x00])];
        let shown = thief::Thief::new(garbage, key(&ann.key));
        let client = trusting(&pair.authority, version).with_client_cert_resolver(Arc::new(shown));
        let refusal = pair
            .shake_with(client, verifier(ClientCertificates::Request, None))
            .unwrap_err();
        let server = refusal.server;
        assert!(
            matches!(server, Some(Error::InvalidCertificate(_))),
            "{server:?}"
        );
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
            Some(Error::InvalidCertificate(CertificateError::BadSignature))
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
fn weak_algorithms_prove_nothing() {
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

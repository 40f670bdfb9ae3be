use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::{DEFAULT_CIPHER_SUITES, default_provider};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::version::{TLS12, TLS13};
use rustls::{
    CipherSuite, ClientConfig, DigitallySignedStruct, Error, ServerConfig, SignatureScheme,
    SupportedProtocolVersion,
};
use tempfile::TempDir;

use super::super::super::certificate::tests::samples::{Authority, Sample, shake, trusting};
use super::super::super::client::{ClientCertificates, verifier};
use super::super::tests::{files, write};
use super::*;

const VERSIONS: [&SupportedProtocolVersion; 2] = [&TLS12, &TLS13];

/// Certificates of these samples, in their order.
fn set(samples: &[&Sample]) -> Arc<Certificates> {
    let folder = TempDir::new().unwrap();
    let mut all = Vec::new();
    for (index, sample) in samples.iter().enumerate() {
        let files = files(folder.path(), &index.to_string());
        write(&files, sample);
        all.push(files);
    }
    Arc::new(Certificates::load(&all).unwrap())
}

pub(in crate::tls) fn offer(set: &Arc<Certificates>, host: Option<&str>) -> ServerConfig {
    let nobody = verifier(ClientCertificates::Off, None);
    ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_protocol_versions(&[&TLS13, &TLS12])
        .unwrap()
        .with_client_cert_verifier(nobody)
        .with_cert_resolver(set.resolver(host))
}

/// A client of these suites and signature schemes.
fn client_of(
    version: &'static SupportedProtocolVersion,
    suites: impl Fn(CipherSuite) -> bool,
    schemes: &[SignatureScheme],
) -> ClientConfig {
    let suites = DEFAULT_CIPHER_SUITES
        .iter()
        .filter(|own| suites(own.suite()));
    let provider = CryptoProvider {
        cipher_suites: suites.copied().collect(),
        ..default_provider()
    };
    ClientConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[version])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Believer(schemes.to_vec())))
        .with_no_client_auth()
}

/// Which certificate of the set the client is shown.
#[track_caller]
fn shown(set: &Arc<Certificates>, host: Option<&str>, client: ClientConfig, name: &str) -> usize {
    let (client, _) = shake(client, offer(set, host), name).unwrap();
    let leaf = &client.peer_certificates().unwrap()[0];
    let all = set.all();
    all.iter()
        .position(|own| own.key().cert[0] == *leaf)
        .unwrap()
}

#[test]
fn the_certificate_is_chosen_by_sni_then_host_then_order() {
    let authority = Authority::new("CA");
    let samples = [
        authority.server(&["first.test"]),
        authority.server(&["*.example.org"]),
        authority.server(&["ftp.example.org"]),
        authority.server(&["192.0.2.7", "2001:db8::7"]),
    ];
    let set = set(&samples.each_ref());
    for version in VERSIONS {
        let client = || client_of(version, |_| true, &ALL);
        let shown = |host, name| shown(&set, host, client(), name);
        assert_eq!(shown(None, "any.example.org"), 1);
        assert_eq!(shown(None, "ftp.example.org"), 2, "exact before wildcard");
        assert_eq!(shown(None, "FTP.Example.ORG"), 2);
        assert_eq!(shown(None, "a.b.example.org"), 0);
        assert_eq!(shown(None, "unknown.test"), 0);
        // To an address there is no SNI (RFC 6066 3).
        assert_eq!(shown(None, "203.0.113.1"), 0);
        assert_eq!(shown(Some("ftp.example.org"), "203.0.113.1"), 2);
        assert_eq!(shown(Some("192.0.2.7"), "192.0.2.7"), 3);
        assert_eq!(shown(Some("[2001:db8::7]"), "2001:db8::7"), 3);
        assert_eq!(
            shown(Some("ftp.example.org"), "any.example.org"),
            1,
            "SNI wins"
        );
        assert_eq!(shown(Some("ftp.example.org"), "unknown.test"), 2);
        assert_eq!(shown(Some("nobody"), "unknown.test"), 0);
    }
    let found = |name: &str| set.find(name).map(|own| own.names().to_vec());
    assert_eq!(
        found("ftp.example.org"),
        Some(vec!["ftp.example.org".to_owned()])
    );
    assert_eq!(
        found("x.example.org"),
        Some(vec!["*.example.org".to_owned()])
    );
    assert_eq!(found("[2001:DB8::7]").map(|names| names.len()), Some(2));
    assert_eq!(found("unknown.test"), None);
    assert_eq!(set.first().names(), ["first.test"]);
}

#[test]
fn a_client_that_checks_everything_is_content() {
    let authority = Authority::new("CA");
    let sample = authority.server(&["ftp.example.org", "192.0.2.7"]);
    let set = set(&[&sample]);
    for version in VERSIONS {
        for name in ["ftp.example.org", "192.0.2.7"] {
            let ends = shake(
                trusting(&authority, version).with_no_client_auth(),
                offer(&set, Some("192.0.2.7")),
                name,
            );
            ends.unwrap();
        }
    }
}

#[test]
fn the_key_is_one_the_client_can_verify() {
    let authority = Authority::new("CA");
    let ecdsa = authority.server(&["ftp.example.org"]);
    let rsa = authority.rsa_server(&["ftp.example.org"]);
    for samples in [[&ecdsa, &rsa], [&rsa, &ecdsa]] {
        let set = set(&samples);
        let at = |sample: &Sample| {
            samples
                .iter()
                .position(|own| own.key == sample.key)
                .unwrap()
        };
        for version in VERSIONS {
            let shown = |client| shown(&set, None, client, "ftp.example.org");
            assert_eq!(
                shown(client_of(version, |_| true, &ALL)),
                0,
                "the first will do"
            );
            assert_eq!(shown(client_of(version, |_| true, &RSA)), at(&rsa));
            assert_eq!(shown(client_of(version, |_| true, &ECDSA)), at(&ecdsa));
            // In TLS 1.2 the suite names the kind of key as well, and old clients name schemes
            // none of their suites can use.
            let named =
                |kind: &'static str| move |suite: CipherSuite| format!("{suite:?}").contains(kind);
            if version == &TLS12 {
                assert_eq!(shown(client_of(version, named("_RSA_"), &ALL)), at(&rsa));
                assert_eq!(
                    shown(client_of(version, named("_ECDSA_"), &ALL)),
                    at(&ecdsa)
                );
            }
        }
    }
    // Better a certificate of another name than none.
    let set = set(&[&authority.rsa_server(&["other.test"]), &ecdsa]);
    let old = client_of(&TLS12, |_| true, &RSA);
    assert_eq!(shown(&set, None, old, "ftp.example.org"), 0);
}

const RSA: [SignatureScheme; 2] = [
    SignatureScheme::RSA_PSS_SHA256,
    SignatureScheme::RSA_PKCS1_SHA256,
];
const ECDSA: [SignatureScheme; 1] = [SignatureScheme::ECDSA_NISTP256_SHA256];
const ALL: [SignatureScheme; 3] = [ECDSA[0], RSA[0], RSA[1]];

/// Believes any certificate, so that the choice is what is checked.
#[derive(Debug)]
struct Believer(Vec<SignatureScheme>);

impl ServerCertVerifier for Believer {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.clone()
    }
}

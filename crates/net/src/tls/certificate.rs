//! A certificate with its key.

use std::path::PathBuf;

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

//! What can be wrong with certificates, and what to do about it.

use std::fmt;
use std::path::{Path, PathBuf};

/// Where something was read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A file.
    File(PathBuf),
    /// Memory; what it was to be.
    Memory(&'static str),
}

impl Origin {
    fn file(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            Self::Memory(_) => None,
        }
    }

    /// As an argument of a command in a shell.
    fn argument(&self) -> String {
        match self {
            Self::File(path) => format!("'{}'", path.display().to_string().replace('\'', r"'\''")),
            Self::Memory(_) => "FILE".to_owned(),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "`{}`", path.display()),
            Self::Memory(what) => f.write_str(what),
        }
    }
}

/// What is wrong with a certificate, its key, their files, or the lists that tell whom to trust.
/// Each text names the file, what is wrong with it and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateError {
    /// The file system says no, in its own words.
    #[error("cannot read {origin}: {reason}")]
    Unreadable {
        /// The file.
        origin: Origin,
        /// The system's text.
        reason: String,
    },

    /// A folder, a pipe or a device.
    #[error("{origin} is not a file")]
    NotAFile {
        /// What is none.
        origin: Origin,
    },

    /// More bytes than such a file ever has.
    #[error("{origin} has more than {limit} bytes; is it the right file?")]
    TooLarge {
        /// The file.
        origin: Origin,
        /// The limit, in bytes.
        limit: u64,
    },

    /// No line `-----BEGIN …-----` in it.
    #[error("{origin} is not PEM{}", not_pem(origin, *binary))]
    NotPem {
        /// The file.
        origin: Origin,
        /// It looks like DER or PKCS#12, which can be converted.
        binary: bool,
    },

    /// PEM that breaks off or has other characters than Base64.
    #[error("the PEM of {origin} is damaged: {reason}; write the file again")]
    BrokenPem {
        /// The file.
        origin: Origin,
        /// What the reader stumbled over.
        reason: String,
    },

    /// PEM without a certificate.
    #[error("{origin} has no certificate: a part that begins with `-----BEGIN CERTIFICATE-----`")]
    NoCertificate {
        /// The file.
        origin: Origin,
    },

    /// PEM without a private key.
    #[error("{origin} has no private key: a part that begins with `-----BEGIN PRIVATE KEY-----`")]
    NoKey {
        /// The file.
        origin: Origin,
    },

    /// A key nobody is there to type the passphrase of.
    #[error(
        "the private key in {origin} is encrypted; decrypt it with \
         `openssl pkey -in {} -out NEW_FILE` and make the new file readable for the server only",
        origin.argument()
    )]
    EncryptedKey {
        /// The file.
        origin: Origin,
    },

    /// A kind of key TLS here does not sign with.
    #[error(
        "the private key in {origin} cannot be used, it is {kind}; \
         use ECDSA with P-256, P-384 or P-521, RSA with 2048 to 8192 bits, or Ed25519"
    )]
    UnsupportedKey {
        /// The file.
        origin: Origin,
        /// What it is, as far as that shows.
        kind: String,
    },

    /// RSA that clients refuse, with reason (F-5).
    #[error(
        "the certificate in {origin} has an RSA key of {bits} bits, which can be broken; \
         get one with a new key of at least 2048 bits, or ECDSA P-256"
    )]
    WeakKey {
        /// The chain's file.
        origin: Origin,
        /// Size of the modulus.
        bits: usize,
    },

    /// The key and the first certificate are not a pair.
    #[error("the private key in {key} does not belong to the certificate in {chain}{}", wrong_key(*position))]
    WrongKey {
        /// The chain's file.
        chain: Origin,
        /// The key's file.
        key: Origin,
        /// The certificate of the chain it does belong to, counted from 1.
        position: Option<usize>,
    },

    /// DER that is no certificate.
    #[error("certificate {position} in {origin} cannot be read: {reason}; get it again")]
    BadCertificate {
        /// The file.
        origin: Origin,
        /// Counted from 1.
        position: usize,
        /// What is wrong in it.
        reason: String,
    },

    /// PEM without a revocation list.
    #[error("{origin} has no revocation list: a part that begins with `-----BEGIN X509 CRL-----`")]
    NoRevocationList {
        /// The file.
        origin: Origin,
    },

    /// A revocation list that cannot be relied on, so nobody is let in by it.
    #[error("a revocation list in {origin} cannot be used: {reason}; get it again")]
    BadRevocationList {
        /// The file.
        origin: Origin,
        /// What is wrong in it.
        reason: String,
    },

    /// A name no certificate can have.
    #[error(
        "`{name}` cannot be in a certificate; write a host name (letters beyond ASCII in their \
         `xn--` form, `*` only as the whole first label) or an IP address"
    )]
    BadName {
        /// As it was written.
        name: String,
    },

    /// A certificate for nothing.
    #[error("a certificate needs at least one name")]
    NoNames,

    /// No file of all those that were named has a certificate.
    #[error("there is no certificate; name at least one file that has one")]
    Nothing,

    /// Making a certificate failed.
    #[error("cannot make a certificate: {reason}")]
    Making {
        /// The library's text.
        reason: String,
    },

    /// Text that is no fingerprint.
    #[error(
        "not a SHA-256 fingerprint: write 64 hexadecimal digits, as `openssl x509 -noout \
         -fingerprint -sha256 -in FILE` prints them"
    )]
    NotAFingerprint,
}

impl CertificateError {
    /// The file to be mended, where it is one.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::Unreadable { origin, .. }
            | Self::NotAFile { origin }
            | Self::TooLarge { origin, .. }
            | Self::NotPem { origin, .. }
            | Self::BrokenPem { origin, .. }
            | Self::NoCertificate { origin }
            | Self::NoKey { origin }
            | Self::EncryptedKey { origin }
            | Self::UnsupportedKey { origin, .. }
            | Self::WeakKey { origin, .. }
            | Self::WrongKey { key: origin, .. }
            | Self::BadCertificate { origin, .. }
            | Self::NoRevocationList { origin }
            | Self::BadRevocationList { origin, .. } => origin.file(),
            Self::BadName { .. }
            | Self::NoNames
            | Self::Nothing
            | Self::Making { .. }
            | Self::NotAFingerprint => None,
        }
    }
}

fn not_pem(origin: &Origin, binary: bool) -> String {
    if !binary {
        return ": text that begins with `-----BEGIN`".to_owned();
    }
    let file = origin.argument();
    format!(
        "; convert it with `openssl x509 -inform DER -in {file} -out NEW_FILE` if it is a \
         certificate, `openssl pkey -inform DER -in {file} -out NEW_FILE` if it is a key, \
         `openssl pkcs12 -in {file} -nodes -out NEW_FILE` if it is both (.p12, .pfx)"
    )
}

fn wrong_key(position: Option<usize>) -> String {
    match position {
        Some(position) => format!(
            " but to number {position} of that file; the server's own certificate comes first"
        ),
        None => "; they come in pairs, take both from the same place".to_owned(),
    }
}

//! OpenSSH's user certificates (its PROTOCOL.certkeys): a key that an authority vouches for.

mod check;
mod source;
#[cfg(test)]
mod tests;

use std::fmt;

use crate::encoding::{Malformed, Reader};
use crate::key::{KeyError, KeyKind, PublicKey, printable};

pub use check::{CertificateRefused, Demands, Verified};

/// A certificate whose form is right. Nothing it says is true until [`Certificate::verify`] has
/// said so.
#[derive(Clone)]
pub struct Certificate {
    kind: KeyKind,
    key: PublicKey,
    serial: u64,
    role: Role,
    key_id: Box<[u8]>,
    principals: Vec<Box<[u8]>>,
    valid_after: u64,
    valid_before: u64,
    critical: Vec<CriticalOption>,
    authority: PublicKey,
    wire: Box<[u8]>,
    /// How many bytes of `wire` the authority signed.
    signed: usize,
    signature: Box<[u8]>,
}

/// Whom a certificate is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    User,
    Host,
    /// Any other number.
    Unknown,
}

/// What restricts a certificate, not yet understood.
#[derive(Debug, Clone, PartialEq, Eq)]
struct CriticalOption {
    name: Box<[u8]>,
    data: Box<[u8]>,
}

/// Why bytes are not a certificate that wharf can judge.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// Longer than [`Certificate::MAX_WIRE`].
    #[error("a certificate has at most {} bytes", Certificate::MAX_WIRE)]
    TooLong,
    /// Not the fields of a certificate.
    #[error("this is not a certificate as OpenSSH writes it: {0}")]
    Malformed(#[from] Malformed),
    /// A kind that is not taken.
    #[error("certificates of the kind `{0}` are not taken")]
    Kind(String),
    /// The key in it is not taken.
    #[error("the key in the certificate: {0}")]
    Key(KeyError),
    /// The key of its authority is not taken; the key of an authority is no certificate itself.
    #[error("the key of the certificate's authority: {0}")]
    Authority(KeyError),
    /// More than [`Certificate::MAX_PRINCIPALS`] or [`Certificate::MAX_OPTIONS`].
    #[error(
        "a certificate has at most {} principals and {} options",
        Certificate::MAX_PRINCIPALS,
        Certificate::MAX_OPTIONS
    )]
    TooMany,
    /// An option that stands there twice, and could mean two things.
    #[error("the certificate has the option `{0}` twice")]
    Twice(String),
}

impl Certificate {
    /// The greatest length in bytes: room for 256 long principals.
    pub const MAX_WIRE: usize = 64 * 1024;
    /// The greatest number of principals, which is OpenSSH's.
    pub const MAX_PRINCIPALS: usize = 256;
    /// The greatest number of critical options. OpenSSH knows three.
    pub const MAX_OPTIONS: usize = 32;

    /// Reads a certificate as a client offers it. No mathematics is done.
    ///
    /// # Errors
    ///
    /// See [`CertificateError`].
    pub fn decode(wire: &[u8]) -> Result<Self, CertificateError> {
        const MAX: usize = Certificate::MAX_WIRE;
        if wire.len() > MAX {
            return Err(CertificateError::TooLong);
        }
        let mut reader = Reader::new(wire);
        let name = reader.string(MAX)?;
        let kind = KeyKind::of_certificate_name(name)
            .ok_or_else(|| CertificateError::Kind(printable(name)))?;
        // The nonce is there so that the authority does not sign what somebody else chose.
        reader.string(MAX)?;
        let key = PublicKey::read_fields(kind, &mut reader).map_err(CertificateError::Key)?;
        let serial = reader.u64()?;
        let role = match reader.u32()? {
            1 => Role::User,
            2 => Role::Host,
            _ => Role::Unknown,
        };
        let key_id = reader.string(MAX)?.into();
        let principals = principals(reader.string(MAX)?)?;
        let (valid_after, valid_before) = (reader.u64()?, reader.u64()?);
        let critical = critical_options(reader.string(MAX)?)?;
        // Extensions grant what SFTP has not: terminals and forwarding. All are ignored; one that
        // would lift a demand, `no-touch-required`, is not granted (security A12).
        reader.string(MAX)?;
        reader.string(MAX)?;
        let authority = reader.string(MAX)?;
        let authority = PublicKey::decode(authority).map_err(CertificateError::Authority)?;
        let signed = wire.len() - reader.rest().len();
        let signature = reader.string(MAX)?.into();
        reader.end()?;
        Ok(Self {
            kind,
            key,
            serial,
            role,
            key_id,
            principals,
            valid_after,
            valid_before,
            critical,
            authority,
            wire: wire.into(),
            signed,
            signature,
        })
    }

    /// True for the names of certificates, as `ssh-ed25519-cert-v01@openssh.com`: what a client
    /// offers under such a name is a certificate.
    #[must_use]
    pub fn is_named_by(algorithm: &[u8]) -> bool {
        algorithm.ends_with(b"-cert-v01@openssh.com")
    }

    /// The certificate as the client sent it.
    #[must_use]
    pub fn wire(&self) -> &[u8] {
        &self.wire
    }

    /// The name of the kind: `ssh-ed25519-cert-v01@openssh.com` …
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        self.kind.certificate_name()
    }

    /// The algorithms a request can name with it, the best first. Never
    /// `ssh-rsa-cert-v01@openssh.com`, which is SHA-1.
    #[must_use]
    pub const fn algorithms(&self) -> &'static [&'static str] {
        self.kind.certificate_algorithms()
    }

    /// The key that is vouched for.
    #[must_use]
    pub const fn key(&self) -> &PublicKey {
        &self.key
    }

    /// The number its authority gave it; 0 when it gave none.
    #[must_use]
    pub const fn serial(&self) -> u64 {
        self.serial
    }

    /// What its authority calls it, for the log. Bytes from a stranger: escape them.
    #[must_use]
    pub const fn key_id(&self) -> &[u8] {
        &self.key_id
    }

    /// The key of the authority that is said to vouch.
    #[must_use]
    pub const fn authority(&self) -> &PublicKey {
        &self.authority
    }

    /// Seconds since 1970 at which it ends; `u64::MAX` for never.
    #[must_use]
    pub const fn valid_before(&self) -> u64 {
        self.valid_before
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = self.key_id.escape_ascii();
        write!(out, "{} {id} serial {}", self.kind(), self.serial)
    }
}

fn principals(packed: &[u8]) -> Result<Vec<Box<[u8]>>, CertificateError> {
    let mut reader = Reader::new(packed);
    let mut principals = Vec::new();
    while !reader.is_empty() {
        if principals.len() == Certificate::MAX_PRINCIPALS {
            return Err(CertificateError::TooMany);
        }
        principals.push(reader.string(Certificate::MAX_WIRE)?.into());
    }
    Ok(principals)
}

fn critical_options(packed: &[u8]) -> Result<Vec<CriticalOption>, CertificateError> {
    let mut reader = Reader::new(packed);
    let mut options: Vec<CriticalOption> = Vec::new();
    while !reader.is_empty() {
        if options.len() == Certificate::MAX_OPTIONS {
            return Err(CertificateError::TooMany);
        }
        let name = reader.string(Certificate::MAX_WIRE)?;
        if options.iter().any(|option| *option.name == *name) {
            return Err(CertificateError::Twice(printable(name)));
        }
        options.push(CriticalOption {
            name: name.into(),
            data: reader.string(Certificate::MAX_WIRE)?.into(),
        });
    }
    Ok(options)
}

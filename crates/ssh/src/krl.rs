//! What has been revoked: OpenSSH's key revocation lists (its PROTOCOL.krl), and plain lists of
//! public keys, one a line. Both are what sshd's `RevokedKeys` takes.
//!
//! A list that is not understood to its end is an error: who cannot read what was revoked lets
//! nobody in.

mod binary;
mod serials;
#[cfg(test)]
mod tests;
mod text;

use std::fmt;

use aws_lc_rs::digest;

use crate::certificate::{Certificate, CertificateError};
use crate::encoding::Malformed;
use crate::key::{KeyError, PublicKey};
use serials::Serials;

/// A list of what has been revoked. Its memory is at most twice the file's.
#[derive(Clone, Default)]
pub struct RevocationList {
    /// SHA-256 hashes of keys, sorted.
    keys: Vec<[u8; 32]>,
    /// SHA-1 hashes of keys, sorted: old lists have them.
    keys_by_sha1: Vec<[u8; 20]>,
    certificates: Vec<Issued>,
}

/// Revoked certificates of one authority, or of any.
#[derive(Clone)]
struct Issued {
    /// The hash of the authority's key.
    authority: Option<[u8; 32]>,
    serials: Serials,
    /// Sorted.
    key_ids: Vec<Box<[u8]>>,
}

/// Why a list cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RevocationError {
    /// Longer than [`RevocationList::MAX_FILE`].
    #[error("a revocation list has at most {} bytes", RevocationList::MAX_FILE)]
    TooLong,
    /// A revocation list that is cut off or damaged.
    #[error("this revocation list is damaged: {0}")]
    Malformed(#[from] Malformed),
    /// A format of the future.
    #[error("this revocation list has the format {0}, and only 1 is known")]
    Format(u32),
    /// A section that is not known, or an extension that must be and is not.
    #[error("this revocation list has a part that is not known: {0}")]
    Part(String),
    /// A signature in it, which OpenSSH does not take either since 9.4.
    #[error(
        "this revocation list has a signature in it, which is not taken\n\nhint: `ssh-keygen -k` without a signing key makes one that is"
    )]
    Signature,
    /// A range whose end is before its beginning.
    #[error("this revocation list has a range of serial numbers that ends before it begins")]
    Range,
    /// A hash that has not the length of its kind.
    #[error("this revocation list has a hash of a wrong length")]
    Hash,
    /// A key that cannot be read.
    #[error("a key in the revocation list: {0}")]
    Key(KeyError),
    /// A line of a plain list that cannot be read.
    #[error("line {number} of the list of revoked keys: {problem}")]
    Line {
        /// From 1.
        number: usize,
        /// What is wrong with it.
        problem: LineProblem,
    },
}

/// Why a line is not a public key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LineProblem {
    /// Not a kind and base64, or the kind does not agree with what follows.
    #[error("it is not a public key as OpenSSH writes it: a kind, base64, and a comment")]
    Form,
    /// A key that cannot be read.
    #[error("{0}")]
    Key(KeyError),
    /// A certificate that cannot be read.
    #[error("{0}")]
    Certificate(CertificateError),
}

impl RevocationList {
    /// The greatest length of a file in bytes: 400,000 keys by hash.
    pub const MAX_FILE: usize = 16 * 1024 * 1024;

    /// Reads the contents of a file, of either form. An empty one revokes nothing.
    ///
    /// # Errors
    ///
    /// See [`RevocationError`].
    pub fn parse(file: &[u8]) -> Result<Self, RevocationError> {
        if file.len() > Self::MAX_FILE {
            return Err(RevocationError::TooLong);
        }
        let mut list = match file.strip_prefix(binary::MAGIC) {
            Some(rest) => binary::parse(rest)?,
            None => text::parse(file)?,
        };
        list.keys.sort_unstable();
        list.keys_by_sha1.sort_unstable();
        for issued in &mut list.certificates {
            issued.serials.sort();
            issued.key_ids.sort_unstable();
        }
        Ok(list)
    }

    /// Whether the key may no longer be used.
    #[must_use]
    pub fn revokes_key(&self, key: &PublicKey) -> bool {
        self.keys.binary_search(&sha256(key.wire())).is_ok()
            || self.keys_by_sha1.binary_search(&sha1(key.wire())).is_ok()
    }

    /// Whether the certificate may no longer be used: it, its key, or the key of its authority is
    /// revoked (security A11).
    #[must_use]
    pub fn revokes_certificate(&self, certificate: &Certificate) -> bool {
        let authority = sha256(certificate.authority().wire());
        self.revokes_key(certificate.key())
            || self.revokes_key(certificate.authority())
            || self.certificates.iter().any(|issued| {
                issued.authority.is_none_or(|issuer| issuer == authority)
                    && issued.lists(certificate)
            })
    }
}

impl Issued {
    fn lists(&self, certificate: &Certificate) -> bool {
        let id = certificate.key_id();
        let by_id = self.key_ids.binary_search_by(|listed| (**listed).cmp(id));
        // Authorities that do not number give every certificate 0, which is no certificate's number.
        let serial = certificate.serial();
        by_id.is_ok() || (serial != 0 && self.serials.contains(serial))
    }
}

impl fmt::Debug for RevocationList {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys = self.keys.len() + self.keys_by_sha1.len();
        write!(out, "RevocationList({keys} keys)")
    }
}

/// The hash of a key that is to be revoked. One that cannot log in anyway, because of its kind or
/// size, may stand in a list; one that cannot be read may not, for the key that was meant would
/// not be revoked.
fn revoked_key(wire: &[u8]) -> Result<[u8; 32], KeyError> {
    match PublicKey::decode(wire) {
        Ok(_) | Err(KeyError::RsaSize { .. }) => Ok(sha256(wire)),
        Err(KeyError::Kind(name)) if Certificate::is_named_by(name.as_bytes()) => {
            Err(KeyError::Kind(name))
        }
        Err(KeyError::Kind(_)) => Ok(sha256(wire)),
        Err(
            error @ (KeyError::TooLong
            | KeyError::Malformed(_)
            | KeyError::Curve
            | KeyError::Point
            | KeyError::RsaNumbers),
        ) => Err(error),
    }
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    hash(&digest::SHA256, bytes)
}

fn sha1(bytes: &[u8]) -> [u8; 20] {
    hash(&digest::SHA1_FOR_LEGACY_USE_ONLY, bytes)
}

fn hash<const N: usize>(algorithm: &'static digest::Algorithm, bytes: &[u8]) -> [u8; N] {
    let mut out = [0; N];
    let hash = digest::digest(algorithm, bytes);
    for (out, byte) in out.iter_mut().zip(hash.as_ref()) {
        *out = *byte;
    }
    out
}

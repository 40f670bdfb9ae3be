//! A certificate with its key.

mod error;
mod fingerprint;
mod names;
mod pem;
mod warning;
mod watch;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use secrecy::zeroize::Zeroizing;
use x509_parser::certificate::X509Certificate;
use x509_parser::parse_x509_certificate;
use x509_parser::public_key::PublicKey;
use x509_parser::time::ASN1Time;

pub use error::{CertificateError, Origin};
pub use fingerprint::Fingerprint;
pub use warning::CertificateWarning;

pub(super) use names::Cover;
use pem::Stamp;
pub(super) use pem::{Content, certificates, read, revocation_lists};
pub(super) use warning::date;
pub(super) use watch::Watch;

/// More than any chain and its key have.
pub(super) const MAX_FILE: u64 = 1 << 20;

/// Smaller RSA keys are refused by clients (F-5), and by NIST SP 800-131A.
const LEAST_RSA_BITS: usize = 2048;

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

/// A certificate chain with the private key of its first certificate.
#[derive(Debug)]
pub struct Certificate {
    key: Arc<CertifiedKey>,
    fingerprint: Fingerprint,
    names: Vec<String>,
    not_before: SystemTime,
    not_after: SystemTime,
    self_signed: bool,
    blemishes: Vec<CertificateWarning>,
}

impl Certificate {
    /// From PEM: the chain, the server's own certificate first, and its key as PKCS#8, PKCS#1 or
    /// SEC1. When `key` is empty, the key is looked for in `chain`.
    ///
    /// A certificate that expired is taken: a server with it is better than none, and
    /// [`Certificate::warnings`] tells.
    ///
    /// # Errors
    /// When they are not what they should be or do not belong together.
    pub fn from_pem(chain: &[u8], key: &[u8]) -> Result<Self, CertificateError> {
        let origin = Origin::Memory("the certificate's PEM");
        if key.is_empty() {
            return Self::from_contents(chain, &origin, chain, &origin);
        }
        Self::from_contents(chain, &origin, key, &Origin::Memory("the key's PEM"))
    }

    /// From files of at most 1 MiB. Reads them at once, so not for an async worker.
    ///
    /// # Errors
    /// As [`Certificate::from_pem`], and when a file cannot be read.
    pub fn from_files(files: &CertificateFiles) -> Result<Self, CertificateError> {
        let chain = read(&files.chain, MAX_FILE)?;
        if files.chain == files.key {
            return Self::from_read(files, &chain, &chain);
        }
        Self::from_read(files, &chain, &read(&files.key, MAX_FILE)?)
    }

    /// From what was in `files`.
    pub(super) fn from_read(
        files: &CertificateFiles,
        chain: &[u8],
        key: &[u8],
    ) -> Result<Self, CertificateError> {
        let chain_origin = Origin::File(files.chain.clone());
        let key_origin = Origin::File(files.key.clone());
        Self::from_contents(chain, &chain_origin, key, &key_origin)
    }

    fn from_contents(
        chain: &[u8],
        chain_origin: &Origin,
        key: &[u8],
        key_origin: &Origin,
    ) -> Result<Self, CertificateError> {
        let chain = certificates(chain, chain_origin)?;
        let parsed = parse(&chain, chain_origin)?;
        let leaf = &parsed[0];
        refuse_weak(leaf, chain_origin)?;
        let key = signing_key(pem::private_key(key, key_origin)?, key_origin)?;
        if !belongs(&key, leaf) {
            let position = parsed.iter().position(|other| belongs(&key, other));
            return Err(CertificateError::WrongKey {
                chain: chain_origin.clone(),
                key: key_origin.clone(),
                position: position.map(|index| index + 1),
            });
        }
        Ok(Self {
            fingerprint: Fingerprint::of(&chain[0]),
            names: names_of(leaf),
            not_before: system_time(leaf.validity().not_before),
            not_after: system_time(leaf.validity().not_after),
            self_signed: leaf.subject().as_raw() == leaf.issuer().as_raw(),
            blemishes: warning::blemishes(&parsed),
            key: Arc::new(CertifiedKey::new(chain, key)),
        })
    }

    /// What a client pins.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// DNS names and IP addresses of the subject alternative name. The common name does not count
    /// (RFC 9525 2): no client of today looks at it.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Valid from here on.
    #[must_use]
    pub fn not_before(&self) -> SystemTime {
        self.not_before
    }

    /// Expires here.
    #[must_use]
    pub fn not_after(&self) -> SystemTime {
        self.not_after
    }

    /// Whether it names itself as its issuer.
    #[must_use]
    pub fn is_self_signed(&self) -> bool {
        self.self_signed
    }

    /// Whether it is for `name`, a host name or an IP address: exactly, or by a wildcard that
    /// stands for one label, in any case (RFC 6125 6.4). IDN in their A-label form.
    #[must_use]
    pub fn covers(&self, name: &str) -> bool {
        self.cover(name).is_some()
    }

    /// What clients will hold against it at the time `now`.
    #[must_use]
    pub fn warnings(&self, now: SystemTime) -> Vec<CertificateWarning> {
        let mut warnings = self.blemishes.clone();
        if now > self.not_after {
            warnings.push(CertificateWarning::Expired {
                since: self.not_after,
            });
        }
        if now < self.not_before {
            warnings.push(CertificateWarning::NotYetValid {
                until: self.not_before,
            });
        }
        warnings
    }

    pub(super) fn cover(&self, name: &str) -> Option<Cover> {
        names::cover(&self.names, name)
    }

    pub(crate) fn key(&self) -> &Arc<CertifiedKey> {
        &self.key
    }
}

/// Whether others than the owner and the group may read the file of the private key: then it is
/// everybody's key.
#[must_use]
pub fn exposed_key(files: &CertificateFiles) -> bool {
    const OTHERS_READ: u32 = 0o004;
    Stamp::of(&files.key).is_some_and(|stamp| stamp.mode() & OTHERS_READ != 0)
}

fn parse<'a>(
    chain: &'a [CertificateDer<'_>],
    origin: &Origin,
) -> Result<Vec<X509Certificate<'a>>, CertificateError> {
    let bad = |index: usize, reason: String| CertificateError::BadCertificate {
        origin: origin.clone(),
        position: index + 1,
        reason,
    };
    let mut parsed = Vec::with_capacity(chain.len());
    for (index, der) in chain.iter().enumerate() {
        match parse_x509_certificate(der) {
            Ok(([], certificate)) => parsed.push(certificate),
            Ok(_) => return Err(bad(index, "there are bytes after its end".to_owned())),
            Err(error) => return Err(bad(index, error.to_string())),
        }
    }
    Ok(parsed)
}

fn refuse_weak(leaf: &X509Certificate<'_>, origin: &Origin) -> Result<(), CertificateError> {
    match leaf.public_key().parsed() {
        Ok(PublicKey::RSA(key)) if modulus_bits(key.modulus) < LEAST_RSA_BITS => {
            Err(CertificateError::WeakKey {
                origin: origin.clone(),
                bits: modulus_bits(key.modulus),
            })
        }
        _ => Ok(()),
    }
}

fn modulus_bits(modulus: &[u8]) -> usize {
    let zeros = modulus.iter().take_while(|&&byte| byte == 0).count();
    let leading = modulus
        .get(zeros)
        .map_or(0, |byte| byte.leading_zeros() as usize);
    (modulus.len() - zeros) * 8 - leading
}

fn signing_key(
    key: PrivateKeyDer<'static>,
    origin: &Origin,
) -> Result<Arc<dyn rustls::sign::SigningKey>, CertificateError> {
    any_supported_type(&Zeroizing::new(key)).map_err(|_| CertificateError::UnsupportedKey {
        origin: origin.clone(),
        kind: "damaged or of another kind".to_owned(),
    })
}

fn belongs(key: &Arc<dyn rustls::sign::SigningKey>, certificate: &X509Certificate<'_>) -> bool {
    key.public_key()
        .is_some_and(|public| public.as_ref() == certificate.public_key().raw)
}

fn names_of(leaf: &X509Certificate<'_>) -> Vec<String> {
    let names = leaf.subject_alternative_name().ok().flatten();
    names.map_or_else(Vec::new, |extension| {
        let names = extension.value.general_names.iter();
        names.filter_map(names::server_name).collect()
    })
}

fn system_time(time: ASN1Time) -> SystemTime {
    let seconds = Duration::from_secs(time.timestamp().unsigned_abs());
    if time.timestamp() < 0 {
        SystemTime::UNIX_EPOCH - seconds
    } else {
        SystemTime::UNIX_EPOCH + seconds
    }
}

#[cfg(test)]
pub(super) mod tests;

//! What is no reason to refuse a certificate, but one for clients to complain.

use std::fmt;
use std::time::SystemTime;

use x509_parser::certificate::X509Certificate;
use x509_parser::time::ASN1Time;

use super::names_of;

/// What clients will hold against a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum CertificateWarning {
    /// It is over (F-9).
    Expired {
        /// Since when.
        since: SystemTime,
    },
    /// It has not begun; or the clock is slow (F-9).
    NotYetValid {
        /// Until when.
        until: SystemTime,
    },
    /// It names no server, so no client that checks names takes it (F-10).
    NoNames,
    /// A certificate of the chain is not the issuer of the one before it (F-8).
    BrokenChain {
        /// Counted from 1.
        position: usize,
    },
    /// It is signed with a hash that can be forged: MD5 or SHA-1 (F-4).
    WeakSignature,
    /// Its extended key usage leaves out servers.
    NotForServers,
}

impl fmt::Display for CertificateWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Expired { since } => {
                write!(f, "the certificate expired on {}; renew it", date(*since))
            }
            Self::NotYetValid { until } => write!(
                f,
                "the certificate is not valid before {}; is the clock of this machine right?",
                date(*until)
            ),
            Self::NoNames => f.write_str(
                "the certificate names no server (it has no subject alternative name); clients \
                 that check names refuse it: get one with the server's name",
            ),
            Self::BrokenChain { position } => write!(
                f,
                "certificate {position} of the chain is not the issuer of the one before it; \
                 write the server's own first, then each one's issuer",
            ),
            Self::WeakSignature => f.write_str(
                "the certificate is signed with MD5 or SHA-1, which clients refuse; renew it",
            ),
            Self::NotForServers => f.write_str(
                "the certificate is not for servers (its extended key usage lacks serverAuth); \
                 clients refuse it: get one for servers",
            ),
        }
    }
}

/// Those that do not depend on the time; `chain` has at least one certificate.
pub(super) fn blemishes(chain: &[X509Certificate<'_>]) -> Vec<CertificateWarning> {
    let leaf = &chain[0];
    let mut found = Vec::new();
    if names_of(leaf).is_empty() {
        found.push(CertificateWarning::NoNames);
    }
    let unlinked =
        |pair: &[X509Certificate<'_>]| pair[0].issuer().as_raw() != pair[1].subject().as_raw();
    if let Some(index) = chain.windows(2).position(unlinked) {
        found.push(CertificateWarning::BrokenChain {
            position: index + 2,
        });
    }
    let algorithm = leaf.signature_algorithm.algorithm.to_id_string();
    let itself = leaf.subject().as_raw() == leaf.issuer().as_raw();
    if !itself && WEAK_SIGNATURES.contains(&algorithm.as_str()) {
        found.push(CertificateWarning::WeakSignature);
    }
    if let Ok(Some(usage)) = leaf.extended_key_usage()
        && !usage.value.any
        && !usage.value.server_auth
    {
        found.push(CertificateWarning::NotForServers);
    }
    found
}

pub(in crate::tls) fn date(time: SystemTime) -> String {
    let seconds = match time.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_secs()),
        Err(before) => i64::try_from(before.duration().as_secs()).map(|seconds| -seconds),
    };
    let time = seconds
        .ok()
        .and_then(|seconds| ASN1Time::from_timestamp(seconds).ok());
    time.map_or_else(|| "an unknown date".to_owned(), |time| time.to_string())
}

/// md5WithRSAEncryption, sha1WithRSAEncryption, dsa-with-sha1, ecdsa-with-SHA1.
const WEAK_SIGNATURES: [&str; 4] = [
    "1.2.840.113549.1.1.4",
    "1.2.840.113549.1.1.5",
    "1.2.840.10040.4.3",
    "1.2.840.10045.4.1",
];

#[cfg(test)]
mod tests;

//! Who is believed about clients.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant, SystemTime};

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{VerifierBuilderError, WebPkiClientVerifier};
use rustls::{
    CertRevocationListError as Unusable, CertificateError as Invalid, DistinguishedName, Error,
    RootCertStore,
};

use super::super::certificate::{
    CertificateError, Content, Origin, Watch, certificates, date, revocation_lists,
};
use crate::sync::locked;

/// Bytes of a file of revocation lists at most; those of large authorities have millions of
/// entries, those of one's own a handful.
const MAX_REVOCATION_LISTS: u64 = 16 << 20;

/// The authorities whose certificates of clients are believed, and what they revoked.
///
/// With a revocation list everybody in a chain must be found not revoked in one that has not
/// expired: an authority without a list, or with an old one, lets nobody in.
#[derive(Debug)]
pub struct ClientTrust {
    verifier: RwLock<Arc<dyn ClientCertVerifier>>,
    watch: Option<Mutex<Watched>>,
}

#[derive(Debug)]
struct Watched {
    authorities: PathBuf,
    revoked: Option<PathBuf>,
    watch: Watch,
}

impl ClientTrust {
    /// From PEM: the certificates of the authorities, and their revocation lists.
    ///
    /// # Errors
    /// When there is none of what is asked for, or something is not what it should be.
    pub fn from_pem(roots: &[u8], revoked: Option<&[u8]>) -> Result<Self, CertificateError> {
        let authorities = (roots, Origin::Memory("the PEM of the clients' authorities"));
        let lists = Origin::Memory("the PEM of the revocation lists");
        let verifier = build(&authorities, revoked.map(|revoked| (revoked, lists)))?;
        Ok(Self {
            verifier: RwLock::new(verifier),
            watch: None,
        })
    }

    /// From files, of at most 1 MiB and 16 MiB, which [`ClientTrust::refresh`] watches. Reads
    /// them at once, so not for an async worker.
    ///
    /// # Errors
    /// As [`ClientTrust::from_pem`], and when a file cannot be read.
    pub fn from_files(
        authorities: &Path,
        revoked: Option<&Path>,
    ) -> Result<Self, CertificateError> {
        let mut watched = Watched::new(authorities, revoked);
        let verifier = watched.read(Instant::now())?;
        Ok(Self {
            verifier: RwLock::new(verifier),
            watch: Some(Mutex::new(watched)),
        })
    }

    /// Looks whether the files changed, as
    /// [`Certificates::refresh`](crate::tls::set::Certificates::refresh) does; `true` when what
    /// they say now is in force. The names of authorities that clients are told at the handshake
    /// stay those of the start.
    ///
    /// # Errors
    /// What has been wrong with the files for ten seconds, once. Who was believed still is.
    pub fn refresh(&self) -> Result<bool, CertificateError> {
        self.refresh_at(Instant::now())
    }

    pub(super) fn refresh_at(&self, now: Instant) -> Result<bool, CertificateError> {
        let Some(watch) = &self.watch else {
            return Ok(false);
        };
        let mut watched = locked(watch);
        if let Some(fresh) = watched.look(now) {
            *self
                .verifier
                .write()
                .unwrap_or_else(PoisonError::into_inner) = fresh;
            return Ok(true);
        }
        watched.watch.complaint(now).map_or(Ok(false), Err)
    }

    /// The names of the authorities.
    pub(super) fn subjects(&self) -> Vec<DistinguishedName> {
        self.verifier().root_hint_subjects().to_vec()
    }

    pub(super) fn verify(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), String> {
        let verdict = self.verifier().verify_client_cert(leaf, intermediates, now);
        verdict.map(drop).map_err(|error| reason(&error))
    }

    pub(super) fn revokes(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> bool {
        let verdict = self.verifier().verify_client_cert(leaf, intermediates, now);
        matches!(verdict, Err(Error::InvalidCertificate(Invalid::Revoked)))
    }

    fn verifier(&self) -> Arc<dyn ClientCertVerifier> {
        Arc::clone(&self.verifier.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Watched {
    fn new(authorities: &Path, revoked: Option<&Path>) -> Self {
        let paths = [Some(authorities), revoked].into_iter().flatten();
        Self {
            authorities: authorities.to_owned(),
            revoked: revoked.map(ToOwned::to_owned),
            watch: Watch::new(paths.map(ToOwned::to_owned))
                .with_limit_of_rest(MAX_REVOCATION_LISTS),
        }
    }

    fn read(&mut self, now: Instant) -> Result<Arc<dyn ClientCertVerifier>, CertificateError> {
        let (authorities, revoked) = (&self.authorities, self.revoked.as_deref());
        self.watch
            .read(now, |contents| make(authorities, revoked, contents))
    }

    fn look(&mut self, now: Instant) -> Option<Arc<dyn ClientCertVerifier>> {
        let (authorities, revoked) = (&self.authorities, self.revoked.as_deref());
        self.watch
            .look(now, |contents| make(authorities, revoked, contents))
    }
}

fn make(
    authorities: &Path,
    revoked: Option<&Path>,
    contents: &[Content],
) -> Result<Arc<dyn ClientCertVerifier>, CertificateError> {
    let origin = |path: &Path| Origin::File(path.to_owned());
    let empty: &[u8] = &[];
    let first = contents.first().map_or(empty, |content| content.as_slice());
    // One file may have both.
    let last = contents.last().map_or(empty, |content| content.as_slice());
    build(
        &(first, origin(authorities)),
        revoked.map(|path| (last, origin(path))),
    )
}

fn build(
    (roots, origin): &(&[u8], Origin),
    revoked: Option<(&[u8], Origin)>,
) -> Result<Arc<dyn ClientCertVerifier>, CertificateError> {
    let mut store = RootCertStore::empty();
    for (index, root) in certificates(roots, origin)?.into_iter().enumerate() {
        store
            .add(root)
            .map_err(|error| CertificateError::BadCertificate {
                origin: origin.clone(),
                position: index + 1,
                reason: error.to_string(),
            })?;
    }
    let (lists, origin) = match revoked {
        Some((content, origin)) => (revocation_lists(content, &origin)?, origin),
        None => (Vec::new(), origin.clone()),
    };
    let provider = Arc::new(aws_lc_rs::default_provider());
    WebPkiClientVerifier::builder_with_provider(Arc::new(store), provider)
        .with_crls(lists)
        .enforce_revocation_expiration()
        .build()
        .map_err(|error| match error {
            VerifierBuilderError::InvalidCrl(reason) => CertificateError::BadRevocationList {
                origin,
                reason: unusable(&reason),
            },
            _ => CertificateError::NoCertificate { origin },
        })
}

fn unusable(error: &Unusable) -> String {
    match error {
        Unusable::ParseError => "it is damaged".to_owned(),
        Unusable::UnsupportedDeltaCrl => "it has changes only; the whole list is needed".to_owned(),
        Unusable::UnsupportedIndirectCrl => {
            "it is of another authority than the certificates in it".to_owned()
        }
        Unusable::UnsupportedCrlVersion => "it is of version 1; version 2 is needed".to_owned(),
        other => format!("{other:?}"),
    }
}

/// To follow "the certificate …".
fn reason(error: &Error) -> String {
    let day = |time: &UnixTime| date(SystemTime::UNIX_EPOCH + Duration::from_secs(time.as_secs()));
    let Error::InvalidCertificate(invalid) = error else {
        return format!("cannot be checked: {error}");
    };
    match invalid {
        Invalid::ExpiredContext { not_after, .. } => format!("expired on {}", day(not_after)),
        Invalid::Expired => "has a term that ends before it begins".to_owned(),
        Invalid::NotValidYetContext { not_before, .. } => {
            format!("is not valid before {}", day(not_before))
        }
        Invalid::Revoked => "was revoked".to_owned(),
        Invalid::UnknownIssuer | Invalid::BadSignature => {
            "is not from an authority this server trusts".to_owned()
        }
        Invalid::UnknownRevocationStatus => {
            "or its issuer is not covered by a revocation list".to_owned()
        }
        Invalid::ExpiredRevocationListContext { next_update, .. } => {
            let day = day(next_update);
            format!("cannot be checked: the revocation list expired on {day}")
        }
        Invalid::InvalidPurpose | Invalid::InvalidPurposeContext { .. } => {
            "is not for clients (its extended key usage lacks clientAuth)".to_owned()
        }
        Invalid::UnsupportedSignatureAlgorithmContext { .. }
        | Invalid::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            "or one of its issuers is signed with an algorithm that is not believed".to_owned()
        }
        // The library's own kinds are not to be had but as text.
        other => match other.to_string() {
            text if text.contains("CaUsedAsEndEntity") => {
                "is that of an authority (CA:TRUE), not of a client".to_owned()
            }
            text if text.contains("UnsupportedCertVersion") => {
                "or one of its issuers is of X.509 version 1; version 3 is needed".to_owned()
            }
            text => format!("is not acceptable: {text}"),
        },
    }
}

#[cfg(test)]
mod tests;

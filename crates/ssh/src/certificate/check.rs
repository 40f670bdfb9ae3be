//! Whether a certificate lets somebody in.

use std::net::IpAddr;

use super::{Certificate, CriticalOption, Role, source};
use crate::encoding::Reader;
use crate::key::{PublicKey, SignatureRefused, User, printable};
use crate::krl::RevocationList;

/// What a certificate must agree with.
#[derive(Debug, Clone, Copy)]
pub struct Demands<'a> {
    /// Seconds since 1970, wall-clock.
    pub now: u64,
    /// The names of which one must be among the certificate's principals: the user's name, or
    /// those an administrator gave the account. None of them: nobody comes in.
    pub principals: &'a [&'a [u8]],
    /// Where the client is.
    pub peer: IpAddr,
    /// Keys that may vouch for this account.
    pub authorities: &'a [PublicKey],
    /// What has been revoked.
    pub revoked: &'a [&'a RevocationList],
}

/// Why a certificate lets nobody in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CertificateRefused {
    /// Signed by a key that may not vouch here.
    #[error("the certificate is signed by `{0}`, which is no trusted authority here")]
    Authority(String),
    /// The authority did not sign this.
    #[error("the authority's signature under the certificate: {0}")]
    Signature(SignatureRefused),
    /// The certificate, its key or its authority has been revoked (security A11).
    #[error("the certificate, its key or its authority has been revoked")]
    Revoked,
    /// It is a server's.
    #[error("the certificate is for a host, not for a user")]
    Host,
    /// It is for nobody that is known.
    #[error("the certificate is neither for a user nor for a host")]
    Role,
    /// It names nobody, and would let anybody in (security A10).
    #[error(
        "the certificate names no principals\n\nhint: `ssh-keygen -s CA -I ID -n USER` names one"
    )]
    NoPrincipals,
    /// A principal that is a pattern, which could name anybody (security A10).
    #[error("the certificate has the principal `{0}`; principals with `*` or `?` are not taken")]
    Wildcard(String),
    /// It is for other people.
    #[error("the certificate is not for this user")]
    Principal,
    /// Its time has not come.
    #[error("the certificate is not valid yet; check the clocks of the server and the authority")]
    NotYet,
    /// Its time is over.
    #[error("the certificate has expired")]
    Expired,
    /// The client is not where it may be used.
    #[error("the certificate may not be used from this address")]
    Source,
    /// An option that is known, with a value that is not.
    #[error("the certificate's option `{0}` is malformed")]
    Malformed(&'static str),
    /// It is for something else than SFTP.
    #[error(
        "the certificate only allows the command `{0}`, and this server only has `internal-sftp`"
    )]
    Command(String),
    /// A restriction that cannot be kept.
    #[error("the certificate has the critical option `{0}`, which this server does not know")]
    Option(String),
}

/// A certificate that lets its user in, once the user has signed with its key.
#[derive(Debug, Clone, Copy)]
pub struct Verified<'a> {
    certificate: &'a Certificate,
    user: User,
}

impl Certificate {
    /// Judges it: the authority and its signature, revocation, role, principals, time, and every
    /// critical option. The user has not proved anything yet: see [`Verified::verify`].
    ///
    /// # Errors
    ///
    /// See [`CertificateRefused`].
    pub fn verify<'a>(&'a self, demands: &Demands<'_>) -> Result<Verified<'a>, CertificateRefused> {
        self.check_authority(demands)?;
        match self.role {
            Role::User => {}
            Role::Host => return Err(CertificateRefused::Host),
            Role::Unknown => return Err(CertificateRefused::Role),
        }
        self.check_principals(demands.principals)?;
        self.check_time(demands.now)?;
        let mut user = User::Present;
        for option in &self.critical {
            match &*option.name {
                b"source-address" => check_source(option, demands.peer)?,
                b"force-command" => check_command(option)?,
                b"verify-required" if option.data.is_empty() => user = User::Verified,
                b"verify-required" => {
                    return Err(CertificateRefused::Malformed("verify-required"));
                }
                name => return Err(CertificateRefused::Option(printable(name))),
            }
        }
        Ok(Verified {
            certificate: self,
            user,
        })
    }

    /// Trust comes before mathematics: a stranger's signature is not worth checking.
    fn check_authority(&self, demands: &Demands<'_>) -> Result<(), CertificateRefused> {
        if !demands.authorities.contains(&self.authority) {
            return Err(CertificateRefused::Authority(self.authority.fingerprint()));
        }
        if demands
            .revoked
            .iter()
            .any(|list| list.revokes_certificate(self))
        {
            return Err(CertificateRefused::Revoked);
        }
        let refused = CertificateRefused::Signature;
        // The blob says the algorithm; the authority's key must be able to make it.
        let algorithm = Reader::new(&self.signature).string(Self::MAX_WIRE);
        let algorithm = algorithm.map_err(|error| refused(SignatureRefused::Malformed(error)))?;
        let signed = self.wire.get(..self.signed).unwrap_or_default();
        self.authority
            .verify(algorithm, signed, &self.signature)
            .map_err(refused)
    }

    fn check_principals(&self, wanted: &[&[u8]]) -> Result<(), CertificateRefused> {
        if self.principals.is_empty() {
            return Err(CertificateRefused::NoPrincipals);
        }
        let mut principals = self.principals.iter();
        if let Some(pattern) = principals.find(|name| name.iter().any(|byte| b"*?".contains(byte)))
        {
            return Err(CertificateRefused::Wildcard(printable(pattern)));
        }
        // An empty name is nobody's.
        let mut wanted = wanted.iter().filter(|name| !name.is_empty());
        if wanted.any(|name| {
            self.principals
                .iter()
                .any(|principal| **principal == **name)
        }) {
            Ok(())
        } else {
            Err(CertificateRefused::Principal)
        }
    }

    const fn check_time(&self, now: u64) -> Result<(), CertificateRefused> {
        if now.saturating_add(CLOCK_SKEW) < self.valid_after {
            Err(CertificateRefused::NotYet)
        } else if now >= self.valid_before {
            Err(CertificateRefused::Expired)
        } else {
            Ok(())
        }
    }
}

impl<'a> Verified<'a> {
    /// That `signature` is the user's own of `message`, made as `algorithm` says, the name in the
    /// request. [`PublicKey::verify`] says the rest.
    ///
    /// # Errors
    ///
    /// See [`SignatureRefused`].
    pub fn verify(
        &self,
        algorithm: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), SignatureRefused> {
        let kind = self.certificate.kind;
        if algorithm == b"ssh-rsa-cert-v01@openssh.com" {
            return Err(SignatureRefused::Sha1);
        }
        // The signature names the algorithm of the key, not that of the certificate.
        let plain = kind
            .certificate_algorithms()
            .iter()
            .zip(kind.signature_algorithms())
            .find_map(|(name, plain)| (name.as_bytes() == algorithm).then_some(plain))
            .ok_or(SignatureRefused::Algorithm)?;
        self.certificate
            .key
            .verify_by(self.user, plain.as_bytes(), message, signature)
    }

    /// The certificate itself.
    #[must_use]
    pub const fn certificate(&self) -> &'a Certificate {
        self.certificate
    }
}

/// Seconds that an authority's clock may be ahead of ours. Nothing is added to the end: who wants
/// a certificate to last longer can say so.
const CLOCK_SKEW: u64 = 60;

/// The data of an option is a string in the string.
fn text<'a>(
    option: &'a CriticalOption,
    name: &'static str,
) -> Result<&'a [u8], CertificateRefused> {
    let mut reader = Reader::new(&option.data);
    let text = reader.string(Certificate::MAX_WIRE);
    text.and_then(|text| reader.end().map(|()| text))
        .map_err(|_| CertificateRefused::Malformed(name))
}

fn check_source(option: &CriticalOption, peer: IpAddr) -> Result<(), CertificateRefused> {
    const NAME: &str = "source-address";
    match source::contains(text(option, NAME)?, peer) {
        Some(true) => Ok(()),
        Some(false) => Err(CertificateRefused::Source),
        None => Err(CertificateRefused::Malformed(NAME)),
    }
}

fn check_command(option: &CriticalOption) -> Result<(), CertificateRefused> {
    match text(option, "force-command")? {
        b"internal-sftp" => Ok(()),
        other => Err(CertificateRefused::Command(printable(other))),
    }
}

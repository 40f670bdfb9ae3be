//! What can go wrong, by whose fault it is, and what to do about it.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use instant_acme::Problem;

use crate::challenge::Challenge;
use crate::name::NameError;
use crate::text::{chain, said};
use crate::transport::TransportError;

/// Why there is no certificate. The texts are made for the person who runs wharf; what the CA said
/// in them is escaped and cut to a bearable length.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AcmeError {
    // The settings.
    /// Nothing to certify.
    #[error("no names are given for the certificate")]
    NoNames,
    /// More than fit into one certificate.
    #[error("{0} names are more than one certificate holds: at most {max}", max = crate::MAX_NAMES)]
    TooManyNames(usize),
    /// One of the names.
    #[error(transparent)]
    Name(#[from] NameError),
    /// Not the URL of a directory.
    #[error(
        "`{0}` is not the URL of an ACME directory\n\nhint: it begins with `https://`, as `{le}`", le = crate::LETS_ENCRYPT
    )]
    Directory(String),
    /// Not an address the CA can write to.
    #[error(
        "`{0}` is not a mail address that a CA can write to\n\nhint: one address, as `ann@example.org`"
    )]
    Contact(String),
    /// More than a CA takes.
    #[error("{0} contacts are more than a CA takes: at most 10")]
    TooManyContacts(usize),
    /// The file with the CA's own roots.
    #[error("cannot use `{}` as the certificate of the CA's own server: {why}\n\nhint: it is a PEM file with at least one certificate", file.display())]
    Ca {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        why: String,
    },

    // This machine.
    /// The folder or a file in it.
    #[error("cannot keep certificates in `{}`: {source}", path.display())]
    Folder {
        /// Which.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The account's file is not what was written.
    #[error("`{}` is damaged: {why}\n\nhint: remove it; a new account is made by itself", file.display())]
    AccountFile {
        /// Which.
        file: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The challenge's port.
    #[error("cannot listen on `{address}` for the {challenge} challenge: {source}\n\nhint: {}", listen_hint(*address, *challenge, source))]
    Listen {
        /// Where.
        address: SocketAddr,
        /// What for.
        challenge: Challenge,
        /// Why not.
        source: io::Error,
    },
    /// Nobody to trust.
    #[error("this machine has no list of trusted CAs, so none can be reached safely{}\n\nhint: install the package `ca-certificates`, or name the CA's own certificate in `acme.ca`", because(.0))]
    NoRoots(String),
    /// The cryptographic library or the kernel's randomness.
    #[error("cannot make a key: {0}")]
    Key(String),
    /// The new certificate is of no use by this machine's clock.
    #[error("the new certificate is good from {} to {}, and by this machine's clock it is due for renewal already\n\nhint: check the clock", seconds(*not_before), seconds(*not_after))]
    Clock {
        /// First moment.
        not_before: SystemTime,
        /// Last moment.
        not_after: SystemTime,
    },

    // The way to the CA.
    /// No connection, or a broken one.
    #[error(
        "cannot reach the CA at `{directory}`: {why}\n\nhint: {}",
        reach_hint(why)
    )]
    Unreachable {
        /// The directory.
        directory: String,
        /// What happened.
        why: String,
    },
    /// It answers, but not as RFC 8555 has it.
    #[error("`{directory}` does not answer as an ACME server does: {why}\n\nhint: check `acme.directory`; it is the URL of the directory itself, as `{le}`", le = crate::LETS_ENCRYPT)]
    NotAcme {
        /// The directory.
        directory: String,
        /// What was wrong with the answer.
        why: String,
    },

    // The CA.
    /// Its own trouble.
    #[error("the CA has trouble of its own: {detail}")]
    CaTrouble {
        /// What it said.
        detail: String,
    },
    /// It took longer than is waited.
    #[error("the CA did not finish {what} within {} s", .after.as_secs())]
    Slow {
        /// What it was to do.
        what: &'static str,
        /// How long was waited.
        after: Duration,
    },
    /// Too often.
    #[error(
        "the CA lets this account or these names ask again later only: {detail}\n\nhint: wharf asks again by itself; while you try out settings, use the CA's directory for tests (of Let's Encrypt: `https://acme-staging-v02.api.letsencrypt.org/directory`)"
    )]
    RateLimited {
        /// What it said.
        detail: String,
    },
    /// The account.
    #[error(
        "the CA refuses the account: {detail}\n\nhint: check `acme.contact`; a new account is made when `account.json` is removed"
    )]
    Account {
        /// What it said.
        detail: String,
    },
    /// It does not know the account any more.
    #[error("the CA does not know the account any more: {detail}")]
    AccountGone {
        /// What it said.
        detail: String,
    },
    /// Accounts are bound to a customer.
    #[error(
        "the CA takes accounts of its customers only (external account binding), which wharf does not offer: {detail}\n\nhint: choose another CA in `acme.directory`"
    )]
    ExternalAccount {
        /// What it said.
        detail: String,
    },
    /// The terms of service.
    #[error(
        "the CA wants its terms of service to be agreed to: {detail}\n\nhint: read them; then set `acme.agree = true` and remove `account.json`"
    )]
    Terms {
        /// What it said.
        detail: String,
    },
    /// Not for these names.
    #[error(
        "the CA does not certify these names: {detail}\n\nhint: check `acme.names`, and the CAA records of their domains"
    )]
    Names {
        /// What it said.
        detail: String,
    },
    /// The names are not proven to lead here.
    #[error("the CA could not prove that `{name}` leads here: {detail}\n\nhint: it comes from outside to port {} of `{name}`; the name's A and AAAA records must lead to this machine, and that port, through every firewall and router, to `{listen}`", challenge.port())]
    Challenge {
        /// The name.
        name: String,
        /// How it was to be proven.
        challenge: Challenge,
        /// Where it was waited for.
        listen: SocketAddr,
        /// What it said.
        detail: String,
    },
    /// It does not offer the challenge.
    #[error("the CA does not offer the {challenge} challenge for `{name}`\n\nhint: try `acme.challenge = \"{}\"`", challenge.other())]
    NoChallenge {
        /// The name.
        name: String,
        /// What was wanted.
        challenge: Challenge,
    },
    /// Any other refusal.
    #[error("the CA refuses: {detail}")]
    Refused {
        /// What it said.
        detail: String,
    },
    /// What it sent is not the certificate that was ordered.
    #[error("the CA sent a certificate that cannot be used: {why}")]
    Certificate {
        /// What is wrong with it.
        why: String,
    },
}

impl AcmeError {
    /// One function turns the protocol's errors into ours; `directory` is where the CA is.
    pub(crate) fn of(error: instant_acme::Error, directory: &str) -> Self {
        use instant_acme::Error as E;
        let not_acme = |why: String| Self::NotAcme {
            directory: said(directory),
            why,
        };
        match error {
            E::Api(problem) => Self::from(problem),
            E::Other(other) => match other.downcast::<TransportError>() {
                Ok(transport) => Self::of_transport(&transport, directory),
                Err(other) => not_acme(chain(&*other)),
            },
            E::Crypto | E::KeyRejected => Self::Key(chain(&error)),
            other => not_acme(chain(&other)),
        }
    }

    fn of_transport(error: &TransportError, directory: &str) -> Self {
        let directory = said(directory);
        match error {
            TransportError::Busy(_) => Self::CaTrouble {
                detail: error.to_string(),
            },
            TransportError::Status(_) | TransportError::TooLarge => Self::NotAcme {
                directory,
                why: error.to_string(),
            },
            TransportError::Failed(_) | TransportError::Deadline => Self::Unreachable {
                directory,
                why: error.to_string(),
            },
        }
    }
}

impl From<Problem> for AcmeError {
    /// By the type of the problem (RFC 8555 6.7).
    fn from(problem: Problem) -> Self {
        let detail = detail(&problem);
        let kind = problem.r#type.as_deref().unwrap_or_default();
        match kind.strip_prefix(ACME).unwrap_or_default() {
            "rateLimited" => Self::RateLimited { detail },
            "userActionRequired" => Self::Terms { detail },
            "externalAccountRequired" => Self::ExternalAccount { detail },
            "accountDoesNotExist" => Self::AccountGone { detail },
            "unauthorized"
            | "invalidContact"
            | "unsupportedContact"
            | "badPublicKey"
            | "badSignatureAlgorithm" => Self::Account { detail },
            "rejectedIdentifier" | "unsupportedIdentifier" | "caa" => Self::Names { detail },
            "serverInternal" => Self::CaTrouble { detail },
            _ if problem.status.is_some_and(|status| status >= 500) => Self::CaTrouble { detail },
            _ => Self::Refused { detail },
        }
    }
}

/// What the CA said, as one line: its own words, those on each name, and the type for a search.
pub(crate) fn detail(problem: &Problem) -> String {
    let mut text = problem.detail.clone().unwrap_or_default();
    for part in &problem.subproblems {
        if let Some(identifier) = &part.identifier {
            text.push_str(&format!("; {}:", identifier.authorized(false)));
        }
        text.push_str(&format!(" {}", part.detail.as_deref().unwrap_or_default()));
    }
    let kind = problem.r#type.as_deref().unwrap_or("no type");
    said(&format!(
        "{text} ({})",
        kind.strip_prefix(ACME).unwrap_or(kind)
    ))
}

fn listen_hint(address: SocketAddr, challenge: Challenge, error: &io::Error) -> String {
    let port = address.port();
    match error.kind() {
        io::ErrorKind::PermissionDenied => format!(
            "ports below 1024 need `AmbientCapabilities=CAP_NET_BIND_SERVICE` in the service's unit; or forward port {} to another port and name that one in `acme.listen`",
            challenge.port()
        ),
        io::ErrorKind::AddrInUse => format!(
            "another program has port {port} (`ss -ltnp sport = :{port}` tells which); stop it, or use the other challenge (`acme.challenge = \"{}\"`), or let it forward to an address named in `acme.listen`",
            challenge.other()
        ),
        _ => "`acme.listen` is an address of this machine, or `0.0.0.0` or `[::]` for all of them"
            .to_owned(),
    }
}

fn reach_hint(why: &str) -> &'static str {
    // rustls says `invalid peer certificate: …`; there is no type left to ask at this depth.
    if why.contains("certificate") {
        "the CA's own server is not trusted; a private CA's root goes into `acme.ca`"
    } else {
        "check the network and the name in `acme.directory`; a firewall must let this machine connect out to port 443"
    }
}

fn because(why: &str) -> String {
    if why.is_empty() {
        String::new()
    } else {
        format!(" ({why})")
    }
}

fn seconds(time: SystemTime) -> String {
    let since = time.duration_since(SystemTime::UNIX_EPOCH);
    format!(
        "second {} of Unix time",
        since.unwrap_or_default().as_secs()
    )
}

const ACME: &str = "urn:ietf:params:acme:error:";

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(json: &str) -> AcmeError {
        serde_json::from_str::<Problem>(json).unwrap().into()
    }

    #[test]
    fn problems_are_told_apart_by_their_type() {
        let of = |kind: &str| problem(&format!(r#"{{"type":"{ACME}{kind}","detail":"words"}}"#));
        assert!(matches!(of("rateLimited"), AcmeError::RateLimited { .. }));
        assert!(matches!(of("userActionRequired"), AcmeError::Terms { .. }));
        assert!(matches!(
            of("accountDoesNotExist"),
            AcmeError::AccountGone { .. }
        ));
        assert!(matches!(of("unauthorized"), AcmeError::Account { .. }));
        assert!(matches!(of("caa"), AcmeError::Names { .. }));
        assert!(matches!(of("serverInternal"), AcmeError::CaTrouble { .. }));
        assert!(matches!(of("malformed"), AcmeError::Refused { .. }));
        assert!(matches!(
            problem(r#"{"status":503}"#),
            AcmeError::CaTrouble { .. }
        ));
        assert!(matches!(problem("{}"), AcmeError::Refused { .. }));
    }

    #[test]
    fn what_the_ca_says_is_whole_and_escaped() {
        let error = problem(
            r#"{"type":"urn:ietf:params:acme:error:rejectedIdentifier","detail":"two\nnames\u001b[2J",
                "subproblems":[{"type":"x","detail":"not ours","identifier":{"type":"dns","value":"a.example"}}]}"#,
        );
        let text = error.to_string();
        assert!(
            text.contains("two\\nnames\\u{1b}[2J; a.example: not ours (rejectedIdentifier)"),
            "{text}"
        );
    }

    #[test]
    fn the_cure_for_a_port_depends_on_what_is_wrong_with_it() {
        let text = |kind: io::ErrorKind| {
            AcmeError::Listen {
                address: ([0, 0, 0, 0], 80).into(),
                challenge: Challenge::Http01,
                source: kind.into(),
            }
            .to_string()
        };
        let denied = text(io::ErrorKind::PermissionDenied);
        assert!(denied.contains("`0.0.0.0:80` for the http-01"), "{denied}");
        assert!(denied.contains("CAP_NET_BIND_SERVICE"), "{denied}");
        let taken = text(io::ErrorKind::AddrInUse);
        assert!(
            taken.contains("ss -ltnp") && taken.contains("tls-alpn-01"),
            "{taken}"
        );
    }
}

//! Why something was refused or failed, before any protocol gives it a number.
//!
//! A front-end turns a [`Kind`] into its wire code in one exhaustive function; the text and the
//! cause id are the same in every protocol, in the log and in the audit.

use std::borrow::Cow;
use std::time::Duration;

use wharf_causes::{Id, id};
use wharf_net::limits::{Limit, Refused};
use wharf_net::tls::handshake::HandshakeError;
use wharf_vfs::{ErrorKind, PathError};

/// A refusal or a failure, told to the user and recorded.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    /// What a front-end chooses its code by.
    pub(crate) kind: Kind,
    /// What the user can look up; `None` only for faults of our own.
    pub(crate) cause: Option<Id>,
    /// One line for the user: what and why. No host path, no client text at its start.
    pub(crate) text: Cow<'static, str>,
}

/// What went wrong, by who is at fault and what can be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The path does not exist, or may not be known to exist.
    NotFound,
    /// It exists already.
    Exists,
    /// A file where a folder is needed, a folder where a file is, or neither of the two.
    WrongType,
    /// A folder that is not empty.
    NotEmpty,
    /// The account's permissions forbid it.
    Forbidden,
    /// The file system's permissions do, or it is read-only.
    FileSystemDenied,
    /// No space left.
    NoSpace,
    /// A quota or a size limit.
    OverQuota,
    /// A name that cannot be used.
    BadName,
    /// A restart offset that does not fit the file.
    BadOffset,
    /// In use, or too much at once; the same may go through later.
    Busy,
    /// The store cannot do it.
    Unsupported,
    /// Ours: an error of the disk or of the program.
    Internal,
    /// Name or password wrong, or the account may not log in. Outwardly one and the same.
    LoginFailed,
    /// A password in clear where none may be sent.
    PlaintextPassword,
    /// Too many sessions, attempts, or a server that is stopping.
    ServiceClosing,
    /// No data connection came about.
    NoDataConnection,
    /// TLS did not come about on the data connection.
    DataTls,
    /// The data connection's TLS is not its control connection's.
    DataNotResumed,
    /// The data connection broke, stalled or ended early.
    DataBroken,
    /// The client asked to stop.
    Aborted,
    /// An address that data may not go to.
    ForeignAddress,
}

impl Failure {
    /// A failure with a cause.
    pub(crate) fn new(kind: Kind, cause: Id, text: impl Into<Cow<'static, str>>) -> Self {
        Self {
            kind,
            cause: Some(cause),
            text: text.into(),
        }
    }

    /// A fault of ours; the log has the details.
    pub(crate) fn internal(text: impl Into<Cow<'static, str>>) -> Self {
        Self {
            kind: Kind::Internal,
            cause: None,
            text: text.into(),
        }
    }

    /// The text with the id of its cause, as replies carry it.
    #[must_use]
    pub(crate) fn told(&self) -> String {
        match self.cause {
            Some(cause) => format!("{} [{cause}]", self.text),
            None => self.text.to_string(),
        }
    }

    /// The id for events; `-` where there is none.
    #[must_use]
    pub(crate) fn cause_name(&self) -> &'static str {
        self.cause.map_or("-", |cause| cause.as_str())
    }

    /// The account was removed or disabled, or its session ended by an administrator.
    pub(crate) fn revoked() -> Self {
        Self::new(
            Kind::ServiceClosing,
            id::B_12,
            "The account was disabled or changed; log in again",
        )
    }

    /// The server is stopping.
    pub(crate) fn draining() -> Self {
        Self::new(
            Kind::ServiceClosing,
            id::E_7,
            "The server is shutting down, try again later",
        )
    }
}

/// Why TLS did not come about, by the causes a user can look up.
pub(crate) const fn tls_cause(error: &HandshakeError) -> Option<Id> {
    Some(match error {
        HandshakeError::NotTls | HandshakeError::Silent(_) => id::F_2,
        HandshakeError::Version => id::F_3,
        HandshakeError::NothingInCommon => id::F_4,
        HandshakeError::OtherProtocol => id::A_13,
        HandshakeError::NoClientCertificate | HandshakeError::ClientCertificate(_) => id::F_15,
        HandshakeError::CertificateRefused => id::F_7,
        HandshakeError::TimedOut(_) => id::F_17,
        HandshakeError::Alert(_) | HandshakeError::Broken(_) | HandshakeError::Gone => return None,
    })
}

impl From<wharf_vfs::Error> for Failure {
    fn from(error: wharf_vfs::Error) -> Self {
        let (kind, cause, text) = match error.kind() {
            ErrorKind::NotFound => (Kind::NotFound, id::C_7, "No such file or directory"),
            ErrorKind::Exists => (Kind::Exists, id::C_15, "It exists already"),
            ErrorKind::NotADirectory => (Kind::WrongType, id::C_8, "Not a directory"),
            ErrorKind::IsADirectory => (Kind::WrongType, id::C_8, "It is a directory"),
            ErrorKind::NotRegular => (Kind::WrongType, id::C_8, "Not a regular file"),
            ErrorKind::NotEmpty => (Kind::NotEmpty, id::C_15, "The directory is not empty"),
            ErrorKind::PermissionDenied => (
                Kind::FileSystemDenied,
                id::C_2,
                "The server's file system does not permit it",
            ),
            ErrorKind::ReadOnly => (
                Kind::FileSystemDenied,
                id::C_10,
                "The server's file system is read-only",
            ),
            ErrorKind::NoSpace => (Kind::NoSpace, id::T_6, "No space left on the server"),
            ErrorKind::Quota => (Kind::OverQuota, id::T_8, "The quota is used up"),
            ErrorKind::TooLarge => (Kind::OverQuota, id::T_10, "The file is too large"),
            ErrorKind::NameTooLong => (Kind::BadName, id::C_6, "The name is too long"),
            ErrorKind::InvalidName => (Kind::BadName, id::C_6, "That name cannot be used here"),
            ErrorKind::CrossDevice => (
                Kind::FileSystemDenied,
                id::C_15,
                "It cannot be moved to another file system; copy it",
            ),
            ErrorKind::Unsupported => {
                return Self {
                    kind: Kind::Unsupported,
                    cause: None,
                    text: match error.text() {
                        text if text == ErrorKind::Unsupported.text() => {
                            "The storage behind this path cannot do that".into()
                        }
                        text => {
                            format!("The storage behind this path cannot do that: {text}").into()
                        }
                    },
                };
            }
            ErrorKind::Incomplete => {
                let text = format!("The file is not complete: {error}");
                return Self::new(Kind::DataBroken, id::T_14, text);
            }
            ErrorKind::BadOffset => (
                Kind::BadOffset,
                id::C_5,
                "The restart offset is beyond the end of the file",
            ),
            ErrorKind::Busy => (Kind::Busy, id::C_12, "In use, try again later"),
            // A link that leads out of the root answers as if nothing were there (security F21).
            ErrorKind::Loop => (Kind::NotFound, id::C_7, "No such file or directory"),
            ErrorKind::Cancelled => (Kind::Aborted, id::T_2, "Stopped"),
            ErrorKind::Io => {
                tracing::error!(%error, "storage failed");
                return Self::internal("The server's storage failed; its log says more");
            }
        };
        Self::new(kind, cause, text)
    }
}

impl From<PathError> for Failure {
    fn from(error: PathError) -> Self {
        let text = match error {
            PathError::ForbiddenByte => "NUL, CR and LF cannot be part of a name",
            PathError::NameTooLong => "The name is longer than 255 bytes",
            PathError::NotAName => "That is not a name",
            PathError::TooLong => "The path is longer than 4096 bytes",
        };
        Self::new(Kind::BadName, id::C_6, text)
    }
}

impl From<Refused> for Failure {
    fn from(refused: Refused) -> Self {
        let Refused {
            limit,
            allowed,
            retry_after,
        } = refused;
        let seconds = retry_after.max(Duration::from_secs(1)).as_secs();
        let (cause, of) = match limit {
            Limit::Total => (id::E_3, "in all"),
            Limit::PerAddress => (id::E_1, "from your internet address"),
            Limit::PerAccount => (id::E_2, "of this account"),
        };
        let text = format!(
            "Too many sessions {of} (limit {} is {allowed}), try again in {seconds} s",
            limit.name()
        );
        Self::new(Kind::ServiceClosing, cause, text)
    }
}

//! What ends a connection: a breach of the protocol, and the words the peer is told.

use std::borrow::Cow;

/// The codes of SSH_MSG_DISCONNECT (RFC 4253 §11.1) that are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// What came is not what may come here.
    ProtocolError = 2,
    /// No common algorithm, or a key exchange that does not add up.
    KeyExchangeFailed = 3,
    /// A packet that was changed under way.
    MacError = 5,
    /// A service that is not there.
    ServiceNotAvailable = 7,
    /// Not SSH 2.
    VersionNotSupported = 8,
    /// The host key is not believed.
    HostKeyNotVerifiable = 9,
    /// The other end is gone.
    ConnectionLost = 10,
    /// The program ends it: it stops, or an account was changed.
    ByApplication = 11,
    /// A limit of sessions.
    TooManyConnections = 12,
    /// Too many failed logins, or nothing left to try.
    NoMoreAuthMethods = 14,
}

impl Reason {
    /// The number on the wire.
    #[must_use]
    pub const fn code(self) -> u32 {
        self as u32
    }
}

/// A breach of the protocol by the peer: the connection ends with these words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct Violation {
    /// The code that is sent.
    pub reason: Reason,
    /// One line, without a full stop and without words of the peer's.
    pub text: Cow<'static, str>,
}

impl Violation {
    pub(crate) const fn protocol(text: &'static str) -> Self {
        Self {
            reason: Reason::ProtocolError,
            text: Cow::Borrowed(text),
        }
    }

    pub(crate) const fn exchange(text: &'static str) -> Self {
        Self {
            reason: Reason::KeyExchangeFailed,
            text: Cow::Borrowed(text),
        }
    }

    /// A message of the layers above that cannot be read, or has no place there.
    #[must_use]
    pub const fn unreadable() -> Self {
        Self::protocol("a message that cannot be read")
    }

    /// A service that is not had here, or a login before its service.
    #[must_use]
    pub const fn no_service() -> Self {
        Self {
            reason: Reason::ServiceNotAvailable,
            text: Cow::Borrowed("only ssh-userauth and ssh-connection are had here"),
        }
    }

    /// Data on a channel behind its end.
    #[must_use]
    pub const fn data_after_end() -> Self {
        Self::protocol("data behind the end of a channel")
    }

    pub(crate) const fn mac() -> Self {
        Self {
            reason: Reason::MacError,
            text: Cow::Borrowed("a packet was changed on its way, or the keys differ"),
        }
    }
}

impl From<crate::encoding::Malformed> for Violation {
    fn from(_: crate::encoding::Malformed) -> Self {
        Self::unreadable()
    }
}

//! Why a line is no command, and the reply code of each reason.

use crate::verb::Verb;

/// Why a line is no command of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommandError {
    /// 500.
    UnknownVerb,
    /// 500: there is no such word under SITE.
    UnknownSite,
    /// 501: the argument is missing, or not of this verb's form.
    Syntax {
        /// The verb.
        verb: Verb,
        /// What its form is, for the user.
        hint: &'static str,
    },
    /// 504: well formed, and not served.
    Parameter {
        /// The verb.
        verb: Verb,
        /// What is served, for the user.
        hint: &'static str,
    },
    /// 502: the verb is in the table, and this version does not serve it.
    NotBuilt(Verb),
    /// 522: EPRT or EPSV names a protocol that is neither IPv4 nor IPv6 (RFC 2428 2).
    NetworkProtocol(Verb),
    /// 553: the argument holds NUL, CR or LF (security F24).
    ForbiddenByte(Verb),
}

impl CommandError {
    /// The verb it is about, if one was recognised.
    #[must_use]
    pub const fn verb(&self) -> Option<Verb> {
        match self {
            Self::UnknownVerb => None,
            Self::UnknownSite => Some(Verb::Site),
            Self::Syntax { verb, .. }
            | Self::Parameter { verb, .. }
            | Self::NotBuilt(verb)
            | Self::NetworkProtocol(verb)
            | Self::ForbiddenByte(verb) => Some(*verb),
        }
    }

    /// The reply code it has.
    #[must_use]
    pub const fn code(&self) -> u16 {
        match self {
            Self::UnknownVerb | Self::UnknownSite => 500,
            Self::Syntax { .. } => 501,
            Self::NotBuilt(_) => 502,
            Self::Parameter { .. } => 504,
            Self::NetworkProtocol(_) => 522,
            Self::ForbiddenByte(_) => 553,
        }
    }
}

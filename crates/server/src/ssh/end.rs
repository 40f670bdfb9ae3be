//! Why a connection ends, and its last words.

use std::time::Duration;

use wharf_causes::id;
use wharf_ssh::{Reason, Violation};

use crate::failure::{Failure, Kind};

/// Why a connection ends.
#[derive(Debug)]
pub(super) enum End {
    /// The client is gone.
    Gone,
    /// The client said so.
    Disconnected,
    /// It broke the protocol.
    Violation(Violation),
    /// It is refused: too many failed logins, a limit.
    Refused(Failure),
    /// Nothing was asked for too long.
    Idle,
    /// Nobody logged in within the login time.
    LoginDeadline,
    /// The client takes nothing.
    Stalled,
    /// What let the session in has ended.
    Expired,
    /// The account was disabled or removed.
    Revoked,
    /// The server stops.
    Draining,
}

impl End {
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Gone => "gone",
            Self::Disconnected => "quit",
            Self::Violation(_) => "protocol violation",
            Self::Refused(_) => "refused",
            Self::Idle => "idle",
            Self::LoginDeadline => "login deadline",
            Self::Stalled => "stalled",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
            Self::Draining => "draining",
        }
    }

    /// The last words, unless nobody hears them.
    pub(super) fn words(&self, idle: Duration) -> Option<Violation> {
        let (reason, text) = match self {
            Self::Gone | Self::Disconnected | Self::Stalled => return None,
            Self::Violation(violation) => return Some(violation.clone()),
            Self::Refused(failure) => (refusal(failure), failure.told()),
            Self::Idle => {
                let text = format!("Nothing was asked for {} s", idle.as_secs());
                let failure = Failure::new(Kind::ServiceClosing, id::E_6, text);
                (Reason::ByApplication, failure.told())
            }
            Self::LoginDeadline => {
                let text = "The login took too long";
                let failure = Failure::new(Kind::ServiceClosing, id::E_6, text);
                (Reason::ByApplication, failure.told())
            }
            Self::Expired => {
                let text = "The certificate or key that opened the session has expired";
                let failure = Failure::new(Kind::ServiceClosing, id::B_12, text);
                (Reason::ByApplication, failure.told())
            }
            Self::Revoked => (Reason::ByApplication, Failure::revoked().told()),
            Self::Draining => (Reason::ByApplication, Failure::draining().told()),
        };
        Some(Violation {
            reason,
            text: text.into(),
        })
    }
}

/// Clients of some programs try again on their own after the one, and none after the other.
fn refusal(failure: &Failure) -> Reason {
    let limits = [id::E_1, id::E_2, id::E_3];
    if failure.cause.is_some_and(|cause| limits.contains(&cause)) {
        Reason::TooManyConnections
    } else {
        Reason::NoMoreAuthMethods
    }
}

impl From<Violation> for End {
    fn from(violation: Violation) -> Self {
        Self::Violation(violation)
    }
}

//! Which message may come when.

use super::Transport;
use crate::algorithm::{KEXINIT, Role};
use crate::violation::Violation;

impl Transport {
    /// What may come now (security P19, P20; RFC 4253 §7.1).
    pub(super) fn check_place(&self, number: u8) -> Result<(), Violation> {
        let is_transport =
            number <= LAST_KEX && !matches!(number, SERVICE_REQUEST | SERVICE_ACCEPT);
        if let Some(negotiation) = &self.negotiation
            && negotiation.peer_began()
        {
            if !is_transport {
                return Err(Violation::protocol(
                    "a message in the middle of a key exchange",
                ));
            }
            let is_exchange = number >= KEXINIT || number == DISCONNECT;
            if self.opener.is_clear() && negotiation.is_strict() && !is_exchange {
                return Err(Violation::protocol(
                    "a message in the middle of a key exchange",
                ));
            }
        }
        if self.session.is_none() {
            // The first packet of a strict key exchange is KEXINIT; whether it is strict is known
            // after it, and then its number tells what came before.
            return if is_transport {
                Ok(())
            } else {
                Err(Violation::protocol("a message before the first keys"))
            };
        }
        if self.authenticated || number < FIRST_AUTH {
            return Ok(());
        }
        let may = match self.options.role {
            Role::Server => matches!(number, USERAUTH_REQUEST | USERAUTH_INFO_RESPONSE),
            Role::Client => (FIRST_AUTH..FIRST_CONNECTION).contains(&number),
        };
        if may || number > LAST_CONNECTION {
            Ok(())
        } else {
            Err(Violation::protocol(
                "a message that may not come before the login",
            ))
        }
    }
}

/// What RFC 4252 and 4254 number; everything else is answered with UNIMPLEMENTED.
pub(super) const fn is_for_above(number: u8) -> bool {
    matches!(
        number,
        SERVICE_REQUEST | SERVICE_ACCEPT | FIRST_AUTH..=79 | 80..=82 | 90..=100
    )
}

pub(super) const DISCONNECT: u8 = 1;
pub(super) const IGNORE: u8 = 2;
pub(super) const UNIMPLEMENTED: u8 = 3;
pub(super) const DEBUG: u8 = 4;
pub(super) const SERVICE_REQUEST: u8 = 5;
pub(super) const SERVICE_ACCEPT: u8 = 6;
pub(super) const EXT_INFO: u8 = 7;
pub(super) const LAST_KEX: u8 = 49;
pub(super) const FIRST_AUTH: u8 = 50;
pub(super) const USERAUTH_REQUEST: u8 = 50;
pub(super) const USERAUTH_INFO_RESPONSE: u8 = 61;
pub(super) const FIRST_CONNECTION: u8 = 80;
pub(super) const LAST_CONNECTION: u8 = 127;
pub(super) const NEWKEYS: u8 = 21;
pub(super) const EXCHANGE_INIT: u8 = 30;
pub(super) const EXCHANGE_REPLY: u8 = 31;

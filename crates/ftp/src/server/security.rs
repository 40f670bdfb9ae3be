//! What TLS protects: the control connection, data connections, neither (RFC 2228, RFC 4217).

use super::{Action, Dialogue, Step};
use crate::command::{Mechanism, Protection};
use crate::reply::Reply;
use crate::verb::Verb;

/// How a listener offers TLS.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum TlsOffer {
    /// Not at all: AUTH, PBSZ, PROT, CCC, SSCN and CPSV are 502, and neither FEAT nor HELP shows
    /// them.
    #[default]
    None,
    /// After AUTH.
    Explicit,
    /// From the first byte on. Data connections are protected from the start: clients of this kind
    /// are older than PROT and some never send it.
    Implicit,
}

/// The state of protection. Kept by REIN as far as TLS itself goes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Security {
    control: Control,
    /// AUTH SSL, AUTH TLS-P and implicit TLS: PROT P holds without being sent (RFC 4217 17).
    private_from_start: bool,
    /// PBSZ was sent, or need not be.
    buffer_agreed: bool,
    /// PROT P.
    private: bool,
    /// SSCN ON.
    client: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Control {
    /// No AUTH yet.
    Clear,
    /// Between 234 and the end of the handshake.
    Beginning,
    Protected,
    /// Between CCC's 200 and the end of close_notify.
    Ending,
    /// After CCC. Another AUTH is not taken: a stranger between the two could begin it.
    Cleared,
}

impl Security {
    pub(super) fn new(offer: TlsOffer) -> Self {
        let implicit = offer == TlsOffer::Implicit;
        Self {
            control: if implicit {
                Control::Protected
            } else {
                Control::Clear
            },
            private_from_start: implicit,
            buffer_agreed: implicit,
            private: implicit,
            client: false,
        }
    }

    /// As right after the handshake, or as before any.
    pub(super) fn restart(&mut self) {
        self.buffer_agreed = self.private_from_start;
        self.private = self.private_from_start;
        self.client = false;
    }

    pub(super) fn is_changing(self) -> bool {
        matches!(self.control, Control::Beginning | Control::Ending)
    }

    pub(super) const fn protects_data(self) -> bool {
        self.private
    }

    /// Whether we are the TLS client on data connections.
    pub(super) const fn is_client(self) -> bool {
        self.client
    }
}

impl Dialogue {
    /// TLS has begun on the control connection. Everything said in clear is forgotten but AUTH
    /// itself: RFC 2228 3 (AUTH) wants USER again, and REST, PORT or RNFR could be an attacker's.
    pub fn protected(&mut self) {
        self.security.control = Control::Protected;
        self.security.restart();
        self.start_over();
    }

    /// TLS has ended on the control connection, after [`Step::StopTls`]. Data connections stay as
    /// protected as they were.
    pub fn unprotected(&mut self) {
        self.security.control = Control::Cleared;
    }

    /// Whether the control connection is under TLS.
    #[must_use]
    pub fn is_protected(&self) -> bool {
        matches!(self.security.control, Control::Protected | Control::Ending)
    }

    pub(super) fn auth(&mut self, mechanism: &Mechanism) -> Step {
        let refusal = match self.security.control {
            Control::Protected => Some("TLS is on already"),
            Control::Cleared => Some("TLS was ended with CCC; connect again for another"),
            // RFC 2228 3 would take the login back; a client that asks now has made a mistake that
            // it is to see (security P12).
            _ if self.is_logged_in() => Some("AUTH comes before the login; REIN starts over"),
            _ => None,
        };
        if let Some(text) = refusal {
            return Step::Reply(Reply::line(503, text));
        }
        self.security.private_from_start = match mechanism {
            Mechanism::Tls => false,
            Mechanism::Ssl => true,
            Mechanism::Other(_) => {
                return Step::Reply(Reply::line(504, "AUTH TLS is served"));
            }
        };
        self.security.control = Control::Beginning;
        Step::StartTls(Reply::line(234, "Begin TLS"))
    }

    /// RFC 4217 9: TLS is a stream, so that the only size is 0. Any other is answered with it.
    pub(super) fn protection_buffer(&mut self) -> Reply {
        self.security.buffer_agreed = true;
        Reply::line(200, "PBSZ=0")
    }

    pub(super) fn protection_level(&mut self, level: Protection) -> Reply {
        if !self.security.buffer_agreed {
            return Reply::line(503, "Send PBSZ 0 first");
        }
        match level {
            Protection::Private => {
                self.security.private = true;
                Reply::line(200, "Data connections are encrypted")
            }
            // Where it is forbidden, the transfer is refused and not this (security P17).
            Protection::Clear => {
                self.security.private = false;
                Reply::line(200, "Data connections are in clear")
            }
            Protection::Safe | Protection::Confidential => {
                Reply::line(536, "TLS has the levels P and C only")
            }
        }
    }

    /// Security P16: whoever allows it lets every later command be read and forged.
    pub(super) fn clear_command_channel(&mut self) -> Step {
        if !self.options.ccc_allowed {
            return Step::Reply(Reply::line(534, "The control connection stays encrypted"));
        }
        self.security.control = Control::Ending;
        Step::StopTls(Reply::line(200, "The control connection goes on in clear"))
    }

    pub(super) fn secure_client(&self, change: Option<bool>) -> Step {
        match change {
            Some(on) => Step::Do(Action::SecureClient { on }),
            None => Step::Reply(client_state(self.security.client)),
        }
    }

    pub(super) fn secure_client_is(&mut self, on: bool) -> Reply {
        self.security.client = on;
        client_state(on)
    }

    /// A verb that needs TLS came in clear.
    pub(super) fn needs_tls(&self, verb: Verb) -> Reply {
        // RFC 2228 3: CCC has a code of its own.
        let code = if verb == Verb::Ccc { 533 } else { 503 };
        if self.security.control == Control::Cleared {
            Reply::line(code, "TLS was ended with CCC; connect again for another")
        } else {
            Reply::line(code, "Send AUTH TLS first")
        }
    }

    /// Security P17. After CCC it goes on: the login was under TLS, its files may be secret.
    pub(super) fn must_not_transfer_in_clear(&self) -> bool {
        self.options.data_tls_required
            && self.security.control != Control::Clear
            && !self.security.private
    }

    /// Lines of STAT.
    pub(super) fn protection(&self) -> [Vec<u8>; 2] {
        let control: &[u8] = if self.is_protected() {
            b"Control connection: under TLS"
        } else {
            b"Control connection: in clear"
        };
        let data: &[u8] = match (self.security.private, self.security.client) {
            (true, true) => b"Data connections: under TLS, this server as its client",
            (true, false) => b"Data connections: under TLS",
            (false, _) => b"Data connections: in clear",
        };
        [control.to_vec(), data.to_vec()]
    }
}

/// While TLS begins or ends, nothing that came before is a command (security P9).
pub(super) fn not_now() -> Step {
    Step::Close(Reply::line(421, "A command came before TLS was ready"))
}

/// The words clients look for.
fn client_state(on: bool) -> Reply {
    if on {
        Reply::line(200, "SSCN:CLIENT METHOD")
    } else {
        Reply::line(200, "SSCN:SERVER METHOD")
    }
}

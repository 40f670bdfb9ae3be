//! Who is being logged in, and to which site.

use secrecy::SecretSlice;

use super::{Action, Dialogue, Outcome, Step};
use crate::command::HostName;
use crate::reply::Reply;

/// How far the login has come; named for what it awaits.
#[derive(Debug)]
pub(super) enum Login {
    ExpectUser,
    ExpectPassword { name: Box<[u8]> },
    Established,
}

impl Dialogue {
    pub(super) fn user(&mut self, name: Box<[u8]>) -> Step {
        if self.is_logged_in() {
            // Security A9: an identity never changes under a live session.
            return Step::Reply(Reply::line(503, "Already logged in; REIN starts over"));
        }
        self.login = Login::ExpectUser;
        Step::Do(Action::Identify { name })
    }

    pub(super) fn pass(&mut self, password: SecretSlice<u8>) -> Step {
        match std::mem::replace(&mut self.login, Login::ExpectUser) {
            Login::ExpectPassword { name } => Step::Do(Action::Authenticate { name, password }),
            Login::ExpectUser => Step::Reply(Reply::line(503, "Send USER first")),
            Login::Established => {
                self.login = Login::Established;
                Step::Reply(Reply::line(202, "Already logged in"))
            }
        }
    }

    /// RFC 7151 3.2: before the login only. A USER sent to another site was not sent to this one.
    pub(super) fn host(&mut self, name: &HostName) -> Step {
        if self.is_logged_in() {
            return Step::Reply(Reply::line(
                503,
                "HOST comes before the login; REIN starts over",
            ));
        }
        self.login = Login::ExpectUser;
        Step::Do(Action::SelectSite {
            name: name.to_string().into(),
        })
    }

    pub(super) fn reinitialise(&mut self) -> Step {
        self.security.restart();
        self.start_over();
        Step::Do(Action::Reinitialise)
    }

    pub(super) fn ask_password(&mut self, name: Box<[u8]>) -> Reply {
        self.login = Login::ExpectPassword { name };
        Reply::line(331, "Password required")
    }

    pub(super) fn logged_in(&mut self, how: &Outcome) -> Reply {
        self.login = Login::Established;
        match how {
            // RFC 2228 5.3: the security exchange was enough, and PASS is not needed.
            Outcome::LoggedInByCertificate => Reply::line(232, "Logged in by certificate"),
            _ => Reply::line(230, "Logged in"),
        }
    }
}

//! The server's side of the dialogue, as a machine: a line goes in, a [`Step`] comes out. When the
//! step is work, its [`Outcome`] goes in and the reply comes out. No IO, no clock.
//!
//! What the machine knows is what RFC 959 calls the state of the control connection: who is being
//! logged in, what TLS protects, the representation, where the next data connection comes from,
//! and what the last command prepared (REST, RNFR, ALLO).

mod action;
mod informed;
mod login;
mod security;
mod settings;
mod transfers;

pub use informed::{opening, opening_unique, progress};

pub use action::{
    Action, Failure, ListForm, Outcome, PathArgument, Route, Step, Transfer, TransferKind, Why,
};
pub use security::TlsOffer;

use std::net::SocketAddr;

use crate::command::{Command, CommandError, SiteCommand};
use crate::listing::write::FactSet;
use crate::reply::{Reply, quoted};
use crate::verb::{Verb, VerbInfo};
use login::Login;
use security::Security;
use transfers::{Pending, Prepared};

/// The machine. One for each control connection.
#[derive(Debug)]
pub struct Dialogue {
    options: DialogueOptions,
    security: Security,
    login: Login,
    ascii: bool,
    facts: FactSet,
    extended_only: bool,
    pending: Option<Pending>,
    prepared: Prepared,
    declared: Option<u64>,
}

/// What a dialogue is to know of its connection and its server.
#[derive(Debug, Clone, Copy, Default)]
pub struct DialogueOptions {
    /// The control connection runs over IPv6, where PASV and PORT cannot carry the address.
    pub ipv6: bool,
    /// Whether TLS is to be had, and how.
    pub tls: TlsOffer,
    /// Once the control connection was protected, a transfer in clear is refused with 522.
    pub data_tls_required: bool,
    /// CCC may end the protection of the control connection.
    pub ccc_allowed: bool,
}

impl Dialogue {
    /// A fresh connection.
    #[must_use]
    pub fn new(options: DialogueOptions) -> Self {
        Self {
            options,
            security: Security::new(options.tls),
            login: Login::ExpectUser,
            // RFC 959 5.1: the default representation is ASCII non-print.
            ascii: true,
            facts: FactSet::default(),
            extended_only: false,
            pending: None,
            prepared: Prepared::Nothing,
            declared: None,
        }
    }

    /// Whether somebody is logged in.
    #[must_use]
    pub const fn is_logged_in(&self) -> bool {
        matches!(self.login, Login::Established)
    }

    /// Whether a passive port that was opened is still what the next transfer will use.
    #[must_use]
    pub fn awaits_passive(&self) -> bool {
        let pending = self.pending.as_ref();
        pending.is_some_and(|pending| pending.route == Route::Passive)
    }

    /// One control line, without its line end.
    pub fn command(&mut self, line: &[u8]) -> Step {
        if self.security.is_changing() {
            return security::not_now();
        }
        let command = match Command::parse(line) {
            Ok(command) => command,
            Err(error) => {
                self.prepared = Prepared::Nothing;
                return self.refusal(&error);
            }
        };
        if let Some(refusal) = self.gate(command.verb().info()) {
            return Step::Reply(refusal);
        }
        let prepared = std::mem::replace(&mut self.prepared, Prepared::Nothing);
        if sets_up_a_transfer(command.verb()) && !matches!(prepared, Prepared::Rename { .. }) {
            // Clients differ in whether REST comes before or after PASV, TYPE and ALLO.
            self.prepared = prepared;
            return self.dispatch(command, Prepared::Nothing);
        }
        self.dispatch(command, prepared)
    }

    /// One control line while a transfer runs. `None`: not now; it waits its turn.
    pub fn during_transfer(&self, line: &[u8]) -> Option<DuringTransfer> {
        match Command::parse(line) {
            Ok(Command::Abor) => Some(DuringTransfer::Abort),
            Ok(Command::Quit) => Some(DuringTransfer::Quit),
            Ok(Command::Noop) => Some(DuringTransfer::Reply(Reply::line(200, "Still here"))),
            Ok(Command::Stat(None)) => Some(DuringTransfer::Status),
            _ => None,
        }
    }

    /// What the table says against a verb in this state.
    fn gate(&self, info: &VerbInfo) -> Option<Reply> {
        let served = self.options.serves(info);
        if served && info.tls && !self.is_protected() {
            return Some(self.needs_tls(info.verb));
        }
        if info.login && !self.is_logged_in() {
            return Some(not_logged_in());
        }
        (!served).then(|| not_built(info.name))
    }

    // tidy: table
    fn dispatch(&mut self, command: Command, prepared: Prepared) -> Step {
        use Action as A;
        match command {
            Command::User(name) => self.user(name),
            Command::Pass(password) => self.pass(password),
            Command::Acct(_) => Step::Reply(Reply::line(202, "No account information is needed")),
            Command::Rein => self.reinitialise(),
            Command::Host(name) => self.host(&name),
            Command::Auth(mechanism) => self.auth(&mechanism),
            Command::Pbsz(_) => Step::Reply(self.protection_buffer()),
            Command::Prot(level) => Step::Reply(self.protection_level(level)),
            Command::Ccc => self.clear_command_channel(),
            Command::Sscn(change) => self.secure_client(change),
            Command::Quit => Step::Close(Reply::line(221, "Goodbye")),
            Command::Cwd(path) => Step::Do(A::ChangeDirectory { path, up: false }),
            Command::Cdup => Step::Do(A::ChangeDirectory {
                path: Box::from(&b".."[..]),
                up: true,
            }),
            Command::Pwd => Step::Do(A::PrintDirectory),
            Command::Mkd(path) => Step::Do(A::MakeDirectory { path }),
            Command::Rmd(path) => Step::Do(A::RemoveDirectory { path }),
            Command::Dele(path) => Step::Do(A::Delete { path }),
            Command::Rnfr(path) => Step::Do(A::RenameFrom { path }),
            Command::Rnto(to) => match prepared {
                Prepared::Rename { from } => Step::Do(A::Rename { from, to }),
                _ => Step::Reply(Reply::line(503, "Send RNFR immediately before RNTO")),
            },
            Command::Port(target) => self.active(SocketAddr::V4(target), false),
            Command::Eprt(target) => self.active(target, true),
            Command::Pasv => self.passive(),
            Command::Cpsv => self.passive_as_client(),
            Command::Epsv(argument) => self.extended_passive(argument),
            Command::Retr(path) => self.retrieve(path, prepared),
            Command::Stor(path) => self.store(path, prepared),
            Command::Stou(near) => self.store_unique(near),
            Command::Appe(path) => self.append(path),
            Command::List(arguments) => self.list(arguments, ListForm::Long),
            Command::Nlst(arguments) => self.list(arguments, ListForm::Names),
            Command::Mlsd(path) => self.list_facts(path),
            Command::Mlst(path) => Step::Do(A::FactsOf {
                path,
                selection: self.facts,
            }),
            Command::Stat(Some(arguments)) => Step::Do(A::StatusOf { arguments }),
            Command::Stat(None) => Step::Do(A::Status {
                settings: self.settings(),
            }),
            Command::Size(path) => Step::Do(A::Size {
                path,
                ascii: self.ascii,
            }),
            Command::Mdtm { path, set } => Step::Do(A::ModificationTime { path, set }),
            Command::Mfmt { time, path } => Step::Do(A::SetModificationTime { path, time }),
            Command::Mff { facts, path } => Step::Do(A::SetFacts { path, facts }),
            Command::Allo { size, .. } => Step::Do(A::Allocate { size }),
            Command::Avbl(path) => Step::Do(A::Available { path }),
            Command::Site(site) => self.site(site),
            other => self.setting(&other),
        }
    }

    fn site(&self, site: SiteCommand) -> Step {
        use Action as A;
        match site {
            SiteCommand::Chmod { mode, path } => Step::Do(A::ChangeMode { path, mode }),
            SiteCommand::Utime { modified, path } => Step::Do(A::Utime { path, modified }),
            SiteCommand::Symlink { target, path } => Step::Do(A::MakeSymlink { target, path }),
            SiteCommand::Umask(mask) => Step::Do(A::Umask { mask }),
            SiteCommand::Idle(seconds) => Step::Do(A::Idle { seconds }),
            SiteCommand::Help => Step::Reply(informed::site_help()),
            other => Step::Reply(not_built(other.name())),
        }
    }

    /// The reply to an action's outcome.
    pub fn done(&mut self, action: Action, outcome: Outcome) -> Reply {
        if let Outcome::Failed(failure) = outcome {
            return self.failed(&action, failure);
        }
        match (action, outcome) {
            (Action::Identify { name }, Outcome::AskPassword) => self.ask_password(name),
            (
                Action::Identify { .. } | Action::Authenticate { .. },
                outcome @ (Outcome::LoggedIn | Outcome::LoggedInByCertificate),
            ) => self.logged_in(&outcome),
            (Action::SecureClient { on }, Outcome::Done) => self.secure_client_is(on),
            (
                Action::OpenPassive {
                    extended,
                    tls_client,
                },
                Outcome::Passive(address),
            ) => {
                self.pending = Some(Pending {
                    route: Route::Passive,
                    tls_client,
                });
                if extended {
                    crate::address::reply_229(address.port())
                } else {
                    crate::address::reply_227(address)
                }
            }
            (Action::CheckActive { target, .. }, Outcome::Done) => {
                self.pending = Some(Pending {
                    route: Route::Active(target),
                    tls_client: false,
                });
                Reply::line(200, "Data will go to that address")
            }
            (Action::RenameFrom { path }, Outcome::Done) => {
                self.prepared = Prepared::Rename { from: path };
                Reply::line(350, "Ready for RNTO")
            }
            (Action::Allocate { size }, Outcome::Done) => {
                self.declared = Some(size);
                Reply::line(200, "There is room")
            }
            (action, outcome) => informed::done(&action, outcome),
        }
    }

    fn failed(&mut self, action: &Action, failure: Failure) -> Reply {
        if matches!(
            action,
            Action::Identify { .. } | Action::Authenticate { .. }
        ) {
            self.login = Login::ExpectUser;
        }
        Reply::line(failure.code, failure.text)
    }

    fn refusal(&mut self, error: &CommandError) -> Step {
        if let Some(verb) = error.verb() {
            if matches!(verb, Verb::Port | Verb::Eprt) {
                // Security P3: a bad address leaves none in force.
                self.pending = None;
            }
            // SITE is told apart word by word, and an unknown word is no secret.
            if *error != CommandError::UnknownSite
                && let Some(refusal) = self.gate(verb.info())
            {
                return Step::Reply(refusal);
            }
        }
        informed::refusal(error, self.options.ipv6)
    }

    /// Everything but TLS is as on a fresh connection.
    fn start_over(&mut self) {
        *self = Self {
            security: self.security,
            ..Self::new(self.options)
        };
    }
}

impl DialogueOptions {
    /// Whether HELP shows the verb and it is answered with something else than 502.
    fn serves(self, info: &VerbInfo) -> bool {
        info.built && !(info.of_tls && self.tls == TlsOffer::None)
    }

    /// Whether FEAT shows the line the verb brings.
    fn features(self, info: &VerbInfo) -> bool {
        self.serves(info) && (info.verb != Verb::Ccc || self.ccc_allowed)
    }
}

/// What a command means while a transfer runs.
#[derive(Debug)]
pub enum DuringTransfer {
    /// ABOR: stop it; 426 for the transfer, then 226.
    Abort,
    /// QUIT: after it.
    Quit,
    /// STAT: how far it has come.
    Status,
    /// NOOP.
    Reply(Reply),
}

const fn sets_up_a_transfer(verb: Verb) -> bool {
    matches!(
        verb,
        Verb::Pasv
            | Verb::Epsv
            | Verb::Cpsv
            | Verb::Port
            | Verb::Eprt
            | Verb::Allo
            | Verb::Type
            | Verb::Pbsz
            | Verb::Prot
            | Verb::Sscn
    )
}

fn not_logged_in() -> Reply {
    Reply::line(530, "Log in with USER and PASS first")
}

fn not_built(name: &'static str) -> Reply {
    Reply::line(502, format!("{name} is not implemented"))
}

/// `257 "path" text`: quotes in the path are doubled (RFC 959 appendix II).
fn path_reply(path: &[u8], text: &'static str) -> Reply {
    Reply::raw(257, [quoted(path).as_slice(), text.as_bytes()].concat())
}

#[cfg(test)]
mod tests;

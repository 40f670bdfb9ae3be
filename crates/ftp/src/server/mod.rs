//! The server's side of the dialogue, as a machine: a line goes in, a [`Step`] comes out. When the
//! step is work, its [`Outcome`] goes in and the reply comes out. No IO, no clock.
//!
//! What the machine knows is what RFC 959 calls the state of the control connection: who is being
//! logged in, the representation, where the next data connection comes from, and what the last
//! command prepared (REST, RNFR, ALLO).

mod action;
mod informed;

pub use informed::{opening, opening_unique, progress};

pub use action::{
    Action, Failure, ListForm, Outcome, PathArgument, Route, Step, Transfer, TransferKind, Why,
};

use std::net::{IpAddr, SocketAddr};

use crate::command::{
    Command, CommandError, EpsvArgument, ListArguments, OptsArgument, SiteCommand, TypeCode,
};
use crate::listing::write::FactSet;
use crate::reply::{Reply, quoted};
use crate::verb::Verb;

/// The machine. One for each control connection.
#[derive(Debug)]
pub struct Dialogue {
    login: Login,
    ascii: bool,
    facts: FactSet,
    extended_only: bool,
    ipv6: bool,
    route: Option<Route>,
    prepared: Prepared,
    declared: Option<u64>,
}

/// How far the login has come; named for what it awaits.
#[derive(Debug)]
enum Login {
    ExpectUser,
    ExpectPassword { name: Box<[u8]> },
    Established,
}

/// What the last command prepared for the next one, and only for that.
#[derive(Debug)]
enum Prepared {
    Nothing,
    Restart { offset: u64 },
    Range { start: u64, last: u64 },
    Rename { from: PathArgument },
}

impl Dialogue {
    /// A fresh connection. `ipv6` says whether the control connection runs over IPv6, where PASV
    /// and PORT cannot carry the address.
    #[must_use]
    pub fn new(ipv6: bool) -> Self {
        Self {
            login: Login::ExpectUser,
            // RFC 959 5.1: the default representation is ASCII non-print.
            ascii: true,
            facts: FactSet::default(),
            extended_only: false,
            ipv6,
            route: None,
            prepared: Prepared::Nothing,
            declared: None,
        }
    }

    /// Whether somebody is logged in.
    #[must_use]
    pub const fn is_logged_in(&self) -> bool {
        matches!(self.login, Login::Established)
    }

    /// One control line, without its line end.
    pub fn command(&mut self, line: &[u8]) -> Step {
        let command = match Command::parse(line) {
            Ok(command) => command,
            Err(error) => {
                self.prepared = Prepared::Nothing;
                return self.refusal(&error);
            }
        };
        let info = command.verb().info();
        if info.login && !self.is_logged_in() {
            return Step::Reply(not_logged_in());
        }
        if !info.built {
            return Step::Reply(not_built(info.name));
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

    fn dispatch(&mut self, command: Command, prepared: Prepared) -> Step {
        use Action as A;
        match command {
            Command::User(name) => self.user(name),
            Command::Pass(password) => {
                match std::mem::replace(&mut self.login, Login::ExpectUser) {
                    Login::ExpectPassword { name } => Step::Do(A::Authenticate { name, password }),
                    Login::ExpectUser => Step::Reply(Reply::line(503, "Send USER first")),
                    Login::Established => {
                        self.login = Login::Established;
                        Step::Reply(Reply::line(202, "Already logged in"))
                    }
                }
            }
            Command::Acct(_) => Step::Reply(Reply::line(202, "No account information is needed")),
            Command::Rein => {
                *self = Self::new(self.ipv6);
                Step::Do(A::Reinitialise)
            }
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
            Command::Pasv => self.passive(false),
            Command::Epsv(argument) => self.extended_passive(argument),
            Command::Retr(path) => self.retrieve(path, prepared),
            Command::Stor(path) => self.store(path, prepared),
            Command::Stou(near) => {
                let declared = self.declared.take();
                self.transfer(TransferKind::StoreUnique { near, declared })
            }
            Command::Appe(path) => {
                let declared = self.declared.take();
                self.transfer(TransferKind::Append { path, declared })
            }
            Command::List(arguments) => self.list(arguments, ListForm::Long),
            Command::Nlst(arguments) => self.list(arguments, ListForm::Names),
            Command::Mlsd(path) => {
                let arguments = ListArguments {
                    path,
                    ..ListArguments::default()
                };
                self.list(arguments, ListForm::Facts(self.facts))
            }
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

    fn user(&mut self, name: Box<[u8]>) -> Step {
        if self.is_logged_in() {
            // Security A9: an identity never changes under a live session.
            return Step::Reply(Reply::line(503, "Already logged in; REIN starts over"));
        }
        self.login = Login::ExpectUser;
        Step::Do(Action::Identify { name })
    }

    fn active(&mut self, target: SocketAddr, extended: bool) -> Step {
        // Security P3: whatever follows, an earlier address is no longer in force.
        self.route = None;
        if self.extended_only {
            return Step::Reply(extended_only());
        }
        if matches!(target.ip(), IpAddr::V6(_)) != self.ipv6 {
            return Step::Reply(informed::wrong_family(self.ipv6));
        }
        Step::Do(Action::CheckActive { target, extended })
    }

    fn passive(&mut self, extended: bool) -> Step {
        self.route = None;
        if self.extended_only && !extended {
            return Step::Reply(extended_only());
        }
        if self.ipv6 && !extended {
            let text = "PASV cannot carry an IPv6 address; use EPSV";
            return Step::Refuse {
                code: 425,
                text,
                why: Why::PassiveOverIpv6,
            };
        }
        Step::Do(Action::OpenPassive { extended })
    }

    fn extended_passive(&mut self, argument: EpsvArgument) -> Step {
        match argument {
            EpsvArgument::All => {
                // RFC 2428 4; security P18: it holds to the end of the session.
                self.extended_only = true;
                Step::Reply(Reply::line(200, "Only EPSV from now on"))
            }
            EpsvArgument::V4 if self.ipv6 => Step::Reply(informed::wrong_family(self.ipv6)),
            EpsvArgument::V6 if !self.ipv6 => Step::Reply(informed::wrong_family(self.ipv6)),
            EpsvArgument::Any | EpsvArgument::V4 | EpsvArgument::V6 => self.passive(true),
        }
    }

    fn retrieve(&mut self, path: PathArgument, prepared: Prepared) -> Step {
        let (start, last) = match prepared {
            Prepared::Restart { offset } => (offset, None),
            Prepared::Range { start, last } => (start, Some(last)),
            Prepared::Nothing | Prepared::Rename { .. } => (0, None),
        };
        self.transfer(TransferKind::Retrieve { path, start, last })
    }

    fn store(&mut self, path: PathArgument, prepared: Prepared) -> Step {
        let declared = self.declared.take();
        match prepared {
            Prepared::Range { .. } => {
                Step::Reply(Reply::line(551, "RANG holds for RETR only; use REST"))
            }
            Prepared::Restart { offset } => self.transfer(TransferKind::Store {
                path,
                offset,
                declared,
            }),
            Prepared::Nothing | Prepared::Rename { .. } => self.transfer(TransferKind::Store {
                path,
                offset: 0,
                declared,
            }),
        }
    }

    fn list(&mut self, arguments: ListArguments, form: ListForm) -> Step {
        self.transfer(TransferKind::List { arguments, form })
    }

    fn transfer(&mut self, kind: TransferKind) -> Step {
        match self.route.take() {
            Some(route) => Step::Do(Action::Transfer(Transfer {
                kind,
                route,
                ascii: self.ascii,
            })),
            None => Step::Reply(Reply::line(425, "Use PASV, EPSV, PORT or EPRT first")),
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

    /// Commands that only read or change what the machine itself holds.
    fn setting(&mut self, command: &Command) -> Step {
        match command {
            Command::Rest(offset) if *offset > 0 && self.ascii => {
                // Offsets into converted text would count line ends that are not in the file.
                return restart_in_ascii("REST needs TYPE I; in TYPE A only REST 0 is taken");
            }
            Command::Rang { start, end } if self.ascii && (*start, *end) != (1, 0) => {
                return restart_in_ascii("RANG needs TYPE I");
            }
            _ => {}
        }
        Step::Reply(match command {
            Command::Type(code) => {
                self.ascii = matches!(code, TypeCode::Ascii);
                if self.ascii {
                    // An offset counted in binary means nothing in converted text.
                    self.prepared = Prepared::Nothing;
                    Reply::line(200, "Type is ASCII")
                } else {
                    Reply::line(200, "Type is binary")
                }
            }
            Command::Stru(_) => Reply::line(200, "Structure is file"),
            Command::Mode(_) => Reply::line(200, "Mode is stream"),
            Command::Rest(0) => {
                self.prepared = Prepared::Nothing;
                Reply::line(350, "Restarting at 0")
            }
            Command::Rest(offset) => {
                self.prepared = Prepared::Restart { offset: *offset };
                Reply::line(350, format!("Restarting at {offset}"))
            }
            Command::Rang { start, end } => self.range(*start, *end),
            Command::Opts(argument) => self.options(argument),
            Command::Abor => Reply::line(226, "No transfer to abort"),
            other => informed::answer(other, self.facts),
        })
    }

    fn range(&mut self, start: u64, last: u64) -> Reply {
        if start == 1 && last == 0 {
            return Reply::line(350, "Range reset");
        }
        self.prepared = Prepared::Range { start, last };
        Reply::line(350, format!("Restarting at {start}, ending after {last}"))
    }

    fn options(&mut self, argument: &OptsArgument) -> Reply {
        match argument {
            OptsArgument::Utf8(true) => Reply::line(200, "UTF-8 is always on"),
            OptsArgument::Utf8(false) => Reply::line(504, "UTF-8 cannot be turned off"),
            OptsArgument::Mlst(names) => {
                self.facts = FactSet::from_names(names);
                // RFC 3659 7.9: the reply names the facts that will be sent.
                let mut text = String::from("MLST OPTS");
                let chosen = self.facts.to_string();
                if !chosen.is_empty() {
                    text.push(' ');
                    text.push_str(&chosen);
                }
                Reply::line(200, text)
            }
            _ => Reply::line(501, "No such option; FEAT tells which there are"),
        }
    }

    fn settings(&self) -> Vec<Vec<u8>> {
        let kind: &[u8] = if self.ascii {
            b"TYPE: ASCII"
        } else {
            b"TYPE: binary"
        };
        vec![kind.to_vec(), b"STRU: file; MODE: stream".to_vec()]
    }

    /// The reply to an action's outcome.
    pub fn done(&mut self, action: Action, outcome: Outcome) -> Reply {
        if let Outcome::Failed(failure) = outcome {
            return self.failed(&action, failure);
        }
        match (action, outcome) {
            (Action::Identify { name }, Outcome::AskPassword) => {
                self.login = Login::ExpectPassword { name };
                Reply::line(331, "Password required")
            }
            (Action::Identify { .. } | Action::Authenticate { .. }, Outcome::LoggedIn) => {
                self.login = Login::Established;
                Reply::line(230, "Logged in")
            }
            (Action::OpenPassive { extended }, Outcome::Passive(address)) => {
                self.route = Some(Route::Passive);
                if extended {
                    crate::address::reply_229(address.port())
                } else {
                    crate::address::reply_227(address)
                }
            }
            (Action::CheckActive { target, .. }, Outcome::Done) => {
                self.route = Some(Route::Active(target));
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
        let verb = match error {
            CommandError::UnknownVerb | CommandError::UnknownSite => None,
            CommandError::Syntax { verb, .. }
            | CommandError::Parameter { verb, .. }
            | CommandError::NotBuilt(verb)
            | CommandError::NetworkProtocol(verb)
            | CommandError::ForbiddenByte(verb) => Some(verb),
        };
        if let Some(verb) = verb {
            if matches!(verb, Verb::Port | Verb::Eprt) {
                // Security P3: a bad address leaves none in force.
                self.route = None;
            }
            if verb.info().login && !self.is_logged_in() {
                return Step::Reply(not_logged_in());
            }
        }
        informed::refusal(error, self.ipv6)
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
        Verb::Pasv | Verb::Epsv | Verb::Port | Verb::Eprt | Verb::Allo | Verb::Type
    )
}

fn restart_in_ascii(text: &'static str) -> Step {
    Step::Refuse {
        code: 504,
        text,
        why: Why::RestartInAscii,
    }
}

fn not_logged_in() -> Reply {
    Reply::line(530, "Log in with USER and PASS first")
}

fn not_built(name: &'static str) -> Reply {
    Reply::line(502, format!("{name} is not implemented"))
}

fn extended_only() -> Reply {
    Reply::line(501, "Only EPSV is allowed after EPSV ALL")
}

/// `257 "path" text`: quotes in the path are doubled (RFC 959 appendix II).
fn path_reply(path: &[u8], text: &'static str) -> Reply {
    Reply::raw(257, [quoted(path).as_slice(), text.as_bytes()].concat())
}

#[cfg(test)]
mod tests;

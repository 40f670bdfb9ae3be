//! What each action of the dialogue does. No rule lives here: permissions and files are the
//! session's, wording is the machine's.

use std::net::SocketAddr;

use wharf_accounts::Permission;
use wharf_causes::id;
use wharf_ftp::command::{Fact, ListArguments};
use wharf_ftp::listing::write::FactSet;
use wharf_ftp::server::{Action, ListForm, Outcome};
use wharf_ftp::time::Timestamp;
use wharf_net::active::{ActiveRefused, check_active, check_between_servers};
use wharf_net::passive::PassiveError;
use wharf_vfs::{Attributes, Follow, Kind as FileKind, Replace, VPath};

use super::codes::reported;
use super::control::{Connection, End};
use super::entries;
use super::lister::{Bounds, Lister};
use crate::failure::{Failure, Kind};
use crate::session::Session;

/// SIZE in TYPE A converts files up to this size to count; larger ones are refused.
const ASCII_SIZE_BYTES: u64 = 1 << 20;
/// The longest idle timeout SITE IDLE gives.
const LONGEST_IDLE_SECONDS: u64 = 7200;

impl Connection {
    /// Does the work of a step and answers it.
    pub(super) async fn perform(&mut self, action: Action) -> Result<(), End> {
        let action = match action {
            Action::Transfer(transfer) => return self.transfer(transfer).await,
            other => other,
        };
        let outcome = self
            .execute(&action)
            .await
            .unwrap_or_else(|failure| Outcome::Failed(reported(&failure)));
        let close = matches!(&outcome, Outcome::Failed(failure) if failure.close);
        let reply = self.dialogue.done(action, outcome);
        self.forget_passive();
        self.send(&reply).await?;
        if close { Err(End::Refused) } else { Ok(()) }
    }

    /// The session; the machine asks for no file work before the login.
    pub(super) fn session(&self) -> Result<&Session, Failure> {
        self.session.as_deref().ok_or_else(|| {
            Failure::new(
                Kind::LoginFailed,
                id::B_1,
                "Log in with USER and PASS first",
            )
        })
    }

    pub(super) fn resolve(&self, path: &[u8]) -> Result<VPath, Failure> {
        Ok(self.directory.resolve(path)?)
    }

    fn resolve_or_here(&self, path: Option<&[u8]>) -> Result<VPath, Failure> {
        path.map_or_else(|| Ok(self.directory.clone()), |path| self.resolve(path))
    }

    async fn execute(&mut self, action: &Action) -> Result<Outcome, Failure> {
        match action {
            Action::Identify { name } => Ok(self.identify(name).await),
            Action::Authenticate { name, password } => Ok(self.authenticate(name, password).await),
            Action::Reinitialise => Ok(self.reinitialise()),
            Action::SelectSite { name } => self.select_site(name),
            Action::SecureClient { on } => self.secure_client(*on),
            Action::OpenPassive {
                extended,
                tls_client,
            } => {
                if *tls_client {
                    self.must_be_fxp()?;
                }
                self.open_passive(*extended).await
            }
            Action::CheckActive { target, .. } => self.check_active(*target),
            Action::ChangeDirectory { path, .. } => {
                let path = self.resolve(path)?;
                self.session()?.enter(&path).await?;
                self.directory = path;
                Ok(Outcome::Done)
            }
            Action::PrintDirectory => Ok(Outcome::Path(self.directory.as_bytes().into())),
            Action::Umask { mask } => {
                if let Some(mask) = mask {
                    // The administrator's umask is loosened only by who may change modes anyway.
                    let session = self.session()?;
                    let held = session.permissions(&self.directory)?;
                    let free = held.contains(Permission::Attributes);
                    let floor = if free { 0 } else { self.config().umask };
                    self.umask = mask | floor;
                }
                Ok(Outcome::Number(u64::from(self.umask)))
            }
            Action::Idle { seconds } => self.set_idle(*seconds),
            Action::Status { settings } => Ok(Outcome::Lines(self.status(settings.clone()))),
            other => self.work_on_files(other).await,
        }
    }

    async fn work_on_files(&self, action: &Action) -> Result<Outcome, Failure> {
        let session = self.session()?;
        match action {
            Action::MakeDirectory { path } => {
                let path = self.resolve(path)?;
                session.make_directory(&path, 0o777 & !self.umask).await?;
                return Ok(Outcome::Path(path.as_bytes().into()));
            }
            Action::RemoveDirectory { path } => {
                session.remove_directory(&self.resolve(path)?).await?;
            }
            Action::Delete { path } => session.remove_file(&self.resolve(path)?).await?,
            Action::RenameFrom { path } => session.may_rename(&self.resolve(path)?).await?,
            Action::Rename { from, to } => {
                session
                    .rename(&self.resolve(from)?, &self.resolve(to)?, Replace::Yes)
                    .await?;
            }
            Action::Size { path, ascii } => {
                return size(session, &self.resolve(path)?, *ascii)
                    .await
                    .map(Outcome::Number);
            }
            Action::ModificationTime { path, set } => {
                return self.modification_time(session, path, set.as_ref()).await;
            }
            Action::SetModificationTime { path, time } => {
                let attributes = modified(*time);
                session
                    .set_attributes(&self.resolve(path)?, attributes, Follow::Yes)
                    .await?;
            }
            Action::Utime {
                path,
                modified: time,
            } => {
                session
                    .set_attributes(&self.resolve(path)?, modified(*time), Follow::Yes)
                    .await?;
            }
            Action::SetFacts { path, facts } => {
                session
                    .set_attributes(&self.resolve(path)?, attributes(facts)?, Follow::Yes)
                    .await?;
            }
            Action::ChangeMode { path, mode } => {
                // Set-id and sticky bits are not a client's to give.
                let mode = Some(mode & 0o777);
                let attributes = Attributes {
                    mode,
                    ..Attributes::default()
                };
                session
                    .set_attributes(&self.resolve(path)?, attributes, Follow::Yes)
                    .await?;
            }
            Action::MakeSymlink { target, path } => {
                session.make_symlink(target, &self.resolve(path)?).await?;
            }
            Action::Allocate { size } => session.has_room(&self.directory, *size).await?,
            Action::Available { path } => {
                let path = self.resolve_or_here(path.as_deref())?;
                return Ok(Outcome::Number(session.space(&path).await?.available));
            }
            Action::FactsOf { path, selection } => {
                return self.facts_of(session, path.as_deref(), *selection).await;
            }
            Action::StatusOf { arguments } => {
                return self.status_of(session, arguments).await;
            }
            _ => {}
        }
        Ok(Outcome::Done)
    }

    async fn open_passive(&mut self, extended: bool) -> Result<Outcome, Failure> {
        // The old port goes first: one pending per session (security R5).
        self.passive = None;
        let peer = self.guard.handle.peer.ip();
        let open = self.is_fxp();
        let opened = if open {
            self.current.ports.open_for_anybody(self.local)
        } else {
            self.current.ports.open(self.local, peer)
        };
        let listener = opened.map_err(|error| match error {
            PassiveError::Exhausted => Failure::new(
                Kind::NoDataConnection,
                id::D_8,
                "All passive ports of the server are in use, try again in 5 s",
            ),
            PassiveError::Io(error) => {
                tracing::error!(%error, "a passive port cannot be opened");
                Failure::new(
                    Kind::NoDataConnection,
                    id::D_16,
                    "The server cannot open a port",
                )
            }
        })?;
        let address = if extended {
            self.local
        } else {
            self.current.advertised.address_for(peer, self.local).await
        };
        let port = listener.port();
        self.hold_passive(listener, open);
        Ok(Outcome::Passive(SocketAddr::new(address, port)))
    }

    fn check_active(&mut self, target: SocketAddr) -> Result<Outcome, Failure> {
        self.passive = None;
        self.may_connect_to(target)?;
        Ok(Outcome::Done)
    }

    /// Whether data may go to that address.
    pub(super) fn may_connect_to(&self, target: SocketAddr) -> Result<(), Failure> {
        let peer = self.guard.handle.peer.ip();
        let checked = if self.is_fxp() {
            check_between_servers(peer, target)
        } else {
            check_active(peer, target)
        };
        checked.map_err(|refused| {
            let text = match refused {
                ActiveRefused::ForeignAddress if self.is_fxp() => {
                    "Data goes to no address that you could not reach yourself".to_owned()
                }
                ActiveRefused::ForeignAddress => {
                    format!("Data goes only to the client's own address, {peer}")
                }
                ActiveRefused::LowPort => "Data goes only to ports from 1024 on".to_owned(),
            };
            Failure::new(Kind::ForeignAddress, id::D_9, text)
        })
    }

    fn set_idle(&mut self, seconds: Option<u64>) -> Result<Outcome, Failure> {
        if let Some(seconds) = seconds {
            if !(1..=LONGEST_IDLE_SECONDS).contains(&seconds) {
                let text = format!("The idle timeout is 1 to {LONGEST_IDLE_SECONDS} s");
                return Err(Failure {
                    kind: Kind::Unsupported,
                    cause: None,
                    text: text.into(),
                });
            }
            self.idle = std::time::Duration::from_secs(seconds);
        }
        Ok(Outcome::Number(self.idle.as_secs()))
    }

    fn status(&self, settings: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
        let handle = &self.guard.handle;
        let mut lines = vec![format!("Connected from {}", handle.peer.ip()).into_bytes()];
        match handle.account() {
            Some(account) => lines.push(format!("Logged in as {}", account.name).into_bytes()),
            None => lines.push(b"Not logged in".to_vec()),
        }
        lines.extend(settings);
        lines.push(format!("Idle timeout: {} s", self.idle.as_secs()).into_bytes());
        lines
    }

    /// MDTM. A file whose whole name looks like `time name` is read; otherwise it is set.
    async fn modification_time(
        &self,
        session: &Session,
        path: &[u8],
        set: Option<&(Timestamp, Box<[u8]>)>,
    ) -> Result<Outcome, Failure> {
        let path = self.resolve(path)?;
        let found = session.stat(&path).await;
        match (found, set) {
            (Ok(metadata), _) if metadata.partial => Err(Failure::new(
                Kind::NotFound,
                id::C_7,
                "No such file or directory",
            )),
            (Ok(metadata), _) if metadata.kind == FileKind::File => {
                Ok(Outcome::Time(entries::timestamp(metadata.modified)))
            }
            (Ok(_), _) => Err(Failure::new(Kind::WrongType, id::C_8, "Not a regular file")),
            (Err(failure), Some((time, name))) if failure.kind == Kind::NotFound => {
                session
                    .set_attributes(&self.resolve(name)?, modified(*time), Follow::Yes)
                    .await?;
                Ok(Outcome::Time(*time))
            }
            (Err(failure), _) => Err(failure),
        }
    }

    async fn facts_of(
        &self,
        session: &Session,
        path: Option<&[u8]>,
        selection: FactSet,
    ) -> Result<Outcome, Failure> {
        let path = self.resolve_or_here(path)?;
        let metadata = session.stat(&path).await?;
        let held = session.permissions(&path)?;
        Ok(Outcome::Lines(vec![entries::facts_line(
            &path, &metadata, selection, held,
        )]))
    }

    /// STAT with a path: LIST over the control connection.
    async fn status_of(
        &self,
        session: &Session,
        arguments: &ListArguments,
    ) -> Result<Outcome, Failure> {
        let path = self.resolve_or_here(arguments.path.as_deref())?;
        let bounds = Bounds::of(self.config());
        let form = ListForm::Long;
        let lister = Lister::open(session, &self.directory, arguments, form, bounds, None).await;
        let result = match lister {
            Ok(lister) => lister.collect().await,
            Err(failure) => Err(failure),
        };
        session.listed(&path, result.as_ref().map(|_| ()));
        result.map(Outcome::Lines)
    }
}

async fn size(session: &Session, path: &VPath, ascii: bool) -> Result<u64, Failure> {
    let metadata = session.stat(path).await?;
    if metadata.kind != FileKind::File {
        return Err(Failure::new(Kind::WrongType, id::C_8, "Not a regular file"));
    }
    if !ascii || metadata.partial {
        return Ok(metadata.size);
    }
    if metadata.size > ASCII_SIZE_BYTES {
        // RFC 3659 4.1: the size is that of the transfer. Counting would read the whole file.
        let text = "The size in TYPE A would need the whole file converted; use TYPE I";
        return Err(Failure::new(Kind::WrongType, id::T_13, text));
    }
    let reader = session.read(path).await?;
    super::jobs::converted_size(reader).await
}

fn modified(time: Timestamp) -> Attributes {
    let modified = Some(wharf_vfs::Timestamp {
        seconds: time.seconds,
        nanos: time.nanos,
    });
    Attributes {
        modified,
        ..Attributes::default()
    }
}

/// MFF: all facts or none.
fn attributes(facts: &[Fact]) -> Result<Attributes, Failure> {
    let mut attributes = Attributes::default();
    for fact in facts {
        match fact {
            Fact::Modify(time) => attributes.modified = modified(*time).modified,
            Fact::Mode(mode) => attributes.mode = Some(mode & 0o777),
            Fact::Create(_) | Fact::Owner(_) | Fact::Group(_) => {
                let text = "Only the facts modify and UNIX.mode can be set";
                return Err(Failure {
                    kind: Kind::Unsupported,
                    cause: None,
                    text: text.into(),
                });
            }
        }
    }
    Ok(attributes)
}

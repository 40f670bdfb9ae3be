//! The session: the only door to files, whatever protocol knocks.
//!
//! Every method takes a [`VPath`], asks [`Session::authorize`], works on the store and records
//! what came of it. Front-ends translate; they decide nothing.

mod homes;
mod more;
mod rename;

pub(crate) use homes::Homes;
pub use homes::lies_in;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use wharf_accounts::{Account, AccountName, Permission, PermissionSet};
use wharf_causes::id;
use wharf_vfs::{
    Attributes, ErrorKind, Follow, Kind as FileKind, Listing, Metadata, Reader, Space,
    StageRequest, Staged, Store, Timestamp, VPath,
};

use crate::config::{Config, Durability};
use crate::event::{Event, Outcome, What};
use crate::failure::{Failure, Kind};
use crate::op::{Needs, Op};
use crate::registry::Handle;
use crate::shared::Shared;

/// One logged-in principal and the files it sees. Cheap to clone; clones are the same session.
#[derive(Clone)]
pub(crate) struct Session {
    shared: Arc<Shared>,
    config: Arc<Config>,
    handle: Arc<Handle>,
    name: AccountName,
    store: Store,
}

/// How an upload begins.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Writing {
    /// A whole file.
    Whole,
    /// A whole file under a name that must not exist.
    New,
    /// From this offset on, of a partial upload or of the published file.
    From(u64),
    /// At the end of what is there.
    Append,
    /// Anywhere in what is there.
    Update,
}

impl Session {
    /// Lets the account in: opens its home and binds the live session to it.
    pub(crate) async fn open(
        shared: &Arc<Shared>,
        config: &Arc<Config>,
        handle: &Arc<Handle>,
        account: Account,
    ) -> Result<Self, Failure> {
        let home = account.home.clone().unwrap_or_else(|| config.root.clone());
        let store = shared
            .homes
            .store(home, config.private.clone(), follows_links(&account))
            .await
            .map_err(|error| {
                tracing::error!(account = %account.name, %error, "the home cannot be opened");
                Failure::new(
                    Kind::ServiceClosing,
                    id::B_10,
                    "The home directory is not available",
                )
            })?;
        let name = account.name.clone();
        handle.set_account(Some(Arc::new(account)));
        Ok(Self {
            shared: shared.clone(),
            config: config.clone(),
            handle: handle.clone(),
            name,
            store,
        })
    }

    /// The rule for every operation: what the account may do at this path, as of now.
    fn authorize(&self, op: Op, path: &VPath) -> Result<(), Failure> {
        let held = self.permissions(path)?;
        let granted = match op.needs() {
            Needs::One(permission) => held.contains(permission),
            Needs::AnyOf(permissions) => permissions.iter().any(|one| held.contains(*one)),
        };
        if granted {
            return Ok(());
        }
        let cause = if op.writes() { id::C_1 } else { id::C_3 };
        let text = format!("This account may not {} here", op.name());
        Err(Failure::new(Kind::Forbidden, cause, text))
    }

    /// The permissions that hold at a path. Fails once the account was revoked.
    pub(crate) fn permissions(&self, path: &VPath) -> Result<PermissionSet, Failure> {
        let account = self.handle.account().ok_or_else(Failure::revoked)?;
        Ok(account.permissions.at(path.as_bytes()))
    }

    /// Makes sure that `path` is a directory the session may stand in.
    pub(crate) async fn enter(&self, path: &VPath) -> Result<(), Failure> {
        self.authorize(Op::Enter, path)?;
        let metadata = self.store.metadata(path, Follow::Yes).await?;
        if metadata.kind == FileKind::Directory {
            return Ok(());
        }
        // Whoever may not look at files does not learn here that there is one.
        match self.authorize(Op::Stat, path) {
            Ok(()) => Err(Failure::new(Kind::WrongType, id::C_8, "Not a directory")),
            Err(_) => Err(wharf_vfs::Error::new(ErrorKind::NotFound).into()),
        }
    }

    /// Size, kind and times. Where nothing is published but an upload of this principal broke off,
    /// it is that partial's size, so that a client can resume. Without the right to look, that
    /// partial is all there is to learn, whatever is published.
    pub(crate) async fn stat(&self, path: &VPath) -> Result<Metadata, Failure> {
        let missing = match self.authorize(Op::Stat, path) {
            Ok(()) => match self.store.metadata(path, Follow::Yes).await {
                Ok(metadata) => return Ok(metadata),
                Err(error) if error.kind() == ErrorKind::NotFound => error.into(),
                Err(error) => return Err(error.into()),
            },
            Err(refused) => match self.authorize(Op::Create, path) {
                Ok(()) => refused,
                Err(_) => return Err(refused),
            },
        };
        match self.store.partial(path, self.name.as_str()).await? {
            Some(size) => Ok(partial_metadata(size)),
            None => Err(missing),
        }
    }

    /// What is published at a path, links followed.
    pub(crate) async fn follow(&self, path: &VPath) -> Result<Metadata, Failure> {
        self.authorize(Op::Stat, path)?;
        Ok(self.store.metadata(path, Follow::Yes).await?)
    }

    /// Whether paths below this one come under rules of their own.
    pub(crate) fn has_rules_below(&self, path: &VPath) -> Result<bool, Failure> {
        let account = self.handle.account().ok_or_else(Failure::revoked)?;
        Ok(account.permissions.has_rules_below(path.as_bytes()))
    }

    /// What is published at a path; of a link, the link.
    pub(crate) async fn stat_link(&self, path: &VPath) -> Result<Metadata, Failure> {
        self.authorize(Op::Stat, path)?;
        Ok(self.store.metadata(path, Follow::No).await?)
    }

    /// Where a symbolic link points, as it is written in the link.
    pub(crate) async fn read_link(&self, path: &VPath) -> Result<Vec<u8>, Failure> {
        self.authorize(Op::Stat, path)?;
        Ok(self.store.read_link(path).await?)
    }

    /// The entries of a directory.
    pub(crate) async fn list(&self, path: &VPath) -> Result<Box<dyn Listing>, Failure> {
        self.authorize(Op::List, path)?;
        Ok(self.store.list(path).await?)
    }

    /// A file to read from.
    pub(crate) async fn read(&self, path: &VPath) -> Result<Box<dyn Reader>, Failure> {
        self.authorize(Op::Read, path)?;
        Ok(self.store.read(path).await?)
    }

    /// A staged upload; nothing is visible under `path` until it is published. `permissions` are a
    /// new file's.
    pub(crate) async fn write(
        &self,
        path: &VPath,
        writing: Writing,
        declared: Option<u64>,
        permissions: u32,
    ) -> Result<Box<dyn Staged>, Failure> {
        let replace = self.may_write(path, writing).await?;
        let request = StageRequest {
            mode: more::stage_mode(writing),
            replace,
            principal: self.name.as_str().into(),
            durability: match self.config.durability {
                Durability::Full => wharf_vfs::Durability::Full,
                Durability::File => wharf_vfs::Durability::File,
                Durability::None => wharf_vfs::Durability::None,
            },
            expected: declared,
            permissions,
        };
        self.store.stage(path, request).await.map_err(|error| {
            if error.kind() == ErrorKind::Exists && !matches!(writing, Writing::New) {
                return may_not_overwrite();
            }
            error.into()
        })
    }

    /// Whether the upload may replace what is there.
    async fn may_write(&self, path: &VPath, writing: Writing) -> Result<bool, Failure> {
        let held = self.permissions(path)?;
        let existing = match writing {
            Writing::New => {
                self.authorize(Op::Create, path)?;
                return Ok(false);
            }
            Writing::Whole | Writing::From(_) | Writing::Update => Op::Overwrite,
            Writing::Append => Op::Append,
        };
        let may_create = held.contains(Permission::Create);
        let may_change = self.authorize(existing, path).is_ok();
        if may_create && may_change {
            return Ok(true);
        }
        if !may_create && !may_change {
            // Refused before the store is asked: what is there is not this account's to know.
            self.authorize(existing, path)?;
        }
        let exists = match self.store.metadata(path, Follow::No).await {
            Ok(_) => true,
            Err(error) if error.kind() == ErrorKind::NotFound => false,
            Err(error) => return Err(error.into()),
        };
        if !exists {
            self.authorize(Op::Create, path)?;
            return Ok(false);
        }
        if !may_change && may_create && matches!(existing, Op::Overwrite) {
            return Err(may_not_overwrite());
        }
        self.authorize(existing, path)?;
        Ok(true)
    }

    pub(crate) async fn remove_file(&self, path: &VPath) -> Result<(), Failure> {
        let result = match self.authorize(Op::Delete, path) {
            Ok(()) => self.store.remove_file(path).await.map_err(Failure::from),
            Err(refused) => Err(refused),
        };
        self.record("delete", path, None, result)
    }

    pub(crate) async fn remove_directory(&self, path: &VPath) -> Result<(), Failure> {
        let result = match self.authorize(Op::RemoveDirectory, path) {
            Ok(()) => self.store.remove_dir(path).await.map_err(Failure::from),
            Err(refused) => Err(refused),
        };
        self.record("rmdir", path, None, result)
    }

    pub(crate) async fn make_directory(&self, path: &VPath, mode: u32) -> Result<(), Failure> {
        let result = match self.authorize(Op::MakeDirectory, path) {
            Ok(()) => self.store.make_dir(path, mode).await.map_err(Failure::from),
            Err(refused) => Err(refused),
        };
        self.record("mkdir", path, None, result)
    }

    /// Changes attributes; of a symbolic link its own, when it is not to be followed.
    pub(crate) async fn set_attributes(
        &self,
        path: &VPath,
        attributes: Attributes,
        follow: Follow,
    ) -> Result<(), Failure> {
        let result = match self.authorize(Op::SetAttributes, path) {
            Ok(()) => self
                .store
                .set_attributes(path, attributes, follow)
                .await
                .map_err(Failure::from),
            Err(refused) => Err(refused),
        };
        self.record("attributes", path, None, result)
    }

    pub(crate) async fn make_symlink(&self, target: &[u8], path: &VPath) -> Result<(), Failure> {
        let result = match self.authorize(Op::MakeLink, path) {
            Ok(()) => self
                .store
                .make_symlink(target, path)
                .await
                .map_err(Failure::from),
            Err(refused) => Err(refused),
        };
        self.record("symlink", path, Some(target), result)
    }

    pub(crate) async fn space(&self, path: &VPath) -> Result<Space, Failure> {
        self.authorize(Op::Space, path)?;
        Ok(self.store.space(path).await?)
    }

    /// Whether `size` more bytes would fit at `path`.
    pub(crate) async fn has_room(&self, path: &VPath, size: u64) -> Result<(), Failure> {
        match self.space(path).await {
            Ok(space) if space.available < size => {
                let text = format!("Only {} bytes are left on the server", space.available);
                Err(Failure::new(Kind::NoSpace, id::T_6, text))
            }
            Ok(_) => Ok(()),
            Err(failure) if failure.kind == Kind::Unsupported => Ok(()),
            Err(failure) => Err(failure),
        }
    }

    /// Records the login, and the version of TLS that protects it.
    pub(crate) fn logged_in(&self, method: &'static str, tls: Option<&'static str>) {
        self.tell(What::LoggedIn { method, tls });
    }

    /// Records the end of a download.
    pub(crate) fn downloaded(&self, path: &VPath, moved: &Moved, end: Result<(), &Failure>) {
        self.tell(What::Downloaded {
            path: path.as_bytes().into(),
            bytes: moved.bytes,
            elapsed: moved.elapsed,
            outcome: outcome(end),
        });
    }

    /// Records the end of an upload.
    pub(crate) fn uploaded(&self, path: &VPath, moved: &Moved, end: Result<(), &Failure>) {
        self.tell(What::Uploaded {
            path: path.as_bytes().into(),
            bytes: moved.bytes,
            elapsed: moved.elapsed,
            outcome: outcome(end),
        });
    }

    /// Records a listing.
    pub(crate) fn listed(&self, path: &VPath, end: Result<(), &Failure>) {
        self.tell(What::Listed {
            path: path.as_bytes().into(),
            outcome: outcome(end),
        });
    }

    /// Records data that go to, or come from, another machine than the client's (FXP).
    pub(crate) fn data_peer(&self, peer: SocketAddr) {
        if peer.ip() != self.handle.peer.ip() {
            self.tell(What::DataPeerForeign { peer });
        }
    }

    /// Records that somebody else connected to this session's passive port.
    pub(crate) fn stranger(&self, stranger: SocketAddr, port: u16) {
        self.tell(What::DataPeerMismatch { stranger, port });
    }

    fn record<T>(
        &self,
        operation: &'static str,
        path: &VPath,
        target: Option<&[u8]>,
        result: Result<T, Failure>,
    ) -> Result<T, Failure> {
        self.tell(What::Operation {
            operation,
            path: path.as_bytes().into(),
            target: target.map(Into::into),
            outcome: outcome(result.as_ref().map(|_| ())),
        });
        result
    }

    fn tell(&self, what: What) {
        self.shared.tell(Event {
            at: SystemTime::now(),
            session: self.handle.id,
            peer: Some(self.handle.peer),
            account: Some(self.name.as_str().into()),
            what,
        });
    }
}

/// Whether symbolic links inside the home are followed. Not for anonymous users; and not where
/// permissions differ by path, for a link is a second path to the same file (security F3).
pub(crate) fn follows_links(account: &Account) -> bool {
    !account.is_anonymous() && account.permissions.rules().next().is_none()
}

/// What a transfer came to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moved {
    pub(crate) bytes: u64,
    pub(crate) elapsed: Duration,
}

fn outcome(end: Result<(), &Failure>) -> Outcome {
    match end {
        Ok(()) => Outcome::Done,
        Err(failure) => Outcome::Failed {
            cause: failure.cause_name(),
            text: Box::from(&*failure.text),
        },
    }
}

fn may_not_overwrite() -> Failure {
    Failure::new(
        Kind::Forbidden,
        id::C_4,
        "This account may not overwrite what exists",
    )
}

/// A broken-off upload seen from outside: a file of that size and nothing else known.
fn partial_metadata(size: u64) -> Metadata {
    Metadata {
        kind: FileKind::File,
        size,
        modified: Timestamp {
            seconds: 0,
            nanos: 0,
        },
        created: None,
        mode: 0o600,
        uid: 0,
        gid: 0,
        links: 1,
        device: 0,
        inode: 0,
        partial: true,
    }
}

#[cfg(test)]
mod tests;

//! The extensions (OpenSSH's PROTOCOL §4, draft-ietf-secsh-filexfer-extensions).

use wharf_sftp::extension::{Extension, Row};
use wharf_sftp::{
    Extended, Ids, Limits, MAX_DATA, MAX_PACKET, SpaceAvailable, Statvfs, Vendor, response,
};
use wharf_vfs::{Capability, Follow, Space, VPath};

use super::claims::Claim;
use super::dispatch::{Flow, resolve};
use super::file::{blocking, locked};
use super::paths::name;
use super::{Engine, status};
use crate::failure::{Failure, Kind};

/// How the space of a file system is answered.
type TellSpace = fn(&mut Vec<u8>, u32, &Space);

/// Whether a session whose store can do this is offered it.
pub(super) const fn is_offered(extension: Extension, capability: Capability) -> bool {
    match extension {
        Extension::Statvfs | Extension::Fstatvfs | Extension::SpaceAvailable => capability.space,
        Extension::Hardlink => capability.hard_links,
        Extension::CopyData => capability.random_write,
        Extension::Fsync => capability.durable,
        Extension::PosixRename
        | Extension::Lsetstat
        | Extension::Limits
        | Extension::ExpandPath
        | Extension::HomeDirectory
        | Extension::UsersGroupsById
        | Extension::CheckFileName
        | Extension::CheckFileHandle
        | Extension::VendorId => true,
    }
}

/// What is said of it in VERSION.
pub(super) fn announced(row: &Row) -> Vec<u8> {
    match row.extension {
        Extension::VendorId => Vendor {
            vendor: b"wharf",
            product: b"wharf",
            // Which version it is helps those who look for an old one (security S8).
            version: b"",
            build: 0,
        }
        .data(),
        _ => row.version.as_bytes().to_vec(),
    }
}

impl Engine {
    pub(super) fn extended(&mut self, id: u32, request: &Extended<'_>) -> Result<Flow, Failure> {
        match *request {
            Extended::PosixRename { from, to } => self.rename(id, from, to, true),
            Extended::Statvfs { path } => self.space_at(id, path, statvfs),
            Extended::SpaceAvailable { path } => self.space_at(id, path, space_available),
            Extended::Fstatvfs { handle } => self.space_of(id, handle),
            Extended::Hardlink { existing, new } => self.hard_link(id, existing, new),
            Extended::Fsync { handle } => self.sync(id, handle),
            Extended::Lsetstat { path, attributes } => {
                self.set_attributes(id, path, &attributes, Follow::No)
            }
            Extended::Limits => {
                let limits = Limits {
                    packet_length: MAX_PACKET as u64,
                    read_length: MAX_DATA as u64,
                    write_length: MAX_DATA as u64,
                    open_handles: self.session.handles_allowed() as u64,
                };
                Ok(self.reply(|out| response::limits(out, id, &limits)))
            }
            Extended::ExpandPath { path } => self.expand_path(id, path),
            Extended::CopyData {
                from_handle,
                from_offset,
                length,
                to_handle,
                to_offset,
            } => self.copy_data(
                id,
                (from_handle, from_offset),
                length,
                (to_handle, to_offset),
            ),
            Extended::HomeDirectory { user } => self.home_directory(id, user),
            Extended::UsersGroupsById { uids, gids } => Ok(self.users_groups(id, uids, gids)),
            Extended::CheckFileName { path, range } => self.check_path(id, path, &range),
            Extended::CheckFileHandle {
                handle,
                range,
                echo,
            } => self.check_handle(id, handle, &range, echo),
            Extended::VendorId(_) => Ok(self.reply(|out| status::settle(out, id, Ok(())))),
            Extended::Unknown { .. } => Ok(self.unsupported(id)),
        }
    }

    /// The path of something open.
    fn path_of(&mut self, handle: &[u8]) -> Result<VPath, Failure> {
        if let Ok((_, file)) = self.handles.file(handle) {
            return Ok(file.path.clone());
        }
        let (_, directory) = self.handles.directory(handle)?;
        Ok(directory.path().clone())
    }

    fn space_at(&mut self, id: u32, path: &[u8], tell: TellSpace) -> Result<Flow, Failure> {
        let path = resolve(path)?;
        let claim = Claim::looks(&path);
        if let Some(wait) = self.waits(&claim) {
            return Ok(wait);
        }
        Ok(self.space(id, path, claim, tell))
    }

    fn space_of(&mut self, id: u32, handle: &[u8]) -> Result<Flow, Failure> {
        let path = self.path_of(handle)?;
        let claim = Claim::looks(&path);
        // Not put aside: its CLOSE would overtake it.
        if self.must_wait(&claim) {
            return Ok(Flow::Stalled);
        }
        Ok(self.space(id, path, claim, statvfs))
    }

    fn space(&mut self, id: u32, path: VPath, claim: Claim, tell: TellSpace) -> Flow {
        let session = self.session.clone();
        self.answer(claim, async move {
            let mut answer = Vec::new();
            match session.space(&path).await {
                Ok(space) => tell(&mut answer, id, &space),
                Err(failure) => status::refuse(&mut answer, id, &failure),
            }
            answer
        })
    }

    fn hard_link(&mut self, id: u32, existing: &[u8], new: &[u8]) -> Result<Flow, Failure> {
        let (existing, new) = (resolve(existing)?, resolve(new)?);
        let claim = Claim::changes_both(&existing, &new);
        Ok(self.change(id, claim, |session| async move {
            session.hard_link(&existing, &new).await
        }))
    }

    /// What was written is on disk, under the name of an unfinished upload.
    fn sync(&mut self, id: u32, handle: &[u8]) -> Result<Flow, Failure> {
        let (handle, file) = self.handles.file(handle)?;
        if let Some(failure) = &file.failed {
            return Err(failure.clone());
        }
        let (staged, busy) = (file.staged.clone(), file.has_writes());
        let claim = Claim::handle(handle);
        if busy || self.must_wait(&claim) {
            return Ok(Flow::Stalled);
        }
        let Some(staged) = staged else {
            return Ok(self.reply(|out| status::settle(out, id, Ok(()))));
        };
        Ok(self.start(claim, async move {
            let synced = blocking(move || {
                let mut staged = locked(&staged);
                let staged = staged.as_mut().ok_or_else(super::file::over)?;
                Ok(staged.sync()?)
            });
            let synced = synced.await;
            let effect: super::Effect = Box::new(move |engine| {
                if let (Err(failure), Ok((_, file))) = (&synced, engine.handles.file(&handle)) {
                    // A disk that lost bytes once does not say so twice.
                    file.fail(failure);
                }
                status::settle(engine.outgoing.small(), id, synced);
            });
            effect
        }))
    }

    fn expand_path(&mut self, id: u32, path: &[u8]) -> Result<Flow, Failure> {
        let path = match path.strip_prefix(b"~") {
            None => path,
            Some(rest) => {
                let (user, below) = match rest.iter().position(|byte| *byte == b'/') {
                    Some(slash) => rest.split_at(slash),
                    None => (rest, &b""[..]),
                };
                self.check_own(user)?;
                below
            }
        };
        self.real_path(id, path)
    }

    fn home_directory(&mut self, id: u32, user: &[u8]) -> Result<Flow, Failure> {
        self.check_own(user)?;
        Ok(self.reply(|out| name(out, id, b"/")))
    }

    /// Homes of others are nobody's to know, nor whether there are others.
    fn check_own(&self, user: &[u8]) -> Result<(), Failure> {
        if user.is_empty() || user == self.session.account_name().as_bytes() {
            return Ok(());
        }
        Err(Failure {
            kind: Kind::NotFound,
            cause: None,
            text: "No such user".into(),
        })
    }

    /// Files belong to the server's own user, and to the client that is the account. Others of the
    /// machine are told as numbers.
    fn users_groups(&mut self, id: u32, uids: Ids<'_>, gids: Ids<'_>) -> Flow {
        let (own, group) = self.session.server_ids();
        let name = self.session.account_name();
        let named = |ids: Ids<'_>, own: u32| -> Vec<String> {
            let names = ids.iter().map(|id| {
                if id == own {
                    name.clone()
                } else {
                    String::new()
                }
            });
            names.collect()
        };
        let (users, groups) = (named(uids, own), named(gids, group));
        self.reply(|out| response::users_groups(out, id, users, groups))
    }
}

fn statvfs(out: &mut Vec<u8>, id: u32, space: &Space) {
    let block = space.block_size.max(1);
    let statvfs = Statvfs {
        block_size: block,
        fragment_size: block,
        blocks: space.total / block,
        blocks_free: space.free / block,
        blocks_available: space.available / block,
        files: space.files_total,
        files_free: space.files_free,
        files_available: space.files_available,
        id: 0,
        flags: Statvfs::NO_SETUID
            | if space.read_only {
                Statvfs::READ_ONLY
            } else {
                0
            },
        name_max: space.name_max,
    };
    response::statvfs(out, id, &statvfs);
}

fn space_available(out: &mut Vec<u8>, id: u32, space: &Space) {
    let told = SpaceAvailable {
        bytes_on_device: space.total,
        unused_bytes_on_device: space.free,
        bytes_available_to_user: space.total,
        unused_bytes_available_to_user: space.available,
        bytes_per_allocation_unit: u32::try_from(space.block_size).unwrap_or(u32::MAX),
    };
    response::space_available(out, id, &told);
}

//! What a session can do with open files and second names.

use std::time::Instant;

use wharf_causes::id;
use wharf_vfs::{Capability, Error, ErrorKind, Follow, Metadata, StageMode, VPath};

use super::{Moved, Session, Writing};
use crate::failure::{Failure, Kind};
use crate::op::Op;

impl Session {
    /// What the store behind the home can do.
    pub(crate) fn capability(&self) -> Capability {
        self.store.capability()
    }

    /// Files and directories that one channel may have open at a time.
    pub(crate) fn handles_allowed(&self) -> usize {
        let ssh = self.config.ssh.as_ref();
        ssh.map_or(0, |ssh| ssh.max_handles as usize)
    }

    /// The name of the account.
    pub(crate) fn account_name(&self) -> String {
        self.name.as_str().to_owned()
    }

    /// User and group of the server's process, to which what clients make belongs.
    pub(crate) fn server_ids(&self) -> (u32, u32) {
        (
            rustix::process::geteuid().as_raw(),
            rustix::process::getegid().as_raw(),
        )
    }

    /// The mode bits taken from what clients make.
    pub(crate) fn umask(&self) -> u32 {
        self.config.umask
    }

    /// Whether the account may use the old protocol of scp, as of now.
    pub(crate) fn may_use_scp(&self) -> Result<(), Failure> {
        let account = self.handle.account().ok_or_else(Failure::revoked)?;
        if account.scp {
            return Ok(());
        }
        let text = "The old protocol of scp is not allowed for this account; use sftp, or scp \
            without -O";
        Err(Failure::new(Kind::Forbidden, id::C_3, text))
    }

    /// Whether the upload may begin, ahead of beginning it: what is there is opened for changing
    /// only once something is changed.
    pub(crate) async fn may_update(&self, path: &VPath) -> Result<(), Failure> {
        self.may_write(path, Writing::Update).await.map(|_| ())
    }

    /// Whether what is in one place may be copied to another without leaving the server.
    pub(crate) fn may_copy(&self, from: &VPath, to: &VPath) -> Result<(), Failure> {
        self.authorize(Op::Copy, from)?;
        self.authorize(Op::Copy, to)
    }

    /// Whether this path is still the file that was opened by it.
    pub(crate) async fn is_still(
        &self,
        path: &VPath,
        opened: Option<&Metadata>,
    ) -> Result<(), Failure> {
        let now = self.store.metadata(path, Follow::Yes).await?;
        let same = |opened: &Metadata| (opened.device, opened.inode) == (now.device, now.inode);
        if opened.is_none_or(same) {
            return Ok(());
        }
        Err(Failure {
            kind: Kind::Busy,
            cause: None,
            text: "The file was replaced since it was opened".into(),
        })
    }

    /// Whether what is open may still be used so: what an account may do can change while it is.
    pub(crate) fn may_still(&self, op: Op, path: &VPath) -> Result<(), Failure> {
        self.authorize(op, path)
    }

    /// Refuses to remove a directory into which this client still uploads: what is in memory only
    /// would have nowhere to go.
    pub(crate) fn keep_directory(&self, path: &VPath) -> Result<(), Failure> {
        let full = Failure::from(Error::new(ErrorKind::NotEmpty));
        let result = self.authorize(Op::RemoveDirectory, path).and(Err(full));
        self.record("rmdir", path, None, result)
    }

    /// Refuses a rename from or to a name under which this client still uploads: what it closes
    /// later would appear under the old name, or over what was renamed.
    pub(crate) fn keep_names(&self, from: &VPath, to: &VPath) -> Result<(), Failure> {
        let allowed = self.authorize(Op::RenameFrom, from);
        let allowed = allowed.and_then(|()| self.authorize(Op::RenameTo, to));
        let text = "A file of this name, or in it, is still being uploaded; close it first";
        let result = allowed.and_then(|()| Err(Failure::new(Kind::Busy, id::C_15, text)));
        self.record("rename", from, Some(to.as_bytes()), result)
    }

    /// Removes a name under which this client still uploads: there need not be a file yet.
    pub(crate) async fn remove_upload(&self, path: &VPath) -> Result<(), Failure> {
        let result = match self.authorize(Op::Delete, path) {
            Ok(()) => match self.store.remove_file(path).await {
                Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
                other => other.map_err(Failure::from),
            },
            Err(refused) => Err(refused),
        };
        self.record("delete", path, None, result)
    }

    /// Cuts a file, or makes it longer by zeros; like an upload, in one step.
    pub(crate) async fn set_length(&self, path: &VPath, length: u64) -> Result<(), Failure> {
        let begun = Instant::now();
        let result = self.set_length_unrecorded(path, length).await;
        let moved = Moved {
            bytes: length,
            elapsed: begun.elapsed(),
        };
        self.uploaded(path, &moved, result.as_ref().copied());
        result
    }

    async fn set_length_unrecorded(&self, path: &VPath, length: u64) -> Result<(), Failure> {
        self.authorize(Op::Overwrite, path)?;
        // There must be something to cut.
        self.store.metadata(path, Follow::Yes).await?;
        let mut staged = self.write(path, Writing::Update, None, 0).await?;
        let set = tokio::task::spawn_blocking(move || match staged.set_len(length) {
            Ok(()) => staged.publish().map(|_| ()),
            Err(error) => {
                staged.discard()?;
                Err(error)
            }
        });
        match set.await {
            Ok(outcome) => Ok(outcome?),
            Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
        }
    }

    /// Gives a file a second name. Both places must have the same permissions, since it is one
    /// file under both (security F3).
    pub(crate) async fn hard_link(&self, existing: &VPath, new: &VPath) -> Result<(), Failure> {
        let result = self.hard_link_unrecorded(existing, new).await;
        self.record("link", existing, Some(new.as_bytes()), result)
    }

    async fn hard_link_unrecorded(&self, existing: &VPath, new: &VPath) -> Result<(), Failure> {
        self.authorize(Op::MakeLink, existing)?;
        self.authorize(Op::MakeLink, new)?;
        if self.permissions(existing)? != self.permissions(new)? {
            let text = "Between directories with other permissions nothing can be linked; copy it";
            return Err(Failure::new(Kind::Forbidden, id::C_3, text));
        }
        Ok(self.store.hard_link(existing, new).await?)
    }
}

/// How the store stages it.
pub(super) const fn stage_mode(writing: Writing) -> StageMode {
    match writing {
        Writing::Whole | Writing::New | Writing::From(0) => StageMode::Create,
        Writing::From(offset) => StageMode::Resume { offset },
        Writing::Append => StageMode::Append,
        Writing::Update => StageMode::Update,
    }
}

//! Renaming, which moves what is renamed under other rules.

use wharf_accounts::{Permission, PermissionSet};
use wharf_causes::id;
use wharf_vfs::{ErrorKind, Follow, Replace, VPath};

use super::{Session, may_not_overwrite};
use crate::failure::{Failure, Kind};
use crate::op::Op;

impl Session {
    /// Checks, ahead of the rename itself, that there is something to rename.
    pub(crate) async fn may_rename(&self, from: &VPath) -> Result<(), Failure> {
        let looked = match self.authorize(Op::RenameFrom, from) {
            Ok(()) => match self.store.metadata(from, Follow::No).await {
                Ok(_) => return Ok(()),
                Err(error) => Failure::from(error),
            },
            Err(refused) => refused,
        };
        self.record("rename", from, None, Err(looked))
    }

    /// `replaces`: what has the new name may go, if the account may overwrite.
    pub(crate) async fn rename(
        &self,
        from: &VPath,
        to: &VPath,
        replaces: Replace,
    ) -> Result<(), Failure> {
        let result = self.rename_unrecorded(from, to, replaces).await;
        self.record("rename", from, Some(to.as_bytes()), result)
    }

    async fn rename_unrecorded(
        &self,
        from: &VPath,
        to: &VPath,
        replaces: Replace,
    ) -> Result<(), Failure> {
        self.authorize(Op::RenameFrom, from)?;
        self.authorize(Op::RenameTo, to)?;
        if self.has_rules_below(from)? || self.has_rules_below(to)? {
            // Moved, what lies below would come under other rules.
            let text = "A directory with permissions of its own below it cannot be renamed";
            return Err(Failure::new(Kind::Forbidden, id::C_3, text));
        }
        Self::may_carry(self.permissions(from)?, self.permissions(to)?)?;
        let may_replace = self.permissions(to)?.contains(Permission::Overwrite);
        let replace = if may_replace { replaces } else { Replace::No };
        self.store.rename(from, to, replace).await.map_err(|error| {
            if error.kind() == ErrorKind::Exists && !may_replace && replaces == Replace::Yes {
                return may_not_overwrite();
            }
            error.into()
        })
    }

    /// Between places with different permissions a rename is a way round them, unless what is
    /// gained there is held here, and it might as well be deleted here and made there.
    fn may_carry(source: PermissionSet, target: PermissionSet) -> Result<(), Failure> {
        let carries = source == target
            || source.contains_all(target)
                && source.contains(Permission::Delete)
                && target.contains(Permission::Create);
        if carries {
            return Ok(());
        }
        let text = "Between directories with other permissions nothing can be renamed; copy it";
        Err(Failure::new(Kind::Forbidden, id::C_3, text))
    }
}

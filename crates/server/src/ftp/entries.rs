//! One entry of a listing as FTP writes it, and the facts that need a session's permissions.

use wharf_accounts::{Permission, PermissionSet};
use wharf_ftp::listing::write::{
    Entry, FactSet, FactType, Kind as EntryKind, facts, facts_text, name_line, unix_long,
};
use wharf_ftp::server::ListForm;
use wharf_ftp::time::Timestamp;
use wharf_vfs::{Kind as FileKind, Metadata, VPath};

use crate::failure::Failure;
use crate::session::Session;

/// How one entry is written.
pub(super) struct Line<'a> {
    pub(super) form: ListForm,
    pub(super) now: Timestamp,
    pub(super) prefix: &'a [u8],
    pub(super) perms: &'a Perms,
}

impl Line<'_> {
    /// `false` when the name cannot be said on a line (security F24).
    pub(super) fn write(
        &self,
        out: &mut Vec<u8>,
        name: &[u8],
        metadata: &Metadata,
        target: Option<&[u8]>,
    ) -> bool {
        match self.form {
            ListForm::Long => {
                unix_long(out, &entry(name, metadata, target), self.now);
                true
            }
            ListForm::Names if self.prefix.is_empty() => name_line(out, name),
            ListForm::Names => name_line(out, &[self.prefix, name].concat()),
            ListForm::Facts(selection) => {
                let perm = self.perms.of(metadata.kind);
                let entry = entry(name, metadata, None);
                facts(out, &entry, selection, perm, FactType::Entry, "")
            }
        }
    }
}

/// The `perm` fact of files and directories at one place (RFC 3659 7.5.5).
#[derive(Default)]
pub(super) struct Perms {
    file: String,
    directory: String,
    /// Rules for paths below differ: each entry has its own.
    pub(super) differ_below: bool,
}

impl Perms {
    pub(super) fn at(session: &Session, path: &VPath) -> Result<Self, Failure> {
        let mut perms = Self::from_set(session.permissions(path)?);
        perms.differ_below = session.has_rules_below(path)?;
        Ok(perms)
    }

    pub(super) fn of_child(session: &Session, path: &VPath, name: &[u8]) -> Result<Self, Failure> {
        path.child(name).map_or_else(
            |_| Ok(Self::default()),
            |child| session.permissions(&child).map(Self::from_set),
        )
    }

    fn from_set(held: PermissionSet) -> Self {
        let choose = |table: &[(Permission, char)]| {
            let held = table
                .iter()
                .filter(|(permission, _)| held.contains(*permission));
            held.map(|(_, letter)| *letter).collect()
        };
        Self {
            file: choose(&[
                (Permission::Append, 'a'),
                (Permission::Delete, 'd'),
                (Permission::Rename, 'f'),
                (Permission::Read, 'r'),
                (Permission::Overwrite, 'w'),
            ]),
            directory: choose(&[
                (Permission::Create, 'c'),
                (Permission::Rmdir, 'd'),
                (Permission::List, 'e'),
                (Permission::Rename, 'f'),
                (Permission::List, 'l'),
                (Permission::Mkdir, 'm'),
                (Permission::Delete, 'p'),
            ]),
            differ_below: false,
        }
    }

    pub(super) fn of(&self, kind: FileKind) -> &str {
        match kind {
            FileKind::Directory => &self.directory,
            FileKind::File | FileKind::Symlink | FileKind::Other => &self.file,
        }
    }
}

/// MLST's one line: facts, a space, the whole path.
pub(super) fn facts_line(
    path: &VPath,
    metadata: &Metadata,
    selection: FactSet,
    held: PermissionSet,
) -> Vec<u8> {
    let perms = Perms::from_set(held);
    let mut line = Vec::new();
    let extra = if metadata.partial { "x.partial=1;" } else { "" };
    let entry = entry(path.as_bytes(), metadata, None);
    // A `VPath` holds no byte that cannot be said.
    let _ = facts_text(
        &mut line,
        &entry,
        selection,
        perms.of(metadata.kind),
        FactType::Entry,
        extra,
    );
    line
}

/// The store's time in the form of the dialogue.
pub(super) fn timestamp(time: wharf_vfs::Timestamp) -> Timestamp {
    Timestamp::new(time.seconds, time.nanos)
}

/// What the store knows of an entry, in the form of the dialogue.
pub(super) fn entry<'a>(
    name: &'a [u8],
    metadata: &Metadata,
    target: Option<&'a [u8]>,
) -> Entry<'a> {
    Entry {
        name,
        kind: match metadata.kind {
            FileKind::File => EntryKind::File,
            FileKind::Directory => EntryKind::Directory,
            FileKind::Symlink => EntryKind::Symlink { target },
            FileKind::Other => EntryKind::Other,
        },
        size: metadata.size,
        modified: timestamp(metadata.modified),
        created: metadata.created.map(timestamp),
        mode: metadata.mode,
        uid: metadata.uid,
        gid: metadata.gid,
        links: metadata.links,
        device: metadata.device,
        inode: metadata.inode,
    }
}

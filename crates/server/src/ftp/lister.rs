//! LIST, NLST, MLSD, MLST and STAT: entries of the session's store, written as FTP writes them.
//!
//! A listing streams: a batch of entries is read, written out and forgotten. A directory that
//! fits one batch is sorted by name, as people expect; a larger one comes in the order of the
//! store, so that the first line leaves before the last entry is read.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use tokio::sync::Semaphore;
use wharf_causes::id;
use wharf_ftp::command::ListArguments;
use wharf_ftp::glob::{Pattern, has_magic};
use wharf_ftp::listing::write::{FactSet, FactType, facts, unix_long};
use wharf_ftp::server::ListForm;
use wharf_ftp::time::Timestamp;
use wharf_net::data::{Source, TransferControl};
use wharf_vfs::{Batch, Kind as FileKind, Listing, Metadata, VPath};

use super::entries::{Line, Perms, entry, timestamp};
use super::jobs::joined;
use crate::config::Config;
use crate::failure::{Failure, Kind};
use crate::session::Session;

/// Entries gathered for an order the store does not have (`-t`, `-r`).
const SORTED_ENTRIES: usize = 10_000;
/// Steps one listing may spend on its pattern (security F11): a million names of 100 bytes.
const PATTERN_STEPS: u64 = 100_000_000;
/// What STAT sends over the control connection at most.
const STATUS_BYTES: usize = 1 << 20;

/// Listings over control connections made at a time. Each holds a blocking thread and now and then
/// waits for a second one: all of them together must never hold every thread.
static COLLECTING: Semaphore = Semaphore::const_new(64);

const TRUNCATED: &str = "Listed, but truncated at the server's limits of depth and entries";
const LEFT_OUT: &str = "Listed, but names with line breaks in them were left out";

/// How far LIST -R goes (security F12).
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    depth: u32,
    entries: u32,
}

impl Bounds {
    pub(super) fn of(config: &Config) -> Self {
        Self {
            depth: config.limits.recursion_depth,
            entries: config.limits.recursion_entries,
        }
    }
}

/// A listing under way.
pub(super) struct Lister {
    session: Session,
    form: ListForm,
    arguments: ListArguments,
    bounds: Bounds,
    now: Timestamp,
    pattern: Option<Wanted>,
    queue: VecDeque<Directory>,
    open: Option<Open>,
    /// A listing of one file, before anything else.
    single: Option<(Named, Option<Vec<u8>>)>,
    batch: Batch,
    seen: HashSet<(u64, u64)>,
    entries: u32,
    truncated: bool,
    too_deep: bool,
    control: Option<Arc<TransferControl>>,
    left_out: bool,
}

/// The pattern of a listing and what it may still cost.
struct Wanted {
    pattern: Pattern,
    dotted: bool,
    steps: u64,
}

impl Wanted {
    fn new(pattern: &[u8]) -> Self {
        Self {
            pattern: Pattern::new(pattern),
            dotted: pattern.starts_with(b"."),
            steps: PATTERN_STEPS,
        }
    }

    /// As in a shell, a name that begins with a dot is matched only by a pattern that does.
    fn matches(&mut self, name: &[u8]) -> Result<bool, Failure> {
        if name.starts_with(b".") && !self.dotted {
            return Ok(false);
        }
        self.pattern
            .matches_within(name, &mut self.steps)
            .ok_or_else(|| {
                let text = "The pattern costs too much in this directory";
                Failure::new(Kind::Busy, id::T_4, text)
            })
    }
}

/// An entry kept beyond its batch.
type Named = (Box<[u8]>, Metadata);

/// A directory still to be listed.
struct Directory {
    path: VPath,
    /// How its names begin in NLST, and its heading in LIST -R.
    prefix: Vec<u8>,
    depth: u32,
    headed: bool,
}

/// The directory being listed.
struct Open {
    directory: Directory,
    listing: Box<dyn Listing>,
    sorted: bool,
    own_facts: Option<Metadata>,
    perms: Perms,
}

impl Lister {
    /// Looks at what is to be listed; refusals come before any data connection. `control` is that
    /// of the transfer the listing goes over, so that it can be stopped before its first line.
    pub(super) async fn open(
        session: &Session,
        directory: &VPath,
        arguments: &ListArguments,
        form: ListForm,
        bounds: Bounds,
        control: Option<Arc<TransferControl>>,
    ) -> Result<Self, Failure> {
        let mut lister = Self {
            session: session.clone(),
            form,
            arguments: arguments.clone(),
            bounds,
            now: timestamp(wharf_vfs::Timestamp::now()),
            pattern: None,
            queue: VecDeque::new(),
            open: None,
            single: None,
            batch: Batch::new(),
            seen: HashSet::new(),
            entries: 0,
            truncated: false,
            too_deep: false,
            control,
            left_out: false,
        };
        let typed = arguments.path.as_deref();
        let path = typed.map_or_else(|| Ok(directory.clone()), |typed| directory.resolve(typed))?;
        lister.aim(path, typed.unwrap_or_default()).await?;
        Ok(lister)
    }

    /// Decides between a directory, a file and a pattern.
    async fn aim(&mut self, path: VPath, typed: &[u8]) -> Result<(), Failure> {
        let facts = matches!(self.form, ListForm::Facts(_));
        let found = self.session.follow(&path).await;
        let pattern = path.name().filter(|name| !facts && has_magic(name));
        match (found, pattern) {
            (Err(failure), Some(name)) if failure.kind == Kind::NotFound => {
                self.pattern = Some(Wanted::new(name));
                let end = typed
                    .iter()
                    .rposition(|byte| *byte == b'/')
                    .map_or(0, |at| at + 1);
                let prefix = typed.get(..end).unwrap_or_default().to_vec();
                let parent = path.parent().unwrap_or_else(VPath::root);
                self.begin(Directory {
                    path: parent,
                    prefix,
                    depth: 0,
                    headed: false,
                })
                .await
            }
            (Err(failure), _) => Err(failure),
            (Ok(metadata), _) if metadata.kind == FileKind::Directory => {
                let mut prefix = typed.to_vec();
                if !prefix.is_empty() && !prefix.ends_with(b"/") {
                    prefix.push(b'/');
                }
                self.begin(Directory {
                    path,
                    prefix,
                    depth: 0,
                    headed: false,
                })
                .await
            }
            (Ok(_), _) if facts => Err(Failure::new(
                Kind::WrongType,
                id::C_8,
                "Not a directory; MLST tells of files",
            )),
            (Ok(_), _) => {
                let metadata = self.session.stat_link(&path).await?;
                let target = match metadata.kind {
                    FileKind::Symlink if self.form == ListForm::Long => {
                        self.session.read_link(&path).await.ok()
                    }
                    _ => None,
                };
                self.single = Some(((typed.into(), metadata), target));
                Ok(())
            }
        }
    }

    /// Opens a directory, so that its first entry is the next thing written.
    async fn begin(&mut self, directory: Directory) -> Result<(), Failure> {
        let path = &directory.path;
        let listing = self.session.list(path).await?;
        let perms = Perms::at(&self.session, path)?;
        let own_facts = match self.form {
            ListForm::Facts(_) => Some(self.session.follow(path).await?),
            ListForm::Long if self.arguments.all => Some(self.session.follow(path).await?),
            ListForm::Long | ListForm::Names => None,
        };
        if self.arguments.recursive {
            let metadata = self.session.follow(path).await?;
            if !self.seen.insert((metadata.device, metadata.inode)) {
                return Ok(());
            }
        }
        self.open = Some(Open {
            directory,
            listing,
            sorted: false,
            own_facts,
            perms,
        });
        Ok(())
    }

    /// What the final reply should add.
    pub(super) fn note(&self) -> Option<&'static str> {
        if self.truncated || self.too_deep {
            Some(TRUNCATED)
        } else if self.left_out {
            Some(LEFT_OUT)
        } else {
            None
        }
    }

    /// The lines of a listing that goes over the control connection.
    pub(super) async fn collect(mut self) -> Result<Vec<Vec<u8>>, Failure> {
        let turn = COLLECTING.acquire().await;
        let collected = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            let mut text = Vec::new();
            loop {
                let before = text.len();
                self.fill(&mut text)?;
                if text.len() == before {
                    break;
                }
                if text.len() > STATUS_BYTES {
                    return Err(Failure::new(
                        Kind::Busy,
                        id::T_4,
                        "The listing is too long for STAT; use LIST",
                    ));
                }
            }
            Ok(text)
        });
        let text = joined(collected.await)?;
        let lines = text.split(|byte| *byte == b'\n');
        Ok(lines
            .map(|line| line.strip_suffix(b"\r").unwrap_or(line).to_vec())
            .filter(|line| !line.is_empty())
            .collect())
    }

    /// Writes what comes next: a file, a heading, a batch.
    fn step(&mut self, out: &mut Vec<u8>) -> Result<bool, Failure> {
        if self
            .control
            .as_ref()
            .is_some_and(|control| control.is_cancelled())
        {
            return Err(Failure::new(Kind::Aborted, id::T_2, "Stopped"));
        }
        if let Some(((name, metadata), target)) = self.single.take() {
            let perms = Perms::default();
            let line = Line {
                form: self.form,
                now: self.now,
                prefix: b"",
                perms: &perms,
            };
            self.left_out |= !line.write(out, &name, &metadata, target.as_deref());
            return Ok(true);
        }
        let Some(mut open) = self.open.take() else {
            return self.next_directory(out);
        };
        if self.own_lines(&mut open, out) {
            // The first line leaves before any entry is read.
            self.open = Some(open);
            return Ok(true);
        }
        let more = match self.sorted(&mut open)? {
            Some(entries) => {
                for (name, metadata) in entries {
                    self.entry(&open, &name, &metadata, out)?;
                }
                true
            }
            None => self.batch(&mut open, out)?,
        };
        if self.truncated {
            self.queue.clear();
        } else if more {
            self.open = Some(open);
        }
        Ok(true)
    }

    /// The next directory of a recursive listing. One that may not be listed is passed over, as a
    /// refusal half-way would end the whole listing.
    fn next_directory(&mut self, out: &mut Vec<u8>) -> Result<bool, Failure> {
        let Some(directory) = self.queue.pop_front() else {
            return Ok(false);
        };
        if directory.headed && self.form == ListForm::Long {
            out.extend_from_slice(b"\r\n");
            let name = directory
                .prefix
                .strip_suffix(b"/")
                .unwrap_or(&directory.prefix);
            out.extend(
                name.iter()
                    .map(|byte| if byte.is_ascii_control() { b'?' } else { *byte }),
            );
            out.extend_from_slice(b":\r\n");
        }
        match wait_for(self.begin(directory)) {
            Ok(()) => Ok(true),
            Err(failure) if matches!(failure.kind, Kind::ServiceClosing | Kind::Internal) => {
                Err(failure)
            }
            Err(_) => Ok(true),
        }
    }

    /// MLSD tells of the directory itself first; LIST -a shows `.` and `..`.
    fn own_lines(&mut self, open: &mut Open, out: &mut Vec<u8>) -> bool {
        let Some(own) = open.own_facts.take() else {
            return false;
        };
        let before = out.len();
        match self.form {
            ListForm::Facts(selection) => {
                if selection.contains(FactSet::TYPE) {
                    let entry = entry(b".", &own, None);
                    let perm = open.perms.of(FileKind::Directory);
                    let _ = facts(out, &entry, selection, perm, FactType::CurrentDirectory, "");
                }
            }
            ListForm::Long | ListForm::Names => {
                for name in [b".".as_slice(), b".."] {
                    unix_long(out, &entry(name, &own, None), self.now);
                }
            }
        }
        out.len() > before
    }

    /// The whole directory in order, when it is small enough and an order is wanted.
    fn sorted(&mut self, open: &mut Open) -> Result<Option<Vec<Named>>, Failure> {
        if matches!(self.form, ListForm::Facts(_)) || open.sorted {
            return Ok(None);
        }
        let unusual = self.arguments.by_time || self.arguments.reverse;
        let limit = if unusual {
            SORTED_ENTRIES
        } else {
            Batch::LIMIT
        };
        let mut entries: Vec<Named> = Vec::new();
        while entries.len() < limit && open.listing.next_batch(&mut self.batch)? {
            entries.extend(
                self.batch
                    .iter()
                    .map(|one| (one.name.into(), *one.metadata)),
            );
        }
        if entries.len() <= limit && self.batch.is_empty() {
            if self.arguments.by_time {
                entries.sort_by(|a, b| (&b.1.modified, &a.0).cmp(&(&a.1.modified, &b.0)));
            } else {
                entries.sort_by(|a, b| a.0.cmp(&b.0));
            }
            if self.arguments.reverse {
                entries.reverse();
            }
        }
        open.sorted = true;
        Ok(Some(entries))
    }

    fn batch(&mut self, open: &mut Open, out: &mut Vec<u8>) -> Result<bool, Failure> {
        let mut batch = std::mem::take(&mut self.batch);
        let more = open.listing.next_batch(&mut batch)?;
        for one in batch.iter() {
            self.entry(open, one.name, one.metadata, out)?;
        }
        self.batch = batch;
        Ok(more)
    }

    fn entry(
        &mut self,
        open: &Open,
        name: &[u8],
        metadata: &Metadata,
        out: &mut Vec<u8>,
    ) -> Result<(), Failure> {
        if let Some(wanted) = &mut self.pattern
            && !wanted.matches(name)?
        {
            return Ok(());
        }
        if self.truncated || (self.arguments.recursive && self.entries >= self.bounds.entries) {
            self.truncated = true;
            return Ok(());
        }
        self.entries = self.entries.saturating_add(1);
        let target = self.target(open, name, metadata)?;
        let perms = match &open.perms {
            perms if perms.differ_below => {
                &Perms::of_child(&self.session, &open.directory.path, name)?
            }
            perms => perms,
        };
        let prefix = open.directory.prefix.as_slice();
        let line = Line {
            form: self.form,
            now: self.now,
            prefix,
            perms,
        };
        self.left_out |= !line.write(out, name, metadata, target.as_deref());
        if self.arguments.recursive && metadata.kind == FileKind::Directory {
            self.descend(open, name);
        }
        Ok(())
    }

    fn descend(&mut self, open: &Open, name: &[u8]) {
        if open.directory.depth + 1 >= self.bounds.depth {
            self.too_deep = true;
            return;
        }
        let Ok(path) = open.directory.path.child(name) else {
            return;
        };
        let mut prefix = open.directory.prefix.clone();
        if prefix.is_empty() && self.form == ListForm::Long {
            prefix.extend_from_slice(b"./");
        }
        prefix.extend_from_slice(name);
        prefix.push(b'/');
        let depth = open.directory.depth + 1;
        self.queue.push_back(Directory {
            path,
            prefix,
            depth,
            headed: true,
        });
    }

    /// Where a link points, for LIST's ` -> target`.
    fn target(
        &self,
        open: &Open,
        name: &[u8],
        metadata: &Metadata,
    ) -> Result<Option<Vec<u8>>, Failure> {
        if metadata.kind != FileKind::Symlink || self.form != ListForm::Long {
            return Ok(None);
        }
        let Ok(path) = open.directory.path.child(name) else {
            return Ok(None);
        };
        Ok(wait_for(self.session.read_link(&path)).ok())
    }
}

impl Source for Lister {
    type Error = Failure;

    fn fill(&mut self, buffer: &mut Vec<u8>) -> Result<(), Failure> {
        let before = buffer.len();
        while buffer.len() == before && self.step(buffer)? {}
        Ok(())
    }
}

/// A session's answer, waited for on the blocking thread a listing is made on.
fn wait_for<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Handle::current().block_on(work)
}

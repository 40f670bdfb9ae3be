//! The index of unfinished uploads: one for the process, since several stores may offer the same
//! directory. It never touches a disk; what must go from the disk is answered to the caller.

use std::collections::{HashMap, HashSet};
use std::ffi::{CStr, CString};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::names::{self, Principal};
use super::options::LocalOptions;
use super::root::DirectoryKey;
use super::upload::Upload;
use crate::metadata::Timestamp;

/// The index of this process.
pub(super) fn index() -> MutexGuard<'static, Index> {
    INDEX.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Which upload: of which file, by whom.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) stem: Box<[u8]>,
    pub(super) principal: Principal,
}

/// A broken upload that waits on the disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Kept {
    pub(super) file: CString,
    pub(super) size: u64,
    pub(super) modified: Timestamp,
}

/// What the index knows about one upload.
#[derive(Default)]
pub(super) struct Found {
    pub(super) live: Option<Arc<Upload>>,
    pub(super) kept: Option<Kept>,
}

#[derive(Default)]
pub(super) struct Index {
    directories: HashMap<DirectoryKey, Known>,
    /// Names of staging files that are being written. A scan leaves them alone.
    live_names: HashSet<CString>,
    kept_by: HashMap<Principal, usize>,
    swept: Option<Instant>,
    /// Counts uses, for finding the directory that was not used for longest.
    clock: u64,
}

#[derive(Default)]
struct Known {
    scanned: Option<Instant>,
    scanning: Arc<Mutex<()>>,
    used: u64,
    uploads: HashMap<Key, Found>,
}

/// A staging file's name while it is written.
#[derive(Debug)]
pub(super) struct LiveName(CString);

impl Key {
    pub(super) fn new(name: &CStr, principal: &str) -> Self {
        Self {
            stem: names::stem(name.to_bytes()).into(),
            principal: Principal::of(principal),
        }
    }
}

impl Index {
    /// Whether the directory must be read first, since partials may be there from before this
    /// process began.
    pub(super) fn needs_scan(&mut self, directory: DirectoryKey) -> bool {
        let known = self.known(directory);
        known
            .scanned
            .is_none_or(|scanned| scanned.elapsed() > RESCAN_AFTER)
    }

    /// The lock that lets only one thread scan a directory.
    pub(super) fn scan_lock(&mut self, directory: DirectoryKey) -> Arc<Mutex<()>> {
        Arc::clone(&self.known(directory).scanning)
    }

    /// Takes the result of a scan; answers the files of older attempts, to be removed.
    pub(super) fn scanned(
        &mut self,
        directory: DirectoryKey,
        found: Vec<(Key, Kept)>,
        ttl: Duration,
    ) -> Vec<CString> {
        let mut superseded = Vec::new();
        self.forget_expired(directory, ttl);
        for (key, kept) in found {
            if !self.live_names.contains(&kept.file) {
                superseded.extend(self.insert(directory, key, kept));
            }
        }
        self.known(directory).scanned = Some(Instant::now());
        superseded
    }

    /// Notes an upload that begins. If the same principal already uploads the same file, both go
    /// on; a resume finds the later one.
    pub(super) fn begin(&mut self, directory: DirectoryKey, key: Key, upload: Arc<Upload>) {
        self.known(directory).uploads.entry(key).or_default().live = Some(upload);
    }

    /// What is known about an upload.
    pub(super) fn find(&mut self, directory: DirectoryKey, key: &Key, ttl: Duration) -> Found {
        let Some(found) = self.known(directory).uploads.get(key) else {
            return Found::default();
        };
        Found {
            live: found.live.clone(),
            kept: found.kept.clone().filter(|kept| !expired(kept, ttl)),
        }
    }

    /// Removes a kept partial from the index, for the one caller that will continue it.
    pub(super) fn take(&mut self, directory: DirectoryKey, key: &Key, kept: &Kept) -> bool {
        let known = self.known(directory);
        let Some(found) = known.uploads.get_mut(key) else {
            return false;
        };
        if found.kept.as_ref().is_none_or(|k| k.file != kept.file) {
            return false;
        }
        found.kept = None;
        self.tidy(directory, key);
        self.count(key.principal, -1);
        true
    }

    /// An upload is published; answers the file of an older attempt, to be removed.
    pub(super) fn published(
        &mut self,
        directory: DirectoryKey,
        key: &Key,
        upload: &Arc<Upload>,
    ) -> Option<CString> {
        self.forget(directory, key, upload);
        let found = self.known(directory).uploads.get_mut(key)?;
        let kept = found.kept.take()?;
        self.tidy(directory, key);
        self.count(key.principal, -1);
        Some(kept.file)
    }

    /// An upload broke and its bytes wait in a file; answers the file to be removed: of an older
    /// attempt, or this one, where the principal has too many already.
    pub(super) fn keep(
        &mut self,
        directory: DirectoryKey,
        key: Key,
        upload: &Arc<Upload>,
        kept: Kept,
        options: &LocalOptions,
    ) -> Option<CString> {
        self.forget(directory, &key, upload);
        let older = self.known(directory).uploads.get(&key);
        let replaces = older.is_some_and(|found| found.kept.is_some());
        let limit = options.partials_per_principal;
        if !replaces && self.count_of(key.principal) >= limit {
            self.sweep(options.partial_ttl);
            if self.count_of(key.principal) >= limit {
                return Some(kept.file);
            }
        }
        self.insert(directory, key, kept)
    }

    /// An upload is over and nothing of it remains.
    pub(super) fn forget(&mut self, directory: DirectoryKey, key: &Key, upload: &Arc<Upload>) {
        let known = self.known(directory);
        if let Some(found) = known.uploads.get_mut(key)
            && found
                .live
                .as_ref()
                .is_some_and(|live| Arc::ptr_eq(live, upload))
        {
            found.live = None;
        }
        self.tidy(directory, key);
    }

    /// A directory was removed; its number may be given to another.
    pub(super) fn forget_directory(&mut self, directory: DirectoryKey) {
        let Some(known) = self.directories.remove(&directory) else {
            return;
        };
        for (key, found) in &known.uploads {
            if found.kept.is_some() {
                self.count(key.principal, -1);
            }
        }
    }

    /// Whether a staging file is being written.
    pub(super) fn is_live(&self, name: &CStr) -> bool {
        self.live_names.contains(name)
    }

    /// Forgets what expired anywhere, so that it does not count against its principal. The files
    /// go when their directory is next read.
    fn sweep(&mut self, ttl: Duration) {
        if self
            .swept
            .is_some_and(|swept| swept.elapsed() < SWEEP_EVERY)
        {
            return;
        }
        self.swept = Some(Instant::now());
        let directories: Vec<_> = self.directories.keys().copied().collect();
        for directory in directories {
            self.forget_expired(directory, ttl);
        }
    }

    fn forget_expired(&mut self, directory: DirectoryKey, ttl: Duration) {
        let Some(known) = self.directories.get_mut(&directory) else {
            return;
        };
        let mut gone = Vec::new();
        known.uploads.retain(|key, found| {
            if found.kept.take_if(|kept| expired(kept, ttl)).is_some() {
                gone.push(key.principal);
            }
            found.live.is_some() || found.kept.is_some()
        });
        if !gone.is_empty() {
            known.scanned = None;
        }
        for principal in gone {
            self.count(principal, -1);
        }
    }

    fn count_of(&self, principal: Principal) -> usize {
        self.kept_by.get(&principal).copied().unwrap_or(0)
    }

    /// Inserts a kept partial; the newer of two stays.
    fn insert(&mut self, directory: DirectoryKey, key: Key, kept: Kept) -> Option<CString> {
        let principal = key.principal;
        let found = self.known(directory).uploads.entry(key).or_default();
        match found.kept.take() {
            None => {
                found.kept = Some(kept);
                self.count(principal, 1);
                None
            }
            Some(same) if same.file == kept.file => {
                found.kept = Some(kept);
                None
            }
            Some(other) => {
                let newer = kept.modified >= other.modified;
                let (stays, goes) = if newer { (kept, other) } else { (other, kept) };
                found.kept = Some(stays);
                Some(goes.file)
            }
        }
    }

    fn tidy(&mut self, directory: DirectoryKey, key: &Key) {
        let uploads = &mut self.known(directory).uploads;
        if uploads
            .get(key)
            .is_some_and(|found| found.live.is_none() && found.kept.is_none())
        {
            uploads.remove(key);
        }
    }

    fn count(&mut self, principal: Principal, change: isize) {
        let count = self.kept_by.entry(principal).or_default();
        *count = count.saturating_add_signed(change);
        if *count == 0 {
            self.kept_by.remove(&principal);
        }
    }

    fn known(&mut self, directory: DirectoryKey) -> &mut Known {
        if self.directories.len() >= MAX_DIRECTORIES && !self.directories.contains_key(&directory) {
            self.evict();
        }
        self.clock += 1;
        let known = self.directories.entry(directory).or_default();
        known.used = self.clock;
        known
    }

    /// Forgets the eighth of the directories that was not used for longest and has no upload. What
    /// they held is found again by a scan.
    fn evict(&mut self) {
        let mut idle: Vec<(u64, DirectoryKey)> = self
            .directories
            .iter()
            .filter(|(_, known)| known.uploads.values().all(|found| found.live.is_none()))
            .map(|(key, known)| (known.used, *key))
            .collect();
        idle.sort_unstable_by_key(|(used, _)| *used);
        for (_, key) in idle.into_iter().take(MAX_DIRECTORIES / 8) {
            self.forget_directory(key);
        }
    }
}

impl LiveName {
    pub(super) fn new(name: CString) -> Self {
        index().live_names.insert(name.clone());
        Self(name)
    }

    pub(super) fn as_c_str(&self) -> &CStr {
        &self.0
    }
}

impl Drop for LiveName {
    fn drop(&mut self) {
        index().live_names.remove(&self.0);
    }
}

/// Whether a partial has waited longer than it may.
pub(super) fn expired(kept: &Kept, ttl: Duration) -> bool {
    let ttl = i64::try_from(ttl.as_secs()).unwrap_or(i64::MAX);
    kept.modified.seconds.saturating_add(ttl) < Timestamp::now().seconds
}

static INDEX: LazyLock<Mutex<Index>> = LazyLock::new(Mutex::default);

/// Directories remembered at once. Those with an upload under way are never forgotten, and there
/// are as many of them as sessions at most.
const MAX_DIRECTORIES: usize = 4096;

/// How often a principal with too many partials has the whole index searched for expired ones.
const SWEEP_EVERY: Duration = Duration::from_secs(60);

/// When a directory is read again, so that what expired while the process ran is removed.
const RESCAN_AFTER: Duration = Duration::from_secs(6 * 3600);

#[cfg(test)]
mod tests;

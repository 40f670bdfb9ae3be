//! The files every server offers, made once and kept under `target/bench-data`.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::ops::RangeInclusive;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use rustix::fs::{FileType, Mode, mknodat};

use super::sftp::Keys;
use super::tls::Certificate;
use crate::shell;

/// Below the ports the kernel gives to clients, so that the two never meet.
pub(crate) const PASSIVE_PORTS: RangeInclusive<u16> = 20_000..=29_999;

/// The large file, in bytes.
pub(crate) const LARGE: u64 = 1 << 30;
/// The small file, in bytes.
pub(crate) const SMALL: u64 = 4096;
/// Small files in the folder that is moved as a whole.
pub(crate) const TREE: u64 = 5000;

/// User ids no Debian system gives away by itself.
const ANONYMOUS_ID: u32 = 64_001;
const ACCOUNT_ID: u32 = 64_002;

/// Threads that make empty files.
const MAKERS: usize = 4;

/// The folders of one benchmark.
#[derive(Debug)]
pub(crate) struct Scratch {
    /// What is served.
    pub(crate) files: PathBuf,
    /// Configurations, password files, logs.
    pub(crate) run: PathBuf,
    /// Stands in for parts of /etc while a peer runs.
    pub(crate) etc: PathBuf,
    /// vsftpd wants an empty folder.
    pub(crate) empty: PathBuf,
}

impl Scratch {
    /// Makes what is missing; the configurations and databases are made afresh.
    pub(crate) fn make() -> Result<Self> {
        let base = shell::target_folder()?.join("bench-data");
        let scratch = Self {
            files: base.join("files"),
            run: base.join("run"),
            etc: base.join("etc"),
            empty: base.join("empty"),
        };
        if scratch.run.exists() {
            fs::remove_dir_all(&scratch.run)?;
        }
        for folder in [&scratch.files, &scratch.run, &scratch.etc, &scratch.empty] {
            fs::create_dir_all(folder)?;
            // Peers read it as users of their own.
            fs::set_permissions(folder, fs::Permissions::from_mode(0o755))?;
        }
        noise(&scratch.files.join("large"), LARGE)?;
        noise(&scratch.files.join("quarter"), LARGE / 4)?;
        noise(&scratch.files.join("sixteenth"), LARGE / 16)?;
        noise(&scratch.files.join("small"), SMALL)?;
        scratch.certificate().make()?;
        scratch.keys().make()?;
        scratch.empty_uploads()?;
        Ok(scratch)
    }

    pub(crate) fn anonymous_id(&self) -> String {
        ANONYMOUS_ID.to_string()
    }

    pub(crate) fn account_id(&self) -> String {
        ACCOUNT_ID.to_string()
    }

    /// What every server shows over TLS.
    pub(crate) fn certificate(&self) -> Certificate {
        Certificate::within(&self.run)
    }

    /// What the SFTP servers show, and what clients log in with.
    pub(crate) fn keys(&self) -> Keys {
        Keys::within(&self.run)
    }

    /// Where clients upload to: `/up` for them.
    pub(crate) fn uploads(&self) -> PathBuf {
        self.files.join("up")
    }

    /// Leaves `/up` empty and the disk idle, so that no server pays for the one before it.
    pub(crate) fn empty_uploads(&self) -> Result<()> {
        let uploads = self.uploads();
        if uploads.exists() {
            fs::remove_dir_all(&uploads)?;
        }
        fs::create_dir(&uploads)?;
        // vsftpd's fastest uploads are anonymous.
        fs::set_permissions(&uploads, fs::Permissions::from_mode(0o777))?;
        if rustix::process::geteuid().is_root() {
            chown(&uploads, Some(ACCOUNT_ID), Some(ACCOUNT_ID))?;
        }
        rustix::fs::syncfs(File::open(&uploads)?)?;
        Ok(())
    }

    /// Writes `bytes` and throws them away. A virtual machine gets memory from its host when it is
    /// first touched; whoever runs first after a pause would pay for that.
    pub(crate) fn touch_memory(&self, bytes: u64) -> Result<()> {
        let path = self.run.join("touched");
        let mut file = File::create(&path)?;
        let chunk = vec![0x5A; 1 << 20];
        for _ in 0..bytes >> 20 {
            file.write_all(&chunk)?;
        }
        fs::remove_file(path)?;
        Ok(())
    }

    /// Makes a folder of `entries` empty files, or checks that it is whole, and returns its name.
    /// Either way its entries are in the kernel's caches afterwards.
    pub(crate) fn listing(&self, entries: u64) -> Result<String> {
        let name = format!("list-{entries}");
        let folder = self.files.join(&name);
        let mut there = count(&folder)?;
        if there != entries {
            if folder.exists() {
                fs::remove_dir_all(&folder)?;
            }
            fs::create_dir(&folder)?;
            make_entries(&folder, entries)?;
            there = count(&folder)?;
        }
        ensure!(there == entries, "the folder {name} holds {there} entries");
        Ok(name)
    }

    /// Makes a folder of small files, or checks that it is whole, and returns its name.
    pub(crate) fn tree(&self) -> Result<&'static str> {
        let name = "tree";
        let folder = self.files.join(name);
        if !folder.exists() || !is_tree(&folder)? {
            fs::create_dir_all(&folder)?;
            for number in 0..TREE {
                noise(&folder.join(format!("measurement-{number:07}.csv")), SMALL)?;
            }
            ensure!(is_tree(&folder)?, "the folder {name} is not whole");
        }
        Ok(name)
    }

    /// Reads a file once, so that no server reads it from the disk.
    pub(crate) fn warm(&self, name: &str) -> Result<()> {
        let mut file = File::open(self.files.join(name))?;
        let mut chunk = vec![0; 1 << 20];
        while file.read(&mut chunk)? > 0 {}
        Ok(())
    }
}

/// Whether a folder holds the small files of [`Scratch::tree`], and nothing else.
pub(crate) fn is_tree(folder: &Path) -> Result<bool> {
    let mut files = 0;
    for entry in fs::read_dir(folder)? {
        let about = entry?.metadata()?;
        if !about.is_file() || about.len() != SMALL {
            return Ok(false);
        }
        files += 1;
    }
    Ok(files == TREE)
}

/// Counts the entries that can be looked at; none if there is no such folder.
fn count(folder: &Path) -> Result<u64> {
    if !folder.exists() {
        return Ok(0);
    }
    let mut entries = 0;
    for entry in fs::read_dir(folder)? {
        entry?.metadata()?;
        entries += 1;
    }
    Ok(entries)
}

fn make_entries(folder: &Path, entries: u64) -> Result<()> {
    eprintln!("making {entries} empty files");
    let folder = &File::open(folder)?;
    let share = entries.div_ceil(MAKERS as u64);
    std::thread::scope(|scope| {
        let makers: Vec<_> = (0..MAKERS as u64)
            .map(|maker| {
                scope.spawn(move || -> Result<()> {
                    for number in maker * share..entries.min((maker + 1) * share) {
                        let name = format!("measurement-{number:07}.csv");
                        mknodat(folder, name, FileType::RegularFile, Mode::from(0o644), 0)?;
                    }
                    Ok(())
                })
            })
            .collect();
        for maker in makers {
            maker
                .join()
                .map_err(|_| anyhow::anyhow!("a thread that makes files panicked"))??;
        }
        Ok(())
    })
}

/// A file of `size` bytes that no file system can keep without its blocks.
fn noise(path: &Path, size: u64) -> Result<()> {
    if fs::metadata(path).is_ok_and(|there| there.len() == size) {
        return Ok(());
    }
    let mut file = File::create(path).with_context(|| format!("cannot make {}", path.display()))?;
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut left = size;
    while left > 0 {
        let length = left.min(1 << 20);
        let mut chunk = Vec::with_capacity(1 << 20);
        while (chunk.len() as u64) < length {
            // xorshift64
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            chunk.extend_from_slice(&state.to_le_bytes());
        }
        chunk.truncate(usize::try_from(length)?);
        file.write_all(&chunk)?;
        left -= length;
    }
    file.sync_all()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_has_the_size_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("noise");
        noise(&path, 3_000_001).unwrap();
        let bytes = fs::read(&path).unwrap();
        assert_eq!(bytes.len(), 3_000_001);
        assert_ne!(bytes[..8], bytes[8..16]);
    }

    #[test]
    fn a_long_listing_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        make_entries(folder.path(), 1003).unwrap();
        assert_eq!(count(folder.path()).unwrap(), 1003);
    }
}

//! The files: written whole or not at all, readable by nobody else.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::fs::{AtFlags, Mode, OFlags, mkdir, open, openat, renameat, unlinkat};
use rustix::io::Errno;
use secrecy::{ExposeSecret as _, SecretString};
use wharf_net::tls::certificate::Certificate;

use crate::error::AcmeError;

/// The chain, PEM, the certificate first.
pub(crate) const CERTIFICATE: &str = "certificate.pem";
/// Its private key, PEM.
pub(crate) const KEY: &str = "key.pem";
const ACCOUNT: &str = "account.json";

/// What a file is called until it is whole.
const CERTIFICATE_NEW: &str = "certificate.pem.new";
const KEY_NEW: &str = "key.pem.new";
const ACCOUNT_NEW: &str = "account.json.new";
const PROBE_NEW: &str = "probe.new";

/// None of our files comes near it.
const MAX_FILE: u64 = 1024 * 1024;

/// The folder of one account and one certificate, held open. Its methods wait on the disk: not for
/// async workers.
#[derive(Debug, Clone)]
pub(crate) struct Folder {
    path: PathBuf,
    handle: Arc<OwnedFd>,
}

impl Folder {
    /// Makes the folder where there is none, sees to it that it can be written to, and finishes
    /// what an earlier process was stopped in.
    pub(crate) fn open(path: &Path) -> Result<Self, AcmeError> {
        let failed = |error: Errno| AcmeError::Folder {
            path: path.to_owned(),
            source: error.into(),
        };
        make(path).map_err(failed)?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let folder = Self {
            path: path.to_owned(),
            handle: Arc::new(open(path, flags, Mode::empty()).map_err(failed)?),
        };
        let _only = alone();
        folder.write_new(PROBE_NEW, b"")?;
        folder.remove(PROBE_NEW)?;
        folder.recover()?;
        Ok(folder)
    }

    pub(crate) fn account_file(&self) -> PathBuf {
        self.path.join(ACCOUNT)
    }

    /// The account as it was saved, if it was.
    pub(crate) fn account(&self) -> Result<Option<Vec<u8>>, AcmeError> {
        self.read(ACCOUNT)
    }

    pub(crate) fn save_account(&self, json: &[u8]) -> Result<(), AcmeError> {
        let _only = alone();
        self.write_new(ACCOUNT_NEW, json)?;
        self.rename(ACCOUNT_NEW, ACCOUNT)?;
        self.sync()
    }

    pub(crate) fn forget_account(&self) -> Result<(), AcmeError> {
        self.remove(ACCOUNT)
    }

    /// Certificate and key that belong together, and the bytes of the chain.
    pub(crate) fn pair(&self) -> Result<Option<(Certificate, Vec<u8>)>, AcmeError> {
        self.pair_of(CERTIFICATE, KEY)
    }

    /// Puts a new pair into place. Both are on the disk before the first is renamed, and nothing
    /// but a second rename lies between the two: who looks in that moment sees a key that does
    /// not belong, and looks again.
    pub(crate) fn save_pair(&self, chain: &[u8], key: &SecretString) -> Result<(), AcmeError> {
        let _only = alone();
        self.write_new(KEY_NEW, key.expose_secret().as_bytes())?;
        self.write_new(CERTIFICATE_NEW, chain)?;
        self.sync()?;
        self.publish()
    }

    fn publish(&self) -> Result<(), AcmeError> {
        self.rename(KEY_NEW, KEY)?;
        self.rename(CERTIFICATE_NEW, CERTIFICATE)?;
        self.sync()
    }

    /// A process that was killed between two steps of [`Self::save_pair`] leaves a new pair, or
    /// half of one: what is whole is published, what is not is removed.
    fn recover(&self) -> Result<(), AcmeError> {
        if self.pair_of(CERTIFICATE_NEW, KEY_NEW)?.is_some() {
            return self.publish();
        }
        if self.pair_of(CERTIFICATE_NEW, KEY)?.is_some() {
            self.rename(CERTIFICATE_NEW, CERTIFICATE)?;
        }
        for leftover in [KEY_NEW, CERTIFICATE_NEW, ACCOUNT_NEW] {
            self.remove(leftover)?;
        }
        self.sync()
    }

    /// `None` where one is missing or the two do not belong together.
    fn pair_of(&self, chain: &str, key: &str) -> Result<Option<(Certificate, Vec<u8>)>, AcmeError> {
        let (Some(chain), Some(key)) = (self.read(chain)?, self.read(key)?) else {
            return Ok(None);
        };
        let certificate = Certificate::from_pem(&chain, &key).ok();
        Ok(certificate.map(|certificate| (certificate, chain)))
    }

    fn read(&self, name: &str) -> Result<Option<Vec<u8>>, AcmeError> {
        match openat(&self.handle, name, READING, Mode::empty()) {
            Ok(file) => read_to_end(file, MAX_FILE)
                .map(Some)
                .map_err(|error| self.error(name, error)),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(self.error(name, error.into())),
        }
    }

    /// A new file for its owner only. What has the name already is a leftover.
    fn write_new(&self, name: &str, bytes: &[u8]) -> Result<(), AcmeError> {
        self.remove(name)?;
        // EXCL follows no link that somebody put there in between.
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let file = openat(&self.handle, name, flags, Mode::RUSR | Mode::WUSR);
        let written = file.map_err(io::Error::from).and_then(|file| {
            let mut file = File::from(file);
            file.write_all(bytes)?;
            file.sync_all()
        });
        written.map_err(|error| self.error(name, error))
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), AcmeError> {
        renameat(&self.handle, from, &self.handle, to).map_err(|error| self.error(to, error.into()))
    }

    fn remove(&self, name: &str) -> Result<(), AcmeError> {
        match unlinkat(&self.handle, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(error) => Err(self.error(name, error.into())),
        }
    }

    /// Makes the renames last.
    fn sync(&self) -> Result<(), AcmeError> {
        rustix::fs::fsync(&self.handle).map_err(|error| self.error("", error.into()))
    }

    fn error(&self, name: &str, source: io::Error) -> AcmeError {
        AcmeError::Folder {
            path: self.path.join(name),
            source,
        }
    }
}

/// Reads a file of at most `max` bytes.
pub(crate) fn read_bounded(path: &Path, max: u64) -> io::Result<Vec<u8>> {
    read_to_end(open(path, READING, Mode::empty())?, max)
}

fn read_to_end(file: OwnedFd, max: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::from(file).take(max + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > max {
        let text = format!("it is larger than {max} bytes");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, text));
    }
    Ok(bytes)
}

fn make(path: &Path) -> Result<(), Errno> {
    match mkdir(path, Mode::RWXU) {
        Ok(()) | Err(Errno::EXIST) => Ok(()),
        Err(Errno::NOENT) => {
            make(path.parent().ok_or(Errno::NOENT)?)?;
            mkdir(path, Mode::RWXU)
        }
        Err(error) => Err(error),
    }
}

/// One step of one manager at a time: the last one of a manager that was dropped may still run
/// when the next one begins.
fn alone() -> MutexGuard<'static, ()> {
    static WRITING: Mutex<()> = Mutex::new(());
    WRITING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// NONBLOCK: a pipe that nobody writes to would hold us.
const READING: OFlags = OFlags::RDONLY
    .union(OFlags::CLOEXEC)
    .union(OFlags::NOCTTY)
    .union(OFlags::NONBLOCK);

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{MetadataExt as _, symlink};

    use super::*;
    use crate::certificate::tests::self_signed;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    fn name_in(folder: &Folder) -> Option<String> {
        let (certificate, _) = folder.pair().unwrap()?;
        certificate.names().first().cloned()
    }

    #[test]
    fn what_is_written_is_for_its_owner_only() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("state/acme");
        let folder = Folder::open(&path).unwrap();
        let (chain, key) = self_signed("a.example");
        folder.save_pair(chain.as_bytes(), &key.into()).unwrap();
        folder.save_account(b"{}").unwrap();
        assert_eq!(names(&path), [ACCOUNT, CERTIFICATE, KEY]);
        for name in names(&path) {
            let mode = fs::metadata(path.join(&name)).unwrap().mode() & 0o7777;
            assert_eq!(mode, 0o600, "{name}");
        }
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o700);
        assert_eq!(name_in(&folder).as_deref(), Some("a.example"));
        assert_eq!(folder.account().unwrap().as_deref(), Some(&b"{}"[..]));
        folder.forget_account().unwrap();
        assert_eq!(folder.account().unwrap(), None);
    }

    /// Stops the second save after each of its steps and starts again.
    #[test]
    fn a_stop_at_any_step_leaves_a_whole_pair() {
        let (old_chain, old_key) = self_signed("old.example");
        let (new_chain, new_key) = self_signed("new.example");
        let steps: &[(&[(&str, &str)], &str)] = &[
            (&[(KEY_NEW, &new_key[..40])], "old.example"),
            (&[(KEY_NEW, &new_key)], "old.example"),
            (
                &[(KEY_NEW, &new_key), (CERTIFICATE_NEW, &new_chain[..40])],
                "old.example",
            ),
            (
                &[(KEY_NEW, &new_key), (CERTIFICATE_NEW, &new_chain)],
                "new.example",
            ),
            (
                &[(KEY, &new_key), (CERTIFICATE_NEW, &new_chain)],
                "new.example",
            ),
            (&[(KEY, &new_key), (CERTIFICATE, &new_chain)], "new.example"),
        ];
        for (written, survivor) in steps {
            let scratch = tempfile::tempdir().unwrap();
            let folder = Folder::open(scratch.path()).unwrap();
            let old_key = SecretString::from(old_key.clone());
            folder.save_pair(old_chain.as_bytes(), &old_key).unwrap();
            for (name, text) in *written {
                fs::write(scratch.path().join(name), text).unwrap();
            }
            let folder = Folder::open(scratch.path()).unwrap();
            let found = name_in(&folder);
            assert_eq!(found.as_deref(), Some(*survivor), "{written:?}");
            assert_eq!(names(scratch.path()), [CERTIFICATE, KEY], "{written:?}");
        }
    }

    #[test]
    fn a_link_in_the_way_is_replaced_and_not_followed() {
        let scratch = tempfile::tempdir().unwrap();
        let elsewhere = scratch.path().join("elsewhere");
        fs::write(&elsewhere, "untouched").unwrap();
        let path = scratch.path().join("acme");
        let folder = Folder::open(&path).unwrap();
        symlink(&elsewhere, path.join(ACCOUNT_NEW)).unwrap();
        symlink(&elsewhere, path.join(ACCOUNT)).unwrap();
        folder.save_account(b"{}").unwrap();
        assert_eq!(fs::read(&elsewhere).unwrap(), b"untouched");
        assert!(fs::symlink_metadata(path.join(ACCOUNT)).unwrap().is_file());
    }

    #[test]
    fn a_folder_that_cannot_be_one_is_named() {
        let scratch = tempfile::tempdir().unwrap();
        let file = scratch.path().join("file");
        fs::write(&file, "").unwrap();
        let text = Folder::open(&file).unwrap_err().to_string();
        assert!(text.contains(&file.display().to_string()), "{text}");
    }

    #[test]
    fn a_file_too_large_is_not_read_to_its_end() {
        let scratch = tempfile::tempdir().unwrap();
        let file = scratch.path().join("file");
        fs::write(&file, [0; 11]).unwrap();
        assert_eq!(read_bounded(&file, 11).unwrap().len(), 11);
        let error = read_bounded(&file, 10).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
    }
}

//! The files: written whole or not at all, readable by nobody else.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

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

/// None of our files comes near it.
const MAX_FILE: u64 = 1024 * 1024;

/// The folder of one account and one certificate. Its methods wait on the disk: not for async
/// workers.
#[derive(Debug, Clone)]
pub(crate) struct Folder(PathBuf);

impl Folder {
    /// Makes the folder where there is none, sees to it that it can be written to, and finishes
    /// what an earlier process was stopped in.
    pub(crate) fn open(path: &Path) -> Result<Self, AcmeError> {
        let folder = Self(path.to_owned());
        let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
        made.map_err(|error| folder.error(path, error))?;
        let probe = path.join("probe.new");
        write_synced(&probe, b"")
            .and_then(|()| fs::remove_file(&probe))
            .map_err(|error| folder.error(path, error))?;
        folder.recover()?;
        Ok(folder)
    }

    pub(crate) fn account_file(&self) -> PathBuf {
        self.0.join(ACCOUNT)
    }

    /// The account as it was saved, if it was.
    pub(crate) fn account(&self) -> Result<Option<Vec<u8>>, AcmeError> {
        self.read(ACCOUNT)
    }

    pub(crate) fn save_account(&self, json: &[u8]) -> Result<(), AcmeError> {
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
        let path = self.0.join(name);
        match read_bounded(&path, MAX_FILE) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.error(&path, error)),
        }
    }

    fn write_new(&self, name: &str, bytes: &[u8]) -> Result<(), AcmeError> {
        let path = self.0.join(name);
        write_synced(&path, bytes).map_err(|error| self.error(&path, error))
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), AcmeError> {
        let to = self.0.join(to);
        fs::rename(self.0.join(from), &to).map_err(|error| self.error(&to, error))
    }

    fn remove(&self, name: &str) -> Result<(), AcmeError> {
        let path = self.0.join(name);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(self.error(&path, error)),
            _ => Ok(()),
        }
    }

    /// Makes the renames last.
    fn sync(&self) -> Result<(), AcmeError> {
        File::open(&self.0)
            .and_then(|folder| folder.sync_all())
            .map_err(|error| self.error(&self.0, error))
    }

    fn error(&self, path: &Path, source: io::Error) -> AcmeError {
        AcmeError::Folder {
            path: path.to_owned(),
            source,
        }
    }
}

/// Reads a file of at most `max` bytes.
pub(crate) fn read_bounded(path: &Path, max: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut file = File::open(path)?.take(max + 1);
    file.read_to_end(&mut bytes)?;
    if file.limit() == 0 {
        let text = format!("it is larger than {max} bytes");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, text));
    }
    Ok(bytes)
}

/// A new file for its owner only. What has the name already is a leftover.
fn write_synced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    // `create_new` follows no link that somebody put there in between.
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
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

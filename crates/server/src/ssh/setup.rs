//! The SSH of one set of settings, its files read.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use wharf_ssh::certificate::Certificate;
use wharf_ssh::key::{HostKey, PublicKey};
use wharf_ssh::krl::RevocationList;
use wharf_ssh::transport::Options;

use crate::config::SshConfig;
use crate::registry::SshCredential;

/// What is said of this server before anything else; no version in it (security S8).
const IDENTIFICATION: &str = "SSH-2.0-wharf";

/// SSH as the settings want it.
pub(crate) struct Ssh {
    pub(crate) config: SshConfig,
    files: RwLock<Arc<Files>>,
    /// The files as they were when they could not be used: told once.
    refused: Mutex<Vec<Seen>>,
}

/// What was read of the files.
pub(crate) struct Files {
    pub(crate) transport: Arc<Options>,
    /// Whose user certificates are believed.
    pub(crate) authorities: Vec<PublicKey>,
    pub(crate) revoked: Option<RevocationList>,
    /// When and how large they were.
    seen: Vec<Seen>,
}

/// Times of the last change of content and of the file itself, its number and its length; `None`
/// when it is not there.
pub(crate) type Seen = Option<((i64, i64), (i64, i64), (u64, u64))>;

impl Ssh {
    /// Reads every file. All problems at once.
    pub(crate) fn open(config: &SshConfig) -> Result<Self, Vec<String>> {
        Ok(Self {
            files: RwLock::new(Arc::new(Files::read(config)?)),
            refused: Mutex::default(),
            config: config.clone(),
        })
    }

    pub(crate) fn files(&self) -> Arc<Files> {
        let files = self.files.read();
        files.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Brings changed files into force; `true` when there were some.
    pub(crate) fn refresh(&self) -> Result<bool, Vec<String>> {
        let now = seen(&self.config);
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        if now == self.files().seen || now == *refused {
            return Ok(false);
        }
        let files = Files::read(&self.config).inspect_err(|_| *refused = now)?;
        let mut held = self.files.write();
        let held = held.as_deref_mut();
        match held {
            Ok(held) => *held = Arc::new(files),
            Err(_) => return Ok(false),
        }
        Ok(true)
    }
}

impl Files {
    fn read(config: &SshConfig) -> Result<Self, Vec<String>> {
        let mut problems = Vec::new();
        let seen = seen(config);
        let mut keys: Vec<HostKey> = Vec::new();
        for file in &config.host_keys {
            match host_key(file) {
                Ok(key)
                    if keys
                        .iter()
                        .any(|had| had.public().kind() == key.public().kind()) => {}
                Ok(key) => keys.push(key),
                Err(problem) => problems.push(problem),
            }
        }
        if keys.is_empty() && problems.is_empty() {
            problems.push("SSH needs a host key".into());
        }
        let authorities = config.user_ca.as_deref().map(authorities).transpose();
        let authorities = authorities.map_err(|problem| problems.push(problem));
        let revoked = config.revoked_keys.as_deref().map(revoked).transpose();
        let revoked = revoked.map_err(|problem| problems.push(problem));
        let (Ok(authorities), Ok(revoked), true) = (authorities, revoked, problems.is_empty())
        else {
            return Err(problems);
        };
        Ok(Self {
            transport: Arc::new(Options::server(IDENTIFICATION, keys)),
            authorities: authorities.unwrap_or_default(),
            revoked,
            seen,
        })
    }

    /// Whether something of a login no longer lets anybody in, or its authority is believed no more.
    pub(crate) fn revokes(&self, shown: &SshCredential) -> bool {
        let mut keys = shown
            .keys
            .iter()
            .filter_map(|key| PublicKey::decode(key).ok());
        if keys.any(|key| self.is_revoked(&key)) {
            return true;
        }
        let Some(Ok(certificate)) = shown.certificate.as_deref().map(Certificate::decode) else {
            return false;
        };
        let by_settings = shown.authority.is_none();
        let revoked = self.revoked.as_ref();
        by_settings && !self.authorities.contains(certificate.authority())
            || revoked.is_some_and(|revoked| revoked.revokes_certificate(&certificate))
    }

    /// Whether a key no longer lets anybody in.
    pub(crate) fn is_revoked(&self, key: &PublicKey) -> bool {
        let revoked = self.revoked.as_ref();
        revoked.is_some_and(|revoked| revoked.revokes_key(key))
    }
}

fn seen(config: &SshConfig) -> Vec<Seen> {
    let others = config.user_ca.iter().chain(&config.revoked_keys);
    let files = config.host_keys.iter().chain(others);
    files.map(|file| look(file)).collect()
}

/// What tells one version of a file from another.
fn look(file: &Path) -> Seen {
    let metadata = fs::metadata(file).ok()?;
    Some((
        (metadata.mtime(), metadata.mtime_nsec()),
        (metadata.ctime(), metadata.ctime_nsec()),
        (metadata.ino(), metadata.len()),
    ))
}

/// The same of many.
pub(crate) fn stamps(files: HashSet<PathBuf>) -> HashMap<PathBuf, Seen> {
    let stamped = files.into_iter().map(|file| (look(&file), file));
    stamped.map(|(seen, file)| (file, seen)).collect()
}

fn host_key(file: &Path) -> Result<HostKey, String> {
    let text = read(file)?;
    HostKey::from_openssh(&text)
        .map_err(|error| format!("the host key `{}`: {error}", file.display()))
}

/// Public keys as OpenSSH writes them, one a line; comments and empty lines between.
fn authorities(file: &Path) -> Result<Vec<PublicKey>, String> {
    let text = read(file)?;
    let mut keys = Vec::new();
    for (number, line) in text.split(|byte| *byte == b'\n').enumerate() {
        let line = line.trim_ascii();
        if line.is_empty() || line.starts_with(b"#") {
            continue;
        }
        let key = std::str::from_utf8(line)
            .ok()
            .and_then(|line| line.parse::<wharf_accounts::PublicKey>().ok())
            .and_then(|key| PublicKey::decode(key.wire()).ok());
        let Some(key) = key else {
            return Err(format!(
                "`{}`, line {}: it is not a public key as OpenSSH writes it",
                file.display(),
                number + 1
            ));
        };
        keys.push(key);
    }
    Ok(keys)
}

fn revoked(file: &Path) -> Result<RevocationList, String> {
    let text = read(file)?;
    RevocationList::parse(&text)
        .map_err(|error| format!("the revoked keys `{}`: {error}", file.display()))
}

fn read(file: &Path) -> Result<Vec<u8>, String> {
    let size = fs::metadata(file).map(|metadata| metadata.len());
    if size.as_ref().is_ok_and(|size| *size > MOST) {
        return Err(format!("`{}` is too large for what it is", file.display()));
    }
    fs::read(file).map_err(|error| format!("cannot read `{}`: {error}", file.display()))
}

/// The largest file that is read: a revocation list.
const MOST: u64 = 16 << 20;

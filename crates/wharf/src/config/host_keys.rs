//! The files of `ssh.host_keys`: whether they can be used, before a port is bound.

use std::fs::{Metadata, OpenOptions};
use std::io::{self, ErrorKind, Read as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use rustix::process::geteuid;
use secrecy::zeroize::Zeroizing;
use wharf_ssh::key::{HostKey, HostKeyError, HostKeyKind};

use super::Settings;
use super::certificates::Found;
use crate::shell;

/// A host key that the server makes for itself.
pub(crate) struct Own {
    pub(crate) kind: HostKeyKind,
    /// Named as OpenSSH's own.
    name: &'static str,
}

impl Own {
    /// Where it is kept, below the state folder.
    pub(crate) fn file(&self, state: &Path) -> PathBuf {
        state.join(self.name)
    }
}

/// What every client that is still maintained has one of, the better one first. RSA is for those
/// who have such a key already.
pub(crate) const OWN: [Own; 2] = [
    Own {
        kind: HostKeyKind::Ed25519,
        name: "ssh_host_ed25519_key",
    },
    Own {
        kind: HostKeyKind::EcdsaP256,
        name: "ssh_host_ecdsa_key",
    },
];

/// Why a file is no host key, and what to do.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Unusable {
    /// A whole sentence without its full stop, with the file in it.
    pub(crate) what: String,
    pub(crate) hint: Option<String>,
}

/// Reads a private key that nobody else can read.
pub(crate) fn load(path: &Path) -> Result<HostKey, Unusable> {
    HostKey::from_openssh(&read(path)?).map_err(|error| {
        let text = error.to_string();
        let (what, hint) = match text.split_once("\n\nhint: ") {
            Some((what, hint)) => (what, hint.to_owned()),
            None => (
                text.as_str(),
                "`ssh-keygen -t ed25519 -N '' -f FILE` makes one".to_owned(),
            ),
        };
        let open = shell::command(&["ssh-keygen", "-p", "-N", "", "-f"], path);
        Unusable {
            what: format!("the host key `{}` cannot be used: {what}", path.display()),
            hint: Some(if error == HostKeyError::Encrypted {
                format!("{open} takes the passphrase away")
            } else {
                hint
            }),
        }
    })
}

/// The kind of a key as clients show it to their users.
pub(crate) fn label(kind: &str) -> &'static str {
    match kind {
        "ssh-ed25519" => "ED25519",
        "ssh-rsa" => "RSA",
        // The curve is not told: a client says `ECDSA key fingerprint is …`.
        _ => "ECDSA",
    }
}

/// Looks at all of them, also where nothing listens for SFTP: a reload or the next start
/// may.
pub(super) fn look(settings: &Settings, found: &mut Found) {
    const HOST_KEYS: &str = "ssh.host_keys";
    let mut kinds: Vec<(String, PathBuf)> = Vec::new();
    for path in settings.written_host_keys() {
        let key = match load(&path) {
            Ok(key) => key,
            Err(Unusable { what, hint }) => {
                let problem = settings.remark(HOST_KEYS, &what, hint.as_deref());
                found.problems.push(problem);
                continue;
            }
        };
        let kind = key.public().kind().to_owned();
        match kinds.iter().find(|(other, _)| *other == kind) {
            Some((_, first)) => {
                let what = format!(
                    "`{}` is a second {} host key and counts for nothing: the first is `{}`",
                    path.display(),
                    label(&kind),
                    first.display()
                );
                let hint = "leave it out";
                found
                    .warnings
                    .push(settings.remark(HOST_KEYS, &what, Some(hint)));
            }
            None => kinds.push((kind, path)),
        }
    }
}

fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, Unusable> {
    let opened = OpenOptions::new()
        .read(true)
        // A pipe that nobody writes to would keep the start waiting.
        .custom_flags(OFlags::NONBLOCK.bits().cast_signed())
        .open(path);
    let file = opened.map_err(|error| unreadable(path, &error))?;
    let metadata = file.metadata().map_err(|error| unreadable(path, &error))?;
    if !metadata.is_file() {
        return Err(Unusable {
            what: format!("the host key `{}` is no file", path.display()),
            hint: None,
        });
    }
    closed(path, &metadata)?;
    // One more than is taken, so that what is longer is refused and not cut. All of it at once,
    // because a buffer that grows leaves copies behind.
    let longest = HostKey::MAX_TEXT + 1;
    let mut text = Zeroizing::new(Vec::with_capacity(longest + 1));
    file.take(longest as u64)
        .read_to_end(&mut text)
        .map_err(|error| unreadable(path, &error))?;
    Ok(text)
}

/// Refuses a key that others can read, as sshd does (security S5). One of another owner's has to
/// be readable for our group, or we could not read it.
fn closed(path: &Path, metadata: &Metadata) -> Result<(), Unusable> {
    let (others, cure) = if metadata.uid() == geteuid().as_raw() {
        (0o077, "600")
    } else {
        (0o037, "640")
    };
    let mode = metadata.mode() & 0o777;
    if mode & others == 0 {
        return Ok(());
    }
    Err(Unusable {
        what: format!(
            "the host key `{}` is open to other users (mode {mode:04o}): whoever has it can pass for this server",
            path.display()
        ),
        hint: Some(shell::command(&["chmod", cure], path)),
    })
}

fn unreadable(path: &Path, error: &io::Error) -> Unusable {
    let shown = path.display();
    match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => Unusable {
            what: format!("the host key `{shown}` does not exist"),
            hint: Some(format!(
                "{} makes it; without `host_keys` the server makes its own",
                shell::command(&["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f"], path)
            )),
        },
        ErrorKind::PermissionDenied => Unusable {
            what: format!("the host key `{shown}` may not be read by this user"),
            hint: Some("change its owner, or run wharf as the user whose it is".to_owned()),
        },
        _ => Unusable {
            what: format!("the host key `{shown}` cannot be read: {error}"),
            hint: None,
        },
    }
}

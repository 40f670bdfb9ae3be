//! The host keys a server makes for itself, so that SFTP works from the first start.

use std::path::{Path, PathBuf};

use wharf_ssh::key::{HostKey, HostKeyKind};

use crate::config::Settings;
use crate::config::host_keys::{OWN, load};
use crate::failure::Failure;
use crate::private_file::{closed, rename, write};
use crate::shell;

/// Makes the server's own host keys where SFTP is served, the settings name none and they are not
/// there. They stay what they are for ever: clients remember them.
pub(crate) fn ensure(settings: &Settings, state: &Path) -> Result<(), Failure> {
    if !settings.serves_sftp() || !settings.written_host_keys().is_empty() {
        return Ok(());
    }
    for own in &OWN {
        let path = own.file(state);
        match path.try_exists() {
            Ok(false) => make(own.kind, &path)?,
            // One that cannot be looked at must not be taken for one that is not there.
            Ok(true) | Err(_) => check(&path)?,
        }
    }
    Ok(())
}

fn make(kind: HostKeyKind, path: &Path) -> Result<(), Failure> {
    let text = HostKey::generate(kind)
        .and_then(|key| key.to_openssh(""))
        .map_err(|error| Failure::new(format!("cannot make a host key: {error}")))?;
    let new = new(path);
    write(&new, &text)?;
    // A crash before this leaves a key that nobody has been shown, and the next start another.
    rename(&new, path)
}

fn check(path: &Path) -> Result<(), Failure> {
    closed(path, "600")?;
    let failed = |what: &str| {
        let remove = shell::command(&["rm"], path);
        Failure::new(format!("the server's own host key cannot be used: {what}")).hint(format!(
            "{remove}, and the next start makes a new one; clients must be told its fingerprint"
        ))
    };
    load(path)
        .map(drop)
        .map_err(|unusable| failed(&unusable.what))
}

fn new(path: &Path) -> PathBuf {
    path.with_extension("new")
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn what_a_crash_left_behind_is_made_anew() {
        for own in &OWN {
            let scratch = tempfile::tempdir().unwrap();
            let path = own.file(scratch.path());
            // Stopped within the writing, by a program that left it open.
            fs::write(new(&path), "-----BEGIN").unwrap();
            fs::set_permissions(new(&path), Permissions::from_mode(0o644)).unwrap();
            make(own.kind, &path).unwrap();
            assert!(!new(&path).exists());
            let mode = fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
            assert!(load(&path).is_ok());
            check(&path).unwrap();
        }
    }
}

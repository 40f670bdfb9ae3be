//! Files that keep a private key: written whole and durably, for this user alone.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use crate::failure::Failure;
use crate::shell;

/// Refuses what others can read (security S5); `cure` is the mode that closes it.
pub(crate) fn closed(path: &Path, cure: &str) -> Result<(), Failure> {
    let metadata = fs::metadata(path).map_err(|error| failed("look at", path, &error))?;
    let mode = metadata.mode() & 0o777;
    if mode & 0o077 == 0 {
        return Ok(());
    }
    let cure = shell::command(&["chmod", cure], path);
    Err(Failure::new(format!(
        "`{}` is open to other users (mode {mode:04o}), and it keeps the server's private key",
        path.display()
    ))
    .hint(cure))
}

/// Writes a whole file that is on the disk when this returns. Its name is not yet: that is
/// [`rename`]'s.
pub(crate) fn write(path: &Path, text: &str) -> Result<(), Failure> {
    // One that was left behind may have another mode.
    remove(path)?;
    let written = || -> io::Result<()> {
        let mut file: File = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()
    };
    written().map_err(|error| failed("write", path, &error))
}

/// Removes a file that need not be there.
pub(crate) fn remove(path: &Path) -> Result<(), Failure> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(failed("remove", path, &error)),
        _ => Ok(()),
    }
}

/// Gives a file its name, which is on the disk when this returns.
pub(crate) fn rename(from: &Path, to: &Path) -> Result<(), Failure> {
    let renamed = || -> io::Result<()> {
        fs::rename(from, to)?;
        File::open(to.parent().unwrap_or_else(|| Path::new(".")))?.sync_all()
    };
    renamed().map_err(|error| failed("replace", to, &error))
}

/// What could not be done to a file in the state folder.
pub(crate) fn failed(what: &str, path: &Path, error: &io::Error) -> Failure {
    Failure::new(format!("cannot {what} `{}`: {error}", path.display()))
        .hint("is there space, and does the state folder belong to this user?")
}

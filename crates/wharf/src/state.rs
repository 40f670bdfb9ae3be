//! The state folder: where it is, that nobody else can read it, and that one server uses it.

use std::env;
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use rustix::process::{geteuid, umask};

use crate::failure::Failure;
use crate::shell;

/// A state folder that exists and belongs to this user alone.
#[derive(Debug)]
pub(crate) struct State {
    folder: PathBuf,
    /// Whether a plain `wharf` from a shell finds the same folder.
    usual: bool,
}

/// Held while a server runs with the state folder.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

impl State {
    /// Finds the folder, makes it when it is missing, and refuses one that others can read
    /// (security S5). From here on, what this process creates is for this user alone.
    pub(crate) fn open(argument: Option<&Path>) -> Result<Self, Failure> {
        umask(rustix::fs::Mode::from_raw_mode(0o077));
        let state = Self::locate(argument, |name| env::var_os(name).map(PathBuf::from))?;
        match DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&state.folder)
        {
            Ok(()) => state.check()?,
            Err(error) => {
                let folder = state.folder.display();
                return Err(Failure::new(format!(
                    "cannot make the state folder `{folder}`: {error}"
                ))
                .hint("give another one with `--state DIR`"));
            }
        }
        Ok(state)
    }

    /// Where the folder is or would be, without making it.
    pub(crate) fn expected(argument: Option<&Path>) -> Result<PathBuf, Failure> {
        let state = Self::locate(argument, |name| env::var_os(name).map(PathBuf::from))?;
        Ok(state.folder)
    }

    /// The folder itself.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The database of the accounts.
    pub(crate) fn database(&self) -> PathBuf {
        self.folder.join("wharf.db")
    }

    /// The words that make another `wharf` use this folder; none where it would anyway.
    pub(crate) fn words(&self) -> Vec<String> {
        if self.usual {
            return Vec::new();
        }
        vec!["--state".to_owned(), self.folder.display().to_string()]
    }

    /// Claims the folder for a server. Two servers would hold two opinions of limits and sessions,
    /// and write into one audit log.
    pub(crate) fn lock(&self) -> Result<Lock, Failure> {
        let path = self.folder.join("lock");
        let failed = |error: std::io::Error| {
            Failure::new(format!(
                "cannot lock the state folder with `{}`: {error}",
                path.display()
            ))
        };
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(failed)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => return Err(self.taken(file)),
            Err(error) => return Err(failed(error.into())),
        }
        file.set_len(0).map_err(failed)?;
        writeln!(file, "{}", std::process::id()).map_err(failed)?;
        Ok(Lock { _file: file })
    }

    fn taken(&self, lock: File) -> Failure {
        let mut text = String::new();
        // The pid is a courtesy; the lock decides.
        let _ = lock.take(32).read_to_string(&mut text);
        let folder = self.folder.display();
        match text.trim().parse::<u32>() {
            Ok(pid) => Failure::new(format!(
                "the state folder `{folder}` is in use by a running server, process {pid}"
            ))
            .hint(format!(
                "end it with `kill {pid}`, or give this server another `--state DIR`"
            )),
            Err(_) => Failure::new(format!(
                "the state folder `{folder}` is in use by a running server"
            ))
            .hint("end it, or give this server another `--state DIR`"),
        }
    }

    fn locate(
        argument: Option<&Path>,
        variable: impl Fn(&str) -> Option<PathBuf>,
    ) -> Result<Self, Failure> {
        let variable = |name: &str| variable(name).filter(|path| !path.as_os_str().is_empty());
        let home = || variable("HOME").map(|home| home.join(".local/state"));
        // The XDG base directory specification ignores relative values.
        let usual = variable("XDG_STATE_HOME")
            .filter(|path| path.is_absolute())
            .or_else(home);
        let usual = usual.map(|folder| folder.join("wharf"));
        let given = argument.map(Path::to_owned).or_else(|| {
            // systemd joins several folders with colons; the first is the service's own.
            let list = variable("STATE_DIRECTORY")?;
            env::split_paths(list.as_os_str()).next()
        });
        let Some(folder) = given.or_else(|| usual.clone()) else {
            return Err(Failure::new("there is no state folder: neither $STATE_DIRECTORY nor $XDG_STATE_HOME nor $HOME is set")
                .hint("give one with `--state DIR`"));
        };
        let folder = std::path::absolute(&folder).unwrap_or(folder);
        let usual = usual.as_deref() == Some(folder.as_path());
        Ok(Self { folder, usual })
    }

    fn check(&self) -> Result<(), Failure> {
        let shown = self.folder.display();
        let unreadable = |error: std::io::Error| {
            Failure::new(format!("cannot use the state folder `{shown}`: {error}"))
        };
        let metadata = fs::metadata(&self.folder).map_err(unreadable)?;
        let (owner, me) = (metadata.uid(), geteuid().as_raw());
        if owner != me {
            // Even root stays out: files it would make there, the owner could not open any more.
            return Err(Failure::new(format!(
                "the state folder `{shown}` belongs to user {owner}, and this is user {me}"
            ))
            .hint(format!(
                "run wharf as its owner: `sudo -u '#{owner}' wharf …`"
            )));
        }
        let mode = metadata.mode() & 0o777;
        if mode & 0o077 == 0 {
            return Ok(());
        }
        // An empty folder keeps no secret yet: systemd and mkdir make them 0755.
        if fs::read_dir(&self.folder)
            .map_err(unreadable)?
            .next()
            .is_none()
        {
            return fs::set_permissions(&self.folder, Permissions::from_mode(0o700))
                .map_err(unreadable);
        }
        if !self.database().exists() {
            // Closing a folder that serves something else, `/tmp` say, would be the wrong cure.
            return Err(Failure::new(format!(
                "`{shown}` has other things in it and is open to other users (mode {mode:04o}): it is no state folder"
            ))
            .hint("give a folder of its own with `--state DIR`"));
        }
        let cure = shell::command(&["chmod", "700"], &self.folder);
        Err(Failure::new(format!(
            "the state folder `{shown}` is open to other users (mode {mode:04o}), and it keeps the password hashes"
        ))
        .hint(format!("{cure}; with systemd, also `StateDirectoryMode=0700`")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn located(argument: Option<&str>, variables: &[(&str, &str)]) -> (String, bool) {
        let lookup = |name: &str| {
            variables
                .iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| PathBuf::from(value))
        };
        let state = State::locate(argument.map(Path::new), lookup).unwrap();
        (state.folder.display().to_string(), state.usual)
    }

    #[test]
    fn the_argument_wins_then_systemd_then_xdg_then_home() {
        let all = [
            ("STATE_DIRECTORY", "/s:/t"),
            ("XDG_STATE_HOME", "/x"),
            ("HOME", "/h"),
        ];
        assert_eq!(located(Some("/a"), &all), ("/a".to_owned(), false));
        assert_eq!(located(None, &all), ("/s".to_owned(), false));
        assert_eq!(located(None, &all[1..]), ("/x/wharf".to_owned(), true));
        assert_eq!(
            located(None, &all[2..]),
            ("/h/.local/state/wharf".to_owned(), true)
        );
        let relative = [("XDG_STATE_HOME", "x"), ("HOME", "/h")];
        assert_eq!(located(None, &relative).0, "/h/.local/state/wharf");
        assert!(State::locate(None, |_| None).is_err());
    }

    #[test]
    fn a_missing_folder_is_made_for_this_user_alone() {
        let scratch = tempfile::tempdir().unwrap();
        let folder = scratch.path().join("a/b");
        let state = State::open(Some(&folder)).unwrap();
        assert_eq!(fs::metadata(&folder).unwrap().mode() & 0o777, 0o700);
        let _lock = state.lock().unwrap();
        assert_eq!(
            fs::metadata(folder.join("lock")).unwrap().mode() & 0o777,
            0o600
        );
    }

    #[test]
    fn s5_a_state_folder_that_others_can_read_is_refused_with_the_cure() {
        let scratch = tempfile::tempdir().unwrap();
        let folder = scratch.path().join("state");
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("wharf.db"), "").unwrap();
        for mode in [0o750, 0o755, 0o701, 0o770] {
            fs::set_permissions(&folder, Permissions::from_mode(mode)).unwrap();
            let text = State::open(Some(&folder)).unwrap_err().to_string();
            assert!(text.contains(&format!("mode {mode:04o}")), "{text}");
            assert!(text.contains("hint: `chmod 700 "), "{text}");
        }
        fs::set_permissions(&folder, Permissions::from_mode(0o700)).unwrap();
        State::open(Some(&folder)).unwrap();
    }

    #[test]
    fn s5_a_folder_of_something_else_is_not_closed() {
        let scratch = tempfile::tempdir().unwrap();
        let folder = scratch.path().join("shared");
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("notes"), "").unwrap();
        fs::set_permissions(&folder, Permissions::from_mode(0o755)).unwrap();
        let text = State::open(Some(&folder)).unwrap_err().to_string();
        assert!(
            text.contains("it is no state folder") && !text.contains("chmod"),
            "{text}"
        );
        assert_eq!(fs::metadata(&folder).unwrap().mode() & 0o777, 0o755);
    }

    #[test]
    fn s5_an_empty_folder_is_closed_instead() {
        let scratch = tempfile::tempdir().unwrap();
        let folder = scratch.path().join("state");
        fs::create_dir(&folder).unwrap();
        fs::set_permissions(&folder, Permissions::from_mode(0o755)).unwrap();
        State::open(Some(&folder)).unwrap();
        assert_eq!(fs::metadata(&folder).unwrap().mode() & 0o777, 0o700);
    }

    #[test]
    fn one_server_at_a_time() {
        let scratch = tempfile::tempdir().unwrap();
        let state = State::open(Some(&scratch.path().join("state"))).unwrap();
        let lock = state.lock().unwrap();
        let text = state.lock().unwrap_err().to_string();
        assert!(
            text.contains(&format!("process {}", std::process::id())),
            "{text}"
        );
        drop(lock);
        state.lock().unwrap();
    }
}

//! The files of `ssh.user_ca` and `ssh.revoked_keys`: whether they can be read to their end.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::Path;

use wharf_ssh::krl::{RevocationError, RevocationList};

use super::Settings;
use super::problem::Problem;
use crate::shell;

/// What a revocation list of `ssh-keygen -k` begins with (OpenSSH's PROTOCOL.krl).
const BINARY: &[u8] = b"SSHKRL\n\0";

/// Everything that is wrong with the two.
pub(super) fn problems(settings: &Settings) -> Vec<Problem> {
    let look = |name, problem: fn(&Path) -> Option<Wrong>| {
        let wrong = problem(settings.optional_path(name)?)?;
        Some(settings.remark(name, &wrong.what, wrong.hint.as_deref()))
    };
    let found = [
        look("ssh.user_ca", authorities),
        look("ssh.revoked_keys", revoked),
    ];
    found.into_iter().flatten().collect()
}

struct Wrong {
    what: String,
    hint: Option<String>,
}

fn authorities(path: &Path) -> Option<Wrong> {
    let shown = path.display();
    let wrong = |what: String| Some(Wrong { what, hint: None });
    let text = match read(path) {
        Ok(text) => text,
        Err(error) => return wrong(unreadable(path, &error)),
    };
    if text.starts_with(BINARY) {
        return wrong(format!(
            "`{shown}` is a revocation list, not a list of authorities"
        ));
    }
    let mut lines = text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    if lines.all(|line| line.is_empty() || line.starts_with(b"#")) {
        return wrong(format!("there is no public key in `{shown}`"));
    }
    // Its lines are those of a plain list of revoked keys.
    RevocationList::parse(&text)
        .err()
        .map(|error| wrong_list(path, &error))
}

fn revoked(path: &Path) -> Option<Wrong> {
    match read(path) {
        Ok(text) => RevocationList::parse(&text)
            .err()
            .map(|error| wrong_list(path, &error)),
        Err(error) => Some(Wrong {
            what: unreadable(path, &error),
            hint: (error.kind() == ErrorKind::NotFound).then(|| {
                let make = shell::command(&["ssh-keygen", "-k", "-f"], path);
                format!("{make} makes an empty one")
            }),
        }),
    }
}

fn wrong_list(path: &Path, error: &RevocationError) -> Wrong {
    let shown = path.display();
    let text = match error {
        RevocationError::Line { number, problem } => format!("`{shown}`, line {number}: {problem}"),
        error => format!("`{shown}`: {error}"),
    };
    match text.split_once("\n\nhint: ") {
        Some((what, hint)) => Wrong {
            what: what.to_owned(),
            hint: Some(hint.to_owned()),
        },
        None => Wrong {
            what: text,
            hint: None,
        },
    }
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    // A pipe that nobody writes to would keep the start waiting, and a disk has no end.
    let metadata = fs::metadata(path)?;
    if !metadata.is_file() {
        return Err(io::Error::other("it is no file"));
    }
    if metadata.len() > RevocationList::MAX_FILE as u64 {
        return Err(io::Error::other("it is longer than such a list can be"));
    }
    fs::read(path)
}

fn unreadable(path: &Path, error: &io::Error) -> String {
    let shown = path.display();
    match error.kind() {
        ErrorKind::NotFound => format!("the file `{shown}` does not exist"),
        _ => format!("the file `{shown}` cannot be read: {error}"),
    }
}

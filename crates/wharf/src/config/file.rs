//! Which settings file is read, and reading it.

use std::ffi::OsString;
use std::fs;
use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use super::Sources;
use super::problem::{Origin, Problem};

/// A settings file is a page; a disk image given by mistake is not read into memory.
const LARGEST: u64 = 1024 * 1024;

/// A settings file's path and text.
#[derive(Debug)]
pub(super) struct File {
    pub(super) path: PathBuf,
    pub(super) text: String,
}

/// The file named by `--config`, or else the first of the usual places where one is.
pub(super) fn read(sources: &Sources) -> Result<Option<File>, Problem> {
    if let Some(path) = &sources.config {
        return open(path).and_then(|file| match file {
            Some(file) => Ok(Some(file)),
            None => Err(problem(path, "no such file", Origin::Argument("--config"))),
        });
    }
    for path in usual_places(sources) {
        let origin = Origin::File {
            path: path.as_path().into(),
            line: 1,
        };
        if let Some(file) = open(&path).map_err(|problem| Problem { origin, ..problem })? {
            return Ok(Some(file));
        }
    }
    Ok(None)
}

/// Where a settings file is looked for without `--config`.
fn usual_places(sources: &Sources) -> Vec<PathBuf> {
    let variable = |name: &str| -> Option<&OsString> {
        let found = sources.environment.iter().find(|(key, _)| key == name);
        found
            .map(|(_, value)| value)
            .filter(|value| !value.is_empty())
    };
    let own = variable("XDG_CONFIG_HOME")
        .map(PathBuf::from)
        // The XDG base directory specification ignores relative values.
        .filter(|path| path.is_absolute())
        .or_else(|| variable("HOME").map(|home| Path::new(home).join(".config")));
    own.map(|folder| folder.join("wharf/wharf.toml"))
        .into_iter()
        .chain([PathBuf::from("/etc/wharf/wharf.toml")])
        .collect()
}

fn open(path: &Path) -> Result<Option<File>, Problem> {
    let failed = |what: &str| problem(path, what, Origin::Argument("--config"));
    let file = match fs::File::open(path) {
        Ok(file) => file,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(error) => return Err(failed(&error.to_string())),
    };
    if file.metadata().is_ok_and(|metadata| metadata.is_dir()) {
        return Err(failed("it is a folder"));
    }
    let mut bytes = Vec::new();
    file.take(LARGEST + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| failed(&error.to_string()))?;
    if bytes.len() as u64 > LARGEST {
        return Err(failed("it is larger than 1 MiB"));
    }
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Some(File {
            path: path.to_owned(),
            text,
        })),
        Err(_) => Err(failed("it is not UTF-8 text")),
    }
}

fn problem(path: &Path, what: &str, origin: Origin) -> Problem {
    Problem {
        origin,
        key: String::new(),
        what: format!("cannot read the settings file `{}`: {what}", path.display()),
        hint: None,
    }
}

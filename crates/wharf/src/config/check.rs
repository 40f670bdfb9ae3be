//! From what was written to what it means: every problem at once, or settings that hold.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::problem::{Origin, Problem, Problems};
use super::raw::{self, Raw, RawValue};
use super::table::{self, KEYS, Key, Otherwise, PREFIX, SECTIONS};
use super::value::Value;
use super::{Effective, Settings, Sources, file, nearest};

/// Reads every source, checks every value, then what the values say together.
pub(super) fn check(sources: &Sources) -> Result<Settings, Problems> {
    let mut collector = Collector::with_defaults();
    let mut used = None;
    match file::read(sources) {
        Ok(Some(found)) => {
            collector.file(&found.path, &found.text);
            used = Some(found.path);
        }
        Ok(None) => {}
        Err(problem) => collector.problems.push(problem),
    }
    collector.environment(&sources.environment);
    for (name, argument, value) in &sources.arguments {
        if let Some(key) = table::find(name) {
            let raw = Raw {
                value: RawValue::Os(value.clone()),
                line: None,
            };
            collector.take(key, &raw, Origin::Argument(argument));
        }
    }
    let settings = Settings {
        values: collector.values,
        file: used,
    };
    let mut problems = collector.problems;
    problems.extend(together(&settings));
    problems.extend(folders(&settings));
    if problems.is_empty() {
        return Ok(settings);
    }
    Err(Problems {
        file: settings.file,
        list: problems,
    })
}

/// The values so far, and what was wrong on the way. A value that is wrong leaves the one of the
/// source before it in place, only so that the checks after it have something to look at: one
/// problem is enough for [`check`] to refuse everything.
struct Collector {
    values: BTreeMap<&'static str, Effective>,
    problems: Vec<Problem>,
}

impl Collector {
    fn with_defaults() -> Self {
        let default = |key: &Key| match key.default {
            Otherwise::Value(text) => key.kind.read_text(text).ok(),
            Otherwise::Unset(_) => None,
        };
        let values = KEYS
            .iter()
            .map(|key| {
                (
                    key.name,
                    Effective {
                        value: default(key),
                        origin: Origin::Default,
                    },
                )
            })
            .collect();
        Self {
            values,
            problems: Vec::new(),
        }
    }

    fn take(&mut self, key: &'static Key, raw: &Raw, origin: Origin) {
        match key.kind.read(raw) {
            Ok(value) => {
                self.values.insert(
                    key.name,
                    Effective {
                        value: Some(value),
                        origin,
                    },
                );
            }
            Err(wrong) => {
                let origin = match (origin, wrong.line) {
                    (Origin::File { path, .. }, Some(line)) => Origin::File { path, line },
                    (origin, _) => origin,
                };
                self.problems.push(Problem {
                    origin,
                    key: key.name.to_owned(),
                    what: format!("`{}` {}", key.name, wrong.what),
                    hint: wrong.hint,
                });
            }
        }
    }

    fn file(&mut self, path: &Path, text: &str) {
        let shared: Arc<Path> = path.into();
        let at = |line: u32| Origin::File {
            path: Arc::clone(&shared),
            line,
        };
        let (entries, errors) = raw::parse(text);
        for error in errors {
            self.problems.push(Problem {
                origin: at(error.line),
                key: String::new(),
                what: format!("this is not TOML: {}", error.message),
                hint: None,
            });
        }
        for entry in entries {
            if !SECTIONS.iter().any(|section| section.name == entry.name) {
                self.unknown(at(entry.line), &entry.name);
                continue;
            }
            let RawValue::Table(pairs) = entry.raw.value else {
                self.problems.push(Problem {
                    origin: at(entry.line),
                    key: entry.name.clone(),
                    what: format!("`{}` is a section, not a setting", entry.name),
                    hint: Some(format!("write `[{}]` on a line of its own", entry.name)),
                });
                continue;
            };
            for (leaf, raw) in pairs {
                let name = format!("{}.{leaf}", entry.name);
                let origin = at(raw.line.unwrap_or(entry.line));
                match table::find(&name) {
                    Some(key) => self.take(key, &raw, origin),
                    None => self.unknown(origin, &name),
                }
            }
        }
        self.resolve_against(path);
    }

    /// In the file, a folder is named from where the file lies, so that the same file means the
    /// same wherever wharf is started.
    fn resolve_against(&mut self, file: &Path) {
        let Some(folder) = file.parent() else { return };
        for name in ["server.root", "anonymous.home"] {
            if let Some(Effective {
                value: Some(Value::Path(path)),
                origin: Origin::File { .. },
            }) = self.values.get_mut(name)
            {
                *path = folder.join(&path);
            }
        }
    }

    fn environment(&mut self, environment: &[(OsString, OsString)]) {
        for (name, value) in environment {
            // A name that is not UTF-8 cannot be one of ours, unless it begins like one.
            if !name.as_encoded_bytes().starts_with(PREFIX.as_bytes()) {
                continue;
            }
            let shown = name.display().to_string();
            match KEYS.iter().find(|key| key.environment() == shown) {
                Some(key) => {
                    let raw = Raw {
                        value: RawValue::Os(value.clone()),
                        line: None,
                    };
                    self.take(key, &raw, Origin::Environment(shown));
                }
                None => self.unknown_variable(shown),
            }
        }
    }

    fn unknown(&mut self, origin: Origin, name: &str) {
        let is_section = !name.contains('.');
        let hint = if is_section {
            section_hint(name)
        } else {
            key_hint(name)
        };
        let kind = if is_section { "section" } else { "setting" };
        self.problems.push(Problem {
            origin,
            key: name.to_owned(),
            what: format!("there is no {kind} `{name}`"),
            hint,
        });
    }

    fn unknown_variable(&mut self, name: String) {
        let names: Vec<_> = KEYS.iter().map(Key::environment).collect();
        let hint = nearest(&name, names.iter().map(String::as_str))
            .map(|near| format!("did you mean `{near}`?"));
        self.problems.push(Problem {
            what: format!("`{name}` names no setting"),
            key: name.clone(),
            origin: Origin::Environment(name),
            hint: hint.or_else(|| Some("`wharf config show` lists every setting".to_owned())),
        });
    }
}

fn section_hint(name: &str) -> Option<String> {
    if let Some(section) = nearest(name, SECTIONS.iter().map(|section| section.name)) {
        return Some(format!("did you mean `{section}`?"));
    }
    let key = KEYS.iter().find(|key| key.leaf() == name)?;
    Some(format!(
        "did you mean `{}` in `[{}]`?",
        key.leaf(),
        key.section()
    ))
}

fn key_hint(name: &str) -> Option<String> {
    let (section, leaf) = name.split_once('.')?;
    if let Some(near) = nearest(leaf, table::of_section(section).map(Key::leaf)) {
        return Some(format!("did you mean `{section}.{near}`?"));
    }
    // The right name in the wrong section.
    if let Some(key) = KEYS.iter().find(|key| key.leaf() == leaf) {
        return Some(format!("did you mean `{}`?", key.name));
    }
    let known: Vec<_> = table::of_section(section)
        .map(|key| format!("`{}`", key.leaf()))
        .collect();
    Some(format!("`[{section}]` has {}", known.join(", ")))
}

/// What is wrong only between settings.
fn together(settings: &Settings) -> Vec<Problem> {
    let mut problems = Vec::new();
    let ftp = settings.effective("server.ftp");
    match &ftp.value {
        Some(Value::Port(None)) => problems.push(Problem {
            origin: ftp.origin.clone(),
            key: "server.ftp".to_owned(),
            what: "nothing would be served: this version speaks FTP only, and `server.ftp` is off"
                .to_owned(),
            hint: Some("give a port".to_owned()),
        }),
        Some(Value::Port(Some(port))) => {
            let passive = settings.effective("passive.ports");
            if let Some(Value::Ports(range)) = &passive.value
                && range.contains(port)
            {
                problems.push(Problem {
                    origin: passive.origin.clone(),
                    key: "passive.ports".to_owned(),
                    what: format!("`passive.ports` contains {port}, the port of `server.ftp`"),
                    hint: Some("choose a range beside it".to_owned()),
                });
            }
        }
        _ => {}
    }
    problems
}

/// Folders that are not there are told before a port is bound.
fn folders(settings: &Settings) -> Vec<Problem> {
    let anonymous = settings
        .flag("anonymous.enabled")
        .then_some("anonymous.home");
    ["server.root"]
        .into_iter()
        .chain(anonymous)
        .filter_map(|name| {
            let Effective {
                value: Some(Value::Path(path)),
                origin,
            } = settings.effective(name)
            else {
                return None;
            };
            folder_problem(path).map(|(what, hint)| Problem {
                origin: origin.clone(),
                key: name.to_owned(),
                what,
                hint,
            })
        })
        .collect()
}

/// Why this folder cannot be served, and what to do.
fn folder_problem(path: &PathBuf) -> Option<(String, Option<String>)> {
    let shown = path.display();
    match fs::read_dir(path) {
        Ok(_) => None,
        Err(error) => Some(match error.kind() {
            std::io::ErrorKind::NotFound => (
                format!("the folder `{shown}` does not exist"),
                Some(format!(
                    "make it with {}",
                    crate::shell::command(&["mkdir", "-p"], path)
                )),
            ),
            std::io::ErrorKind::NotADirectory => (
                format!("`{shown}` is not a folder"),
                Some("give the folder it lies in".to_owned()),
            ),
            std::io::ErrorKind::PermissionDenied => (
                format!("the folder `{shown}` may not be read by this user"),
                Some("change its mode or owner, or run wharf as a user who may".to_owned()),
            ),
            _ => (
                format!("the folder `{shown}` cannot be read: {error}"),
                None,
            ),
        }),
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;

//! From what was written to what it means: every problem at once, or settings that hold.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;
use std::sync::Arc;

use super::problem::{Origin, Problem, Problems};
use super::raw::{self, Raw, RawValue};
use super::table::{self, KEYS, Key, Otherwise, PREFIX, SECTIONS};
use super::value::Value;
use super::{
    Effective, Settings, Sources, certificates, file, host_keys, key_lists, nearest, together,
};

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
    let mut settings = Settings {
        values: collector.values,
        file: used,
        warnings: Vec::new(),
        notes: Vec::new(),
    };
    let mut problems = collector.problems;
    problems.extend(together::problems(&settings));
    let mut found = certificates::look(&settings);
    host_keys::look(&settings, &mut found);
    found.problems.extend(key_lists::problems(&settings));
    problems.extend(found.problems);
    if problems.is_empty() {
        settings.warnings = found.warnings;
        settings.notes = together::notes(&settings);
        settings.notes.extend(found.notes);
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

    /// In the file, a file or folder is named from where the file lies, so that the same file means the
    /// same wherever wharf is started.
    fn resolve_against(&mut self, file: &Path) {
        let Some(folder) = file.parent() else { return };
        for (name, effective) in &mut self.values {
            // The audit file is the server's own, and relative to the server's own folder.
            if !matches!(effective.origin, Origin::File { .. }) || *name == "audit.file" {
                continue;
            }
            match &mut effective.value {
                Some(Value::Path(path)) => *path = folder.join(&path),
                Some(Value::Paths(list)) => {
                    list.iter_mut().for_each(|path| *path = folder.join(&path));
                }
                _ => {}
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

#[cfg(test)]
#[path = "tests.rs"]
mod tests;

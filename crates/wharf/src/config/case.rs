//! Settings through the one door, for tests: files, environments and arguments in, settings or
//! problems out.

use std::fs;

use tempfile::TempDir;

use super::{Settings, Sources};

/// A folder with a settings file in it, and whatever else a case needs.
pub(super) struct Case {
    pub(super) folder: TempDir,
    pub(super) sources: Sources,
}

impl Case {
    pub(super) fn new(text: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("wharf.toml");
        fs::write(&config, text).unwrap();
        Self {
            folder,
            sources: Sources {
                config: Some(config),
                ..Sources::default()
            },
        }
    }

    pub(super) fn environment(mut self, name: &str, value: &str) -> Self {
        self.sources.environment.push((name.into(), value.into()));
        self
    }

    pub(super) fn argument(
        mut self,
        key: &'static str,
        argument: &'static str,
        value: &str,
    ) -> Self {
        self.sources.arguments.push((key, argument, value.into()));
        self
    }

    pub(super) fn settings(&self) -> Settings {
        self.sources
            .load()
            .unwrap_or_else(|problems| panic!("{problems}"))
    }

    /// Every problem as `place: what (hint)`, the file by its name only.
    pub(super) fn problems(&self) -> Vec<String> {
        let prefix = format!("{}/", self.folder.path().display());
        let problems = self
            .sources
            .load()
            .expect_err("this should have been refused");
        problems
            .list
            .iter()
            .map(|problem| problem.to_string().replace(&prefix, ""))
            .collect()
    }

    pub(super) fn origin(&self, name: &'static str) -> String {
        let prefix = format!("{}/", self.folder.path().display());
        self.settings()
            .effective(name)
            .origin
            .to_string()
            .replace(&prefix, "")
    }
}

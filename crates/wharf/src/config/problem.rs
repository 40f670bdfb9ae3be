//! One thing that is wrong with the settings: where, which, what and what to do.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where a value was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Nowhere.
    Default,
    /// In the settings file, on this line.
    File { path: Arc<Path>, line: u32 },
    /// In this environment variable.
    Environment(String),
    /// In this argument, as it is typed: `--ftp`.
    Argument(&'static str),
}

impl Origin {
    /// The kind of place, for JSON.
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::File { .. } => "file",
            Self::Environment(_) => "environment",
            Self::Argument(_) => "argument",
        }
    }

    /// The line, where it is one of the settings file.
    pub(crate) const fn line(&self) -> Option<u32> {
        match self {
            Self::File { line, .. } => Some(*line),
            Self::Default | Self::Environment(_) | Self::Argument(_) => None,
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
            Self::Environment(name) => write!(f, "environment {name}"),
            Self::Argument(name) => write!(f, "argument {name}"),
        }
    }
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) origin: Origin,
    /// The setting, `section.name`; empty where the text is not TOML at all.
    pub(crate) key: String,
    /// A whole sentence without its full stop.
    pub(crate) what: String,
    pub(crate) hint: Option<String>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.origin, OneLine(&self.what))?;
        match &self.hint {
            Some(hint) => write!(f, "\n  hint: {}", OneLine(hint)),
            None => Ok(()),
        }
    }
}

/// Text that quotes what was written, with control characters escaped.
struct OneLine<'a>(&'a str);

impl fmt::Display for OneLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                c if c.is_control() => write!(f, "{}", c.escape_default())?,
                c => fmt::Write::write_char(f, c)?,
            }
        }
        Ok(())
    }
}

/// Everything that is wrong; never empty.
#[derive(Debug)]
pub(crate) struct Problems {
    /// The settings file that was read, if there was one.
    pub(crate) file: Option<PathBuf>,
    pub(crate) list: Vec<Problem>,
}

impl Problems {
    /// Whether only the command line is to blame, which is a usage error.
    pub(crate) fn only_arguments(&self) -> bool {
        self.list
            .iter()
            .all(|problem| matches!(problem.origin, Origin::Argument(_)))
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.list.len() {
            1 => f.write_str("the settings have a problem")?,
            many => write!(f, "the settings have {many} problems")?,
        }
        for problem in &self.list {
            write!(f, "\n\n{problem}")?;
        }
        Ok(())
    }
}

//! A folder of a test's own, gone afterwards.

use std::path::{Path, PathBuf};
use std::process::Command;

/// A scratch folder: `root` is what the server offers, `state` is where it keeps its state,
/// `beside` is a neighbour nobody may reach through the server, `local` is a client's folder.
#[derive(Debug)]
pub struct Scratch {
    folder: Option<tempfile::TempDir>,
}

impl Scratch {
    /// Makes it.
    ///
    /// # Panics
    /// When the temporary folder cannot be written.
    #[must_use]
    pub fn new() -> Self {
        let folder = tempfile::Builder::new()
            .prefix("wharf-")
            .tempdir()
            .expect("a scratch folder");
        for name in ["root", "beside", "local"] {
            std::fs::create_dir(folder.path().join(name)).expect("a folder in the scratch folder");
        }
        Self {
            folder: Some(folder),
        }
    }

    /// The whole of it.
    #[must_use]
    pub fn base(&self) -> &Path {
        self.folder
            .as_ref()
            .map_or_else(|| Path::new("/nonexistent"), tempfile::TempDir::path)
    }

    /// What the server offers.
    #[must_use]
    pub fn root(&self) -> PathBuf {
        self.base().join("root")
    }

    /// What lies outside of what the server offers.
    #[must_use]
    pub fn beside(&self) -> PathBuf {
        self.base().join("beside")
    }

    /// A client's own files.
    #[must_use]
    pub fn local(&self) -> PathBuf {
        self.base().join("local")
    }

    /// The server's state.
    #[must_use]
    pub fn state(&self) -> PathBuf {
        self.base().join("state")
    }
}

impl Default for Scratch {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // std's removal holds a descriptor per level and fails on the deep trees some tests
        // make; rm does not.
        if let Some(folder) = self.folder.take() {
            let path = folder.keep();
            let _ = Command::new("rm").arg("-rf").arg("--").arg(path).status();
        }
    }
}

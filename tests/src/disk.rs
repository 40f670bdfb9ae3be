//! A disk that is soon full.

use std::path::{Path, PathBuf};
use std::process::Command;

/// A small disk in memory; gone when dropped.
#[derive(Debug)]
pub struct SmallDisk(PathBuf);

impl SmallDisk {
    /// `size` as tmpfs takes it: `1m`.
    ///
    /// # Panics
    /// When this user may not mount one.
    #[must_use]
    #[track_caller]
    pub fn mount(size: &str) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("wharf-disk-")
            .tempdir()
            .expect("a folder");
        let path = folder.keep();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={size}"), "wharf-tests"])
            .arg(&path)
            .output();
        match mounted {
            Ok(output) if output.status.success() => Self(path),
            other => panic!(
                "a disk of {size} cannot be mounted for this test: run the tests as root, or in a \
                 container with CAP_SYS_ADMIN ({other:?})"
            ),
        }
    }

    /// Where it is.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.0
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
        let _ = std::fs::remove_dir(&self.0);
    }
}

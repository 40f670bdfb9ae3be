//! System calls that fail.

use std::fs::File;

use crate::program::{Program, Running, contains};
use crate::{PATIENCE, probe, show};

/// Calls of a running process fail until this is dropped.
pub struct Failing {
    _strace: Running,
}

impl Failing {
    /// `calls` and `error` as strace names them: `fsync,fdatasync`, `EIO`.
    ///
    /// # Panics
    /// When strace is not installed or may not look into the process.
    #[must_use]
    #[track_caller]
    pub fn calls(pid: u32, calls: &str, error: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("strace.output");
        let said = File::create(&path).expect("a file");
        let strace = Program::new("strace", "strace")
            .args(["-f", "-e", &format!("trace={calls}")])
            .args(["-e", &format!("inject={calls}:error={error}")])
            .args(["-p", &pid.to_string()])
            .start(&said);
        let output = || std::fs::read(&path).unwrap_or_default();
        let attached = probe::eventually(PATIENCE, || contains(&output(), b" attached"));
        assert!(attached, "strace does not watch: {}", show(&output()));
        Self { _strace: strace }
    }
}

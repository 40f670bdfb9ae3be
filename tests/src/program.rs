//! Running other people's programs, each with a bound and a clear text when it is missing.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{ErrorKind, Read, Seek, Write};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use crate::show;

/// A program to run.
#[derive(Debug)]
pub struct Program {
    name: String,
    package: &'static str,
    command: Command,
    arguments: Vec<OsString>,
    input: Vec<u8>,
    limit: Duration,
}

/// A program that runs beside a test; ended when dropped.
#[derive(Debug)]
pub struct Running {
    child: Option<Child>,
}

/// What it did.
#[derive(Debug)]
pub struct Finished {
    /// The command line, for messages.
    pub line: String,
    /// How it ended.
    pub status: ExitStatus,
    /// What it printed.
    pub output: Vec<u8>,
    /// What it complained of.
    pub errors: Vec<u8>,
}

impl Program {
    /// `package` is the Debian package that has it.
    #[must_use]
    pub fn new(name: impl AsRef<OsStr>, package: &'static str) -> Self {
        let mut command = Command::new(name.as_ref());
        command.env("LC_ALL", "C.UTF-8").env_remove("DISPLAY");
        for variable in ["ftp_proxy", "FTP_PROXY", "all_proxy", "ALL_PROXY", "NETRC"] {
            command.env_remove(variable);
        }
        Self {
            name: show(name.as_ref().as_encoded_bytes()),
            package,
            command,
            arguments: Vec::new(),
            input: Vec::new(),
            limit: Duration::from_secs(120),
        }
    }

    /// One more argument.
    #[must_use]
    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.arguments.push(argument.as_ref().to_owned());
        self
    }

    /// More arguments.
    #[must_use]
    pub fn args<S: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = S>) -> Self {
        self.arguments
            .extend(arguments.into_iter().map(|a| a.as_ref().to_owned()));
        self
    }

    /// Its folder, which is also its home: no start-up file of the person who runs the tests is
    /// read.
    #[must_use]
    pub fn folder(mut self, folder: impl Into<PathBuf>) -> Self {
        let folder = folder.into();
        self.command.current_dir(&folder).env("HOME", &folder);
        self
    }

    /// An environment variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Takes a variable out of its environment.
    #[must_use]
    pub fn without(mut self, name: impl AsRef<OsStr>) -> Self {
        self.command.env_remove(name);
        self
    }

    /// What it reads from standard input.
    #[must_use]
    pub fn input(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.input = bytes.into();
        self
    }

    /// How long it may take; two minutes otherwise.
    #[must_use]
    pub const fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Runs it to its end.
    ///
    /// # Panics
    /// When it is not installed or does not end in time; it is killed then.
    #[must_use]
    pub fn run(mut self) -> Finished {
        let mut output = tempfile::tempfile().expect("a file for the output");
        let mut errors = tempfile::tempfile().expect("a file for the errors");
        let mut input = tempfile::tempfile().expect("a file for the input");
        input
            .write_all(&self.input)
            .and_then(|()| input.rewind())
            .expect("writing the input");
        self.command
            .stdin(Stdio::from(input))
            .stdout(Stdio::from(output.try_clone().expect("a second handle")))
            .stderr(Stdio::from(errors.try_clone().expect("a second handle")));
        let line = self.line();
        let child = self.spawn();
        let status = wait(child, self.limit);
        let finished = Finished {
            line,
            status: status.unwrap_or_default(),
            output: read_back(&mut output),
            errors: read_back(&mut errors),
        };
        assert!(
            status.is_some(),
            "killed after {:?}: {finished}",
            self.limit
        );
        finished
    }

    /// Starts it and lets it run beside the test. Both its outputs go to `output`.
    ///
    /// # Panics
    /// When it is not installed.
    #[must_use]
    pub fn start(mut self, output: &File) -> Running {
        let output = || Stdio::from(output.try_clone().expect("a second handle"));
        self.command
            .stdin(Stdio::null())
            .stdout(output())
            .stderr(output());
        Running {
            child: Some(self.spawn()),
        }
    }

    fn spawn(&mut self) -> Child {
        self.command.args(&self.arguments);
        match self.command.spawn() {
            Ok(child) => child,
            Err(error) if error.kind() == ErrorKind::NotFound => panic!(
                "`{}` is missing: install the Debian package `{}` (apt-get install -y {})",
                self.name, self.package, self.package
            ),
            Err(error) => panic!("cannot start {}: {error}", self.line()),
        }
    }

    fn line(&self) -> String {
        let mut line = self.name.clone();
        for argument in &self.arguments {
            line.push(' ');
            line.push_str(&show(argument.as_encoded_bytes()));
        }
        line
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(child) = self.child.take() {
            // Asked first: what is killed leaves its sockets and locks behind.
            signal(child.id(), rustix::process::Signal::TERM);
            let _ = wait(child, Duration::from_secs(5));
        }
    }
}

impl Finished {
    /// Whether it said that all went well.
    ///
    /// # Errors
    /// Everything it said otherwise.
    pub fn well(self) -> Result<Self, String> {
        if self.status.success() {
            Ok(self)
        } else {
            Err(self.to_string())
        }
    }

    /// Whether the output contains `text`.
    #[must_use]
    pub fn says(&self, text: &str) -> bool {
        contains(&self.output, text.as_bytes())
    }
}

impl std::fmt::Display for Finished {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{}: {}", self.line, self.status)?;
        for part in [&self.output, &self.errors] {
            let lines: Vec<_> = part.split(|&byte| byte == b'\n').collect();
            for line in lines.iter().skip(lines.len().saturating_sub(40)) {
                writeln!(f, "  | {}", show(line))?;
            }
        }
        Ok(())
    }
}

/// Whether `needle` occurs in `hay`.
#[must_use]
pub fn contains(hay: &[u8], needle: &[u8]) -> bool {
    needle.is_empty() || hay.windows(needle.len()).any(|window| window == needle)
}

/// Waits for the end of a child, at most `limit`; kills it then. `None`: it had to be killed.
#[must_use]
pub fn wait(mut child: Child, limit: Duration) -> Option<ExitStatus> {
    let id = child.id();
    let (sender, receiver) = mpsc::sync_channel(1);
    let waiter = std::thread::spawn(move || {
        let _ = sender.send(child.wait());
    });
    let status = match receiver.recv_timeout(limit) {
        Ok(status) => status.ok(),
        Err(_) => {
            signal(id, rustix::process::Signal::KILL);
            None
        }
    };
    let _ = waiter.join();
    status
}

/// Sends a signal to one process.
pub fn signal(pid: u32, signal: rustix::process::Signal) {
    let pid = i32::try_from(pid)
        .ok()
        .and_then(rustix::process::Pid::from_raw);
    if let Some(pid) = pid {
        let _ = rustix::process::kill_process(pid, signal);
    }
}

fn read_back(file: &mut File) -> Vec<u8> {
    let mut bytes = Vec::new();
    let _ = file.rewind();
    let _ = file.read_to_end(&mut bytes);
    bytes
}

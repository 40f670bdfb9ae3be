//! Starting the server under test.

use std::fs::{self, File};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use crate::events::Events;
use crate::ports::PortRange;
use crate::program::Program;
use crate::scratch::Scratch;
use crate::wharf::Wharf;
use crate::{PATIENCE, show};

/// A start that was refused.
#[derive(Debug)]
pub struct Refused {
    /// How the process ended.
    pub status: ExitStatus,
    /// What it printed, both streams.
    pub text: String,
}

/// How to start one.
#[derive(Debug)]
pub struct Builder {
    pub(crate) scratch: Scratch,
    pub(crate) root: PathBuf,
    pub(crate) ports: PortRange,
    port: u16,
    settings: Option<String>,
    arguments: Vec<String>,
    before: Vec<String>,
    listen: String,
    implicit: bool,
    sftp: bool,
    plaintext: bool,
}

impl Builder {
    pub(crate) fn new() -> Self {
        let scratch = Scratch::new();
        Self {
            root: scratch.root(),
            scratch,
            ports: PortRange::claim(50),
            port: 0,
            settings: None,
            arguments: Vec::new(),
            before: Vec::new(),
            listen: "127.0.0.1".to_owned(),
            implicit: false,
            sftp: false,
            plaintext: true,
        }
    }

    /// The settings file, TOML.
    #[must_use]
    pub fn settings(mut self, settings: &str) -> Self {
        self.settings = Some(settings.to_owned());
        self
    }

    /// One more argument for `serve`.
    #[must_use]
    pub fn argument(mut self, argument: impl Into<String>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// A port for the control connections instead of any free one.
    #[must_use]
    pub const fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// Another address of this machine than 127.0.0.1: another machine, to an FTP server.
    #[must_use]
    pub fn listen(mut self, address: &str) -> Self {
        address.clone_into(&mut self.listen);
        self
    }

    /// Another folder to serve.
    #[must_use]
    pub fn root(mut self, root: impl Into<PathBuf>) -> Self {
        self.root = root.into();
        self
    }

    /// Fewer passive ports than 50.
    #[must_use]
    pub fn passive_ports(mut self, count: u16) -> Self {
        self.ports = PortRange::claim(count);
        self
    }

    /// A second listener, for implicit FTPS, on any free port: [`Wharf::implicit`].
    #[must_use]
    pub const fn implicit(mut self) -> Self {
        self.implicit = true;
        self
    }

    /// A listener for SFTP, on any free port: [`Wharf::sftp`].
    #[must_use]
    pub const fn sftp(mut self) -> Self {
        self.sftp = true;
        self
    }

    /// Leaves `server.plaintext` at its default. Without this, passwords in clear are taken on
    /// this machine, because most tests are about something else.
    #[must_use]
    pub const fn default_plaintext(mut self) -> Self {
        self.plaintext = false;
        self
    }

    /// What stands before `wharf` on the command line, as `strace -f`; it must become wharf by
    /// exec.
    #[must_use]
    pub fn before<S: Into<String>>(mut self, words: impl IntoIterator<Item = S>) -> Self {
        self.before = words.into_iter().map(Into::into).collect();
        self
    }

    /// The scratch folder, to put things into before the start.
    #[must_use]
    pub const fn scratch(&self) -> &Scratch {
        &self.scratch
    }

    /// Starts it and waits until it is ready.
    ///
    /// # Panics
    /// When it is not.
    #[must_use]
    #[track_caller]
    pub fn start(self) -> Wharf {
        match self.try_start() {
            Ok(wharf) => wharf,
            Err(refused) => panic!(
                "wharf does not start ({}):\n{}",
                refused.status, refused.text
            ),
        }
    }

    /// Starts it and waits until it is ready or refuses.
    ///
    /// # Errors
    /// What it said when it refused.
    ///
    /// # Panics
    /// When it does neither.
    #[track_caller]
    pub fn try_start(self) -> Result<Wharf, Refused> {
        let (mut child, events) = self.spawn();
        if let Err(ended) = events.ready() {
            assert!(
                ended,
                "not ready after {PATIENCE:?}: {:?}\n{}",
                kill(child),
                self.log()
            );
            let status = child.wait().unwrap_or_else(|_| ExitStatus::from_raw(0));
            let said: Vec<_> = events.all().iter().map(ToString::to_string).collect();
            return Err(Refused {
                status,
                text: format!("{}\n{}", said.join("\n"), self.log()),
            });
        }
        // Until there is a `Wharf` to drop, nobody else ends the process.
        let (Some(address), Some(account)) = (events.listening("ftp"), events.account()) else {
            let ended = kill(child);
            panic!("where it listens and its first account are not told: {ended:?}");
        };
        Ok(Wharf {
            pid: child.id(),
            child: Some(child),
            address,
            account,
            events,
            setup: self,
        })
    }

    pub(crate) fn spawn(&self) -> (Child, Events) {
        let mut words = self.before.iter().map(String::as_str);
        let mut command = words.next().map_or_else(
            || Command::new(binary()),
            |first| {
                let mut command = Command::new(first);
                command.args(words).arg(binary());
                command
            },
        );
        command
            .arg("serve")
            .arg(&self.root)
            .arg("--state")
            .arg(self.scratch.state());
        command.args(["--listen", &self.listen, "--ftp", &self.port.to_string()]);
        command.args(["--ftps", if self.implicit { "0" } else { "off" }]);
        command.args(["--sftp", if self.sftp { "0" } else { "off" }]);
        command.args(["--web", "off"]);
        command.args([
            "--passive-ports",
            &self.ports.argument(),
            "--format",
            "json",
        ]);
        if let Some(settings) = &self.settings {
            fs::write(self.settings_file(), settings).expect("writing the settings");
            command.arg("--config").arg(self.settings_file());
        }
        command.args(&self.arguments);
        clean_environment(&mut command);
        // The environment wins over the file: a test that writes the setting is left alone.
        let written = self.settings.as_deref().unwrap_or_default();
        if self.plaintext && !written.contains("plaintext") {
            command.env("WHARF__SERVER__PLAINTEXT", "loopback");
        }
        let log = File::options()
            .append(true)
            .create(true)
            .open(self.log_file())
            .expect("a log");
        command
            .env("HOME", self.scratch.base())
            .current_dir(self.scratch.base());
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::from(log));
        let mut child = command
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let events = Events::read(child.stdout.take().expect("its output"));
        (child, events)
    }

    pub(crate) fn settings_file(&self) -> PathBuf {
        self.scratch.base().join("wharf.toml")
    }

    fn log_file(&self) -> PathBuf {
        self.scratch.base().join("log")
    }

    pub(crate) fn log(&self) -> String {
        fs::read(self.log_file()).map_or_else(
            |_| String::new(),
            |bytes| {
                bytes
                    .split(|&b| b == b'\n')
                    .map(show)
                    .collect::<Vec<_>>()
                    .join("\n")
            },
        )
    }
}

/// Runs the binary under test with a clean environment.
#[must_use]
pub fn wharf_program() -> Program {
    let mut program = Program::new(binary(), "wharf");
    for (name, _) in std::env::vars_os().filter(|(name, _)| is_ours(name)) {
        program = program.without(&name);
    }
    program
}

/// The binary under test: `WHARF_BIN`, else the one beside this test in the target folder.
///
/// # Panics
/// When there is none: a suite without its subject is a failure, never a skip.
#[must_use]
pub fn binary() -> PathBuf {
    if let Some(path) = std::env::var_os("WHARF_BIN") {
        let path = PathBuf::from(path);
        assert!(
            path.is_file(),
            "WHARF_BIN is set but there is no file {}",
            path.display()
        );
        return path;
    }
    let test = std::env::current_exe().expect("the path of this test");
    let profile = test
        .parent()
        .and_then(Path::parent)
        .expect("a target folder");
    let path = profile.join("wharf");
    assert!(
        path.is_file(),
        "there is no server to test at {}\nhint: run `cargo build -p wharf` first, or set WHARF_BIN",
        path.display()
    );
    path
}

fn clean_environment(command: &mut Command) {
    for (name, _) in std::env::vars_os().filter(|(name, _)| is_ours(name)) {
        command.env_remove(name);
    }
}

fn is_ours(name: &std::ffi::OsStr) -> bool {
    let name = name.as_encoded_bytes();
    name.starts_with(b"WHARF") || name.starts_with(b"XDG_") || name == b"STATE_DIRECTORY"
}

fn kill(mut child: Child) -> Option<ExitStatus> {
    let _ = child.kill();
    child.wait().ok()
}

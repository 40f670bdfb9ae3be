//! The server under test: the real binary, started like a person starts it.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus};
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;

use crate::PATIENCE;
use crate::control::Control;
use crate::events::Events;
use crate::ports::PortRange;
use crate::program::{Finished, signal};
use crate::scratch::Scratch;
use crate::start::{Builder, wharf_program};

/// A running wharf. Killed when dropped; its log is shown when the test fails.
#[derive(Debug)]
pub struct Wharf {
    pub(crate) child: Option<Child>,
    pub(crate) pid: u32,
    pub(crate) address: SocketAddr,
    pub(crate) account: Account,
    pub(crate) events: Events,
    pub(crate) setup: Builder,
}

/// A name and the password that goes with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// As after `USER`.
    pub name: String,
    /// As after `PASS`.
    pub password: String,
}

impl Wharf {
    /// Starts one with a folder, a state and ports of its own.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    #[track_caller]
    pub fn start() -> Self {
        Self::with().start()
    }

    /// Starts one that reads `settings` (TOML).
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    #[track_caller]
    pub fn with_settings(settings: &str) -> Self {
        Self::with().settings(settings).start()
    }

    /// To start one with more wishes.
    #[must_use]
    pub fn with() -> Builder {
        Builder::new()
    }

    /// The process id.
    #[must_use]
    pub const fn pid(&self) -> u32 {
        self.pid
    }

    /// Where the control connections go.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where the control connections with TLS from the first byte on go.
    ///
    /// # Panics
    /// When it was started without [`Builder::implicit`].
    #[must_use]
    #[track_caller]
    pub fn implicit(&self) -> SocketAddr {
        self.events
            .listening("ftps")
            .expect("a line that says where implicit FTPS listens")
    }

    /// Where SSH connections go.
    ///
    /// # Panics
    /// When it was started without [`Builder::sftp`].
    #[must_use]
    #[track_caller]
    pub fn sftp(&self) -> SocketAddr {
        self.events
            .listening("sftp")
            .expect("a line that says where SFTP listens")
    }

    /// `127.0.0.1:PORT`, for URLs.
    #[must_use]
    pub fn host(&self) -> String {
        self.address.to_string()
    }

    /// The account that the first start made.
    #[must_use]
    pub const fn account(&self) -> &Account {
        &self.account
    }

    /// The folder that is served.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.setup.root
    }

    /// The scratch folder around it.
    #[must_use]
    pub const fn scratch(&self) -> &Scratch {
        &self.setup.scratch
    }

    /// The passive ports.
    #[must_use]
    pub const fn ports(&self) -> &PortRange {
        &self.setup.ports
    }

    /// The path of a served file on the disk.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.setup.root.join(name.trim_start_matches('/'))
    }

    /// Puts a file into the served folder, behind the server's back.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        crate::tree::write(
            &self.setup.root,
            name.trim_start_matches('/').as_bytes(),
            content.as_ref(),
        );
    }

    /// Reads a served file from the disk.
    ///
    /// # Panics
    /// When it is not there.
    #[must_use]
    #[track_caller]
    pub fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap_or_else(|error| panic!("{name} on the disk: {error}"))
    }

    /// A control connection after its greeting.
    #[must_use]
    #[track_caller]
    pub fn connect(&self) -> Control {
        let mut control = Control::open(self.address);
        let greeting = control.reply();
        assert_eq!(greeting.code, 220, "the greeting\n{control}");
        control
    }

    /// A control connection, logged in with the first account, in TYPE I.
    #[must_use]
    #[track_caller]
    pub fn session(&self) -> Control {
        self.session_of(&self.account)
    }

    /// A control connection, logged in, in TYPE I.
    #[must_use]
    #[track_caller]
    pub fn session_of(&self, account: &Account) -> Control {
        let mut control = self.connect();
        control.login(account);
        control.expect("TYPE I", 200);
        control
    }

    /// Adds an account with a password of its own; `more` are arguments of `wharf user add`.
    ///
    /// # Panics
    /// When that fails.
    #[track_caller]
    pub fn add_account<S: AsRef<str>>(&self, name: &str, more: &[S]) -> Account {
        let password = format!("pass-of-{name}");
        let more = more.iter().map(|argument| argument.as_ref().to_owned());
        let arguments = [
            "add".to_owned(),
            name.to_owned(),
            "--password-stdin".to_owned(),
        ];
        let finished = self.user(arguments.into_iter().chain(more), &format!("{password}\n"));
        if let Err(problem) = finished.well() {
            panic!("{problem}");
        }
        Account {
            name: name.to_owned(),
            password,
        }
    }

    /// Runs `wharf user …` against this server's state.
    #[must_use]
    pub fn user<S: AsRef<str>>(
        &self,
        arguments: impl IntoIterator<Item = S>,
        input: &str,
    ) -> Finished {
        let arguments: Vec<_> = arguments
            .into_iter()
            .map(|a| a.as_ref().to_owned())
            .collect();
        wharf_program()
            .folder(self.setup.scratch.base())
            .arg("user")
            .args(arguments)
            .arg("--state")
            .arg(self.setup.scratch.state())
            .args(["--format", "json"])
            .input(input)
            .run()
    }

    /// Waits for an event of `--format json` that `wanted` says yes to; events that came before
    /// count.
    ///
    /// # Panics
    /// When it does not come.
    #[track_caller]
    pub fn wait_event(&self, name: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        self.events
            .wait(PATIENCE, |event| event["event"] == name && wanted(event))
            .unwrap_or_else(|| panic!("the event `{name}` did not come"))
    }

    /// Every line printed so far.
    #[must_use]
    pub fn events(&self) -> Vec<Value> {
        self.events.all()
    }

    /// The audit log so far.
    #[must_use]
    pub fn audit(&self) -> String {
        fs::read_to_string(self.setup.scratch.state().join("audit.jsonl")).unwrap_or_default()
    }

    /// What the server wrote to standard error so far.
    #[must_use]
    pub fn log(&self) -> String {
        self.setup.log()
    }

    /// Replaces the settings file; a SIGHUP makes it count.
    pub fn change_settings(&self, settings: &str) {
        fs::write(self.setup.settings_file(), settings).expect("writing the settings");
    }

    /// Sends a signal.
    pub fn signal(&self, which: Signal) {
        signal(self.pid, which);
    }

    /// kill -9, and waits for the end.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Waits until the process ends by itself.
    ///
    /// # Panics
    /// When it does not within `patience`.
    #[track_caller]
    pub fn ended(&mut self, patience: Duration) -> ExitStatus {
        let child = self.child.take().expect("it was running");
        crate::program::wait(child, patience)
            .unwrap_or_else(|| panic!("still running {patience:?} later"))
    }

    /// Whether the process is alive.
    pub fn alive(&mut self) -> bool {
        self.child
            .as_mut()
            .is_some_and(|child| matches!(child.try_wait(), Ok(None)))
    }

    /// Starts it again with the same folder, state and settings, after [`Wharf::kill`] or
    /// [`Wharf::ended`].
    ///
    /// # Panics
    /// When it does not start.
    #[track_caller]
    pub fn restart(&mut self) {
        self.kill();
        let (child, events) = self.setup.spawn();
        self.pid = child.id();
        self.child = Some(child);
        self.events = events;
        let problem = self.events.ready().err();
        assert!(
            problem.is_none(),
            "no second start: {problem:?}\n{}",
            self.setup.log()
        );
        self.address = self.events.listening("ftp").expect("a listening line");
    }
}

impl Drop for Wharf {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            self.show_log();
        }
    }
}

impl Wharf {
    #[expect(
        clippy::print_stderr,
        reason = "the test harness shows it with the failed test"
    )]
    fn show_log(&self) {
        let log = self.log();
        let lines: Vec<_> = log.lines().collect();
        eprintln!("--- the server's log ({} lines)", lines.len());
        for line in lines.iter().skip(lines.len().saturating_sub(60)) {
            eprintln!("{line}");
        }
        let events = self.events();
        eprintln!("--- the server's events ({})", events.len());
        for event in events.iter().skip(events.len().saturating_sub(30)) {
            eprintln!("{event}");
        }
    }
}

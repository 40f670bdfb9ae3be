//! Running the program: commands to their end, and servers for as long as a test needs them.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value as Json;
use tempfile::TempDir;

/// Longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A scratch folder with a state folder and a folder to serve.
pub(crate) struct Scratch {
    folder: TempDir,
}

/// How a command ended.
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Scratch {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("files")).unwrap();
        Self { folder }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn text(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    pub(crate) fn write(&self, name: &str, contents: &str) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, contents).unwrap();
        path
    }

    /// The program in an environment that has nothing of this machine's settings in it.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_wharf"));
        command
            .args(arguments)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.folder.path())
            .env("XDG_STATE_HOME", self.path("states"))
            .current_dir(self.path("files"))
            .stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Ended {
        ended(self.command(arguments).output().unwrap())
    }

    /// Runs a command that must succeed, and gives its standard output.
    pub(crate) fn ok(&self, arguments: &[&str]) -> String {
        let ended = self.run(arguments);
        assert_eq!(ended.code, Some(0), "{arguments:?}: {}", ended.stderr);
        ended.stdout
    }

    /// The same, as one JSON object.
    pub(crate) fn json(&self, arguments: &[&str]) -> Json {
        serde_json::from_str(&self.ok(arguments)).unwrap()
    }

    pub(crate) fn run_with_input(&self, arguments: &[&str], input: &[u8]) -> Ended {
        let mut child = self
            .command(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(input).unwrap();
        ended(child.wait_with_output().unwrap())
    }
}

pub(crate) fn ended(output: Output) -> Ended {
    Ended {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A running server; killed when it is dropped.
pub(crate) struct Running {
    child: Child,
    lines: Receiver<String>,
    /// What it has printed so far, for `expect`'s failures.
    seen: Vec<String>,
    log: PathBuf,
}

impl Running {
    /// Starts `serve` on free ports and waits for the line that says it is ready.
    pub(crate) fn start(scratch: &Scratch, arguments: &[&str]) -> Self {
        let mut running = Self::spawn(scratch, arguments);
        running.until(|line| line == "wharf is ready" || line == r#"{"event":"ready"}"#);
        running
    }

    /// Starts `serve` without waiting.
    pub(crate) fn spawn(scratch: &Scratch, arguments: &[&str]) -> Self {
        let (low, high) = passive_ports();
        let ports = format!("{low}-{high}");
        let mut all = vec!["serve", "--passive-ports", &ports];
        for option in ["--ftp", "--ftps", "--sftp"] {
            if !arguments.contains(&option) {
                all.extend([option, "0"]);
            }
        }
        all.extend(arguments);
        let log = scratch.path("log");
        let mut child = scratch
            .command(&all)
            .stdout(Stdio::piped())
            .stderr(fs::File::create(&log).unwrap())
            .spawn()
            .unwrap();
        let (sender, lines) = channel();
        let stdout = child.stdout.take().unwrap();
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Self {
            child,
            lines,
            seen: Vec::new(),
            log,
        }
    }

    /// Reads lines until one fits, and gives that one.
    pub(crate) fn until(&mut self, fits: impl Fn(&str) -> bool) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let Ok(line) = self.lines.recv_timeout(left) else {
                panic!("no such line in {:#?}; log: {}", self.seen, self.log());
            };
            self.seen.push(line.clone());
            if fits(&line) {
                return line;
            }
        }
    }

    /// Everything read so far, one line after the other.
    pub(crate) fn printed(&self) -> String {
        self.seen.join("\n")
    }

    pub(crate) fn objects(&self) -> Vec<Json> {
        self.seen
            .iter()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    pub(crate) fn event(&mut self, name: &str) -> Json {
        let start = format!(r#""event":"{name}""#);
        serde_json::from_str(&self.until(|line| line.contains(&start))).unwrap()
    }

    /// The address in the first `listening` line, which is FTP's.
    pub(crate) fn address(&self) -> String {
        self.told("listening")["address"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    /// The first of the objects read so far that tells this event.
    pub(crate) fn told(&self, event: &str) -> Json {
        let mut objects = self.objects().into_iter();
        let found = objects.find(|object| object["event"] == event);
        found.unwrap_or_else(|| panic!("no `{event}` in {:#?}", self.seen))
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    /// Waits for the end, and gives the exit code.
    pub(crate) fn wait(&mut self) -> Option<i32> {
        // Standard output closes with the process.
        while let Ok(line) = self.lines.recv_timeout(PATIENCE) {
            self.seen.push(line);
        }
        self.child.wait().unwrap().code()
    }

    pub(crate) fn stop(&mut self) -> Option<i32> {
        self.signal(Signal::TERM);
        self.wait()
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Ports that no other test of this program is given and that nobody uses now.
fn passive_ports() -> (u16, u16) {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    const EACH: u16 = 10;
    loop {
        let low = 23_000 + NEXT.fetch_add(EACH, Ordering::Relaxed) % 5_000;
        let free = |port| std::net::TcpListener::bind(("127.0.0.1", port)).is_ok();
        if (low..low + EACH).all(free) {
            return (low, low + EACH - 1);
        }
    }
}

/// Sends lines to a server and gives everything it says until it closes.
pub(crate) fn dialogue(address: &str, lines: &[&str]) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
        .write_all((lines.join("\r\n") + "\r\n").as_bytes())
        .unwrap();
    let mut said = String::new();
    stream.read_to_string(&mut said).unwrap();
    said
}

/// Runs a command line in a shell, as if it had been pasted there.
pub(crate) fn paste(line: &str, folder: &Path) -> Ended {
    let patience = PATIENCE.as_secs().to_string();
    let mut command = Command::new("timeout");
    command
        .args([&patience, "sh", "-c", line])
        .current_dir(folder)
        .stdin(Stdio::null());
    ended(command.output().unwrap())
}

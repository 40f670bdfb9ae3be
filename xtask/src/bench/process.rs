//! A running server: starting it, stopping it, and what it costs.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _};
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};

use super::client::Session;
use super::proc::{self, Process};

/// How long a server may take to start.
const START: Duration = Duration::from_secs(20);
/// How long it may take to end by itself.
const STOP: Duration = Duration::from_secs(5);

/// The port that stands for the turn.
const TURN: u16 = 18_999;

/// What shows that a server accepts connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ready {
    /// It greets with a reply of FTP.
    Greeting,
    /// It greets with the version line of SSH.
    Banner,
    /// It prints `{"event":"ready"}` on a line.
    JsonLine,
}

/// A server and all its processes; they end when this is dropped.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
    pub(crate) address: SocketAddrV4,
}

impl Running {
    /// Starts `command`, which must serve 127.0.0.1:`port`, and waits until it does. What it says
    /// goes to the file `log`.
    pub(crate) fn start(mut command: Command, port: u16, ready: Ready, log: &Path) -> Result<Self> {
        command.stderr(File::create(log)?);
        // vsftpd tells its errors to standard input: to its client, if inetd had started it.
        command.stdin(File::options().read(true).append(true).open(log)?);
        match ready {
            Ready::Greeting | Ready::Banner => {
                command.stdout(File::options().append(true).open(log)?)
            }
            Ready::JsonLine => command.stdout(Stdio::piped()),
        };
        let child = command
            .spawn()
            .with_context(|| format!("cannot start `{}`", command.get_program().display()))?;
        let mut running = Self {
            child,
            address: SocketAddrV4::new(Ipv4Addr::LOCALHOST, port),
        };
        let started = match ready {
            Ready::Greeting => running.await_contact(|to| Session::connect(to, None)?.quit()),
            Ready::Banner => running.await_contact(see_banner),
            Ready::JsonLine => running.await_line(),
        };
        started.with_context(|| {
            let said = fs::read_to_string(log).unwrap_or_default();
            format!(
                "it did not start{}{}",
                if said.is_empty() { "" } else { "; it said: " },
                said.trim_end()
            )
        })?;
        Ok(running)
    }

    pub(crate) fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    fn await_contact(&mut self, make: impl Fn(SocketAddrV4) -> Result<()>) -> Result<()> {
        let until = Instant::now() + START;
        loop {
            match make(self.address) {
                Ok(()) => return Ok(()),
                Err(error) if Instant::now() > until => return Err(error),
                Err(_) => self.still_runs()?,
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn await_line(&mut self) -> Result<()> {
        let stdout = self
            .child
            .stdout
            .take()
            .context("standard output is not piped")?;
        let (tell, told) = mpsc::sync_channel(1);
        // It goes on reading for as long as the server writes: a full pipe would stop the server.
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines() {
                let Ok(line) = line else { return };
                if is_ready_event(&line) {
                    let _ = tell.try_send(());
                }
            }
        });
        told.recv_timeout(START)
            .context("it did not print its `ready` event")
    }

    fn still_runs(&mut self) -> Result<()> {
        if let Some(status) = self.child.try_wait()? {
            bail!("it ended with {status}");
        }
        Ok(())
    }

    /// The server's processes now.
    pub(crate) fn tree(&self) -> Result<Vec<Process>> {
        proc::tree(self.pid())
    }

    /// CPU time of all its processes so far, those that ended included: whether their parent waited
    /// for them, or ended before them and left them to this process. sshd's sessions do the latter.
    pub(crate) fn cpu(&self) -> Result<Duration> {
        Ok(Process::cpu(&self.tree()?) + Process::cpu(&proc::ended_children()?))
    }

    /// Memory of all its processes in bytes, shared pages divided among those that share them.
    pub(crate) fn proportional(&self) -> Result<u64> {
        self.sum(|pid| proc::field(&proc::file(pid, "smaps_rollup"), "Pss:"))
    }

    /// Memory of all its processes in bytes; shared pages count in each.
    pub(crate) fn resident(&self) -> Result<u64> {
        self.sum(|pid| proc::field(&proc::file(pid, "status"), "VmRSS:"))
    }

    /// The most each of its processes had since [`Self::reset_peak`], in bytes.
    pub(crate) fn peak(&self) -> Result<u64> {
        self.sum(|pid| proc::field(&proc::file(pid, "status"), "VmHWM:"))
    }

    pub(crate) fn reset_peak(&self) -> Result<()> {
        for process in self.tree()? {
            // 5 resets the peak; see proc(5).
            let _ = fs::write(proc::file(process.pid, "clear_refs"), "5");
        }
        Ok(())
    }

    fn sum(&self, read: impl Fn(i32) -> Option<u64>) -> Result<u64> {
        // A process may end between being listed and being read.
        Ok(self
            .tree()?
            .iter()
            .filter_map(|process| read(process.pid))
            .sum())
    }

    fn end(&mut self) {
        let before = self.tree().unwrap_or_default();
        let _ = kill_process(self.pid(), Signal::TERM);
        let until = Instant::now() + STOP;
        while Instant::now() < until && matches!(self.child.try_wait(), Ok(None)) {
            std::thread::sleep(Duration::from_millis(5));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
        // Sessions outlive vsftpd's listener. The start time tells a process from another that got
        // the same number meanwhile.
        let left: Vec<Pid> = before
            .iter()
            .filter(|process| process.is_there())
            .filter_map(|process| Pid::from_raw(process.pid))
            .collect();
        for pid in &left {
            let _ = kill_process(*pid, Signal::KILL);
        }
        // Sessions that ended before, and whose parent did not wait for them. Who adopts no orphans
        // finds only children there that others wait for.
        let adopts = matches!(rustix::process::child_subreaper(), Ok(Some(_)));
        let ended = if adopts {
            proc::ended_children().unwrap_or_default()
        } else {
            Vec::new()
        };
        let left = left.into_iter().chain(
            ended
                .iter()
                .filter_map(|process| Pid::from_raw(process.pid)),
        );
        let until = Instant::now() + STOP;
        for pid in left {
            // Until it is no child of ours: adopted ones are waited for, others never were.
            while Instant::now() < until
                && matches!(waitpid(Some(pid), WaitOptions::NOHANG), Ok(None))
            {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.end();
    }
}

/// Makes this process the parent of orphaned sessions, so that it can wait for their end.
pub(crate) fn adopt_orphans() -> Result<()> {
    rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?;
    Ok(())
}

/// Held by the one benchmark that may run on a machine at a time.
#[derive(Debug)]
pub(crate) struct Turn {
    _held: TcpListener,
}

impl Turn {
    /// Takes the machine's turn, or says that another benchmark has it.
    pub(crate) fn take() -> Result<Self> {
        // A port is one for the whole machine, and free again however its holder ends.
        let held = TcpListener::bind((Ipv4Addr::LOCALHOST, TURN)).with_context(|| {
            format!("another benchmark seems to run on this machine (port {TURN} is taken)")
        })?;
        Ok(Self { _held: held })
    }
}

/// A free port below those the kernel gives to clients.
pub(crate) fn free_port() -> Result<u16> {
    (19_000..20_000)
        .find(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok())
        .context("no free port")
}

/// Whether an SSH server answers: RFC 4253 §4.2.
fn see_banner(address: SocketAddrV4) -> Result<()> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(START))?;
    let mut begin = [0; 4];
    stream.read_exact(&mut begin)?;
    ensure!(
        begin == *b"SSH-",
        "it greeted with `{}`",
        begin.escape_ascii()
    );
    Ok(())
}

fn is_ready_event(line: &str) -> bool {
    serde_json::from_str::<serde_json::Value>(line)
        .is_ok_and(|value| value.get("event").and_then(|event| event.as_str()) == Some("ready"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ready_event() {
        assert!(is_ready_event(r#"{"event":"ready"}"#));
        assert!(!is_ready_event(
            r#"{"event":"listening","protocol":"ready"}"#
        ));
        assert!(!is_ready_event("ready"));
    }

    #[test]
    fn a_server_that_does_not_start_says_why() {
        let log = tempfile::NamedTempFile::new().unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", "echo no such setting; exit 3"]);
        let port = free_port().unwrap();
        let error = Running::start(command, port, Ready::Greeting, log.path()).unwrap_err();
        let text = format!("{error:#}");
        assert!(text.contains("no such setting"), "{text}");
        assert!(text.contains("exit status: 3"), "{text}");
    }
}

//! A running server: starting it, stopping it, and what it costs.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};

use super::client::Session;

/// How long a server may take to start.
const START: Duration = Duration::from_secs(20);
/// How long it may take to end by itself.
const STOP: Duration = Duration::from_secs(5);

/// The port that stands for the turn.
const TURN: u16 = 18_999;

/// What shows that a server accepts connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ready {
    /// It greets.
    Greeting,
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
            Ready::Greeting => command.stdout(File::options().append(true).open(log)?),
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
            Ready::Greeting => running.await_greeting(),
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

    fn await_greeting(&mut self) -> Result<()> {
        let until = Instant::now() + START;
        loop {
            match Session::connect(self.address, None) {
                Ok(session) => return session.quit(),
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
        tree(self.pid())
    }

    /// CPU time of all its processes so far, those that ended and were waited for included.
    pub(crate) fn cpu(&self) -> Result<Duration> {
        Ok(ticks(
            self.tree()?.iter().map(|process| process.ticks).sum(),
        ))
    }

    /// Memory of all its processes in bytes, shared pages divided among those that share them.
    pub(crate) fn proportional(&self) -> Result<u64> {
        self.sum(|pid| field(&proc(pid, "smaps_rollup"), "Pss:"))
    }

    /// Memory of all its processes in bytes; shared pages count in each.
    pub(crate) fn resident(&self) -> Result<u64> {
        self.sum(|pid| field(&proc(pid, "status"), "VmRSS:"))
    }

    /// The most each of its processes had since [`Self::reset_peak`], in bytes.
    pub(crate) fn peak(&self) -> Result<u64> {
        self.sum(|pid| field(&proc(pid, "status"), "VmHWM:"))
    }

    pub(crate) fn reset_peak(&self) -> Result<()> {
        for process in self.tree()? {
            // 5 resets the peak; see proc(5).
            let _ = fs::write(proc(process.pid, "clear_refs"), "5");
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
            .filter(|then| Process::read(then.pid).is_some_and(|now| now.started == then.started))
            .filter_map(|process| Pid::from_raw(process.pid))
            .collect();
        for pid in &left {
            let _ = kill_process(*pid, Signal::KILL);
        }
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

/// One line of /proc/PID/stat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Process {
    pid: i32,
    parent: i32,
    /// User and system time, of its own and of children waited for.
    ticks: u64,
    started: u64,
}

impl Process {
    fn read(pid: i32) -> Option<Self> {
        Self::parse(&fs::read_to_string(proc(pid, "stat")).ok()?)
    }

    fn parse(stat: &str) -> Option<Self> {
        // The name in parentheses may hold anything, so the rest starts at the last parenthesis.
        let (head, rest) = stat.rsplit_once(") ")?;
        let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
        let number = |index: usize| fields.get(index)?.parse::<u64>().ok();
        Some(Self {
            pid: head.split_once(' ')?.0.parse().ok()?,
            parent: fields.get(1)?.parse().ok()?,
            ticks: number(11)? + number(12)? + number(13)? + number(14)?,
            started: number(19)?,
        })
    }
}

/// CPU time of this process and of the children it waited for.
pub(crate) fn own_cpu() -> Result<Duration> {
    let me = rustix::process::getpid().as_raw_nonzero().get();
    let process = Process::read(me).context("this process is not in /proc")?;
    Ok(ticks(process.ticks))
}

fn ticks(number: u64) -> Duration {
    let each = rustix::param::clock_ticks_per_second();
    Duration::from_secs_f64(number as f64 / each as f64)
}

fn tree(root: Pid) -> Result<Vec<Process>> {
    let mut children: BTreeMap<i32, Vec<Process>> = BTreeMap::new();
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        // It may have ended since.
        let Some(process) = Process::read(pid) else {
            continue;
        };
        if pid == root.as_raw_nonzero().get() {
            found.push(process);
        } else {
            children.entry(process.parent).or_default().push(process);
        }
    }
    let mut next = 0;
    while let Some(process) = found.get(next) {
        found.extend(children.remove(&process.pid).unwrap_or_default());
        next += 1;
    }
    Ok(found)
}

fn proc(pid: i32, file: &str) -> PathBuf {
    Path::new("/proc").join(pid.to_string()).join(file)
}

/// A line such as `Pss:  123 kB`, in bytes.
fn field(file: &Path, name: &str) -> Option<u64> {
    let text = fs::read_to_string(file).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

/// Memory the kernel uses for its own structures: sockets, stacks, page tables; in bytes. What is
/// free would say less: hundreds of megabytes that were given back wait unseen in the lists that the
/// kernel keeps for each processor.
pub(crate) fn kernel_memory() -> Result<u64> {
    // Adds up what each processor has counted by itself.
    let _ = fs::write("/proc/sys/vm/stat_refresh", "1");
    let meminfo = Path::new("/proc/meminfo");
    ["Slab:", "KernelStack:", "PageTables:", "Percpu:"]
        .iter()
        .map(|name| field(meminfo, name).with_context(|| format!("/proc/meminfo has no {name}")))
        .sum()
}

fn is_ready_event(line: &str) -> bool {
    serde_json::from_str::<serde_json::Value>(line)
        .is_ok_and(|value| value.get("event").and_then(|event| event.as_str()) == Some("ready"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_stat_with_an_odd_name() {
        let line = "42 (a) b ( c) S 7 42 42 0 -1 4194560 1 2 3 4 10 20 30 40 20 0 1 0 777 1 2";
        let process = Process::parse(line).unwrap();
        assert_eq!((process.pid, process.parent), (42, 7));
        assert_eq!((process.ticks, process.started), (100, 777));
    }

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

    #[test]
    fn this_process_has_memory_and_no_children() {
        let me = tree(rustix::process::getpid()).unwrap();
        assert!(!me.is_empty());
        let pss = field(&proc(me[0].pid, "smaps_rollup"), "Pss:").unwrap();
        assert!(pss > 0);
    }
}

//! What /proc says about processes and memory.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::process::Pid;

/// One line of /proc/PID/stat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Process {
    pub(crate) pid: i32,
    parent: i32,
    /// It ended, and nobody has waited for it.
    ended: bool,
    /// User and system time, of its own and of children waited for.
    ticks: u64,
    started: u64,
}

impl Process {
    fn read(pid: i32) -> Option<Self> {
        Self::parse(&fs::read_to_string(file(pid, "stat")).ok()?)
    }

    fn parse(stat: &str) -> Option<Self> {
        // The name in parentheses may hold anything, so the rest starts at the last parenthesis.
        let (head, rest) = stat.rsplit_once(") ")?;
        let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
        let number = |index: usize| fields.get(index)?.parse::<u64>().ok();
        Some(Self {
            pid: head.split_once(' ')?.0.parse().ok()?,
            parent: fields.get(1)?.parse().ok()?,
            ended: *fields.first()? == "Z",
            ticks: number(11)? + number(12)? + number(13)? + number(14)?,
            started: number(19)?,
        })
    }

    /// CPU time of some processes.
    pub(crate) fn cpu(processes: &[Self]) -> Duration {
        ticks(processes.iter().map(|process| process.ticks).sum())
    }

    /// Whether it is there still, and not another one with its number.
    pub(crate) fn is_there(&self) -> bool {
        Self::read(self.pid).is_some_and(|now| now.started == self.started)
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

/// A process and all that descend from it.
pub(crate) fn tree(root: Pid) -> Result<Vec<Process>> {
    let mut children: BTreeMap<i32, Vec<Process>> = BTreeMap::new();
    let mut found = Vec::new();
    for process in all()? {
        if process.pid == root.as_raw_nonzero().get() {
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

/// Processes that ended and wait for this one to take note of it: those it started, and orphans if it
/// adopts them.
pub(crate) fn ended_children() -> Result<Vec<Process>> {
    let me = rustix::process::getpid().as_raw_nonzero().get();
    let mut processes = all()?;
    processes.retain(|process| process.ended && process.parent == me);
    Ok(processes)
}

fn all() -> Result<Vec<Process>> {
    let mut processes = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let name = entry?.file_name();
        if let Some(pid) = name.to_str().and_then(|name| name.parse().ok()) {
            // It may have ended since.
            processes.extend(Process::read(pid));
        }
    }
    Ok(processes)
}

/// A file about one process.
pub(crate) fn file(pid: i32, name: &str) -> PathBuf {
    Path::new("/proc").join(pid.to_string()).join(name)
}

/// A line such as `Pss:  123 kB`, in bytes.
pub(crate) fn field(file: &Path, name: &str) -> Option<u64> {
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
    fn this_process_has_memory_and_no_children() {
        let me = tree(rustix::process::getpid()).unwrap();
        assert!(!me.is_empty());
        let pss = field(&file(me[0].pid, "smaps_rollup"), "Pss:").unwrap();
        assert!(pss > 0);
    }
}

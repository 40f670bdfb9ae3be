//! OpenSSH's `sftp`, told one command after another.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::SocketAddrV4;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::Pid;

use super::{Cipher, KEY_EXCHANGE, Keys, MAC, PACKAGE};
use crate::bench::peers::ACCOUNT;
use crate::bench::proc::{Process, tree};
use crate::{peers, shell};

/// How long one command may take.
const PATIENCE: Duration = Duration::from_secs(300);
/// How long the program may take to end once it was told to.
const END: Duration = Duration::from_secs(10);
/// What `pwd` prints. It asks the server nothing, so it marks the end of the command before it.
const MARK: &[u8] = b"Remote working directory: ";
/// In batch mode each command is shown before it is carried out.
const ECHO: &[u8] = b"sftp> ";

/// One `sftp` in batch mode, and the `ssh` it talks through.
#[derive(Debug)]
pub(crate) struct Client {
    child: Child,
    commands: ChildStdin,
    output: ChildStdout,
    received: Vec<u8>,
    log: PathBuf,
}

impl Client {
    /// Starts it and waits until it is logged in and takes commands. What it says goes to a file in
    /// `run`, where the keys are.
    pub(crate) fn connect(run: &Path, number: usize, to: SocketAddrV4, by: Cipher) -> Result<Self> {
        let folder = peers::unpack(PACKAGE)?;
        let log = run.join(format!("sftp-client-{number}.log"));
        let mut command = shell::command(folder.join("usr/bin/sftp"));
        command.env("LD_LIBRARY_PATH", peers::library_path(&folder));
        command.env_remove("SSH_AUTH_SOCK");
        command.args(["-b", "-", "-F", "none", "-S"]);
        command.arg(folder.join("usr/bin/ssh"));
        command.args(["-P", &to.port().to_string()]);
        for option in options(&Keys::within(run), by) {
            command.arg("-o").arg(option);
        }
        command.arg(format!("{ACCOUNT}@{}", to.ip()));
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        command.stderr(File::create(&log)?);
        let mut child = command.spawn().context("cannot start `sftp`")?;
        let (commands, output) = child
            .stdin
            .take()
            .zip(child.stdout.take())
            .context("its streams are piped")?;
        let mut client = Self {
            child,
            commands,
            output,
            received: Vec::new(),
            log,
        };
        client.tell("").context("it did not come to its prompt")?;
        Ok(client)
    }

    /// Has a command carried out, and returns how many lines it printed.
    pub(crate) fn tell(&mut self, command: &str) -> Result<u64> {
        let lines = format!(
            "{command}{}pwd\n",
            if command.is_empty() { "" } else { "\n" }
        );
        if self.commands.write_all(lines.as_bytes()).is_err() {
            return self.ended();
        }
        let until = Instant::now() + PATIENCE;
        let mut printed = 0;
        loop {
            let (lines, marked) = take_lines(&mut self.received);
            printed += lines;
            if marked {
                return Ok(printed);
            }
            if self.receive(until)? == 0 {
                return self.ended();
            }
        }
    }

    /// CPU time of its processes so far.
    pub(crate) fn cpu(&self) -> Result<Duration> {
        Ok(Process::cpu(&tree(Pid::from_child(&self.child))?))
    }

    /// Bytes `sftp` itself has written so far: to its files, and requests to its `ssh`.
    pub(crate) fn written(&self) -> Result<u64> {
        let text = fs::read_to_string(format!("/proc/{}/io", self.child.id()))?;
        text.lines()
            .find_map(|line| line.strip_prefix("wchar: "))
            .and_then(|number| number.parse().ok())
            .context("/proc/PID/io has no wchar")
    }

    /// Ends the session and waits for the end of its processes.
    pub(crate) fn quit(mut self) -> Result<()> {
        if self.commands.write_all(b"bye\n").is_err() {
            return self.ended();
        }
        let until = Instant::now() + END;
        while Instant::now() < until {
            if let Some(status) = self.child.try_wait()? {
                ensure!(status.success(), "`sftp` ended with {status}");
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        bail!("`sftp` did not end in {} s", END.as_secs())
    }

    fn receive(&mut self, until: Instant) -> Result<usize> {
        let left = until.saturating_duration_since(Instant::now());
        let mut fds = [PollFd::new(&self.output, PollFlags::IN)];
        let ready = poll(&mut fds, Some(&Timespec::try_from(left)?))?;
        ensure!(
            ready > 0,
            "the command took longer than {} s",
            PATIENCE.as_secs()
        );
        let mut chunk = [0; 1 << 16];
        let length = self.output.read(&mut chunk)?;
        self.received.extend_from_slice(&chunk[..length]);
        Ok(length)
    }

    /// The error of a program that ended by itself.
    fn ended<T>(&self) -> Result<T> {
        let said = fs::read_to_string(&self.log).unwrap_or_default();
        bail!("`sftp` ended; it said: {}", said.trim_end())
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // Its `ssh` ends by itself when nobody holds the other end.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn options(keys: &Keys, cipher: Cipher) -> Vec<String> {
    [
        "UserKnownHostsFile=/dev/null",
        "StrictHostKeyChecking=no",
        "LogLevel=ERROR",
        "IdentitiesOnly=yes",
        "PreferredAuthentications=publickey",
        "Compression=no",
        "HostKeyAlgorithms=ssh-ed25519",
    ]
    .map(str::to_owned)
    .into_iter()
    .chain([
        format!("IdentityFile=\"{}\"", keys.private().display()),
        format!("KexAlgorithms={KEY_EXCHANGE}"),
        format!("Ciphers={}", cipher.name()),
        format!("MACs={MAC}"),
    ])
    .collect()
}

/// Takes whole lines up to the mark; returns how many a command printed, and whether the mark came.
fn take_lines(received: &mut Vec<u8>) -> (u64, bool) {
    let mut printed = 0;
    let mut taken = 0;
    let mut marked = false;
    while let Some(length) = received[taken..].iter().position(|byte| *byte == b'\n') {
        let line = &received[taken..taken + length];
        taken += length + 1;
        if line.starts_with(MARK) {
            marked = true;
            break;
        }
        printed += u64::from(!line.starts_with(ECHO));
    }
    received.drain(..taken);
    (printed, marked)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_counted_up_to_the_mark() {
        let mut received = b"sftp> ls -1\na\nb\nsftp> pwd\nRemote wor".to_vec();
        assert_eq!(take_lines(&mut received), (2, false));
        assert_eq!(received, b"Remote wor");
        received.extend_from_slice(b"king directory: /\nsftp> next\n");
        assert_eq!(take_lines(&mut received), (0, true));
        assert_eq!(received, b"sftp> next\n");
    }
}

//! SFTP, by OpenSSH's own client.
//!
//! Downloads go to /dev/null, and whole folders to memory: the client's disk is not what is measured.
//! Uploads come from the kernel's page cache and go there.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::idle::{SETTLE, many, steady};
use super::large::{per_byte, per_gibibyte};
use super::{Target, median, stored, together};
use crate::bench::proc::kernel_memory;
use crate::bench::scratch::{LARGE, TREE, is_tree};
use crate::bench::sftp::{Cipher, Client, Opener, Relay};

/// How long a byte takes each way over the long path.
const DELAY: Duration = Duration::from_millis(25);
/// Logins that are timed in one round, and in a first look.
const PROMPTS: usize = 20;
const FEW_PROMPTS: usize = 5;
/// How long a server's sessions may take to end after their clients did.
const LEAVE: Duration = Duration::from_secs(10);
/// Where Linux keeps files in memory.
const IN_MEMORY: &str = "/dev/shm";
/// What the short path is ciphered with where the cipher is not the question.
const CIPHER: Cipher = Cipher::Aes256Gcm;

/// The large file in one session, or a quarter of it in each: MB/s, and CPU seconds per GiB of the
/// server and of the client.
pub(crate) fn download(target: &Target<'_>, by: Cipher, sessions: usize) -> Result<Vec<f64>> {
    let share = Share::of(target, sessions);
    let clients = connect(target, by, sessions)?;
    let meter = Meter::start(target, &clients)?;
    let (clients, elapsed) = together(clients, |_, client| {
        (0..share.times).try_for_each(|_| get(client, &share))
    })?;
    let figures = meter.figures(target, &clients, share.bytes(sessions), elapsed)?;
    leave(clients)?;
    Ok(figures)
}

/// As for downloads.
pub(crate) fn upload(target: &Target<'_>, by: Cipher, sessions: usize) -> Result<Vec<f64>> {
    let share = Share::of(target, sessions);
    target.scratch.touch_memory(share.bytes(sessions))?;
    let clients = connect(target, by, sessions)?;
    let meter = Meter::start(target, &clients)?;
    let (clients, elapsed) = together(clients, |session, client| {
        (0..share.times).try_for_each(|time| put(target, client, &share, session, time))
    })?;
    let figures = meter.figures(target, &clients, share.bytes(sessions), elapsed)?;
    leave(clients)?;
    for session in 0..sessions {
        for time in 0..share.times {
            stored(target, &uploaded(session, time), share.size)?;
        }
    }
    Ok(figures)
}

/// A quarter of the large file over the long path: MB/s, and CPU seconds per GiB of the server.
pub(crate) fn far_download(target: &Target<'_>) -> Result<Vec<f64>> {
    far(target, get)
}

/// As for downloads.
pub(crate) fn far_upload(target: &Target<'_>) -> Result<Vec<f64>> {
    let figures = far(target, |client, share| put(target, client, share, 0, 0))?;
    stored(target, &uploaded(0, 0), Share::far(target).size)?;
    Ok(figures)
}

fn far(
    target: &Target<'_>,
    transfer: impl Fn(&mut Client, &Share) -> Result<()>,
) -> Result<Vec<f64>> {
    let share = Share::far(target);
    let relay = Relay::start(target.address(), DELAY)?;
    let mut client = Client::connect(&target.scratch.run, 0, relay.address, CIPHER)?;
    let server = target.server.cpu()?;
    let start = Instant::now();
    transfer(&mut client, &share)?;
    let elapsed = start.elapsed();
    let server = target.server.cpu()?.saturating_sub(server);
    client.quit()?;
    Ok(per_byte(share.size, elapsed, server))
}

/// The folder of small files, to memory: files/s, and CPU ms of server and client for each.
pub(crate) fn get_tree(target: &Target<'_>) -> Result<Vec<f64>> {
    let to = tempfile::tempdir_in(IN_MEMORY)?;
    let tree = target.scratch.tree()?;
    let command = format!("get -r {tree} \"{}\"", to.path().display());
    let figures = move_tree(target, "", &command)?;
    whole(&to.path().join(tree))?;
    Ok(figures)
}

/// As for downloads.
pub(crate) fn put_tree(target: &Target<'_>) -> Result<Vec<f64>> {
    let tree = target.scratch.tree()?;
    let from = target.scratch.files.join(tree);
    // The client asks for the real name of the folder, and mod_sftp has none before it is there.
    let before = format!("mkdir up/{tree}");
    let figures = move_tree(
        target,
        &before,
        &format!("put -r \"{}\" up/", from.display()),
    )?;
    whole(&target.scratch.uploads().join(tree))?;
    Ok(figures)
}

fn move_tree(target: &Target<'_>, before: &str, command: &str) -> Result<Vec<f64>> {
    let mut clients = connect(target, CIPHER, 1)?;
    clients
        .iter_mut()
        .try_for_each(|client| client.tell(before).map(drop))?;
    let meter = Meter::start(target, &clients)?;
    let start = Instant::now();
    clients
        .iter_mut()
        .try_for_each(|client| client.tell(command).map(drop))?;
    let elapsed = start.elapsed();
    let (server, client) = meter.used(target, &clients)?;
    leave(clients)?;
    let each = |cpu: Duration| cpu.as_secs_f64() * 1e3 / TREE as f64;
    Ok(vec![
        TREE as f64 / elapsed.as_secs_f64(),
        each(server),
        each(client),
    ])
}

fn whole(folder: &Path) -> Result<()> {
    ensure!(
        is_tree(folder)?,
        "not every file has arrived, or not as a whole"
    );
    Ok(())
}

/// A listing: the whole in s, CPU seconds of server and client, memory growth of the server in MiB.
pub(crate) fn listing(target: &Target<'_>, long: bool, entries: u64) -> Result<Vec<f64>> {
    let mut clients = connect(target, CIPHER, 1)?;
    let resident = target.server.resident()?;
    target.server.reset_peak()?;
    let meter = Meter::start(target, &clients)?;
    let flag = if long { "-l" } else { "-1" };
    let start = Instant::now();
    for client in &mut clients {
        let lines = client.tell(&format!("ls {flag} list-{entries}"))?;
        ensure!(
            lines == entries,
            "`ls {flag}` showed {lines} lines for {entries} entries"
        );
    }
    let elapsed = start.elapsed();
    let (server, client) = meter.used(target, &clients)?;
    let growth = target.server.peak()?.saturating_sub(resident);
    leave(clients)?;
    Ok(vec![
        elapsed.as_secs_f64(),
        server.as_secs_f64(),
        client.as_secs_f64(),
        growth as f64 / 1048576.0,
    ])
}

/// From the start of the client to its prompt, one login after another: the median in ms, and the
/// CPU ms that a login and its end cost the server.
pub(crate) fn prompt(target: &Target<'_>) -> Result<Vec<f64>> {
    let times = if target.quick { FEW_PROMPTS } else { PROMPTS };
    let login = || -> Result<f64> {
        let start = Instant::now();
        let client = Client::connect(&target.scratch.run, 0, target.address(), CIPHER)?;
        let elapsed = start.elapsed();
        client.quit()?;
        Ok(elapsed.as_secs_f64() * 1e3)
    };
    let processes = target.server.tree()?.len();
    // Once around, so that what a server does at its first login is not counted.
    login()?;
    gone(target, processes)?;
    let before = target.server.cpu()?;
    let taken = (0..times).map(|_| login()).collect::<Result<Vec<f64>>>()?;
    gone(target, processes)?;
    let used = target.server.cpu()?.saturating_sub(before);
    Ok(vec![median(taken), used.as_secs_f64() * 1e3 / times as f64])
}

/// Waits until the server has no more processes than before its sessions.
fn gone(target: &Target<'_>, processes: usize) -> Result<()> {
    let until = Instant::now() + LEAVE;
    while target.server.tree()?.len() > processes {
        ensure!(
            Instant::now() < until,
            "the server's sessions did not end in {} s",
            LEAVE.as_secs()
        );
        std::thread::sleep(Duration::from_millis(10));
    }
    // What a parent left behind is on its way out.
    std::thread::sleep(Duration::from_millis(50));
    Ok(())
}

/// Idle sessions: KiB of memory each, in the server's processes, and there and in the kernel.
pub(crate) fn idle(target: &Target<'_>, count: usize) -> Result<Vec<f64>> {
    let opener = Opener::new(&target.scratch.run)?;
    // Once around, so that what a server loads at its first login is not counted.
    let processes = target.server.tree()?.len();
    opener.open(target.address())?.check()?;
    gone(target, processes)?;
    let kernel = steady()?;
    let server = target.server.proportional()?;
    let mut held = many(count, |_| opener.open(target.address()))?;
    std::thread::sleep(SETTLE);
    let (server_then, kernel_then) = (target.server.proportional()?, kernel_memory()?);
    for (number, session) in held.iter_mut().enumerate() {
        session
            .check()
            .with_context(|| format!("idle session {number}"))?;
    }
    let each = |then: u64, before: u64| (then as f64 - before as f64) / 1024.0 / count as f64;
    Ok(vec![
        each(server_then, server),
        each(server_then + kernel_then, server + kernel),
    ])
}

/// What one session moves.
struct Share {
    file: &'static str,
    size: u64,
    times: u64,
}

impl Share {
    fn of(target: &Target<'_>, sessions: usize) -> Self {
        let (file, size) = match (sessions, target.quick) {
            (1, false) => ("large", LARGE),
            (1, true) | (_, false) => ("quarter", LARGE / 4),
            (_, true) => ("sixteenth", LARGE / 16),
        };
        Self {
            file,
            size,
            times: target.copies,
        }
    }

    fn far(target: &Target<'_>) -> Self {
        Self {
            times: 1,
            ..Self::of(target, 4)
        }
    }

    fn bytes(&self, sessions: usize) -> u64 {
        self.size * self.times * sessions as u64
    }
}

fn get(client: &mut Client, share: &Share) -> Result<()> {
    let before = client.written()?;
    client.tell(&format!("get {} /dev/null", share.file))?;
    // It takes the end of a file for the file's end, wherever that comes.
    let written = client.written()?.saturating_sub(before);
    ensure!(
        written >= share.size,
        "{written} bytes came of {} with {}",
        share.file,
        share.size
    );
    Ok(())
}

fn put(
    target: &Target<'_>,
    client: &mut Client,
    share: &Share,
    session: usize,
    time: u64,
) -> Result<()> {
    let from = target.scratch.files.join(share.file);
    let to = uploaded(session, time);
    client.tell(&format!("put \"{}\" up/{to}", from.display()))?;
    Ok(())
}

fn uploaded(session: usize, time: u64) -> String {
    format!("large-{session}-{time}")
}

fn connect(target: &Target<'_>, by: Cipher, sessions: usize) -> Result<Vec<Client>> {
    (0..sessions)
        .map(|number| Client::connect(&target.scratch.run, number, target.address(), by))
        .collect()
}

fn leave(clients: Vec<Client>) -> Result<()> {
    clients.into_iter().try_for_each(Client::quit)
}

/// CPU time used since its start. The sessions must last until it is read.
struct Meter {
    server: Duration,
    client: Duration,
}

impl Meter {
    fn start(target: &Target<'_>, clients: &[Client]) -> Result<Self> {
        Ok(Self {
            server: target.server.cpu()?,
            client: cpu(clients)?,
        })
    }

    /// Of the server, and of the clients.
    fn used(&self, target: &Target<'_>, clients: &[Client]) -> Result<(Duration, Duration)> {
        Ok((
            target.server.cpu()?.saturating_sub(self.server),
            cpu(clients)?.saturating_sub(self.client),
        ))
    }

    fn figures(
        &self,
        target: &Target<'_>,
        clients: &[Client],
        bytes: u64,
        elapsed: Duration,
    ) -> Result<Vec<f64>> {
        let (server, client) = self.used(target, clients)?;
        let mut figures = per_byte(bytes, elapsed, server);
        figures.push(per_gibibyte(bytes, client));
        Ok(figures)
    }
}

fn cpu(clients: &[Client]) -> Result<Duration> {
    clients.iter().map(Client::cpu).sum()
}

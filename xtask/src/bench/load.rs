//! The measurements: what is done to one running server, and the figures that come of it.

use std::fs;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};

use super::client::{Payload, Session};
use super::peers::{ACCOUNT, Contender, Login, PASSWORD};
use super::process::{Running, available};
use super::scratch::{LARGE, SMALL, Scratch};

/// Sessions of the rows that count small files and logins.
const PARALLEL: usize = 8;
/// Names each session goes through when it overwrites.
const OVERWRITTEN: u64 = 16;
/// Threads that open idle sessions; more would overrun the shortest backlog among the peers.
const OPENERS: usize = 8;
/// Idle sessions that come from one address.
const PER_ADDRESS: usize = 200;
/// How long idle sessions are left alone before memory is read.
const SETTLE: Duration = Duration::from_secs(2);
/// Lines a listing may have beside its entries: a total, the folder itself and its parent.
const EXTRA_LINES: u64 = 3;

/// One server to be measured.
#[derive(Debug)]
pub(crate) struct Target<'a> {
    pub(crate) contender: Contender,
    pub(crate) server: &'a Running,
    pub(crate) scratch: &'a Scratch,
    /// How long rows that count run.
    pub(crate) seconds: f64,
    /// How often the large file is moved in one measurement.
    pub(crate) copies: u64,
}

impl Target<'_> {
    fn address(&self) -> SocketAddrV4 {
        self.server.address
    }

    fn session(&self, login: Login) -> Result<Session> {
        let mut session = Session::connect(self.address(), None)?;
        enter(&mut session, login)?;
        session.command("TYPE I", &[200])?;
        Ok(session)
    }

    fn sessions(&self, login: Login, count: usize) -> Result<Vec<Session>> {
        (0..count).map(|_| self.session(login)).collect()
    }

    fn duration(&self) -> Duration {
        Duration::from_secs_f64(self.seconds)
    }

    /// The stand-in keeps no files.
    fn keeps_files(&self) -> bool {
        self.contender != Contender::Ceiling
    }
}

fn enter(session: &mut Session, login: Login) -> Result<()> {
    match login {
        Login::Anonymous => session.login("anonymous", "bench@example.com"),
        Login::Account => session.login(ACCOUNT, PASSWORD),
    }
}

/// Downloads of the large file: MB/s and CPU seconds per GiB.
pub(crate) fn download(target: &Target<'_>, connections: usize) -> Result<Vec<f64>> {
    let copies = target.copies.div_ceil(connections as u64);
    let sessions = target.sessions(Login::Anonymous, connections)?;
    let cpu = target.server.cpu()?;
    let (sessions, elapsed) = together(sessions, |_, session| {
        (0..copies).try_for_each(|_| session.download("/large", LARGE))
    })?;
    let cpu = target.server.cpu()?.saturating_sub(cpu);
    leave(sessions)?;
    let moved = LARGE * copies * connections as u64;
    Ok(per_byte(moved, elapsed, cpu))
}

/// Uploads of the large file on one connection: MB/s and CPU seconds per GiB.
pub(crate) fn upload(target: &Target<'_>) -> Result<Vec<f64>> {
    let payload = Payload::new()?;
    let mut session = target.session(Login::Account)?;
    let copies = target.copies.div_ceil(2);
    target.scratch.touch_memory(copies * LARGE)?;
    let cpu = target.server.cpu()?;
    let start = Instant::now();
    for copy in 0..copies {
        session.upload(&format!("/up/large-{copy}"), LARGE, &payload)?;
    }
    let elapsed = start.elapsed();
    let cpu = target.server.cpu()?.saturating_sub(cpu);
    session.quit()?;
    if target.keeps_files() {
        for copy in 0..copies {
            stored(target, &format!("large-{copy}"), LARGE)?;
        }
    }
    Ok(per_byte(LARGE * copies, elapsed, cpu))
}

/// Downloads of the small file in every session: per second.
pub(crate) fn small_downloads(target: &Target<'_>) -> Result<Vec<f64>> {
    let sessions = target.sessions(Login::Anonymous, PARALLEL)?;
    let (sessions, _, rate) = counted(target, sessions, |_, _, session| {
        session.download("/small", SMALL)
    })?;
    leave(sessions)?;
    Ok(vec![rate])
}

/// Uploads of small files under names that are new, or not: per second.
pub(crate) fn small_uploads(target: &Target<'_>, overwrite: bool) -> Result<Vec<f64>> {
    let payload = Payload::new()?;
    let mut sessions = target.sessions(Login::Account, PARALLEL)?;
    if overwrite {
        for (number, session) in sessions.iter_mut().enumerate() {
            for file in 0..OVERWRITTEN {
                session.upload(&format!("/up/{number}-{file}"), SMALL, &payload)?;
            }
        }
    }
    let (sessions, times, rate) = counted(target, sessions, |number, file, session| {
        let file = if overwrite { file % OVERWRITTEN } else { file };
        session.upload(&format!("/up/{number}-{file}"), SMALL, &payload)
    })?;
    leave(sessions)?;
    if target.keeps_files() {
        let files = if overwrite {
            PARALLEL as u64 * OVERWRITTEN
        } else {
            times
        };
        all_stored(target, files)?;
    }
    Ok(vec![rate])
}

/// Connect, log in, QUIT: per second.
pub(crate) fn logins(target: &Target<'_>, login: Login) -> Result<Vec<f64>> {
    let places = vec![(); PARALLEL];
    let (_, _, rate) = counted(target, places, |number, _, ()| {
        let source = Ipv4Addr::new(127, 0, 200, u8::try_from(number + 1)?);
        let mut session = Session::connect(target.address(), Some(source))?;
        enter(&mut session, login)?;
        session.quit()
    })?;
    Ok(vec![rate])
}

/// A listing: first byte in ms, the whole in s, entries/s, memory growth of the server in MiB.
pub(crate) fn listing(target: &Target<'_>, verb: &str, entries: u64) -> Result<Vec<f64>> {
    let mut session = target.session(Login::Anonymous)?;
    session.command(&format!("CWD /list-{entries}"), &[250])?;
    let resident = target.server.resident()?;
    target.server.reset_peak()?;
    let until = Instant::now() + target.duration().mul_f64(0.5);
    let mut seen = Vec::new();
    while seen.is_empty() || Instant::now() < until {
        let listing = session.list(verb)?;
        ensure!(
            (entries..=entries + EXTRA_LINES).contains(&listing.lines),
            "{verb} showed {} lines for {entries} entries",
            listing.lines
        );
        seen.push(listing);
    }
    let growth = target.server.peak()?.saturating_sub(resident);
    session.quit()?;
    let first = median(
        seen.iter()
            .map(|one| one.first_byte.as_secs_f64())
            .collect(),
    );
    let total = median(seen.iter().map(|one| one.total.as_secs_f64()).collect());
    Ok(vec![
        first * 1e3,
        total,
        entries as f64 / total,
        growth as f64 / 1048576.0,
    ])
}

/// Idle sessions: KiB of memory each, in the server's processes and in all of the machine.
pub(crate) fn idle(target: &Target<'_>, count: usize) -> Result<Vec<f64>> {
    // Once around, so that what a server loads at its first login is not counted.
    target.session(Login::Anonymous)?.quit()?;
    std::thread::sleep(Duration::from_millis(200));
    let (base, free) = (target.server.proportional()?, available()?);
    let sessions = open_idle(target.address(), count)?;
    std::thread::sleep(SETTLE);
    let (full, left) = (target.server.proportional()?, available()?);
    // They must be sessions still.
    let mut sessions = sessions;
    for session in sessions.iter_mut().step_by(97) {
        session.command("NOOP", &[200])?;
    }
    let each = |more: u64, less: u64| (more as f64 - less as f64) / 1024.0 / count as f64;
    let figures = vec![each(full, base), each(free, left)];
    drop(sessions);
    Ok(figures)
}

fn open_idle(server: SocketAddrV4, count: usize) -> Result<Vec<Session>> {
    let share = count.div_ceil(OPENERS);
    let open = |opener: usize| -> Result<Vec<Session>> {
        (opener * share..count.min((opener + 1) * share))
            .map(|number| {
                let address = number / PER_ADDRESS;
                let source = Ipv4Addr::new(
                    127,
                    0,
                    u8::try_from(1 + address / 250)?,
                    u8::try_from(1 + address % 250)?,
                );
                let mut session = Session::connect(server, Some(source))
                    .with_context(|| format!("session {number} of {count}"))?;
                enter(&mut session, Login::Anonymous)?;
                session.shrink();
                Ok(session)
            })
            .collect()
    };
    std::thread::scope(|scope| {
        let openers: Vec<_> = (0..OPENERS)
            .map(|opener| scope.spawn(move || open(opener)))
            .collect();
        let mut sessions = Vec::with_capacity(count);
        for opener in openers {
            sessions.extend(opener.join().map_err(|_| anyhow!("a thread panicked"))??);
        }
        Ok(sessions)
    })
}

/// Runs `work` on every item in a thread of its own, all starting at once; returns the items and
/// the time until the last was done.
fn together<T: Send>(
    items: Vec<T>,
    work: impl Fn(usize, &mut T) -> Result<()> + Sync,
) -> Result<(Vec<T>, Duration)> {
    let start = Barrier::new(items.len() + 1);
    std::thread::scope(|scope| {
        let (start, work) = (&start, &work);
        let threads: Vec<_> = items
            .into_iter()
            .enumerate()
            .map(|(number, mut item)| {
                scope.spawn(move || {
                    start.wait();
                    work(number, &mut item).map(|()| item)
                })
            })
            .collect();
        start.wait();
        let began = Instant::now();
        let mut done = Vec::with_capacity(threads.len());
        for thread in threads {
            done.push(thread.join().map_err(|_| anyhow!("a thread panicked"))??);
        }
        Ok((done, began.elapsed()))
    })
}

/// Repeats `work` on every item until the time is up, at least once each; returns the items, how
/// often it was done, and how often per second. `work` is given the item's number, how often it was done to
/// this item before, and the item.
fn counted<T: Send>(
    target: &Target<'_>,
    items: Vec<T>,
    work: impl Fn(usize, u64, &mut T) -> Result<()> + Sync,
) -> Result<(Vec<T>, u64, f64)> {
    let duration = target.duration();
    let failed = AtomicBool::new(false);
    let total = std::sync::atomic::AtomicU64::new(0);
    let (items, elapsed) = together(items, |number, item| {
        let until = Instant::now() + duration;
        let mut times = 0;
        while times == 0 || (Instant::now() < until && !failed.load(Ordering::Relaxed)) {
            if let Err(error) = work(number, times, item) {
                failed.store(true, Ordering::Relaxed);
                return Err(error);
            }
            times += 1;
        }
        total.fetch_add(times, Ordering::Relaxed);
        Ok(())
    })?;
    let total = total.into_inner();
    Ok((items, total, total as f64 / elapsed.as_secs_f64()))
}

fn leave(sessions: Vec<Session>) -> Result<()> {
    sessions.into_iter().try_for_each(Session::quit)
}

fn stored(target: &Target<'_>, name: &str, size: u64) -> Result<()> {
    let path = target.scratch.uploads().join(name);
    let length = fs::metadata(path)
        .with_context(|| format!("{name} was not stored"))?
        .len();
    ensure!(
        length == size,
        "{name} was stored with {length} bytes, not {size}"
    );
    Ok(())
}

/// Checks that as many small files are there as were confirmed, and nothing else.
fn all_stored(target: &Target<'_>, files: u64) -> Result<()> {
    let mut found = 0;
    for entry in fs::read_dir(target.scratch.uploads())? {
        let entry = entry?;
        let length = entry.metadata()?.len();
        let name = entry.file_name();
        ensure!(length == SMALL, "{} has {length} bytes", name.display());
        found += 1;
    }
    ensure!(
        found == files,
        "{files} uploads were confirmed, {found} files are there"
    );
    Ok(())
}

fn per_byte(bytes: u64, elapsed: Duration, cpu: Duration) -> Vec<f64> {
    let gibibytes = bytes as f64 / (1_u64 << 30) as f64;
    vec![
        bytes as f64 / 1e6 / elapsed.as_secs_f64(),
        cpu.as_secs_f64() / gibibytes,
    ]
}

/// The middle one of some numbers, or the mean of the two in the middle.
pub(crate) fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    let middle = numbers.len() / 2;
    match numbers.as_slice() {
        [] => f64::NAN,
        all if all.len() % 2 == 1 => all[middle],
        all => f64::midpoint(all[middle - 1], all[middle]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), 2.5);
        assert!(median(Vec::new()).is_nan());
    }

    #[test]
    fn one_failure_fails_all() {
        let outcome = together(vec![1, 2, 3], |_, item| {
            ensure!(*item != 2, "two");
            Ok(())
        });
        assert_eq!(outcome.unwrap_err().to_string(), "two");
    }

    #[test]
    fn bytes_in_time() {
        let figures = per_byte(2 << 30, Duration::from_secs(2), Duration::from_secs(1));
        assert_eq!(figures, [1073.741824, 0.5]);
    }
}

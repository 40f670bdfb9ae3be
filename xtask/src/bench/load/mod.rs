//! The measurements: what is done to one running server, and the figures that come of it.

use std::fs;
use std::net::SocketAddrV4;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use rustls::ClientConfig;

use super::client::Session;
use super::peers::{ACCOUNT, Contender, Login, PASSWORD, Protocol};
use super::process::Running;
use super::scratch::Scratch;

mod idle;
pub(crate) mod large;
pub(crate) mod sftp;
pub(crate) mod small;

pub(crate) use idle::idle;

/// Sessions of the rows that count small files and logins.
const PARALLEL: usize = 8;
/// Lines a listing may have beside its entries: a total, the folder itself and its parent.
const EXTRA_LINES: u64 = 3;

/// One server to be measured.
#[derive(Debug)]
pub(crate) struct Target<'a> {
    pub(crate) contender: Contender,
    pub(crate) server: &'a Running,
    pub(crate) scratch: &'a Scratch,
    pub(crate) protocol: Protocol,
    /// Explicit TLS on all connections, or none at all.
    pub(crate) tls: Option<ClientConfig>,
    /// How long rows that count run.
    pub(crate) seconds: f64,
    /// How often the large file is moved in one measurement.
    pub(crate) copies: u64,
    /// Whether a first look is enough.
    pub(crate) quick: bool,
}

impl Target<'_> {
    fn address(&self) -> SocketAddrV4 {
        self.server.address
    }

    fn session(&self, login: Login) -> Result<Session> {
        let mut session = Session::connect(self.address(), None)?;
        if let Some(config) = &self.tls {
            session.protect(config)?;
        }
        enter(&mut session, login)?;
        if self.tls.is_some() {
            session.protect_data()?;
        }
        session.command("TYPE I", &[200])?;
        Ok(session)
    }

    fn sessions(&self, login: Login, count: usize) -> Result<Vec<Session>> {
        (0..count).map(|_| self.session(login)).collect()
    }

    fn duration(&self) -> Duration {
        Duration::from_secs_f64(self.seconds)
    }

    /// Who uploads.
    fn uploader(&self) -> Login {
        self.contender.uploader(self.protocol)
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

/// How often something was done.
#[derive(Debug)]
struct Counted {
    times: u64,
    elapsed: Duration,
    /// What it cost the server.
    cpu: Duration,
}

/// Repeats `work` on every item until the time is up, at least once each. `work` is given the
/// item's number, how often it was done to this item before, and the item.
fn counted<T: Send>(
    target: &Target<'_>,
    items: Vec<T>,
    work: impl Fn(usize, u64, &mut T) -> Result<()> + Sync,
) -> Result<(Vec<T>, Counted)> {
    let duration = target.duration();
    let failed = AtomicBool::new(false);
    let total = AtomicU64::new(0);
    let cpu = target.server.cpu()?;
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
    let counted = Counted {
        times: total.into_inner(),
        elapsed,
        cpu: target.server.cpu()?.saturating_sub(cpu),
    };
    Ok((items, counted))
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
}

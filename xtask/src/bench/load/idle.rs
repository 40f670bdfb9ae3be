//! Sessions that say nothing, and the memory they take.

use std::net::Ipv4Addr;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};

use super::{Target, enter};
use crate::bench::client::{Idle, Session};
use crate::bench::peers::Login;
use crate::bench::proc::kernel_memory;

/// Threads that open idle sessions; more would overrun the shortest backlog among the peers.
const OPENERS: usize = 8;
/// Idle sessions that come from one address.
const PER_ADDRESS: usize = 200;
/// How long idle sessions are left alone before memory is read.
pub(super) const SETTLE: Duration = Duration::from_secs(2);
/// How much memory may change in one step to be steady, in bytes.
const STEADY: u64 = 1 << 20;
const STEP: Duration = Duration::from_millis(250);
/// How many steps it may take; after that it is as it is.
const STEPS_TO_STEADY: usize = 20;
/// One of so many is asked afterwards whether it is a session still. The others are nothing but
/// connections on our side, so that what a client knows about its session is not counted.
const ASKED: usize = 97;

/// Idle sessions: KiB of memory each, in the server's processes, and there and in the kernel.
pub(crate) fn idle(target: &Target<'_>, count: usize) -> Result<Vec<f64>> {
    // Once around, so that what a server loads at its first login is not counted.
    target.session(Login::Anonymous)?.quit()?;
    let kernel = steady()?;
    let server = target.server.proportional()?;
    let opened = many(count, |number| {
        let session = open(target, number)?;
        Ok(if number % ASKED == 0 {
            Opened::Talking(Box::new(session))
        } else {
            Opened::Silent(session.into_idle())
        })
    })?;
    std::thread::sleep(SETTLE);
    let (server_then, kernel_then) = (target.server.proportional()?, kernel_memory()?);
    for one in opened {
        match one {
            Opened::Talking(mut session) => drop(session.command("NOOP", &[200])?),
            Opened::Silent(idle) => idle.check()?,
        }
    }
    let each = |then: u64, before: u64| (then as f64 - before as f64) / 1024.0 / count as f64;
    Ok(vec![
        each(server_then, server),
        each(server_then + kernel_then, server + kernel),
    ])
}

/// The kernel's memory once it stays the same: that of the server before this one takes a while to
/// be given back.
pub(super) fn steady() -> Result<u64> {
    let mut last = kernel_memory()?;
    for _ in 0..STEPS_TO_STEADY {
        std::thread::sleep(STEP);
        let now = kernel_memory()?;
        if now.abs_diff(last) < STEADY {
            return Ok(now);
        }
        last = now;
    }
    Ok(last)
}

enum Opened {
    Talking(Box<Session>),
    Silent(Idle),
}

/// Opens sessions in several threads, by their numbers.
pub(super) fn many<T: Send>(
    count: usize,
    open: impl Fn(usize) -> Result<T> + Sync,
) -> Result<Vec<T>> {
    let share = count.div_ceil(OPENERS);
    let open = |opener: usize| -> Result<Vec<T>> {
        (opener * share..count.min((opener + 1) * share))
            .map(|number| open(number).with_context(|| format!("session {number} of {count}")))
            .collect()
    };
    std::thread::scope(|scope| {
        let open = &open;
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

fn open(target: &Target<'_>, number: usize) -> Result<Session> {
    let address = number / PER_ADDRESS;
    let source = Ipv4Addr::new(
        127,
        0,
        u8::try_from(1 + address / 250)?,
        u8::try_from(1 + address % 250)?,
    );
    let mut session = Session::connect(target.address(), Some(source))?;
    if let Some(config) = &target.tls {
        session.protect(config)?;
    }
    enter(&mut session, Login::Anonymous)?;
    Ok(session)
}

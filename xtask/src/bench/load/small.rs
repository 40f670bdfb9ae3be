//! Many small things: files, logins, handshakes.

use std::fs;
use std::net::Ipv4Addr;

use anyhow::{Context, Result, ensure};

use super::{Counted, PARALLEL, Target, counted, enter, leave};
use crate::bench::client::{Payload, Session};
use crate::bench::peers::Login;
use crate::bench::scratch::SMALL;

/// Names each session goes through when it overwrites.
const OVERWRITTEN: u64 = 16;

/// Downloads of the small file in every session: per second, and over TLS CPU ms of the server.
pub(crate) fn downloads(target: &Target<'_>) -> Result<Vec<f64>> {
    let sessions = target.sessions(Login::Anonymous, PARALLEL)?;
    let (sessions, counted) = counted(target, sessions, |_, _, session| {
        session.download("/small", SMALL)
    })?;
    leave(sessions)?;
    Ok(figures(target, &counted))
}

/// Uploads of small files under names that are new, or not: as for downloads.
pub(crate) fn uploads(target: &Target<'_>, overwrite: bool) -> Result<Vec<f64>> {
    let payload = Payload::new()?;
    let mut sessions = target.sessions(target.uploader(), PARALLEL)?;
    if overwrite {
        for (number, session) in sessions.iter_mut().enumerate() {
            for file in 0..OVERWRITTEN {
                session.upload(&format!("/up/{number}-{file}"), SMALL, &payload)?;
            }
        }
    }
    let (sessions, counted) = counted(target, sessions, |number, file, session| {
        let file = if overwrite { file % OVERWRITTEN } else { file };
        session.upload(&format!("/up/{number}-{file}"), SMALL, &payload)
    })?;
    leave(sessions)?;
    if target.keeps_files() {
        let files = if overwrite {
            PARALLEL as u64 * OVERWRITTEN
        } else {
            counted.times
        };
        all_stored(target, files)?;
    }
    Ok(figures(target, &counted))
}

/// Connect, log in, QUIT: per second.
pub(crate) fn logins(target: &Target<'_>, login: Login) -> Result<Vec<f64>> {
    let places = vec![(); PARALLEL];
    let (_, counted) = counted(target, places, |number, _, ()| {
        let mut session = Session::connect(target.address(), Some(source(number)?))?;
        enter(&mut session, login)?;
        session.quit()
    })?;
    Ok(figures(target, &counted))
}

/// Connect, AUTH TLS, a full handshake, QUIT: per second, and CPU ms of the server.
pub(crate) fn handshakes(target: &Target<'_>) -> Result<Vec<f64>> {
    let config = target.tls.as_ref().context("a row over TLS")?;
    let places = vec![(); PARALLEL];
    let (_, counted) = counted(target, places, |number, _, ()| {
        let mut session = Session::connect(target.address(), Some(source(number)?))?;
        session.protect(config)?;
        // Its reply shows that the server is through with the handshake, too.
        session.quit()
    })?;
    Ok(figures(target, &counted))
}

fn figures(target: &Target<'_>, counted: &Counted) -> Vec<f64> {
    let mut figures = vec![counted.times as f64 / counted.elapsed.as_secs_f64()];
    if target.tls.is_some() {
        figures.push(counted.cpu.as_secs_f64() * 1e3 / counted.times as f64);
    }
    figures
}

/// An address for each client, so that none runs out of ports.
fn source(client: usize) -> Result<Ipv4Addr> {
    Ok(Ipv4Addr::new(127, 0, 200, u8::try_from(client + 1)?))
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

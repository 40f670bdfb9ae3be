//! The large file, by the load generator and by curl.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::{Target, leave, stored, together};
use crate::bench::client::Payload;
use crate::bench::peers::{ACCOUNT, Login, PASSWORD};
use crate::bench::proc::own_cpu;
use crate::bench::scratch::LARGE;
use crate::bench::tls::{CIPHER, CURVE};
use crate::shell;

/// Downloads: MB/s, and CPU seconds per GiB of the server and, over TLS, of the client.
///
/// In clear each connection gets the whole file; over TLS, which takes several times as long, they
/// share what one would get.
pub(crate) fn download(target: &Target<'_>, connections: usize) -> Result<Vec<f64>> {
    let share = Share::of(target, connections, target.copies);
    let sessions = target.sessions(Login::Anonymous, connections)?;
    let meter = Meter::start(target)?;
    let (sessions, elapsed) = together(sessions, |_, session| {
        (0..share.times).try_for_each(|_| session.download(share.file, share.size))
    })?;
    let figures = meter.figures(target, share.bytes(connections), elapsed)?;
    leave(sessions)?;
    Ok(figures)
}

/// Uploads: as for downloads.
pub(crate) fn upload(target: &Target<'_>, connections: usize) -> Result<Vec<f64>> {
    let payload = Payload::new()?;
    let sessions = target.sessions(target.uploader(), connections)?;
    let share = Share::of(target, connections, target.copies.div_ceil(2));
    target.scratch.touch_memory(share.bytes(connections))?;
    let name = |connection: usize, time: u64| format!("large-{connection}-{time}");
    let meter = Meter::start(target)?;
    let (sessions, elapsed) = together(sessions, |connection, session| {
        (0..share.times).try_for_each(|time| {
            let path = format!("/up/{}", name(connection, time));
            session.upload(&path, share.size, &payload)
        })
    })?;
    let figures = meter.figures(target, share.bytes(connections), elapsed)?;
    leave(sessions)?;
    if target.keeps_files() {
        for connection in 0..connections {
            for time in 0..share.times {
                stored(target, &name(connection, time), share.size)?;
            }
        }
    }
    Ok(figures)
}

/// One download by curl: as for downloads.
pub(crate) fn curl_download(target: &Target<'_>) -> Result<Vec<f64>> {
    let mut curl = curl();
    curl.args(["--output", "/dev/null"]);
    curl.arg(url(target, Login::Anonymous, "large"));
    timed(target, &mut curl)
}

/// One upload by curl: as for downloads.
pub(crate) fn curl_upload(target: &Target<'_>) -> Result<Vec<f64>> {
    target.scratch.touch_memory(LARGE)?;
    let mut curl = curl();
    let file: &Path = &target.scratch.files.join("large");
    curl.arg("--upload-file").arg(file);
    curl.arg(url(target, target.uploader(), "up/large"));
    let figures = timed(target, &mut curl)?;
    if target.keeps_files() {
        stored(target, "large", LARGE)?;
    }
    Ok(figures)
}

/// What one connection moves.
struct Share {
    file: &'static str,
    size: u64,
    times: u64,
}

impl Share {
    fn of(target: &Target<'_>, connections: usize, copies: u64) -> Self {
        if target.tls.is_some() && connections == 4 {
            return Self {
                file: "/quarter",
                size: LARGE / 4,
                times: copies,
            };
        }
        Self {
            file: "/large",
            size: LARGE,
            times: copies.div_ceil(connections as u64),
        }
    }

    fn bytes(&self, connections: usize) -> u64 {
        self.size * self.times * connections as u64
    }
}

/// CPU time used since its start.
struct Meter {
    server: Duration,
    client: Duration,
}

impl Meter {
    fn start(target: &Target<'_>) -> Result<Self> {
        Ok(Self {
            server: target.server.cpu()?,
            client: own_cpu()?,
        })
    }

    fn figures(self, target: &Target<'_>, bytes: u64, elapsed: Duration) -> Result<Vec<f64>> {
        let server = target.server.cpu()?.saturating_sub(self.server);
        let mut figures = per_byte(bytes, elapsed, server);
        if target.tls.is_some() {
            let client = own_cpu()?.saturating_sub(self.client);
            figures.push(per_gibibyte(bytes, client));
        }
        Ok(figures)
    }
}

pub(super) fn per_byte(bytes: u64, elapsed: Duration, cpu: Duration) -> Vec<f64> {
    vec![
        bytes as f64 / 1e6 / elapsed.as_secs_f64(),
        per_gibibyte(bytes, cpu),
    ]
}

pub(super) fn per_gibibyte(bytes: u64, cpu: Duration) -> f64 {
    cpu.as_secs_f64() / (bytes as f64 / (1_u64 << 30) as f64)
}

fn curl() -> Command {
    let mut curl = shell::command("curl");
    curl.args(["--silent", "--show-error", "--ssl-reqd", "--insecure"]);
    curl.args(["--tlsv1.3", "--tls13-ciphers", CIPHER, "--curves", CURVE]);
    curl
}

fn url(target: &Target<'_>, login: Login, path: &str) -> String {
    let user = match login {
        Login::Anonymous => String::new(),
        Login::Account => format!("{ACCOUNT}:{PASSWORD}@"),
    };
    format!("ftp://{user}{}/{path}", target.address())
}

/// The time of a whole process, from its start to its end.
fn timed(target: &Target<'_>, curl: &mut Command) -> Result<Vec<f64>> {
    let meter = Meter::start(target)?;
    let start = Instant::now();
    shell::output(curl).context("the client failed")?;
    meter.figures(target, LARGE, start.elapsed())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_in_time() {
        let figures = per_byte(2 << 30, Duration::from_secs(2), Duration::from_secs(1));
        assert_eq!(figures, [1073.741824, 0.5]);
    }
}

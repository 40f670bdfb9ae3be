//! What the server prints with `--format json`, and waiting for it.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::wharf::Account;
use crate::{PATIENCE, show};

/// The lines of `--format json`, as they come.
#[derive(Debug, Clone)]
pub(crate) struct Events(Arc<(Mutex<Printed>, Condvar)>);

#[derive(Debug, Default)]
struct Printed {
    lines: Vec<Value>,
    ended: bool,
}

impl Events {
    pub(crate) fn read(output: impl Read + Send + 'static) -> Self {
        let events = Self(Arc::default());
        let (shared, mut lines) = (Arc::clone(&events.0), BufReader::new(output).split(b'\n'));
        std::thread::spawn(move || {
            while let Some(Ok(line)) = lines.next() {
                let value = serde_json::from_slice(&line)
                    .unwrap_or_else(|_| Value::String(format!("not JSON: {}", show(&line))));
                lock(&shared.0).lines.push(value);
                shared.1.notify_all();
            }
            lock(&shared.0).ended = true;
            shared.1.notify_all();
        });
        events
    }

    pub(crate) fn wait(
        &self,
        patience: Duration,
        wanted: impl Fn(&Value) -> bool,
    ) -> Option<Value> {
        let deadline = Instant::now() + patience;
        let mut printed = lock(&self.0.0);
        let mut seen = 0;
        loop {
            if let Some(found) = printed.lines.iter().skip(seen).find(|line| wanted(line)) {
                return Some(found.clone());
            }
            seen = printed.lines.len();
            let left = deadline.saturating_duration_since(Instant::now());
            if printed.ended || left.is_zero() {
                return None;
            }
            printed = self
                .0
                .1
                .wait_timeout(printed, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    /// `Err(true)` when the process closed its output first, `Err(false)` when time ran out.
    pub(crate) fn ready(&self) -> Result<(), bool> {
        match self.wait(PATIENCE, |line| line["event"] == "ready") {
            Some(_) => Ok(()),
            None => Err(lock(&self.0.0).ended),
        }
    }

    pub(crate) fn listening(&self, protocol: &str) -> Option<SocketAddr> {
        let wanted = |line: &Value| line["event"] == "listening" && line["protocol"] == protocol;
        let line = self.wait(Duration::ZERO, wanted)?;
        let address: SocketAddr = line["address"].as_str()?.parse().ok()?;
        address.ip().is_loopback().then_some(address)
    }

    pub(crate) fn account(&self) -> Option<Account> {
        let line = self.wait(Duration::ZERO, |line| line["event"] == "account")?;
        Some(Account {
            name: line["name"].as_str()?.to_owned(),
            password: line["password"].as_str()?.to_owned(),
        })
    }

    pub(crate) fn all(&self) -> Vec<Value> {
        lock(&self.0.0).lines.clone()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

//! Events as JSON: the one form the audit log and `--format json` share.

use std::fmt::Write as _;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value};

use crate::event::{Event, Outcome, What};

/// Appends the event as one line.
pub(crate) fn write(out: &mut Vec<u8>, event: &Event) {
    // Writing a map of plain values to memory cannot fail.
    let _ = serde_json::to_writer(&mut *out, &Value::Object(object(event)));
    out.push(b'\n');
}

/// A line that says how many records did not fit the queue.
pub(crate) fn write_lost(out: &mut Vec<u8>, lost: u64) {
    let mut map = Map::new();
    map.insert("time".into(), time(SystemTime::now()).into());
    map.insert("event".into(), "audit_lost".into());
    map.insert("records".into(), lost.into());
    let _ = serde_json::to_writer(&mut *out, &Value::Object(map));
    out.push(b'\n');
}

/// The event as a JSON object: `time`, `event`, `session`, `peer`, `account`, then what belongs
/// to its kind. Bytes that are not UTF-8 appear as `\xNN`.
#[must_use]
pub fn object(event: &Event) -> Map<String, Value> {
    let mut map = Map::new();
    map.insert("time".into(), time(event.at).into());
    map.insert("event".into(), event.what.name().into());
    if event.session != 0 {
        map.insert("session".into(), event.session.into());
    }
    if let Some(peer) = event.peer {
        map.insert("peer".into(), peer.to_string().into());
    }
    if let Some(account) = &event.account {
        map.insert("account".into(), Value::String(account.to_string()));
    }
    details(&mut map, &event.what);
    map
}

// tidy: table
fn details(map: &mut Map<String, Value>, what: &What) {
    match what {
        What::Connected => {}
        What::Refused {
            limit,
            allowed,
            times,
        } => {
            map.insert("limit".into(), (*limit).into());
            map.insert("allowed".into(), (*allowed).into());
            map.insert("times".into(), (*times).into());
        }
        What::LoggedIn { method, tls } => {
            map.insert("method".into(), (*method).into());
            map.insert("tls".into(), tls.unwrap_or("none").into());
        }
        What::LoginFailed { name, cause } => {
            map.insert("name".into(), readable(name).into());
            map.insert("cause".into(), (*cause).into());
        }
        What::Downloaded {
            path,
            bytes,
            elapsed,
            outcome: end,
        }
        | What::Uploaded {
            path,
            bytes,
            elapsed,
            outcome: end,
        } => {
            map.insert("path".into(), readable(path).into());
            map.insert("bytes".into(), (*bytes).into());
            map.insert("elapsed_ms".into(), milliseconds(*elapsed).into());
            outcome(map, end);
        }
        What::Listed { path, outcome: end } => {
            map.insert("path".into(), readable(path).into());
            outcome(map, end);
        }
        What::Operation {
            operation,
            path,
            target,
            outcome: end,
        } => {
            map.insert("operation".into(), (*operation).into());
            map.insert("path".into(), readable(path).into());
            if let Some(target) = target {
                map.insert("target".into(), readable(target).into());
            }
            outcome(map, end);
        }
        What::DataPeerMismatch { stranger, port } => {
            map.insert("stranger".into(), stranger.to_string().into());
            map.insert("port".into(), (*port).into());
        }
        What::DataPeerForeign { peer } => {
            map.insert("data_peer".into(), peer.to_string().into());
        }
        What::Certificate {
            fingerprint,
            names,
            expires,
        } => {
            map.insert("outcome".into(), "loaded".into());
            map.insert("fingerprint".into(), Value::String(fingerprint.to_string()));
            map.insert("names".into(), Value::from(names.to_vec()));
            map.insert("expires".into(), time(*expires).into());
        }
        What::CertificateFailed { text } => {
            map.insert("outcome".into(), "failed".into());
            map.insert("text".into(), Value::String(text.to_string()));
        }
        What::TlsFailed { cause, text } => {
            map.insert("cause".into(), (*cause).into());
            map.insert("text".into(), Value::String(text.to_string()));
        }
        What::DataNotResumed { policy, times } => {
            map.insert("cause".into(), wharf_causes::id::D_13.as_str().into());
            map.insert("policy".into(), (*policy).into());
            map.insert("times".into(), (*times).into());
        }
        What::Closed { reason } => {
            map.insert("reason".into(), (*reason).into());
        }
    }
}

impl What {
    /// The name in the `event` field.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Connected => "connected",
            Self::Refused { .. } => "refused",
            Self::LoggedIn { .. } => "login",
            Self::LoginFailed { .. } => "login_failed",
            Self::Downloaded { .. } => "download",
            Self::Uploaded { .. } => "upload",
            Self::Listed { .. } => "list",
            Self::Operation { .. } => "operation",
            Self::DataPeerMismatch { .. } => "data_peer_mismatch",
            Self::DataPeerForeign { .. } => "data_peer_foreign",
            Self::Certificate { .. } | Self::CertificateFailed { .. } => "certificate",
            Self::TlsFailed { .. } => "tls_failed",
            Self::DataNotResumed { .. } => "data_not_resumed",
            Self::Closed { .. } => "closed",
        }
    }
}

fn outcome(map: &mut Map<String, Value>, outcome: &Outcome) {
    match outcome {
        Outcome::Done => {
            map.insert("outcome".into(), "done".into());
        }
        Outcome::Failed { cause, text } => {
            map.insert("outcome".into(), "failed".into());
            map.insert("cause".into(), (*cause).into());
            map.insert("text".into(), Value::String(text.to_string()));
        }
    }
}

/// Bytes for a reader: UTF-8 as it is (JSON escapes its control characters), the rest as `\xNN`.
fn readable(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        for byte in chunk.invalid() {
            let _ = write!(text, "\\x{byte:02x}");
        }
    }
    text
}

fn milliseconds(elapsed: Duration) -> u64 {
    u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX)
}

/// RFC 3339 in UTC, with milliseconds.
fn time(at: SystemTime) -> String {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    let seconds = i64::try_from(since.as_secs()).unwrap_or(i64::MAX);
    let stamp = wharf_ftp::time::Timestamp { seconds, nanos: 0 };
    let digits = stamp.to_string();
    let part = |from: usize, to: usize| digits.get(from..to).unwrap_or("00");
    format!(
        "{}-{}-{}T{}:{}:{}.{:03}Z",
        part(0, 4),
        part(4, 6),
        part(6, 8),
        part(8, 10),
        part(10, 12),
        part(12, 14),
        since.subsec_millis()
    )
}

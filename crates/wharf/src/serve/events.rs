//! What happens while the server runs: JSON lines on standard output, or log lines.

use std::io::{self, Write as _};
use std::sync::Arc;
use std::sync::mpsc::{Receiver as Done, RecvTimeoutError, sync_channel};
use std::thread;
use std::time::Duration;

use serde_json::{Map, Value};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use wharf_server::event::{Event, Outcome, What};
use wharf_server::record;

use crate::arguments::Format;
use crate::failure::Failure;

/// Events are gathered up to this many bytes before they are written.
const BATCH: usize = 64 * 1024;

/// How long events gather after the first: a wake-up for each would cost a busy server more than
/// the transfers it tells of.
const GATHER: Duration = Duration::from_millis(20);

/// The thread that prints events. A thread of its own, because a reader that does not read stops
/// whoever writes; the server goes on, and the events it would have to keep are counted instead.
pub(crate) struct Events {
    done: Done<()>,
}

impl Events {
    /// Prints events until the server is gone.
    pub(crate) fn follow(events: Receiver<Arc<Event>>, format: Format) -> Result<Self, Failure> {
        let (ended, done) = sync_channel(1);
        let print = move || {
            match format {
                Format::Json => write_all(events),
                Format::Text => log_all(events),
            }
            let _ = ended.send(());
        };
        thread::Builder::new()
            .name("events".into())
            .spawn(print)
            .map_err(|error| Failure::new(format!("cannot start a thread: {error}")))?;
        Ok(Self { done })
    }

    /// Waits until the last event is printed, but not longer than this.
    pub(crate) fn finish(self, longest: Duration) {
        if self.done.recv_timeout(longest) == Err(RecvTimeoutError::Timeout) {
            tracing::warn!("the last events could not be printed");
        }
    }
}

fn write_all(mut events: Receiver<Arc<Event>>) {
    let mut batch = Vec::new();
    let mut stdout = io::stdout();
    loop {
        match events.blocking_recv() {
            Ok(event) => push(&mut batch, record::object(&event)),
            Err(RecvError::Lagged(missed)) => push(&mut batch, missed_object(missed)),
            Err(RecvError::Closed) => return,
        }
        thread::sleep(GATHER);
        while batch.len() < BATCH {
            match events.try_recv() {
                Ok(event) => push(&mut batch, record::object(&event)),
                Err(TryRecvError::Lagged(missed)) => push(&mut batch, missed_object(missed)),
                Err(TryRecvError::Empty | TryRecvError::Closed) => break,
            }
        }
        if let Err(error) = stdout.write_all(&batch).and_then(|()| stdout.flush()) {
            tracing::warn!(%error, "standard output cannot be written; events are not printed any more");
            return;
        }
        batch.clear();
    }
}

fn push(batch: &mut Vec<u8>, object: Map<String, Value>) {
    batch.extend_from_slice(Value::Object(object).to_string().as_bytes());
    batch.push(b'\n');
}

fn missed_object(missed: u64) -> Map<String, Value> {
    let mut object = Map::new();
    object.insert("event".into(), "events_missed".into());
    object.insert("count".into(), missed.into());
    object
}

fn log_all(mut events: Receiver<Arc<Event>>) {
    loop {
        match events.blocking_recv() {
            Ok(event) => log(&event),
            Err(RecvError::Lagged(missed)) => tracing::warn!("{missed} events were not logged"),
            Err(RecvError::Closed) => return,
        }
        thread::sleep(GATHER);
        while let Ok(event) = events.try_recv() {
            log(&event);
        }
    }
}

fn log(event: &Event) {
    match importance(&event.what) {
        tracing::Level::WARN => tracing::warn!("{}", line(event)),
        tracing::Level::INFO => tracing::info!("{}", line(event)),
        _ => tracing::debug!("{}", line(event)),
    }
}

const fn importance(what: &What) -> tracing::Level {
    match what {
        What::Refused { .. }
        | What::LoginFailed { .. }
        | What::DataPeerMismatch { .. }
        | What::DataPeerForeign { .. }
        | What::CertificateFailed { .. }
        | What::DataNotResumed { .. } => tracing::Level::WARN,
        // Whoever tries all ports of the internet fails at TLS here; that is no alarm.
        What::TlsFailed { .. }
        | What::Certificate { .. }
        | What::LoggedIn { .. }
        | What::Downloaded { .. }
        | What::Uploaded { .. }
        | What::Operation { .. }
        | What::Listed {
            outcome: Outcome::Failed { .. },
            ..
        } => tracing::Level::INFO,
        What::Connected | What::Listed { .. } | What::Closed { .. } => tracing::Level::DEBUG,
    }
}

/// The same fields as in JSON, in the order people look for them:
/// `upload session=3 peer=192.0.2.7:40112 account="ann" path="/a.txt" bytes=5 …`.
fn line(event: &Event) -> String {
    let object = record::object(event);
    let mut line = event.what.name().to_owned();
    const FIRST: [&str; 9] = [
        "session",
        "peer",
        "account",
        "operation",
        "name",
        "path",
        "target",
        "bytes",
        "elapsed_ms",
    ];
    let first = FIRST.iter().filter_map(|name| object.get_key_value(*name));
    let rest = object.iter().filter(|(name, _)| {
        !FIRST.contains(&name.as_str()) && !["time", "event"].contains(&name.as_str())
    });
    for (name, value) in first.chain(rest) {
        let bare = ["peer", "outcome", "cause"].contains(&name.as_str());
        match value {
            Value::String(text) if bare => line.push_str(&format!(" {name}={text}")),
            // JSON's quoting leaves no control character for the terminal or the log's lines.
            value => line.push_str(&format!(" {name}={value}")),
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use tokio::sync::broadcast;

    use super::*;

    fn event(what: What) -> Event {
        Event {
            at: SystemTime::UNIX_EPOCH,
            session: 3,
            peer: Some("192.0.2.7:40112".parse().unwrap()),
            account: Some("ann".into()),
            what,
        }
    }

    #[test]
    fn a_log_line_is_one_line_whatever_the_name() {
        let uploaded = What::Uploaded {
            path: b"/a\n\x1b[31m\xFF.txt".to_vec().into(),
            bytes: 5,
            elapsed: Duration::from_millis(2),
            outcome: Outcome::Done,
        };
        let line = line(&event(uploaded));
        assert!(
            line.starts_with("upload session=3 peer=192.0.2.7:40112 account=\"ann\" path="),
            "{line}"
        );
        assert!(!line.contains(char::is_control), "{line:?}");
        assert!(
            line.ends_with("bytes=5 elapsed_ms=2 outcome=done"),
            "{line}"
        );
    }

    #[test]
    fn a_server_that_ends_ends_the_printing() {
        let (sender, receiver) = broadcast::channel(4);
        let events = Events::follow(receiver, Format::Text).unwrap();
        sender.send(Arc::new(event(What::Connected))).unwrap();
        drop(sender);
        assert_eq!(events.done.recv(), Ok(()));
        assert_eq!(
            serde_json::json!({ "event": "events_missed", "count": 2 }),
            Value::Object(missed_object(2))
        );
    }
}

//! The automatic certificate: asking for it beside the server, and telling how that goes.

use std::path::Path;
use std::thread;

use serde_json::{Value as Json, json};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use wharf_acme::{AcmeConfig, AcmeEvent, Manager};

use crate::arguments::Format;
use crate::config::Settings;
use crate::{date, output};

/// What keeps the certificate. Its failures are told and never end the server, which shows its
/// other certificate meanwhile.
pub(super) struct Automatic {
    /// What was asked for, and who asks; `None` where that could not even begin.
    asked: Option<(AcmeConfig, Option<Manager>)>,
    format: Format,
}

impl Automatic {
    /// Begins to ask, if the settings say so; before the server reads the certificate's files.
    pub(super) fn start(settings: &Settings, state: &Path, format: Format) -> Self {
        let asked = settings.automatic(state).map(|config| {
            let manager = match Manager::start(config.clone()) {
                Ok(manager) => Some(manager),
                Err(error) => {
                    tracing::error!(
                        "no certificate is asked for: {}",
                        one_line(&error.to_string())
                    );
                    None
                }
            };
            (config, manager)
        });
        Self { asked, format }
    }

    /// Tells what happens from here on, and what has happened since the start.
    pub(super) fn follow(&self) {
        let Some((_, manager)) = &self.asked else {
            return;
        };
        if self.format != Format::Json {
            // The log has it all.
            return;
        }
        let Some(manager) = manager else {
            let text = "the folder or the settings cannot be used; the log has the reason";
            let _ = output::json(&json!({ "event": "acme", "outcome": "failed", "text": text }));
            return;
        };
        let events = manager.events();
        let printing = thread::Builder::new()
            .name("acme events".into())
            .spawn(move || print(events));
        if let Err(error) = printing {
            tracing::warn!(%error, "events of the automatic certificate are not printed");
        }
    }

    /// Takes new settings: other ones begin anew, the same go on.
    pub(super) fn reload(&mut self, settings: &Settings, state: &Path) {
        let before = self.asked.as_ref().map(|(config, _)| config);
        if settings.automatic(state).as_ref() == before {
            return;
        }
        // Two must not work in one folder.
        self.asked = None;
        *self = Self::start(settings, state, self.format);
        self.follow();
    }
}

fn print(mut events: Receiver<AcmeEvent>) {
    loop {
        let object = match events.blocking_recv() {
            Ok(event) => object(&event),
            Err(RecvError::Lagged(missed)) => json!({ "event": "events_missed", "count": missed }),
            Err(RecvError::Closed) => return,
        };
        if let Err(error) = output::json(&object) {
            tracing::warn!(%error, "standard output cannot be written; events of the automatic certificate are not printed any more");
            return;
        }
    }
}

fn object(event: &AcmeEvent) -> Json {
    match event {
        AcmeEvent::Ordering { names } => {
            json!({ "event": "acme", "outcome": "ordering", "names": names })
        }
        AcmeEvent::Issued {
            names,
            not_after,
            renew_at,
        } => json!({
            "event": "acme",
            "outcome": "issued",
            "names": names,
            "expires": date::timestamp(*not_after),
            "renew_at": date::timestamp(*renew_at),
        }),
        AcmeEvent::Failed { text, retry_in } => {
            let (text, hint) = match text.split_once(HINT) {
                Some((text, hint)) => (text, Some(hint)),
                None => (text.as_str(), None),
            };
            json!({
                "event": "acme",
                "outcome": "failed",
                "text": text,
                "hint": hint,
                "retry_in_s": retry_in.as_secs(),
            })
        }
        _ => json!({ "event": "acme" }),
    }
}

fn one_line(text: &str) -> String {
    text.replace(HINT, "; hint: ")
}

/// What stands between a message and what to do about it.
const HINT: &str = "\n\nhint: ";

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    #[test]
    fn what_happens_is_told_with_its_times() {
        let names = vec!["ftp.example.org".to_owned()];
        let told = |event| object(&event).to_string();
        assert_eq!(
            told(AcmeEvent::Ordering {
                names: names.clone()
            }),
            r#"{"event":"acme","outcome":"ordering","names":["ftp.example.org"]}"#
        );
        assert_eq!(
            told(AcmeEvent::Issued {
                names,
                not_after: UNIX_EPOCH + Duration::from_secs(86_400),
                renew_at: UNIX_EPOCH,
            }),
            r#"{"event":"acme","outcome":"issued","names":["ftp.example.org"],"expires":"1970-01-02T00:00:00Z","renew_at":"1970-01-01T00:00:00Z"}"#
        );
        assert_eq!(
            told(AcmeEvent::Failed {
                text: format!("no{HINT}ask"),
                retry_in: Duration::from_secs(60),
            }),
            r#"{"event":"acme","outcome":"failed","text":"no","hint":"ask","retry_in_s":60}"#
        );
    }
}

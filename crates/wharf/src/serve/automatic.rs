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
    /// What was asked for, and who asks, or why that could not even begin.
    asked: Option<(AcmeConfig, Result<Manager, String>)>,
    format: Format,
}

impl Automatic {
    /// Begins to ask, if the settings say so; before the server reads the certificate's files.
    pub(super) fn start(settings: &Settings, state: &Path, format: Format) -> Self {
        let asked = settings.automatic(state).map(|config| {
            let manager = Manager::start(config.clone()).map_err(|error| error.to_string());
            if let Err(text) = &manager {
                let text = text.replace("\n\nhint: ", "; hint: ");
                tracing::error!("no certificate is asked for: {text}");
            }
            (config, manager)
        });
        Self { asked, format }
    }

    /// Tells what happens from here on, and what has happened since the start. In text, the log
    /// has it all.
    pub(super) fn follow(&self) {
        let Some((_, manager)) = self.asked.as_ref().filter(|_| self.format == Format::Json) else {
            return;
        };
        let events = match manager {
            Ok(manager) => manager.events(),
            Err(text) => {
                let object = json!({ "event": "acme", "outcome": "failed", "text": text });
                if let Err(error) = output::json(&object) {
                    tracing::warn!(%error, "standard output cannot be written");
                }
                return;
            }
        };
        let printing = thread::Builder::new()
            .name("acme events".into())
            .spawn(move || print(events));
        if let Err(error) = printing {
            tracing::warn!(%error, "events of the automatic certificate are not printed");
        }
    }

    /// Takes new settings: other ones begin anew, and so do those that could not begin; the same
    /// go on.
    pub(super) fn reload(&mut self, settings: &Settings, state: &Path) {
        let wanted = settings.automatic(state);
        let goes_on = match &self.asked {
            Some((config, Ok(_))) => wanted.as_ref() == Some(config),
            Some((_, Err(_))) => false,
            None => wanted.is_none(),
        };
        if goes_on {
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
        AcmeEvent::Failed { text, retry_in } => json!({
            "event": "acme",
            "outcome": "failed",
            "text": text,
            "retry_in_s": retry_in.as_secs(),
        }),
        _ => json!({ "event": "acme" }),
    }
}

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
                text: "no\n\nhint: ask".to_owned(),
                retry_in: Duration::from_secs(60),
            }),
            r#"{"event":"acme","outcome":"failed","text":"no\n\nhint: ask","retry_in_s":60}"#
        );
    }
}

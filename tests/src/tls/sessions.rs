//! Where a client keeps what it resumes sessions with.

use std::sync::{Arc, Mutex, MutexGuard};

use rustls::client::{ClientSessionStore, Tls12ClientSessionValue, Tls13ClientSessionValue};
use rustls::pki_types::ServerName;
use rustls::{ClientConnection, NamedGroup, ProtocolVersion};

use super::tape::{Capture, Tape};
use super::{Tls, TlsStream, lock};

/// What a server gave to resume a session with. Clones are the same place.
#[derive(Debug, Clone, Default)]
pub struct Sessions(Arc<Mutex<Held>>);

#[derive(Debug, Clone, Default)]
struct Held {
    group: Option<NamedGroup>,
    tls12: Option<Tls12ClientSessionValue>,
    tls13: Option<Arc<Source>>,
    single: Option<Arc<Mutex<Vec<Tls13ClientSessionValue>>>>,
}

/// Where the ticket of a TLS 1.3 session comes from, again and again.
#[derive(Debug)]
pub(super) struct Source {
    tls: Tls,
    tape: &'static Tape,
    hint: Option<NamedGroup>,
}

impl Source {
    fn ticket(&self) -> Option<Tls13ClientSessionValue> {
        let capture = Arc::new(Capture {
            hint: self.hint,
            ticket: Mutex::new(None),
        });
        let provider = self.tape.play(self.tls.provider());
        let store: Arc<dyn ClientSessionStore> = Arc::<Capture>::clone(&capture);
        let config = Arc::new(self.tls.config(provider, store));
        let mut connection = ClientConnection::new(config, self.tls.name.clone()).ok()?;
        let answers = self.tape.answers();
        let mut rest = answers.as_slice();
        let mut unsent = Vec::new();
        while !rest.is_empty() && lock(&capture.ticket).is_none() {
            connection.write_tls(&mut unsent).ok()?;
            connection.read_tls(&mut rest).ok()?;
            connection.process_new_packets().ok()?;
        }
        lock(&capture.ticket).take()
    }
}

impl Sessions {
    /// For a client that uses each ticket of TLS 1.3 once; copies share them.
    #[must_use]
    pub fn of_single_use() -> Self {
        let sessions = Self::default();
        sessions.lock().single = Some(Arc::default());
        sessions
    }

    /// Whether there is anything to resume.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let held = self.lock().clone();
        held.tls12.is_none() && held.tls13.is_none_or(|source| source.ticket().is_none())
    }

    /// Another place with the same content.
    #[must_use]
    pub fn copy(&self) -> Self {
        Self(Arc::new(Mutex::new(self.lock().clone())))
    }

    /// Where the tickets of a connection that begins now will come from.
    pub(super) fn source(&self, tls: Tls, tape: &'static Tape) -> Source {
        let hint = self.lock().group;
        Source { tls, tape, hint }
    }

    /// Remembers that source, should there be tickets. What was resumed is held already.
    pub(super) fn keep(&self, stream: &TlsStream, source: Source) {
        if stream.version() == Some(ProtocolVersion::TLSv1_3) && !stream.resumed() {
            self.lock().tls13 = Some(Arc::new(source));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        lock(&self.0)
    }
}

impl ClientSessionStore for Sessions {
    fn set_kx_hint(&self, _: ServerName<'static>, group: NamedGroup) {
        self.lock().group = Some(group);
    }

    fn kx_hint(&self, _: &ServerName<'_>) -> Option<NamedGroup> {
        self.lock().group
    }

    fn set_tls12_session(&self, _: ServerName<'static>, value: Tls12ClientSessionValue) {
        self.lock().tls12 = Some(value);
    }

    fn tls12_session(&self, _: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        self.lock().tls12.clone()
    }

    fn remove_tls12_session(&self, _: &ServerName<'static>) {
        self.lock().tls12 = None;
    }

    fn insert_tls13_ticket(&self, _: ServerName<'static>, value: Tls13ClientSessionValue) {
        if let Some(single) = &self.lock().single {
            lock(single).push(value);
        }
    }

    fn take_tls13_ticket(&self, _: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        let held = self.lock().clone();
        match held.single {
            Some(single) => lock(&single).pop(),
            None => held.tls13?.ticket(),
        }
    }
}

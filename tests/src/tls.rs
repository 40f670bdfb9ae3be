//! TLS as a client speaks it, with a handle on everything a client may do otherwise: versions,
//! suites, ALPN, names, certificates, which session is resumed, how records are cut, how it ends.

pub mod certificates;
pub mod hello;
mod parties;
mod sessions;
mod stream;
mod tape;

use std::net::TcpStream;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustls::client::{ClientSessionStore, ResolvesClientCert, Resumption, Tls12Resumption};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::ServerName;
use rustls::sign::CertifiedKey;
use rustls::version::{TLS12, TLS13};
use rustls::{CipherSuite, ClientConfig, ClientConnection, SupportedProtocolVersion};

use self::parties::{Certificate, any_server};
pub use self::sessions::Sessions;
pub use self::stream::{Failure, Pipe, TlsStream};
use self::tape::Tape;
use crate::control::Control;
use crate::wharf::{Account, Wharf};

/// How a client speaks TLS. Certificates of servers are taken as they are, because the tests ask
/// for them by name or fingerprint themselves.
#[derive(Debug, Clone)]
pub struct Tls {
    versions: Vec<&'static SupportedProtocolVersion>,
    suites: Option<Vec<CipherSuite>>,
    alpn: Vec<Vec<u8>>,
    name: ServerName<'static>,
    certificate: Arc<Certificate>,
    sessions: Option<Sessions>,
    tickets: bool,
    pieces: Option<usize>,
}

impl Tls {
    /// TLS 1.2 and 1.3, no ALPN, no SNI, no certificate; every connection begins a session of its
    /// own.
    #[must_use]
    pub fn new() -> Self {
        Self {
            versions: vec![&TLS13, &TLS12],
            suites: None,
            alpn: Vec::new(),
            name: ServerName::try_from("127.0.0.1").expect("an address"),
            certificate: Arc::new(Certificate::none()),
            sessions: None,
            tickets: true,
            pieces: None,
        }
    }

    /// TLS 1.2 only.
    #[must_use]
    pub fn v12() -> Self {
        Self {
            versions: vec![&TLS12],
            ..Self::new()
        }
    }

    /// TLS 1.3 only.
    #[must_use]
    pub fn v13() -> Self {
        Self {
            versions: vec![&TLS13],
            ..Self::new()
        }
    }

    /// TLS 1.2 with session ids instead of tickets (RFC 5246 instead of RFC 5077).
    #[must_use]
    pub fn v12_with_session_ids() -> Self {
        Self {
            tickets: false,
            ..Self::v12()
        }
    }

    /// Every way in which a session can be resumed, with a name for messages.
    #[must_use]
    pub fn ways_to_resume() -> [(&'static str, Self); 3] {
        [
            ("TLS 1.3", Self::v13()),
            ("TLS 1.2 with tickets", Self::v12()),
            ("TLS 1.2 with session ids", Self::v12_with_session_ids()),
        ]
    }

    /// These cipher suites only.
    #[must_use]
    pub fn suites(mut self, suites: &[CipherSuite]) -> Self {
        self.suites = Some(suites.to_vec());
        self
    }

    /// Offers these protocols (RFC 7301).
    #[must_use]
    pub fn alpn(mut self, protocols: &[&str]) -> Self {
        self.alpn = protocols.iter().map(|name| (*name).into()).collect();
        self
    }

    /// Asks for this server (RFC 6066).
    ///
    /// # Panics
    /// When it is not a host name.
    #[must_use]
    pub fn name(mut self, name: &str) -> Self {
        self.name = ServerName::try_from(name.to_owned()).expect("a host name");
        self
    }

    /// Shows this certificate when asked for one.
    #[must_use]
    pub fn certificate(mut self, key: &CertifiedKey) -> Self {
        self.certificate = Arc::new(Certificate::of(key));
        self
    }

    /// Resumes the session held there, and keeps there what the server gives.
    #[must_use]
    pub fn sessions(mut self, sessions: &Sessions) -> Self {
        self.sessions = Some(sessions.clone());
        self
    }

    /// The same way, beginning a new session.
    #[must_use]
    pub fn fresh(&self) -> Self {
        Self {
            sessions: None,
            ..self.clone()
        }
    }

    /// Cuts the records of the handshake into records of so many bytes each.
    #[must_use]
    pub const fn pieces(mut self, size: usize) -> Self {
        self.pieces = Some(size);
        self
    }

    /// The same way, with a place of its own for sessions unless it has one.
    pub(crate) fn remembering(mut self) -> Self {
        self.sessions.get_or_insert_default();
        self
    }

    /// The same way for one more connection of the same session: it resumes what is held now, and
    /// what it is given does not change that.
    pub(crate) fn another(&self) -> Self {
        Self {
            sessions: self.sessions.as_ref().map(Sessions::copy),
            ..self.clone()
        }
    }

    /// Whether there is a session to resume.
    #[must_use]
    pub fn can_resume(&self) -> bool {
        self.sessions
            .as_ref()
            .is_some_and(|sessions| !sessions.is_empty())
    }

    /// Shakes hands.
    ///
    /// # Errors
    /// What came of it otherwise.
    ///
    /// # Panics
    /// When these choices contradict each other.
    pub fn connect(&self, socket: TcpStream) -> Result<TlsStream, Failure> {
        let (tape, provider) = Tape::record(self.provider());
        let sessions = self.sessions.clone().unwrap_or_default();
        let source = sessions.source(self.fresh(), tape);
        let config = Arc::new(self.config(provider, Arc::new(sessions.clone())));
        let connection = ClientConnection::new(config, self.name.clone()).expect("a client");
        let mut stream = TlsStream::new(socket, connection, self.pieces, tape);
        stream.handshake()?;
        sessions.keep(&stream, source);
        Ok(stream)
    }

    fn provider(&self) -> CryptoProvider {
        let mut provider = aws_lc_rs::default_provider();
        if let Some(wanted) = &self.suites {
            provider
                .cipher_suites
                .retain(|suite| wanted.contains(&suite.suite()));
        }
        provider
    }

    fn config(&self, provider: CryptoProvider, store: Arc<dyn ClientSessionStore>) -> ClientConfig {
        let certificate: Arc<dyn ResolvesClientCert> = Arc::<Certificate>::clone(&self.certificate);
        let mut config = ClientConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(&self.versions)
            .expect("versions that go with the suites")
            .dangerous()
            .with_custom_certificate_verifier(any_server())
            .with_client_cert_resolver(certificate);
        config.alpn_protocols.clone_from(&self.alpn);
        config.resumption = Resumption::store(store);
        if !self.tickets {
            config.resumption = config
                .resumption
                .tls12_resumption(Tls12Resumption::SessionIdOnly);
        }
        config
    }
}

impl Default for Tls {
    fn default() -> Self {
        Self::new()
    }
}

impl Wharf {
    /// A control connection under TLS by AUTH, before the login.
    #[must_use]
    #[track_caller]
    pub fn connect_tls(&self, tls: &Tls) -> Control {
        let mut control = self.connect();
        control.auth_tls(tls);
        control
    }

    /// A control connection under TLS, logged in with the first account, in TYPE I, with data
    /// under TLS.
    #[must_use]
    #[track_caller]
    pub fn session_tls(&self, tls: &Tls) -> Control {
        self.session_tls_of(self.account(), tls)
    }

    /// The same for another account.
    #[must_use]
    #[track_caller]
    pub fn session_tls_of(&self, account: &Account, tls: &Tls) -> Control {
        let mut control = self.connect_tls(tls);
        control.login(account);
        control.expect("TYPE I", 200);
        control.protect();
        control
    }

    /// A control connection to the implicit port, after its greeting.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    #[track_caller]
    pub fn connect_implicit(&self, tls: &Tls) -> Control {
        let mut control = Control::open_tls(self.implicit(), tls);
        control.await_code(220);
        control
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

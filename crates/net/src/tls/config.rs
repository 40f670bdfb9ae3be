//! What a server offers in its handshakes, and what each of its sessions makes of that.

use std::sync::{Arc, OnceLock};

use rustls::crypto::aws_lc_rs;
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{
    ClientHello, ProducesTickets, ResolvesServerCert, ServerConfig, StoresServerSessions,
    WebPkiClientVerifier,
};
use rustls::sign::CertifiedKey;
use rustls::version::{TLS12, TLS13};

use super::TlsVersion;
use super::client::{ClientCertificates, ClientTrust, verifier};
use super::resumption::{DataResumption, Resumption};
use super::set::Certificates;

/// Tickets a TLS 1.3 client is given on its control connection. Each is good for any number of data
/// connections; but there are clients that use a ticket once (RFC 8446 C.4), and uploads bring
/// them no new one.
const TICKETS: usize = 6;

/// Tickets a client is given at most, when it says how many it wants (RFC 9149). Each holds the
/// certificates that the client has shown, before anybody has logged in.
pub(super) const MOST_TICKETS: usize = 6;

/// What ALPN may say on a control connection: the registered `ftp`. Whoever asks for anything else
/// takes us for another server (ALPACA, security P13).
const CONTROL_PROTOCOLS: [&[u8]; 1] = [b"ftp"];

/// The same on data connections.
const DATA_PROTOCOLS: [&[u8]; 2] = [b"ftp-data", b"ftp"];

/// The provider cannot do what is asked of it.
#[derive(Debug, thiserror::Error)]
#[error("TLS cannot be set up: {0}")]
pub struct TlsUnavailable(String);

/// What TLS a server speaks.
#[derive(Debug)]
pub struct TlsServer {
    certificates: Arc<Certificates>,
    trust: Option<ClientTrust>,
    control: ServerConfig,
    data: ServerConfig,
}

impl TlsServer {
    /// The suites are rustls's: all of them have forward secrecy and an AEAD. Key exchange begins
    /// with X25519MLKEM768, which a recording made today does not yield to a quantum computer.
    ///
    /// # Errors
    /// When the provider cannot do the versions asked for: a fault of the program.
    pub fn new(
        certificates: Arc<Certificates>,
        minimum: TlsVersion,
        clients: ClientCertificates,
        trust: Option<ClientTrust>,
    ) -> Result<Self, TlsUnavailable> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let versions: &[_] = match minimum {
            TlsVersion::V1_2 => &[&TLS13, &TLS12],
            TlsVersion::V1_3 => &[&TLS13],
        };
        let config = |verifier| {
            let mut config = ServerConfig::builder_with_provider(Arc::clone(&provider))
                .with_protocol_versions(versions)
                .map_err(|error| TlsUnavailable(error.to_string()))?
                .with_client_cert_verifier(verifier)
                .with_cert_resolver(certificates.resolver(None));
            // All suites are good, and those that the server's processor has instructions for are
            // several times as fast.
            config.ignore_client_order = true;
            Ok(config)
        };
        let mut control = config(client_verifier(clients, trust.as_ref()))?;
        control.alpn_protocols = CONTROL_PROTOCOLS.map(<[u8]>::to_vec).to_vec();
        control.send_tls13_tickets = TICKETS;
        control.max_tls13_tickets = MOST_TICKETS;
        // Who is let in was decided on the control connection: nobody is asked again.
        let mut data = config(WebPkiClientVerifier::no_client_auth())?;
        data.alpn_protocols = DATA_PROTOCOLS.map(<[u8]>::to_vec).to_vec();
        data.max_tls13_tickets = 1;
        Ok(Self {
            control,
            data,
            certificates,
            trust,
        })
    }

    /// The certificates in force.
    #[must_use]
    pub const fn certificates(&self) -> &Arc<Certificates> {
        &self.certificates
    }

    /// Whose client certificates are trusted.
    #[must_use]
    pub const fn trust(&self) -> Option<&ClientTrust> {
        self.trust.as_ref()
    }

    /// The choice of a certificate for one session; `host` is what HOST named.
    pub(crate) fn choice(&self, host: Option<&str>) -> Arc<Shown> {
        Arc::new(Shown {
            choice: self.certificates.resolver(host),
            first: OnceLock::new(),
        })
    }

    /// For the control connection of the session that `resumption` belongs to.
    pub(crate) fn control(
        &self,
        resumption: &Arc<Resumption>,
        shown: &Arc<Shown>,
    ) -> Arc<ServerConfig> {
        bound(self.control.clone(), resumption, shown)
    }

    /// For a data connection of that control connection; `sends` says that the data are ours.
    ///
    /// A client that only sends does not read a ticket of TLS 1.3: its close becomes a reset, which
    /// eats the end of the upload (security P7). So it gets one only if it has asked for it (RFC
    /// 9149). One that receives reads to the end anyway, and is given a ticket for the one that it
    /// may have used up.
    pub(crate) fn data(
        &self,
        resumption: &Arc<DataResumption>,
        shown: &Arc<Shown>,
        sends: bool,
    ) -> Arc<ServerConfig> {
        let mut config = self.data.clone();
        config.send_tls13_tickets = usize::from(sends);
        bound(config, resumption, shown)
    }
}

fn bound<R: ProducesTickets + StoresServerSessions + 'static>(
    mut config: ServerConfig,
    resumption: &Arc<R>,
    shown: &Arc<Shown>,
) -> Arc<ServerConfig> {
    config.ticketer = Arc::clone(resumption) as _;
    config.session_storage = Arc::clone(resumption) as _;
    config.cert_resolver = Arc::clone(shown) as _;
    Arc::new(config)
}

/// The certificate of one session: whatever is in force when its first connection is made. Clients
/// compare the certificate of a data connection with that of the control connection (cause D-15),
/// and between the two it may have been renewed.
#[derive(Debug)]
pub(crate) struct Shown {
    choice: Arc<dyn ResolvesServerCert>,
    first: OnceLock<Arc<CertifiedKey>>,
}

impl ResolvesServerCert for Shown {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        if let Some(first) = self.first.get() {
            return Some(Arc::clone(first));
        }
        let chosen = self.choice.resolve(hello)?;
        Some(Arc::clone(self.first.get_or_init(|| chosen)))
    }
}

fn client_verifier(
    clients: ClientCertificates,
    trust: Option<&ClientTrust>,
) -> Arc<dyn ClientCertVerifier> {
    match clients {
        ClientCertificates::Off => WebPkiClientVerifier::no_client_auth(),
        ClientCertificates::Request | ClientCertificates::Require => verifier(clients, trust),
    }
}

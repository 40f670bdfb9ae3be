//! The TLS of the load generator and of its stand-in: one version, one cipher, one key exchange, so
//! that every server does the same work.

use std::fmt;
use std::fs;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result, ensure};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{
    ClientConnectionData, ClientSessionStore, Resumption, Tls12ClientSessionValue,
    Tls13ClientSessionValue,
};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::kernel::KernelConnection;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, NamedGroup, ServerConfig, SignatureScheme};

mod handshake;
mod record;

pub(crate) use record::{Buffers, Channel, Received};

/// The one cipher offered, as curl and a reader know it.
pub(crate) const CIPHER: &str = "TLS_AES_256_GCM_SHA384";
/// The one key exchange offered, as curl knows it. vsftpd takes no other without another round trip.
pub(crate) const CURVE: &str = "P-256";

/// RFC 8446 §4: the type of a NewSessionTicket.
const NEW_SESSION_TICKET: u8 = 4;

/// The certificate all servers show: ECDSA P-256, signed by itself.
#[derive(Debug, Clone)]
pub(crate) struct Certificate {
    pub(crate) chain: PathBuf,
    pub(crate) key: PathBuf,
}

impl Certificate {
    /// The files in `folder`, whether they are there or not.
    pub(crate) fn within(folder: &Path) -> Self {
        Self {
            chain: folder.join("certificate.pem"),
            key: folder.join("key.pem"),
        }
    }

    pub(crate) fn make(&self) -> Result<()> {
        use std::io::Write as _;
        use std::os::unix::fs::OpenOptionsExt as _;

        let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        let made = rcgen::generate_simple_self_signed(names)?;
        fs::write(&self.chain, made.cert.pem())?;
        let mut key = fs::File::options()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&self.key)?;
        key.write_all(made.signing_key.serialize_pem().as_bytes())?;
        Ok(())
    }
}

/// A client that offers one way only, keeps the keys reachable and trusts everybody.
pub(crate) fn client_config() -> Result<ClientConfig> {
    let provider = Arc::new(provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Trusting))
        .with_no_client_auth();
    config.resumption = Resumption::disabled();
    config.enable_secret_extraction = true;
    Ok(config)
}

/// The stand-in's side: one ticket for each connection.
pub(crate) fn server_config(certificate: &Certificate) -> Result<ServerConfig> {
    let chain = vec![CertificateDer::from_pem_file(&certificate.chain)?];
    let key = PrivateKeyDer::from_pem_file(&certificate.key)?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.ticketer = aws_lc_rs::Ticketer::new()?;
    config.send_tls13_tickets = 1;
    config.enable_secret_extraction = true;
    Ok(config)
}

/// The stand-in's handshake.
pub(crate) fn accept(
    stream: TcpStream,
    config: &Arc<ServerConfig>,
    buffers: Buffers,
) -> Result<Channel> {
    handshake::accept(stream, config, buffers)
}

fn provider() -> CryptoProvider {
    let mut provider = aws_lc_rs::default_provider();
    provider
        .cipher_suites
        .retain(|suite| suite.suite() == rustls::CipherSuite::TLS13_AES_256_GCM_SHA384);
    provider
        .kx_groups
        .retain(|group| group.name() == NamedGroup::secp256r1);
    provider
}

/// A protected control connection, and what its data connections resume.
pub(crate) struct Control {
    channel: Channel,
    kernel: KernelConnection<ClientConnectionData>,
    config: Arc<ClientConfig>,
    /// The last ticket that came, as it came.
    ticket: Option<Vec<u8>>,
}

impl Control {
    /// Makes a full handshake.
    pub(crate) fn connect(stream: TcpStream, config: &ClientConfig) -> Result<Self> {
        let mut config = config.clone();
        config.resumption = Resumption::store(Arc::new(OneSession::default()));
        let config = Arc::new(config);
        let connected = handshake::connect(stream, &config, Buffers::default())?;
        ensure!(!connected.resumed, "a new session was resumed");
        Ok(Self {
            channel: connected.channel,
            kernel: connected.kernel,
            config,
            ticket: None,
        })
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) -> Result<()> {
        self.channel.send(bytes)
    }

    /// Appends what comes next to `to`.
    pub(crate) fn receive(&mut self, to: &mut Vec<u8>) -> Result<()> {
        loop {
            match self.channel.receive()? {
                Received::Data(data) => {
                    to.extend_from_slice(data);
                    return Ok(());
                }
                Received::Handshake(messages) => {
                    if let Some(ticket) = last_ticket(messages)? {
                        self.ticket = Some(ticket.to_vec());
                    }
                }
                Received::Closed => anyhow::bail!("the server closed the connection"),
            }
        }
    }

    /// A handshake on a data connection. It resumes this session if the server gave a ticket; that
    /// the server then refuses to is an error.
    pub(crate) fn connect_data(&mut self, stream: TcpStream, buffers: Buffers) -> Result<Channel> {
        if let Some(ticket) = &self.ticket {
            // rustls uses a session once. Of the same ticket it makes as many as are wanted.
            self.kernel.handle_new_session_ticket(ticket)?;
        }
        let connected = handshake::connect(stream, &self.config, buffers)?;
        ensure!(
            connected.resumed == self.ticket.is_some(),
            "the server did not resume the session on the data connection"
        );
        Ok(connected.channel)
    }

    pub(crate) fn into_stream(self) -> TcpStream {
        self.channel.into_stream()
    }
}

impl fmt::Debug for Control {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Control").finish_non_exhaustive()
    }
}

/// The body of the last NewSessionTicket among these messages.
fn last_ticket(mut messages: &[u8]) -> Result<Option<&[u8]>> {
    let mut last = None;
    while let Some(([kind, high, middle, low], rest)) = messages.split_first_chunk() {
        let length = u32::from_be_bytes([0, *high, *middle, *low]) as usize;
        let (body, next) = rest
            .split_at_checked(length)
            .context("a message in pieces after the handshake")?;
        if *kind == NEW_SESSION_TICKET {
            last = Some(body);
        }
        messages = next;
    }
    Ok(last)
}

/// The session that the next connection will resume.
#[derive(Debug, Default)]
struct OneSession(Mutex<Option<Tls13ClientSessionValue>>);

impl ClientSessionStore for OneSession {
    fn set_kx_hint(&self, _: ServerName<'static>, _: NamedGroup) {}

    fn kx_hint(&self, _: &ServerName<'_>) -> Option<NamedGroup> {
        None
    }

    fn set_tls12_session(&self, _: ServerName<'static>, _: Tls12ClientSessionValue) {}

    fn tls12_session(&self, _: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        None
    }

    fn remove_tls12_session(&self, _: &ServerName<'static>) {}

    fn insert_tls13_ticket(&self, _: ServerName<'static>, value: Tls13ClientSessionValue) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(value);
    }

    fn take_tls13_ticket(&self, _: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Checks nothing: the server is on this machine, and every check is the load generator's cost.
#[derive(Debug)]
struct Trusting;

impl ServerCertVerifier for Trusting {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ECDSA_NISTP256_SHA256]
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    /// A client's channel, and what `serve` makes of the server's.
    fn pair<T: Send + 'static>(
        serve: impl FnOnce(Channel) -> T + Send + 'static,
    ) -> (Channel, std::thread::JoinHandle<T>) {
        let folder = tempfile::tempdir().unwrap();
        let certificate = Certificate::within(folder.path());
        certificate.make().unwrap();
        let mut config = server_config(&certificate).unwrap();
        config.send_tls13_tickets = 0;
        let config = Arc::new(config);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let server = std::thread::spawn(move || {
            let (stream, _) = listener.accept().unwrap();
            serve(accept(stream, &config, Buffers::large()).unwrap())
        });
        let client = Arc::new(client_config().unwrap());
        let connected = handshake::connect(stream, &client, Buffers::large()).unwrap();
        (connected.channel, server)
    }

    #[test]
    fn all_that_is_poured_arrives() {
        for length in [0, 1, 16_384, 16_385, 3_000_000] {
            let (mut client, server) = pair(|mut channel| {
                let got = channel.discard().unwrap();
                channel.close();
                got
            });
            client.pour(length).unwrap();
            client.finish().unwrap();
            assert_eq!(server.join().unwrap(), length);
        }
    }

    #[test]
    fn an_end_without_close_notify_is_an_error() {
        let (mut client, server) = pair(|mut channel| channel.discard().unwrap_err());
        client.pour(100_000).unwrap();
        drop(client);
        let error = format!("{:#}", server.join().unwrap());
        assert!(error.contains("after 100000 bytes"), "{error}");
        assert!(error.contains("without a close_notify"), "{error}");
    }

    #[test]
    fn the_last_ticket_of_several() {
        let messages = [4, 0, 0, 2, 7, 7, 24, 0, 0, 1, 0, 4, 0, 0, 1, 9];
        assert_eq!(last_ticket(&messages).unwrap(), Some(&[9][..]));
        assert_eq!(last_ticket(&messages[6..11]).unwrap(), None);
        last_ticket(&messages[..5]).unwrap_err();
    }
}

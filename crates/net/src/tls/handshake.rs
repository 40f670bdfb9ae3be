//! The handshake over a socket, within its time, and why it failed.

use std::io;
use std::time::Duration;

use rustls::{AlertDescription, Error, PeerIncompatible};
use tokio::time::timeout;

use super::session::{Progress, TlsSession};

/// What is read at a time: a ClientHello with a post-quantum key share is some 1.8 KB.
const READ_BYTES: usize = 4096;

/// The first byte of every handshake record (RFC 8446 5.1). No FTP command and no HTTP request
/// begins with it.
const HANDSHAKE: u8 = 0x16;

/// A nonblocking socket.
pub(crate) trait Wire {
    /// Reads what is there; 0 is the end.
    fn receive(&self, space: &mut [u8]) -> io::Result<usize>;
    /// Sends what the socket takes.
    fn send(&self, bytes: &[u8]) -> io::Result<usize>;
    /// Waits until [`receive`](Self::receive) may go on.
    async fn readable(&self) -> io::Result<()>;
    /// Waits until [`send`](Self::send) may go on.
    async fn writable(&self) -> io::Result<()>;
}

/// Why a handshake failed, by who is at fault and what can be done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HandshakeError {
    /// The first byte was not TLS: a client that speaks in clear, or HTTP.
    #[error("the client does not speak TLS here")]
    NotTls,
    /// No version of TLS in common: the client knows none from 1.2 (or what the settings say) on.
    #[error("no common TLS version")]
    Version,
    /// No cipher suite, group or signature scheme in common.
    #[error("no common cipher, curve or signature")]
    NothingInCommon,
    /// ALPN asked for another protocol: the client, or somebody between, took us for another
    /// server (security P13).
    #[error("the client asked for another protocol than FTP")]
    OtherProtocol,
    /// A certificate is required and none came.
    #[error("the client showed no certificate")]
    NoClientCertificate,
    /// The client's certificate cannot be used.
    #[error("the client's certificate is not acceptable: {0}")]
    ClientCertificate(String),
    /// The client does not trust our certificate, or it is for another name.
    #[error("the client refused the server's certificate")]
    CertificateRefused,
    /// The client sent an alert.
    #[error("the client ended the handshake: {0}")]
    Alert(String),
    /// What came breaks the protocol.
    #[error("the handshake was broken: {0}")]
    Broken(String),
    /// Not one byte came: a client of FTP in clear waits for the server's greeting.
    #[error("the client said nothing for {} s", .0.as_secs())]
    Silent(Duration),
    /// It took too long (security R2).
    #[error("no handshake within {} s", .0.as_secs())]
    TimedOut(Duration),
    /// The connection ended.
    #[error("the connection ended in the handshake")]
    Gone,
}

/// Brings `session` to the end of its handshake, at most until `limit` is over. Plaintext that
/// came with the client's last message is appended to `plain`. An alert is sent when it fails.
pub(crate) async fn handshake(
    wire: &impl Wire,
    session: &mut TlsSession,
    plain: &mut Vec<u8>,
    limit: Duration,
) -> Result<(), HandshakeError> {
    let mut first = true;
    match timeout(limit, run(wire, session, plain, &mut first)).await {
        Ok(outcome) => outcome,
        Err(_) if first => Err(HandshakeError::Silent(limit)),
        Err(_) => Err(HandshakeError::TimedOut(limit)),
    }
}

async fn run(
    wire: &impl Wire,
    session: &mut TlsSession,
    plain: &mut Vec<u8>,
    first: &mut bool,
) -> Result<(), HandshakeError> {
    let mut outgoing = Vec::new();
    let mut progress = session.begin(&mut outgoing).map_err(HandshakeError::from)?;
    loop {
        send_all(wire, &outgoing).await?;
        outgoing.clear();
        match progress {
            // A small upload may have come with the last message, its end included.
            Progress::Open | Progress::Ended => return Ok(()),
            Progress::Handshaking => {}
        }
        let mut space = [0; READ_BYTES];
        let count = receive_some(wire, &mut space).await?;
        let received = space.get_mut(..count).unwrap_or_default();
        // A server's first word to us may be an alert.
        let looked_at = std::mem::take(first) && session.is_server();
        if looked_at && received.first() != Some(&HANDSHAKE) {
            return Err(HandshakeError::NotTls);
        }
        progress = match session.receive(received, plain, &mut outgoing) {
            Ok(progress) => progress,
            Err(error) => {
                // The alert tells the client why, if its socket takes it.
                let _ = wire.send(&outgoing);
                return Err(error.into());
            }
        };
    }
}

async fn receive_some(wire: &impl Wire, space: &mut [u8]) -> Result<usize, HandshakeError> {
    loop {
        match wire.receive(space) {
            Ok(0) => return Err(HandshakeError::Gone),
            Ok(count) => return Ok(count),
            Err(error) if is_to_wait(&error) => {
                wire.readable().await.map_err(|_| HandshakeError::Gone)?;
            }
            Err(_) => return Err(HandshakeError::Gone),
        }
    }
}

async fn send_all(wire: &impl Wire, mut bytes: &[u8]) -> Result<(), HandshakeError> {
    while !bytes.is_empty() {
        match wire.send(bytes) {
            Ok(sent) => bytes = bytes.get(sent..).unwrap_or_default(),
            Err(error) if is_to_wait(&error) => {
                wire.writable().await.map_err(|_| HandshakeError::Gone)?;
            }
            Err(_) => return Err(HandshakeError::Gone),
        }
    }
    Ok(())
}

fn is_to_wait(error: &io::Error) -> bool {
    use io::ErrorKind::{Interrupted, WouldBlock};
    matches!(error.kind(), WouldBlock | Interrupted)
}

impl From<Error> for HandshakeError {
    fn from(error: Error) -> Self {
        match error {
            Error::PeerIncompatible(why) => match why {
                // TLS 1.1 and older have no such extension; every later client sends it.
                PeerIncompatible::SignatureAlgorithmsExtensionRequired => Self::Version,
                PeerIncompatible::Tls12NotOffered
                | PeerIncompatible::Tls12NotOfferedOrEnabled
                | PeerIncompatible::ServerDoesNotSupportTls12Or13
                | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig
                | PeerIncompatible::SupportedVersionsExtensionRequired => Self::Version,
                _ => Self::NothingInCommon,
            },
            Error::NoApplicationProtocol => Self::OtherProtocol,
            Error::NoCertificatesPresented => Self::NoClientCertificate,
            Error::InvalidCertificate(why) => Self::ClientCertificate(why.to_string()),
            Error::InvalidCertRevocationList(why) => Self::ClientCertificate(format!("{why:?}")),
            Error::AlertReceived(alert) => match alert {
                AlertDescription::UnknownCA
                | AlertDescription::BadCertificate
                | AlertDescription::CertificateUnknown
                | AlertDescription::CertificateExpired
                | AlertDescription::CertificateRevoked
                | AlertDescription::UnsupportedCertificate => Self::CertificateRefused,
                AlertDescription::ProtocolVersion => Self::Version,
                AlertDescription::HandshakeFailure | AlertDescription::InsufficientSecurity => {
                    Self::NothingInCommon
                }
                other => Self::Alert(format!("{other:?}")),
            },
            other => Self::Broken(other.to_string()),
        }
    }
}

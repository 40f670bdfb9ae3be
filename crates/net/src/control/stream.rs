//! A control connection, in clear or under TLS.

use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use rustls::ProtocolVersion;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::poll_read;
use crate::data::{DataRole, DataTls};
use crate::tls::client::PeerCertificate;
use crate::tls::config::{Shown, TlsServer};
use crate::tls::handshake::{HandshakeError, Wire, handshake};
use crate::tls::resumption::{DataResumption, Resumption};
use crate::tls::session::{Progress, TlsSession};

/// What one read takes from the socket.
const READ_BYTES: usize = 4096;

/// Alerts and answers that may wait for room in the peer's socket.
const MOST_UNSENT: usize = 64 * 1024;

/// The control connection of one session.
#[derive(Debug)]
pub struct ControlStream {
    socket: TcpStream,
    tls: Option<Box<Tls>>,
    /// What the client has said, and was read with the beginning or the end of TLS.
    early: Vec<u8>,
    /// Outlives TLS itself: after CCC, data connections stay encrypted.
    binding: Option<Box<Binding>>,
}

/// What data connections are made of.
#[derive(Debug)]
struct Binding {
    server: Arc<TlsServer>,
    /// What they must come out of.
    resumption: Arc<Resumption>,
    shown: Arc<Shown>,
    /// Whether a data connection may give the client another ticket: in TLS 1.2 an OpenSSL that
    /// keeps sessions by itself drops the one it had for it, and does not keep the new one.
    renews: bool,
}

#[derive(Debug)]
struct Tls {
    session: TlsSession,
    /// Records the socket has not taken yet.
    unsent: Vec<u8>,
}

impl ControlStream {
    /// A connection in clear.
    #[must_use]
    pub const fn new(socket: TcpStream) -> Self {
        Self {
            socket,
            tls: None,
            early: Vec::new(),
            binding: None,
        }
    }

    /// The socket, to ask it for its addresses.
    #[must_use]
    pub const fn socket(&self) -> &TcpStream {
        &self.socket
    }

    /// Whether it is under TLS.
    #[must_use]
    pub const fn is_protected(&self) -> bool {
        self.tls.is_some()
    }

    /// The version of TLS, `1.2` or `1.3`; `None` in clear.
    #[must_use]
    pub fn tls_version(&self) -> Option<&'static str> {
        match self.tls.as_ref()?.session.agreed().protocol_version()? {
            ProtocolVersion::TLSv1_3 => Some("1.3"),
            _ => Some("1.2"),
        }
    }

    /// The certificate the client has shown, and with it the proof that it has the key.
    #[must_use]
    pub fn peer_certificate(&self) -> Option<PeerCertificate> {
        let chain = self.tls.as_ref()?.session.agreed().peer_certificates()?;
        let chain = chain.iter().map(|one| one.clone().into_owned()).collect();
        PeerCertificate::new(chain)
    }

    /// Begins TLS; `host` is what the client named with HOST. Nothing may be buffered in clear.
    ///
    /// # Errors
    /// The connection is over; an alert has told the client why, where there is one for it.
    pub async fn protect(
        &mut self,
        server: &Arc<TlsServer>,
        host: Option<&str>,
        limit: Duration,
    ) -> Result<(), HandshakeError> {
        let resumption = Arc::new(Resumption::default());
        let shown = server.choice(host);
        let mut session = TlsSession::server(server.control(&resumption, &shown))?;
        handshake(&self.socket, &mut session, &mut self.early, limit).await?;
        self.binding = Some(Box::new(Binding {
            server: Arc::clone(server),
            resumption,
            shown,
            renews: session.agreed().protocol_version() == Some(ProtocolVersion::TLSv1_3),
        }));
        self.tls = Some(Box::new(Tls {
            session,
            unsent: Vec::new(),
        }));
        Ok(())
    }

    /// Ends TLS and goes on in clear (CCC): close_notify both ways.
    ///
    /// # Errors
    /// When the client does not end its side in time, or goes on under TLS first. The connection is
    /// over then.
    pub async fn unprotect(&mut self, limit: Duration) -> io::Result<()> {
        let Some(mut tls) = self.tls.take() else {
            return Ok(());
        };
        let closing = async {
            let mut outgoing = std::mem::take(&mut tls.unsent);
            tls.session.close(&mut outgoing).map_err(broken)?;
            send_within(&self.socket, &outgoing, limit).await?;
            loop {
                let mut space = [0; READ_BYTES];
                let count = super::read(&self.socket, &mut space).await?;
                let received = space.get_mut(..count).unwrap_or_default();
                if received.is_empty() {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                let (mut plain, mut answer) = (Vec::new(), Vec::new());
                let progress = tls.session.receive(received, &mut plain, &mut answer);
                match progress.map_err(broken)? {
                    Progress::Ended => {
                        // From here on the dialogue is in clear, and this is its beginning.
                        self.early = tls.session.into_kept();
                        return Ok(());
                    }
                    Progress::Open if plain.is_empty() => {}
                    // Commands behind CCC would be answered in clear.
                    Progress::Open | Progress::Handshaking => {
                        return Err(io::ErrorKind::InvalidData.into());
                    }
                }
            }
        };
        match timeout(limit, closing).await {
            Ok(outcome) => outcome,
            Err(_) => Err(io::ErrorKind::TimedOut.into()),
        }
    }

    /// What a data connection of this session needs for its TLS; `None` where there never was any.
    #[must_use]
    pub fn data_tls(&self, role: DataRole) -> Option<DataTls> {
        let Binding {
            server,
            resumption,
            shown,
            renews,
        } = self.binding.as_deref()?;
        let accepting = (!role.tls_client).then(|| {
            let own = Arc::new(DataResumption::new(resumption, *renews));
            (server.data(&own, shown, role.sends), own)
        });
        Some(DataTls::new(accepting, role.must_close))
    }

    /// Waits for plaintext and hands it to `take`; 0 is the end. Wakes the last task that polled,
    /// and no other. Nothing is lost when the future it is polled from is dropped.
    ///
    /// # Errors
    /// The connection is broken.
    pub fn poll_receive(
        &mut self,
        context: &mut Context<'_>,
        take: &mut dyn FnMut(&[u8]),
    ) -> Poll<io::Result<usize>> {
        if !self.early.is_empty() {
            let early = std::mem::take(&mut self.early);
            take(&early);
            return Poll::Ready(Ok(early.len()));
        }
        // On the stack, so that an idle session holds none.
        let mut space = [0; READ_BYTES];
        let Some(tls) = &mut self.tls else {
            let count = ready!(poll_read(&self.socket, context, &mut space))?;
            take(space.get(..count).unwrap_or_default());
            return Poll::Ready(Ok(count));
        };
        while !tls.session.is_ended() {
            let count = ready!(poll_read(&self.socket, context, &mut space))?;
            let received = space.get_mut(..count).unwrap_or_default();
            if received.is_empty() {
                break;
            }
            let mut plain = Vec::new();
            let progress = tls.session.receive(received, &mut plain, &mut tls.unsent);
            tls.answer(&self.socket)?;
            progress.map_err(broken)?;
            if !plain.is_empty() {
                take(&plain);
                return Poll::Ready(Ok(plain.len()));
            }
        }
        Poll::Ready(Ok(0))
    }

    /// [`poll_receive`](Self::poll_receive) as a future.
    ///
    /// # Errors
    /// As there.
    pub async fn receive(&mut self, mut take: impl FnMut(&[u8])) -> io::Result<usize> {
        poll_fn(|context| self.poll_receive(context, &mut take)).await
    }

    /// Sends all of `bytes`, waiting at most `limit` at a time for the peer to read.
    ///
    /// # Errors
    /// The connection is broken, or the peer does not read.
    pub async fn send(&mut self, bytes: &[u8], limit: Duration) -> io::Result<()> {
        match &mut self.tls {
            None => send_within(&self.socket, bytes, limit).await,
            Some(tls) => {
                let mut outgoing = std::mem::take(&mut tls.unsent);
                tls.session.encrypt(bytes, &mut outgoing).map_err(broken)?;
                send_within(&self.socket, &outgoing, limit).await
            }
        }
    }

    /// Ends our side: close_notify where there is TLS, then a FIN.
    pub async fn shutdown(&mut self) {
        use tokio::io::AsyncWriteExt as _;
        if let Some(tls) = &mut self.tls {
            // It fails where the peer has ended its side and ours was ended with it.
            let _ = tls.session.close(&mut tls.unsent);
            let _ = tls.answer(&self.socket);
        }
        let _ = self.socket.shutdown().await;
    }
}

impl Tls {
    /// Sends what the session has to say by itself, as far as the socket takes it.
    fn answer(&mut self, socket: &TcpStream) -> io::Result<()> {
        if self.unsent.is_empty() {
            return Ok(());
        }
        match socket.try_write(&self.unsent) {
            Ok(sent) => {
                self.unsent.drain(..sent.min(self.unsent.len()));
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
        if self.unsent.len() > MOST_UNSENT {
            return Err(io::ErrorKind::OutOfMemory.into());
        }
        if self.unsent.is_empty() {
            self.unsent = Vec::new();
        }
        Ok(())
    }
}

impl Wire for TcpStream {
    fn receive(&self, space: &mut [u8]) -> io::Result<usize> {
        self.try_read(space)
    }

    fn send(&self, bytes: &[u8]) -> io::Result<usize> {
        self.try_write(bytes)
    }

    async fn readable(&self) -> io::Result<()> {
        Self::readable(self).await
    }

    async fn writable(&self) -> io::Result<()> {
        Self::writable(self).await
    }
}

async fn send_within(socket: &TcpStream, mut bytes: &[u8], limit: Duration) -> io::Result<()> {
    while !bytes.is_empty() {
        match socket.try_write(bytes) {
            Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                timeout(limit, socket.writable()).await??;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn broken(error: rustls::Error) -> io::Error {
    io::Error::other(error)
}

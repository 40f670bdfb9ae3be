//! Data connections under TLS.
//!
//! The handshake waits in the task; the bytes move in the same bursts as those in clear, encrypted
//! and decrypted on the burst's thread, some records at a time, so that what one step leaves in the
//! processor's cache the next one finds there.

mod receive;
mod send;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustix::net::sockopt::set_tcp_quickack;
use rustls::ServerConfig;

use super::DataConnection;
use super::burst::Step;
use super::control::TransferError;
use crate::socket::Direction;
use crate::tls::between_servers;
use crate::tls::handshake::{HandshakeError, Wire, handshake};
use crate::tls::resumption::DataResumption;
use crate::tls::session::TlsSession;

pub(super) use receive::receive;
pub(super) use send::{send, send_file};

/// What is to happen on a data connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DataRole {
    /// We are the client of its TLS (SSCN, CPSV).
    pub tls_client: bool,
    /// The data are ours.
    pub sends: bool,
    /// What the peer sends must end with close_notify.
    pub must_close: bool,
}

/// What one data connection needs to begin TLS.
#[derive(Debug)]
pub struct DataTls {
    /// `None`: we are the client.
    accepting: Option<(Arc<ServerConfig>, Arc<DataResumption>)>,
    must_close: bool,
}

/// How a data connection's handshake went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Protected {
    /// It came out of its control connection's session: whoever is there was there, too.
    pub resumed: bool,
}

/// The TLS of one data connection.
#[derive(Debug)]
pub(super) struct Encryption {
    session: TlsSession,
    must_close: bool,
    /// Plaintext that came with the end of the handshake.
    early: Vec<u8>,
}

impl DataTls {
    pub(crate) const fn new(
        accepting: Option<(Arc<ServerConfig>, Arc<DataResumption>)>,
        must_close: bool,
    ) -> Self {
        Self {
            accepting,
            must_close,
        }
    }

    /// Whether what the peer sends must end with close_notify.
    #[must_use]
    pub const fn must_close(&self) -> bool {
        self.must_close
    }
}

impl DataConnection {
    /// Begins TLS.
    ///
    /// # Errors
    /// The connection is of no use any more; an alert has told the peer why, where there is one.
    pub async fn protect(
        &mut self,
        tls: &DataTls,
        limit: Duration,
    ) -> Result<Protected, HandshakeError> {
        self.unfinished = true;
        let mut session = match &tls.accepting {
            Some((config, _)) => TlsSession::server(Arc::clone(config))?,
            None => between_servers::session(self.peer.ip())?,
        };
        let mut early = Vec::new();
        let agreed = handshake(&*self, &mut session, &mut early, limit).await;
        // A reset could overtake the alert that says why.
        self.unfinished = matches!(
            agreed,
            Err(HandshakeError::TimedOut(_) | HandshakeError::Silent(_) | HandshakeError::Gone)
        );
        agreed?;
        let resumed = session.is_resumed();
        if let (true, Some((_, made))) = (resumed, &tls.accepting) {
            made.is_proved();
        }
        // As a client we are sent tickets, perhaps after our last byte, and read none of them.
        self.lingers = !session.is_server();
        // A client that ends with a small record behind another waits for our acknowledgement
        // (Nagle), which the kernel would keep back for 40 ms. It is only faster with it.
        let _ = set_tcp_quickack(self.descriptor().map_err(|_| HandshakeError::Gone)?, true);
        self.tls = Some(Box::new(Encryption {
            session,
            must_close: tls.must_close,
            early,
        }));
        Ok(Protected { resumed })
    }

    /// Ends TLS before anything was sent: the peer is told that nothing follows.
    pub fn refuse(mut self) {
        let mut last = Vec::new();
        if let Some(mut encryption) = self.tls.take()
            && encryption.session.close(&mut last).is_ok()
        {
            // Whoever does not take it sees the end of the connection.
            let _ = self.try_send(&last);
        }
    }
}

impl Wire for DataConnection {
    fn receive(&self, space: &mut [u8]) -> io::Result<usize> {
        self.try_receive(space)
    }

    fn send(&self, bytes: &[u8]) -> io::Result<usize> {
        self.try_send(bytes)
    }

    async fn readable(&self) -> io::Result<()> {
        self.socket()?.wait(Direction::Receive).await
    }

    async fn writable(&self) -> io::Result<()> {
        self.socket()?.wait(Direction::Send).await
    }
}

fn failed<E>(error: rustls::Error) -> Step<E> {
    Step::Failed(broken(error))
}

fn broken<E>(error: rustls::Error) -> TransferError<E> {
    TransferError::Broken(io::Error::other(error))
}

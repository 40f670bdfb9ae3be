//! A connection under TLS, ended as the test wants it ended.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};

use rustls::{ClientConnection, HandshakeKind, ProtocolVersion};

use super::hello::split_records;
use super::tape::Tape;
use crate::{PATIENCE, data};

/// A handshake or a connection that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The number of the alert the server sent (RFC 8446 section 6.2).
    pub alert: Option<u8>,
    /// What happened.
    pub text: String,
}

/// A connection under TLS. Dropping it says `close_notify` first, as a polite client does.
#[derive(Debug)]
pub struct TlsStream {
    socket: TcpStream,
    connection: ClientConnection,
    pieces: Option<usize>,
    polite: bool,
    tape: &'static Tape,
    unread: Vec<u8>,
}

impl TlsStream {
    pub(super) fn new(
        socket: TcpStream,
        connection: ClientConnection,
        pieces: Option<usize>,
        tape: &'static Tape,
    ) -> Self {
        Self {
            socket,
            connection,
            pieces,
            polite: false,
            tape,
            unread: Vec::new(),
        }
    }

    pub(super) fn handshake(&mut self) -> Result<(), Failure> {
        self.socket
            .set_read_timeout(Some(PATIENCE))
            .map_err(|error| Failure::from(&error))?;
        while self.connection.is_handshaking() {
            self.flush_records()
                .map_err(|error| Failure::from(&error))?;
            if !self.connection.is_handshaking() {
                break;
            }
            match self.take_records() {
                Ok(0) => {
                    return Err(Failure {
                        alert: None,
                        text: "the server closed the connection in the handshake".to_owned(),
                    });
                }
                Ok(_) => {}
                Err(error) => return Err(Failure::from(&error)),
            }
        }
        self.flush_records()
            .map_err(|error| Failure::from(&error))?;
        self.polite = true;
        Ok(())
    }

    /// The socket below.
    #[must_use]
    pub const fn socket(&self) -> &TcpStream {
        &self.socket
    }

    /// Whether an earlier session was resumed.
    #[must_use]
    pub fn resumed(&self) -> bool {
        self.connection.handshake_kind() == Some(HandshakeKind::Resumed)
    }

    /// The version of TLS spoken.
    #[must_use]
    pub fn version(&self) -> Option<ProtocolVersion> {
        self.connection.protocol_version()
    }

    /// The key exchange, for who wonders whether it was post-quantum.
    #[must_use]
    pub fn group(&self) -> Option<rustls::NamedGroup> {
        let group = self.connection.negotiated_key_exchange_group()?;
        Some(group.name())
    }

    /// How many TLS 1.3 `NewSessionTicket`s have been read.
    #[must_use]
    pub fn tickets(&self) -> u32 {
        self.connection.tls13_tickets_received()
    }

    /// The protocol the server chose.
    #[must_use]
    pub fn alpn(&self) -> Option<&[u8]> {
        self.connection.alpn_protocol()
    }

    /// The server's own certificate, DER.
    ///
    /// # Panics
    /// When it showed none.
    #[must_use]
    pub fn certificate(&self) -> Vec<u8> {
        let chain = self.connection.peer_certificates().expect("a certificate");
        chain.first().expect("a certificate").to_vec()
    }

    /// Says `close_notify` and nothing more: no FIN.
    pub fn close_notify(&mut self) {
        if std::mem::take(&mut self.polite) {
            self.connection.send_close_notify();
            let _ = self.flush_records();
        }
    }

    /// `close_notify` and FIN; what comes until the other end's FIN, and whether its own
    /// `close_notify` was before it.
    #[must_use]
    pub fn finish(mut self) -> (Vec<u8>, bool) {
        self.close_notify();
        let _ = self.socket.shutdown(Shutdown::Write);
        self.rest()
    }

    /// Everything until the end, and whether it was TLS's own end.
    #[must_use]
    pub fn rest(&mut self) -> (Vec<u8>, bool) {
        let mut bytes = Vec::new();
        let clean = self.read_to_end(&mut bytes).is_ok();
        (bytes, clean)
    }

    /// FIN without `close_notify`, which anybody on the way can send; the socket, to wait on it.
    #[must_use]
    pub fn cut(mut self) -> TcpStream {
        self.polite = false;
        let socket = self.socket.try_clone().expect("a second handle");
        let _ = self.socket.shutdown(Shutdown::Write);
        socket
    }

    /// The socket underneath, for what is no record of this connection.
    ///
    /// # Panics
    /// When no descriptor is left.
    #[must_use]
    pub fn raw(&self) -> TcpStream {
        self.socket.try_clone().expect("a second handle")
    }

    /// RST.
    pub fn reset(mut self) {
        self.polite = false;
        if let Ok(socket) = self.socket.try_clone() {
            drop(self);
            data::reset(socket);
        }
    }

    /// Goes without a word more: FIN when there is nothing unread.
    pub fn abandon(mut self) {
        self.polite = false;
    }

    /// Ends TLS from both sides and goes on in clear (CCC).
    ///
    /// # Panics
    /// When the server does not end it.
    #[must_use]
    #[track_caller]
    pub fn into_clear(mut self) -> TcpStream {
        let (more, clean) = self.rest();
        assert!(
            clean && more.is_empty(),
            "no close_notify, or more under TLS"
        );
        self.close_notify();
        self.socket.try_clone().expect("a second handle")
    }

    // Everything rustls wants sent.
    fn flush_records(&mut self) -> io::Result<()> {
        let mut bytes = Vec::new();
        while self.connection.wants_write() {
            self.connection.write_tls(&mut bytes)?;
        }
        if let Some(size) = self.pieces {
            let (cut, encrypted) = split_records(&bytes, size);
            if encrypted {
                self.pieces = None;
            }
            bytes = cut;
        }
        self.socket.write_all(&bytes)
    }

    fn take_records(&mut self) -> io::Result<usize> {
        if self.unread.is_empty() {
            let mut piece = [0; 16 * 1024];
            let count = self.socket.read(&mut piece)?;
            self.unread
                .extend_from_slice(piece.get(..count).unwrap_or_default());
            self.tape.answer(&self.unread);
        }
        let mut unread = self.unread.as_slice();
        let count = self.connection.read_tls(&mut unread)?;
        let left = unread.len();
        self.unread.drain(..self.unread.len() - left);
        if let Err(error) = self.connection.process_new_packets() {
            // Our alert, should there be one, is for the server's log.
            let _ = self.flush_records();
            self.polite = false;
            return Err(io::Error::new(ErrorKind::InvalidData, error));
        }
        Ok(count)
    }
}

impl Read for TlsStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.connection.reader().read(buffer) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                done => return done,
            }
            self.take_records()?;
            self.flush_records()?;
        }
    }
}

impl Write for TlsStream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.connection.writer().write(bytes)?;
        self.flush_records()?;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.flush_records()
    }
}

impl Drop for TlsStream {
    fn drop(&mut self) {
        self.close_notify();
    }
}

impl From<&io::Error> for Failure {
    fn from(error: &io::Error) -> Self {
        let inner = error.get_ref().and_then(|e| e.downcast_ref());
        let alert = match inner {
            Some(rustls::Error::AlertReceived(alert)) => Some(u8::from(*alert)),
            _ => None,
        };
        Self {
            alert,
            text: error.to_string(),
        }
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.alert {
            Some(alert) => write!(f, "alert {alert}: {}", self.text),
            None => f.write_str(&self.text),
        }
    }
}

/// A connection in clear or under TLS.
#[derive(Debug)]
pub enum Pipe {
    /// In clear.
    Clear(TcpStream),
    /// Under TLS.
    Tls(Box<TlsStream>),
}

impl Pipe {
    /// The socket below.
    #[must_use]
    pub const fn socket(&self) -> &TcpStream {
        match self {
            Self::Clear(socket) => socket,
            Self::Tls(stream) => stream.socket(),
        }
    }
}

impl Read for Pipe {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Clear(socket) => socket.read(buffer),
            Self::Tls(stream) => stream.read(buffer),
        }
    }
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Clear(socket) => socket.write(bytes),
            Self::Tls(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Clear(socket) => socket.flush(),
            Self::Tls(stream) => stream.flush(),
        }
    }
}

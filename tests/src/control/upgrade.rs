//! A control connection from clear to TLS, and what follows for its data connections.

use std::net::{SocketAddr, TcpStream};

use super::Control;
use crate::tls::{Failure, Pipe, Tls, TlsStream};

impl Control {
    /// Connects to where TLS begins at once; reads nothing.
    ///
    /// # Panics
    /// When it cannot.
    #[must_use]
    #[track_caller]
    pub fn open_tls(address: SocketAddr, tls: &Tls) -> Self {
        let mut control = Self::open(address);
        if let Err(failure) = control.handshake(tls) {
            panic!("TLS with {address}: {failure}");
        }
        control
    }

    /// AUTH TLS and the handshake.
    ///
    /// # Panics
    /// When either is refused.
    #[track_caller]
    pub fn auth_tls(&mut self, tls: &Tls) {
        self.expect("AUTH TLS", 234);
        if let Err(failure) = self.handshake(tls) {
            panic!("the handshake after AUTH TLS: {failure}\n{self}");
        }
    }

    /// The handshake, as after 234. Sessions are remembered in a place of this connection's own,
    /// unless `tls` names another one.
    ///
    /// # Errors
    /// What came of it otherwise; the connection is good for nothing then.
    ///
    /// # Panics
    /// When there is unread text in clear: a client that went on would take it for the server's
    /// words under TLS (CVE-2021-22947).
    pub fn handshake(&mut self, tls: &Tls) -> Result<(), Failure> {
        assert!(self.buffer.is_empty(), "text in clear after 234\n{self}");
        let tls = tls.clone().remembering();
        let socket = self.socket_again();
        let stream = tls.connect(socket)?;
        self.note("-", b"(TLS)");
        self.pipe = Pipe::Tls(Box::new(stream));
        self.tls = Some(tls);
        Ok(())
    }

    /// PBSZ and PROT P; data connections resume this session from now on.
    ///
    /// # Panics
    /// When they are refused.
    #[track_caller]
    pub fn protect(&mut self) {
        self.expect("PBSZ 0", 200);
        self.expect("PROT P", 200);
        self.data = self.tls.clone();
    }

    /// How data connections are made from now on; `None`: in clear.
    pub fn set_data_tls(&mut self, tls: Option<Tls>) {
        self.data = tls;
    }

    /// How one more data connection is made, should it be under TLS.
    #[must_use]
    pub fn data_tls(&self) -> Option<Tls> {
        self.data.as_ref().map(Tls::another)
    }

    /// How this connection came under TLS, with the session it began: for data connections, or
    /// for what must not work.
    ///
    /// # Panics
    /// In clear.
    #[must_use]
    #[track_caller]
    pub fn tls(&self) -> Tls {
        self.tls.as_ref().expect("a connection under TLS").another()
    }

    /// The connection under TLS.
    ///
    /// # Panics
    /// In clear.
    #[must_use]
    #[track_caller]
    pub fn tls_stream(&mut self) -> &mut TlsStream {
        match &mut self.pipe {
            Pipe::Tls(stream) => stream,
            Pipe::Clear(_) => panic!("the connection is in clear"),
        }
    }

    /// Goes on in clear after CCC: `close_notify` both ways.
    ///
    /// # Panics
    /// In clear, or when the server does not end TLS.
    #[track_caller]
    pub fn end_tls(&mut self) {
        let clear = Pipe::Clear(self.socket_again());
        if let Pipe::Tls(stream) = std::mem::replace(&mut self.pipe, clear) {
            self.pipe = Pipe::Clear(stream.into_clear());
            self.note("-", b"(clear)");
        } else {
            panic!("the connection is in clear");
        }
    }

    /// Goes without a word more, as a process does that dies: FIN, and no `close_notify`.
    pub fn abandon_tls(mut self) {
        let clear = Pipe::Clear(self.socket_again());
        if let Pipe::Tls(stream) = std::mem::replace(&mut self.pipe, clear) {
            stream.abandon();
        }
    }

    /// Whether TLS was ended by the server's `close_notify`; `None` while it has not ended.
    #[must_use]
    pub const fn ended_well(&self) -> Option<bool> {
        self.ended
    }

    fn socket_again(&self) -> TcpStream {
        self.stream().try_clone().expect("a second handle")
    }
}

//! Data connections made by hand, from any address of this machine.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr, SocketAddrV4, TcpListener, TcpStream};
use std::time::Duration;

use rustix::net::{AddressFamily, SocketType, sockopt};

use crate::control::Control;
use crate::reply::Reply;
use crate::tls::{Failure, Pipe, TlsStream};
use crate::{PATIENCE, show};

/// What a whole transfer came to.
#[derive(Debug)]
pub struct Transfer {
    /// The bytes of the data connection.
    pub bytes: Vec<u8>,
    /// The last reply.
    pub reply: Reply,
    /// How TLS went, where the data was under TLS and its handshake was begun.
    pub tls: Option<Result<Session, Failure>>,
}

/// A TLS session on a data connection, when all was over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Session {
    /// Whether it was a session resumed.
    pub resumed: bool,
    /// `NewSessionTicket`s that came (TLS 1.3).
    pub tickets: u32,
    /// Whether the server ended it with `close_notify`.
    pub close_notify: bool,
}

impl Control {
    /// Sends EPSV; the port of the answer.
    ///
    /// # Panics
    /// When it is refused.
    #[track_caller]
    pub fn epsv_port(&mut self) -> u16 {
        let reply = self.expect("EPSV", 229);
        parse_229(&reply).unwrap_or_else(|| panic!("not a 229 of RFC 2428: {reply}"))
    }

    /// Sends PASV; the address of the answer.
    ///
    /// # Panics
    /// When it is refused.
    #[track_caller]
    pub fn pasv_address(&mut self) -> SocketAddrV4 {
        let reply = self.expect("PASV", 227);
        parse_227(&reply).unwrap_or_else(|| panic!("not a 227 of RFC 1123: {reply}"))
    }

    /// EPSV and the connection to it.
    #[track_caller]
    pub fn passive(&mut self) -> TcpStream {
        let port = self.epsv_port();
        open_from(self.local().ip(), SocketAddr::new(self.peer().ip(), port))
    }

    /// PASV and the connection to it.
    #[track_caller]
    pub fn passive_old(&mut self) -> TcpStream {
        let address = self.pasv_address();
        open_from(self.local().ip(), address.into())
    }

    /// A listener of ours, told to the server with EPRT.
    ///
    /// # Panics
    /// When it is refused.
    #[track_caller]
    pub fn active(&mut self) -> TcpListener {
        let listener = TcpListener::bind((self.local().ip(), 0)).expect("a port of our own");
        let address = listener.local_addr().expect("its address");
        self.expect(format!("EPRT |1|{}|{}|", address.ip(), address.port()), 200);
        listener
    }

    /// A listener of ours, told to the server with PORT.
    ///
    /// # Panics
    /// When it is refused.
    #[track_caller]
    pub fn active_old(&mut self) -> TcpListener {
        let listener = TcpListener::bind((self.local().ip(), 0)).expect("a port of our own");
        let port = listener.local_addr().expect("its address").port();
        let [high, low] = port.to_be_bytes();
        self.expect(format!("PORT 127,0,0,1,{high},{low}"), 200);
        listener
    }

    /// A download or listing over EPSV, whatever comes of it; under TLS after [`Control::protect`].
    #[track_caller]
    pub fn fetch(&mut self, command: impl AsRef<[u8]>) -> Transfer {
        let data = self.passive();
        let first = self.command(command);
        if !first.is_preliminary() {
            return Transfer {
                bytes: Vec::new(),
                reply: first,
                tls: None,
            };
        }
        let (bytes, tls) = match self.secured(data) {
            Ok(Pipe::Clear(data)) => (read_all(data), None),
            Ok(Pipe::Tls(mut data)) => {
                let (bytes, clean) = data.rest();
                let session = Session::of(&data, clean);
                (bytes, Some(Ok(session)))
            }
            Err(failure) => (Vec::new(), Some(Err(failure))),
        };
        Transfer {
            bytes,
            reply: self.reply(),
            tls,
        }
    }

    /// A download or listing over EPSV that must work.
    ///
    /// # Panics
    /// When it does not.
    #[track_caller]
    pub fn retrieve(&mut self, command: impl AsRef<[u8]>) -> Vec<u8> {
        let command = command.as_ref();
        let transfer = self.fetch(command);
        assert_eq!(transfer.reply.code, 226, "after {}\n{self}", show(command));
        transfer.bytes
    }

    /// A listing over EPSV that must work, as lines without their CRLF.
    ///
    /// # Panics
    /// When it does not, or a line does not end with CRLF.
    #[track_caller]
    pub fn listing(&mut self, command: impl AsRef<[u8]>) -> Vec<Vec<u8>> {
        split_lines(&self.retrieve(command))
    }

    /// An upload over EPSV, whatever comes of it: the last reply. Under TLS after
    /// [`Control::protect`], and then ended with `close_notify`.
    #[track_caller]
    pub fn put(&mut self, command: impl AsRef<[u8]>, content: &[u8]) -> Reply {
        let data = self.passive();
        let first = self.command(command);
        if !first.is_preliminary() {
            return first;
        }
        // A server that turns the upload down half way closes the connection; its reply tells.
        if let Ok(mut data) = self.secured(data) {
            let _ = data.write_all(content);
        }
        self.reply()
    }

    /// An upload over EPSV that must work.
    ///
    /// # Panics
    /// When it does not.
    #[track_caller]
    pub fn store(&mut self, command: impl AsRef<[u8]>, content: &[u8]) -> Reply {
        let command = command.as_ref();
        let reply = self.put(command, content);
        assert_eq!(reply.code, 226, "after {}\n{self}", show(command));
        reply
    }

    // Brings a data connection under TLS, where that was asked for.
    fn secured(&self, data: TcpStream) -> Result<Pipe, Failure> {
        match self.data_tls() {
            None => Ok(Pipe::Clear(data)),
            Some(tls) => Ok(Pipe::Tls(Box::new(tls.connect(data)?))),
        }
    }

    /// [`Control::begin`] under TLS, as [`Control::protect`] or [`Control::set_data_tls`] have it.
    ///
    /// # Panics
    /// When it does not begin.
    #[track_caller]
    pub fn begin_tls(&mut self, command: impl AsRef<[u8]>) -> TlsStream {
        let data = self.begin(command);
        match self.secured(data) {
            Ok(Pipe::Tls(stream)) => *stream,
            Ok(Pipe::Clear(_)) => panic!("data connections are in clear"),
            Err(failure) => panic!("TLS on the data connection: {failure}\n{self}"),
        }
    }

    /// Opens a data connection over EPSV and starts a transfer that must begin; it is in clear.
    ///
    /// # Panics
    /// When it does not.
    #[track_caller]
    pub fn begin(&mut self, command: impl AsRef<[u8]>) -> TcpStream {
        let data = self.passive();
        self.expect_any(command, &[125, 150]);
        data
    }
}

impl Session {
    fn of(data: &TlsStream, close_notify: bool) -> Self {
        Self {
            resumed: data.resumed(),
            tickets: data.tickets(),
            close_notify,
        }
    }
}

/// Connects.
///
/// # Panics
/// When it cannot.
#[must_use]
#[track_caller]
pub fn open(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect_timeout(&address, PATIENCE)
        .unwrap_or_else(|error| panic!("the data connection to {address}: {error}"));
    prepare(&stream);
    stream
}

// From the control connection's own address, where it has one of its own.
#[track_caller]
fn open_from(local: IpAddr, address: SocketAddr) -> TcpStream {
    match local {
        IpAddr::V4(local) if local.is_loopback() && local != Ipv4Addr::LOCALHOST => {
            connect_from(local, address)
                .unwrap_or_else(|error| panic!("from {local} to {address}: {error}"))
        }
        _ => open(address),
    }
}

/// Takes the server's connection to our listener.
///
/// # Panics
/// When it does not come.
#[must_use]
#[track_caller]
pub fn accept(listener: &TcpListener) -> TcpStream {
    // accept(2) heeds the receive timeout of its socket.
    sockopt::set_socket_timeout(listener, sockopt::Timeout::Recv, Some(PATIENCE))
        .expect("a timeout");
    let (stream, _) = listener.accept().expect("the server's data connection");
    prepare(&stream);
    stream
}

/// Connects from another address of this machine, as 127.0.0.2.
///
/// # Errors
/// Those of the socket.
pub fn connect_from(local: Ipv4Addr, to: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = rustix::net::socket(AddressFamily::INET, SocketType::STREAM, None)?;
    sockopt::set_socket_timeout(&socket, sockopt::Timeout::Send, Some(PATIENCE))?;
    rustix::net::bind(&socket, &SocketAddrV4::new(local, 0))?;
    rustix::net::connect(&socket, &to)?;
    let stream = TcpStream::from(socket);
    prepare(&stream);
    Ok(stream)
}

/// Everything until the end.
///
/// # Panics
/// When the connection breaks or stalls.
#[must_use]
#[track_caller]
pub fn read_all(mut data: TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Err(error) = data.read_to_end(&mut bytes) {
        panic!(
            "the data connection broke after {} bytes: {error}",
            bytes.len()
        );
    }
    bytes
}

/// Everything until the end or the break, and whether it was a clean end.
#[must_use]
pub fn read_what_comes(mut data: TcpStream) -> (Vec<u8>, bool) {
    let mut bytes = Vec::new();
    let clean = data.read_to_end(&mut bytes).is_ok();
    (bytes, clean)
}

/// Exactly so many bytes.
///
/// # Panics
/// When fewer come.
#[must_use]
#[track_caller]
pub fn read_some(data: &mut TcpStream, count: usize) -> Vec<u8> {
    let mut bytes = vec![0; count];
    if let Err(error) = data.read_exact(&mut bytes) {
        panic!("fewer than {count} bytes: {error}");
    }
    bytes
}

/// Ends a connection with RST, as a cut line does.
pub fn reset(stream: TcpStream) {
    let _ = sockopt::set_socket_linger(&stream, Some(Duration::ZERO));
    drop(stream);
}

/// Says that nothing more comes from us.
pub fn finish(stream: &TcpStream) {
    let _ = stream.shutdown(Shutdown::Write);
}

/// A small receive buffer, so that the sender notices a reader that does not read.
pub fn read_little(stream: &TcpStream) {
    let _ = sockopt::set_socket_recv_buffer_size(stream, 8 * 1024);
}

/// Lines that must each end with CRLF.
///
/// # Panics
/// When one does not.
#[must_use]
#[track_caller]
pub fn split_lines(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut lines: Vec<_> = bytes
        .split(|&byte| byte == b'\n')
        .map(<[u8]>::to_vec)
        .collect();
    let rest = lines.pop().unwrap_or_default();
    assert!(
        rest.is_empty(),
        "a listing ends with a line end, not with {}",
        show(&rest)
    );
    for line in &mut lines {
        assert_eq!(
            line.pop(),
            Some(b'\r'),
            "a listing line ends with CRLF: {}",
            show(line)
        );
    }
    lines
}

/// The port in a 229 reply.
#[must_use]
pub fn parse_229(reply: &Reply) -> Option<u16> {
    let text = reply.text();
    let (_, rest) = text.split_once("(|||")?;
    let (port, _) = rest.split_once("|)")?;
    port.parse().ok()
}

/// The address in a 227 reply.
#[must_use]
pub fn parse_227(reply: &Reply) -> Option<SocketAddrV4> {
    let text = reply.text();
    let (_, rest) = text.split_once('(')?;
    let (numbers, _) = rest.split_once(')')?;
    let numbers: Vec<u8> = numbers
        .split(',')
        .map(str::parse)
        .collect::<Result<_, _>>()
        .ok()?;
    let &[a, b, c, d, high, low] = numbers.as_slice() else {
        return None;
    };
    Some(SocketAddrV4::new(
        Ipv4Addr::new(a, b, c, d),
        u16::from_be_bytes([high, low]),
    ))
}

fn prepare(stream: &TcpStream) {
    stream
        .set_read_timeout(Some(PATIENCE))
        .expect("a read timeout");
    stream
        .set_write_timeout(Some(PATIENCE))
        .expect("a write timeout");
}

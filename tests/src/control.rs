//! A control connection, spoken by hand: what is sent is what the test says, and every reply is
//! checked for its form.

mod upgrade;

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use crate::reply::{Reply, opening};
use crate::tls::{Pipe, Tls};
use crate::wharf::Account;
use crate::{PATIENCE, show};

/// A control connection with its transcript, in clear or under TLS.
#[derive(Debug)]
pub struct Control {
    pipe: Pipe,
    tls: Option<Tls>,
    data: Option<Tls>,
    ended: Option<bool>,
    buffer: Vec<u8>,
    transcript: Vec<String>,
    patience: Duration,
}

impl Control {
    /// Connects; reads nothing.
    ///
    /// # Panics
    /// When it cannot.
    #[must_use]
    #[track_caller]
    pub fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect_timeout(&address, PATIENCE)
            .unwrap_or_else(|error| panic!("connecting to {address}: {error}"));
        Self::around(stream)
    }

    /// Around a connection that exists.
    ///
    /// # Panics
    /// When the socket takes no options.
    #[must_use]
    pub fn around(stream: TcpStream) -> Self {
        stream.set_nodelay(true).expect("TCP_NODELAY");
        stream
            .set_write_timeout(Some(PATIENCE))
            .expect("a write timeout");
        Self {
            pipe: Pipe::Clear(stream),
            tls: None,
            data: None,
            ended: None,
            buffer: Vec::new(),
            transcript: Vec::new(),
            patience: PATIENCE,
        }
    }

    /// How long a reply may take from now on.
    pub const fn set_patience(&mut self, patience: Duration) {
        self.patience = patience;
    }

    /// The socket itself.
    #[must_use]
    pub const fn stream(&self) -> &TcpStream {
        self.pipe.socket()
    }

    /// The other end's address.
    ///
    /// # Panics
    /// When the connection is gone.
    #[must_use]
    pub fn peer(&self) -> SocketAddr {
        self.stream().peer_addr().expect("the peer's address")
    }

    /// This end's address.
    ///
    /// # Panics
    /// When the connection is gone.
    #[must_use]
    pub fn local(&self) -> SocketAddr {
        self.stream().local_addr().expect("our address")
    }

    /// Sends one line; CRLF is added.
    ///
    /// # Panics
    /// When the connection is gone.
    #[track_caller]
    pub fn send(&mut self, line: impl AsRef<[u8]>) {
        let mut bytes = line.as_ref().to_vec();
        bytes.extend_from_slice(b"\r\n");
        self.send_raw(&bytes);
    }

    /// Sends bytes as they are.
    ///
    /// # Panics
    /// When the connection is gone.
    #[track_caller]
    pub fn send_raw(&mut self, bytes: &[u8]) {
        if let Err(error) = self.try_send_raw(bytes) {
            panic!("sending {}: {error}\n{self}", show(bytes));
        }
    }

    /// Sends bytes as they are.
    ///
    /// # Errors
    /// Those of the socket.
    pub fn try_send_raw(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.note("C", bytes.get(..200).unwrap_or(bytes));
        self.pipe.write_all(bytes)
    }

    /// Sends one byte out of band (TCP urgent), as clients do with the Telnet data mark.
    ///
    /// # Panics
    /// When the connection is gone.
    pub fn send_urgent(&mut self, bytes: &[u8]) {
        self.note("C (urgent)", bytes);
        rustix::net::send(self.stream(), bytes, rustix::net::SendFlags::OOB).expect("urgent bytes");
    }

    /// The next reply.
    ///
    /// # Panics
    /// When none comes, or one that breaks RFC 959's form.
    #[track_caller]
    pub fn reply(&mut self) -> Reply {
        match self.try_reply() {
            Ok(Some(reply)) => reply,
            Ok(None) => panic!("the server closed the connection instead of a reply\n{self}"),
            Err(error) => panic!("no reply: {error}\n{self}"),
        }
    }

    /// The next reply; `None` when the server closed the connection instead.
    ///
    /// # Errors
    /// A timeout, a reset, or a reply that breaks RFC 959's form.
    pub fn try_reply(&mut self) -> Result<Option<Reply>, String> {
        let Some(first) = self.line()? else {
            return Ok(None);
        };
        let Some((code, more)) = opening(&first) else {
            return Err(format!(
                "a reply begins with three digits, not {}",
                show(&first)
            ));
        };
        let mut lines = vec![first];
        if more {
            self.rest_of_reply(code, &mut lines)?;
        }
        Ok(Some(Reply { code, lines }))
    }

    fn rest_of_reply(&mut self, code: u16, lines: &mut Vec<Vec<u8>>) -> Result<(), String> {
        loop {
            let Some(line) = self.line()? else {
                return Err("the connection ended within a reply".to_owned());
            };
            let inner = opening(&line);
            lines.push(line);
            match inner {
                Some((last, false)) if last == code => return Ok(()),
                Some((_, false)) => {
                    return Err("an inner line of a reply looks like a reply".to_owned());
                }
                Some((_, true)) | None => {}
            }
        }
    }

    /// Sends a line and reads its reply.
    #[track_caller]
    pub fn command(&mut self, line: impl AsRef<[u8]>) -> Reply {
        self.send(line);
        self.reply()
    }

    /// Sends a line and insists on a code.
    ///
    /// # Panics
    /// When another one comes.
    #[track_caller]
    pub fn expect(&mut self, line: impl AsRef<[u8]>, code: u16) -> Reply {
        let line = line.as_ref();
        let reply = self.command(line);
        assert_eq!(reply.code, code, "the reply to {}\n{self}", show(line));
        reply
    }

    /// Sends a line and insists on one of some codes.
    ///
    /// # Panics
    /// When another one comes.
    #[track_caller]
    pub fn expect_any(&mut self, line: impl AsRef<[u8]>, codes: &[u16]) -> Reply {
        let line = line.as_ref();
        let reply = self.command(line);
        assert!(
            codes.contains(&reply.code),
            "{} is not one of {codes:?}\n{self}",
            reply.code
        );
        reply
    }

    /// Reads a reply and insists on its code.
    ///
    /// # Panics
    /// When another one comes.
    #[track_caller]
    pub fn await_code(&mut self, code: u16) -> Reply {
        let reply = self.reply();
        assert_eq!(reply.code, code, "{reply}\n{self}");
        reply
    }

    /// Logs in.
    ///
    /// # Panics
    /// When that is refused.
    #[track_caller]
    pub fn login(&mut self, account: &Account) {
        self.expect(format!("USER {}", account.name), 331);
        self.expect(format!("PASS {}", account.password), 230);
    }

    /// Insists that the server ends the connection with nothing more to say. A reset counts as an
    /// end.
    ///
    /// # Panics
    /// When it says more or does not.
    #[track_caller]
    pub fn expect_end(&mut self) {
        match self.line() {
            Ok(None) => {}
            Ok(Some(line)) => panic!("more instead of the end: {}\n{self}", show(&line)),
            Err(error) => panic!("no end of the connection: {error}\n{self}"),
        }
    }

    /// Whether nothing at all comes within `time`. Only for what must not happen.
    pub fn silent_for(&mut self, time: Duration) -> bool {
        let patience = std::mem::replace(&mut self.patience, time);
        let silent = self.buffer.is_empty() && matches!(self.fill(), Err(None));
        self.patience = patience;
        silent
    }

    /// Closes our direction only.
    pub fn finish_sending(&self) {
        let _ = self.stream().shutdown(Shutdown::Write);
    }

    fn line(&mut self) -> Result<Option<Vec<u8>>, String> {
        let deadline = Instant::now() + self.patience;
        loop {
            if let Some(end) = self.buffer.iter().position(|&byte| byte == b'\n') {
                let mut line: Vec<u8> = self.buffer.drain(..=end).collect();
                self.note("S", line.get(..line.len() - 1).unwrap_or_default());
                line.pop();
                if line.pop() != Some(b'\r') || line.contains(&b'\r') || line.contains(&0) {
                    return Err("a reply line has CR, LF or NUL where none belongs".to_owned());
                }
                return Ok(Some(line));
            }
            if Instant::now() > deadline {
                return Err(format!("nothing for {:?}", self.patience));
            }
            match self.fill() {
                Ok(0) if self.buffer.is_empty() => {
                    self.note("S", b"(end)");
                    return Ok(None);
                }
                Ok(0) => return Err("the connection ended within a line".to_owned()),
                Ok(_) => {}
                Err(None) => return Err(format!("nothing for {:?}", self.patience)),
                Err(Some(error)) => return Err(error),
            }
        }
    }

    // `Err(None)` is a timeout.
    fn fill(&mut self) -> Result<usize, Option<String>> {
        let mut piece = [0; 16 * 1024];
        self.stream()
            .set_read_timeout(Some(self.patience))
            .map_err(|e| Some(e.to_string()))?;
        match self.pipe.read(&mut piece) {
            Ok(0) => {
                self.ended.get_or_insert(matches!(self.pipe, Pipe::Tls(_)));
                Ok(0)
            }
            Ok(count) => {
                self.buffer
                    .extend_from_slice(piece.get(..count).unwrap_or_default());
                Ok(count)
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                Err(None)
            }
            // A FIN without close_notify, under TLS.
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::ConnectionReset | ErrorKind::UnexpectedEof
                ) =>
            {
                self.ended.get_or_insert(false);
                Ok(0)
            }
            Err(error) => Err(Some(error.to_string())),
        }
    }

    fn note(&mut self, who: &str, bytes: &[u8]) {
        // A bound for the tests that send a hundred thousand lines.
        if self.transcript.len() >= 4000 {
            self.transcript.drain(..2000);
        }
        let line = bytes
            .strip_suffix(b"\r\n")
            .or_else(|| bytes.strip_suffix(b"\r"));
        self.transcript
            .push(format!("{who}: {}", show(line.unwrap_or(bytes))));
    }

    /// Every line sent and received, oldest first.
    #[must_use]
    pub fn transcript(&self) -> &[String] {
        &self.transcript
    }
}

/// The last lines of the conversation, for messages.
impl std::fmt::Display for Control {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "--- the control connection")?;
        for line in self
            .transcript
            .iter()
            .skip(self.transcript.len().saturating_sub(40))
        {
            writeln!(f, "{line}")?;
        }
        Ok(())
    }
}

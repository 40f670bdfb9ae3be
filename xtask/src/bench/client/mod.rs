//! The load generator: an FTP client that costs as little as a client can.
//!
//! Every transfer is what a real client does: EPSV, connect, the command, its 150, the data, its
//! 226, and over TLS a handshake that resumes the session of the control connection. A wrong size
//! or reply is an error.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddrV4, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rustls::ClientConfig;

use super::tls::{self, Buffers};

mod socket;

use socket::connect;
pub(crate) use socket::{Idle, Payload, discard};

/// The longest reply taken.
const LONGEST_REPLY: usize = 64 * 1024;

/// What was seen of one listing.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Listing {
    /// From the command to the first byte of data.
    pub(crate) first_byte: Duration,
    /// From the command to the final reply.
    pub(crate) total: Duration,
    /// Lines received.
    pub(crate) lines: u64,
}

/// One control connection.
#[derive(Debug)]
pub(crate) struct Session {
    control: Control,
    server: SocketAddrV4,
    source: Option<Ipv4Addr>,
    /// Bytes received and not yet taken start at `taken`.
    received: Vec<u8>,
    taken: usize,
    /// Never read from: the kernel discards into it.
    sink: Vec<u8>,
    /// What protected data connections use, one after the other.
    buffers: Buffers,
}

#[derive(Debug)]
enum Control {
    Clear(TcpStream),
    Protected(Box<tls::Control>),
    /// Its handshake failed.
    Lost,
}

/// A data connection, ready for the data.
enum Data {
    Clear(TcpStream),
    Protected(tls::Channel),
}

impl Session {
    /// Connects and takes the greeting. With a `source`, both connections leave from there.
    pub(crate) fn connect(server: SocketAddrV4, source: Option<Ipv4Addr>) -> Result<Self> {
        let control = connect(server, source).context("cannot connect")?;
        let mut session = Self {
            control: Control::Clear(control),
            server,
            source,
            received: Vec::new(),
            taken: 0,
            sink: Vec::new(),
            buffers: Buffers::default(),
        };
        session.expect("the greeting", &[220])?;
        Ok(session)
    }

    /// AUTH TLS and a full handshake.
    pub(crate) fn protect(&mut self, config: &ClientConfig) -> Result<()> {
        self.command("AUTH TLS", &[234])?;
        let Control::Clear(stream) = std::mem::replace(&mut self.control, Control::Lost) else {
            bail!("the connection is protected already");
        };
        let control = tls::Control::connect(stream, config).context("after AUTH TLS")?;
        self.control = Control::Protected(Box::new(control));
        Ok(())
    }

    /// Has data connections protected too, and makes room for what will come over them.
    pub(crate) fn protect_data(&mut self) -> Result<()> {
        self.command("PBSZ 0", &[200])?;
        self.command("PROT P", &[200])?;
        self.buffers = Buffers::large();
        Ok(())
    }

    pub(crate) fn login(&mut self, name: &str, password: &str) -> Result<()> {
        if self.command(&format!("USER {name}"), &[331, 230])? == 331 {
            self.command(&format!("PASS {password}"), &[230])?;
        }
        Ok(())
    }

    pub(crate) fn quit(mut self) -> Result<()> {
        self.command("QUIT", &[221]).map(drop)
    }

    /// Sends a line and takes its reply, which must have one of these codes.
    pub(crate) fn command(&mut self, line: &str, codes: &[u16]) -> Result<u16> {
        self.say(line)?;
        self.expect(line, codes)
    }

    /// Downloads a file of `size` bytes.
    pub(crate) fn download(&mut self, path: &str, size: u64) -> Result<()> {
        let got = match self.begin(&format!("RETR {path}"))? {
            Data::Clear(stream) => discard(&stream, &mut self.sink),
            Data::Protected(mut channel) => {
                let got = channel.discard();
                self.buffers = channel.close();
                got
            }
        };
        let got = got.with_context(|| format!("no more data of {path}"))?;
        self.expect("the end of the download", &[226, 250])?;
        ensure!(got == size, "{path}: received {got} bytes, not {size}");
        Ok(())
    }

    /// Uploads `size` bytes.
    pub(crate) fn upload(&mut self, path: &str, size: u64, payload: &Payload) -> Result<()> {
        let cannot = || format!("cannot send {path}");
        match self.begin(&format!("STOR {path}"))? {
            Data::Clear(stream) => payload.send(&stream, size).with_context(cannot)?,
            Data::Protected(mut channel) => {
                channel.pour(size).with_context(cannot)?;
                self.buffers = channel.finish().with_context(cannot)?;
            }
        }
        self.expect("the end of the upload", &[226, 250])?;
        Ok(())
    }

    /// Lists the working folder by `verb`, counting the lines.
    pub(crate) fn list(&mut self, verb: &str) -> Result<Listing> {
        let mut data = self.open_data()?;
        let start = Instant::now();
        self.say(verb)?;
        // Before the 150 is taken: the data may come first.
        let mut chunk = vec![0; 256 * 1024];
        let mut lines = 0;
        let mut first_byte = None;
        loop {
            let length = match data.read(&mut chunk) {
                Ok(0) => break,
                Ok(length) => length,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error).context("no more data of the listing"),
            };
            first_byte.get_or_insert_with(|| start.elapsed());
            lines += chunk[..length]
                .iter()
                .filter(|byte| **byte == b'\n')
                .count() as u64;
        }
        drop(data);
        self.expect(verb, &[150, 125])?;
        self.expect("the end of the listing", &[226, 250])?;
        Ok(Listing {
            first_byte: first_byte.context("the listing was empty")?,
            total: start.elapsed(),
            lines,
        })
    }

    /// Opens a data connection for `command` and takes its first reply.
    fn begin(&mut self, command: &str) -> Result<Data> {
        let stream = self.open_data()?;
        self.say(command)?;
        let Control::Protected(control) = &mut self.control else {
            self.expect(command, &[150, 125])?;
            return Ok(Data::Clear(stream));
        };
        // Some servers answer before the handshake, some after.
        let connected = control.connect_data(stream, std::mem::take(&mut self.buffers));
        let channel = match connected {
            Ok(channel) => channel,
            Err(error) => return Err(self.refused(command, error)),
        };
        self.expect(command, &[150, 125])?;
        Ok(Data::Protected(channel))
    }

    /// Adds what the server says about a handshake that failed.
    fn refused(&mut self, command: &str, error: anyhow::Error) -> anyhow::Error {
        let mut last = Vec::new();
        while let Ok(reply) = self.reply() {
            last = reply;
            // Before the refusal there may be a 150.
            if code(&last) >= Some(400) {
                break;
            }
        }
        error.context(format!("{command} was answered `{}`", shown(&last)))
    }

    fn open_data(&mut self) -> Result<TcpStream> {
        self.say("EPSV")?;
        let reply = self.reply()?;
        let port = passive_port(&reply)
            .with_context(|| format!("EPSV was answered `{}`", shown(&reply)))?;
        connect(SocketAddrV4::new(*self.server.ip(), port), self.source)
            .with_context(|| format!("cannot connect to the passive port {port}"))
    }

    fn say(&mut self, line: &str) -> Result<()> {
        let mut bytes = Vec::with_capacity(line.len() + 2);
        bytes.extend_from_slice(line.as_bytes());
        bytes.extend_from_slice(b"\r\n");
        let sent = match &mut self.control {
            Control::Clear(stream) => stream.write_all(&bytes).map_err(Into::into),
            Control::Protected(control) => control.send(&bytes),
            Control::Lost => bail!("the control connection was lost"),
        };
        sent.with_context(|| format!("cannot send `{line}`"))
    }

    fn expect(&mut self, what: &str, codes: &[u16]) -> Result<u16> {
        let reply = self
            .reply()
            .with_context(|| format!("no reply to {what}"))?;
        match code(&reply) {
            Some(code) if codes.contains(&code) => Ok(code),
            _ => bail!("{what} was answered `{}`", shown(&reply)),
        }
    }

    /// The last line of the next reply, without its line end.
    fn reply(&mut self) -> Result<Vec<u8>> {
        let mut opened_by = None;
        loop {
            let line = self.line()?;
            let code = code(&line);
            let last = line.get(3) != Some(&b'-');
            match opened_by {
                // RFC 959 §4.2: a reply of several lines ends with its code and a space.
                Some(opening) if code == Some(opening) && line.get(3) == Some(&b' ') => {
                    return Ok(line);
                }
                Some(_) => {}
                None if last => return Ok(line),
                None => opened_by = Some(code.context("a reply without a code")?),
            }
        }
    }

    fn line(&mut self) -> Result<Vec<u8>> {
        loop {
            let fresh = &self.received[self.taken..];
            if let Some(end) = fresh.iter().position(|byte| *byte == b'\n') {
                let line = fresh[..end].trim_ascii_end().to_vec();
                self.taken += end + 1;
                if self.taken == self.received.len() {
                    self.received.clear();
                    self.taken = 0;
                }
                return Ok(line);
            }
            ensure!(fresh.len() < LONGEST_REPLY, "a reply without an end");
            match &mut self.control {
                Control::Clear(stream) => {
                    let mut chunk = [0; 1024];
                    let length = stream.read(&mut chunk)?;
                    ensure!(length > 0, "the server closed the connection");
                    self.received.extend_from_slice(&chunk[..length]);
                }
                Control::Protected(control) => control.receive(&mut self.received)?,
                Control::Lost => bail!("the control connection was lost"),
            }
        }
    }

    /// Only the connection, without what the client knows about it: a session that will be idle to
    /// its end.
    pub(crate) fn into_idle(self) -> Idle {
        Idle::new(match self.control {
            Control::Clear(stream) => Some(stream),
            Control::Protected(control) => Some(control.into_stream()),
            Control::Lost => None,
        })
    }
}

fn code(line: &[u8]) -> Option<u16> {
    std::str::from_utf8(line.get(..3)?).ok()?.parse().ok()
}

/// The port in `229 ... (|||PORT|)`.
fn passive_port(reply: &[u8]) -> Option<u16> {
    let text = std::str::from_utf8(reply).ok()?;
    let (_, rest) = text.strip_prefix("229")?.split_once("(|||")?;
    rest.split_once('|')?.0.parse().ok()
}

fn shown(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string()
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;
    use crate::bench::stub;
    use crate::bench::tls::Certificate;

    /// A session with the stand-in; the folder is deleted when it is dropped.
    fn session() -> (TempDir, Session) {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("small"), [7; 4096]).unwrap();
        std::fs::create_dir(folder.path().join("list-12")).unwrap();
        let certificate = Certificate::within(folder.path());
        certificate.make().unwrap();
        let address = stub::start(0, folder.path(), &certificate).unwrap();
        let session = Session::connect(address, None).unwrap();
        (folder, session)
    }

    #[test]
    fn a_session_from_login_to_quit() {
        let (_folder, mut session) = session();
        session.login("anonymous", "x").unwrap();
        session.download("small", 4096).unwrap();
        session
            .upload("up/x", 100_000, &Payload::new().unwrap())
            .unwrap();
        session.download("small", 4096).unwrap();
        session.command("CWD /list-12", &[250]).unwrap();
        let listing = session.list("LIST").unwrap();
        assert_eq!(listing.lines, 12);
        assert!(listing.first_byte <= listing.total);
        session.quit().unwrap();
    }

    #[test]
    fn a_protected_session_resumes_on_each_data_connection() {
        let (_folder, mut session) = session();
        session.protect(&tls::client_config().unwrap()).unwrap();
        session.login("anonymous", "x").unwrap();
        session.protect_data().unwrap();
        for size in [0, 1, 16_383, 16_384, 16_385, 5_000_000] {
            session
                .upload("up/x", size, &Payload::new().unwrap())
                .unwrap();
            session.download("small", 4096).unwrap();
        }
        let error = format!("{:#}", session.download("missing", 1).unwrap_err());
        assert!(error.contains("RETR missing was answered `550"), "{error}");
        session.quit().unwrap();
    }

    #[test]
    fn a_wrong_size_is_an_error() {
        let (_folder, mut session) = session();
        let error = session.download("small", 4097).unwrap_err().to_string();
        assert!(error.contains("received 4096 bytes, not 4097"), "{error}");
    }

    #[test]
    fn a_wrong_reply_is_an_error() {
        let (_folder, mut session) = session();
        let error = session.download("missing", 1).unwrap_err().to_string();
        assert!(error.contains("RETR missing was answered `550"), "{error}");
    }

    #[test]
    fn sessions_leave_from_the_address_asked_for() {
        let (_folder, first) = session();
        let source = Ipv4Addr::new(127, 0, 7, 9);
        let session = Session::connect(first.server, Some(source)).unwrap();
        let Control::Clear(stream) = &session.control else {
            panic!("{session:?}");
        };
        assert_eq!(stream.local_addr().unwrap().ip(), source);
    }

    #[test]
    fn passive_ports() {
        assert_eq!(
            passive_port(b"229 Extended Passive mode OK (|||29816|)"),
            Some(29816)
        );
        assert_eq!(passive_port(b"229 (|||0x1|)"), None);
        assert_eq!(passive_port(b"500 (|||29816|)"), None);
    }
}

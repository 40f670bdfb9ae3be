//! The load generator: an FTP client that costs as little as a client can.
//!
//! Every transfer is what a real client does: EPSV, connect, the command, its 150, the data, its
//! 226. Received data is discarded in the kernel, sent data comes from memory without a copy, and
//! a wrong size or reply is an error.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpStream};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rustix::fs::{MemfdFlags, memfd_create, sendfile};
use rustix::net::{AddressFamily, RecvFlags, SocketFlags, SocketType, sockopt};

/// How long a server may take for anything; a password hash by pure-pw takes seconds.
const PATIENCE: Duration = Duration::from_secs(120);
/// The longest reply taken.
const LONGEST_REPLY: usize = 64 * 1024;
/// What one `recv` may discard at most. The memory is never touched.
const DISCARD: usize = 4 << 20;
/// What one `sendfile` may send at most.
const SENT: usize = 8 << 20;

/// Memory that uploads are sent from, shared by all sessions.
#[derive(Debug, Clone)]
pub(crate) struct Payload(Arc<OwnedFd>);

impl Payload {
    pub(crate) fn new() -> Result<Self> {
        let memory = memfd_create("upload", MemfdFlags::CLOEXEC)?;
        let mut file = std::fs::File::from(memory);
        file.write_all(&vec![0xA5; SENT])?;
        Ok(Self(Arc::new(OwnedFd::from(file))))
    }

    fn send(&self, to: &TcpStream, length: u64) -> Result<()> {
        let mut left = length;
        while left > 0 {
            let mut offset = 0;
            let piece = usize::try_from(left.min(SENT as u64))?;
            let sent = sendfile(to, &*self.0, Some(&mut offset), piece)?;
            ensure!(sent > 0, "nothing more can be sent");
            left -= sent as u64;
        }
        Ok(())
    }
}

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
    control: TcpStream,
    server: SocketAddrV4,
    source: Option<Ipv4Addr>,
    /// Bytes received and not yet taken start at `taken`.
    received: Vec<u8>,
    taken: usize,
    /// Never read from: the kernel discards into it.
    sink: Vec<u8>,
}

impl Session {
    /// Connects and takes the greeting. With a `source`, both connections leave from there.
    pub(crate) fn connect(server: SocketAddrV4, source: Option<Ipv4Addr>) -> Result<Self> {
        let control = connect(server, source).context("cannot connect")?;
        let mut session = Self {
            control,
            server,
            source,
            received: Vec::new(),
            taken: 0,
            sink: Vec::new(),
        };
        session.expect("the greeting", &[220])?;
        Ok(session)
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
        let data = self.open_data()?;
        self.command(&format!("RETR {path}"), &[150, 125])?;
        if self.sink.is_empty() {
            self.sink = vec![0; DISCARD];
        }
        let mut got = 0;
        loop {
            let (_, length) = rustix::net::recv(&data, &mut self.sink[..], RecvFlags::TRUNC)
                .with_context(|| format!("no more data of {path} after {got} bytes"))?;
            if length == 0 {
                break;
            }
            got += length as u64;
        }
        drop(data);
        self.expect("the end of the download", &[226, 250])?;
        ensure!(got == size, "{path}: received {got} bytes, not {size}");
        Ok(())
    }

    /// Uploads `size` bytes.
    pub(crate) fn upload(&mut self, path: &str, size: u64, payload: &Payload) -> Result<()> {
        let data = self.open_data()?;
        self.command(&format!("STOR {path}"), &[150, 125])?;
        payload
            .send(&data, size)
            .with_context(|| format!("cannot send {path}"))?;
        drop(data);
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
        self.control
            .write_all(&bytes)
            .with_context(|| format!("cannot send `{line}`"))
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
            let mut chunk = [0; 1024];
            let length = self.control.read(&mut chunk)?;
            ensure!(length > 0, "the server closed the connection");
            self.received.extend_from_slice(&chunk[..length]);
        }
    }

    /// Gives back the memory that transfers used, for sessions that will only wait.
    pub(crate) fn shrink(&mut self) {
        self.received.shrink_to_fit();
        self.sink = Vec::new();
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

/// Connects with NODELAY, so that a stall of 40 ms is the server's and not ours.
fn connect(to: SocketAddrV4, source: Option<Ipv4Addr>) -> std::io::Result<TcpStream> {
    let socket = rustix::net::socket_with(
        AddressFamily::INET,
        SocketType::STREAM,
        SocketFlags::CLOEXEC,
        None,
    )?;
    if let Some(source) = source {
        // Lets ports be taken again that wait out an earlier connection to another port.
        sockopt::set_socket_reuseaddr(&socket, true)?;
        rustix::net::bind(&socket, &SocketAddr::from((source, 0)))?;
    }
    rustix::net::connect(&socket, &SocketAddr::V4(to))?;
    let stream = TcpStream::from(socket);
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(stream)
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;
    use crate::bench::stub;

    /// A session with the stand-in; the folder is deleted when it is dropped.
    fn session() -> (TempDir, Session) {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("small"), [7; 4096]).unwrap();
        std::fs::create_dir(folder.path().join("list-12")).unwrap();
        let address = stub::start(0, folder.path()).unwrap();
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
        assert_eq!(session.control.local_addr().unwrap().ip(), source);
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

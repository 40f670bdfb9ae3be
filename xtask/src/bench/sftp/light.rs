//! A session that says nothing.
//!
//! A process of OpenSSH's client for each would take gigabytes, and the kernel's share of them would
//! hide that of the server. Here a session is a socket and the keys of its packets: nobody waits at
//! it, and what comes meanwhile stays in the kernel.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddrV4, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use wharf_ssh::algorithm::{Cipher, KeyExchange};
use wharf_ssh::encoding::Writer as _;
use wharf_ssh::key::HostKey;
use wharf_ssh::message::channel::{self, Message};
use wharf_ssh::transport::{Options, Received};
use wharf_ssh::{Output, Transport};

use super::Keys;
use crate::bench::peers::ACCOUNT;

/// How long opening a session may take, or an answer; the servers share the processor with other
/// clients.
const PATIENCE: Duration = Duration::from_secs(60);
/// What is taken from the kernel at once, in bytes.
const CHUNK: usize = 4096;
/// Bytes the server may send that were not asked for.
const WINDOW: u32 = 64 * 1024;
/// The least that each side must take in one packet (RFC 4253 §6.1), in bytes.
const PACKET: u32 = 32 * 1024;
/// The own number of the one channel.
const CHANNEL: u32 = 0;
const ALGORITHM: &str = "ssh-ed25519";

const SERVICE_REQUEST: u8 = 5;
const SERVICE_ACCEPT: u8 = 6;
const USERAUTH_REQUEST: u8 = 50;
const USERAUTH_SUCCESS: u8 = 52;
const USERAUTH_BANNER: u8 = 53;
const CHANNEL_OPEN: u8 = 90;
const CHANNEL_REQUEST: u8 = 98;

/// What opens sessions: the algorithms and the key, the same for all.
#[derive(Debug)]
pub(crate) struct Opener {
    options: Arc<Options>,
    key: HostKey,
}

impl Opener {
    /// With the key in `run`.
    pub(crate) fn new(run: &Path) -> Result<Self> {
        let mut options = Options::client("SSH-2.0-wharf_bench", vec![ALGORITHM]);
        options.offer.exchanges = vec![KeyExchange::Curve25519];
        options.offer.ciphers = vec![Cipher::Aes256Gcm];
        let file = Keys::within(run).private();
        let text = fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
        Ok(Self {
            options: Arc::new(options),
            key: HostKey::from_openssh(&text)?,
        })
    }

    /// A session that has logged in, and waits after the first packet of SFTP.
    pub(crate) fn open(&self, to: SocketAddrV4) -> Result<Light> {
        const INIT: u8 = 1;
        const VERSION: u8 = 2;
        let stream = TcpStream::connect(to)?;
        stream.set_nodelay(true)?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let now = Instant::now();
        let mut session = Light {
            stream,
            transport: Transport::new(Arc::clone(&self.options)),
            input: Vec::new(),
            output: Output::new(),
            begun: now,
            until: now + PATIENCE,
            channel: 0,
        };
        session.log_in(&self.key)?;
        session.open_channel()?;
        session.say(&[0, 0, 0, 5, INIT, 0, 0, 0, 3])?;
        ensure!(session.reply()? == VERSION, "no SSH_FXP_VERSION came");
        Ok(session)
    }
}

/// One session.
#[derive(Debug)]
pub(crate) struct Light {
    stream: TcpStream,
    transport: Transport,
    input: Vec<u8>,
    output: Output,
    begun: Instant,
    /// When patience ends.
    until: Instant,
    /// The server's number of the channel.
    channel: u32,
}

impl Light {
    /// Checks that it is a session still: asks for the real name of the folder it is in.
    pub(crate) fn check(&mut self) -> Result<()> {
        const REALPATH: u8 = 16;
        const NAME: u8 = 104;
        self.until = Instant::now() + PATIENCE;
        self.say(&[0, 0, 0, 10, REALPATH, 0, 0, 0, 1, 0, 0, 0, 1, b'.'])?;
        ensure!(self.reply()? == NAME, "no SSH_FXP_NAME came");
        Ok(())
    }

    /// Whose key the server shows is not looked at: it is on this machine.
    fn log_in(&mut self, key: &HostKey) -> Result<()> {
        self.transport.start(&mut self.output)?;
        let mut service = vec![SERVICE_REQUEST];
        service.put_string(b"ssh-userauth");
        // It waits in the transport until keys are in use.
        self.send(&service)?;
        ensure!(
            self.message()?.first() == Some(&SERVICE_ACCEPT),
            "the server takes no logins"
        );
        let session = self.transport.session().context("no keys are in use")?;
        let mut signed = Vec::new();
        signed.put_string(session);
        let mut request = login(key);
        signed.extend_from_slice(&request);
        request.put_string(&key.sign(ALGORITHM, &signed)?);
        self.send(&request)?;
        loop {
            match self.message()?.first() {
                Some(&USERAUTH_SUCCESS) => break,
                Some(&USERAUTH_BANNER) => {}
                _ => bail!("the server refused the key"),
            }
        }
        self.transport.set_authenticated();
        Ok(())
    }

    fn open_channel(&mut self) -> Result<()> {
        let mut open = vec![CHANNEL_OPEN];
        open.put_string(b"session");
        for value in [CHANNEL, WINDOW, PACKET] {
            open.put_u32(value);
        }
        self.send(&open)?;
        let Said::Opened(channel) = self.said()? else {
            bail!("the server opens no channel");
        };
        self.channel = channel;
        let mut subsystem = vec![CHANNEL_REQUEST];
        subsystem.put_u32(self.channel);
        subsystem.put_string(b"subsystem");
        subsystem.put_boolean(true);
        subsystem.put_string(b"sftp");
        self.send(&subsystem)?;
        ensure!(
            self.said()? == Said::Granted,
            "the server has no subsystem `sftp`"
        );
        Ok(())
    }

    /// Sends bytes on the channel, fewer than any server's first window.
    fn say(&mut self, bytes: &[u8]) -> Result<()> {
        let length = u32::try_from(bytes.len())?;
        let mut data = channel::data_header(self.channel, length).to_vec();
        data.extend_from_slice(bytes);
        self.send(&data)
    }

    /// The type of the one packet of SFTP that comes next.
    fn reply(&mut self) -> Result<u8> {
        let mut packet = Vec::new();
        loop {
            let Said::Data(data) = self.said()? else {
                bail!("the server ended the channel");
            };
            packet.extend_from_slice(&data);
            if let Some((length, rest)) = packet.split_first_chunk()
                && rest.len() >= u32::from_be_bytes(*length) as usize
            {
                return rest.first().copied().context("an empty packet");
            }
        }
    }

    /// What comes next of the channel; news of host keys, and more window, are passed over.
    fn said(&mut self) -> Result<Said> {
        loop {
            return Ok(match Message::read(&self.message()?)? {
                Message::Opened { peer, .. } => Said::Opened(peer),
                Message::Success(_) => Said::Granted,
                Message::Data { data, .. } => Said::Data(data.to_vec()),
                Message::OpenFailed { .. }
                | Message::Failure(_)
                | Message::Eof(_)
                | Message::Close(_) => Said::No,
                Message::GlobalRequest { .. }
                | Message::GlobalReply(_)
                | Message::Open { .. }
                | Message::WindowAdjust { .. }
                | Message::ExtendedData { .. }
                | Message::Request { .. } => continue,
            });
        }
    }

    fn send(&mut self, payload: &[u8]) -> Result<()> {
        self.transport.send(&mut self.output, payload)?;
        self.flush()
    }

    fn flush(&mut self) -> Result<()> {
        self.stream.write_all(self.output.pending())?;
        self.output.sent(self.output.len());
        Ok(())
    }

    /// The next message that is not the transport's own.
    fn message(&mut self) -> Result<Vec<u8>> {
        loop {
            let now = self.begun.elapsed().as_secs();
            let received = self
                .transport
                .receive(&mut self.input, &mut self.output, now)?;
            let (message, consumed) = match received {
                Received::Needs(_) => {
                    self.read()?;
                    continue;
                }
                Received::Done(consumed) => (None, consumed),
                Received::Message { payload, consumed } => {
                    (self.input.get(payload).map(<[u8]>::to_vec), consumed)
                }
                Received::Disconnected { code, text } => {
                    let text = text.escape_ascii();
                    bail!("the server ended the connection: {text} ({code})");
                }
            };
            self.input.drain(..consumed);
            self.flush()?;
            if let Some(message) = message {
                return Ok(message);
            }
        }
    }

    fn read(&mut self) -> Result<()> {
        let left = self.until.saturating_duration_since(Instant::now());
        ensure!(!left.is_zero(), "no answer in {} s", PATIENCE.as_secs());
        self.stream.set_read_timeout(Some(left))?;
        let mut chunk = [0; CHUNK];
        let length = self.stream.read(&mut chunk).context("no answer")?;
        ensure!(length > 0, "the server closed the connection");
        self.input.extend_from_slice(&chunk[..length]);
        Ok(())
    }
}

/// What the server says of the channel.
#[derive(Debug, PartialEq, Eq)]
enum Said {
    /// It is open; the server's number of it.
    Opened(u32),
    /// What was asked for is granted.
    Granted,
    Data(Vec<u8>),
    /// Not opened, not granted, or over.
    No,
}

/// The request of a login (RFC 4252 §7) up to its signature.
fn login(key: &HostKey) -> Vec<u8> {
    let mut request = vec![USERAUTH_REQUEST];
    request.put_string(ACCOUNT.as_bytes());
    request.put_string(b"ssh-connection");
    request.put_string(b"publickey");
    request.put_boolean(true);
    request.put_string(ALGORITHM.as_bytes());
    request.put_string(key.public().wire());
    request
}

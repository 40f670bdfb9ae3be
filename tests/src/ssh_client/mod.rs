//! An SSH client that says whatever it is told to, in any order.
//!
//! It borrows wharf's own SSH language for the encryption, and nothing for what is said: other
//! people's clients, which the interop tests run, say only what is right.

mod channels;
mod exchange;
mod keys;
mod login;
mod messages;
mod sftp;

use std::fmt::Write as _;
use std::io::{ErrorKind, Read, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use wharf_ssh::transport::{Options, Received};
use wharf_ssh::{Output, Transport};

pub use self::keys::{Certificate, UserKey, keygen, totp};
pub use self::login::Said;
pub use self::messages::{
    channel_data, channel_extended_data, channel_open, clear_packet, clear_packets, debug, exec,
    ext_info, ignore, of_channel, subsystem, unimplemented,
};
pub use self::sftp::{Answer, Sftp};

use crate::{PATIENCE, Wharf, show};

/// One connection.
pub struct SshClient {
    stream: TcpStream,
    transport: Transport,
    input: Vec<u8>,
    output: Output,
    begun: Instant,
    /// How many channels were asked for: the number of the next one.
    channels: u32,
}

/// How a connection ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// SSH_MSG_DISCONNECT.
    Disconnect {
        /// Its code (RFC 4253 §11.1).
        code: u32,
        /// Its words.
        text: String,
    },
    /// Closed without a word.
    Closed,
    /// Reset.
    Reset,
    /// What the server sent is not SSH.
    Nonsense(String),
}

impl Ended {
    /// The code of SSH_MSG_DISCONNECT; 0 when there was none.
    #[must_use]
    pub const fn code(&self) -> u32 {
        match self {
            Self::Disconnect { code, .. } => *code,
            Self::Closed | Self::Reset | Self::Nonsense(_) => 0,
        }
    }

    /// The words of it.
    #[must_use]
    pub fn text(&self) -> &str {
        match self {
            Self::Disconnect { text, .. } | Self::Nonsense(text) => text,
            Self::Closed | Self::Reset => "",
        }
    }
}

impl SshClient {
    /// Connected, and nothing said.
    ///
    /// # Panics
    /// When nobody listens.
    #[must_use]
    #[track_caller]
    pub fn open(address: SocketAddr) -> Self {
        Self::around(crate::data::open(address), options())
    }

    /// Over a connection, and with other algorithms or limits. Nothing is said.
    ///
    /// # Panics
    /// When the socket is gone.
    #[must_use]
    pub fn around(stream: TcpStream, options: Options) -> Self {
        stream.set_nodelay(true).expect("a socket");
        Self {
            stream,
            transport: Transport::new(Arc::new(options)),
            input: Vec::new(),
            output: Output::new(),
            begun: Instant::now(),
            channels: 0,
        }
    }

    /// Connected to this server, with keys in use and nothing asked for.
    ///
    /// # Panics
    /// When it does not come to that.
    #[must_use]
    #[track_caller]
    pub fn connect(wharf: &Wharf) -> Self {
        let mut client = Self::open(wharf.sftp());
        client.exchange_keys();
        client
    }

    fn take_output(&mut self) -> Vec<u8> {
        let bytes = self.output.pending().to_vec();
        self.output.sent(bytes.len());
        bytes
    }

    /// The transport, to begin a key exchange, or to look at what was agreed on.
    pub const fn transport(&mut self) -> &mut Transport {
        &mut self.transport
    }

    /// Sends one message under the keys in use.
    ///
    /// # Panics
    /// When the connection has ended.
    #[track_caller]
    pub fn send(&mut self, payload: &[u8]) {
        if let Err(ended) = self.try_send(payload) {
            panic!("cannot send: {ended:?}");
        }
    }

    /// The same, which may fail.
    ///
    /// # Errors
    /// How the connection ended.
    pub fn try_send(&mut self, payload: &[u8]) -> Result<(), Ended> {
        self.queue(payload);
        self.flush()
    }

    /// Lays a message up for the next [`SshClient::try_send`] or [`SshClient::flush`].
    ///
    /// # Panics
    /// When keys are exchanged and too much waits.
    pub fn queue(&mut self, payload: &[u8]) {
        self.transport
            .send(&mut self.output, payload)
            .expect("a message that can be sent");
    }

    /// A message under the keys in use, which is not sent: the next one counts on from it.
    ///
    /// # Panics
    /// When keys are exchanged.
    pub fn sealed(&mut self, payload: &[u8]) -> Vec<u8> {
        self.queue(payload);
        self.take_output()
    }

    /// Sends what was laid up.
    ///
    /// # Errors
    /// How the connection ended.
    pub fn flush(&mut self) -> Result<(), Ended> {
        let bytes = self.take_output();
        self.raw(&bytes)
    }

    /// Sends what was laid up as far as the socket takes it; the rest is forgotten.
    pub fn flush_what_goes(&mut self) {
        let bytes = self.take_output();
        let _ = self.stream.write_all(&bytes);
    }

    /// Sends bytes as they are, in no packet.
    ///
    /// # Errors
    /// How the connection ended: by its last words, if they came.
    pub fn raw(&mut self, bytes: &[u8]) -> Result<(), Ended> {
        match self.stream.write_all(bytes) {
            Ok(()) => Ok(()),
            Err(_) => Err(self.last_words()),
        }
    }

    fn last_words(&mut self) -> Ended {
        loop {
            if let Err(ended) = self.receive() {
                return ended;
            }
        }
    }

    /// The next message for the layers above the transport.
    ///
    /// # Errors
    /// How the connection ended.
    ///
    /// # Panics
    /// When nothing comes for too long.
    pub fn receive(&mut self) -> Result<Vec<u8>, Ended> {
        self.receive_within(PATIENCE)
            .map(|message| message.unwrap_or_else(|| panic!("nothing comes for {PATIENCE:?}")))
    }

    /// The same with a bound: `None` when nothing came until then.
    ///
    /// # Errors
    /// How the connection ended.
    pub fn receive_within(&mut self, patience: Duration) -> Result<Option<Vec<u8>>, Ended> {
        let deadline = Instant::now() + patience;
        loop {
            if let Some(message) = self.deal()? {
                if let Some(message) = message {
                    return Ok(Some(message));
                }
                self.flush()?;
                continue;
            }
            if !self.read(deadline)? {
                return Ok(None);
            }
        }
    }

    /// The next message that is not the server's news of its own (host keys, banners).
    ///
    /// # Errors
    /// How the connection ended.
    pub fn reply(&mut self) -> Result<Vec<u8>, Ended> {
        loop {
            let message = self.receive()?;
            if !matches!(message.first(), Some(&(53 | 80))) {
                return Ok(message);
            }
        }
    }

    /// Reads until the connection ends, and says how.
    ///
    /// # Panics
    /// When it does not within `patience`.
    #[track_caller]
    pub fn ended(&mut self, patience: Duration) -> Ended {
        let deadline = Instant::now() + patience;
        loop {
            match self.receive_within(deadline.saturating_duration_since(Instant::now())) {
                Ok(Some(_)) => {}
                Ok(None) => panic!("still there after {patience:?}"),
                Err(ended) => return ended,
            }
        }
    }

    /// Everything of one packet or one read. Messages are dropped.
    fn advance(&mut self, deadline: Instant) -> Result<(), Ended> {
        if self.deal()?.is_some() {
            return self.flush();
        }
        assert!(self.read(deadline)?, "nothing comes for {PATIENCE:?}");
        Ok(())
    }

    /// Deals with what is at the front of the input: `None` when it is not whole, `Some(None)`
    /// when it was the transport's own.
    fn deal(&mut self) -> Result<Option<Option<Vec<u8>>>, Ended> {
        let now = self.now();
        let received = self
            .transport
            .receive(&mut self.input, &mut self.output, now);
        match received {
            Ok(Received::Needs(_)) => Ok(None),
            Ok(Received::Done(consumed)) => {
                self.input.drain(..consumed);
                Ok(Some(None))
            }
            Ok(Received::Message { payload, consumed }) => {
                let message = self.input.get(payload).unwrap_or_default().to_vec();
                self.input.drain(..consumed);
                Ok(Some(Some(message)))
            }
            Ok(Received::Disconnected { code, text }) => Err(Ended::Disconnect {
                code,
                text: show(&text),
            }),
            Err(violation) => Err(Ended::Nonsense(format!(
                "{violation}: {}",
                show(self.input.get(..80).unwrap_or(&self.input))
            ))),
        }
    }

    /// `false` when nothing came until then.
    fn read(&mut self, deadline: Instant) -> Result<bool, Ended> {
        let left = deadline.saturating_duration_since(Instant::now());
        self.stream
            .set_read_timeout(Some(left.max(Duration::from_millis(1))))
            .expect("a socket");
        let mut buffer = vec![0; 64 * 1024];
        match self.stream.read(&mut buffer) {
            Ok(0) if self.input.is_empty() => Err(Ended::Closed),
            Ok(0) => Err(Ended::Nonsense(show(&self.input))),
            Ok(count) => {
                self.input.extend(buffer.get(..count).unwrap_or_default());
                Ok(true)
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                Ok(false)
            }
            Err(_) => Err(Ended::Reset),
        }
    }

    fn now(&self) -> u64 {
        self.begun.elapsed().as_secs() + 1
    }

    /// Whether the connection is still there; what comes meanwhile is read and dropped.
    ///
    /// # Panics
    /// When the socket is gone.
    pub fn is_open(&mut self, patience: Duration) -> bool {
        self.stream
            .set_read_timeout(Some(patience))
            .expect("a socket");
        match self.stream.read(&mut [0; 4096]) {
            Ok(count) => count > 0,
            Err(error) => matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
        }
    }

    /// Ends the connection in order (FIN), reading goes on.
    pub fn finish_sending(&self) {
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    /// Ends the connection as a machine that has lost it does (RST).
    pub fn reset(self) {
        crate::data::reset(self.stream);
    }

    /// The socket.
    #[must_use]
    pub const fn stream(&self) -> &TcpStream {
        &self.stream
    }
}

/// What the client offers: everything there is.
#[must_use]
pub fn options() -> Options {
    let mut options = Options::client(
        "SSH-2.0-wharf_tests",
        vec!["ssh-ed25519", "ecdsa-sha2-nistp256"],
    );
    // The limits under test are the server's.
    options.limits.before_login = u64::MAX;
    options
}

impl std::fmt::Debug for SshClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut front = String::new();
        for byte in self.input.iter().take(32) {
            write!(front, "{byte:02x}")?;
        }
        write!(f, "SSH with {} bytes of input: {front}", self.input.len())
    }
}

//! The control connection: reading commands, sending replies, and every reason to end.

use std::collections::VecDeque;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::Instant;
use wharf_causes::id;
use wharf_ftp::line::{LineDecoder, wipe};
use wharf_ftp::reply::Reply;
use wharf_ftp::server::{Dialogue, DialogueOptions, Step, TlsOffer};
use wharf_net::control::{ControlStream, Watch};
use wharf_net::limits::Permit;
use wharf_net::passive::PassiveListener;
use wharf_net::tls::client::PeerCertificate;
use wharf_vfs::VPath;

use super::codes;
use crate::config::{Config, ListenerConfig, Protocol, Requirement};
use crate::failure::{Failure, Kind};
use crate::registry::Guard;
use crate::session::Session;
use crate::shared::{Current, Shared};

/// Lines kept while a transfer runs; then reading stops until it is over.
pub(super) const WAITING_LINES: usize = 64;
/// How long a client may take to read a reply.
const REPLY_TIMEOUT: Duration = Duration::from_secs(30);
/// Unknown commands a stranger may send: more is another protocol, or somebody who searches.
const STRANGE_COMMANDS: u32 = 10;

/// One control connection and the state of its session.
pub(super) struct Connection {
    pub(super) shared: Arc<Shared>,
    pub(super) current: Current,
    pub(super) listener: Arc<ListenerConfig>,
    pub(super) guard: Guard,
    pub(super) permit: Permit,
    pub(super) stream: ControlStream,
    decoder: LineDecoder,
    /// Replies held for the next one.
    held: Vec<u8>,
    pub(super) waiting: VecDeque<Vec<u8>>,
    pub(super) dialogue: Dialogue,
    pub(super) session: Option<Box<Session>>,
    pub(super) directory: VPath,
    pub(super) passive: Option<Passive>,
    /// What HOST named.
    pub(super) host: Option<Box<str>>,
    /// The certificate the client has shown, with the proof that it has the key.
    pub(super) presented: Option<PeerCertificate>,
    strange_commands: u32,
    /// What was read last is a ClientHello.
    begins_with_tls: bool,
    pub(super) names_tried: u32,
    pub(super) umask: u32,
    pub(super) idle: Duration,
    pub(super) failed_logins: u32,
    pub(super) login_deadline: Instant,
    /// Since when no whole command has come.
    quiet_since: Instant,
    pub(super) local: IpAddr,
}

/// A passive port that waits for its transfer.
pub(super) struct Passive {
    pub(super) listener: PassiveListener,
    /// To other addresses than the client's, too.
    pub(super) open: bool,
    until: Instant,
}

/// Why a control connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// The client sent QUIT.
    Quit,
    /// The client is gone, or took no reply.
    Gone,
    /// A line longer than the limit (security M1).
    LineTooLong,
    /// Nothing was asked for too long.
    Idle,
    /// Nobody logged in within the login time.
    LoginDeadline,
    /// Too many failed logins, or a limit of the account.
    Refused,
    /// TLS did not come about.
    TlsFailed,
    /// Something in clear came behind AUTH, where TLS was to begin (security P9).
    Injected,
    /// A request of HTTP, or one unknown command after the other (security P13).
    OtherProtocol,
    /// TLS began where a command was awaited: a client of implicit TLS.
    TlsTooSoon,
    /// The account was disabled or removed.
    Revoked,
    /// The server stops.
    Draining,
}

impl End {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Quit => "quit",
            Self::Gone => "gone",
            Self::LineTooLong => "line too long",
            Self::Idle => "idle",
            Self::LoginDeadline => "login deadline",
            Self::Refused => "refused",
            Self::TlsFailed => "TLS failed",
            Self::Injected => "clear text after AUTH",
            Self::OtherProtocol => "another protocol",
            Self::TlsTooSoon => "TLS before AUTH",
            Self::Revoked => "revoked",
            Self::Draining => "draining",
        }
    }
}

impl Connection {
    /// `None` when the peer is gone already.
    pub(super) fn new(
        shared: Arc<Shared>,
        listener: Arc<ListenerConfig>,
        stream: TcpStream,
        guard: Guard,
        permit: Permit,
    ) -> Option<Self> {
        let local = wharf_net::listener::canonical(stream.local_addr().ok()?).ip();
        let current = shared.current();
        let tls = current.tls.as_deref();
        let options = DialogueOptions {
            ipv6: local.is_ipv6(),
            tls: match (tls, listener.protocol) {
                (None, _) | (_, Protocol::Sftp) => TlsOffer::None,
                (Some(_), Protocol::Ftp) => TlsOffer::Explicit,
                (Some(_), Protocol::Ftps) => TlsOffer::Implicit,
            },
            data_tls_required: tls.is_some_and(|tls| tls.data == Requirement::Required),
            ccc_allowed: tls.is_some_and(|tls| tls.ccc),
        };
        Some(Self {
            login_deadline: Instant::now() + current.config.timeouts.login,
            quiet_since: Instant::now(),
            idle: current.config.timeouts.idle,
            umask: current.config.umask,
            shared,
            current,
            listener,
            guard,
            permit,
            stream: ControlStream::new(stream),
            decoder: LineDecoder::new(),
            held: Vec::new(),
            waiting: VecDeque::new(),
            dialogue: Dialogue::new(options),
            session: None,
            directory: VPath::root(),
            passive: None,
            host: None,
            presented: None,
            strange_commands: 0,
            begins_with_tls: false,
            names_tried: 0,
            failed_logins: 0,
            local,
        })
    }

    pub(super) fn config(&self) -> &Arc<Config> {
        &self.current.config
    }

    /// The dialogue from greeting to goodbye; returns why it ended.
    pub(super) async fn run(&mut self) -> &'static str {
        let mut end = self.greet().await.err();
        while end.is_none() {
            end = self.turn().await.err();
        }
        let end = end.unwrap_or(End::Gone);
        self.farewell(end).await;
        end.name()
    }

    async fn greet(&mut self) -> Result<(), End> {
        if self.listener.protocol == Protocol::Ftps {
            Box::pin(self.protect()).await?;
        }
        self.send(&Reply::line(220, self.config().banner.clone()))
            .await
    }

    /// One command and its reply.
    async fn turn(&mut self) -> Result<(), End> {
        let line = self.next_line().await?;
        if self.session.is_none() && is_http(&line) {
            return Err(End::OtherProtocol);
        }
        let step = self.dialogue.command(&line);
        // It may have held a password.
        wipe(line);
        match step {
            Step::Reply(reply) => {
                self.forget_passive();
                self.count_strange(reply.code())?;
                self.send(&reply).await
            }
            Step::StartTls(reply) => Box::pin(self.start_tls(reply)).await,
            Step::StopTls(reply) => Box::pin(self.stop_tls(reply)).await,
            Step::Refuse { code, text, why } => {
                self.forget_passive();
                let text = format!("{text} [{}]", codes::cause_of(why));
                self.send(&Reply::line(code, text)).await
            }
            Step::Close(reply) => {
                self.send(&reply).await?;
                Err(End::Quit)
            }
            Step::Do(action) => Box::pin(self.perform(action)).await,
        }
    }

    /// Closes a passive port that the dialogue does not count on any more.
    pub(super) fn forget_passive(&mut self) {
        if !self.dialogue.awaits_passive() {
            self.passive = None;
        }
    }

    fn count_strange(&mut self, code: u16) -> Result<(), End> {
        if code == 500 && self.session.is_none() {
            self.strange_commands += 1;
            if self.strange_commands > STRANGE_COMMANDS {
                return Err(End::OtherProtocol);
            }
        }
        Ok(())
    }

    /// Whether something was received behind the command that is being answered.
    pub(super) fn has_more(&self) -> bool {
        !self.waiting.is_empty() || !self.decoder.is_empty()
    }

    /// The next command line, from those that waited for a transfer first.
    async fn next_line(&mut self) -> Result<Vec<u8>, End> {
        self.quiet_since = Instant::now();
        loop {
            self.check_orders()?;
            if self.begins_with_tls && self.session.is_none() && !self.stream.is_protected() {
                return Err(self.tls_too_soon());
            }
            if let Some(line) = self.waiting.pop_front() {
                return Ok(line);
            }
            match self.decoder.next_line() {
                Some(Ok(line)) => return Ok(line),
                Some(Err(_)) => return Err(End::LineTooLong),
                None => {}
            }
            let (deadline, end) = self.deadline();
            // Below, the clock is looked at only when nothing is to be read, and somebody may
            // send without a pause.
            if end == Some(End::LoginDeadline) && Instant::now() >= deadline {
                return Err(End::LoginDeadline);
            }
            tokio::select! {
                biased;
                received = receive(&mut self.stream, &mut self.decoder, &mut self.begins_with_tls) => {
                    if !matches!(received, Ok(1..)) {
                        return Err(End::Gone);
                    }
                }
                () = self.guard.handle.bell.notified() => {}
                () = tokio::time::sleep_until(deadline) => match end {
                    Some(end) => return Err(end),
                    None => self.passive = None,
                },
            }
        }
    }

    /// The next line while a transfer runs. `None`: an order came; look at it.
    pub(super) async fn line_during_transfer(&mut self) -> Result<Option<Vec<u8>>, End> {
        loop {
            match self.decoder.next_line() {
                Some(Ok(line)) => return Ok(Some(line)),
                Some(Err(_)) => return Err(End::LineTooLong),
                None => {}
            }
            tokio::select! {
                biased;
                received = receive(&mut self.stream, &mut self.decoder, &mut self.begins_with_tls) => {
                    if !matches!(received, Ok(1..)) {
                        return Err(End::Gone);
                    }
                }
                () = self.guard.handle.bell.notified() => return Ok(None),
            }
        }
    }

    /// For whoever must know from another thread whether the client is still there.
    pub(super) fn watch(&self) -> Option<Watch> {
        Watch::new(&self.stream).ok()
    }

    pub(super) fn check_orders(&self) -> Result<(), End> {
        if self.guard.handle.is_revoked() {
            return Err(End::Revoked);
        }
        if self.guard.handle.is_draining() {
            return Err(End::Draining);
        }
        Ok(())
    }

    /// What comes first of: the login's absolute deadline, the idle time, the end of a passive
    /// port nobody used (`None`).
    fn deadline(&self) -> (Instant, Option<End>) {
        let (mut deadline, mut end) = if self.session.is_some() {
            (self.quiet_since + self.idle, Some(End::Idle))
        } else {
            (self.login_deadline, Some(End::LoginDeadline))
        };
        if let Some(passive) = &self.passive
            && passive.until < deadline
        {
            (deadline, end) = (passive.until, None);
        }
        (deadline, end)
    }

    pub(super) fn restart_login_deadline(&mut self) {
        self.login_deadline = Instant::now() + self.config().timeouts.login;
    }

    /// `open`: to other addresses than the client's, too.
    pub(super) fn hold_passive(&mut self, listener: PassiveListener, open: bool) {
        let until = Instant::now() + self.config().timeouts.passive;
        self.passive = Some(Passive {
            listener,
            open,
            until,
        });
    }

    /// Keeps a reply until the next one is sent, which follows at once.
    pub(super) fn hold(&mut self, reply: &Reply) {
        reply.encode_into(&mut self.held);
    }

    /// Sends a reply whole, or ends.
    pub(super) async fn send(&mut self, reply: &Reply) -> Result<(), End> {
        let mut bytes = std::mem::take(&mut self.held);
        reply.encode_into(&mut bytes);
        self.send_bytes(&bytes).await
    }

    pub(super) async fn send_bytes(&mut self, bytes: &[u8]) -> Result<(), End> {
        let sent = self.stream.send(bytes, REPLY_TIMEOUT).await;
        sent.map_err(|_| End::Gone)
    }

    async fn farewell(&mut self, end: End) {
        let failure = match end {
            End::Quit | End::Gone if self.stream.is_protected() => {
                // Without close_notify the client could not tell the end from a cut.
                self.stream.shutdown().await;
                return;
            }
            End::Quit | End::Gone | End::TlsFailed | End::TlsTooSoon => return,
            End::Refused | End::Injected => {
                self.hang_up().await;
                return;
            }
            End::LineTooLong => {
                let _ = self.send(&Reply::line(500, "The line is too long")).await;
                self.hang_up().await;
                return;
            }
            End::OtherProtocol => Failure::new(
                Kind::ServiceClosing,
                id::A_13,
                "This is an FTP server; what came is another protocol",
            ),
            End::Idle => Failure::new(
                Kind::ServiceClosing,
                id::E_6,
                format!("Nothing was asked for {} s", self.idle.as_secs()),
            ),
            End::LoginDeadline => {
                Failure::new(Kind::ServiceClosing, id::E_6, "The login took too long")
            }
            End::Revoked => Failure::revoked(),
            End::Draining => Failure::draining(),
        };
        let _ = self.send_bytes(&super::farewell_line(&failure)).await;
        self.hang_up().await;
    }

    /// Closes so that the last reply arrives: what the client still sends would make the close a
    /// reset, and a reset eats what was sent before it.
    async fn hang_up(&mut self) {
        self.stream.shutdown().await;
        let mut drained = 0;
        let _ = tokio::time::timeout(Duration::from_secs(1), async {
            while drained < 1 << 20 {
                let mut decoder = LineDecoder::new();
                match receive(&mut self.stream, &mut decoder, &mut false).await {
                    Ok(count @ 1..) => drained += count,
                    _ => return,
                }
            }
        })
        .await;
    }
}

/// One read into the decoder; tells whether it begins with a TLS handshake instead of a command.
async fn receive(
    stream: &mut ControlStream,
    decoder: &mut LineDecoder,
    tls: &mut bool,
) -> io::Result<usize> {
    let reading = stream.receive(|bytes| {
        // A record of a handshake, of TLS 1.0 by its header, as every ClientHello's is.
        *tls = decoder.is_empty() && bytes.get(..2) == Some(&[0x16, 3]);
        decoder.push(bytes);
    });
    reading.await
}

/// The first line of an HTTP request: a browser was sent here to have its request, or our answers,
/// taken for something else.
fn is_http(line: &[u8]) -> bool {
    let version = line.rsplit(|&byte| byte == b' ').next();
    version.is_some_and(|version| version.starts_with(b"HTTP/"))
}

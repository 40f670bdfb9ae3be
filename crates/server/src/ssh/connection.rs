//! One connection: what is read, what is sent, and every reason to end.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures_util::FutureExt as _;
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use wharf_net::limits::Permit;
use wharf_net::plain::PlainStream;
use wharf_ssh::transport::Received;
use wharf_ssh::{Output, Transport};

use super::channel::Channel;
use super::end::End;
use super::input::Input;
use super::login::Login;
use super::outlet::OUTPUT_LIMIT;
use super::setup::{Files, Ssh};
use crate::registry::Guard;
use crate::session::Session;
use crate::sftp::{Effect, IN_FLIGHT, Shares};
use crate::shared::{Current, Shared};

/// What waits to be sent before nothing more is read: answers to what is not data count, too.
const OUTPUT_FULL: usize = 2 * OUTPUT_LIMIT;
/// Bytes after which other sessions of this thread have their turn.
const TURN: usize = 4 << 20;
/// How long an idle session keeps its buffers.
const HELD_WITHOUT_USE: Duration = Duration::from_secs(1);
/// How long the last words may take.
const FAREWELL: Duration = Duration::from_secs(2);

/// How long the work that is under way may go on after the end.
const LAST_JOBS: Duration = Duration::from_secs(60);

/// Work of channels, each with the number of its channel.
pub(super) type Jobs = FuturesUnordered<Pin<Box<dyn Future<Output = (u32, Effect)> + Send>>>;

/// One connection and the state of its session.
pub(super) struct Connection {
    pub(super) shared: Arc<Shared>,
    pub(super) current: Current,
    pub(super) ssh: Arc<Ssh>,
    pub(super) files: Arc<Files>,
    pub(super) guard: Guard,
    pub(super) permit: Permit,
    stream: PlainStream,
    pub(super) transport: Transport,
    input: Input,
    pub(super) output: Output,
    pub(super) login: Login,
    pub(super) session: Option<Session>,
    pub(super) channels: Vec<Channel>,
    pub(super) next_channel: u32,
    /// Whose turn it is to send first.
    pub(super) first_to_speak: usize,
    pub(super) shares: Arc<Shares>,
    /// The right to copy by scp.
    pub(super) copies: Arc<Semaphore>,
    /// The host keys were proved: once is enough.
    pub(super) proved: bool,
    pub(super) jobs: Jobs,
    begun: Instant,
    pub(super) login_deadline: Instant,
    /// When something last came, went, or was done.
    used: Instant,
    /// When the socket last took something, or had nothing to take.
    took: Instant,
    /// What was moved since other sessions had their turn.
    moved: usize,
    /// Whether there are buffers to be given back.
    holds_memory: bool,
    /// When what let the session in ends.
    pub(super) until: Option<SystemTime>,
}

impl Connection {
    /// `None` when the server has no SSH any more.
    pub(super) fn new(
        shared: Arc<Shared>,
        stream: TcpStream,
        guard: Guard,
        permit: Permit,
    ) -> Option<Self> {
        let current = shared.current();
        let ssh = current.ssh.clone()?;
        let files = ssh.files();
        let channels = ssh.config.channels as usize;
        let now = Instant::now();
        Some(Self {
            login_deadline: now + current.config.timeouts.login,
            transport: Transport::new(files.transport.clone()),
            shared,
            current,
            ssh,
            files,
            guard,
            permit,
            stream: PlainStream::new(stream),
            input: Input::default(),
            output: Output::new(),
            login: Login::default(),
            session: None,
            channels: Vec::new(),
            next_channel: 0,
            first_to_speak: 0,
            shares: Arc::default(),
            copies: Arc::new(Semaphore::new(channels)),
            proved: false,
            jobs: FuturesUnordered::new(),
            begun: now,
            used: now,
            took: now,
            moved: 0,
            holds_memory: true,
            until: None,
        })
    }

    /// From the version exchange to the end; returns why it ended.
    pub(super) async fn run(&mut self) -> &'static str {
        let end = match self.converse().await {
            Ok(never) => match never {},
            Err(end) => end,
        };
        // What came in the last bytes ends as well, and is told.
        self.begin_work();
        // Nothing is published from here on, and what is being uploaded is put aside.
        self.end_channels().await;
        self.farewell(&end).await;
        // What was asked and is done all the same is recorded all the same.
        let rest = async {
            while let Some((_, effect)) = self.jobs.next().await {
                // What it opened is put aside, which takes a disk.
                tokio::task::spawn_blocking(move || drop(effect));
            }
        };
        if tokio::time::timeout(LAST_JOBS, rest).await.is_err() {
            tracing::warn!(
                session = self.guard.handle.id,
                "work of a session that is over goes on, and its end is not recorded"
            );
        }
        end.name()
    }

    async fn converse(&mut self) -> Result<Infallible, End> {
        self.transport.start(&mut self.output)?;
        loop {
            self.check_orders()?;
            let mut moved = self.hear().await?;
            moved |= self.work()?;
            let now = self.seconds();
            self.transport.renew_keys(&mut self.output, now)?;
            self.speak()?;
            moved |= self.flush()?;
            if !moved {
                self.wait().await?;
            } else if self.moved > TURN {
                self.moved = 0;
                tokio::task::yield_now().await;
            }
        }
    }

    /// Seconds of a clock that never goes back; never 0.
    fn seconds(&self) -> u64 {
        self.begun.elapsed().as_secs() + 1
    }

    fn check_orders(&self) -> Result<(), End> {
        let handle = &self.guard.handle;
        if handle.is_revoked() {
            return Err(End::Revoked);
        }
        // The timers are looked at only when there is nothing to do; some send without a pause.
        if self.session.is_none() && Instant::now() >= self.login_deadline {
            return Err(End::LoginDeadline);
        }
        if self.until.is_some_and(|until| until <= SystemTime::now()) {
            return Err(End::Expired);
        }
        let busy = self.channels.iter().any(Channel::is_busy);
        if handle.is_draining() && (handle.is_cut() || !busy) {
            return Err(End::Draining);
        }
        Ok(())
    }

    /// Deals with what was received. `true` when there was something.
    async fn hear(&mut self) -> Result<bool, End> {
        let mut heard = false;
        if self.input.is_short() && !self.is_behind() {
            match self.input.receive(&self.stream) {
                Ok(None) => {}
                Ok(Some(count @ 1..)) => {
                    heard = true;
                    self.moved += count;
                    self.holds_memory = true;
                    self.used = Instant::now();
                }
                Ok(Some(0)) | Err(_) => return Err(End::Gone),
            }
        }
        while !self.input.is_short() && !self.is_behind() {
            let now = self.seconds();
            let received = self
                .transport
                .receive(self.input.pending(), &mut self.output, now)?;
            heard = true;
            match received {
                Received::Needs(bytes) => self.input.needs(bytes),
                Received::Done(consumed) => self.input.consume(consumed),
                Received::Message { payload, consumed } => {
                    let input = std::mem::take(&mut self.input);
                    let outcome = self.message(input.part(payload)).await;
                    self.input = input;
                    self.input.consume(consumed);
                    outcome?;
                }
                Received::Disconnected { .. } => return Err(End::Disconnected),
            }
        }
        Ok(heard)
    }

    /// Whether nothing more is dealt with now: the client takes too little of what it asked for, or
    /// what it asked for on channels that are closed again has not ended (security P26).
    fn is_behind(&self) -> bool {
        let most = (self.ssh.config.channels as usize + 1) * IN_FLIGHT;
        self.output.len() >= OUTPUT_FULL || self.jobs.len() >= most
    }

    async fn message(&mut self, payload: &[u8]) -> Result<(), End> {
        if self.session.is_some() {
            return self.channel_message(payload);
        }
        let deadline = self.login_deadline;
        let login = Box::pin(self.login_message(payload));
        match tokio::time::timeout_at(deadline, login).await {
            Ok(outcome) => outcome,
            Err(_) => Err(End::LoginDeadline),
        }
    }

    /// Begins work that was asked for, and takes what of it is done. `true` when there was some.
    fn work(&mut self) -> Result<bool, End> {
        self.begin_work();
        let mut done = false;
        while let Some(Some((number, effect))) = self.jobs.next().now_or_never() {
            done = true;
            self.finish(number, effect)?;
            self.begin_work();
        }
        Ok(done)
    }

    fn finish(&mut self, number: u32, effect: Effect) -> Result<(), End> {
        self.used = Instant::now();
        let channel = self.channels.iter_mut().find(|one| one.number == number);
        let Some(channel) = channel else {
            // Of a channel that is gone nobody wants to know; what it opened is put aside.
            tokio::task::spawn_blocking(move || drop(effect));
            return Ok(());
        };
        match channel.finish(effect) {
            Ok(()) => Ok(()),
            Err(broken) => self.break_channel(number, &broken),
        }
    }

    /// Sends what the socket takes. `true` when it took something.
    fn flush(&mut self) -> Result<bool, End> {
        let mut sent = false;
        while !self.output.is_empty() {
            match self.stream.send(self.output.pending()) {
                Ok(None) => break,
                Ok(Some(count)) => {
                    sent = true;
                    self.moved += count;
                    self.output.sent(count);
                }
                Err(_) => return Err(End::Gone),
            }
        }
        if sent || self.output.is_empty() {
            self.took = Instant::now();
        }
        if sent {
            self.used = self.took;
        }
        Ok(sent)
    }

    async fn wait(&mut self) -> Result<(), End> {
        let idle = self.jobs.is_empty() && self.output.is_empty() && self.input.is_empty();
        let (mut deadline, mut end) = self.deadline();
        if idle && self.holds_memory {
            // Between two requests it is kept; an idle session has none.
            let release = Instant::now() + HELD_WITHOUT_USE;
            if release < deadline {
                (deadline, end) = (release, None);
            }
        }
        let reads = !self.is_behind();
        tokio::select! {
            biased;
            () = self.guard.handle.bell.notified() => {}
            ready = self.stream.readable(), if reads => ready.map_err(|_| End::Gone)?,
            ready = self.stream.writable(), if !self.output.is_empty() => {
                ready.map_err(|_| End::Gone)?;
            }
            Some((number, effect)) = self.jobs.next(), if !self.jobs.is_empty() => {
                self.finish(number, effect)?;
            }
            () = tokio::time::sleep_until(deadline) => {
                if idle {
                    self.input.release();
                    self.output.release();
                    self.channels.iter_mut().for_each(Channel::release);
                    self.holds_memory = false;
                }
                return end.map_or(Ok(()), Err);
            }
        }
        Ok(())
    }

    /// What comes first of: the login's absolute deadline, the idle time, a client that takes
    /// nothing, and the end of what let the session in.
    fn deadline(&self) -> (Instant, Option<End>) {
        let timeouts = &self.current.config.timeouts;
        if self.session.is_none() {
            return (self.login_deadline, Some(End::LoginDeadline));
        }
        let mut first = if self.output.is_empty() {
            // Work under way, as a copy of gigabytes, is not idle.
            let works = !self.jobs.is_empty() || self.channels.iter().any(Channel::copies);
            let end = (!works).then_some(End::Idle);
            let since = if works { Instant::now() } else { self.used };
            (since + timeouts.idle, end)
        } else {
            (self.took + timeouts.stall, Some(End::Stalled))
        };
        if let Some(until) = self.until {
            let left = until.duration_since(SystemTime::now()).unwrap_or_default();
            let at = Instant::now() + left.min(FAR);
            if at < first.0 {
                first = (at, left.is_zero().then_some(End::Expired));
            }
        }
        first
    }

    async fn farewell(&mut self, end: &End) {
        let Some(words) = end.words(self.current.config.timeouts.idle) else {
            return;
        };
        self.transport.disconnect(&mut self.output, &words);
        let _ = tokio::time::timeout(FAREWELL, async {
            while !self.output.is_empty() {
                if self.stream.writable().await.is_err() || self.flush().is_err() {
                    return;
                }
            }
            self.stream.hang_up(DRAINED).await;
        })
        .await;
    }
}

/// What is read of a client that was told goodbye, in bytes.
const DRAINED: usize = 1 << 20;
/// A deadline farther away is looked at again by then.
const FAR: Duration = Duration::from_secs(24 * 3600);

//! The SFTP front-end: requests of one channel, served over a session.
//!
//! Requests begin in the order in which they came; those that do not touch the same file or name
//! go on side by side, at most [`IN_FLIGHT`] of them. What must wait holds up what comes behind
//! it, unless it is put [`aside`]; and what is not begun is not given back to the peer's window
//! (security R12).

mod aside;
mod attributes;
mod backlog;
mod claims;
mod close;
mod copy;
mod directory;
mod dispatch;
mod extended;
mod file;
mod handles;
mod hash;
mod long;
mod open;
mod outgoing;
mod paths;
mod read;
mod remove;
mod status;
mod write;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use wharf_sftp::Framer;

use self::aside::Aside;
use self::backlog::Backlog;
use self::claims::{Claim, Claims};
use self::dispatch::Flow;
pub(crate) use self::file::blocking;
use self::handles::{Entry, Handles};
use self::outgoing::Outgoing;
use self::read::Reads;
use crate::session::Session;

/// Requests of a channel that are served at a time.
pub(crate) const IN_FLIGHT: usize = 64;

/// What is done with the engine once a request's work is over.
pub(crate) type Effect = Box<dyn FnOnce(&mut Engine) + Send>;
/// A request's work.
pub(crate) type Work = Pin<Box<dyn Future<Output = Effect> + Send>>;

/// The channel cannot go on: what came is not SFTP.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Broken(pub(crate) &'static str);

/// The SFTP server of one channel.
pub(crate) struct Engine {
    session: Session,
    framer: Framer,
    /// What came behind a request that has to wait.
    backlog: Backlog,
    /// The request that has to wait, and everything behind it with it.
    stalled: Option<Packet>,
    aside: Aside,
    handles: Handles,
    claims: Claims,
    in_flight: usize,
    reads: Reads,
    outgoing: Outgoing,
    started: Vec<Work>,
    /// Bytes of the channel that are dealt with and not reported.
    consumed: usize,
    /// Bytes of files that came in.
    written: u64,
    /// Buffers of writes, for the next ones.
    spare: Vec<Vec<u8>>,
    /// Cleared when the channel is gone: then nothing is published any more.
    alive: Arc<AtomicBool>,
    greeted: bool,
    links: LinkOrder,
    shares: Arc<Shares>,
    /// Hashes and copies under way.
    long: usize,
    /// What answers that are being made may come to, in bytes.
    expected: usize,
    /// Why the channel cannot go on.
    broken: Option<Broken>,
}

/// What all channels of a session have together.
#[derive(Debug, Default)]
pub(crate) struct Shares {
    /// Handles given out and about to be (security R11).
    handles: AtomicUsize,
    /// Hashes and copies under way.
    long: AtomicUsize,
}

/// In which order SYMLINK names its two paths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LinkOrder {
    /// The target first, as OpenSSH has it and most clients send it to everybody.
    TargetFirst,
    /// The link first, as the draft has it.
    LinkFirst,
}

impl LinkOrder {
    /// These send OpenSSH's order to servers that call themselves OpenSSH (or ProFTPD) only.
    fn of(client: &[u8]) -> Self {
        let drafts: [&[u8]; 5] = [
            b"SSH-2.0-AsyncSSH",
            b"SSH-2.0-ssh2js",
            b"SSH-2.0-WinSCP",
            b"SSH-2.0-libssh_",
            b"SSH-2.0-libssh-",
        ];
        let begins = |draft: &&[u8]| client.get(..draft.len()) == Some(*draft);
        if drafts.iter().any(begins) {
            Self::LinkFirst
        } else {
            Self::TargetFirst
        }
    }
}

/// A packet that is held: its body, behind `start` bytes that do not matter any more.
struct Packet {
    bytes: Vec<u8>,
    start: usize,
}

impl Packet {
    fn body(&self) -> &[u8] {
        self.bytes.get(self.start..).unwrap_or_default()
    }

    /// What it took of the peer's window.
    fn length(&self) -> usize {
        self.body().len() + LENGTH_FIELD
    }
}

impl Engine {
    /// `shares`: what all channels of the session have together. `client`: the identification of
    /// the client's SSH.
    pub(crate) fn new(session: Session, shares: Arc<Shares>, client: &[u8]) -> Self {
        let most = session.handles_allowed();
        Self {
            session,
            framer: Framer::new(),
            backlog: Backlog::default(),
            stalled: None,
            aside: Aside::default(),
            handles: Handles::new(most, shares.clone()),
            shares,
            expected: 0,
            claims: Claims::default(),
            in_flight: 0,
            reads: Reads::default(),
            outgoing: Outgoing::default(),
            started: Vec::new(),
            consumed: 0,
            written: 0,
            spare: Vec::new(),
            alive: Arc::new(AtomicBool::new(true)),
            greeted: false,
            long: 0,
            links: LinkOrder::of(client),
            broken: None,
        }
    }

    /// Takes bytes of the channel.
    pub(crate) fn receive(&mut self, mut bytes: &[u8]) -> Result<(), Broken> {
        if self.backlog.is_empty() && self.stalled.is_none() {
            self.process(&mut bytes)?;
        }
        self.backlog.add(bytes);
        Ok(())
    }

    /// Goes on with what had to wait; `true` when something could.
    pub(crate) fn resume(&mut self) -> Result<bool, Broken> {
        if let Some(broken) = self.broken.take() {
            return Err(broken);
        }
        let moved = self.serve_aside()?;
        Ok(self.go_on()? || moved)
    }

    /// The same for what everything waits behind.
    fn go_on(&mut self) -> Result<bool, Broken> {
        let mut moved = false;
        if let Some(packet) = self.stalled.take() {
            self.serve_again(packet)?;
            moved = self.stalled.is_none();
        }
        if self.stalled.is_some() || self.backlog.is_empty() {
            return Ok(moved);
        }
        let mut backlog = std::mem::take(&mut self.backlog);
        let mut rest = backlog.rest();
        let before = rest.len();
        let outcome = self.process(&mut rest);
        let done = before - rest.len();
        backlog.advance(done);
        self.backlog = backlog;
        outcome.map(|()| moved || done > 0)
    }

    /// Whether no more may be begun now: enough is under way, or nobody takes the answers
    /// (security R12).
    fn is_full(&self) -> bool {
        self.stalled.is_some() || self.is_busy_enough()
    }

    fn is_busy_enough(&self) -> bool {
        self.in_flight >= IN_FLIGHT || self.outgoing.len() + self.expected >= ANSWERS_WAITING
    }

    fn process(&mut self, bytes: &mut &[u8]) -> Result<(), Broken> {
        let mut framer = std::mem::take(&mut self.framer);
        let outcome = loop {
            if self.is_full() {
                break Ok(());
            }
            let input = bytes.as_ptr_range();
            let (flow, copied) = match framer.next(bytes) {
                Ok(Some(body)) => match self.dispatch(body) {
                    Ok(Flow::Begun) => {
                        self.consumed += body.len() + LENGTH_FIELD;
                        continue;
                    }
                    Ok(flow) => {
                        let lies_in_input = input.contains(&body.as_ptr());
                        (flow, lies_in_input.then(|| body.to_vec()))
                    }
                    Err(broken) => break Err(broken),
                },
                Ok(None) => break Ok(()),
                Err(_) => break Err(Broken("a packet of a length that is not possible")),
            };
            let packet = match copied {
                Some(bytes) => Packet { bytes, start: 0 },
                None => Packet {
                    bytes: framer
                        .take(self.spare.pop().unwrap_or_default())
                        .unwrap_or_default(),
                    start: LENGTH_FIELD,
                },
            };
            self.hold(flow, packet);
        };
        self.framer = framer;
        outcome
    }

    /// Serves a request that had to wait.
    fn serve_again(&mut self, packet: Packet) -> Result<(), Broken> {
        match self.dispatch(packet.body())? {
            Flow::Begun => {
                self.consumed += packet.length();
                self.keep_buffer(packet.bytes);
            }
            flow => self.hold(flow, packet),
        }
        Ok(())
    }

    /// Keeps a packet that is not dealt with yet.
    fn hold(&mut self, flow: Flow, packet: Packet) {
        match flow {
            Flow::Begun => {}
            Flow::Stalled => self.stalled = Some(packet),
            Flow::Aside(claim) => self.put_aside(packet, claim),
            // Its bytes are dealt with once they are written.
            Flow::Queued(write) => self.queue_write(write, packet),
        }
    }

    /// Keeps a buffer for the next packets while some are under way.
    fn keep_buffer(&mut self, bytes: Vec<u8>) {
        if self.spare.len() < SPARE {
            self.spare.push(bytes);
        }
    }

    /// Runs what a request's work ended with, and goes on with what waited for it. What is aside comes
    /// first and is looked at once for all that ended, so that is left to [`Self::resume`].
    pub(crate) fn finish(&mut self, effect: Effect) -> Result<(), Broken> {
        effect(self);
        if let Some(broken) = self.broken.take() {
            return Err(broken);
        }
        if self.aside.is_empty() {
            self.go_on()?;
        }
        Ok(())
    }

    /// The work that was begun since this was last asked.
    pub(crate) fn take_started(&mut self) -> Vec<Work> {
        std::mem::take(&mut self.started)
    }

    /// The bytes that were dealt with since this was last asked.
    pub(crate) fn take_consumed(&mut self) -> usize {
        std::mem::take(&mut self.consumed)
    }

    /// Bytes of files that came in so far.
    pub(crate) const fn written(&self) -> u64 {
        self.written
    }

    /// Whether everything asked was answered and sent.
    pub(crate) fn is_idle(&self) -> bool {
        self.in_flight == 0
            && self.stalled.is_none()
            && self.aside.is_empty()
            && self.backlog.is_empty()
            && self.outgoing.is_empty()
    }

    /// Whether a file is open, something is under way or an answer waits: a server that stops lets
    /// it end, and its client know how it ended.
    pub(crate) fn is_busy(&self) -> bool {
        self.in_flight > 0 || self.handles.has_files() || !self.outgoing.is_empty()
    }

    /// Begins work that an answer comes of.
    fn start(&mut self, claim: Claim, work: impl Future<Output = Effect> + Send + 'static) -> Flow {
        let token = self.claims.hold(claim);
        self.in_flight += 1;
        self.started.push(Box::pin(async move {
            let effect = work.await;
            let finished: Effect = Box::new(move |engine| {
                engine.claims.release(token);
                engine.in_flight -= 1;
                effect(engine);
            });
            finished
        }));
        Flow::Begun
    }

    /// Begins work whose whole outcome is an answer.
    fn answer(
        &mut self,
        claim: Claim,
        work: impl Future<Output = Vec<u8>> + Send + 'static,
    ) -> Flow {
        self.start(claim, async move {
            let answer = work.await;
            let effect: Effect = Box::new(move |engine| engine.outgoing.add(answer));
            effect
        })
    }

    /// Answers at once.
    fn reply(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> Flow {
        write(self.outgoing.small());
        Flow::Begun
    }

    /// Gives memory back that is kept for what comes next.
    pub(crate) fn release(&mut self) {
        if self.in_flight == 0 {
            self.spare = Vec::new();
        }
    }

    /// The channel is gone: nothing is published any more, and what was uploaded in part is kept.
    pub(crate) fn end(&mut self) {
        self.alive.store(false, Ordering::Release);
        for entry in self.handles.take_all() {
            match entry {
                Entry::File(file) => file.abandon(&self.session),
                Entry::Directory(directory) => directory.tell(&self.session),
            }
        }
    }
}

/// Answers that wait for the channel, in bytes, before no more requests are begun.
const ANSWERS_WAITING: usize = 512 * 1024;
/// What one answer with names or hashes comes to at most, in bytes.
const MOST_OF_AN_ANSWER: usize = 128 * 1024;
/// Buffers kept for the next packets.
const SPARE: usize = 16;
/// Of a packet's length.
const LENGTH_FIELD: usize = 4;

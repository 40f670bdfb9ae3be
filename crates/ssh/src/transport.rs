//! The transport layer as a machine: identification, packets, key exchange, and who may say what
//! before the login. It reads no clock and moves no bytes; times are handed in.

mod negotiation;
mod options;
mod place;

use std::ops::Range;
use std::sync::Arc;

pub use self::options::{Limits, Options};

use self::negotiation::Negotiation;
use self::place::{DEBUG, DISCONNECT, EXT_INFO, IGNORE, LAST_KEX, UNIMPLEMENTED, is_for_above};
use crate::algorithm::{Agreed, KEXINIT, Role};
use crate::cipher::{MAX_PACKET, Opened, Opener, Sealer};
use crate::encoding::{Reader, Writer};
use crate::identification::{self, Line};
use crate::key::PublicKey;
use crate::output::{Output, Slot};
use crate::violation::Violation;

/// One end of a connection.
pub struct Transport {
    options: Arc<Options>,
    phase: Phase,
    peer_version: Vec<u8>,
    opener: Opener,
    sealer: Sealer,
    /// A key exchange under way.
    negotiation: Option<Box<Negotiation>>,
    session: Option<Box<[u8]>>,
    agreed: Option<Agreed>,
    strict: bool,
    authenticated: bool,
    /// EXT_INFO may come now: as the first packet under the first keys (security P24).
    extensions_due: bool,
    /// Messages that wait for new keys, whole payloads one after another, each with its length.
    held: Vec<u8>,
    /// When the keys in use were agreed on, in seconds of the caller's clock.
    keyed_at: u64,
    /// When the last key exchanges began that the peer asked for.
    asked_at: [u64; MOST_ASKED],
    before_login: u64,
    /// What the server has proved to be, for the client to believe or not.
    host_key: Option<PublicKey>,
}

enum Phase {
    Identification,
    Packets,
}

/// What came of the bytes at the front of the input.
#[derive(Debug, PartialEq, Eq)]
pub enum Received {
    /// Nothing yet: this many bytes must be there.
    Needs(usize),
    /// These many were dealt with; the next may follow.
    Done(usize),
    /// A message for the layers above.
    Message {
        /// Where its payload lies in the input, its number first.
        payload: Range<usize>,
        /// The bytes that are dealt with once the payload is.
        consumed: usize,
    },
    /// The peer ends the connection.
    Disconnected {
        /// Its code.
        code: u32,
        /// Its words, unfiltered: not for a terminal as they are.
        text: Vec<u8>,
    },
}

impl Transport {
    /// A transport that has sent nothing. [`Transport::start`] begins.
    #[must_use]
    pub fn new(options: Arc<Options>) -> Self {
        Self {
            options,
            phase: Phase::Identification,
            peer_version: Vec::new(),
            opener: Opener::clear(),
            sealer: Sealer::clear(),
            negotiation: None,
            session: None,
            agreed: None,
            strict: false,
            authenticated: false,
            extensions_due: false,
            held: Vec::new(),
            keyed_at: 0,
            asked_at: [0; MOST_ASKED],
            before_login: 0,
            host_key: None,
        }
    }

    /// Says who this is, and what it offers.
    ///
    /// # Errors
    /// When the system has no randomness.
    pub fn start(&mut self, output: &mut Output) -> Result<(), Violation> {
        output.raw(self.options.version.as_bytes());
        output.raw(b"\r\n");
        self.begin_exchange(output)
    }

    /// Looks at the bytes at the front of the input. `now` is in seconds and never goes back.
    ///
    /// # Errors
    /// A breach of the protocol. The connection is over; [`Transport::disconnect`] tells the peer.
    pub fn receive(
        &mut self,
        input: &mut [u8],
        output: &mut Output,
        now: u64,
    ) -> Result<Received, Violation> {
        match self.phase {
            Phase::Identification => self.receive_identification(input),
            Phase::Packets => self.receive_packet(input, output, now),
        }
    }

    /// Lays out a message of `length` bytes to be filled and sealed at once: for data that are
    /// read straight into it. `None` while keys are exchanged.
    pub fn lay_out(&self, output: &mut Output, length: usize) -> Option<Slot> {
        self.can_send().then(|| self.sealer.lay_out(output, length))
    }

    /// Seals what [`Transport::lay_out`] laid out. In the same order.
    ///
    /// # Errors
    /// When the cipher fails, which it does not.
    pub fn seal(&mut self, output: &mut Output, slot: &Slot) -> Result<(), Violation> {
        self.sealer.seal(output, slot)
    }

    /// Sends a message, or keeps it until new keys are in use.
    ///
    /// # Errors
    /// When more than [`MAX_HELD`] bytes would have to be kept: the peer does not finish its key
    /// exchange.
    pub fn send(&mut self, output: &mut Output, payload: &[u8]) -> Result<(), Violation> {
        if self.can_send() {
            return self.send_now(output, payload);
        }
        if self.held.len() + payload.len() > MAX_HELD {
            return Err(Violation::protocol("a key exchange that does not end"));
        }
        self.held.put_string(payload);
        Ok(())
    }

    /// Whether messages may be sent now: not while keys are exchanged.
    #[must_use]
    pub fn can_send(&self) -> bool {
        self.session.is_some()
            && self
                .negotiation
                .as_ref()
                .is_none_or(|one| one.sends_again())
    }

    /// Begins a key exchange when the keys have been used for long enough or for enough bytes
    /// (RFC 4253 §9), and none is under way.
    ///
    /// # Errors
    /// When the system has no randomness.
    pub fn renew_keys(&mut self, output: &mut Output, now: u64) -> Result<(), Violation> {
        let limits = &self.options.limits;
        let bytes = self.opener.bytes.max(self.sealer.bytes);
        let packets = self.opener.packets.max(self.sealer.packets);
        let due = bytes >= limits.rekey_bytes
            || packets >= limits.rekey_packets
            || now.saturating_sub(self.keyed_at) >= limits.rekey_seconds;
        if due && self.authenticated && self.negotiation.is_none() {
            self.begin_exchange(output)?;
        }
        Ok(())
    }

    /// Tells the peer why the connection ends.
    pub fn disconnect(&mut self, output: &mut Output, violation: &Violation) {
        if self.sealer.is_clear() && matches!(self.phase, Phase::Identification) {
            // It may not be an SSH client at all; a line can be read by anybody.
            output.raw(violation.text.as_bytes());
            output.raw(b"\r\n");
            return;
        }
        let mut payload = vec![DISCONNECT];
        payload.put_u32(violation.reason.code());
        payload.put_string(violation.text.as_bytes());
        payload.put_string(b"");
        // Also in the middle of a key exchange: RFC 4253 §7.1 allows it there.
        let _ = self.send_now(output, &payload);
    }

    /// The peer has logged in, or this side has: the layers above may be spoken to.
    pub const fn set_authenticated(&mut self) {
        self.authenticated = true;
        self.opener.set_limit(MAX_PACKET);
    }

    /// The hash of the first key exchange: what a login signs. `None` before it.
    #[must_use]
    pub fn session(&self) -> Option<&[u8]> {
        self.session.as_deref()
    }

    /// What the last key exchange agreed on.
    #[must_use]
    pub const fn agreed(&self) -> Option<&Agreed> {
        self.agreed.as_ref()
    }

    /// The peer's identification; empty before it.
    #[must_use]
    pub fn peer_version(&self) -> &[u8] {
        &self.peer_version
    }

    /// The host key by which the server has signed the last key exchange. Whether it is believed is
    /// the caller's to say, before anything is sent.
    #[must_use]
    pub const fn host_key(&self) -> Option<&PublicKey> {
        self.host_key.as_ref()
    }

    /// Whether a key exchange is under way.
    #[must_use]
    pub const fn exchanges_keys(&self) -> bool {
        self.negotiation.is_some()
    }

    fn receive_identification(&mut self, input: &[u8]) -> Result<Received, Violation> {
        match identification::read(input, self.options.role)? {
            Line::More => Ok(Received::Needs(input.len() + 1)),
            Line::Identification(version, consumed) => {
                self.peer_version = version;
                self.phase = Phase::Packets;
                Ok(Received::Done(consumed))
            }
        }
    }

    fn receive_packet(
        &mut self,
        input: &mut [u8],
        output: &mut Output,
        now: u64,
    ) -> Result<Received, Violation> {
        let (payload, consumed, sequence) = match self.opener.open(input)? {
            Opened::Needs(bytes) => return Ok(Received::Needs(bytes)),
            Opened::Packet {
                payload,
                consumed,
                sequence,
            } => (payload, consumed, sequence),
        };
        self.count_before_login(consumed)?;
        let message = input.get(payload.clone()).unwrap_or_default();
        let number = message.first().copied().unwrap_or_default();
        if self.session.is_none() && sequence == u32::MAX {
            return Err(Violation::exchange(
                "the sequence numbers of a key exchange wrapped",
            ));
        }
        self.check_place(number)?;
        let extensions_due = std::mem::take(&mut self.extensions_due);
        match number {
            DISCONNECT => return disconnected(message),
            IGNORE | UNIMPLEMENTED | DEBUG => {}
            EXT_INFO if extensions_due || self.options.role == Role::Client => {}
            EXT_INFO => {
                return Err(Violation::protocol("EXT_INFO where none may come"));
            }
            KEXINIT..=LAST_KEX => self.exchange(message, output, now)?,
            _ if is_for_above(number) => return Ok(Received::Message { payload, consumed }),
            _ => self.unimplemented(output, sequence)?,
        }
        Ok(Received::Done(consumed))
    }

    /// Security P21: before the login somebody has paid for nothing.
    fn count_before_login(&mut self, bytes: usize) -> Result<(), Violation> {
        if self.authenticated {
            return Ok(());
        }
        self.before_login += bytes as u64 + PACKET_COST;
        if self.before_login > self.options.limits.before_login {
            return Err(Violation::protocol("too much was sent before the login"));
        }
        Ok(())
    }

    fn unimplemented(&mut self, output: &mut Output, sequence: u32) -> Result<(), Violation> {
        let mut payload = vec![UNIMPLEMENTED];
        payload.put_u32(sequence);
        if self.can_send() {
            self.send_now(output, &payload)
        } else {
            Ok(())
        }
    }

    fn send_now(&mut self, output: &mut Output, payload: &[u8]) -> Result<(), Violation> {
        let slot = self.sealer.lay_out(output, payload.len());
        output.payload(&slot).copy_from_slice(payload);
        self.sealer.seal(output, &slot)
    }

    fn begin_exchange(&mut self, output: &mut Output) -> Result<(), Violation> {
        let mut cookie = [0; 16];
        aws_lc_rs::rand::fill(&mut cookie)
            .map_err(|_| Violation::exchange("the system has no randomness"))?;
        let first = self.session.is_none();
        let ours = self
            .options
            .offer
            .key_init(self.options.role, first, cookie);
        self.send_now(output, &ours)?;
        self.negotiation = Some(Box::new(Negotiation::new(ours)));
        Ok(())
    }

    /// A message of a key exchange.
    fn exchange(&mut self, message: &[u8], output: &mut Output, now: u64) -> Result<(), Violation> {
        if message.first() == Some(&KEXINIT) && self.negotiation.is_none() {
            self.count_asked(now)?;
            self.begin_exchange(output)?;
        }
        let Some(mut negotiation) = self.negotiation.take() else {
            return Err(Violation::protocol("a key exchange that nobody began"));
        };
        let first = self.opener.is_clear();
        let ended = self.step(&mut negotiation, message, output)?;
        if ended {
            self.keyed_at = now;
            self.extensions_due = first;
        } else {
            self.negotiation = Some(negotiation);
        }
        if self.can_send() {
            self.send_held(output)?;
        }
        Ok(())
    }

    /// Security R13: each key exchange costs more than the packet that asks for it. After enough
    /// bytes under one key anybody may ask.
    fn count_asked(&mut self, now: u64) -> Result<(), Violation> {
        if self.opener.bytes.max(self.sealer.bytes) >= WORTH_NEW_KEYS {
            return Ok(());
        }
        // 0 stands for never.
        let mut oldest = now.max(1);
        for at in self.asked_at.iter_mut().rev() {
            std::mem::swap(at, &mut oldest);
        }
        if oldest != 0 && now.saturating_sub(oldest) < ASKED_WITHIN {
            return Err(Violation::protocol("too many key exchanges were asked for"));
        }
        Ok(())
    }

    fn send_held(&mut self, output: &mut Output) -> Result<(), Violation> {
        let held = std::mem::take(&mut self.held);
        let mut reader = Reader::new(&held);
        while !reader.is_empty() {
            self.send_now(output, reader.string(MAX_HELD)?)?;
        }
        Ok(())
    }
}

impl std::fmt::Debug for Transport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Transport").finish_non_exhaustive()
    }
}

fn disconnected(message: &[u8]) -> Result<Received, Violation> {
    let mut reader = Reader::new(message);
    reader.byte()?;
    Ok(Received::Disconnected {
        code: reader.u32()?,
        text: reader.string(MAX_TEXT)?.to_vec(),
    })
}

/// The most that waits for the end of a key exchange, in bytes.
pub const MAX_HELD: usize = 256 * 1024;
/// Key exchanges that the peer may ask for within [`ASKED_WITHIN`] seconds.
const MOST_ASKED: usize = 6;
const ASKED_WITHIN: u64 = 60;
/// What a packet counts before the login beside its bytes.
const PACKET_COST: u64 = 256;
/// OpenSSH that is told to renew its keys every megabyte does so every 256 KiB: it counts what
/// waits to be sent in bytes, and the rest in blocks.
const WORTH_NEW_KEYS: u64 = 128 * 1024;
const MAX_TEXT: usize = 4096;

#[cfg(test)]
mod tests;

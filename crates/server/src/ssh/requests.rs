//! Channels: what is asked for on a connection after the login, and what is not had (security A21).

use wharf_ssh::Violation;
use wharf_ssh::message::channel::{self as say, Message, OpenRefusal, Request};

use super::channel::{Channel, PACKET, Program, WINDOW};
use super::connection::Connection;
use super::end::End;
use super::outlet::Outlet;
use crate::scp::Scp;
use crate::sftp::{Broken, Effect, Engine};

impl Connection {
    /// A message after the login.
    pub(super) fn channel_message(&mut self, payload: &[u8]) -> Result<(), End> {
        let unreadable = |_| Violation::unreadable();
        match payload.first() {
            // Late requests to log in are ignored (RFC 4252 §5.1).
            Some(&(50..=79)) => return Ok(()),
            Some(&(5 | 6)) => return Err(Violation::unreadable().into()),
            _ => {}
        }
        match Message::read(payload).map_err(unreadable)? {
            Message::GlobalRequest { name, reply, data } => self.global_request(name, reply, data),
            // Nothing is asked of a client that it could answer; who does is not waited for
            // (security P26).
            Message::GlobalReply(_)
            | Message::Opened { .. }
            | Message::OpenFailed { .. }
            | Message::Success(_)
            | Message::Failure(_) => Ok(()),
            Message::Open {
                kind,
                peer,
                window,
                packet,
            } => self.open_channel(kind, peer, window, packet),
            Message::WindowAdjust { channel, bytes } => {
                if let Some(channel) = self.channel(channel) {
                    channel.sending.adjusted(bytes)?;
                }
                Ok(())
            }
            Message::Data { channel, data } => self.data(channel, data),
            Message::ExtendedData { channel, data, .. } => self.extended_data(channel, data),
            Message::Eof(channel) => {
                if let Some(channel) = self.channel(channel) {
                    channel.ended = true;
                }
                Ok(())
            }
            Message::Close(channel) => self.close_channel(channel),
            Message::Request {
                channel,
                reply,
                request,
            } => self.channel_request(channel, reply, &request),
        }
    }

    fn channel(&mut self, number: u32) -> Option<&mut Channel> {
        self.channels.iter_mut().find(|one| one.number == number)
    }

    pub(super) fn say(&mut self, payload: &[u8]) -> Result<(), End> {
        Ok(self.transport.send(&mut self.output, payload)?)
    }

    fn global_request(&mut self, name: &[u8], reply: bool, data: &[u8]) -> Result<(), End> {
        let answer = match name {
            b"hostkeys-prove-00@openssh.com" if reply && !self.proved => {
                self.proved = true;
                self.prove_host_keys(data)
            }
            // Keepalives are answered like everything unknown; the answer is what counts.
            _ => None,
        };
        if !reply {
            return Ok(());
        }
        match answer {
            Some(answer) => self.say(&say::global_success(&answer)),
            None => self.say(&say::global_failure()),
        }
    }

    fn open_channel(
        &mut self,
        kind: &[u8],
        peer: u32,
        window: u32,
        packet: u32,
    ) -> Result<(), End> {
        let (refusal, text) = if kind != b"session" {
            match kind {
                b"direct-tcpip" | b"direct-streamlocal@openssh.com" | b"x11" => {
                    (OpenRefusal::Prohibited, "nothing is forwarded here")
                }
                _ => (OpenRefusal::UnknownKind, "only sessions are opened here"),
            }
        } else if packet < LEAST_PACKET || window == 0 {
            // Security P25: packets of nothing would never end.
            (
                OpenRefusal::Prohibited,
                "the window or its packets are too small",
            )
        } else if self.channels.len() >= self.ssh.config.channels as usize {
            (OpenRefusal::Shortage, "too many channels are open")
        } else {
            let number = self.next_channel;
            self.next_channel = self.next_channel.wrapping_add(1);
            self.channels
                .push(Channel::new(number, peer, window, packet));
            return self.say(&say::opened(peer, number, WINDOW, PACKET));
        };
        self.say(&say::not_opened(peer, refusal, text))
    }

    fn data(&mut self, number: u32, data: &[u8]) -> Result<(), End> {
        let Some(channel) = self.channel(number) else {
            return Ok(());
        };
        channel.receiving.received(data.len())?;
        let outcome = match &mut channel.program {
            Program::Sftp(_) | Program::Scp(_) if channel.ended => {
                Err(Broken("data behind its end"))
            }
            Program::Sftp(engine) => engine.receive(data),
            Program::Scp(scp) => {
                scp.receive(data);
                Ok(())
            }
            // What was on its way when it ended.
            Program::None | Program::Over(_) => {
                channel.receiving.consumed(data.len());
                Ok(())
            }
        };
        match outcome {
            Ok(()) => Ok(()),
            Err(broken) => self.break_channel(number, &broken),
        }
    }

    /// No program here has a second stream to read (security P26).
    fn extended_data(&mut self, number: u32, data: &[u8]) -> Result<(), End> {
        let Some(channel) = self.channel(number) else {
            return Ok(());
        };
        channel.receiving.received(data.len())?;
        self.break_channel(number, &Broken("data of a second stream"))
    }

    /// What came on a channel cannot be gone on with: it is closed, the others go on.
    pub(super) fn break_channel(&mut self, number: u32, broken: &Broken) -> Result<(), End> {
        tracing::debug!(
            session = self.guard.handle.id,
            why = broken.0,
            "a channel is closed"
        );
        self.begin_work();
        if let Some(channel) = self.channel(number) {
            channel.program = Program::Over(1);
            channel.ended = true;
        }
        Ok(())
    }

    /// The client closes: what is under way ends, and its number is free.
    fn close_channel(&mut self, number: u32) -> Result<(), End> {
        let Some(at) = self.channels.iter().position(|one| one.number == number) else {
            return Ok(());
        };
        // What was asked right before is not lost with its channel: it ends, and is told.
        self.begin_work();
        let channel = self.channels.swap_remove(at);
        if !channel.closed {
            self.say(&say::close(channel.peer))?;
        }
        Ok(())
    }

    fn channel_request(
        &mut self,
        number: u32,
        reply: bool,
        request: &Request<'_>,
    ) -> Result<(), End> {
        let Some(session) = self.session.clone() else {
            return Ok(());
        };
        let handle = self.guard.handle.clone();
        let shares = self.shares.clone();
        let copies = self.copies.clone();
        let client = self.transport.peer_version().to_vec();
        let Some(channel) = self.channel(number).filter(|one| !one.closed) else {
            return Ok(());
        };
        let peer = channel.peer;
        let idle = matches!(channel.program, Program::None);
        let granted = match request {
            Request::Subsystem(b"sftp") if idle => {
                channel.program = Program::Sftp(Box::new(Engine::new(session, shares, &client)));
                true
            }
            Request::Exec(command) if idle => {
                // Copies of channels that are closed again count until they have ended.
                let permit = copies.try_acquire_owned().ok();
                let begun =
                    permit.and_then(|permit| Scp::begin(&session, &handle, command, permit));
                begun.is_some_and(|scp| {
                    channel.program = Program::Scp(Box::new(scp));
                    true
                })
            }
            // A shell, another command, a terminal, an environment: none of it is had here, and
            // the channel stays of use (security A21).
            Request::Subsystem(_)
            | Request::Exec(_)
            | Request::ExitStatus(_)
            | Request::Other(_) => false,
        };
        if reply {
            self.say(&say::answer(peer, granted))?;
        }
        Ok(())
    }

    /// Ends what runs in the channels.
    pub(super) async fn end_channels(&mut self) {
        let copies = self
            .channels
            .drain(..)
            .filter_map(|channel| match channel.program {
                Program::Scp(scp) => Some(*scp),
                Program::Sftp(_) | Program::None | Program::Over(_) => None,
            });
        Scp::end_all(copies.collect()).await;
    }

    /// Hands the work that channels have begun to those who do it.
    pub(super) fn begin_work(&mut self) {
        for channel in &mut self.channels {
            let Program::Sftp(engine) = &mut channel.program else {
                continue;
            };
            let number = channel.number;
            for work in engine.take_started() {
                self.jobs
                    .push(Box::pin(async move { (number, work.await) }));
            }
        }
    }

    /// Sends what the channels have to say, gives their windows back, and closes those that are
    /// through.
    pub(super) fn speak(&mut self) -> Result<(), End> {
        let count = self.channels.len();
        for turn in 0..count {
            // One channel after the other is the first.
            self.speak_for((self.first_to_speak + turn) % count)?;
        }
        self.first_to_speak = self.first_to_speak.wrapping_add(1) % count.max(1);
        // Reads that turned out to be slow.
        self.begin_work();
        Ok(())
    }

    fn speak_for(&mut self, at: usize) -> Result<(), End> {
        let Some(channel) = self.channels.get_mut(at) else {
            return Ok(());
        };
        if channel.closed {
            // Nothing but the peer's own close is of interest.
            return Ok(());
        }
        let mut through = None;
        let mut uploads = false;
        match &mut channel.program {
            Program::Sftp(engine) => {
                let mut outlet = Outlet {
                    transport: &mut self.transport,
                    output: &mut self.output,
                    window: &mut channel.sending,
                    peer: channel.peer,
                    packet: channel.packet,
                };
                loop {
                    engine.send(&mut outlet)?;
                    match engine.resume() {
                        Ok(true) => {}
                        Ok(false) => break,
                        Err(broken) => {
                            let number = channel.number;
                            return self.break_channel(number, &broken);
                        }
                    }
                }
                channel.receiving.consumed(engine.take_consumed());
                // It uploads, and what it sends is dealt with.
                uploads = engine.written() > u64::from(channel.receiving.size());
                if channel.ended && engine.is_idle() {
                    through = Some(0);
                }
            }
            Program::Scp(scp) => {
                if channel.ended {
                    scp.end_input();
                }
                let mut outlet = Outlet {
                    transport: &mut self.transport,
                    output: &mut self.output,
                    window: &mut channel.sending,
                    peer: channel.peer,
                    packet: channel.packet,
                };
                through = scp.send(&mut outlet)?;
                channel.receiving.consumed(scp.take_consumed());
                uploads = scp.received() > u64::from(channel.receiving.size());
            }
            Program::Over(status) => through = Some(*status),
            Program::None if channel.ended => through = Some(0),
            Program::None => {}
        }
        if uploads {
            channel.widen();
        }
        let peer = channel.peer;
        let adjustment = channel.receiving.adjustment();
        let closes = through.filter(|_| self.transport.can_send());
        if closes.is_some() {
            channel.closed = true;
            channel.program = Program::Over(0);
        }
        if let Some(bytes) = adjustment {
            self.say(&say::window_adjust(peer, bytes))?;
        }
        if let Some(status) = closes {
            self.say(&say::eof(peer))?;
            self.say(&say::exit_status(peer, status))?;
            self.say(&say::close(peer))?;
        }
        Ok(())
    }
}

impl Channel {
    /// Whether a copy by scp is at work, which is not idle.
    pub(super) fn copies(&self) -> bool {
        match &self.program {
            Program::Scp(scp) => scp.works(),
            Program::Sftp(_) | Program::None | Program::Over(_) => false,
        }
    }

    /// Gives memory back that is kept for what comes next.
    pub(super) fn release(&mut self) {
        if let Program::Sftp(engine) = &mut self.program {
            engine.release();
        }
    }

    pub(super) fn is_busy(&self) -> bool {
        match &self.program {
            Program::Sftp(engine) => engine.is_busy(),
            Program::Scp(scp) => scp.is_busy(),
            Program::None | Program::Over(_) => false,
        }
    }

    pub(super) fn finish(&mut self, effect: Effect) -> Result<(), Broken> {
        match &mut self.program {
            Program::Sftp(engine) => engine.finish(effect),
            Program::Scp(_) | Program::None | Program::Over(_) => {
                // What it opened is put aside, which takes a disk.
                tokio::task::spawn_blocking(move || drop(effect));
                Ok(())
            }
        }
    }
}

/// Smaller packets would be little but headers.
const LEAST_PACKET: u32 = 256;

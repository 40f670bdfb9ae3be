//! SCP, the old protocol, for clients that still speak it and accounts that may.
//!
//! There is no specification; what OpenSSH's scp says and expects is followed. Each copy is a task
//! of its own, which ends when its channel does. Every file goes through the [`Session`].

mod language;
mod level;
mod patterns;
mod pipe;
mod receiver;
mod sink;
mod source;
mod upload;

use std::sync::Arc;

use tokio::sync::OwnedSemaphorePermit;
use wharf_ssh::Violation;

use self::language::Direction;
use self::pipe::{ChannelEnd, Gone};
use self::sink::Sink;
use self::source::Source;
use crate::failure::Failure;
use crate::registry::Handle;
use crate::session::Session;
use crate::ssh::Outlet;

/// A copy in a channel.
pub(crate) struct Scp {
    pipe: ChannelEnd,
    /// Bytes that came in.
    received: u64,
}

/// Why a copy ends before its end.
#[derive(Debug)]
enum Stop {
    /// The channel is gone, or the client ended in the middle: nobody listens.
    Gone,
    /// The client has said that it ends.
    Ended,
    /// Nothing can be gone on with; this is the reason that the client is told.
    Because(String),
}

impl Scp {
    /// Begins what a client's command asks for. `None` when it is not scp.
    ///
    /// What cannot be done is refused in scp's own words and not by refusing the command: of a
    /// command that was refused `scp -O`, PuTTY and the libraries say that the connection was
    /// lost, and a text on the stream of errors they mix with that. A fatal message is shown alone.
    pub(crate) fn begin(
        session: &Session,
        handle: &Arc<Handle>,
        command: &[u8],
        permit: OwnedSemaphorePermit,
    ) -> Option<Self> {
        let command = language::command(command)?;
        let (channel, task) = pipe::pipe(handle.clone());
        let work = session
            .may_use_scp()
            .map_err(|failure| failure.told())
            .and_then(|()| command.map_err(|unusable| unusable.to_string()));
        let session = session.clone();
        tokio::spawn(async move {
            let _permit = permit;
            match work {
                Ok(command) => match command.direction {
                    Direction::ToServer => Sink::new(session, task, &command).run(command).await,
                    Direction::ToClient => Source::new(session, task, &command).run(command).await,
                },
                Err(text) => {
                    task.refuse(&text).await;
                    task.finish(1);
                }
            }
        });
        Some(Self {
            pipe: channel,
            received: 0,
        })
    }

    /// Takes bytes of the channel.
    pub(crate) fn receive(&mut self, bytes: &[u8]) {
        self.received += bytes.len() as u64;
        self.pipe.receive(bytes);
    }

    /// The client sends no more.
    pub(crate) fn end_input(&self) {
        self.pipe.end();
    }

    /// The bytes that were dealt with since this was last asked.
    pub(crate) fn take_consumed(&self) -> usize {
        self.pipe.take_consumed()
    }

    /// Bytes that came in so far.
    pub(crate) const fn received(&self) -> u64 {
        self.received
    }

    /// Sends what may go. The exit status, once it is over and all is sent.
    pub(crate) fn send(&mut self, outlet: &mut Outlet<'_>) -> Result<Option<u32>, Violation> {
        self.pipe.send(outlet)
    }

    /// The connection has ended: nothing is published any more. Waits until what was under way is
    /// put aside and recorded, lest a server that stops does not get to it.
    pub(crate) async fn end_all(copies: Vec<Self>) {
        for copy in &copies {
            copy.pipe.leave();
        }
        let all = async {
            for copy in &copies {
                copy.pipe.ended().await;
            }
        };
        let _ = tokio::time::timeout(pipe::FAREWELL, all).await;
    }

    /// Whether files are under way: a server that stops waits for them.
    pub(crate) fn is_busy(&self) -> bool {
        !self.pipe.is_through()
    }

    /// Whether it is at work by itself, as on a large folder: a client that is waited for is idle.
    pub(crate) fn works(&self) -> bool {
        self.pipe.works()
    }
}

impl From<Gone> for Stop {
    fn from(Gone: Gone) -> Self {
        Self::Gone
    }
}

impl From<language::Broken> for Stop {
    fn from(broken: language::Broken) -> Self {
        Self::Because(format!("what came is not scp: {}", broken.0))
    }
}

/// What is recorded of a file that was under way when the channel ended.
fn cut() -> Failure {
    Failure::new(
        crate::failure::Kind::DataBroken,
        wharf_causes::id::T_2,
        "The connection ended before the file was whole",
    )
}

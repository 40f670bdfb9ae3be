//! One channel and what runs in it.

use tokio::sync::{Semaphore, SemaphorePermit};
use wharf_ssh::window::{Receiving, Sending};

use crate::scp::Scp;
use crate::sftp::Engine;

/// What is offered at first: more than any login or listing needs, and what may wait here for a
/// reader who takes nothing.
pub(super) const WINDOW: u32 = 2 << 20;
/// What a channel that uploads is given, so that a long way does not slow it down.
pub(super) const WIDE_WINDOW: u32 = 16 << 20;
/// The largest packet that is taken.
pub(super) const PACKET: u32 = 256 * 1024;

/// A channel.
pub(super) struct Channel {
    /// One's own number.
    pub(super) number: u32,
    /// The peer's.
    pub(super) peer: u32,
    pub(super) receiving: Receiving,
    pub(super) sending: Sending,
    /// The most bytes the peer takes in one packet.
    pub(super) packet: usize,
    pub(super) program: Program,
    /// The peer sends no more data.
    pub(super) ended: bool,
    /// This side has closed it.
    pub(super) closed: bool,
    /// The right to a wide window.
    pub(super) wide: Option<SemaphorePermit<'static>>,
}

/// What runs in a channel.
pub(super) enum Program {
    /// Nothing yet.
    None,
    /// SFTP.
    Sftp(Box<Engine>),
    /// SCP, the old protocol.
    Scp(Box<Scp>),
    /// It is over, with this exit status.
    Over(u32),
}

impl Channel {
    pub(super) fn new(number: u32, peer: u32, window: u32, packet: u32) -> Self {
        Self {
            number,
            peer,
            receiving: Receiving::new(WINDOW),
            sending: Sending::new(window),
            // More than this in one packet gains nothing.
            packet: (packet as usize).min(PACKET as usize),
            program: Program::None,
            ended: false,
            closed: false,
            wide: None,
        }
    }

    /// Lets an upload have more under way, if there is memory for that.
    pub(super) fn widen(&mut self) {
        if self.wide.is_none()
            && let Ok(permit) = WIDE.try_acquire()
        {
            self.wide = Some(permit);
            self.receiving.grow(WIDE_WINDOW);
        }
    }
}

/// Wide windows in the whole process: what a stalled disk could make wait in memory.
static WIDE: Semaphore = Semaphore::const_new(32);

//! Requests put aside until an upload that they touch is closed.
//!
//! Whoever has closed a file takes it to be there, but its CLOSE may come late: the kernel does
//! not wait for sshfs to send it, and what a program does next with the name can be here first.
//! Such a request is put aside until the CLOSE came, together with those behind it that touch the
//! same; everything else goes on, the CLOSE above all, unless very many are aside. An upload that
//! stays open is waited for in vain: not for longer than [`patience`], and not again soon.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::claims::Claim;
use super::dispatch::Flow;
use super::{Broken, Effect, Engine, Packet};

/// What was put aside, in its order.
#[derive(Default)]
pub(super) struct Aside {
    waiting: VecDeque<Waiting>,
    /// The bytes of their packets.
    bytes: usize,
    /// Since when the request waits that is tried again now.
    tried: Option<Instant>,
}

struct Waiting {
    packet: Packet,
    claim: Claim,
    since: Instant,
    /// Ends its alarm when it is dropped.
    _alarm: oneshot::Sender<()>,
}

impl Aside {
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    fn has_room(&self, packet: &Packet) -> bool {
        let fits = self.waiting.len() < MOST && self.bytes + packet.length() <= MOST_BYTES;
        // One that does not fit alone must not keep the CLOSE away.
        fits || self.waiting.is_empty()
    }

    fn meets(&self, claim: &Claim) -> bool {
        let mut waiting = self.waiting.iter();
        waiting.any(|waiting| waiting.claim.conflicts(claim))
    }

    /// Whether the request at hand may still wait for a CLOSE.
    fn is_patient(&self, claim: &Claim) -> bool {
        self.tried
            .is_none_or(|since| since.elapsed() < patience(claim))
    }

    fn add(&mut self, waiting: Waiting) {
        self.bytes += waiting.packet.length();
        self.waiting.push_back(waiting);
    }
}

impl Engine {
    /// How a request that names a path must wait, if it must.
    pub(super) fn waits(&self, claim: &Claim) -> Option<Flow> {
        if self.must_wait(claim) {
            Some(Flow::Stalled)
        } else if self.aside.meets(claim) {
            Some(Flow::Aside(claim.clone()))
        } else {
            None
        }
    }

    /// The same for one to which an upload that is open makes a difference.
    pub(super) fn waits_for_uploads(&mut self, claim: &Claim) -> Option<Flow> {
        if let Some(wait) = self.waits(claim) {
            return Some(wait);
        }
        let (patient, since) = (self.aside.is_patient(claim), self.aside.tried);
        let mut waits = false;
        for file in self.handles.good_uploads_mut() {
            // Who waited already then has a second of its own.
            let given_up = file
                .given_up
                .is_some_and(|at| at.elapsed() < GIVEN_UP && since.is_none_or(|since| since > at));
            if given_up || !claim.needs(&file.path) {
                continue;
            }
            if patient {
                waits = true;
            } else {
                file.given_up = Some(Instant::now());
            }
        }
        waits.then(|| Flow::Aside(claim.clone()))
    }

    /// Puts a request aside; when there are too many, everything waits for it.
    pub(super) fn put_aside(&mut self, packet: Packet, claim: Claim) {
        if !self.aside.has_room(&packet) {
            self.stalled = Some(packet);
            return;
        }
        let (alarm, gone) = oneshot::channel();
        let patience = patience(&claim);
        // Its buffer may be much larger than it is.
        let bytes = packet.body().to_vec();
        self.keep_buffer(packet.bytes);
        self.aside.add(Waiting {
            packet: Packet { bytes, start: 0 },
            claim,
            since: Instant::now(),
            _alarm: alarm,
        });
        self.start(Claim::nothing(), async move {
            // Whatever came of it: what is aside is tried again behind it.
            let _ = tokio::time::timeout(patience, gone).await;
            let effect: Effect = Box::new(|_| {});
            effect
        });
    }

    /// Tries again what is aside, in its order; `true` when some of it could begin.
    pub(super) fn serve_aside(&mut self) -> Result<bool, Broken> {
        let mut moved = false;
        let aside = std::mem::take(&mut self.aside);
        for mut waiting in aside.waiting {
            if self.is_busy_enough() {
                self.aside.add(waiting);
                continue;
            }
            self.aside.tried = Some(waiting.since);
            match self.dispatch(waiting.packet.body())? {
                Flow::Begun => {
                    self.consumed += waiting.packet.length();
                    moved = true;
                }
                Flow::Aside(claim) => {
                    waiting.claim = claim;
                    self.aside.add(waiting);
                }
                // What it waits for now ends by itself. Requests that name a path are no writes.
                Flow::Stalled | Flow::Queued(_) => self.aside.add(waiting),
            }
        }
        self.aside.tried = None;
        Ok(moved)
    }
}

/// How long the CLOSE of an upload is waited for by a request with this claim.
fn patience(claim: &Claim) -> Duration {
    if claim.takes_all_below() {
        LONG_PATIENCE
    } else {
        PATIENCE
    }
}

/// How long a CLOSE is waited for.
const PATIENCE: Duration = Duration::from_secs(1);
/// The same by RENAME and RMDIR, which are refused without it: what sshfs removes while it is open,
/// it renames.
const LONG_PATIENCE: Duration = Duration::from_secs(5);
/// How long nobody waits for an upload once it was waited for in vain.
const GIVEN_UP: Duration = Duration::from_secs(10);
/// Requests put aside.
const MOST: usize = super::IN_FLIGHT;
/// Their packets, in bytes.
const MOST_BYTES: usize = 64 * 1024;

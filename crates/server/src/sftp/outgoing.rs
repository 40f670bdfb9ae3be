//! Answers on their way out, in the order in which they came about: who asks for a directory in
//! several requests at once must not be told of its end before its last entries (FileZilla does).

use std::collections::VecDeque;

use wharf_ssh::Violation;

use crate::ssh::Outlet;

/// Answers that wait for the channel.
#[derive(Default)]
pub(super) struct Outgoing {
    /// What is behind `sending`.
    waiting: VecDeque<Vec<u8>>,
    /// Small answers behind those, one behind the other: they leave in few packets.
    small: Vec<u8>,
    /// What is being sent, and how much of it is.
    sending: Vec<u8>,
    sent: usize,
}

impl Outgoing {
    pub(super) const fn small(&mut self) -> &mut Vec<u8> {
        &mut self.small
    }

    pub(super) fn add(&mut self, answer: Vec<u8>) {
        if answer.len() > SMALL {
            if !self.small.is_empty() {
                self.waiting.push_back(std::mem::take(&mut self.small));
            }
            self.waiting.push_back(answer);
        } else {
            self.small.extend_from_slice(&answer);
        }
    }

    /// The same for one that nothing may come before: the rest of what is sent in part.
    pub(super) fn add_first(&mut self, answer: Vec<u8>) {
        if self.sent == self.sending.len() {
            self.sending = answer;
            self.sent = 0;
        } else {
            self.waiting.push_front(answer);
        }
    }

    /// Bytes that wait.
    pub(super) fn len(&self) -> usize {
        let waiting: usize = self.waiting.iter().map(Vec::len).sum();
        self.small.len() + waiting + self.sending.len() - self.sent
    }

    pub(super) fn is_empty(&self) -> bool {
        self.small.is_empty() && self.waiting.is_empty() && self.sent == self.sending.len()
    }

    /// Sends what may go. `true` when nothing is left.
    pub(super) fn send(&mut self, outlet: &mut Outlet<'_>) -> Result<bool, Violation> {
        loop {
            let rest = self.sending.get(self.sent..).unwrap_or_default();
            if !rest.is_empty() {
                let count = outlet.write(rest)?;
                self.sent += count;
                if self.sent < self.sending.len() {
                    return Ok(false);
                }
            }
            self.sent = 0;
            self.sending.clear();
            if let Some(next) = self.waiting.pop_front() {
                self.sending = next;
            } else if !self.small.is_empty() {
                std::mem::swap(&mut self.small, &mut self.sending);
            } else {
                self.sending = Vec::new();
                self.small = Vec::new();
                return Ok(true);
            }
        }
    }
}

/// More than this is not copied behind others.
const SMALL: usize = 16 * 1024;

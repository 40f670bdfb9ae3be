//! Key exchanges: whole, in parts, and again.

use std::time::Instant;

use super::{Ended, SshClient};
use crate::PATIENCE;

impl SshClient {
    /// Identification and key exchange.
    ///
    /// # Panics
    /// When it does not come to keys.
    #[track_caller]
    pub fn exchange_keys(&mut self) {
        if let Err(ended) = self.try_exchange_keys() {
            panic!("no keys: {ended:?}");
        }
    }

    /// The same, which may fail.
    ///
    /// # Errors
    /// How the connection ended.
    pub fn try_exchange_keys(&mut self) -> Result<(), Ended> {
        self.transport
            .start(&mut self.output)
            .expect("the system has randomness");
        self.flush()?;
        while self.transport.exchanges_keys() {
            self.advance(Instant::now() + PATIENCE)?;
        }
        Ok(())
    }

    /// Begins, and gives the bytes that would be sent: the identification and KEXINIT.
    ///
    /// # Panics
    /// When the system has no randomness.
    pub fn hello(&mut self) -> Vec<u8> {
        self.transport
            .start(&mut self.output)
            .expect("the system has randomness");
        self.take_output()
    }

    /// Deals with what comes until keys are in use, and gives back what would be sent instead of
    /// sending it: what `wanted` says yes to ends it.
    ///
    /// # Errors
    /// How the connection ended.
    pub fn answer_of(&mut self, wanted: impl Fn(&Self) -> bool) -> Result<Vec<u8>, Ended> {
        while !wanted(self) {
            if self.deal()?.is_none() {
                self.read(Instant::now() + PATIENCE)?;
            }
        }
        Ok(self.take_output())
    }

    /// Whether something is to be sent.
    #[must_use]
    pub fn has_output(&self) -> bool {
        !self.output.is_empty()
    }

    /// Asks for new keys, whether there is a reason or not. The limits of the client's
    /// `Options` must be such that any use is enough.
    ///
    /// # Errors
    /// How the connection ended.
    ///
    /// # Panics
    /// When the limits do not allow it.
    pub fn renew_keys(&mut self) -> Result<(), Ended> {
        let now = self.now();
        self.transport.set_authenticated();
        self.transport
            .renew_keys(&mut self.output, now)
            .expect("the system has randomness");
        assert!(self.transport.exchanges_keys(), "no key exchange began");
        self.flush()?;
        while self.transport.exchanges_keys() {
            self.advance(Instant::now() + PATIENCE)?;
        }
        Ok(())
    }

    /// Begins a key exchange as [`SshClient::renew_keys`] does, and gives the KEXINIT instead of
    /// sending it.
    ///
    /// # Panics
    /// When the limits do not allow it.
    pub fn begin_keys(&mut self) -> Vec<u8> {
        let now = self.now();
        self.transport.set_authenticated();
        self.transport
            .renew_keys(&mut self.output, now)
            .expect("the system has randomness");
        assert!(self.transport.exchanges_keys(), "no key exchange began");
        self.take_output()
    }
}

//! The windows of a channel (RFC 4254 §5.2): what the peer may still send, and what may be sent.

use crate::violation::Violation;

/// What the peer may send. It is given more only for what was dealt with, so that what waits here
/// is never more than the window (security R12).
#[derive(Debug)]
pub struct Receiving {
    /// The peer may send this many bytes.
    left: u32,
    /// Dealt with, and not given back.
    credit: u32,
    /// What waits and what may come, together, at most.
    size: u32,
}

impl Receiving {
    /// A window of `size` bytes, as the channel was opened with.
    #[must_use]
    pub const fn new(size: u32) -> Self {
        Self {
            left: size,
            credit: 0,
            size,
        }
    }

    /// Bytes came.
    ///
    /// # Errors
    /// More than the peer may send.
    pub fn received(&mut self, bytes: usize) -> Result<(), Violation> {
        let left = u32::try_from(bytes)
            .ok()
            .and_then(|bytes| self.left.checked_sub(bytes));
        self.left = left.ok_or(Violation::protocol("more data than the window allows"))?;
        Ok(())
    }

    /// Bytes that came were dealt with.
    pub fn consumed(&mut self, bytes: usize) {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        self.credit = self.credit.saturating_add(bytes);
    }

    /// How large it is.
    #[must_use]
    pub const fn size(&self) -> u32 {
        self.size
    }

    /// Lets more wait. The peer hears of it with the next [`Receiving::adjustment`].
    pub fn grow(&mut self, size: u32) {
        if size > self.size {
            self.credit = self.credit.saturating_add(size - self.size);
            self.size = size;
        }
    }

    /// The bytes to give back now, in few and large steps.
    pub fn adjustment(&mut self) -> Option<u32> {
        let worth = self.credit >= self.size / 8 || self.left < self.size / 4 && self.credit > 0;
        worth.then(|| {
            self.left = self.left.saturating_add(self.credit);
            std::mem::take(&mut self.credit)
        })
    }
}

/// What may be sent.
#[derive(Debug)]
pub struct Sending {
    left: u32,
}

impl Sending {
    /// A window as the peer opened it.
    #[must_use]
    pub const fn new(size: u32) -> Self {
        Self { left: size }
    }

    /// Bytes that may be sent.
    #[must_use]
    pub const fn left(&self) -> usize {
        self.left as usize
    }

    /// The peer takes more.
    ///
    /// # Errors
    /// More than RFC 4254 §5.2 allows a window to be (security P25).
    pub fn adjusted(&mut self, bytes: u32) -> Result<(), Violation> {
        let left = self.left.checked_add(bytes);
        self.left = left.ok_or(Violation::protocol("a window of more than 2^32 - 1 bytes"))?;
        Ok(())
    }

    /// Bytes were sent, at most [`Sending::left`].
    pub fn sent(&mut self, bytes: usize) {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        self.left = self.left.saturating_sub(bytes);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn p25_a_window_cannot_overflow() {
        let mut window = Sending::new(10);
        window.adjusted(u32::MAX - 10).unwrap();
        assert!(window.adjusted(1).is_err());
        let mut window = Receiving::new(100);
        assert!(window.received(101).is_err());
    }

    proptest! {
        /// Whatever comes and is dealt with in whatever order, what waits and what may come are
        /// never more than the window, and in the end all of it is given back.
        #[test]
        fn r12_what_waits_is_never_more_than_the_window(
            steps in prop::collection::vec((0_u32..3000, 0_u32..3000), 1..200),
            size in 1000_u32..100_000,
        ) {
            let mut window = Receiving::new(size);
            let mut allowed = u64::from(size);
            let mut waiting = 0_u64;
            for (come, done) in steps {
                let come = u64::from(come).min(allowed);
                window.received(come as usize).unwrap();
                allowed -= come;
                waiting += come;
                let done = u64::from(done).min(waiting);
                window.consumed(done as usize);
                waiting -= done;
                allowed += window.adjustment().map_or(0, u64::from);
                prop_assert!(waiting + allowed <= u64::from(size));
            }
            window.consumed(waiting as usize);
            allowed += window.adjustment().map_or(0, u64::from);
            prop_assert!(allowed >= u64::from(size - size / 8));
        }
    }
}

//! Counting bytes, and counting what is not logged.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::sync::locked;

/// A count of bytes that one side adds to and others read at any time.
#[derive(Debug, Default)]
pub struct Meter(AtomicU64);

impl Meter {
    /// A meter at zero.
    #[must_use]
    pub const fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// Counts `bytes` more.
    pub fn add(&self, bytes: u64) {
        self.0.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Bytes counted so far.
    pub fn bytes(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Lets a bounded number of log lines a second through and counts the rest (security R17).
#[derive(Debug)]
pub struct Throttle {
    per_second: u32,
    window: Mutex<Window>,
}

#[derive(Debug)]
struct Window {
    began: Instant,
    passed: u32,
    held_back: u64,
}

impl Throttle {
    /// At most `per_second` lines a second.
    #[must_use]
    pub fn new(per_second: u32) -> Self {
        Self {
            per_second,
            window: Mutex::new(Window {
                began: Instant::now(),
                passed: 0,
                held_back: 0,
            }),
        }
    }

    /// `Some(held_back)` when the line may be written, with the number of lines that were not
    /// since the last one that was; `None` when this one must not be.
    pub fn pass(&self) -> Option<u64> {
        self.pass_at(Instant::now())
    }

    fn pass_at(&self, now: Instant) -> Option<u64> {
        let mut window = locked(&self.window);
        if now.saturating_duration_since(window.began) >= Duration::from_secs(1) {
            window.began = now;
            window.passed = 0;
        }
        if window.passed < self.per_second {
            window.passed += 1;
            Some(std::mem::take(&mut window.held_back))
        } else {
            window.held_back += 1;
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r17_a_flood_is_counted_not_written() {
        let throttle = Throttle::new(10);
        let start = Instant::now();
        let written = (0..10_000).filter(|_| throttle.pass_at(start).is_some());
        assert_eq!(written.count(), 10);
        let later = start + Duration::from_secs(2);
        assert_eq!(throttle.pass_at(later), Some(9_990));
        assert_eq!(throttle.pass_at(later), Some(0));
    }
}

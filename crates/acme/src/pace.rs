//! When to try again, and when to look again.

use std::time::{Duration, SystemTime};

/// The times the manager keeps. One set for the product, shorter ones for tests.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    /// Wait after the first failure.
    pub(crate) first: Duration,
    /// What the doubling of waits ends at, before the jitter of up to a half.
    pub(crate) most: Duration,
    /// Longest sleep without looking at the clock and the files: a machine that was suspended, or
    /// whose clock was set, is late by this much at most.
    pub(crate) look: Duration,
    /// Whole time an order may take.
    pub(crate) order: Duration,
    /// Time the CA may take to ask its question and decide.
    pub(crate) validation: Duration,
    /// Time the CA may take to sign.
    pub(crate) issuance: Duration,
}

impl Pace {
    pub(crate) const PRODUCT: Self = Self {
        first: MINUTE,
        most: Duration::from_secs(8 * 3600),
        look: Duration::from_secs(3600),
        order: Duration::from_secs(15 * 60),
        validation: Duration::from_secs(5 * 60),
        issuance: Duration::from_secs(5 * 60),
    };

    /// How long to wait after `failures` (1…) in a row, a minute to twelve hours. `luck` is any
    /// number, spread evenly.
    ///
    /// Four times as long each time: Let's Encrypt lets a name fail five times an hour, and this
    /// tries four times in the first hour and a half. Up to half is added by luck, so that
    /// machines that failed together do not come back together.
    pub(crate) fn back_off(&self, failures: u32, luck: u32) -> Duration {
        let steps = failures.saturating_sub(1).min(16);
        let base = self
            .first
            .saturating_mul(4_u32.saturating_pow(steps))
            .min(self.most);
        base + base.mul_f64(f64::from(luck) / f64::from(u32::MAX) / 2.0)
    }
}

/// When a certificate is to be replaced if nobody says otherwise: when a third of its life is
/// left.
pub(crate) fn renewal(not_before: SystemTime, not_after: SystemTime) -> SystemTime {
    let life = not_after.duration_since(not_before).unwrap_or_default();
    not_after.checked_sub(life / 3).unwrap_or(not_after)
}

/// A moment between `start` and `end` (RFC 9773 4.2: "a uniform random time within the window").
pub(crate) fn within(start: SystemTime, end: SystemTime, luck: u32) -> SystemTime {
    let width = end.duration_since(start).unwrap_or_default();
    start + width.mul_f64(f64::from(luck) / f64::from(u32::MAX))
}

/// A number nobody can foresee, spread evenly. Without randomness all machines wait alike, which
/// harms nobody here.
pub(crate) fn luck() -> u32 {
    getrandom::u32().unwrap_or(u32::MAX / 2)
}

const MINUTE: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn waits_grow_from_a_minute_to_twelve_hours() {
        let waits = |luck| -> Vec<u64> {
            (1..=7)
                .map(|failures| Pace::PRODUCT.back_off(failures, luck).as_secs() / 60)
                .collect()
        };
        assert_eq!(waits(0), [1, 4, 16, 64, 256, 480, 480]);
        assert_eq!(waits(u32::MAX), [1, 6, 24, 96, 384, 720, 720]);
        assert_eq!(Pace::PRODUCT.back_off(u32::MAX, u32::MAX), 12 * HOUR);
    }

    #[test]
    fn a_third_of_the_life_is_left_at_renewal() {
        let start = SystemTime::UNIX_EPOCH + HOUR;
        assert_eq!(renewal(start, start + 90 * HOUR), start + 60 * HOUR);
        assert_eq!(renewal(start, start), start);
        // Dates the wrong way round: due when it ends.
        assert_eq!(renewal(start + HOUR, start), start);
    }

    #[test]
    fn a_moment_lies_within_its_window() {
        let start = SystemTime::UNIX_EPOCH + HOUR;
        assert_eq!(within(start, start + HOUR, 0), start);
        assert_eq!(within(start, start + HOUR, u32::MAX), start + HOUR);
        assert_eq!(within(start + HOUR, start, u32::MAX), start + HOUR);
    }
}

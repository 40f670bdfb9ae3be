//! Points in time as people and programs read them, in UTC.

use std::time::{SystemTime, UNIX_EPOCH};

/// The day: `2036-11-22`.
pub(crate) fn day(at: SystemTime) -> String {
    let (year, month, day) = civil(seconds(at) / 86_400);
    format!("{year:04}-{month:02}-{day:02}")
}

/// RFC 3339, to the second: `2036-11-22T12:56:48Z`.
pub(crate) fn timestamp(at: SystemTime) -> String {
    let time = seconds(at) % 86_400;
    format!(
        "{}T{:02}:{:02}:{:02}Z",
        day(at),
        time / 3_600,
        time / 60 % 60,
        time % 60
    )
}

fn seconds(at: SystemTime) -> u64 {
    at.duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

/// Days since 1970-01-01 as a date of the Gregorian calendar, counted in years that begin in March
/// so that the leap day comes last.
const fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let march_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 {
        march_month + 3
    } else {
        march_month - 9
    };
    let january = if month <= 2 { 1 } else { 0 };
    (era * 400 + year + january, month, day)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_709_251_199, "2024-02-29T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            let at = UNIX_EPOCH + Duration::from_secs(seconds);
            assert_eq!(timestamp(at), text);
            assert_eq!(day(at), text[..10]);
        }
    }
}

//! Points in time as people and programs read them, in UTC.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

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

/// The beginning of a day, `2036-11-22`, or a time as [`timestamp`] writes it. `None` for what is
/// neither, and for days before 1970 or after the year 9999.
pub(crate) fn parse(text: &str) -> Option<SystemTime> {
    let written = match text.len() {
        10 => format!("{text}T00:00:00Z"),
        _ => text.to_owned(),
    };
    let number = |from: usize, to: usize| written.get(from..to)?.parse::<u64>().ok();
    let days = days(number(0, 4)?, number(5, 7)?, number(8, 10)?)?;
    let time = number(11, 13)? * 3_600 + number(14, 16)? * 60 + number(17, 19)?;
    let at = UNIX_EPOCH.checked_add(Duration::from_secs(days * 86_400 + time))?;
    // What is no date, as the 31st of April, or is written otherwise does not come back.
    (timestamp(at) == written).then_some(at)
}

/// The inverse of [`civil`]; any number for what is no date.
const fn days(year: u64, month: u64, day: u64) -> Option<u64> {
    if year < 1970 || month == 0 || month > 12 || day == 0 {
        return None;
    }
    let (march_month, year) = if month > 2 {
        (month - 3, year)
    } else {
        (month + 9, year - 1)
    };
    let (era, of_era) = (year / 400, year % 400);
    let of_year = (153 * march_month + 2) / 5 + day - 1;
    let days = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year;
    days.checked_sub(719_468)
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
            assert_eq!(parse(text), Some(at));
        }
    }

    #[test]
    fn every_day_reads_back_and_nothing_else_does() {
        for number in 0..60_000 {
            let at = UNIX_EPOCH + Duration::from_secs(number * 86_400);
            assert_eq!(parse(&day(at)), Some(at));
        }
        for text in [
            "",
            "never",
            "2027",
            "2027-1-31",
            "2027-02-29",
            "2027-04-31",
            "2027-13-01",
            "2027-00-01",
            "2027-01-00",
            "1969-12-31",
            "2027-01-31T",
            "2027-01-31 18:00:00Z",
            "2027-01-31T18:00:00",
            "2027-01-31T24:00:00Z",
            "2027-01-31T18:00:61Z",
            "20270131",
            "+027-01-31",
            "2027-01-3é",
            "2027-01-31T18:00:00+01:00",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}

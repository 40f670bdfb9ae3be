//! Points in time as FTP writes them: `YYYYMMDDhhmmss[.sss]`, always UTC (RFC 3659 2.3).

use std::fmt;

/// A point in time, UTC, without leap seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp {
    /// Since 1970-01-01T00:00:00Z; negative before.
    pub seconds: i64,
    /// 0..=999 999 999, always forward from `seconds`.
    pub nanos: u32,
}

/// A calendar date and time of day, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Civil {
    /// 0..=9999.
    pub year: u16,
    /// 1..=12.
    pub month: u8,
    /// 1..=31.
    pub day: u8,
    /// 0..=23.
    pub hour: u8,
    /// 0..=59.
    pub minute: u8,
    /// 0..=59.
    pub second: u8,
}

impl Timestamp {
    /// 0000-01-01T00:00:00Z: four digits of year say nothing earlier.
    pub const MIN: Self = Self {
        seconds: -62_167_219_200,
        nanos: 0,
    };
    /// The end of 9999-12-31.
    pub const MAX: Self = Self {
        seconds: 253_402_300_799,
        nanos: 999_999_999,
    };

    /// Takes any `seconds` and `nanos`; what four digits of year cannot say becomes the nearest
    /// that they can.
    #[must_use]
    pub fn new(seconds: i64, nanos: u32) -> Self {
        let carry = i64::from(nanos / NANOS_PER_SECOND);
        let seconds = seconds.saturating_add(carry);
        Self {
            seconds,
            nanos: nanos % NANOS_PER_SECOND,
        }
        .clamp(Self::MIN, Self::MAX)
    }

    /// Reads `YYYYMMDDhhmmss`, with an optional `.` and 1 or more digits of fraction of which nine
    /// count. `None` for anything else, also for dates that do not exist. Second 60, which RFC 3659
    /// allows, is the first of the next minute.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        let (whole, fraction) = match text.split_at_checked(14)? {
            (whole, []) => (whole, None),
            (whole, [b'.', fraction @ ..]) => (whole, Some(fraction)),
            _ => return None,
        };
        let year = digits(whole.get(0..4)?)?;
        let month = digits(whole.get(4..6)?)?;
        let day = digits(whole.get(6..8)?)?;
        let hour = digits(whole.get(8..10)?)?;
        let minute = digits(whole.get(10..12)?)?;
        let second = digits(whole.get(12..14)?)?;
        let nanos = fraction.map_or(Some(0), parse_fraction)?;
        let at = Self::from_civil(year, month, day, hour, minute, second)?;
        Some(Self { nanos, ..at })
    }

    /// The time of that date, or `None` if there is no such date. `second` is 0..=60.
    #[must_use]
    pub fn from_civil(
        year: u32,
        month: u32,
        day: u32,
        hour: u32,
        minute: u32,
        second: u32,
    ) -> Option<Self> {
        let exists = year <= 9999
            && (1..=12).contains(&month)
            && (1..=days_in_month(year, month)).contains(&day)
            && hour < 24
            && minute < 60
            && second <= 60;
        if !exists {
            return None;
        }
        let days = days_from_civil(i64::from(year), i64::from(month), i64::from(day));
        let seconds = days * SECONDS_PER_DAY
            + i64::from(hour) * 3600
            + i64::from(minute) * 60
            + i64::from(second);
        let at = Self { seconds, nanos: 0 };
        (at <= Self::MAX).then_some(at)
    }

    /// The date and time of day. Beyond [`Self::MIN`] and [`Self::MAX`], those.
    #[must_use]
    pub fn civil(self) -> Civil {
        let seconds = self.seconds.clamp(Self::MIN.seconds, Self::MAX.seconds);
        let days = seconds.div_euclid(SECONDS_PER_DAY);
        let rest = seconds.rem_euclid(SECONDS_PER_DAY);
        let (year, month, day) = civil_from_days(days);
        Civil {
            year: narrow(year),
            month: narrow8(month),
            day: narrow8(day),
            hour: narrow8(rest / 3600),
            minute: narrow8(rest / 60 % 60),
            second: narrow8(rest % 60),
        }
    }

    /// Appends `YYYYMMDDhhmmss`.
    pub fn write(self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.digits());
    }

    /// Appends `YYYYMMDDhhmmss.sss`: a listing says milliseconds always, so that its lines have
    /// one form.
    pub fn write_millis(self, out: &mut Vec<u8>) {
        let millis = self.nanos.min(NANOS_PER_SECOND - 1) / 1_000_000;
        let [tens, ones] = two(i64::from(millis % 100));
        out.extend_from_slice(&self.digits());
        out.extend_from_slice(&[b'.', ascii_digit(i64::from(millis / 100)), tens, ones]);
    }

    fn digits(self) -> [u8; 14] {
        let civil = self.civil();
        let [c1, c2] = two(i64::from(civil.year / 100));
        let [y1, y2] = two(i64::from(civil.year % 100));
        let [m1, m2] = two(i64::from(civil.month));
        let [d1, d2] = two(i64::from(civil.day));
        let [h1, h2] = two(i64::from(civil.hour));
        let [n1, n2] = two(i64::from(civil.minute));
        let [s1, s2] = two(i64::from(civil.second));
        [c1, c2, y1, y2, m1, m2, d1, d2, h1, h2, n1, n2, s1, s2]
    }
}

/// `YYYYMMDDhhmmss`, and `.sss` when the milliseconds are not zero.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = Vec::with_capacity(18);
        if self.nanos / 1_000_000 == 0 {
            self.write(&mut text);
        } else {
            self.write_millis(&mut text);
        }
        f.write_str(std::str::from_utf8(&text).map_err(|_| fmt::Error)?)
    }
}

/// Two ASCII digits of a number below 100.
pub(crate) fn two(number: i64) -> [u8; 2] {
    [ascii_digit(number / 10), ascii_digit(number % 10)]
}

fn ascii_digit(number: i64) -> u8 {
    b'0' + narrow8(number.rem_euclid(10))
}

fn narrow(number: i64) -> u16 {
    u16::try_from(number).unwrap_or(0)
}

fn narrow8(number: i64) -> u8 {
    u8::try_from(number).unwrap_or(0)
}

fn digits(text: &[u8]) -> Option<u32> {
    crate::number::decimal(text).and_then(|number| u32::try_from(number).ok())
}

fn parse_fraction(digits: &[u8]) -> Option<u32> {
    if digits.is_empty() {
        return None;
    }
    let mut nanos = 0;
    let mut unit = NANOS_PER_SECOND / 10;
    for digit in digits {
        if !digit.is_ascii_digit() {
            return None;
        }
        nanos += u32::from(digit - b'0') * unit;
        unit /= 10;
    }
    Some(nanos)
}

fn days_in_month(year: u32, month: u32) -> u32 {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01. Years begin in March here, so that the leap day is the last of one; 400
/// years are 146 097 days.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - DAYS_TO_EPOCH
}

fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + DAYS_TO_EPOCH;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

const NANOS_PER_SECOND: u32 = 1_000_000_000;
const SECONDS_PER_DAY: i64 = 86_400;
/// From 0000-03-01 to 1970-01-01.
const DAYS_TO_EPOCH: i64 = 719_468;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_dates() {
        for (text, seconds) in [
            ("19700101000000", 0),
            ("20000229120000", 951_825_600),
            ("20260101000000", 1_767_225_600),
            ("19691231235959", -1),
            ("00000101000000", Timestamp::MIN.seconds),
            ("99991231235959", Timestamp::MAX.seconds),
            ("20161231235960", 1_483_228_800),
        ] {
            let at = Timestamp::parse(text.as_bytes()).unwrap();
            assert_eq!(at, Timestamp { seconds, nanos: 0 }, "{text}");
        }
    }

    #[test]
    fn fractions_keep_nine_digits() {
        let nanos = |text: &[u8]| Timestamp::parse(text).map(|at| at.nanos);
        assert_eq!(nanos(b"20200101000000.5"), Some(500_000_000));
        assert_eq!(nanos(b"20200101000000.0000000019"), Some(1));
        assert_eq!(nanos(b"20200101000000."), None);
        assert_eq!(nanos(b"20200101000000.1x"), None);
        let at = Timestamp::new(1_577_836_800, 7_999_999);
        assert_eq!(at.to_string(), "20200101000000.007");
    }

    #[test]
    fn what_is_no_date_is_refused() {
        for text in [
            "",
            "2020",
            "2020010100000",
            "202001010000000",
            "20200230000000",
            "20190229000000",
            "20200001000000",
            "20201301000000",
            "20200100000000",
            "20200101240000",
            "20200101006000",
            "20200101000061",
            "+0200101000000",
            "20200101 00000",
            "99991231235960",
        ] {
            assert_eq!(Timestamp::parse(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn out_of_range_becomes_the_nearest() {
        assert_eq!(Timestamp::new(i64::MAX, u32::MAX), Timestamp::MAX);
        assert_eq!(Timestamp::new(i64::MIN, 0), Timestamp::MIN);
        let beyond = Timestamp {
            seconds: i64::MAX,
            nanos: u32::MAX,
        };
        assert_eq!(beyond.to_string(), "99991231235959.999");
    }

    proptest! {
        #[test]
        fn parse_undoes_write(
            seconds in Timestamp::MIN.seconds..=Timestamp::MAX.seconds,
            millis in 0_u32..1000,
        ) {
            let at = Timestamp { seconds, nanos: millis * 1_000_000 };
            let mut text = Vec::new();
            at.write_millis(&mut text);
            prop_assert_eq!(Timestamp::parse(&text), Some(at));
            prop_assert_eq!(Timestamp::parse(at.to_string().as_bytes()), Some(at));
        }

        #[test]
        fn consecutive_days_follow_each_other(day in -719_000_i64..2_900_000) {
            let (year, month, date) = civil_from_days(day);
            prop_assert_eq!(days_from_civil(year, month, date), day);
        }

        #[test]
        fn any_bytes_are_parsed_without_panic(text in prop::collection::vec(any::<u8>(), 0..40)) {
            let _ = Timestamp::parse(&text);
        }
    }
}

//! Accounts and keys as text and as JSON.

use std::fmt::Write as _;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value as Json, json};
use wharf_accounts::{Account, AccountKey};

/// One account a line, in columns.
pub(super) fn table(accounts: &[Account]) -> String {
    let rows: Vec<[String; 5]> = accounts
        .iter()
        .map(|account| {
            [
                account.name.to_string(),
                if account.enabled {
                    "enabled"
                } else {
                    "disabled"
                }
                .to_owned(),
                sessions(account),
                home(account),
                account.permissions.to_string(),
            ]
        })
        .collect();
    let head = ["name", "state", "sessions", "home", "permissions"].map(str::to_owned);
    let mut text = String::new();
    let widths: Vec<_> = (0..head.len())
        .map(|column| {
            let cells = rows
                .iter()
                .chain([&head])
                .map(|row| row[column].chars().count());
            cells.max().unwrap_or(0)
        })
        .collect();
    for row in [&head].into_iter().chain(&rows) {
        let cells = row
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:<width$}"));
        let line = cells.collect::<Vec<_>>().join("  ");
        let _ = writeln!(text, "{}", line.trim_end());
    }
    text
}

/// Everything about one account.
pub(super) fn text(account: &Account, keys: &[AccountKey]) -> String {
    let mut text = String::new();
    for (name, value) in [
        ("name", account.name.to_string()),
        (
            "state",
            if account.enabled {
                "enabled"
            } else {
                "disabled"
            }
            .to_owned(),
        ),
        ("home", home(account)),
        ("permissions", account.permissions.to_string()),
        ("sessions", sessions(account)),
        (
            "password",
            if account.has_password { "set" } else { "none" }.to_owned(),
        ),
        ("created", date(account.created)),
    ] {
        let _ = writeln!(text, "{name:<13}{value}");
    }
    for key in keys {
        let _ = writeln!(
            text,
            "{:<13}{} {} {}",
            "key",
            key.key.algorithm(),
            key.key.fingerprint(),
            key.label
        );
    }
    text
}

/// One key a line.
pub(super) fn keys(keys: &[AccountKey]) -> String {
    keys.iter().fold(String::new(), |mut text, key| {
        let line = format!(
            "{} {} {}",
            key.key.fingerprint(),
            key.key.algorithm(),
            key.label
        );
        let _ = writeln!(text, "{}", line.trim_end());
        text
    })
}

/// An account as an object; the keys only where they were asked for.
pub(super) fn json(account: &Account, keys: &[AccountKey]) -> Json {
    let mut object = json!({
        "name": account.name.as_str(),
        "enabled": account.enabled,
        "home": account.home.as_ref().map(|home| home.display().to_string()),
        "permissions": account.permissions.to_string(),
        "max_sessions": account.max_sessions,
        "has_password": account.has_password,
        "created": date(account.created),
    });
    if !keys.is_empty() {
        object["keys"] = keys.iter().map(key_json).collect();
    }
    object
}

/// A key as an object.
pub(super) fn key_json(key: &AccountKey) -> Json {
    json!({
        "fingerprint": key.key.fingerprint(),
        "algorithm": key.key.algorithm(),
        "label": key.label,
        "added": date(key.added),
    })
}

fn home(account: &Account) -> String {
    account.home.as_ref().map_or_else(
        || "the served folder".to_owned(),
        |home| home.display().to_string(),
    )
}

fn sessions(account: &Account) -> String {
    account
        .max_sessions
        .map_or_else(|| "default".to_owned(), |limit| limit.to_string())
}

/// RFC 3339 in UTC, to the second.
fn date(at: SystemTime) -> String {
    let seconds = at
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs());
    let (days, time) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = civil(days);
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z",
        time / 3_600,
        time / 60 % 60,
        time % 60
    )
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
            assert_eq!(date(UNIX_EPOCH + Duration::from_secs(seconds)), text);
        }
    }
}

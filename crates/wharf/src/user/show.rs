//! Accounts, keys and certificates as text and as JSON.

use std::fmt::Write as _;

use serde_json::{Value as Json, json};
use wharf_accounts::{Account, AccountCertificate, AccountKey};

use crate::date::timestamp;

/// An account with what it logs in with.
pub(super) struct Everything<'a> {
    pub(super) account: &'a Account,
    pub(super) keys: Vec<AccountKey>,
    pub(super) certificates: Vec<AccountCertificate>,
}

/// One account a line, in columns.
pub(super) fn table(accounts: &[Account]) -> String {
    let rows: Vec<[String; 5]> = accounts
        .iter()
        .map(|account| {
            [
                account.name.to_string(),
                state(account).to_owned(),
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

impl Everything<'_> {
    /// One thing a line.
    pub(super) fn text(&self) -> String {
        let account = self.account;
        let mut text = String::new();
        for (name, value) in [
            ("name", account.name.to_string()),
            ("state", state(account).to_owned()),
            ("home", home(account)),
            ("permissions", account.permissions.to_string()),
            ("sessions", sessions(account)),
            ("password", either(account.has_password, "set", "none")),
            ("certificates", account.certificate_use.to_string()),
            ("fxp", either(account.fxp, "yes", "no")),
            ("created", timestamp(account.created)),
        ] {
            let _ = writeln!(text, "{name:<13}{value}");
        }
        for AccountKey { key, label, .. } in &self.keys {
            let (algorithm, fingerprint) = (key.algorithm(), key.fingerprint());
            let line = format!("{:<13}{algorithm} {fingerprint} {label}", "key");
            let _ = writeln!(text, "{}", line.trim_end());
        }
        for held in &self.certificates {
            let _ = writeln!(text, "{:<13}{}", "certificate", held.certificate);
        }
        text
    }

    /// The account as an object, with its keys and certificates where it has any.
    pub(super) fn json(&self) -> Json {
        let mut object = json(self.account);
        if !self.keys.is_empty() {
            object["keys"] = self.keys.iter().map(key_json).collect();
        }
        if !self.certificates.is_empty() {
            object["certificates"] = self.certificates.iter().map(certificate_json).collect();
        }
        object
    }
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

/// One certificate a line.
pub(super) fn certificates(held: &[AccountCertificate]) -> String {
    held.iter().fold(String::new(), |mut text, held| {
        let _ = writeln!(text, "{}", held.certificate);
        text
    })
}

/// An account as an object.
pub(super) fn json(account: &Account) -> Json {
    json!({
        "name": account.name.as_str(),
        "enabled": account.enabled,
        "home": account.home.as_ref().map(|home| home.display().to_string()),
        "permissions": account.permissions.to_string(),
        "max_sessions": account.max_sessions,
        "has_password": account.has_password,
        "certificate_login": account.certificate_use.word(),
        "fxp": account.fxp,
        "created": timestamp(account.created),
    })
}

/// A key as an object.
pub(super) fn key_json(key: &AccountKey) -> Json {
    json!({
        "fingerprint": key.key.fingerprint(),
        "algorithm": key.key.algorithm(),
        "label": key.label,
        "added": timestamp(key.added),
    })
}

/// A certificate as an object.
pub(super) fn certificate_json(held: &AccountCertificate) -> Json {
    json!({
        "certificate": held.certificate.to_string(),
        "added": timestamp(held.added),
    })
}

fn state(account: &Account) -> &'static str {
    if account.enabled {
        "enabled"
    } else {
        "disabled"
    }
}

fn either(is: bool, yes: &str, no: &str) -> String {
    if is { yes } else { no }.to_owned()
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

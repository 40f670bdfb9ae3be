//! Accounts, keys and certificates as text and as JSON.

use std::fmt::Write as _;
use std::time::SystemTime;

use serde_json::{Value as Json, json};
use wharf_accounts::{Account, AccountCertificate, AccountKey};

use crate::date::timestamp;

/// An account with what it logs in with.
pub(super) struct Everything<'a> {
    pub(super) account: &'a Account,
    pub(super) keys: Vec<AccountKey>,
    pub(super) certificates: Vec<AccountCertificate>,
    /// How many it has not used yet.
    pub(super) recovery_codes: u32,
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
            ("expires", expires(account)),
            ("networks", networks(account)),
            ("login", login(account)),
            ("codes", codes(account, self.recovery_codes)),
            ("scp", either(account.scp, "yes", "no")),
            ("keys in", keys_file(account)),
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
        if self.account.has_totp {
            object["recovery_codes_left"] = self.recovery_codes.into();
        }
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
        "expires": account.expires.map(timestamp),
        "networks": account.networks.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "login": account.login.as_ref().map(ToString::to_string),
        "totp": account.has_totp,
        "scp": account.scp,
        "authorized_keys": account.authorized_keys.as_ref().map(|file| file.display().to_string()),
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
    if !account.enabled {
        "disabled"
    } else if account.is_active(SystemTime::now()) {
        "enabled"
    } else {
        "expired"
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

fn expires(account: &Account) -> String {
    account
        .expires
        .map_or_else(|| "never".to_owned(), timestamp)
}

fn networks(account: &Account) -> String {
    let networks: Vec<_> = account.networks.iter().map(ToString::to_string).collect();
    if networks.is_empty() {
        "any".to_owned()
    } else {
        networks.join(",")
    }
}

/// What counts, which is not always what was set.
fn login(account: &Account) -> String {
    match (&account.login, account.has_totp) {
        (None, false) => "any".to_owned(),
        (None, true) | (Some(_), _) => account.login_rule().to_string(),
    }
}

fn codes(account: &Account, recovery_codes: u32) -> String {
    if account.has_totp {
        format!("asked for, {recovery_codes} recovery codes left")
    } else {
        "none".to_owned()
    }
}

fn keys_file(account: &Account) -> String {
    account.authorized_keys.as_ref().map_or_else(
        || "the database alone".to_owned(),
        |file| format!("the database and {}", file.display()),
    )
}

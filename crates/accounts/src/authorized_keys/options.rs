//! The options in front of a key.
//!
//! wharf gives an account SFTP and nothing else, so what takes a terminal, a command or forwarding
//! away changes nothing, and what gives it does not either. What ties the key to one command is
//! another thing: whoever wrote it did not mean SFTP.

use super::addresses::AddressPatterns;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use std::time::{Duration, SystemTime};

#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Options {
    pub(super) from: Option<AddressPatterns>,
    pub(super) until: Option<SystemTime>,
    pub(super) cert_authority: bool,
    pub(super) principals: Option<Vec<String>>,
}

impl Options {
    /// Reads up to the first space outside of quotes. What follows comes with them; the error says
    /// why the line cannot count.
    pub(super) fn read(text: &[u8]) -> Result<(Self, &[u8]), String> {
        let mut options = Self::default();
        let mut rest = text;
        loop {
            let (name, value, after) = one(rest)?;
            options.take(name, value)?;
            match after.split_first() {
                Some((b',', after)) => rest = after,
                Some((b' ' | b'\t', after)) => {
                    options.check()?;
                    return Ok((options, after));
                }
                None => return Err("there is no key in it".to_owned()),
                Some(_) => return Err(format!("something follows the value of `{name}`")),
            }
        }
    }

    fn take(&mut self, name: &str, value: Option<String>) -> Result<(), String> {
        let twice = || format!("`{name}` is there twice");
        match (name.to_ascii_lowercase().as_str(), value) {
            ("cert-authority", None) => self.cert_authority = true,
            ("from", Some(list)) => {
                if self.from.replace(list.parse()?).is_some() {
                    return Err(twice());
                }
            }
            ("expiry-time", Some(time)) => {
                if self.until.replace(expiry(&time)?).is_some() {
                    return Err(twice());
                }
            }
            ("principals", Some(list)) => {
                if self.principals.replace(principals(&list)?).is_some() {
                    return Err(twice());
                }
            }
            ("command", Some(command)) => {
                if command != "internal-sftp" {
                    return Err(
                        "`command=` ties the key to a command that is not run here".to_owned()
                    );
                }
            }
            ("environment" | "permitlisten" | "permitopen" | "tunnel", Some(_)) => {}
            (flag, None) if WITHOUT_EFFECT.contains(&flag) => {}
            (known, value) if KNOWN.contains(&known) => {
                let wrong = if value.is_some() {
                    "takes no value"
                } else {
                    "has no value"
                };
                return Err(format!("`{name}` {wrong}"));
            }
            _ => return Err(format!("`{name}` is not known here")),
        }
        Ok(())
    }

    fn check(&self) -> Result<(), String> {
        match (&self.principals, self.cert_authority) {
            (Some(_), false) => Err("`principals=` without `cert-authority`".to_owned()),
            (_, _) => Ok(()),
        }
    }
}

/// One option: its name, its value without the quotes, and what follows.
fn one(text: &[u8]) -> Result<(&str, Option<String>, &[u8]), String> {
    let is_name =
        |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'@' | b'.');
    let end = text
        .iter()
        .position(|byte| !is_name(byte))
        .unwrap_or(text.len());
    let (name, rest) = text.split_at_checked(end).unwrap_or((text, b""));
    let name = std::str::from_utf8(name).unwrap_or_default();
    if name.is_empty() || name.len() > MAX_NAME {
        return Err("it begins with neither a key nor an option".to_owned());
    }
    let Some(quoted) = rest.strip_prefix(b"=") else {
        return Ok((name, None, rest));
    };
    let quoted = quoted
        .strip_prefix(b"\"")
        .ok_or_else(|| format!("the value of `{name}` is not in quotes"))?;
    let mut value = Vec::new();
    let mut bytes = quoted.iter().enumerate();
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'"' => {
                let rest = quoted.get(at + 1..).unwrap_or_default();
                let value = String::from_utf8(value);
                let value = value.map_err(|_| format!("the value of `{name}` is not text"))?;
                return Ok((name, Some(value), rest));
            }
            // The only escape there is: any other backslash is itself.
            b'\\' if quoted.get(at + 1) == Some(&b'"') => {
                value.push(b'"');
                bytes.next();
            }
            _ => value.push(*byte),
        }
    }
    Err(format!("the value of `{name}` has no end"))
}

fn principals(list: &str) -> Result<Vec<String>, String> {
    let names: Vec<String> = list.split(',').map(str::to_owned).collect();
    if names.iter().any(String::is_empty) {
        return Err("`principals=` has an empty name in it".to_owned());
    }
    Ok(names)
}

/// `YYYYMMDD[HHMM[SS]][Z]`: with a `Z` (or `UTC`) at its end in UTC, else in the time of this
/// machine, as OpenSSH has it.
fn expiry(text: &str) -> Result<SystemTime, String> {
    let wrong = || {
        let text = text.escape_debug();
        format!("`expiry-time=\"{text}\"` is not a date as `YYYYMMDD` or a time as `YYYYMMDDHHMMZ`")
    };
    let utc = ["Z", "UTC"].iter().find_map(|end| {
        let (digits, tail) = text.split_at_checked(text.len().checked_sub(end.len())?)?;
        tail.eq_ignore_ascii_case(end).then_some(digits)
    });
    let digits = utc.unwrap_or(text);
    let fits =
        matches!(digits.len(), 8 | 12 | 14) && digits.bytes().all(|byte| byte.is_ascii_digit());
    let number = |from: usize, to: usize| match digits.get(from..to) {
        _ if !fits => None,
        Some(part) => part.parse::<i16>().ok(),
        None => Some(0),
    };
    let part = |from| number(from, from + 2).and_then(|part| i8::try_from(part).ok());
    let time = || {
        let [month, day, hour, minute, second] =
            [part(4)?, part(6)?, part(8)?, part(10)?, part(12)?];
        let time = DateTime::new(number(0, 4)?, month, day, hour, minute, second, 0).ok()?;
        let zone = if utc.is_some() {
            TimeZone::UTC
        } else {
            TimeZone::system()
        };
        let time = zone.to_timestamp(time).ok()?;
        let seconds = u64::try_from(time.as_second()).ok()?;
        SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
    };
    time().ok_or_else(wrong)
}

/// Flags that take away or give what there is none of.
const WITHOUT_EFFECT: [&str; 12] = [
    "agent-forwarding",
    "no-agent-forwarding",
    "no-port-forwarding",
    "no-pty",
    "no-touch-required",
    "no-user-rc",
    "no-x11-forwarding",
    "port-forwarding",
    "pty",
    "restrict",
    "user-rc",
    "x11-forwarding",
];

/// All that is known, for the message about one with the wrong form.
const KNOWN: [&str; 21] = [
    "agent-forwarding",
    "cert-authority",
    "command",
    "environment",
    "expiry-time",
    "from",
    "no-agent-forwarding",
    "no-port-forwarding",
    "no-pty",
    "no-touch-required",
    "no-user-rc",
    "no-x11-forwarding",
    "permitlisten",
    "permitopen",
    "port-forwarding",
    "principals",
    "pty",
    "restrict",
    "tunnel",
    "user-rc",
    "x11-forwarding",
];
const MAX_NAME: usize = 64;

//! One-time codes by time (RFC 6238): SHA-1, 30 seconds, 6 digits, which is what every
//! authenticator app takes.

use crate::error::{Error, Result};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::{digest, hmac};
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretBox, SecretSlice, SecretString};
use std::time::{Duration, SystemTime};

/// What the codes of an account are made from: 160 random bits, the length of the hash
/// (RFC 4226 §4, R6).
pub struct TotpSecret(SecretBox<[u8; Self::LENGTH]>);

/// Codes that let an account in once each when its authenticator is lost: told once, kept as
/// hashes.
pub type RecoveryCodes = Vec<SecretString>;

impl TotpSecret {
    /// Its length in bytes.
    pub const LENGTH: usize = 20;
    /// How long a code holds.
    pub const STEP: Duration = Duration::from_secs(30);
    /// The digits of a code.
    pub const DIGITS: usize = 6;

    /// A new secret.
    ///
    /// # Errors
    /// [`Error::Random`] when the system gives no random bytes.
    pub fn generate() -> Result<Self> {
        let mut secret = SecretBox::new(Box::new([0; Self::LENGTH]));
        getrandom::fill(secrecy::ExposeSecretMut::expose_secret_mut(&mut secret))
            .map_err(Error::Random)?;
        Ok(Self(secret))
    }

    /// The secret in Base32 (RFC 4648 §6), 32 characters, as people type it into their app.
    #[must_use]
    pub fn base32(&self) -> SecretString {
        base32(self.0.expose_secret()).into()
    }

    /// The `otpauth://totp/…` address that apps read from a QR code.
    #[must_use]
    pub fn address(&self, issuer: &str, account: &str) -> SecretString {
        let (issuer, account) = (percent_encoded(issuer), percent_encoded(account));
        let secret = self.base32();
        let secret = secret.expose_secret();
        let (digits, period) = (Self::DIGITS, Self::STEP.as_secs());
        format!(
            "otpauth://totp/{issuer}:{account}?secret={secret}&issuer={issuer}\
             &algorithm=SHA1&digits={digits}&period={period}"
        )
        .into()
    }

    /// The step whose code this is: the present one, or that before or after it, for clocks that
    /// differ. Which one it is does not show in the time.
    #[must_use]
    pub fn step_of(&self, code: &[u8], now: SystemTime) -> Option<u64> {
        let since = now.duration_since(SystemTime::UNIX_EPOCH).ok()?;
        let present = since.as_secs() / Self::STEP.as_secs();
        let mut found = None;
        for step in present.saturating_sub(1)..=present.saturating_add(1) {
            let right = verify_slices_are_equal(&*self.code(step), code).is_ok();
            found = if right { Some(step) } else { found };
        }
        found
    }

    /// The code of a point in time, as an app shows it.
    #[cfg(test)]
    pub(crate) fn code_at(&self, at: SystemTime) -> String {
        let since = at.duration_since(SystemTime::UNIX_EPOCH).unwrap();
        let code = self.code(since.as_secs() / Self::STEP.as_secs());
        String::from_utf8(code.to_vec()).unwrap()
    }

    pub(crate) fn from_record(bytes: &[u8]) -> Option<Self> {
        let secret: [u8; Self::LENGTH] = bytes.try_into().ok()?;
        Some(Self(SecretBox::new(Box::new(secret))))
    }

    pub(crate) fn expose(&self) -> &[u8] {
        self.0.expose_secret()
    }

    /// RFC 4226 §5.3.
    fn code(&self, step: u64) -> Zeroizing<[u8; Self::DIGITS]> {
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, self.0.expose_secret());
        let tag = hmac::sign(&key, &step.to_be_bytes());
        let tag = tag.as_ref();
        let offset = tag.last().map_or(0, |byte| usize::from(byte & 0xf));
        let word = tag
            .get(offset..offset + 4)
            .and_then(|word| word.try_into().ok());
        let mut number = u32::from_be_bytes(word.unwrap_or_default()) & 0x7fff_ffff;
        let mut code = Zeroizing::new([b'0'; Self::DIGITS]);
        for digit in code.iter_mut().rev() {
            *digit = b'0' + u8::try_from(number % 10).unwrap_or_default();
            number /= 10;
        }
        code
    }
}

impl std::fmt::Debug for TotpSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TotpSecret(***)")
    }
}

/// What was typed as a code, by its form.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum TypedCode<'a> {
    /// Six digits.
    Totp(&'a [u8]),
    /// `xxxx-xxxx-xxxx-xxxx`, by its digest.
    Recovery([u8; 32]),
}

impl<'a> TypedCode<'a> {
    /// Spaces around it do not count; apps show `123 456`, so a space in the middle does not either,
    /// which the caller has taken out.
    pub(crate) fn read(text: &'a [u8]) -> Option<Self> {
        let text = text.trim_ascii();
        if text.len() == TotpSecret::DIGITS && text.iter().all(u8::is_ascii_digit) {
            return Some(Self::Totp(text));
        }
        is_recovery_code(text).then(|| Self::Recovery(recovery_digest(text)))
    }
}

/// A password with a code behind it, as FTP sends them: six digits follow it directly, a recovery
/// code after a `+`. Without either it is the whole that is the password.
pub(crate) fn split(sent: &SecretSlice<u8>) -> (SecretSlice<u8>, Option<SecretSlice<u8>>) {
    let bytes = sent.expose_secret();
    let parts = |password: &[u8], code: &[u8]| {
        let part = |bytes: &[u8]| SecretSlice::from(bytes.to_vec());
        (part(password), Some(part(code)))
    };
    if let Some((password, code)) = split_last(bytes, TotpSecret::DIGITS)
        && code.iter().all(u8::is_ascii_digit)
    {
        return parts(password, code);
    }
    if let Some((password, code)) = split_last(bytes, RECOVERY_LENGTH)
        && let Some(password) = password.strip_suffix(b"+")
        && is_recovery_code(code)
    {
        return parts(password, code);
    }
    (SecretSlice::from(bytes.to_vec()), None)
}

fn split_last(bytes: &[u8], length: usize) -> Option<(&[u8], &[u8])> {
    bytes.split_at_checked(bytes.len().checked_sub(length)?)
}

/// New recovery codes and what is kept of them.
pub(crate) fn recovery_codes() -> Result<Vec<(SecretString, [u8; 32])>> {
    (0..RECOVERY_CODES).map(|_| recovery_code()).collect()
}

/// 80 random bits: a plain hash of them cannot be reversed by trying, so no slow one is needed.
fn recovery_code() -> Result<(SecretString, [u8; 32])> {
    let mut bits = Zeroizing::new([0; 10]);
    getrandom::fill(&mut *bits).map_err(Error::Random)?;
    let text = Zeroizing::new(base32(&*bits).to_ascii_lowercase());
    let mut code = String::with_capacity(RECOVERY_LENGTH);
    for (at, letter) in text.chars().enumerate() {
        if at > 0 && at % 4 == 0 {
            code.push('-');
        }
        code.push(letter);
    }
    let digest = recovery_digest(code.as_bytes());
    Ok((code.into(), digest))
}

fn is_recovery_code(text: &[u8]) -> bool {
    let fits = |(at, byte): (usize, &u8)| match at % 5 {
        4 => *byte == b'-',
        _ => ALPHABET.contains(&byte.to_ascii_uppercase()),
    };
    text.len() == RECOVERY_LENGTH && text.iter().enumerate().all(fits)
}

fn recovery_digest(code: &[u8]) -> [u8; 32] {
    let code = Zeroizing::new(code.to_ascii_lowercase());
    let digest = digest::digest(&digest::SHA256, &code);
    digest.as_ref().try_into().unwrap_or_default()
}

/// Of whole groups of five bytes, so that there is nothing to pad.
fn base32(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(5) * 8);
    for group in bytes.chunks(5) {
        let bits = group
            .iter()
            .fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte));
        for at in (0..8).rev() {
            let letter = ALPHABET.get((bits >> (at * 5) & 31) as usize);
            text.push(char::from(letter.copied().unwrap_or(b'A')));
        }
    }
    text
}

/// Everything but what RFC 3986 §2.3 calls unreserved.
fn percent_encoded(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                encoded.push(char::from(byte));
            }
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const RECOVERY_CODES: usize = 10;
/// Four groups of four and the dashes between them.
const RECOVERY_LENGTH: usize = 19;

#[cfg(test)]
#[path = "totp_tests.rs"]
mod tests;

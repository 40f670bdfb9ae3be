//! Passwords: what may be one, making one, checking one.

mod kdf;
mod memory;

pub use kdf::KdfCost;
pub(crate) use kdf::{Kdf, StoredPassword, Verdict};
pub(crate) use memory::{Subject, VerifiedPasswords};

use crate::error::Error;
use secrecy::{ExposeSecret, SecretSlice, SecretString};

/// The greatest length of a password in bytes. A longer one is refused before any work is done
/// for it (security A4).
pub const MAX_PASSWORD: usize = 1024;

/// Why a password cannot be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// Nothing there (security A5).
    #[error("a password has at least one character")]
    Empty,
    /// More than [`MAX_PASSWORD`] bytes.
    #[error("a password has at most {MAX_PASSWORD} bytes")]
    TooLong,
    /// CR, LF or NUL, which no FTP command can carry (RFC 959 §5.3.2).
    #[error("a password has no line breaks and no NUL")]
    LineBreak,
}

/// A random password of 20 characters that cannot be mistaken for one another, 116 bits.
///
/// # Errors
/// [`Error::Random`] when the system gives no random bytes.
pub fn generate_password() -> Result<SecretString, Error> {
    let mut password = String::with_capacity(GENERATED_LENGTH);
    let mut bytes = [0; 64];
    while password.len() < GENERATED_LENGTH {
        getrandom::fill(&mut bytes).map_err(Error::Random)?;
        // Bytes at or above the largest multiple are dropped, or the first letters came more often.
        let even = bytes
            .iter()
            .map(|byte| usize::from(*byte))
            .filter(|byte| *byte < EVEN);
        let missing = GENERATED_LENGTH - password.len();
        password.extend(
            even.map(|byte| char::from(ALPHABET[byte % ALPHABET.len()]))
                .take(missing),
        );
    }
    Ok(password.into())
}

/// Whether a password that somebody sets can be kept.
pub(crate) fn check_new(password: &SecretSlice<u8>) -> Result<(), PasswordError> {
    let password = password.expose_secret();
    if password.is_empty() {
        return Err(PasswordError::Empty);
    }
    if password.len() > MAX_PASSWORD {
        return Err(PasswordError::TooLong);
    }
    if password
        .iter()
        .any(|byte| matches!(byte, b'\r' | b'\n' | 0))
    {
        return Err(PasswordError::LineBreak);
    }
    Ok(())
}

/// Without `0 O 1 l I`.
const ALPHABET: &[u8] = b"abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789";
const EVEN: usize = 256 - 256 % ALPHABET.len();
const GENERATED_LENGTH: usize = 20;

#[cfg(test)]
mod tests {
    use super::{ALPHABET, EVEN, MAX_PASSWORD, PasswordError, check_new, generate_password};
    use secrecy::{ExposeSecret, SecretSlice};
    use std::collections::HashSet;

    #[test]
    fn s4_generated_passwords_are_random_and_unambiguous() {
        let mut seen = HashSet::new();
        let mut letters = HashSet::new();
        for _ in 0..1000 {
            let password = generate_password().unwrap();
            let text = password.expose_secret();
            assert_eq!(text.len(), 20);
            assert!(!text.contains(['0', 'O', '1', 'l', 'I']));
            letters.extend(text.bytes());
            assert!(seen.insert(text.to_owned()));
        }
        assert_eq!(letters.len(), ALPHABET.len());
        assert_eq!((EVEN % ALPHABET.len(), EVEN), (0, 228));
    }

    #[test]
    fn a5_a_password_that_cannot_be_kept_is_refused() {
        for (password, expected) in [
            (Vec::new(), Err(PasswordError::Empty)),
            (vec![b'x'; MAX_PASSWORD], Ok(())),
            (vec![b'x'; MAX_PASSWORD + 1], Err(PasswordError::TooLong)),
            (b"a\nb".to_vec(), Err(PasswordError::LineBreak)),
            (b"a\0".to_vec(), Err(PasswordError::LineBreak)),
            (b" \xff ".to_vec(), Ok(())),
        ] {
            assert_eq!(check_new(&SecretSlice::from(password)), expected);
        }
    }
}

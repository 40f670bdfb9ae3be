//! The names of accounts.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// The name of an account: an opaque id that people type, compared byte for byte.
///
/// 1 to 64 bytes of UTF-8. Nothing in it can be taken for a path or a line of a log: no control
/// or invisible characters, no `/`, no `\`, not `.` or `..`, no space at either end. `anonymous`
/// and `ftp`, in any case, mean the anonymous login (RFC 1635) and name no account.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AccountName(Arc<str>);

/// Why a text is not the name of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing there.
    #[error("an account name has at least one character")]
    Empty,
    /// More than [`AccountName::MAX`] bytes.
    #[error("an account name has at most {} bytes", AccountName::MAX)]
    TooLong,
    /// Not UTF-8.
    #[error("an account name is UTF-8")]
    NotUtf8,
    /// A control or invisible character, or one that changes the direction of text.
    #[error("an account name has no control or invisible characters")]
    Unprintable,
    /// `/` or `\`.
    #[error("an account name has no `/` and no `\\`")]
    Slash,
    /// `.` or `..`.
    #[error("`.` and `..` are not account names")]
    Dots,
    /// A space at the beginning or end.
    #[error("an account name does not begin or end with a space")]
    Space,
    /// `anonymous` or `ftp`.
    #[error("`anonymous` and `ftp` mean the anonymous login and cannot be account names")]
    Anonymous,
}

impl AccountName {
    /// The greatest length in bytes.
    pub const MAX: usize = 64;

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name under which anonymous sessions are shown; no account can have it.
    pub(crate) fn anonymous() -> Self {
        Self("anonymous".into())
    }

    /// The name `wharf` gives the account of a first start.
    pub(crate) fn first() -> Self {
        Self("wharf".into())
    }
}

impl FromStr for AccountName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        if text.is_empty() {
            return Err(NameError::Empty);
        }
        if text.len() > Self::MAX {
            return Err(NameError::TooLong);
        }
        if text.contains(is_unprintable) {
            return Err(NameError::Unprintable);
        }
        if text.contains(['/', '\\']) {
            return Err(NameError::Slash);
        }
        if matches!(text, "." | "..") {
            return Err(NameError::Dots);
        }
        if text.trim() != text {
            return Err(NameError::Space);
        }
        if ["anonymous", "ftp"]
            .iter()
            .any(|taken| text.eq_ignore_ascii_case(taken))
        {
            return Err(NameError::Anonymous);
        }
        Ok(Self(text.into()))
    }
}

impl TryFrom<&[u8]> for AccountName {
    type Error = NameError;

    fn try_from(bytes: &[u8]) -> Result<Self, NameError> {
        std::str::from_utf8(bytes)
            .map_err(|_| NameError::NotUtf8)?
            .parse()
    }
}

impl AsRef<str> for AccountName {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AccountName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for AccountName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

/// Characters that a reader cannot see or that reorder what he sees. The joiners U+200C and
/// U+200D are not among them: Persian and Indic names are spelled with them.
pub(crate) fn is_unprintable(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{ad}'
                | '\u{61c}'
                | '\u{200b}'
                | '\u{200e}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
        )
}

#[cfg(test)]
mod tests {
    use super::{AccountName, NameError};
    use proptest::prelude::{any, proptest};

    #[test]
    fn f4_a_name_is_one_harmless_component() {
        use NameError::{Anonymous, Dots, Empty, Slash, Space, TooLong, Unprintable};
        let too_long = "x".repeat(AccountName::MAX + 1);
        for (name, error) in [
            ("", Empty),
            (too_long.as_str(), TooLong),
            ("../../x", Slash),
            ("a/b", Slash),
            ("a\\b", Slash),
            (".", Dots),
            ("..", Dots),
            ("a\0b", Unprintable),
            ("a\nb", Unprintable),
            ("a\u{7f}", Unprintable),
            ("a\u{85}", Unprintable),
            ("a\u{202e}b", Unprintable),
            ("a\u{2028}b", Unprintable),
            (" a", Space),
            ("a\u{a0}", Space),
            ("anonymous", Anonymous),
            ("FTP", Anonymous),
        ] {
            assert_eq!(name.parse::<AccountName>(), Err(error), "{name:?}");
        }
        assert_eq!(
            AccountName::try_from(&b"a\xff"[..]),
            Err(NameError::NotUtf8)
        );
    }

    #[test]
    fn f4_names_that_look_alike_stay_apart() {
        let names = [
            "A.b",
            "a.b",
            "a-b",
            "A+b",
            "ann",
            "Ann",
            "änn",
            "a\u{308}nn",
        ];
        for (i, one) in names.iter().enumerate() {
            for (j, other) in names.iter().enumerate() {
                let (one, other): (AccountName, AccountName) = (name(one), name(other));
                assert_eq!(one == other, i == j);
            }
        }
    }

    #[test]
    fn ordinary_names_pass_unchanged() {
        let longest = "ä".repeat(32);
        for text in [
            "a",
            "ann@example.org",
            "...",
            "-x",
            "x';--",
            "%{env}'",
            "山田",
            &longest,
        ] {
            assert_eq!(name(text).as_str(), text);
        }
    }

    proptest! {
        #[test]
        fn whatever_passes_obeys_the_rules(bytes in any::<Vec<u8>>()) {
            if let Ok(name) = AccountName::try_from(&bytes[..]) {
                assert_eq!(name.as_str().as_bytes(), &bytes[..]);
                assert!((1..=AccountName::MAX).contains(&bytes.len()));
                assert!(!bytes.iter().any(|b| *b < 0x20 || matches!(b, b'/' | b'\\' | 0x7f)));
            }
        }
    }

    fn name(text: &str) -> AccountName {
        text.parse().unwrap()
    }
}

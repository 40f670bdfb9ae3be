//! What an account may do where: one set, and other sets below some folders.

use crate::name::is_unprintable;
use crate::permission::{PermissionSet, UnknownPermission};
use std::fmt::{self, Write as _};
use std::str::FromStr;
use std::sync::Arc;

/// What an account may do, by folder. The rule with the longest prefix of a path decides, and
/// only that one; where no rule fits, the base does.
///
/// In text, the base comes first, then the rules, with commas in between:
///
/// ```text
/// permissions = base *("," rule)
/// base        = word *("," word)
/// rule        = prefix "=" word *("+" word)
/// word        = a permission ("list") or a named set ("read-only", "full", "upload-only", "none")
/// prefix      = "/" and the components of a folder as the account sees it
/// ```
///
/// as in `read-only,/incoming=upload-only,/incoming/x=list+read`. In a prefix, `%`, `,`, `=`,
/// control characters and bytes that are not UTF-8 are written as `%` and two hexadecimal digits.
/// Spaces around words are skipped; in a prefix they belong to the name.
#[derive(Clone, PartialEq, Eq)]
pub struct Permissions {
    base: PermissionSet,
    /// By falling length of prefix, so that the first that fits is the longest.
    rules: Arc<[Rule]>,
}

/// Why a text or a rule does not make permissions.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PermissionsError {
    /// An unknown word.
    #[error(transparent)]
    Word(#[from] UnknownPermission),
    /// The text begins with a rule.
    #[error("say first what holds elsewhere, as in `none,/incoming=upload-only`")]
    NoBase,
    /// A word of the base after a rule.
    #[error(
        "`{0}` stands after a prefix; what holds elsewhere comes first, and words of a prefix are joined with `+`"
    )]
    WordAfterRule(String),
    /// A rule without `=`.
    #[error("`{0}` has no `=` and permissions after it")]
    NoSet(String),
    /// Not an absolute, plain path.
    #[error("`{prefix}` {reason}")]
    Prefix {
        /// The prefix as it would be written.
        prefix: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The same prefix twice.
    #[error("`{0}` is there twice")]
    Twice(String),
    /// More than [`Permissions::MAX_RULES`] rules.
    #[error("there are more than {} prefixes", Permissions::MAX_RULES)]
    TooMany,
}

#[derive(Clone, PartialEq, Eq)]
struct Rule {
    prefix: Box<[u8]>,
    set: PermissionSet,
}

impl Permissions {
    /// The greatest number of rules.
    pub const MAX_RULES: usize = 256;
    /// The greatest length of a prefix in bytes, PATH_MAX of Linux.
    pub const MAX_PREFIX: usize = 4096;

    /// The same everywhere.
    #[must_use]
    pub fn everywhere(base: PermissionSet) -> Self {
        Self {
            base,
            rules: Arc::new([]),
        }
    }

    /// With another set for a folder and all below it. One `/` at the end of the prefix is taken
    /// off.
    pub fn with_rule(self, prefix: &[u8], set: PermissionSet) -> Result<Self, PermissionsError> {
        if self.rules.len() == Self::MAX_RULES {
            return Err(PermissionsError::TooMany);
        }
        let prefix = checked(prefix)?;
        if self.rules.iter().any(|rule| *rule.prefix == *prefix) {
            return Err(PermissionsError::Twice(escaped(prefix)));
        }
        let mut rules = self.rules.to_vec();
        rules.push(Rule {
            prefix: prefix.into(),
            set,
        });
        rules.sort_by(|a, b| {
            b.prefix
                .len()
                .cmp(&a.prefix.len())
                .then_with(|| a.prefix.cmp(&b.prefix))
        });
        Ok(Self {
            base: self.base,
            rules: rules.into(),
        })
    }

    /// What holds where no rule does.
    #[must_use]
    pub fn base(&self) -> PermissionSet {
        self.base
    }

    /// The rules, the longest prefix first.
    pub fn rules(&self) -> impl Iterator<Item = (&[u8], PermissionSet)> {
        self.rules.iter().map(|rule| (&*rule.prefix, rule.set))
    }

    /// What the account may do with the file or folder at this path: absolute, normalised, as
    /// the account sees it. Of a path with `..`, `.` or `//` in it no prefix can be told, so where
    /// there are rules it may do nothing.
    #[must_use]
    pub fn at(&self, path: &[u8]) -> PermissionSet {
        if self.rules.is_empty() {
            return self.base;
        }
        if flaw(path).is_some() {
            return PermissionSet::NONE;
        }
        let fits = |rule: &&Rule| is_at_or_below(path, &rule.prefix);
        self.rules
            .iter()
            .find(fits)
            .map_or(self.base, |rule| rule.set)
    }

    /// Whether a rule speaks of something below this path. To rename or remove such a folder would
    /// carry its contents out from under the rule, whatever [`Self::at`] says of the folder itself.
    #[must_use]
    pub fn has_rules_below(&self, path: &[u8]) -> bool {
        self.rules
            .iter()
            .any(|rule| *rule.prefix != *path && is_at_or_below(&rule.prefix, path))
    }
}

impl From<PermissionSet> for Permissions {
    fn from(base: PermissionSet) -> Self {
        Self::everywhere(base)
    }
}

impl FromStr for Permissions {
    type Err = PermissionsError;

    fn from_str(text: &str) -> Result<Self, PermissionsError> {
        let mut base = None;
        let mut rules: Vec<(Vec<u8>, PermissionSet)> = Vec::new();
        for item in text.split(',') {
            // Whoever writes a `=` means a rule, and is told so if its folder lacks the slash.
            if item.trim_start().starts_with('/') || item.contains('=') {
                rules.push(rule(item.trim_start())?);
            } else if rules.is_empty() {
                let set = PermissionSet::from_word(item.trim())?;
                base = Some(set.union(base.unwrap_or_default()));
            } else {
                return Err(PermissionsError::WordAfterRule(
                    item.trim().escape_debug().to_string(),
                ));
            }
        }
        let base = Self::everywhere(base.ok_or(PermissionsError::NoBase)?);
        rules.iter().try_fold(base, |permissions, (prefix, set)| {
            permissions.with_rule(prefix, *set)
        })
    }
}

impl fmt::Display for Permissions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.base.write(f, ',')?;
        let mut rules: Vec<&Rule> = self.rules.iter().collect();
        rules.sort_by(|a, b| a.prefix.cmp(&b.prefix));
        for rule in rules {
            write!(f, ",{}=", escaped(&rule.prefix))?;
            rule.set.write(f, '+')?;
        }
        Ok(())
    }
}

impl fmt::Debug for Permissions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// One rule: a prefix, `=`, words with `+` in between.
fn rule(item: &str) -> Result<(Vec<u8>, PermissionSet), PermissionsError> {
    let (prefix, words) = item
        .rsplit_once('=')
        .ok_or_else(|| PermissionsError::NoSet(item.escape_debug().to_string()))?;
    let set = words
        .split('+')
        .try_fold(PermissionSet::NONE, |set, word| {
            PermissionSet::from_word(word.trim()).map(|one| set.union(one))
        })?;
    let prefix = unescaped(prefix).ok_or_else(|| PermissionsError::Prefix {
        prefix: prefix.escape_debug().to_string(),
        reason: "has a `%` without two hexadecimal digits after it, or a bare `=` in it",
    })?;
    Ok((prefix, set))
}

/// Whether the components of `prefix` are the first components of `path`.
fn is_at_or_below(path: &[u8], prefix: &[u8]) -> bool {
    if prefix == b"/" {
        return path.starts_with(b"/");
    }
    // tidy: component-wise, for what follows the prefix must be a whole component or nothing.
    path.strip_prefix(prefix)
        .is_some_and(|rest| matches!(rest.first(), None | Some(b'/')))
}

/// A prefix as it is compared: absolute, plain, without a slash at its end.
fn checked(prefix: &[u8]) -> Result<&[u8], PermissionsError> {
    let bare = match prefix {
        [rest @ .., b'/'] if !rest.is_empty() => rest,
        whole => whole,
    };
    let reason = if bare.len() > Permissions::MAX_PREFIX {
        Some("is too long")
    } else if bare == b"/" {
        Some("is everything: write its permissions first, without a prefix")
    } else {
        flaw(bare)
    };
    match reason {
        None => Ok(bare),
        Some(reason) => Err(PermissionsError::Prefix {
            prefix: escaped(prefix),
            reason,
        }),
    }
}

/// Why this is not the absolute, normalised path of something.
fn flaw(path: &[u8]) -> Option<&'static str> {
    let components = match path {
        b"/" => return None,
        [b'/', components @ ..] => components,
        _ => return Some("does not begin with `/`"),
    };
    if components.contains(&0) {
        return Some("has a NUL in it");
    }
    components
        .split(|byte| *byte == b'/')
        .find_map(|component| match component {
            b"" => Some("has `//` in it"),
            b"." | b".." => Some("has `.` or `..` in it"),
            _ => None,
        })
}

fn escaped(prefix: &[u8]) -> String {
    let mut text = String::with_capacity(prefix.len());
    let escape = |text: &mut String, bytes: &[u8]| {
        for byte in bytes {
            // Writing to a String cannot fail.
            let _ = write!(text, "%{byte:02X}");
        }
    };
    for chunk in prefix.utf8_chunks() {
        for c in chunk.valid().chars() {
            if is_unprintable(c) || matches!(c, '%' | ',' | '=') {
                escape(&mut text, c.encode_utf8(&mut [0; 4]).as_bytes());
            } else {
                text.push(c);
            }
        }
        escape(&mut text, chunk.invalid());
    }
    text
}

fn unescaped(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'=' => return None,
            b'%' => hexadecimal(rest.next()?)? << 4 | hexadecimal(rest.next()?)?,
            other => other,
        });
    }
    Some(bytes)
}

fn hexadecimal(digit: u8) -> Option<u8> {
    char::from(digit)
        .to_digit(16)
        .and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
#[path = "permissions_tests.rs"]
mod tests;

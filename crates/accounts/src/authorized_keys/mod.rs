//! Files of keys as OpenSSH has them: `authorized_keys` (sshd(8)).
//!
//! What stands here decides who gets in, so whatever is not understood opens nothing: a line with
//! an unknown option counts as if it were not there, and is told of.

mod addresses;
mod options;

pub use addresses::AddressPatterns;

use crate::key::{KeyError, PublicKey, label_of};
use options::Options;
use std::fmt;
use std::net::IpAddr;
use std::time::SystemTime;

/// The keys and authorities of such a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuthorizedKeys {
    entries: Vec<AuthorizedKey>,
    problems: Vec<Problem>,
}

/// One line of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthorizedKey {
    /// Its number, from 1 on.
    pub line: usize,
    /// The key, or that of the authority.
    pub key: PublicKey,
    /// What is printable of the comment behind the key.
    pub label: String,
    /// `from=`: where it may come from; `None`: everywhere.
    pub from: Option<AddressPatterns>,
    /// `expiry-time=`: from then on it counts for nothing; `None`: never.
    pub until: Option<SystemTime>,
    /// Set for `cert-authority`: the key logs nobody in but signs the certificates of those it
    /// does, who are named here (`principals=`), or are the account's own name where none is.
    pub authority: Option<Vec<String>>,
}

/// A line that counts for nothing, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Its number, from 1 on.
    pub line: usize,
    /// What is wrong with it.
    pub what: String,
}

/// Why none of a file counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AuthorizedKeysError {
    /// More than [`AuthorizedKeys::MAX_BYTES`].
    #[error("it has more than {} bytes", AuthorizedKeys::MAX_BYTES)]
    TooLong,
    /// More than [`AuthorizedKeys::MAX_LINES`].
    #[error("it has more than {} lines", AuthorizedKeys::MAX_LINES)]
    TooManyLines,
}

impl AuthorizedKeys {
    /// The greatest size of a file.
    pub const MAX_BYTES: usize = 1 << 20;
    /// The greatest number of lines, empty ones and comments included.
    pub const MAX_LINES: usize = 4096;

    /// Reads what stands in a file. Of the system it asks only for the time zone, in which an
    /// `expiry-time=` without a `Z` is meant.
    ///
    /// # Errors
    /// It is longer than one may be. Whatever else is wrong with it is a [`Problem`] of one line.
    pub fn parse(bytes: &[u8]) -> Result<Self, AuthorizedKeysError> {
        if bytes.len() > Self::MAX_BYTES {
            return Err(AuthorizedKeysError::TooLong);
        }
        let mut read = Self::default();
        for (line, text) in (1..).zip(bytes.split(|byte| *byte == b'\n')) {
            if line > Self::MAX_LINES && !text.is_empty() {
                return Err(AuthorizedKeysError::TooManyLines);
            }
            let text = text.trim_ascii();
            if text.is_empty() || text.starts_with(b"#") {
                continue;
            }
            match entry(line, text) {
                Ok(entry) => read.entries.push(entry),
                Err(what) => read.problems.push(Problem { line, what }),
            }
        }
        Ok(read)
    }

    /// The lines that count, in their order.
    #[must_use]
    pub fn entries(&self) -> &[AuthorizedKey] {
        &self.entries
    }

    /// The lines that do not.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// The line that lets this key in, from there and now.
    pub(crate) fn key(&self, wire: &[u8], peer: IpAddr, now: SystemTime) -> Option<&AuthorizedKey> {
        let mut those = self.lines(wire, peer, now);
        those.find(|entry| entry.authority.is_none())
    }

    /// The lines that take the certificates of this key, from there and now.
    pub(crate) fn authorities(
        &self,
        wire: &[u8],
        peer: IpAddr,
        now: SystemTime,
    ) -> impl Iterator<Item = (&AuthorizedKey, &[String])> {
        let those = self.lines(wire, peer, now);
        those.filter_map(|entry| Some((entry, entry.authority.as_deref()?)))
    }

    fn lines(
        &self,
        wire: &[u8],
        peer: IpAddr,
        now: SystemTime,
    ) -> impl Iterator<Item = &AuthorizedKey> {
        let those = self.entries.iter();
        those.filter(move |entry| entry.key.wire() == wire && entry.allows(peer, now))
    }
}

impl AuthorizedKey {
    /// Whether the line counts for somebody from this address at this time.
    #[must_use]
    pub fn allows(&self, peer: IpAddr, now: SystemTime) -> bool {
        self.until.is_none_or(|until| now < until)
            && self.from.as_ref().is_none_or(|from| from.allow(peer))
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.what)
    }
}

/// `[OPTIONS] TYPE BASE64 [COMMENT]`.
fn entry(line: usize, text: &[u8]) -> Result<AuthorizedKey, String> {
    if text.len() > MAX_LINE {
        return Err(format!("it has more than {MAX_LINE} bytes"));
    }
    let (options, rest) = if begins_with_key(text) {
        (Options::default(), text)
    } else {
        Options::read(text)?
    };
    let (kind, rest) = word(rest);
    let (base64, comment) = word(rest);
    let key = [kind, b" ", base64].concat();
    let key = String::from_utf8(key).map_err(|_| "its key is not text".to_owned())?;
    let key: PublicKey = key.parse().map_err(|error: KeyError| {
        let text = error.to_string();
        text.lines().next().unwrap_or_default().to_owned()
    })?;
    Ok(AuthorizedKey {
        line,
        key,
        label: label_of(&String::from_utf8_lossy(comment)),
        from: options.from,
        until: options.until,
        authority: options
            .cert_authority
            .then(|| options.principals.unwrap_or_default()),
    })
}

/// Whether the type of a key comes first: no option has a name like one.
fn begins_with_key(text: &[u8]) -> bool {
    let types: [&[u8]; 3] = [b"ssh-", b"ecdsa-", b"sk-"];
    types
        .iter()
        .any(|start| text.get(..start.len()) == Some(*start))
}

/// The first word, and what follows it without the space in between.
fn word(text: &[u8]) -> (&[u8], &[u8]) {
    let text = text.trim_ascii_start();
    let end = text.iter().position(|byte| matches!(byte, b' ' | b'\t'));
    let (word, rest) = text
        .split_at_checked(end.unwrap_or(text.len()))
        .unwrap_or((text, b""));
    (word, rest.trim_ascii_start())
}

/// Room for the longest key and as much again for options.
const MAX_LINE: usize = 2 * PublicKey::MAX_LINE;

#[cfg(test)]
mod tests;

//! A complete reply, as RFC 959 section 4.2 has it.

use crate::show;

/// One complete reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The three digits.
    pub code: u16,
    /// Every line without its line end, the digits included.
    pub lines: Vec<Vec<u8>>,
}

impl Reply {
    /// The text of the last line after the code.
    #[must_use]
    pub fn text(&self) -> String {
        self.lines
            .last()
            .and_then(|line| line.get(4..))
            .map(show)
            .unwrap_or_default()
    }

    /// Whether any line contains `text`.
    #[must_use]
    pub fn says(&self, text: &str) -> bool {
        self.lines
            .iter()
            .any(|line| crate::program::contains(line, text.as_bytes()))
    }

    /// The lines between the first and the last.
    #[must_use]
    pub fn inner(&self) -> &[Vec<u8>] {
        self.lines
            .get(1..self.lines.len().saturating_sub(1))
            .unwrap_or_default()
    }

    /// Whether the last line ends with a cause id in brackets, as `[D-3]`.
    #[must_use]
    pub fn has_cause(&self) -> bool {
        let text = self.text();
        let Some((_, id)) = text.trim_end_matches(']').rsplit_once('[') else {
            return false;
        };
        let mut parts = id.splitn(2, '-');
        let family = parts.next().unwrap_or_default();
        let number = parts.next().unwrap_or_default();
        text.ends_with(']')
            && family.len() == 1
            && family.bytes().all(|byte| byte.is_ascii_uppercase())
            && number
                .bytes()
                .next()
                .is_some_and(|byte| byte.is_ascii_digit())
            && number.bytes().all(|byte| byte.is_ascii_alphanumeric())
    }

    /// Begins with 1.
    #[must_use]
    pub const fn is_preliminary(&self) -> bool {
        self.code / 100 == 1
    }

    /// Begins with 2.
    #[must_use]
    pub const fn is_done(&self) -> bool {
        self.code / 100 == 2
    }

    /// Begins with 4 or 5.
    #[must_use]
    pub const fn is_refused(&self) -> bool {
        matches!(self.code / 100, 4 | 5)
    }
}

impl std::fmt::Display for Reply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for line in &self.lines {
            writeln!(f, "S: {}", show(line))?;
        }
        Ok(())
    }
}

// `NNN ` or `NNN-`; the second value tells the latter.
pub(crate) fn opening(line: &[u8]) -> Option<(u16, bool)> {
    let digits = line.get(..3)?;
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let code = digits
        .iter()
        .fold(0, |sum, digit| sum * 10 + u16::from(digit - b'0'));
    match line.get(3)? {
        b' ' => Some((code, false)),
        b'-' => Some((code, true)),
        _ => None,
    }
}

//! Reading replies, as real servers send them.

use std::fmt;

/// The longest line of a reply in bytes.
pub const MAX_REPLY_LINE: usize = 8 * 1024;

/// The longest reply in bytes.
pub const MAX_REPLY: usize = 1024 * 1024;

/// Takes bytes of the control connection, gives replies.
///
/// RFC 959 repeats the opening code on the last line. glFTPd does not, so any three digits and a
/// space end a reply, and the last code wins. Lines before a first code belong to the reply that
/// follows.
#[derive(Debug, Default)]
pub struct ReplyDecoder {
    buffer: Vec<u8>,
    /// Where in `buffer` the first line not taken begins.
    start: usize,
    /// How much of `buffer` was searched for a line end.
    searched: usize,
    /// The reply so far.
    opening: Option<u16>,
    lines: Vec<Vec<u8>>,
    size: usize,
    failed: Option<ReplyError>,
}

/// A reply that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// 000..=999, as sent, known or not.
    pub code: u16,
    /// The texts without codes and line ends, at least one.
    pub lines: Vec<Vec<u8>>,
}

/// Why no more replies come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplyError {
    /// A line beyond [`MAX_REPLY_LINE`].
    LineTooLong,
    /// A reply beyond [`MAX_REPLY`].
    TooLong,
}

impl ReplyDecoder {
    /// A decoder at the beginning of a reply.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            buffer: Vec::new(),
            start: 0,
            searched: 0,
            opening: None,
            lines: Vec::new(),
            size: 0,
            failed: None,
        }
    }

    /// Takes what was read. Take replies out after each push: what is pushed is held.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.failed.is_some() {
            return;
        }
        if self.buffer.len() - self.start + bytes.len() > MAX_REPLY + MAX_REPLY_LINE {
            self.fail(ReplyError::TooLong);
            return;
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// The next complete reply, or why there will be none.
    pub fn next_reply(&mut self) -> Option<Result<Received, ReplyError>> {
        let mut found = None;
        while found.is_none() && self.failed.is_none() {
            let Some(line) = self.next_line() else { break };
            found = self.take_line(line);
        }
        if let Some(error) = self.failed {
            self.fail(error);
            return Some(Err(error));
        }
        self.compact();
        found.map(Ok)
    }

    /// Whether nothing is pending: no bytes, no beginning of a reply.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.buffer.is_empty() && self.lines.is_empty() && self.failed.is_none()
    }

    fn next_line(&mut self) -> Option<Vec<u8>> {
        let unread = self.buffer.get(self.searched..).unwrap_or_default();
        let Some(end) = memchr::memchr(b'\n', unread).map(|at| self.searched + at) else {
            self.searched = self.buffer.len();
            if self.buffer.len() - self.start > MAX_REPLY_LINE {
                self.failed = Some(ReplyError::LineTooLong);
            }
            return None;
        };
        let line = self.buffer.get(self.start..end).unwrap_or_default();
        let line = line.strip_suffix(b"\r").unwrap_or(line).to_vec();
        self.start = end + 1;
        self.searched = self.start;
        Some(line)
    }

    /// Forgets the lines taken: all at the end, else at the half, so that moving the rest costs no
    /// more than they did.
    fn compact(&mut self) {
        if self.start == self.buffer.len() || self.start > self.buffer.len() / 2 {
            self.buffer = self.buffer.get(self.start..).unwrap_or_default().to_vec();
            self.searched -= self.start;
            self.start = 0;
        }
    }

    fn take_line(&mut self, line: Vec<u8>) -> Option<Received> {
        // An empty line costs memory too.
        self.size += line.len() + size_of::<Vec<u8>>();
        if line.len() > MAX_REPLY_LINE {
            self.failed = Some(ReplyError::LineTooLong);
            return None;
        }
        if self.size > MAX_REPLY {
            self.failed = Some(ReplyError::TooLong);
            return None;
        }
        match (code(&line), line.get(3), self.opening) {
            (Some(code), None | Some(b' '), _) => {
                self.lines.push(line.get(4..).unwrap_or_default().to_vec());
                let lines = std::mem::take(&mut self.lines);
                self.opening = None;
                self.size = 0;
                return Some(Received { code, lines });
            }
            (Some(code), Some(b'-'), opening) if opening.is_none_or(|opening| opening == code) => {
                // Some servers begin every line with the code.
                self.opening = Some(code);
                self.lines.push(line.get(4..).unwrap_or_default().to_vec());
            }
            _ => self.lines.push(line),
        }
        None
    }

    fn fail(&mut self, error: ReplyError) {
        *self = Self {
            failed: Some(error),
            ..Self::new()
        };
    }
}

impl Received {
    /// The first text.
    #[must_use]
    pub fn first(&self) -> &[u8] {
        self.lines.first().map_or(&[], Vec::as_slice)
    }

    /// The last text.
    #[must_use]
    pub fn last(&self) -> &[u8] {
        self.lines.last().map_or(&[], Vec::as_slice)
    }

    /// 1xx: another reply follows.
    #[must_use]
    pub const fn is_preliminary(&self) -> bool {
        self.code / 100 == 1
    }

    /// 2xx: done.
    #[must_use]
    pub const fn is_success(&self) -> bool {
        self.code / 100 == 2
    }

    /// 3xx: done so far, another command is needed.
    #[must_use]
    pub const fn is_intermediate(&self) -> bool {
        self.code / 100 == 3
    }
}

fn code(line: &[u8]) -> Option<u16> {
    let digits = crate::number::decimal(line.get(..3)?)?;
    u16::try_from(digits).ok()
}

impl fmt::Display for ReplyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::LineTooLong => "a line of the reply is longer than 8 KiB",
            Self::TooLong => "the reply is longer than 1 MiB",
        })
    }
}

impl std::error::Error for ReplyError {}

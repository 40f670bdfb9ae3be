//! Lines of the control connection: Telnet filtered out, ends found, length bounded.

use std::fmt;

/// The longest control line in bytes, without its end (security M1).
pub const MAX_LINE: usize = 4096;

/// The most bytes of complete lines a decoder holds. Who reads from the network takes lines out
/// before that; see [`LineDecoder::buffered`].
pub const MAX_BUFFERED: usize = 64 * MAX_LINE;

/// Takes bytes of the control connection, gives lines.
///
/// - A line ends with LF, or CR LF. A CR that is not followed by LF does not end it and is part of
///   it; CR NUL is a CR (RFC 854).
/// - Telnet commands are removed (RFC 959 2.3, RFC 1123 4.1.2.10): `IAC IAC` is the byte 0xFF,
///   WILL, WONT, DO and DONT go with their option, SB with everything to SE. No option is
///   answered, which refuses it. `IAC` before a byte that is no Telnet command stays as it is:
///   several clients send the byte 0xFF of a file name without doubling it.
/// - Between lines it holds no memory, so that an idle session costs nothing.
#[derive(Debug, Default)]
pub struct LineDecoder {
    /// Lines, each ended by one LF; from `complete` on the beginning of the next one.
    buffer: Vec<u8>,
    /// Where in `buffer` the first line not taken begins.
    start: usize,
    /// Where in `buffer` the last complete line ends.
    complete: usize,
    telnet: Telnet,
    /// A CR was read; what follows decides what it was.
    after_cr: bool,
    error: Option<LineError>,
}

/// Why no more lines come. The connection cannot be read on from here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineError {
    /// More than [`MAX_LINE`] bytes without an end, or that much of one Telnet subnegotiation.
    TooLong,
    /// More than [`MAX_BUFFERED`] bytes were pushed without taking lines out.
    Backlog,
}

/// Where in a Telnet sequence the input stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Telnet {
    #[default]
    Data,
    Iac,
    Option,
    Subnegotiation {
        skipped: usize,
        iac: bool,
    },
}

impl LineDecoder {
    /// A decoder at the beginning of a line.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            buffer: Vec::new(),
            start: 0,
            complete: 0,
            telnet: Telnet::Data,
            after_cr: false,
            error: None,
        }
    }

    /// Takes what was read. After an error, nothing more.
    pub fn push(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while self.error.is_none() && !rest.is_empty() {
            rest = match self.telnet {
                Telnet::Data => self.data(rest),
                _ => self.command(rest),
            };
        }
    }

    /// The next complete line without its end, or why there will be none. The bytes may hold a
    /// password: see [`wipe`].
    pub fn next_line(&mut self) -> Option<Result<Vec<u8>, LineError>> {
        let Some(lines) = self
            .buffer
            .get(self.start..self.complete)
            .filter(|lines| !lines.is_empty())
        else {
            return self.error.map(Err);
        };
        let length = memchr::memchr(b'\n', lines).unwrap_or(lines.len());
        let end = self.start + length + 1;
        if self.start == 0 && end == self.buffer.len() {
            // The usual case, one line and no more: it becomes the caller's without a copy.
            let mut line = std::mem::take(&mut self.buffer);
            line.truncate(length);
            self.complete = 0;
            return Some(Ok(line));
        }
        let line = lines.get(..length).unwrap_or_default().to_vec();
        self.take_until(end);
        Some(Ok(line))
    }

    /// Whether [`Self::next_line`] has something to give without another push.
    #[must_use]
    pub const fn has_line(&self) -> bool {
        self.start < self.complete || self.error.is_some()
    }

    /// Whether nothing at all is pending: no line, no beginning of one, no half Telnet sequence.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.buffer.is_empty()
            && !self.after_cr
            && self.telnet == Telnet::Data
            && self.error.is_none()
    }

    /// Bytes held, complete lines and the beginning of the next.
    #[must_use]
    pub const fn buffered(&self) -> usize {
        self.buffer.len() - self.start
    }

    /// Bytes of heap in use; 0 between lines.
    #[must_use]
    pub const fn capacity(&self) -> usize {
        self.buffer.capacity()
    }

    /// Reads up to and including the next byte with a meaning, and returns what follows it.
    fn data<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        if std::mem::take(&mut self.after_cr) {
            match bytes {
                [b'\n', rest @ ..] => {
                    self.end_line();
                    return rest;
                }
                [0, rest @ ..] => {
                    self.text(b"\r");
                    return rest;
                }
                // A Telnet sequence may stand between CR and LF.
                [IAC, rest @ ..] => {
                    self.after_cr = true;
                    self.telnet = Telnet::Iac;
                    return rest;
                }
                _ => self.text(b"\r"),
            }
        }
        let special = memchr::memchr3(b'\n', b'\r', IAC, bytes).unwrap_or(bytes.len());
        let (text, rest) = bytes.split_at_checked(special).unwrap_or((bytes, &[]));
        if self.buffer.is_empty() && !text.is_empty() {
            // One allocation for a line that arrives whole.
            self.buffer.reserve_exact(text.len().min(MAX_LINE) + 1);
        }
        self.text(text);
        let Some((special, rest)) = rest.split_first() else {
            return &[];
        };
        match *special {
            b'\n' => self.end_line(),
            b'\r' => self.after_cr = true,
            _ => self.telnet = Telnet::Iac,
        }
        rest
    }

    /// Reads one byte of a Telnet sequence, and returns what follows it.
    fn command<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let Some((&byte, rest)) = bytes.split_first() else {
            return &[];
        };
        self.telnet = match (self.telnet, byte) {
            (Telnet::Iac, IAC) => {
                self.data_byte(IAC);
                Telnet::Data
            }
            (Telnet::Iac, WILL..=DONT) => Telnet::Option,
            (Telnet::Iac, SB) => Telnet::Subnegotiation {
                skipped: 0,
                iac: false,
            },
            (Telnet::Iac, SE..=GA) | (Telnet::Option, _) => Telnet::Data,
            (Telnet::Iac | Telnet::Data, _) => {
                self.telnet = Telnet::Data;
                self.data_byte(IAC);
                return bytes;
            }
            (Telnet::Subnegotiation { iac: true, .. }, SE) => Telnet::Data,
            (Telnet::Subnegotiation { skipped, iac }, byte) => {
                if skipped >= MAX_LINE {
                    self.fail(LineError::TooLong);
                }
                Telnet::Subnegotiation {
                    skipped: skipped + 1,
                    iac: byte == IAC && !iac,
                }
            }
        };
        rest
    }

    fn data_byte(&mut self, byte: u8) {
        if std::mem::take(&mut self.after_cr) {
            self.text(b"\r");
        }
        self.text(&[byte]);
    }

    fn text(&mut self, text: &[u8]) {
        if self.error.is_some() {
            return;
        }
        if self.buffer.len() - self.complete + text.len() > MAX_LINE {
            self.fail(LineError::TooLong);
        } else {
            self.buffer.extend_from_slice(text);
        }
    }

    fn end_line(&mut self) {
        if self.error.is_some() {
            return;
        }
        self.buffer.push(b'\n');
        self.complete = self.buffer.len();
        if self.buffered() > MAX_BUFFERED {
            self.fail(LineError::Backlog);
        }
    }

    /// Keeps the complete lines, which are answered first, and drops the rest.
    fn fail(&mut self, error: LineError) {
        self.error = Some(error);
        self.buffer.truncate(self.complete);
        if self.start == self.complete {
            self.buffer = Vec::new();
            self.start = 0;
            self.complete = 0;
        }
    }

    /// Forgets the bytes before `end`, and overwrites them: they may be a password.
    fn take_until(&mut self, end: usize) {
        if let Some(taken) = self.buffer.get_mut(self.start..end) {
            secrecy::zeroize::Zeroize::zeroize(taken);
        }
        self.start = end;
        // At the half, so that moving the rest costs no more than the lines that went; and at the
        // end, so that nothing is held between lines.
        if self.start == self.complete || self.start > self.buffer.len() / 2 {
            self.buffer = self.buffer.get(end..).unwrap_or_default().to_vec();
            self.complete -= end;
            self.start = 0;
        }
    }
}

/// Overwrites a line that held a password before its memory is given back.
pub fn wipe(mut line: Vec<u8>) {
    secrecy::zeroize::Zeroize::zeroize(&mut line);
}

/// Bytes that can be said on one line: no CR, LF or NUL.
#[derive(Clone, PartialEq, Eq)]
pub struct Line(Box<[u8]>);

/// The bytes hold a CR, LF or NUL, or are longer than [`MAX_LINE`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unsayable;

impl Line {
    /// Refuses what a line cannot hold.
    ///
    /// # Errors
    ///
    /// [`Unsayable`] for CR, LF, NUL, or more than [`MAX_LINE`] bytes.
    pub fn new(bytes: impl Into<Box<[u8]>>) -> Result<Self, Unsayable> {
        let bytes = bytes.into();
        if bytes.len() > MAX_LINE || has_forbidden_byte(&bytes) {
            return Err(Unsayable);
        }
        Ok(Self(bytes))
    }

    /// The line without an end.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Appends the line and CR LF. 0xFF goes as it is: of the servers in use, few undo the doubling
    /// that Telnet asks for, and those take a single one too.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.0);
        out.extend_from_slice(b"\r\n");
    }
}

/// A line may be `PASS`: only its length is shown.
impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Line({} bytes)", self.0.len())
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        secrecy::zeroize::Zeroize::zeroize(&mut self.0);
    }
}

impl fmt::Display for LineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLong => "control line too long",
            Self::Backlog => "too many control lines at once",
        })
    }
}

impl std::error::Error for LineError {}

impl fmt::Display for Unsayable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("cannot be said on one line: it holds CR, LF or NUL, or is too long")
    }
}

impl std::error::Error for Unsayable {}

/// Whether there is a byte no name can hold on the control connection (security F24).
pub(crate) fn has_forbidden_byte(bytes: &[u8]) -> bool {
    memchr::memchr3(b'\r', b'\n', 0, bytes).is_some()
}

const IAC: u8 = 255;
const DONT: u8 = 254;
const WILL: u8 = 251;
const SB: u8 = 250;
const GA: u8 = 249;
const SE: u8 = 240;

#[cfg(test)]
mod tests;

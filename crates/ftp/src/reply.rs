//! Replies: how the server says them and how the client reads them.

mod decode;

pub use decode::{MAX_REPLY, MAX_REPLY_LINE, Received, ReplyDecoder, ReplyError};

use std::borrow::Cow;

/// One reply, of one line or more.
///
/// Whatever the texts hold, the reply is one reply: control characters in them become `?` when it
/// is encoded. Bytes that are not UTF-8 do so too unless the reply was made to carry names as they
/// are ([`Reply::with_raw_names`]).
///
/// A line never begins with what a client sent (security P14): texts begin with ours, and
/// [`Reply::quoting`] is the way to repeat something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    code: u16,
    raw_names: bool,
    /// The first text, which is also the last in a reply of one line.
    first: Text,
    more: Option<Box<More>>,
}

/// What replies of more than one line have besides.
#[derive(Debug, Clone, PartialEq, Eq)]
struct More {
    inner: Vec<Text>,
    last: Text,
}

/// The text of a line: static, or owned bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text(Cow<'static, [u8]>);

impl Reply {
    /// A reply of one line. `code` is 100..=599.
    #[must_use]
    pub fn line(code: u16, text: impl Into<Text>) -> Self {
        Self {
            code,
            raw_names: false,
            first: text.into(),
            more: None,
        }
    }

    /// A reply of one line that carries a name as it is. The text begins with ours.
    #[must_use]
    pub fn raw(code: u16, text: impl Into<Text>) -> Self {
        Self::line(code, text).with_raw_names()
    }

    /// A reply of one line that repeats what the client sent, made harmless.
    #[must_use]
    pub fn quoting(code: u16, before: &'static str, said: &[u8], after: &'static str) -> Self {
        Self::line(code, [before.as_bytes(), said, after.as_bytes()].concat())
    }

    /// A reply of two lines and more. Inner lines stand as given, except that one which looks like
    /// the beginning or end of a reply gets a space before it. FEAT and MLST want one space before
    /// each of theirs (RFC 2389 3.2, RFC 3659 7.2): [`Reply::indented`].
    #[must_use]
    pub fn lines<T: Into<Text>>(
        code: u16,
        first: impl Into<Text>,
        inner: Vec<T>,
        last: impl Into<Text>,
    ) -> Self {
        let inner = inner.into_iter().map(Into::into).collect();
        let more = More {
            inner,
            last: last.into(),
        };
        Self {
            code,
            raw_names: false,
            first: first.into(),
            more: Some(Box::new(more)),
        }
    }

    /// As [`Reply::lines`], each inner line after exactly one space more.
    #[must_use]
    pub fn indented<T: Into<Text>>(
        code: u16,
        first: impl Into<Text>,
        inner: Vec<T>,
        last: impl Into<Text>,
    ) -> Self {
        let inner = inner
            .into_iter()
            .map(|line| Text::from([b" ".as_slice(), &line.into().0].concat()))
            .collect();
        Self::lines(code, first, inner, last)
    }

    /// The same reply, its names left as they are but for control characters: for 257, MLST and STAT of
    /// a path, which programs read names from.
    #[must_use]
    pub fn with_raw_names(mut self) -> Self {
        self.raw_names = true;
        self
    }

    /// The code, 100..=599.
    #[must_use]
    pub fn code(&self) -> u16 {
        self.code.clamp(100, 599)
    }

    /// The first line's text, as given.
    #[must_use]
    pub fn text(&self) -> &[u8] {
        &self.first.0
    }

    /// Appends the reply as it goes over the wire.
    pub fn encode_into(&self, out: &mut Vec<u8>) {
        let Some(more) = &self.more else {
            self.encode_line(out, b' ', &self.first);
            return;
        };
        self.encode_line(out, b'-', &self.first);
        for text in &more.inner {
            if begins_like_a_reply(&text.0) {
                out.push(b' ');
            }
            self.encode_text(out, text);
            out.extend_from_slice(b"\r\n");
        }
        self.encode_line(out, b' ', &more.last);
    }

    fn encode_line(&self, out: &mut Vec<u8>, mark: u8, text: &Text) {
        out.reserve(text.0.len() + 6);
        out.extend_from_slice(itoa::Buffer::new().format(self.code()).as_bytes());
        out.push(mark);
        self.encode_text(out, text);
        out.extend_from_slice(b"\r\n");
    }

    fn encode_text(&self, out: &mut Vec<u8>, text: &Text) {
        if self.raw_names {
            out.extend(text.0.iter().map(|byte| match byte {
                0..=0x1f | 0x7f => b'?',
                byte => *byte,
            }));
        } else {
            escape_into(out, &text.0);
        }
    }
}

/// A path as 257 says it: in quotes, with those inside it doubled (RFC 959 appendix II).
#[must_use]
pub fn quoted(path: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(path.len() + 2);
    out.push(b'"');
    for byte in path {
        out.push(*byte);
        if *byte == b'"' {
            out.push(b'"');
        }
    }
    out.push(b'"');
    out
}

/// The path in the text of a 257 reply, or `None` if there is none in quotes.
#[must_use]
pub fn unquoted(text: &[u8]) -> Option<Vec<u8>> {
    let mut rest = text.get(memchr::memchr(b'"', text)? + 1..)?;
    let mut path = Vec::new();
    loop {
        let (part, after) = rest.split_at_checked(memchr::memchr(b'"', rest)?)?;
        path.extend_from_slice(part);
        match after {
            [b'"', b'"', more @ ..] => {
                path.push(b'"');
                rest = more;
            }
            _ => return Some(path),
        }
    }
}

/// Appends text for a screen: control characters, ASCII's and Unicode's, and bytes that are not
/// UTF-8 become `?`.
pub fn escape_into(out: &mut Vec<u8>, text: &[u8]) {
    if text.iter().all(|byte| matches!(byte, b' '..=b'~')) {
        out.extend_from_slice(text);
        return;
    }
    for chunk in text.utf8_chunks() {
        for character in chunk.valid().chars() {
            if character.is_control() {
                out.push(b'?');
            } else {
                out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
            }
        }
        out.extend(chunk.invalid().iter().map(|_| b'?'));
    }
}

/// Three digits, and a space, a hyphen or nothing: a client would take it for a reply's first or
/// last line.
fn begins_like_a_reply(text: &[u8]) -> bool {
    match text {
        [a, b, c, rest @ ..] => {
            [a, b, c].iter().all(|byte| byte.is_ascii_digit())
                && matches!(rest.first(), None | Some(b' ' | b'-'))
        }
        _ => false,
    }
}

impl From<&'static str> for Text {
    fn from(text: &'static str) -> Self {
        Self(Cow::Borrowed(text.as_bytes()))
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self(Cow::Owned(text.into_bytes()))
    }
}

impl From<Cow<'static, str>> for Text {
    fn from(text: Cow<'static, str>) -> Self {
        match text {
            Cow::Borrowed(text) => text.into(),
            Cow::Owned(text) => text.into(),
        }
    }
}

impl From<Vec<u8>> for Text {
    fn from(text: Vec<u8>) -> Self {
        Self(Cow::Owned(text))
    }
}

impl From<Box<[u8]>> for Text {
    fn from(text: Box<[u8]>) -> Self {
        text.into_vec().into()
    }
}

#[cfg(test)]
mod tests;

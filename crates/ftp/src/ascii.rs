//! TYPE A: lines end with CR LF on the network and with LF in files (RFC 959 3.1.1.1).
//!
//! The conversion is honest, not reversible in every case: a file whose lines already end with
//! CR LF goes out as it is, and comes in with LF. Who wants bytes uses TYPE I.

const CR: u8 = b'\r';
const LF: u8 = b'\n';

/// From a file to the network: an LF without a CR before it becomes CR LF. A CR LF stays one, and a
/// CR alone stays what it is.
#[derive(Debug, Clone, Default)]
pub struct ToNetwork {
    after_cr: bool,
}

/// From the network to a file: CR LF becomes LF. A CR alone stays what it is.
#[derive(Debug, Clone, Default)]
pub struct FromNetwork {
    /// A CR was read that is written only if no LF follows.
    held_cr: bool,
}

/// Counts what [`ToNetwork`] would write, for SIZE.
#[derive(Debug, Clone, Default)]
pub struct ConvertedSize {
    after_cr: bool,
    bytes: u64,
}

impl ToNetwork {
    /// At the beginning of a file.
    #[must_use]
    pub const fn new() -> Self {
        Self { after_cr: false }
    }

    /// Appends the converted `input` to `out`: at most twice its length.
    pub fn push(&mut self, input: &[u8], out: &mut Vec<u8>) {
        out.reserve(input.len() + input.len() / 16 + 2);
        let mut rest = input;
        while let Some((line, after)) = split_at_byte(LF, rest) {
            let has_cr = line.last().map_or(self.after_cr, |byte| *byte == CR);
            out.extend_from_slice(line);
            out.extend_from_slice(if has_cr { b"\n" } else { b"\r\n" });
            self.after_cr = false;
            rest = after;
        }
        out.extend_from_slice(rest);
        if let Some(last) = rest.last() {
            self.after_cr = *last == CR;
        }
    }
}

impl FromNetwork {
    /// At the beginning of a transfer.
    #[must_use]
    pub const fn new() -> Self {
        Self { held_cr: false }
    }

    /// Appends the converted `input` to `out`: at most one byte more than its length.
    pub fn push(&mut self, input: &[u8], out: &mut Vec<u8>) {
        if input.is_empty() {
            return;
        }
        out.reserve(input.len() + 1);
        if std::mem::take(&mut self.held_cr) && input.first() != Some(&LF) {
            out.push(CR);
        }
        let mut rest = input;
        while let Some((before, after)) = split_at_byte(CR, rest) {
            out.extend_from_slice(before);
            match after.first() {
                None => self.held_cr = true,
                Some(&LF) => {}
                Some(_) => out.push(CR),
            }
            rest = after;
        }
        out.extend_from_slice(rest);
    }

    /// Appends what was held back. Call it once, after the last byte.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        if std::mem::take(&mut self.held_cr) {
            out.push(CR);
        }
    }
}

impl ConvertedSize {
    /// At the beginning of a file.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            after_cr: false,
            bytes: 0,
        }
    }

    /// Counts the next part of the file.
    pub fn push(&mut self, input: &[u8]) {
        let bare = memchr::memchr_iter(LF, input).filter(|at| {
            let before = at.checked_sub(1).and_then(|before| input.get(before));
            before.map_or(!self.after_cr, |byte| *byte != CR)
        });
        let added = bare.count() + input.len();
        self.bytes += u64::try_from(added).unwrap_or(u64::MAX);
        if let Some(last) = input.last() {
            self.after_cr = *last == CR;
        }
    }

    /// Bytes on the network so far.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }
}

/// How many bytes `content` has on the network.
#[must_use]
pub fn converted_size(content: &[u8]) -> u64 {
    let mut size = ConvertedSize::new();
    size.push(content);
    size.bytes()
}

/// What stands before and after the first such byte.
fn split_at_byte(byte: u8, text: &[u8]) -> Option<(&[u8], &[u8])> {
    let (before, rest) = text.split_at_checked(memchr::memchr(byte, text)?)?;
    Some((before, rest.get(1..)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn to_network(parts: &[&[u8]]) -> Vec<u8> {
        let (mut codec, mut out) = (ToNetwork::new(), Vec::new());
        for part in parts {
            codec.push(part, &mut out);
        }
        out
    }

    fn from_network(parts: &[&[u8]]) -> Vec<u8> {
        let (mut codec, mut out) = (FromNetwork::new(), Vec::new());
        for part in parts {
            codec.push(part, &mut out);
        }
        codec.finish(&mut out);
        out
    }

    #[test]
    fn line_ends() {
        for (file, network) in [
            (&b""[..], &b""[..]),
            (b"a\nb\n", b"a\r\nb\r\n"),
            (b"\n\n", b"\r\n\r\n"),
            (b"a\r\nb", b"a\r\nb"),
            (b"a\rb\r", b"a\rb\r"),
            (b"\r\n\n\r", b"\r\n\r\n\r"),
        ] {
            assert_eq!(to_network(&[file]), network, "{file:?}");
        }
        for (network, file) in [
            (&b""[..], &b""[..]),
            (b"a\r\nb\r\n", b"a\nb\n"),
            (b"a\nb", b"a\nb"),
            (b"a\rb\r", b"a\rb\r"),
            (b"\r\r\n\r", b"\r\n\r"),
        ] {
            assert_eq!(from_network(&[network]), file, "{network:?}");
        }
    }

    fn text() -> impl Strategy<Value = Vec<u8>> {
        prop::collection::vec(prop::sample::select(&b"\r\n\nab"[..]), 0..100)
    }

    proptest! {
        #[test]
        fn how_it_is_cut_does_not_matter(text in text(), a in 0_usize..100, b in 0_usize..100) {
            let (a, b) = (a.min(b).min(text.len()), a.max(b).min(text.len()));
            let parts = [&text[..a], &text[a..b], &text[b..]];
            prop_assert_eq!(to_network(&parts), to_network(&[&text]));
            prop_assert_eq!(from_network(&parts), from_network(&[&text]));
            let mut size = ConvertedSize::new();
            for part in parts {
                size.push(part);
            }
            prop_assert_eq!(size.bytes(), to_network(&[&text]).len() as u64);
            prop_assert_eq!(converted_size(&text), size.bytes());
        }

        #[test]
        fn text_without_cr_comes_back(text in "[^\r]{0,60}") {
            let network = to_network(&[text.as_bytes()]);
            prop_assert_eq!(from_network(&[&network]), text.as_bytes());
        }

        #[test]
        fn on_the_network_every_line_ends_with_cr_lf(text in text()) {
            let network = to_network(&[&text]);
            for at in memchr::memchr_iter(LF, &network) {
                prop_assert_eq!(network[at - 1], CR);
            }
            prop_assert_eq!(to_network(&[&network]), network);
        }
    }
}

//! Rust source as the rules need it: comments and the insides of literals blanked, so that a word
//! in a comment or a test's data is not taken for code. Lines keep their numbers and columns.

/// The code alone. Every byte of a comment, and every byte between the quotes of a literal, becomes
/// a space; the quotes stay, so that a rule can see that a literal was there.
pub(super) fn code(text: &str) -> String {
    let mut scanner = Scanner {
        input: text.as_bytes(),
        at: 0,
        output: Vec::with_capacity(text.len()),
    };
    while scanner.step() {}
    // Only whole runs between ASCII characters were replaced, so this is UTF-8 still.
    String::from_utf8(scanner.output).unwrap_or_default()
}

/// `code` without the items under `#[cfg(test)]`.
pub(super) fn production(code: &str) -> String {
    let mut output = code.as_bytes().to_vec();
    let mut from = 0;
    while let Some(start) = code[from..].find("#[cfg(test)]").map(|at| at + from) {
        let end = end_of_item(code.as_bytes(), start + "#[cfg(test)]".len());
        blank(&mut output[start..end]);
        from = end;
    }
    String::from_utf8(output).unwrap_or_default()
}

/// A function: the line it starts in (from 1), how many lines it has, and its name.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Function<'a> {
    pub(super) line: usize,
    pub(super) lines: usize,
    pub(super) name: &'a str,
}

/// Every function with a body, also those inside others.
pub(super) fn functions(code: &str) -> Vec<Function<'_>> {
    let mut found = Vec::new();
    for (at, _) in words(code, "fn") {
        let rest = code[at + 2..].trim_start();
        let name = &rest[..word_length(rest.as_bytes())];
        if name.is_empty() {
            continue; // a function pointer's type
        }
        let start = code.len() - rest.len();
        let end = end_of_item(code.as_bytes(), start);
        if code.as_bytes().get(end.wrapping_sub(1)) == Some(&b'}') {
            found.push(Function {
                line: line_of(code, at),
                lines: 1 + code[at..end].matches('\n').count(),
                name,
            });
        }
    }
    found
}

/// Where `word` stands for itself: byte offset and line (from 1). A word that begins or ends with
/// punctuation needs no boundary there.
pub(super) fn words<'a>(code: &'a str, word: &'a str) -> impl Iterator<Item = (usize, usize)> + 'a {
    let bytes = code.as_bytes();
    let name = |byte: Option<&u8>| byte.is_some_and(|&byte| is_name(byte));
    let open = name(word.as_bytes().first());
    let close = name(word.as_bytes().last());
    code.match_indices(word)
        .filter(move |(at, _)| {
            let before = at.checked_sub(1).and_then(|at| bytes.get(at));
            let after = bytes.get(at + word.len());
            !(open && name(before) || close && name(after))
        })
        .map(|(at, _)| (at, line_of(code, at)))
}

/// The line of a byte offset, from 1.
pub(super) fn line_of(text: &str, at: usize) -> usize {
    1 + text[..at].matches('\n').count()
}

struct Scanner<'a> {
    input: &'a [u8],
    at: usize,
    output: Vec<u8>,
}

impl Scanner<'_> {
    /// Takes one literal, comment, word or byte; `false` at the end.
    fn step(&mut self) -> bool {
        let rest = &self.input[self.at..];
        match rest {
            [] => return false,
            [b'/', b'/', ..] => {
                let end = rest.iter().position(|&byte| byte == b'\n');
                self.hide(end.unwrap_or(rest.len()));
            }
            [b'/', b'*', ..] => self.hide(block_comment(rest)),
            [b'"', ..] => self.literal(1, quoted(&rest[1..], b'"'), 1),
            [b'\'', ..] => match character(rest) {
                Some(inside) => self.literal(1, inside, 1),
                None => self.show(1), // a lifetime
            },
            [byte, ..] if is_name(*byte) => {
                let length = word_length(rest);
                match raw_string(rest, length) {
                    Some((open, inside, close)) => self.literal(open, inside, close),
                    None => self.show(length),
                }
            }
            _ => self.show(1),
        }
        true
    }

    fn show(&mut self, count: usize) {
        let end = (self.at + count).min(self.input.len());
        self.output.extend_from_slice(&self.input[self.at..end]);
        self.at = end;
    }

    fn hide(&mut self, count: usize) {
        let from = self.output.len();
        self.show(count);
        blank(&mut self.output[from..]);
    }

    fn literal(&mut self, open: usize, inside: usize, close: usize) {
        self.show(open);
        self.hide(inside);
        self.show(close);
    }
}

fn blank(bytes: &mut [u8]) {
    for byte in bytes.iter_mut().filter(|byte| **byte != b'\n') {
        *byte = b' ';
    }
}

/// How long a block comment is; they nest.
fn block_comment(rest: &[u8]) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while at < rest.len() {
        match &rest[at..] {
            [b'/', b'*', ..] => {
                depth += 1;
                at += 2;
            }
            [b'*', b'/', ..] => {
                depth -= 1;
                at += 2;
                if depth == 0 {
                    return at;
                }
            }
            _ => at += 1,
        }
    }
    at
}

/// How many bytes stand before the closing quote.
fn quoted(inside: &[u8], quote: u8) -> usize {
    let mut at = 0;
    while at < inside.len() && inside[at] != quote {
        at += if inside[at] == b'\\' { 2 } else { 1 };
    }
    at.min(inside.len())
}

/// How many bytes a character literal has inside; `None` for a lifetime.
fn character(rest: &[u8]) -> Option<usize> {
    let inside = &rest[1..];
    if inside.first() == Some(&b'\\') {
        return Some(quoted(inside, b'\''));
    }
    let length = match inside.first()? {
        0x00..=0x7f => 1,
        0x80..=0xdf => 2,
        0xe0..=0xef => 3,
        _ => 4,
    };
    (inside.get(length) == Some(&b'\'')).then_some(length)
}

/// `r"…"`, `br#"…"#` and their kin: bytes before, inside and after. `length` is the word's.
fn raw_string(rest: &[u8], length: usize) -> Option<(usize, usize, usize)> {
    if !matches!(&rest[..length], b"r" | b"br" | b"cr") {
        return None;
    }
    let hashes = rest[length..]
        .iter()
        .take_while(|&&byte| byte == b'#')
        .count();
    let open = length + hashes + 1;
    if rest.get(open - 1) != Some(&b'"') {
        return None;
    }
    let mut end = vec![b'"'];
    end.resize(hashes + 1, b'#');
    let inside = rest[open..]
        .windows(end.len())
        .position(|window| window == end)
        .unwrap_or(rest.len() - open);
    Some((open, inside, end.len()))
}

const fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

fn word_length(rest: &[u8]) -> usize {
    rest.iter().take_while(|&&byte| is_name(byte)).count()
}

/// One past the `;`, or the brace that closes the body, of the item that begins at `from`.
fn end_of_item(code: &[u8], from: usize) -> usize {
    let mut braces = 0_usize;
    let mut brackets = 0_usize;
    for (at, byte) in code.iter().enumerate().skip(from) {
        match byte {
            b'(' | b'[' => brackets += 1,
            b')' | b']' => brackets = brackets.saturating_sub(1),
            b'{' => braces += 1,
            b'}' => {
                braces = braces.saturating_sub(1);
                if braces == 0 && brackets == 0 {
                    return at + 1;
                }
            }
            b';' if braces == 0 && brackets == 0 => return at + 1,
            _ => {}
        }
    }
    code.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_the_insides_of_literals_are_blank() {
        let text = "let a = \"un\\\"safe\"; // unsafe\n/* unsafe /* in */ */let b = b'\\'';";
        assert_eq!(
            code(text),
            "let a = \"        \";          \n                     let b = b'  ';"
        );
    }

    #[test]
    fn raw_strings_end_where_they_end() {
        let text = r####"r#"a " unsafe"# + r"\" + br##"x"# "## + unsafe_fn"####;
        let plain = code(text);
        assert_eq!(plain.len(), text.len());
        assert!(!plain.contains("unsafe\""));
        assert!(plain.ends_with(" + unsafe_fn"));
    }

    #[test]
    fn lifetimes_are_not_characters() {
        assert_eq!(code("&'a str, 'b', '\u{e9}'"), "&'a str, ' ', '  '");
        assert_eq!(
            code("impl<'a> X<'a, 'static> {}"),
            "impl<'a> X<'a, 'static> {}"
        );
    }

    #[test]
    fn an_unfinished_literal_reaches_the_end() {
        for text in ["\"abc", "/* abc", "r#\"abc", "'", "\"\\"] {
            assert_eq!(code(text).len(), text.len(), "{text}");
        }
    }

    #[test]
    fn test_modules_are_not_production() {
        let text = "fn a() {}\n#[cfg(test)]\nmod tests {\n fn b() { if x { y() } }\n}\nfn c() {}\n";
        assert_eq!(
            production(text).trim().replace(char::is_whitespace, ""),
            "fna(){}fnc(){}"
        );
        let text = "#[cfg(test)]\nmod tests;\nfn c() {}\n";
        assert_eq!(production(text).trim(), "fn c() {}");
    }

    #[test]
    fn functions_are_measured_by_their_bodies() {
        let text = "trait T { fn declared(&self) -> [u8; 2]; }\n\
                    type F = fn(u8);\n\
                    fn long<F>(f: F) -> bool\nwhere\n    F: Fn(u8),\n{\n    f(1)\n}\n";
        let found = functions(text);
        let expected = Function {
            line: 3,
            lines: 6,
            name: "long",
        };
        assert_eq!(found, [expected]);
    }

    #[test]
    fn words_have_boundaries() {
        let code = "unsafe_code unsafe { } std::fs::read std::fsx my_std::fs";
        assert_eq!(
            words(code, "unsafe").map(|(at, _)| at).collect::<Vec<_>>(),
            [12]
        );
        assert_eq!(words(code, "std::fs").count(), 1);
    }
}

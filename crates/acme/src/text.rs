//! Other people's words, made fit for a log and a screen.

use std::error::Error;

/// Characters kept of what a CA says. Its details are a sentence or two.
const MAX_SAID: usize = 600;

/// What a peer said on one line: control characters and those that change the direction of
/// writing are escaped, and too much of it is cut off.
pub(crate) fn said(text: &str) -> String {
    let mut line = String::new();
    for (count, c) in text.trim().chars().enumerate() {
        if count == MAX_SAID {
            line.push('…');
            break;
        }
        if c.is_control() || is_direction(c) {
            line.extend(c.escape_default());
        } else {
            line.push(c);
        }
    }
    line
}

/// An error with what caused it, on one line.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        // Some wrappers repeat what they wrap.
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        next = cause.source();
    }
    said(&text)
}

/// Unicode's bidirectional controls, with which a text can show something else than it says.
const fn is_direction(c: char) -> bool {
    matches!(c, '\u{200E}' | '\u{200F}' | '\u{061C}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_peer_says_stays_on_its_line() {
        assert_eq!(
            said(" a\r\n\x1b[31mb\u{202E}c\n"),
            "a\\r\\n\\u{1b}[31mb\\u{202e}c"
        );
        assert_eq!(said("Zürich ✓"), "Zürich ✓");
        let long = said(&"x".repeat(10_000));
        assert_eq!(long.chars().count(), MAX_SAID + 1);
    }

    #[test]
    fn causes_are_told_once() {
        #[derive(Debug, thiserror::Error)]
        #[error("connecting: {0}")]
        struct Repeats(#[source] std::io::Error);
        #[derive(Debug, thiserror::Error)]
        #[error("connecting")]
        struct Hides(#[source] std::io::Error);
        let io = || std::io::Error::other("refused");
        assert_eq!(chain(&Repeats(io())), "connecting: refused");
        assert_eq!(chain(&Hides(io())), "connecting: refused");
    }
}

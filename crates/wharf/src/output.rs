//! Standard output. A reader that went away (`wharf … | head`) ends the output, not the program.

use std::io::{self, ErrorKind, Write as _};

use serde_json::Value as Json;

/// Writes text as it is, and at once.
pub(crate) fn text(text: &str) -> io::Result<()> {
    bytes(text.as_bytes())
}

/// Writes bytes as they are, and at once.
pub(crate) fn bytes(bytes: &[u8]) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}

/// Writes one JSON object on a line of its own.
pub(crate) fn json(object: &Json) -> io::Result<()> {
    text(&format!("{object}\n"))
}

/// Writes a JSON document that people read as well.
pub(crate) fn document(object: &Json) -> io::Result<()> {
    text(&format!("{object:#}\n"))
}

//! Dialogues written down as they would appear in an RFC, and played against the server.
//!
//! ```text
//! # a comment
//! C: RETR a.txt          a line for the server; \r \n \0 \t \\ \xHH are bytes
//! R: NOOP\r\nNOOP\r\n    bytes without a CRLF added
//! S: 150 ...             the next reply; `...` stands for anything
//! S: 211-Features:       a reply of several lines: every line, `...` alone for any number
//! S:  UTF8
//! S: ...
//! S: 211 ...
//! S: EOF                 the server ends the connection
//! D: passive             EPSV and a connection (also: passive-old, active, active-old)
//! D< hello\r\n           the data connection brings exactly this and ends (`...` too)
//! D> hello\r\n           we send this on it and end it
//! D: close               we end it
//! ```
//! `{name}` and `{password}` are the first account's.

use std::io::Write;
use std::net::{TcpListener, TcpStream};

use crate::control::Control;
use crate::reply::Reply;
use crate::wharf::Wharf;
use crate::{data, show};

/// Plays a script on a new connection, after its greeting.
///
/// # Panics
/// Where the server departs from it.
#[track_caller]
pub fn dialogue(wharf: &Wharf, script: &str) {
    play(wharf, wharf.connect(), script);
}

/// Plays a script on a new connection that is logged in with TYPE I.
///
/// # Panics
/// Where the server departs from it.
#[track_caller]
pub fn session_dialogue(wharf: &Wharf, script: &str) {
    play(wharf, wharf.session(), script);
}

/// Plays a script on a connection that exists.
///
/// # Panics
/// Where the server departs from it.
#[track_caller]
pub fn play(wharf: &Wharf, control: Control, script: &str) {
    let mut player = Player {
        control,
        data: Data::None,
        pending: Vec::new(),
    };
    for (number, line) in script.lines().enumerate() {
        let line = line.trim_start();
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        let line = line
            .replace("{name}", &wharf.account().name)
            .replace("{password}", &wharf.account().password);
        if let Err(problem) = player.step(&line) {
            panic!(
                "line {}: `{line}`: {problem}\n{}",
                number + 1,
                player.control
            );
        }
    }
    assert!(
        player.pending.is_empty(),
        "the script ends within a reply: {:?}",
        player.pending
    );
}

struct Player {
    control: Control,
    data: Data,
    pending: Vec<String>,
}

enum Data {
    None,
    Open(TcpStream),
    Listening(TcpListener),
}

impl Player {
    fn step(&mut self, line: &str) -> Result<(), String> {
        if let Some(rest) = line.strip_prefix("S:") {
            return self.server(rest.strip_prefix(' ').unwrap_or(rest));
        }
        if !self.pending.is_empty() {
            return Err("the reply before has no last line".to_owned());
        }
        if let Some(rest) = line.strip_prefix("C:") {
            let mut bytes = unescape(rest.strip_prefix(' ').unwrap_or(rest));
            bytes.extend_from_slice(b"\r\n");
            return self
                .control
                .try_send_raw(&bytes)
                .map_err(|error| error.to_string());
        }
        if let Some(rest) = line.strip_prefix("R:") {
            let bytes = unescape(rest.strip_prefix(' ').unwrap_or(rest));
            return self
                .control
                .try_send_raw(&bytes)
                .map_err(|error| error.to_string());
        }
        if let Some(rest) = line.strip_prefix("D:") {
            return self.open_data(rest.trim());
        }
        if let Some(rest) = line.strip_prefix("D>") {
            let bytes = unescape(rest.strip_prefix(' ').unwrap_or(rest));
            return self
                .take_data()?
                .write_all(&bytes)
                .map_err(|error| error.to_string());
        }
        if let Some(rest) = line.strip_prefix("D<") {
            let (bytes, clean) = data::read_what_comes(self.take_data()?);
            let wanted = rest.strip_prefix(' ').unwrap_or(rest);
            return if clean && matches_bytes(&bytes, wanted) {
                Ok(())
            } else {
                Err(format!(
                    "the data was {} (clean end: {clean})",
                    show(&bytes)
                ))
            };
        }
        Err("a line begins with C:, R:, S:, D:, D< or D>".to_owned())
    }

    fn open_data(&mut self, how: &str) -> Result<(), String> {
        self.data = match how {
            "passive" => Data::Open(self.control.passive()),
            "passive-old" => Data::Open(self.control.passive_old()),
            "active" => Data::Listening(self.control.active()),
            "active-old" => Data::Listening(self.control.active_old()),
            "close" => Data::None,
            other => return Err(format!("no such kind of data connection: {other}")),
        };
        Ok(())
    }

    fn take_data(&mut self) -> Result<TcpStream, String> {
        match std::mem::replace(&mut self.data, Data::None) {
            Data::Open(stream) => Ok(stream),
            Data::Listening(listener) => Ok(data::accept(&listener)),
            Data::None => Err("there is no data connection".to_owned()),
        }
    }

    fn server(&mut self, line: &str) -> Result<(), String> {
        if line == "EOF" {
            return match self.control.try_reply()? {
                None => Ok(()),
                Some(reply) => Err(format!("the server went on: {reply}")),
            };
        }
        self.pending.push(line.to_owned());
        let opens = self.pending.len() == 1 && line.as_bytes().get(3) == Some(&b'-');
        let first = self.pending.first().map(|first| first.as_bytes());
        let multiple = first.is_some_and(|first| first.get(3) == Some(&b'-'));
        let code = first.and_then(|first| first.get(..3)).map(<[u8]>::to_vec);
        let ends = line.as_bytes().get(..3).map(<[u8]>::to_vec) == code
            && line.as_bytes().get(3) == Some(&b' ');
        if opens || (multiple && !ends) {
            return Ok(());
        }
        let wanted = std::mem::take(&mut self.pending);
        let reply = self
            .control
            .try_reply()?
            .ok_or("the server closed the connection")?;
        // A single pattern `NNN ...` is about the code and the last line, however many come.
        let found = match (multiple, reply.lines.as_slice()) {
            (false, [.., last]) => std::slice::from_ref(last),
            (_, lines) => lines,
        };
        if matches_lines(found, &wanted) {
            Ok(())
        } else {
            Err(differs(&reply))
        }
    }
}

fn differs(reply: &Reply) -> String {
    format!("the server said\n{reply}")
}

fn matches_lines(found: &[Vec<u8>], wanted: &[String]) -> bool {
    match wanted.split_first() {
        None => found.is_empty(),
        Some((first, rest)) if first.trim() == "..." => {
            (0..=found.len()).any(|skip| matches_lines(found.get(skip..).unwrap_or_default(), rest))
        }
        Some((first, rest)) => found.split_first().is_some_and(|(line, others)| {
            matches_bytes(line, first) && matches_lines(others, rest)
        }),
    }
}

/// Whether `bytes` is `wanted`, in which `...` stands for anything.
fn matches_bytes(bytes: &[u8], wanted: &str) -> bool {
    let mut pieces = wanted.split("...").map(unescape);
    let first = pieces.next().unwrap_or_default();
    let Some(mut rest) = bytes.strip_prefix(first.as_slice()) else {
        return false;
    };
    let pieces: Vec<_> = pieces.collect();
    let Some((last, middle)) = pieces.split_last() else {
        return rest.is_empty();
    };
    for piece in middle {
        let Some(at) = find(rest, piece) else {
            return false;
        };
        rest = rest.get(at + piece.len()..).unwrap_or_default();
    }
    rest.ends_with(last)
}

fn find(hay: &[u8], needle: &[u8]) -> Option<usize> {
    if needle.is_empty() {
        return Some(0);
    }
    hay.windows(needle.len())
        .position(|window| window == needle)
}

fn unescape(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != b'\\' {
            out.push(byte);
            continue;
        }
        let Some((&kind, after)) = rest.split_first() else {
            break;
        };
        rest = after;
        match kind {
            b'r' => out.push(b'\r'),
            b'n' => out.push(b'\n'),
            b't' => out.push(b'\t'),
            b'0' => out.push(0),
            b'e' => out.push(0x1b),
            b'x' => {
                let digits = rest.get(..2).and_then(|two| std::str::from_utf8(two).ok());
                let value = digits.and_then(|two| u8::from_str_radix(two, 16).ok());
                out.push(value.unwrap_or_else(|| panic!("\\x needs two hex digits in {text}")));
                rest = rest.get(2..).unwrap_or_default();
            }
            other => out.push(other),
        }
    }
    out
}

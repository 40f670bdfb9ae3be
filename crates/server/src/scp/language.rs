//! What is said in scp, the old protocol: the command a client begins with, and the lines both
//! sides speak. Nothing is run and no shell reads it; only its quoting is understood.

use std::borrow::Cow;

use wharf_vfs::{PathError, VPath};

/// A copy that a client asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Command {
    pub(super) direction: Direction,
    /// `-r`
    pub(super) recursive: bool,
    /// `-p`: times and modes are kept.
    pub(super) preserve: bool,
    /// `-d`: the target must be a directory.
    pub(super) into_directory: bool,
    /// At least one; exactly one when the client sends.
    pub(super) paths: Vec<Word>,
}

/// Which way the files go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    /// `-t`: the client sends.
    ToServer,
    /// `-f`: the client receives.
    ToClient,
}

/// A word of the command, its quoting taken away.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) text: Vec<u8>,
    /// The last component as a pattern, if it has a `*`, `?` or `[` that is not quoted.
    pub(super) pattern: Option<Vec<u8>>,
}

/// Why the command is not carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unusable {
    #[error("a quote is opened and not closed")]
    Quote,
    #[error("`{}` is for a shell, and there is none here; put quotes around names with it", .0.escape_ascii())]
    ForShell(u8),
    #[error("the option -{} is not known here", .0.escape_ascii())]
    Option(u8),
    #[error("-t or -f is missing: this is for programs that speak scp to it")]
    NoDirection,
    #[error("-t and -f exclude each other")]
    BothDirections,
    #[error("no path is named")]
    NoPath,
    #[error("several targets are named; put quotes around a name with spaces")]
    SeveralTargets,
}

/// Reads a command. `None` when it is not scp.
pub(super) fn command(line: &[u8]) -> Option<Result<Command, Unusable>> {
    let line = line.trim_ascii_start();
    let end = line.iter().position(u8::is_ascii_whitespace);
    let (program, rest) = line.split_at(end.unwrap_or(line.len()));
    // Some are told where it lies on other servers.
    let name = program.rsplit(|byte| *byte == b'/').next();
    (name == Some(b"scp")).then(|| words(rest).and_then(arguments))
}

fn arguments(words: Vec<Word>) -> Result<Command, Unusable> {
    let mut command = Command {
        direction: Direction::ToServer,
        recursive: false,
        preserve: false,
        into_directory: false,
        paths: Vec::new(),
    };
    let mut direction = None;
    let mut options = true;
    for word in words {
        let letters = word.text.strip_prefix(b"-").filter(|rest| !rest.is_empty());
        let Some(letters) = letters.filter(|_| options) else {
            // As getopt has it: what follows the first path is a path.
            options = false;
            command.paths.push(word);
            continue;
        };
        if letters == b"-" {
            options = false;
            continue;
        }
        for letter in letters {
            let chosen = match letter {
                b't' => Direction::ToServer,
                b'f' => Direction::ToClient,
                b'r' => {
                    command.recursive = true;
                    continue;
                }
                b'p' => {
                    command.preserve = true;
                    continue;
                }
                b'd' => {
                    command.into_directory = true;
                    continue;
                }
                // How much the client prints is its own affair.
                b'v' | b'q' => continue,
                other => return Err(Unusable::Option(*other)),
            };
            if direction.is_some_and(|direction| direction != chosen) {
                return Err(Unusable::BothDirections);
            }
            direction = Some(chosen);
        }
    }
    command.direction = direction.ok_or(Unusable::NoDirection)?;
    match (command.direction, command.paths.len()) {
        (_, 0) => Err(Unusable::NoPath),
        (Direction::ToServer, 2..) => Err(Unusable::SeveralTargets),
        (Direction::ToServer | Direction::ToClient, _) => Ok(command),
    }
}

/// Cuts into words as a POSIX shell does, and refuses what a shell would do more than cut with:
/// to take it for part of a name would be a surprise to whoever meant it.
fn words(line: &[u8]) -> Result<Vec<Word>, Unusable> {
    let mut words = Vec::new();
    let mut current: Option<Writing> = None;
    let mut bytes = line.iter().copied();
    while let Some(byte) = bytes.next() {
        if matches!(byte, b' ' | b'\t') {
            words.extend(current.take().map(Writing::word));
            continue;
        }
        let word = current.get_or_insert_default();
        match byte {
            b'\'' => loop {
                match bytes.next().ok_or(Unusable::Quote)? {
                    b'\'' => break,
                    byte => word.quoted(byte),
                }
            },
            b'"' => loop {
                match bytes.next().ok_or(Unusable::Quote)? {
                    b'"' => break,
                    byte @ (b'$' | b'`') => return Err(Unusable::ForShell(byte)),
                    b'\\' => match bytes.next().ok_or(Unusable::Quote)? {
                        byte @ (b'$' | b'`' | b'"' | b'\\') => word.quoted(byte),
                        byte => {
                            word.quoted(b'\\');
                            word.quoted(byte);
                        }
                    },
                    byte => word.quoted(byte),
                }
            },
            b'\\' => word.quoted(bytes.next().ok_or(Unusable::Quote)?),
            b'$' | b'`' | b';' | b'&' | b'|' | b'<' | b'>' | b'(' | b')' | b'\n' => {
                return Err(Unusable::ForShell(byte));
            }
            byte => word.plain(byte),
        }
        word.begun = true;
    }
    words.extend(current.take().map(Writing::word));
    Ok(words)
}

/// A word being read.
#[derive(Default)]
struct Writing {
    text: Vec<u8>,
    /// The last component so far; what is quoted has a backslash before it.
    last: Vec<u8>,
    is_pattern: bool,
    is_home: bool,
    /// A byte or a quote was read of it.
    begun: bool,
}

impl Writing {
    fn plain(&mut self, byte: u8) {
        // `~` and `~/…` are the home, which is what paths count from.
        self.is_home = match (self.begun, byte) {
            (false, b'~') => true,
            (true, b'/') if self.is_home => {
                self.text = b".".to_vec();
                false
            }
            _ => false,
        };
        self.text.push(byte);
        match byte {
            b'/' => self.component(),
            b'*' | b'?' | b'[' => {
                self.is_pattern = true;
                self.last.push(byte);
            }
            byte => self.last.push(byte),
        }
    }

    fn quoted(&mut self, byte: u8) {
        self.is_home = false;
        self.text.push(byte);
        if byte == b'/' {
            self.component();
        } else {
            self.last.extend([b'\\', byte]);
        }
    }

    fn component(&mut self) {
        self.last.clear();
        self.is_pattern = false;
    }

    fn word(self) -> Word {
        let text = if self.is_home {
            b".".to_vec()
        } else {
            self.text
        };
        Word {
            text,
            pattern: self.is_pattern.then_some(self.last),
        }
    }
}

/// A line of whoever sends.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line<'a> {
    /// `T`: the times of what comes next.
    Times(Times),
    /// `C`: a file, whose bytes follow once it is agreed to.
    File {
        mode: u32,
        size: u64,
        name: &'a [u8],
    },
    /// `D`: a directory, whose contents follow once it is agreed to.
    Directory { mode: u32, name: &'a [u8] },
    /// `E`: the directory is through.
    Up,
}

/// Seconds since 1970-01-01 00:00:00 UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Times {
    pub(super) modified: u64,
    pub(super) accessed: u64,
}

/// What came is not scp: nothing after it can be understood either.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Broken(pub(super) &'static str);

impl<'a> Line<'a> {
    /// Reads a line, its line feed left out.
    pub(super) fn read(line: &'a [u8]) -> Result<Self, Broken> {
        match line.split_first() {
            Some((b'T', times)) => Ok(Self::Times(read_times(times)?)),
            Some((b'C', rest)) => {
                let (mode, size, name) = read_entry(rest)?;
                Ok(Self::File { mode, size, name })
            }
            Some((b'D', rest)) => {
                let (mode, _, name) = read_entry(rest)?;
                Ok(Self::Directory { mode, name })
            }
            Some((b'E', b"")) => Ok(Self::Up),
            _ => Err(Broken("a line that is none of C, D, E and T")),
        }
    }

    /// Writes it with its line feed. A name must have none.
    pub(super) fn write(&self) -> Vec<u8> {
        match *self {
            Self::Times(Times { modified, accessed }) => {
                format!("T{modified} 0 {accessed} 0\n").into_bytes()
            }
            Self::File { mode, size, name } => {
                let mode = mode & 0o7777;
                [format!("C{mode:04o} {size} ").as_bytes(), name, b"\n"].concat()
            }
            Self::Directory { mode, name } => {
                let mode = mode & 0o7777;
                [format!("D{mode:04o} 0 ").as_bytes(), name, b"\n"].concat()
            }
            Self::Up => b"E\n".to_vec(),
        }
    }
}

/// Mode, size and name.
fn read_entry(text: &[u8]) -> Result<(u32, u64, &[u8]), Broken> {
    const FORM: Broken = Broken("a line that is not mode, size and name");
    let mut fields = text.splitn(3, |byte| *byte == b' ');
    let (Some(mode), Some(size), Some(name)) = (fields.next(), fields.next(), fields.next()) else {
        return Err(FORM);
    };
    if !(3..=7).contains(&mode.len()) || !mode.iter().all(|digit| matches!(digit, b'0'..=b'7')) {
        return Err(Broken("a mode that is not octal"));
    }
    let mode = mode
        .iter()
        .fold(0, |mode, digit| mode << 3 | u32::from(digit - b'0'));
    let size = number(size).ok_or(Broken("a size that is not possible"))?;
    Ok((mode & 0o7777, size, name))
}

fn read_times(text: &[u8]) -> Result<Times, Broken> {
    const FORM: Broken = Broken("times that are not four numbers");
    let mut fields = text.split(|byte| *byte == b' ').map(number);
    let mut next = || fields.next().flatten().ok_or(FORM);
    // Nobody sends other parts of seconds than 0.
    let (modified, _, accessed, _) = (next()?, next()?, next()?, next()?);
    match fields.next() {
        None => Ok(Times { modified, accessed }),
        Some(_) => Err(FORM),
    }
}

/// Decimal, at most 2^63 - 1: no file and no time is beyond.
fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number = std::str::from_utf8(digits).ok()?.parse().ok()?;
    (number <= i64::MAX.unsigned_abs()).then_some(number)
}

/// The name of an entry: one component of a path.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Name(Vec<u8>);

impl Name {
    /// Refuses what is not one component, so that nothing leaves the directory it is sent to: the
    /// client's side of CVE-2019-6111.
    pub(super) fn new(name: &[u8]) -> Result<Self, PathError> {
        VPath::root().child(name).map(|_| Self(name.to_vec()))
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// The answer to what can be gone on with.
pub(super) const YES: &[u8] = b"\0";

/// Tells what went wrong with one entry; the others go on.
pub(super) fn warning(text: &str) -> Vec<u8> {
    told(1, text)
}

/// Tells why all of it ends.
pub(super) fn fatal(text: &str) -> Vec<u8> {
    told(2, text)
}

/// Clients show the text as it is, so it says who speaks, as OpenSSH's does.
fn told(code: u8, text: &str) -> Vec<u8> {
    let text: Cow<'_, str> = if text.contains(char::is_control) {
        text.replace(char::is_control, "?").into()
    } else {
        text.into()
    };
    [&[code], b"scp: ".as_slice(), text.as_bytes(), b"\n"].concat()
}

/// The longest line that is read, in bytes: a name and then some, or what somebody has to tell.
pub(super) const MAX_LINE: usize = 8 * 1024;

#[cfg(test)]
mod tests;

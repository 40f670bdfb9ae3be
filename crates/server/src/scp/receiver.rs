//! What the client sends, taken apart: lines, the bytes of files, and how each file ended.

use wharf_vfs::PathError;

use super::language::{Broken, Line, MAX_LINE, Name, Times};

/// The dialogue of a client that sends, as a machine.
#[derive(Debug, Default)]
pub(super) struct Receiver {
    state: State,
    /// What has come of a line.
    line: Vec<u8>,
    /// Those of what comes next.
    times: Option<Times>,
    /// What was offered last, and neither taken nor refused.
    offered: Option<Offered>,
    depth: usize,
    /// Directories may come.
    recursive: bool,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Line,
    /// Bytes of a file; at least one.
    Data { left: u64 },
    /// How the file ended.
    Verdict,
}

#[derive(Debug)]
enum Offered {
    File { size: u64 },
    Directory,
}

/// What bytes came to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Nothing yet.
    More,
    /// Times, which are kept for what follows.
    Times,
    /// A file is offered.
    File(Entry, u64),
    /// A directory is offered.
    Directory(Entry),
    /// Something is offered that has no name.
    Unnamed(PathError),
    /// The directory is through.
    Up,
    /// Bytes of the file, all that were taken.
    Data,
    /// The file is whole: the client says so.
    Whole,
    /// The client could not read its file, and bytes that came are not the file's.
    Unreadable,
    /// The client has told of an error of its own, and goes on.
    Warned,
    /// It has told of one and ends.
    Ended,
}

/// What is offered.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) name: Name,
    /// `0o7777` at most.
    pub(super) mode: u32,
    pub(super) times: Option<Times>,
}

impl Receiver {
    pub(super) fn new(recursive: bool) -> Self {
        Self {
            recursive,
            ..Self::default()
        }
    }

    /// Takes bytes off the front of `input`, at least one unless it is empty, and tells how many.
    pub(super) fn next(&mut self, input: &[u8]) -> Result<(usize, Step), Broken> {
        // What is not agreed to is not sent.
        self.offered = None;
        let Some(first) = input.first() else {
            return Ok((0, Step::More));
        };
        match &mut self.state {
            State::Data { left } => {
                let here = usize::try_from(*left).unwrap_or(usize::MAX);
                let count = here.min(input.len());
                *left -= count as u64;
                if *left == 0 {
                    self.state = State::Verdict;
                }
                Ok((count, Step::Data))
            }
            State::Verdict if self.line.is_empty() && *first == 0 => {
                self.state = State::Line;
                Ok((1, Step::Whole))
            }
            State::Verdict | State::Line => self.next_line(input),
        }
    }

    /// Agrees to what was offered.
    pub(super) fn accept(&mut self) {
        match self.offered.take() {
            Some(Offered::File { size: 0 }) => self.state = State::Verdict,
            Some(Offered::File { size }) => self.state = State::Data { left: size },
            Some(Offered::Directory) => self.depth += 1,
            None => {}
        }
    }

    /// Whether the client may end here.
    pub(super) const fn is_through(&self) -> bool {
        matches!(self.state, State::Line) && self.line.is_empty() && self.depth == 0
    }

    /// Whether all bytes of a file came, and nothing of what the client says of them.
    pub(super) const fn awaits_verdict(&self) -> bool {
        matches!(self.state, State::Verdict) && self.line.is_empty()
    }

    fn next_line(&mut self, input: &[u8]) -> Result<(usize, Step), Broken> {
        let end = input.iter().position(|byte| *byte == b'\n');
        let count = end.map_or(input.len(), |end| end + 1);
        if self.line.len() + count > MAX_LINE {
            return Err(Broken("a line that is too long"));
        }
        self.line.extend(input.iter().take(count));
        if end.is_none() {
            return Ok((count, Step::More));
        }
        let line = std::mem::take(&mut self.line);
        let line = line.strip_suffix(b"\n").unwrap_or(&line);
        let verdict = matches!(self.state, State::Verdict);
        self.state = State::Line;
        let step = match line.first() {
            Some(1) if verdict => Step::Unreadable,
            Some(1) => Step::Warned,
            Some(2) => Step::Ended,
            _ if verdict => return Err(Broken("more bytes than the file was said to have")),
            _ => self.read(Line::read(line)?)?,
        };
        Ok((count, step))
    }

    fn read(&mut self, line: Line<'_>) -> Result<Step, Broken> {
        let (mode, name, offered) = match line {
            Line::Times(times) => {
                self.times = Some(times);
                return Ok(Step::Times);
            }
            Line::Up => {
                let above = self.depth.checked_sub(1);
                self.depth = above.ok_or(Broken("the end of a directory that was not begun"))?;
                return Ok(Step::Up);
            }
            Line::Directory { .. } if !self.recursive => {
                return Err(Broken("a directory, and -r was not given"));
            }
            Line::Directory { mode, name } => (mode, name, Offered::Directory),
            Line::File { mode, size, name } => (mode, name, Offered::File { size }),
        };
        let times = self.times.take();
        let name = match Name::new(name) {
            Ok(name) => name,
            Err(error) => return Ok(Step::Unnamed(error)),
        };
        let entry = Entry { name, mode, times };
        let step = match offered {
            Offered::Directory => Step::Directory(entry),
            Offered::File { size } => Step::File(entry, size),
        };
        self.offered = Some(offered);
        Ok(step)
    }
}

#[cfg(test)]
mod tests;

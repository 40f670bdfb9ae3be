//! The client receives (`scp -f`): files, and with `-r` the directories they lie in.

use std::time::Instant;

use wharf_causes::id;
use wharf_vfs::{Kind as FileKind, Metadata, Reader, VPath};

use super::language::{Command, Line, Times, YES, warning};
use super::level::Level;
use super::patterns::expand;
use super::pipe::TaskEnd;
use super::{Stop, cut};
use crate::failure::{Failure, Kind};
use crate::op::Op;
use crate::session::{Moved, Session};
use crate::sftp::blocking;

/// A copy from the server.
pub(super) struct Source {
    session: Session,
    pipe: TaskEnd,
    recursive: bool,
    preserve: bool,
    /// What the client has said, and how much of it is read.
    said: Vec<u8>,
    read: usize,
    /// Something went wrong that was not the end of it.
    failed: bool,
}

impl Source {
    pub(super) fn new(session: Session, pipe: TaskEnd, command: &Command) -> Self {
        Self {
            session,
            pipe,
            recursive: command.recursive,
            preserve: command.preserve,
            said: Vec::new(),
            read: 0,
            failed: false,
        }
    }

    /// To the end of it.
    pub(super) async fn run(mut self, command: Command) {
        let stop = self.serve(command).await.err();
        if let Some(Stop::Because(text)) = &stop {
            self.pipe.refuse(text).await;
        }
        self.pipe.finish(u32::from(self.failed || stop.is_some()));
    }

    async fn serve(&mut self, command: Command) -> Result<(), Stop> {
        // The client says first that it is there.
        self.agreed().await?;
        for word in command.paths {
            match expand(&self.session, &word).await {
                Ok(paths) => {
                    for path in paths {
                        self.send(&path).await?;
                    }
                }
                Err(failure) => self.warn(failure.told()).await?,
            }
        }
        Ok(())
    }

    /// Sends what the client has named.
    async fn send(&mut self, path: &VPath) -> Result<(), Stop> {
        match self.session.follow(path).await {
            Ok(metadata) if metadata.kind == FileKind::Directory && self.recursive => {
                self.send_directory(path, &metadata).await
            }
            Ok(metadata) if metadata.kind == FileKind::Directory => {
                self.warn(format!(
                    "{}: It is a directory; -r copies those",
                    path.escaped()
                ))
                .await
            }
            Ok(_) => self.send_file(path).await,
            Err(failure) => self.warn_of(path, &failure).await,
        }
    }

    /// A directory and all below it.
    async fn send_directory(&mut self, path: &VPath, metadata: &Metadata) -> Result<(), Stop> {
        let mut levels = Vec::new();
        levels.extend(self.begin_directory(path, metadata).await?);
        while let Some(level) = levels.last_mut() {
            let Some((name, metadata)) = level.next().await else {
                if let Some(level) = levels.pop() {
                    self.end_directory(level).await?;
                }
                continue;
            };
            let path = match level.path.child(&name) {
                Ok(path) => path,
                Err(error) => {
                    let name = name.escape_ascii();
                    let told = Failure::from(error).told();
                    let text = format!("{}: {name}: {told}", level.path.escaped());
                    self.warn(text).await?;
                    continue;
                }
            };
            match metadata.kind {
                FileKind::File => self.send_file(&path).await?,
                FileKind::Directory if levels.len() >= DEPTH => {
                    let text = format!("{}: more than {DEPTH} levels down", path.escaped());
                    self.warn(text).await?;
                }
                FileKind::Directory => {
                    levels.extend(self.begin_directory(&path, &metadata).await?);
                }
                FileKind::Symlink => self.send_link(&path).await?,
                FileKind::Other => {
                    self.warn(format!("{}: Not a regular file", path.escaped()))
                        .await?;
                }
            }
        }
        Ok(())
    }

    /// A link to a file is sent as the file. One to a directory is not followed: there need be no
    /// end to what is below it.
    async fn send_link(&mut self, path: &VPath) -> Result<(), Stop> {
        match self.session.follow(path).await {
            Ok(metadata) if metadata.kind == FileKind::Directory => {
                let path = path.escaped();
                self.warn(format!("{path}: A link to a directory is not followed"))
                    .await
            }
            Ok(_) => self.send_file(path).await,
            Err(failure) => self.warn_of(path, &failure).await,
        }
    }

    /// `None` when it is left out.
    async fn begin_directory(
        &mut self,
        path: &VPath,
        metadata: &Metadata,
    ) -> Result<Option<Level>, Stop> {
        let listing = match self.session.list(path).await {
            Ok(listing) => listing,
            Err(failure) => {
                self.session.listed(path, Err(&failure));
                self.warn_of(path, &failure).await?;
                return Ok(None);
            }
        };
        if !self.offer_times(metadata).await? {
            return Ok(None);
        }
        // The root has no name; OpenSSH's server calls it so, too.
        let name = path.name().unwrap_or(b".");
        let mode = metadata.mode;
        self.say(&Line::Directory { mode, name }).await?;
        let agreed = self.agreed().await?;
        Ok(agreed.then(|| Level::new(path.clone(), listing)))
    }

    async fn end_directory(&mut self, level: Level) -> Result<(), Stop> {
        self.session
            .listed(&level.path, level.failure.as_ref().map_or(Ok(()), Err));
        if let Some(failure) = &level.failure {
            self.warn_of(&level.path, failure).await?;
        }
        self.say(&Line::Up).await?;
        self.agreed().await.map(|_| ())
    }

    async fn send_file(&mut self, path: &VPath) -> Result<(), Stop> {
        let begun = Instant::now();
        let mut bytes = 0;
        let sent = match self.session.read(path).await {
            Ok(reader) => self.send_content(path, reader, &mut bytes).await,
            Err(failure) => self.warn_of(path, &failure).await.map(|()| Err(failure)),
        };
        let moved = Moved {
            bytes,
            elapsed: begun.elapsed(),
        };
        let end = sent.as_ref().map_err(|_| cut()).and_then(|end| end.clone());
        self.session.downloaded(path, &moved, end.as_ref().copied());
        sent.map(|_| ())
    }

    async fn send_content(
        &mut self,
        path: &VPath,
        reader: Box<dyn Reader>,
        bytes: &mut u64,
    ) -> Result<Result<(), Failure>, Stop> {
        let not_wanted = || {
            let text = "The client did not take the file";
            Err(Failure::new(Kind::Aborted, id::T_2, text))
        };
        let Metadata { size, mode, .. } = *reader.metadata();
        let metadata = *reader.metadata();
        if !self.offer_times(&metadata).await? {
            return Ok(not_wanted());
        }
        let name = path.name().unwrap_or_default();
        self.say(&Line::File { mode, size, name }).await?;
        if !self.agreed().await? {
            return Ok(not_wanted());
        }
        let outcome = self.send_bytes(path, reader, size, bytes).await?;
        match &outcome {
            Ok(()) => self.pipe.write(YES.to_vec()).await?,
            Err(failure) => self.warn_of(path, failure).await?,
        }
        let taken = self.agreed().await?;
        Ok(if taken {
            outcome
        } else {
            outcome.and_then(|()| not_wanted())
        })
    }

    /// Exactly `size` bytes, whatever has become of the file: the client counts on them. When they
    /// are not the file's, that is the outcome.
    async fn send_bytes(
        &self,
        path: &VPath,
        mut reader: Box<dyn Reader>,
        size: u64,
        bytes: &mut u64,
    ) -> Result<Result<(), Failure>, Stop> {
        while *bytes < size {
            if let Err(failure) = self.session.may_still(Op::Read, path) {
                self.fill_up(size - *bytes, &failure).await?;
                return Ok(Err(failure));
            }
            let step = usize::try_from(size - *bytes).unwrap_or(STEP).min(STEP);
            let buffer = self.pipe.buffer(step);
            let outcome;
            // Without the reader, only a server that stops, no message can be said: bytes are due.
            let read = read(reader, *bytes, buffer).await;
            (reader, outcome) = read.map_err(|_| Stop::Ended)?;
            let failure = match outcome {
                Ok(chunk) if !chunk.is_empty() => {
                    *bytes += chunk.len() as u64;
                    self.pipe.write(chunk).await?;
                    continue;
                }
                Ok(_) => {
                    let text = "The file has become shorter while it was read";
                    Failure::new(Kind::DataBroken, id::T_14, text)
                }
                Err(failure) => failure,
            };
            self.fill_up(size - *bytes, &failure).await?;
            return Ok(Err(failure));
        }
        Ok(Ok(()))
    }

    /// Zeros for what cannot be read. Too many would only keep the client from learning of it.
    async fn fill_up(&self, mut left: u64, failure: &Failure) -> Result<(), Stop> {
        if left > FILLED_UP {
            // In the middle of a file no message can be said: it ends here.
            tracing::warn!(text = %failure.text, "a file that was sent by scp cannot be read");
            return Err(Stop::Ended);
        }
        while left > 0 {
            let step = usize::try_from(left).unwrap_or(STEP).min(STEP);
            self.pipe.write(vec![0; step]).await?;
            left -= step as u64;
        }
        Ok(())
    }

    /// Tells the times with `-p`; whether the client goes on to what they are of.
    async fn offer_times(&mut self, metadata: &Metadata) -> Result<bool, Stop> {
        if !self.preserve {
            return Ok(true);
        }
        let modified = u64::try_from(metadata.modified.seconds).unwrap_or_default();
        // The store keeps no time of the last access.
        let accessed = modified;
        self.say(&Line::Times(Times { modified, accessed })).await?;
        self.agreed().await
    }

    /// What the client answers: `true` to go on, `false` to leave this one out.
    async fn agreed(&mut self) -> Result<bool, Stop> {
        let answer = self.byte().await?;
        if answer == 0 {
            return Ok(true);
        }
        // What follows is for people.
        let mut length = 0;
        while self.byte().await? != b'\n' {
            length += 1;
            if length > super::language::MAX_LINE {
                return Err(Stop::Because("the answer is too long".into()));
            }
        }
        self.failed = true;
        if answer == 1 {
            Ok(false)
        } else {
            Err(Stop::Ended)
        }
    }

    async fn byte(&mut self) -> Result<u8, Stop> {
        loop {
            if let Some(byte) = self.said.get(self.read) {
                self.read += 1;
                return Ok(*byte);
            }
            self.pipe.consumed(self.said.len());
            self.read = 0;
            self.said = self.pipe.read(std::mem::take(&mut self.said)).await?;
            if self.said.is_empty() {
                return Err(Stop::Gone);
            }
        }
    }

    async fn say(&self, line: &Line<'_>) -> Result<(), Stop> {
        Ok(self.pipe.write(line.write()).await?)
    }

    async fn warn_of(&mut self, path: &VPath, failure: &Failure) -> Result<(), Stop> {
        self.warn(format!("{}: {}", path.escaped(), failure.told()))
            .await
    }

    async fn warn(&mut self, text: String) -> Result<(), Stop> {
        self.failed = true;
        Ok(self.pipe.write(warning(&text)).await?)
    }
}

type ReadOutcome = (Box<dyn Reader>, Result<Vec<u8>, Failure>);

/// Reads what is there up to the length of `buffer`: at once if it needs no disk.
async fn read(
    mut reader: Box<dyn Reader>,
    at: u64,
    mut buffer: Vec<u8>,
) -> Result<ReadOutcome, Failure> {
    match reader.read_cached_at(at, &mut buffer) {
        Some(Ok(count)) if count > 0 => {
            buffer.truncate(count);
            return Ok((reader, Ok(buffer)));
        }
        // Whatever it was, it is found again where it may take its time.
        _ => {}
    }
    let work = move || {
        let outcome = reader.read_at(at, &mut buffer);
        let outcome = outcome.map_err(Failure::from).map(|count| {
            buffer.truncate(count);
            buffer
        });
        Ok((reader, outcome))
    };
    blocking(work).await
}

/// What is read of a file at a time, in bytes.
const STEP: usize = 256 * 1024;
/// Levels below what was named: each holds a directory open.
const DEPTH: usize = 64;
/// Zeros that are sent for what cannot be read, at most.
const FILLED_UP: u64 = 16 << 20;

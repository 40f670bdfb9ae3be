//! The client sends (`scp -t`): each file is staged, and published once the client has said that
//! all of it came.

use std::time::Instant;

use wharf_vfs::{Attributes, Follow, Timestamp, VPath};

use super::Stop;
use super::language::{Command, Times, Word, YES, warning};
use super::pipe::TaskEnd;
use super::receiver::{Entry, Receiver, Step};
use super::upload::{Upload, keep, publish};
use crate::failure::{Failure, Kind};
use crate::op::Op;
use crate::session::{Session, Writing};
use crate::sftp::blocking;

/// A copy to the server.
pub(super) struct Sink {
    session: Session,
    pipe: TaskEnd,
    receiver: Receiver,
    preserve: bool,
    into_directory: bool,
    target: Target,
    /// The directories that are under way, the innermost last.
    levels: Vec<Level>,
    upload: Option<Upload>,
    /// Something went wrong that was not the end of it.
    failed: bool,
}

/// Where what is sent goes.
enum Target {
    /// Into this directory.
    Into(VPath),
    /// Under this very name.
    As(VPath),
}

/// A directory under way.
struct Level {
    path: VPath,
    /// What it is to have once all is in it.
    attributes: Attributes,
}

impl Sink {
    pub(super) fn new(session: Session, pipe: TaskEnd, command: &Command) -> Self {
        Self {
            session,
            pipe,
            receiver: Receiver::new(command.recursive),
            preserve: command.preserve,
            into_directory: command.into_directory,
            target: Target::As(VPath::root()),
            levels: Vec::new(),
            upload: None,
            failed: false,
        }
    }

    /// To the end of it.
    pub(super) async fn run(mut self, command: Command) {
        let stop = self.serve(command).await.err();
        if let Some(upload) = self.upload.take() {
            upload
                .abandon(&self.session, matches!(stop, Some(Stop::Gone)))
                .await;
        }
        if let Some(Stop::Because(text)) = &stop {
            self.pipe.refuse(text).await;
        }
        self.pipe.finish(u32::from(self.failed || stop.is_some()));
    }

    async fn serve(&mut self, command: Command) -> Result<(), Stop> {
        self.find_target(command.paths).await?;
        self.say_yes().await?;
        let mut bytes = Vec::new();
        loop {
            bytes = self.pipe.read(bytes).await?;
            if bytes.is_empty() {
                return self.end().await;
            }
            let mut at = 0;
            while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
                let (count, step) = self.receiver.next(rest)?;
                if step == Step::Data {
                    bytes = self.store(bytes, at, count).await?;
                } else {
                    self.take(step).await?;
                }
                at += count;
            }
            self.pipe.consumed(bytes.len());
        }
    }

    /// The client has ended. libssh2, and curl with it, do so instead of saying that the file was
    /// whole. It is, for it has as many bytes as were announced, and no cut looks like that end.
    async fn end(&mut self) -> Result<(), Stop> {
        if self.receiver.awaits_verdict() {
            let (_, step) = self.receiver.next(YES)?;
            self.take(step).await?;
        }
        if self.receiver.is_through() {
            return Ok(());
        }
        Err(Stop::Gone)
    }

    /// A directory is what things are put into; anything else is the name they are given.
    async fn find_target(&mut self, paths: Vec<Word>) -> Result<(), Stop> {
        let text = paths.into_iter().next().unwrap_or_default().text;
        let told = |path: &VPath, failure: &Failure| {
            Stop::Because(format!("{}: {}", path.escaped(), failure.told()))
        };
        let path = VPath::root().resolve(&text);
        let path = path.map_err(|error| Stop::Because(Failure::from(error).told()))?;
        let must = self.into_directory || text.ends_with(b"/");
        self.target = match self.session.enter(&path).await {
            Ok(()) => Target::Into(path),
            Err(failure) if must => return Err(told(&path, &failure)),
            Err(_) => Target::As(path),
        };
        Ok(())
    }

    /// Where an entry goes.
    fn place(&self, entry: &Entry) -> Result<VPath, Failure> {
        let directory = match (self.levels.last(), &self.target) {
            (Some(level), _) => &level.path,
            (None, Target::Into(directory)) => directory,
            (None, Target::As(path)) => return Ok(path.clone()),
        };
        Ok(directory.child(entry.name.as_bytes())?)
    }

    async fn take(&mut self, step: Step) -> Result<(), Stop> {
        match step {
            // The bytes of files are stored from where they lie.
            Step::More | Step::Data => Ok(()),
            Step::Times => self.say_yes().await,
            Step::File(entry, size) => self.begin_file(&entry, size).await,
            Step::Directory(entry) => self.begin_directory(&entry).await,
            Step::Unnamed(error) => self.warn(Failure::from(error).told()).await,
            Step::Up => self.end_directory().await,
            Step::Whole => self.end_file().await,
            Step::Unreadable => {
                if let Some(upload) = self.upload.take() {
                    upload.abandon(&self.session, false).await;
                }
                self.warn("it was not stored, for it could not be read".into())
                    .await
            }
            Step::Warned => {
                self.failed = true;
                Ok(())
            }
            Step::Ended => Err(Stop::Ended),
        }
    }

    async fn begin_file(&mut self, entry: &Entry, size: u64) -> Result<(), Stop> {
        let path = match self.place(entry) {
            Ok(path) => path,
            Err(failure) => return self.warn(failure.told()).await,
        };
        let needs = self.needs(&path).await;
        let mode = entry.mode & 0o777 & !self.session.umask();
        let write = self.session.write(&path, Writing::Whole, Some(size), mode);
        let staged = write.await;
        let mut upload = Upload {
            path,
            staged: None,
            failure: None,
            attributes: self.attributes(entry),
            needs,
            begun: Instant::now(),
            bytes: 0,
        };
        match staged {
            Ok(staged) => upload.staged = Some(staged),
            Err(failure) => {
                upload.tell(&self.session, Err(&failure));
                return self.warn_of(&upload.path, &failure).await;
            }
        }
        self.upload = Some(upload);
        self.receiver.accept();
        self.say_yes().await
    }

    /// What it takes to put something there.
    async fn needs(&mut self, path: &VPath) -> Op {
        match self.session.follow(path).await {
            Ok(_) => Op::Overwrite,
            Err(failure) if failure.kind == Kind::NotFound => Op::Create,
            // It is not this account's to know whether there is something.
            Err(_) if self.session.may_still(Op::Overwrite, path).is_ok() => Op::Overwrite,
            Err(_) => Op::Create,
        }
    }

    /// Times are kept whenever they are told, modes only if that was asked for.
    fn attributes(&self, entry: &Entry) -> Attributes {
        let time = |seconds: u64| Timestamp {
            seconds: i64::try_from(seconds).unwrap_or(i64::MAX),
            nanos: 0,
        };
        let times = entry.times.as_ref();
        Attributes {
            mode: self.preserve.then_some(entry.mode & 0o777),
            modified: times.map(|Times { modified, .. }| time(*modified)),
            accessed: times.map(|Times { accessed, .. }| time(*accessed)),
            uid: None,
            gid: None,
        }
    }

    /// Writes `count` bytes at `at`; on another thread if that may take its time.
    async fn store(&mut self, bytes: Vec<u8>, at: usize, count: usize) -> Result<Vec<u8>, Stop> {
        let Some(upload) = &mut self.upload else {
            return Ok(bytes);
        };
        // Of a file that failed the rest comes all the same, and is dropped.
        let Some(mut staged) = upload.staged.take() else {
            return Ok(bytes);
        };
        let range = at..at.saturating_add(count);
        let data = bytes.get(range.clone()).unwrap_or_default();
        let (bytes, staged, written) = match staged.write_cached(data) {
            Some(written) => (bytes, staged, written),
            None => {
                let work = blocking(move || {
                    let written = staged.write(bytes.get(range).unwrap_or_default());
                    Ok((bytes, staged, written))
                });
                work.await
                    .map_err(|failure| Stop::Because(failure.told()))?
            }
        };
        match written {
            Ok(()) => {
                upload.bytes += count as u64;
                upload.staged = Some(staged);
            }
            Err(error) => {
                upload.failure = Some(error.into());
                keep(staged).await;
            }
        }
        Ok(bytes)
    }

    async fn end_file(&mut self) -> Result<(), Stop> {
        let Some(mut upload) = self.upload.take() else {
            return Ok(());
        };
        let staged = upload.staged.take();
        if let Err(refused) = self.session.may_still(upload.needs, &upload.path) {
            // It was taken away meanwhile.
            upload.failure.get_or_insert(refused);
        }
        let published = match (upload.failure.take(), staged) {
            (Some(failure), staged) => {
                if let Some(staged) = staged {
                    keep(staged).await;
                }
                Err(failure)
            }
            (None, None) => Err(Failure::internal("The upload was over already")),
            (None, Some(staged)) => {
                let allowed = self.may_keep(&upload.path, &upload.attributes);
                publish(staged, upload.attributes, allowed, self.pipe.witness()).await
            }
        };
        upload.tell(&self.session, published.as_ref().map(|_| ()));
        match published {
            Ok(None) => self.say_yes().await,
            Ok(Some(refused)) => self.warn_not_kept(&upload.path, &refused).await,
            Err(failure) => self.warn_of(&upload.path, &failure).await,
        }
    }

    /// Whether what the client told of its file may be kept.
    fn may_keep(&self, path: &VPath, attributes: &Attributes) -> Result<(), Failure> {
        if *attributes == Attributes::default() {
            return Ok(());
        }
        self.session.may_still(Op::SetAttributes, path)
    }

    async fn begin_directory(&mut self, entry: &Entry) -> Result<(), Stop> {
        let path = match self.place(entry) {
            Ok(path) => path,
            Err(failure) => return self.warn(failure.told()).await,
        };
        let made = match self.session.enter(&path).await {
            Ok(()) => Ok(()),
            Err(_) => {
                // Its owner can go on to write to it, whatever it is like where it comes from.
                let mode = (entry.mode & 0o777 & !self.session.umask()) | 0o700;
                self.session.make_directory(&path, mode).await
            }
        };
        if let Err(failure) = made {
            return self.warn_of(&path, &failure).await;
        }
        self.levels.push(Level {
            path,
            attributes: self.attributes(entry),
        });
        self.receiver.accept();
        self.say_yes().await
    }

    async fn end_directory(&mut self) -> Result<(), Stop> {
        let Some(level) = self.levels.pop() else {
            return Ok(());
        };
        if level.attributes != Attributes::default() {
            let set = self
                .session
                .set_attributes(&level.path, level.attributes, Follow::No);
            if let Err(failure) = set.await {
                return self.warn_not_kept(&level.path, &failure).await;
            }
        }
        self.say_yes().await
    }

    async fn say_yes(&mut self) -> Result<(), Stop> {
        Ok(self.pipe.write(YES.to_vec()).await?)
    }

    async fn warn_of(&mut self, path: &VPath, failure: &Failure) -> Result<(), Stop> {
        self.warn(format!("{}: {}", path.escaped(), failure.told()))
            .await
    }

    async fn warn_not_kept(&mut self, path: &VPath, failure: &Failure) -> Result<(), Stop> {
        let (path, told) = (path.escaped(), failure.told());
        let text = format!("{path}: stored, but its times and mode were not kept: {told}");
        self.warn(text).await
    }

    async fn warn(&mut self, text: String) -> Result<(), Stop> {
        self.failed = true;
        Ok(self.pipe.write(warning(&text)).await?)
    }
}

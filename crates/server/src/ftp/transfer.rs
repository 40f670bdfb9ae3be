//! A transfer from its command to its final reply: prepare, connect, move, and meanwhile answer
//! what may be answered.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use wharf_causes::id;
use wharf_ftp::reply::Reply;
use wharf_ftp::server::{
    Action, DuringTransfer, Outcome, Route, Transfer, TransferKind, opening, opening_unique,
    progress,
};
use wharf_net::active;
use wharf_net::data::{DataConnection, TransferControl};
use wharf_net::passive::{AcceptError, PassiveListener};
use wharf_vfs::VPath;

use super::codes::reported;
use super::control::{Connection, End, WAITING_LINES};
use super::jobs::{Client, Ended, Job, Upload, finish, read_failure, transfer_failure};
use super::lister::{Bounds, Lister};
use super::secure::{Bound, Securing, TLS_FAILED};
use crate::config::Reuse;
use crate::failure::{Failure, Kind};
use crate::session::{Moved, Session, Writing};

/// Names STOU tries before it gives up.
const UNIQUE_TRIES: u32 = 16;

/// A transfer whose file side is open.
struct Prepared {
    job: Job,
    opening: Reply,
    /// The name STOU chose, relative to the working directory.
    name: Option<Box<[u8]>>,
}

/// Where the data connection comes from.
enum Data {
    Passive(PassiveListener),
    Active { local: IpAddr, target: SocketAddr },
    Ready(DataConnection),
}

/// How the data connection comes about, and what it is then.
struct Connecting {
    data: Data,
    /// `None`: in clear.
    securing: Option<Securing>,
    wait: Duration,
}

/// What happened on the control connection meanwhile.
#[derive(Default)]
struct Meanwhile {
    aborted: bool,
    /// Nothing more is read: QUIT came, or the client is gone.
    deaf: bool,
    end: Option<End>,
}

impl Connection {
    /// One transfer command.
    pub(super) async fn transfer(&mut self, transfer: Transfer) -> Result<(), End> {
        let mut path = self.directory.clone();
        let control = Arc::new(TransferControl::new(self.config().timeouts.stall));
        let prepared = match self.prepare(&transfer, &mut path, &control).await {
            Ok(prepared) => prepared,
            Err(failure) => {
                self.passive = None;
                return self
                    .conclude(transfer, &path, Err(failure), Meanwhile::default())
                    .await;
            }
        };
        let data = match self.data(transfer.route) {
            Ok(data) => data,
            Err(failure) => {
                prepared.job.abandon().await;
                return self
                    .conclude(transfer, &path, Err(failure), Meanwhile::default())
                    .await;
            }
        };
        let Prepared { job, opening, name } = prepared;
        let connecting = Connecting {
            data,
            securing: self.securing(&transfer),
            wait: self.config().timeouts.data_connect,
        };
        let (ended, meanwhile) = match small_download(job, connecting, &control).await {
            Small::Done(ended) => {
                // Both replies go in one segment: the client is woken once.
                self.hold(&opening);
                (ended, Meanwhile::default())
            }
            Small::No(job, connecting) => {
                if let Err(end) = self.send(&opening).await {
                    job.abandon().await;
                    return Err(end);
                }
                self.move_bytes(job, connecting, &control).await
            }
        };
        let ended = ended.map(|ended| Finished {
            ended,
            control,
            name,
        });
        self.conclude(transfer, &path, ended, meanwhile).await
    }

    /// Opens the file side. Refusals come before any data connection.
    async fn prepare(
        &self,
        transfer: &Transfer,
        resolved: &mut VPath,
        control: &Arc<TransferControl>,
    ) -> Result<Prepared, Failure> {
        let session = self.session()?;
        let ascii = transfer.ascii;
        match &transfer.kind {
            TransferKind::Retrieve { path, start, last } => {
                *resolved = self.resolve(path)?;
                let reader = session.read(resolved).await?;
                let length = length(reader.metadata().size, *start, *last)?;
                let opening = opening(ascii, (!ascii).then_some(length));
                let job = Job::Download {
                    reader,
                    start: *start,
                    length,
                    ascii,
                };
                Ok(Prepared {
                    job,
                    opening,
                    name: None,
                })
            }
            TransferKind::Store {
                path,
                offset,
                declared,
            } => {
                *resolved = self.resolve(path)?;
                let writing = if *offset == 0 {
                    Writing::Whole
                } else {
                    Writing::From(*offset)
                };
                self.upload(session, resolved, writing, *declared, transfer)
                    .await
            }
            TransferKind::Append { path, declared } => {
                *resolved = self.resolve(path)?;
                self.upload(session, resolved, Writing::Append, *declared, transfer)
                    .await
            }
            TransferKind::StoreUnique { near, declared } => {
                let mut prepared = self
                    .unique(session, resolved, near.as_deref(), *declared, transfer)
                    .await?;
                // A name with a path in it is told whole, so that it means the same file.
                let path = near.as_ref().is_some_and(|near| near.contains(&b'/'));
                let told = if path {
                    Some(resolved.as_bytes())
                } else {
                    resolved.name()
                };
                let name: Box<[u8]> = told.unwrap_or_default().into();
                prepared.opening = opening_unique(&name);
                prepared.name = Some(name);
                Ok(prepared)
            }
            TransferKind::List { arguments, form } => {
                if let Some(path) = &arguments.path {
                    *resolved = self.resolve(path)?;
                }
                let bounds = Bounds::of(self.config());
                let here = &self.directory;
                let control = Some(control.clone());
                let lister = Lister::open(session, here, arguments, *form, bounds, control).await?;
                Ok(Prepared {
                    job: Job::Listing(Box::new(lister)),
                    // A listing is text in every form, whatever TYPE says (RFC 959 4.1.3).
                    opening: opening(true, None),
                    name: None,
                })
            }
        }
    }

    async fn upload(
        &self,
        session: &Session,
        path: &VPath,
        writing: Writing,
        declared: Option<u64>,
        transfer: &Transfer,
    ) -> Result<Prepared, Failure> {
        let ascii = transfer.ascii;
        let staged = session.write(path, writing, declared, self.umask).await?;
        let job = Job::Upload(Box::new(Upload::new(
            staged,
            ascii,
            declared,
            self.client(transfer),
        )));
        Ok(Prepared {
            job,
            opening: opening(ascii, None),
            name: None,
        })
    }

    fn client(&self, transfer: &Transfer) -> Client {
        // Where TLS proves the end of the data, the control connection need not be asked.
        let proved = self
            .securing(transfer)
            .is_some_and(|securing| securing.proves_end());
        Client {
            watch: if proved { None } else { self.watch() },
            handle: self.guard.handle.clone(),
        }
    }

    /// STOU: the name asked for with a random ending. Without one, two clients who ask at once
    /// would stage the same free name, and the slower one would have sent everything for nothing.
    async fn unique(
        &self,
        session: &Session,
        resolved: &mut VPath,
        near: Option<&[u8]>,
        declared: Option<u64>,
        transfer: &Transfer,
    ) -> Result<Prepared, Failure> {
        let wanted = self.resolve(near.unwrap_or(b"upload"))?;
        let folder = wanted.parent().unwrap_or_else(VPath::root);
        *resolved = wanted.clone();
        for _ in 0..UNIQUE_TRIES {
            let mut random = [0_u8; 4];
            getrandom::fill(&mut random)
                .map_err(|_| Failure::internal("No random name can be made"))?;
            let ending = format!(".{:08x}", u32::from_ne_bytes(random));
            let name = [wanted.name().unwrap_or(b"upload"), ending.as_bytes()].concat();
            *resolved = folder.child(&name)?;
            match self
                .upload(session, resolved, Writing::New, declared, transfer)
                .await
            {
                Err(failure) if failure.kind == Kind::Exists => {}
                other => return other,
            }
        }
        Err(Failure::new(
            Kind::Exists,
            id::C_15,
            "No free name was found",
        ))
    }

    fn data(&mut self, route: Route) -> Result<Data, Failure> {
        match route {
            Route::Active(target) => Ok(Data::Active {
                local: self.local,
                target,
            }),
            Route::Passive => {
                let Some(passive) = self.passive.take() else {
                    let text = "The passive port has expired; send PASV or EPSV again";
                    return Err(Failure::new(Kind::NoDataConnection, id::D_4, text));
                };
                let mut listener = passive.listener;
                Ok(match listener.try_accept() {
                    Some(connection) => {
                        self.tell_strangers(&mut listener);
                        Data::Ready(connection)
                    }
                    None => Data::Passive(listener),
                })
            }
        }
    }

    fn tell_strangers(&self, listener: &mut PassiveListener) {
        if let Some(session) = self.session.as_deref() {
            for stranger in listener.take_strangers() {
                session.stranger(stranger, listener.port());
            }
        }
    }

    /// Runs the job and listens to the control connection until it is over.
    async fn move_bytes(
        &mut self,
        job: Job,
        connecting: Connecting,
        control: &Arc<TransferControl>,
    ) -> (Result<Ended, Failure>, Meanwhile) {
        let mut meanwhile = Meanwhile::default();
        self.guard.handle.set_transfer(Some(control.clone()));
        if self.guard.handle.is_revoked() {
            control.cancel();
        }
        let session = self.session.as_deref().cloned();
        let policy = connecting.securing.as_ref().map(Securing::reuse);
        let mut running = Box::pin(connect_and_run(job, connecting, control, session));
        let ended = loop {
            let listening = !meanwhile.deaf && self.waiting.len() < WAITING_LINES;
            tokio::select! {
                biased;
                ended = &mut running => break ended,
                line = self.line_during_transfer(), if listening => match line {
                    Ok(Some(line)) => {
                        if let Err(end) = self.meanwhile(line, control, &mut meanwhile).await {
                            meanwhile.give_up(end, control);
                        }
                    }
                    Ok(None) => {}
                    Err(end) => meanwhile.give_up(end, control),
                },
            }
        };
        drop(running);
        self.guard.handle.set_transfer(None);
        if let Some(policy) = policy {
            self.tell_of_tls(policy, &ended);
        }
        (ended.map(|(ended, _)| ended), meanwhile)
    }

    /// Whose data connections would fail under `require`, and whose fail anyhow.
    fn tell_of_tls(&self, policy: Reuse, ended: &Result<(Ended, Bound), Failure>) {
        match ended {
            Ok((_, Bound::Yes)) => {}
            Ok((_, Bound::No)) => self.tell_not_resumed(policy),
            Err(failure) if failure.kind == Kind::DataNotResumed => self.tell_not_resumed(policy),
            Err(failure) => {
                if failure.text.starts_with(TLS_FAILED) {
                    self.tell_tls_failed(failure.cause, &failure.text);
                }
            }
        }
    }

    /// A line that came while bytes flow.
    async fn meanwhile(
        &mut self,
        line: Vec<u8>,
        control: &TransferControl,
        meanwhile: &mut Meanwhile,
    ) -> Result<(), End> {
        let decided = self.dialogue.during_transfer(&line);
        if !self.waiting.is_empty() && !matches!(decided, Some(DuringTransfer::Abort)) {
            // Replies keep the order of the commands: behind one that waits, all wait but ABOR.
            self.waiting.push_back(line);
            return Ok(());
        }
        match decided {
            Some(DuringTransfer::Abort) => {
                control.cancel();
                // Its own reply comes after those of the transfer and of the commands before it;
                // until then nothing more is read.
                meanwhile.deaf = true;
                if self.waiting.is_empty() {
                    meanwhile.aborted = true;
                } else {
                    self.waiting.push_back(line);
                }
                Ok(())
            }
            Some(DuringTransfer::Quit) => {
                self.guard.handle.set_quitting();
                meanwhile.deaf = true;
                self.waiting.push_back(line);
                Ok(())
            }
            Some(DuringTransfer::Status) => {
                let milliseconds = u64::try_from(control.elapsed().as_millis());
                let reply = progress(control.bytes(), milliseconds.unwrap_or(u64::MAX));
                self.send(&reply).await
            }
            Some(DuringTransfer::Reply(reply)) => self.send(&reply).await,
            None => {
                self.waiting.push_back(line);
                Ok(())
            }
        }
    }

    /// Records the transfer and answers it.
    async fn conclude(
        &mut self,
        transfer: Transfer,
        path: &VPath,
        finished: Result<Finished, Failure>,
        meanwhile: Meanwhile,
    ) -> Result<(), End> {
        let (moved, result, name, note) = match finished {
            Ok(Finished {
                ended,
                control,
                name,
            }) => {
                let moved = Moved {
                    bytes: ended.bytes,
                    elapsed: control.elapsed(),
                };
                (moved, ended.result, name, ended.note)
            }
            Err(failure) => (
                Moved {
                    bytes: 0,
                    elapsed: Duration::ZERO,
                },
                Err(failure),
                None,
                None,
            ),
        };
        if let Some(session) = self.session.as_deref() {
            let end = result.as_ref().copied();
            match &transfer.kind {
                TransferKind::Retrieve { .. } => session.downloaded(path, &moved, end),
                TransferKind::List { .. } => session.listed(path, end),
                _ => session.uploaded(path, &moved, end),
            }
        }
        let outcome = match result {
            Ok(()) => Outcome::Transferred {
                bytes: moved.bytes,
                name,
                note,
            },
            Err(failure) => Outcome::Failed(reported(&failure)),
        };
        let close = matches!(&outcome, Outcome::Failed(failure) if failure.close);
        let reply = self.dialogue.done(Action::Transfer(transfer), outcome);
        if let Some(end @ (End::Gone | End::LineTooLong)) = meanwhile.end {
            return Err(end);
        }
        self.send(&reply).await?;
        if meanwhile.aborted {
            self.send(&Reply::line(226, "Aborted")).await?;
        }
        if close {
            return Err(End::Refused);
        }
        meanwhile.end.map_or(Ok(()), Err)
    }
}

/// Whether a transfer was small enough to be over at once.
enum Small {
    Done(Result<Ended, Failure>),
    No(Job, Connecting),
}

/// A transfer that got as far as moving bytes.
struct Finished {
    ended: Ended,
    control: Arc<TransferControl>,
    name: Option<Box<[u8]>>,
}

impl Meanwhile {
    fn give_up(&mut self, end: End, control: &TransferControl) {
        self.deaf = true;
        self.end = Some(end);
        control.cancel();
    }
}

/// How many bytes a download is.
fn length(size: u64, start: u64, last: Option<u64>) -> Result<u64, Failure> {
    let bad = |text: String| Err(Failure::new(Kind::BadOffset, id::C_5, text));
    if start > size {
        return bad(format!(
            "Restart offset {start} is beyond the end of the file, {size}"
        ));
    }
    match last {
        Some(last) if last < start => bad(format!("The range ends at {last}, before its start")),
        Some(last) => Ok(last.saturating_add(1).min(size) - start),
        None => Ok(size - start),
    }
}

/// A small cached file over a connection that is there already: no waiting, no other thread.
/// Anything else comes back, to be continued from where it stands.
async fn small_download(job: Job, connecting: Connecting, control: &Arc<TransferControl>) -> Small {
    let (reader, start, length, mut connection, wait) = match (job, connecting) {
        (
            Job::Download {
                reader,
                start,
                length,
                ascii: false,
            },
            Connecting {
                data: Data::Ready(connection),
                securing: None,
                wait,
            },
        ) => (reader, start, length, connection, wait),
        (job, connecting) => return Small::No(job, connecting),
    };
    let sent = match reader.file() {
        Some(file) => connection.send_file_now(file, start, length, control),
        None => Ok(0),
    };
    match sent {
        Ok(sent) if sent == length => {
            let result = finish(connection, control).await;
            Small::Done(Ok(Ended {
                bytes: length,
                result,
                note: None,
            }))
        }
        Ok(sent) => {
            let (start, length) = (start + sent, length - sent);
            let job = Job::Download {
                reader,
                start,
                length,
                ascii: false,
            };
            let connecting = Connecting {
                data: Data::Ready(connection),
                securing: None,
                wait,
            };
            Small::No(job, connecting)
        }
        Err(error) => Small::Done(Err(transfer_failure(error, control, read_failure))),
    }
}

async fn connect_and_run(
    job: Job,
    connecting: Connecting,
    control: &Arc<TransferControl>,
    session: Option<Session>,
) -> Result<(Ended, Bound), Failure> {
    let Connecting {
        data,
        securing,
        wait,
    } = connecting;
    let connected = async {
        let mut connection = connect(data, wait, session.as_ref()).await?;
        let bound = match &securing {
            Some(securing) => securing.secure(&mut connection).await?,
            None => Bound::Yes,
        };
        Ok((connection, bound))
    };
    let connected = tokio::select! {
        connected = connected => connected,
        () = control.cancelled() => {
            Err(Failure::new(Kind::Aborted, id::T_2, "Stopped before the data connection came"))
        }
    };
    match connected {
        Ok((connection, bound)) => Ok((job.run(connection, control).await, bound)),
        Err(failure) => {
            job.abandon().await;
            Err(failure)
        }
    }
}

async fn connect(
    data: Data,
    wait: Duration,
    session: Option<&Session>,
) -> Result<DataConnection, Failure> {
    match data {
        Data::Ready(connection) => Ok(connection),
        Data::Active { local, target } => active::connect(local, false, target, wait)
            .await
            .map_err(|error| {
                tracing::debug!(%error, %target, "active data connection");
                let why = match error.kind() {
                    io::ErrorKind::ConnectionRefused => "it was refused".to_owned(),
                    io::ErrorKind::TimedOut => format!("no answer within {} s", wait.as_secs()),
                    _ => "it cannot be reached".to_owned(),
                };
                let text = format!("Cannot open the data connection to {target}: {why}");
                Failure::new(Kind::NoDataConnection, id::D_10, text)
            }),
        Data::Passive(mut listener) => {
            let accepted = listener.accept(wait).await;
            let port = listener.port();
            let strangers = listener.take_strangers();
            for stranger in &strangers {
                if let Some(session) = session {
                    session.stranger(*stranger, port);
                }
            }
            accepted.map_err(|error| no_data_connection(&error, &strangers, port, wait))
        }
    }
}

fn no_data_connection(
    error: &AcceptError,
    strangers: &[SocketAddr],
    port: u16,
    wait: Duration,
) -> Failure {
    let what = "Cannot open the data connection";
    match (error, strangers.first()) {
        (AcceptError::Io(error), _) => {
            tracing::error!(%error, port, "a passive port failed");
            Failure::new(
                Kind::NoDataConnection,
                id::D_4,
                format!("{what}: port {port} failed"),
            )
        }
        (AcceptError::TimedOut, Some(stranger)) => {
            let text = format!(
                "{what}: only {} connected to port {port}, which is not your address",
                stranger.ip()
            );
            Failure::new(Kind::NoDataConnection, id::D_7, text)
        }
        (AcceptError::TimedOut, None) => {
            let text = format!(
                "{what}: nothing arrived on port {port} within {} s",
                wait.as_secs()
            );
            Failure::new(Kind::NoDataConnection, id::D_3, text)
        }
    }
}

//! A transfer from its command to its final reply: prepare, connect, move, and meanwhile answer
//! what may be answered.

use std::sync::Arc;
use std::time::Duration;

use wharf_ftp::reply::Reply;
use wharf_ftp::server::{Action, DuringTransfer, Outcome, Transfer, TransferKind, progress};
use wharf_net::data::TransferControl;
use wharf_vfs::VPath;

use super::codes::reported;
use super::connect::{Connecting, Data, connect_and_run};
use super::control::{Connection, End, WAITING_LINES};
use super::jobs::{Ended, Job, finish, read_failure, transfer_failure};
use super::prepare::Prepared;
use super::secure::{Bound, Securing};
use crate::config::Reuse;
use crate::failure::{Failure, Kind};
use crate::session::Moved;

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
        let sides = self.securing(&transfer);
        let sides = sides.and_then(|securing| Ok((self.data(&transfer)?, securing)));
        let (data, securing) = match sides {
            Ok(sides) => sides,
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
            securing,
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
            Err(failure) => match failure.kind {
                Kind::DataNotResumed => self.tell_not_resumed(policy),
                Kind::DataTls => self.tell_tls_failed(failure.cause, &failure.text),
                _ => {}
            },
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

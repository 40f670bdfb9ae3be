//! The file side of a transfer: opened, or refused, before any data connection.

use std::sync::Arc;

use wharf_causes::id;
use wharf_ftp::reply::Reply;
use wharf_ftp::server::{Transfer, TransferKind, opening, opening_unique};
use wharf_net::data::TransferControl;
use wharf_vfs::VPath;

use super::control::Connection;
use super::jobs::{Client, Job, Upload};
use super::lister::{Bounds, Lister};
use crate::failure::{Failure, Kind};
use crate::session::{Session, Writing};

/// Names STOU tries before it gives up.
const UNIQUE_TRIES: u32 = 16;

/// A transfer whose file side is open.
pub(super) struct Prepared {
    pub(super) job: Job,
    pub(super) opening: Reply,
    /// The name STOU chose, relative to the working directory.
    pub(super) name: Option<Box<[u8]>>,
}

impl Connection {
    /// Opens the file side. Refusals come before any data connection.
    pub(super) async fn prepare(
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
        let mode = 0o666 & !self.umask;
        let staged = session.write(path, writing, declared, mode).await?;
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
        let proved = self.proves_end(transfer);
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

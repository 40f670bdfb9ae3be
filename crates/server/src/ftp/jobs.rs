//! The two directions of a transfer: what is read for the data connection, what is written from it.

use std::sync::Arc;

use wharf_causes::id;
use wharf_ftp::ascii::{FromNetwork, ToNetwork};
use wharf_net::control::Watch;
use wharf_net::data::{DataConnection, Sink, Source, TransferControl, TransferError};
use wharf_vfs::{Reader, Staged};

use super::lister::Lister;
use crate::failure::{Failure, Kind};
use crate::registry::Handle;

/// What one fill of a converted or copied download reads from the file.
const CHUNK_BYTES: usize = 256 * 1024;

/// A transfer ready to run.
pub(super) enum Job {
    /// Bytes of a file, from `start`, `length` of them.
    Download {
        reader: Box<dyn Reader>,
        start: u64,
        length: u64,
        ascii: bool,
    },
    /// A listing.
    Listing(Box<Lister>),
    /// An upload into its staging place.
    Upload(Box<Upload>),
}

/// How a job ended: the bytes that moved, and the failure if there was one.
pub(super) struct Ended {
    pub(super) bytes: u64,
    pub(super) result: Result<(), Failure>,
    /// Something the final reply should tell.
    pub(super) note: Option<&'static str>,
}

impl Job {
    /// Moves the bytes.
    pub(super) async fn run(
        self,
        mut connection: DataConnection,
        control: &Arc<TransferControl>,
    ) -> Ended {
        match self {
            Self::Download {
                reader,
                start,
                length,
                ascii,
            } => {
                let result = match (ascii, reader.file().cloned()) {
                    (false, Some(file)) => connection
                        .send_file(&file, start, length, control)
                        .await
                        .map_err(|error| transfer_failure(error, control, read_failure)),
                    _ => {
                        let source = FileSource::new(reader, start, length, ascii);
                        let (_, result) = connection.send(source, control).await;
                        result.map_err(|error| transfer_failure(error, control, |same| same))
                    }
                };
                finish_sending(connection, control, result, None).await
            }
            Self::Listing(lister) => {
                let (lister, result) = connection.send(*lister, control).await;
                let result = result.map_err(|error| transfer_failure(error, control, |same| same));
                finish_sending(connection, control, result, lister.note()).await
            }
            Self::Upload(upload) => {
                let (upload, result) = connection.receive(*upload, control).await;
                let result = result.map_err(|error| transfer_failure(error, control, |same| same));
                if result.is_err() {
                    upload.put_aside().await;
                }
                Ended {
                    bytes: control.bytes(),
                    result: result.map(|_| ()),
                    note: None,
                }
            }
        }
    }

    /// Gives up before any byte moved.
    pub(super) async fn abandon(self) {
        if let Self::Upload(upload) = self {
            upload.put_aside().await;
        }
    }
}

async fn finish_sending(
    connection: DataConnection,
    control: &TransferControl,
    result: Result<u64, Failure>,
    note: Option<&'static str>,
) -> Ended {
    let result = match result {
        Ok(_) => finish(connection, control).await,
        Err(failure) => {
            // A half-sent file must not look like a whole one: reset, not FIN.
            connection.abort();
            Err(failure)
        }
    };
    Ended {
        bytes: control.bytes(),
        result,
        note,
    }
}

/// Ends a data connection on which everything was sent.
pub(super) async fn finish(
    connection: DataConnection,
    control: &TransferControl,
) -> Result<(), Failure> {
    connection.finish().await.map_err(|error| {
        transfer_failure(TransferError::<Failure>::Broken(error), control, |same| {
            same
        })
    })
}

/// A data connection's error as a failure; `local` speaks for our own side.
pub(super) fn transfer_failure<E>(
    error: TransferError<E>,
    control: &TransferControl,
    local: impl FnOnce(E) -> Failure,
) -> Failure {
    let bytes = control.bytes();
    match error {
        TransferError::Stalled(after) => Failure::new(
            Kind::DataBroken,
            id::T_3,
            format!(
                "No byte moved for {} s; {bytes} bytes were moved",
                after.as_secs()
            ),
        ),
        TransferError::Unclosed => Failure::new(
            Kind::DataBroken,
            id::F_13,
            format!(
                "The data ended after {bytes} bytes without TLS's close_notify, and may have been cut"
            ),
        ),
        TransferError::Broken(error) => {
            tracing::debug!(%error, "data connection broke");
            let text = format!("The data connection broke after {bytes} bytes");
            Failure::new(Kind::DataBroken, id::T_2, text)
        }
        TransferError::Local(error) => local(error),
        TransferError::Cancelled => Failure::new(
            Kind::Aborted,
            id::T_2,
            format!("Stopped after {bytes} bytes"),
        ),
    }
}

pub(super) fn read_failure(error: std::io::Error) -> Failure {
    tracing::error!(%error, "a file could not be read to its end");
    Failure::internal("The file could not be read to its end; the server's log says more")
}

/// A file read in chunks, with its line ends converted in TYPE A.
struct FileSource {
    reader: Box<dyn Reader>,
    offset: u64,
    left: u64,
    chunk: Vec<u8>,
    ascii: Option<ToNetwork>,
}

impl FileSource {
    fn new(reader: Box<dyn Reader>, start: u64, length: u64, ascii: bool) -> Self {
        Self {
            reader,
            offset: start,
            left: length,
            chunk: Vec::new(),
            ascii: ascii.then(ToNetwork::new),
        }
    }
}

impl Source for FileSource {
    type Error = Failure;

    fn fill(&mut self, buffer: &mut Vec<u8>) -> Result<(), Failure> {
        let want = usize::try_from(self.left)
            .unwrap_or(CHUNK_BYTES)
            .min(CHUNK_BYTES);
        if want == 0 {
            return Ok(());
        }
        self.chunk.resize(want, 0);
        let read = self.reader.read_at(self.offset, &mut self.chunk)?;
        if read == 0 {
            // Shorter than it was when it was opened: never a short success.
            return Err(Failure::internal(
                "The file became shorter while it was sent",
            ));
        }
        self.offset += read as u64;
        self.left -= read as u64;
        let bytes = self.chunk.get(..read).unwrap_or_default();
        match &mut self.ascii {
            Some(ascii) => ascii.push(bytes, buffer),
            None => buffer.extend_from_slice(bytes),
        }
        Ok(())
    }
}

/// The size a file has in TYPE A; reads it whole.
pub(super) async fn converted_size(reader: Box<dyn Reader>) -> Result<u64, Failure> {
    let length = reader.metadata().size;
    let counted = tokio::task::spawn_blocking(move || {
        let mut source = FileSource::new(reader, 0, length, true);
        let mut buffer = Vec::new();
        let mut total = 0;
        loop {
            buffer.clear();
            source.fill(&mut buffer)?;
            if buffer.is_empty() {
                return Ok(total);
            }
            total += buffer.len() as u64;
        }
    });
    joined(counted.await)
}

/// A blocking task's value; its panic goes on here.
pub(super) fn joined<T>(result: Result<T, tokio::task::JoinError>) -> T {
    match result {
        Ok(value) => value,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

/// An upload on its way to its staging place; published at a clean end of data.
pub(super) struct Upload {
    staged: Option<Box<dyn Staged>>,
    text: bool,
    ascii: Option<FromNetwork>,
    converted: Vec<u8>,
    offset: u64,
    received: u64,
    declared: Option<u64>,
    client: Client,
}

/// Who sends an upload, as far as its end needs to know.
pub(super) struct Client {
    pub(super) watch: Option<Watch>,
    pub(super) handle: Arc<Handle>,
}

impl Client {
    /// Whether the control connection ended without QUIT: the end of the data is then no end of
    /// the file but of the client.
    fn is_gone(&self) -> bool {
        !self.handle.is_quitting() && self.watch.as_ref().is_some_and(Watch::is_gone)
    }
}

impl Upload {
    pub(super) fn new(
        staged: Box<dyn Staged>,
        ascii: bool,
        declared: Option<u64>,
        client: Client,
    ) -> Self {
        Self {
            offset: staged.offset(),
            staged: Some(staged),
            text: ascii,
            ascii: ascii.then(FromNetwork::new),
            converted: Vec::new(),
            received: 0,
            // What ALLO promised cannot be compared with converted text.
            declared: declared.filter(|_| !ascii),
            client,
        }
    }

    fn stage(&mut self) -> Result<&mut Box<dyn Staged>, Failure> {
        self.staged
            .as_mut()
            .ok_or_else(|| Failure::internal("The upload was over already"))
    }

    /// After a failure: what came stays for a resume. Converted text cannot be resumed (REST needs
    /// TYPE I), so it goes.
    async fn put_aside(mut self) {
        let Some(staged) = self.staged.take() else {
            return;
        };
        let resumable = !self.text;
        let kept = tokio::task::spawn_blocking(move || {
            if resumable {
                staged.keep().map(|_| ())
            } else {
                staged.discard()
            }
        });
        if let Err(error) = joined(kept.await) {
            tracing::warn!(%error, "a broken upload could not be put aside");
        }
    }
}

impl Sink for Upload {
    type Error = Failure;

    fn write(&mut self, chunk: &[u8]) -> Result<(), Failure> {
        self.received += chunk.len() as u64;
        let Some(mut ascii) = self.ascii.take() else {
            return Ok(self.stage()?.write(chunk)?);
        };
        let mut converted = std::mem::take(&mut self.converted);
        converted.clear();
        ascii.push(chunk, &mut converted);
        let written = self
            .stage()
            .and_then(|staged| Ok(staged.write(&converted)?));
        self.ascii = Some(ascii);
        self.converted = converted;
        written
    }

    fn end(&mut self) -> Result<(), Failure> {
        if let Some(declared) = self.declared
            && self.received < declared
            && self.offset + self.received < declared
        {
            // Plain FTP cannot tell a cut connection from the end; ALLO's promise can (security P8).
            let text = format!(
                "Only {} of the {declared} bytes announced arrived",
                self.received
            );
            return Err(Failure::new(Kind::DataBroken, id::T_14, text));
        }
        if let Some(mut ascii) = self.ascii.take() {
            let mut rest = Vec::new();
            ascii.finish(&mut rest);
            self.stage()?.write(&rest)?;
        }
        if let Some(staged) = self.staged.take() {
            staged.publish_if(&|| !self.client.is_gone())?;
        }
        Ok(())
    }
}

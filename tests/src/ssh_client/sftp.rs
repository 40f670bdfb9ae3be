//! SFTP over a channel of its own, request by request.

use wharf_sftp::{Attributes, Framer, OpenFlags, Request, Response, Status};
use wharf_ssh::encoding::Reader;

use super::{Ended, SshClient, channel_data};
use crate::{Account, Wharf, show};

/// An SFTP session.
#[derive(Debug)]
pub struct Sftp {
    /// The connection.
    pub client: SshClient,
    /// The server's number of the channel.
    pub channel: u32,
    /// The own number of it.
    own: u32,
    /// Bytes the server still takes.
    window: u64,
    framer: Framer,
    /// Bytes of the channel that were not cut yet.
    waiting: Vec<u8>,
    next: u32,
}

/// What a request was answered with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// STATUS.
    Status {
        /// Its code.
        code: u32,
        /// Its words.
        text: String,
    },
    /// HANDLE.
    Handle(Vec<u8>),
    /// DATA.
    Data(Vec<u8>),
    /// ATTRS: the size, if it was said.
    Size(Option<u64>),
    /// NAMES.
    Names(Vec<Vec<u8>>),
    /// Anything else.
    Other,
}

impl Answer {
    /// Whether it says that all went well.
    #[must_use]
    pub const fn is_ok(&self) -> bool {
        matches!(self, Self::Status { code: 0, .. })
    }

    /// The text of a STATUS that is not OK; empty otherwise.
    #[must_use]
    pub fn refusal(&self) -> &str {
        match self {
            Self::Status { code: 1.., text } => text,
            _ => "",
        }
    }
}

impl Sftp {
    /// Connected, logged in by a password, INIT said.
    ///
    /// # Panics
    /// When it does not come to that.
    #[must_use]
    #[track_caller]
    pub fn of(wharf: &Wharf) -> Self {
        Self::of_account(wharf, wharf.account())
    }

    /// The same as another account.
    ///
    /// # Panics
    /// When it does not come to that.
    #[must_use]
    #[track_caller]
    pub fn of_account(wharf: &Wharf, account: &Account) -> Self {
        Self::over(SshClient::session_of(wharf, account), u32::MAX)
    }

    /// In a new channel of a connection, with this window of the client's.
    ///
    /// # Panics
    /// When it does not come to that.
    #[must_use]
    #[track_caller]
    pub fn over(client: SshClient, window: u32) -> Self {
        match Self::try_over(client, window) {
            Ok(sftp) => sftp,
            Err(ended) => panic!("no SFTP: {ended:?}"),
        }
    }

    /// The same, which may fail.
    ///
    /// # Errors
    /// How the connection ended.
    ///
    /// # Panics
    /// When a channel or SFTP is refused.
    pub fn try_over(mut client: SshClient, window: u32) -> Result<Self, Ended> {
        let own = client.channels;
        let opened = client.open_channel(window, 256 * 1024)?;
        let channel = opened.expect("a channel");
        assert!(client.subsystem(channel, b"sftp")?, "SFTP is refused");
        let mut sftp = Self {
            client,
            channel,
            own,
            window: FIRST_WINDOW,
            framer: Framer::new(),
            waiting: Vec::new(),
            next: 0,
        };
        sftp.send(&Request::Init { version: 3 })?;
        let version = sftp.packet()?;
        assert_eq!(version.first(), Some(&2), "VERSION");
        Ok(sftp)
    }

    /// Sends a request, whole packets at a time, waiting for the server's window.
    ///
    /// # Errors
    /// How the connection ended.
    ///
    /// # Panics
    /// When the request cannot be said.
    pub fn send(&mut self, request: &Request<'_>) -> Result<(), Ended> {
        let mut bytes = Vec::new();
        request.encode_into(&mut bytes).expect("it can be said");
        self.send_bytes(&bytes)
    }

    /// Sends bytes on the channel.
    ///
    /// # Errors
    /// How the connection ended.
    pub fn send_bytes(&mut self, bytes: &[u8]) -> Result<(), Ended> {
        for part in bytes.chunks(32 * 1024) {
            while self.window < part.len() as u64 {
                let message = self.client.receive()?;
                self.take(&message)?;
            }
            self.window -= part.len() as u64;
            self.client.try_send(&channel_data(self.channel, part))?;
        }
        Ok(())
    }

    /// The next SFTP packet, without its length.
    ///
    /// # Errors
    /// How the connection ended, or the channel.
    pub fn packet(&mut self) -> Result<Vec<u8>, Ended> {
        loop {
            let waiting = std::mem::take(&mut self.waiting);
            let mut rest = waiting.as_slice();
            let cut = self.framer.next(&mut rest).expect("a length that can be");
            let cut = cut.map(<[u8]>::to_vec);
            self.waiting = rest.to_vec();
            if let Some(packet) = cut {
                return Ok(packet);
            }
            let message = self.client.receive()?;
            self.take(&message)?;
        }
    }

    fn take(&mut self, message: &[u8]) -> Result<(), Ended> {
        let mut reader = Reader::new(message);
        let number = reader.byte().expect("a message");
        if !matches!(number, 93..=97) || reader.u32() != Ok(self.own) {
            return Ok(());
        }
        match number {
            93 => self.window += u64::from(reader.u32().expect("bytes")),
            94 => {
                let data = reader.string(1 << 20).expect("data");
                self.waiting.extend_from_slice(data);
            }
            97 => return Err(Ended::Nonsense("the channel was closed".to_owned())),
            _ => {}
        }
        Ok(())
    }

    /// Sends one request and reads its answer; there is no other in flight.
    ///
    /// # Errors
    /// How the connection ended.
    pub fn try_ask(&mut self, request: &Request<'_>) -> Result<Answer, Ended> {
        self.send(request)?;
        Ok(read(&self.packet()?))
    }

    /// The same.
    ///
    /// # Panics
    /// When the connection ends.
    #[track_caller]
    pub fn ask(&mut self, request: &Request<'_>) -> Answer {
        match self.try_ask(request) {
            Ok(answer) => answer,
            Err(ended) => panic!("{request:?}: {ended:?}"),
        }
    }

    /// A number for a request.
    pub const fn id(&mut self) -> u32 {
        self.next += 1;
        self.next
    }

    /// Opens a file.
    #[track_caller]
    pub fn open(&mut self, path: &str, flags: OpenFlags) -> Answer {
        let id = self.id();
        self.ask(&Request::Open {
            id,
            path: path.as_bytes(),
            flags,
            attributes: Attributes::default(),
        })
    }

    /// Opens a file, and it must be there.
    ///
    /// # Panics
    /// When it is refused.
    #[track_caller]
    pub fn handle(&mut self, path: &str, flags: OpenFlags) -> Vec<u8> {
        match self.open(path, flags) {
            Answer::Handle(handle) => handle,
            other => panic!("{path}: {other:?}"),
        }
    }

    /// Begins an upload that replaces what is there.
    ///
    /// # Panics
    /// When it is refused.
    #[track_caller]
    pub fn begin_upload(&mut self, path: &str) -> Vec<u8> {
        self.handle(path, REPLACE)
    }

    /// Writes at an offset, piece by piece; each answer must be OK.
    ///
    /// # Panics
    /// When it is not.
    #[track_caller]
    pub fn write(&mut self, handle: &[u8], offset: u64, data: &[u8]) {
        let answer = self.try_write(handle, offset, data);
        assert!(
            matches!(&answer, Ok(answer) if answer.is_ok()),
            "{answer:?}"
        );
    }

    /// Writes at an offset, piece by piece, until one is not OK; the last answer.
    ///
    /// # Errors
    /// How the connection ended.
    pub fn try_write(&mut self, handle: &[u8], offset: u64, data: &[u8]) -> Result<Answer, Ended> {
        let mut answer = Answer::Other;
        let mut at = offset;
        for data in data.chunks(PIECE) {
            let (id, offset) = (self.id(), at);
            answer = self.try_ask(&Request::Write {
                id,
                handle,
                offset,
                data,
            })?;
            if !answer.is_ok() {
                break;
            }
            at += data.len() as u64;
        }
        Ok(answer)
    }

    /// Closes a handle.
    #[track_caller]
    pub fn close(&mut self, handle: &[u8]) -> Answer {
        let id = self.id();
        self.ask(&Request::Close { id, handle })
    }

    /// Reads once.
    #[track_caller]
    pub fn read(&mut self, handle: &[u8], offset: u64, length: u32) -> Answer {
        let id = self.id();
        self.ask(&Request::Read {
            id,
            handle,
            offset,
            length,
        })
    }

    /// A whole upload.
    ///
    /// # Panics
    /// When it fails.
    #[track_caller]
    pub fn store(&mut self, path: &str, content: &[u8]) {
        let handle = self.begin_upload(path);
        self.write(&handle, 0, content);
        let closed = self.close(&handle);
        assert!(closed.is_ok(), "{path}: {closed:?}");
    }

    /// A whole download.
    ///
    /// # Panics
    /// When it fails.
    #[track_caller]
    pub fn retrieve(&mut self, path: &str) -> Vec<u8> {
        let handle = self.handle(path, OpenFlags::READ);
        let mut content = Vec::new();
        loop {
            match self.read(&handle, content.len() as u64, 255 * 1024) {
                Answer::Data(data) => content.extend_from_slice(&data),
                Answer::Status { code: 1, .. } => break,
                other => panic!("{path}: {other:?}"),
            }
        }
        assert!(self.close(&handle).is_ok());
        content
    }

    /// The size of a path.
    #[track_caller]
    pub fn size(&mut self, path: &str) -> Option<u64> {
        let id = self.id();
        match self.ask(&Request::Stat {
            id,
            path: path.as_bytes(),
        }) {
            Answer::Size(size) => size,
            _ => None,
        }
    }
}

/// What a packet says.
fn read(packet: &[u8]) -> Answer {
    match Response::decode(packet).expect("an answer that can be read") {
        Response::Status { code, text, .. } => Answer::Status {
            code,
            text: show(text),
        },
        Response::Handle { handle, .. } => Answer::Handle(handle.to_vec()),
        Response::Data { data, .. } => Answer::Data(data.to_vec()),
        Response::Attributes { attributes, .. } => Answer::Size(attributes.size),
        Response::Names { entries, .. } => {
            Answer::Names(entries.map(|entry| entry.name.to_vec()).collect())
        }
        Response::Version { .. } | Response::ExtendedReply { .. } => Answer::Other,
    }
}

/// For writing, from nothing.
pub(super) const REPLACE: OpenFlags = OpenFlags::WRITE
    .and(OpenFlags::CREATE)
    .and(OpenFlags::TRUNCATE);
/// The window the server opens a channel with.
const FIRST_WINDOW: u64 = 2 << 20;
const PIECE: usize = 32 * 1024;
/// That what is not OK has a code above 0.
const _: () = assert!(Status::Ok.code() == 0);

//! Packets of SFTP version 3, as draft-ietf-secsh-filexfer-02 has them.

use crate::show;

/// The types of packets that are sent.
pub mod kind {
    #![expect(missing_docs, reason = "the names are the draft's")]
    pub const INIT: u8 = 1;
    pub const OPEN: u8 = 3;
    pub const CLOSE: u8 = 4;
    pub const READ: u8 = 5;
    pub const WRITE: u8 = 6;
    pub const LSTAT: u8 = 7;
    pub const FSTAT: u8 = 8;
    pub const SETSTAT: u8 = 9;
    pub const FSETSTAT: u8 = 10;
    pub const OPENDIR: u8 = 11;
    pub const READDIR: u8 = 12;
    pub const REMOVE: u8 = 13;
    pub const MKDIR: u8 = 14;
    pub const RMDIR: u8 = 15;
    pub const REALPATH: u8 = 16;
    pub const STAT: u8 = 17;
    pub const RENAME: u8 = 18;
    pub const READLINK: u8 = 19;
    pub const SYMLINK: u8 = 20;
    pub const EXTENDED: u8 = 200;
}

/// The codes of STATUS.
pub mod status {
    #![expect(missing_docs, reason = "the names are the draft's")]
    pub const OK: u32 = 0;
    pub const EOF: u32 = 1;
    pub const NO_SUCH_FILE: u32 = 2;
    pub const PERMISSION_DENIED: u32 = 3;
    pub const FAILURE: u32 = 4;
    pub const BAD_MESSAGE: u32 = 5;
    pub const OP_UNSUPPORTED: u32 = 8;
}

/// The flags of OPEN.
pub mod open_flag {
    #![expect(missing_docs, reason = "the names are the draft's")]
    pub const READ: u32 = 1;
    pub const WRITE: u32 = 2;
    pub const APPEND: u32 = 4;
    pub const CREATE: u32 = 8;
    pub const TRUNCATE: u32 = 16;
    pub const EXCLUSIVE: u32 = 32;
    /// For a new file or over an old one.
    pub const NEW: u32 = WRITE | CREATE | TRUNCATE;
}

/// What a packet is made of.
#[derive(Debug, Clone, Default)]
pub struct Body(Vec<u8>);

/// An empty one.
#[must_use]
pub fn body() -> Body {
    Body::default()
}

impl Body {
    /// One byte.
    #[must_use]
    pub fn u8(mut self, value: u8) -> Self {
        self.0.push(value);
        self
    }

    /// Four bytes.
    #[must_use]
    pub fn u32(mut self, value: u32) -> Self {
        self.0.extend_from_slice(&value.to_be_bytes());
        self
    }

    /// Eight bytes.
    #[must_use]
    pub fn u64(mut self, value: u64) -> Self {
        self.0.extend_from_slice(&value.to_be_bytes());
        self
    }

    /// Bytes after their number.
    #[must_use]
    pub fn string(self, value: impl AsRef<[u8]>) -> Self {
        let value = value.as_ref();
        let length = u32::try_from(value.len()).expect("a short string");
        self.u32(length).raw(value)
    }

    /// Bytes alone.
    #[must_use]
    pub fn raw(mut self, value: &[u8]) -> Self {
        self.0.extend_from_slice(value);
        self
    }

    /// What another one holds.
    #[must_use]
    pub fn append(self, other: &Self) -> Self {
        self.raw(&other.0)
    }

    /// The bytes.
    #[must_use]
    pub fn done(self) -> Vec<u8> {
        self.0
    }
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// Its code and text.
    Status(u32, String),
    /// An opened file or folder.
    Handle(Vec<u8>),
    /// What was read.
    Data(Vec<u8>),
    /// Names of a folder, or one path.
    Name(Vec<Entry>),
    /// Attributes.
    Attributes(Attributes),
    /// What follows the id of an EXTENDED_REPLY.
    Extended(Vec<u8>),
}

/// A name with what is told of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The name.
    pub name: Vec<u8>,
    /// The line for people.
    pub line: Vec<u8>,
    /// What programs are told.
    pub attributes: Attributes,
}

/// What is told of a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Attributes {
    /// Bytes.
    pub size: Option<u64>,
    /// User and group.
    pub owner: Option<(u32, u32)>,
    /// Kind and mode, as in `st_mode`.
    pub mode: Option<u32>,
    /// Last access and last change, in seconds since 1970.
    pub times: Option<(u32, u32)>,
}

impl Reply {
    /// The id it answers, and the answer. `None`: it is not one, or not to its last byte.
    #[must_use]
    pub fn read(packet: &[u8]) -> Option<(u32, Self)> {
        let mut fields = Fields(packet);
        let kind = fields.u8()?;
        let id = fields.u32()?;
        let reply = match kind {
            101 => {
                let code = fields.u32()?;
                let text = fields.string()?;
                // The language.
                fields.string()?;
                Self::Status(code, show(text))
            }
            102 => Self::Handle(fields.string()?.to_vec()),
            103 => Self::Data(fields.string()?.to_vec()),
            104 => {
                let count = fields.u32()?;
                let entries: Option<Vec<_>> = (0..count).map(|_| fields.entry()).collect();
                Self::Name(entries?)
            }
            105 => Self::Attributes(fields.attributes()?),
            201 => Self::Extended(std::mem::take(&mut fields.0).to_vec()),
            _ => return None,
        };
        fields.0.is_empty().then_some((id, reply))
    }

    /// The handle.
    ///
    /// # Panics
    /// When it is something else.
    #[must_use]
    #[track_caller]
    pub fn handle(self) -> Vec<u8> {
        match self {
            Self::Handle(handle) => handle,
            other => panic!("{other:?} instead of a handle"),
        }
    }

    /// The data.
    ///
    /// # Panics
    /// When it is something else.
    #[must_use]
    #[track_caller]
    pub fn data(self) -> Vec<u8> {
        match self {
            Self::Data(data) => data,
            other => panic!("{other:?} instead of data"),
        }
    }

    /// The attributes.
    ///
    /// # Panics
    /// When it is something else.
    #[track_caller]
    #[expect(clippy::must_use_candidate, reason = "the check is what matters")]
    pub fn attributes(self) -> Attributes {
        match self {
            Self::Attributes(attributes) => attributes,
            other => panic!("{other:?} instead of attributes"),
        }
    }

    /// The only name.
    ///
    /// # Panics
    /// When it is something else.
    #[must_use]
    #[track_caller]
    pub fn path(self) -> Vec<u8> {
        match self {
            Self::Name(mut entries) if entries.len() == 1 => entries.remove(0).name,
            other => panic!("{other:?} instead of one name"),
        }
    }

    /// What an extension answered.
    ///
    /// # Panics
    /// When it is something else.
    #[must_use]
    #[track_caller]
    pub fn extended(self) -> Vec<u8> {
        match self {
            Self::Extended(bytes) => bytes,
            other => panic!("{other:?} instead of an extension's answer"),
        }
    }

    /// Checks the code and returns the text.
    ///
    /// # Panics
    /// When it is another one, or no status.
    #[track_caller]
    #[expect(clippy::must_use_candidate, reason = "the check is what matters")]
    pub fn expect(self, code: u32) -> String {
        match self {
            Self::Status(found, text) if found == code => text,
            other => panic!("{other:?} instead of status {code}"),
        }
    }

    /// Checks the code, and that the text ends with `[cause]`.
    ///
    /// # Panics
    /// When either is another one.
    #[track_caller]
    pub fn expect_cause(self, code: u32, cause: &str) {
        let text = self.expect(code);
        assert!(text.ends_with(&format!("[{cause}]")), "{text}: no {cause}");
    }
}

/// Names, and the data of each.
pub type Extensions = Vec<(Vec<u8>, Vec<u8>)>;

/// The version, and the extensions.
pub(super) fn version(packet: &[u8]) -> Option<(u32, Extensions)> {
    let mut fields = Fields(packet);
    if fields.u8()? != 2 {
        return None;
    }
    let version = fields.u32()?;
    let mut extensions = Vec::new();
    while !fields.0.is_empty() {
        extensions.push((fields.string()?.to_vec(), fields.string()?.to_vec()));
    }
    Some((version, extensions))
}

/// What is left of a packet.
#[derive(Debug)]
pub struct Fields<'a>(pub &'a [u8]);

impl<'a> Fields<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    /// One byte.
    pub fn u8(&mut self) -> Option<u8> {
        self.take(1).map(|bytes| bytes[0])
    }

    /// Four bytes.
    pub fn u32(&mut self) -> Option<u32> {
        let bytes = self.take(4)?;
        bytes.try_into().ok().map(u32::from_be_bytes)
    }

    /// Eight bytes.
    pub fn u64(&mut self) -> Option<u64> {
        let bytes = self.take(8)?;
        bytes.try_into().ok().map(u64::from_be_bytes)
    }

    /// Bytes after their number.
    pub fn string(&mut self) -> Option<&'a [u8]> {
        let length = self.u32()?;
        self.take(usize::try_from(length).ok()?)
    }

    fn entry(&mut self) -> Option<Entry> {
        Some(Entry {
            name: self.string()?.to_vec(),
            line: self.string()?.to_vec(),
            attributes: self.attributes()?,
        })
    }

    fn attributes(&mut self) -> Option<Attributes> {
        let flags = self.u32()?;
        let mut attributes = Attributes::default();
        if flags & 1 != 0 {
            attributes.size = Some(self.u64()?);
        }
        if flags & 2 != 0 {
            attributes.owner = Some((self.u32()?, self.u32()?));
        }
        if flags & 4 != 0 {
            attributes.mode = Some(self.u32()?);
        }
        if flags & 8 != 0 {
            attributes.times = Some((self.u32()?, self.u32()?));
        }
        if flags & 0x8000_0000 != 0 {
            for _ in 0..self.u32()? {
                self.string()?;
                self.string()?;
            }
        }
        Some(attributes)
    }
}

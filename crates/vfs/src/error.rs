//! What can go wrong with a file, and who says so.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;

use rustix::io::Errno;

use crate::path::PathError;

/// The result of a store's verbs.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A file operation that failed.
///
/// Its message never holds a path of the host: a peer may see it. The source is for the log.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    text: Cow<'static, str>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// What went wrong, as far as a protocol can tell its peer. Match it without `_`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// Nothing has that name.
    NotFound,
    /// Something already has that name, and replacing was not asked for.
    Exists,
    /// A component before the last, or the whole, should be a directory and is not.
    NotADirectory,
    /// A file is wanted and a directory is there.
    IsADirectory,
    /// The directory still has entries.
    NotEmpty,
    /// A pipe, socket, device, or a symbolic link where none is followed.
    NotRegular,
    /// The server's user may not, or the path leads outside the store.
    PermissionDenied,
    /// The store or the file system cannot be written to.
    ReadOnly,
    /// The device is full.
    NoSpace,
    /// A quota is used up.
    Quota,
    /// The file would be larger than the file system or the process allows.
    TooLarge,
    /// A name or path is too long for the store.
    NameTooLong,
    /// The name cannot exist in this store.
    InvalidName,
    /// The two names are in different stores or file systems.
    CrossDevice,
    /// The store cannot do this at all.
    Unsupported,
    /// The upload cannot continue there: neither a partial nor the file has that many bytes.
    BadOffset,
    /// Bytes below the end of the upload were never written.
    Incomplete,
    /// It may work later: somebody else is using it, or a bound is reached.
    Busy,
    /// Too many symbolic links.
    Loop,
    /// Given up before its end: taken over by another upload, interrupted, or shut down.
    Cancelled,
    /// The device failed, or something else did that no peer can do anything about.
    Io,
}

impl ErrorKind {
    /// A short text for a peer, in lower case and without a full stop.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::NotFound => "no such file or directory",
            Self::Exists => "the name already exists",
            Self::NotADirectory => "not a directory",
            Self::IsADirectory => "it is a directory",
            Self::NotEmpty => "the directory is not empty",
            Self::NotRegular => "not a regular file",
            Self::PermissionDenied => "permission denied",
            Self::ReadOnly => "the store is read-only",
            Self::NoSpace => "no space left",
            Self::Quota => "the quota is used up",
            Self::TooLarge => "the file is too large",
            Self::NameTooLong => "the name is too long",
            Self::InvalidName => "the name is not possible here",
            Self::CrossDevice => "the two names are in different stores",
            Self::Unsupported => "not supported by this store",
            Self::BadOffset => "the offset is beyond the end of the file",
            Self::Incomplete => "a part of the file was never written",
            Self::Busy => "busy, try again later",
            Self::Loop => "too many symbolic links",
            Self::Cancelled => "the operation was cancelled",
            Self::Io => "input or output error",
        }
    }
}

impl Error {
    /// An error that says what its kind says.
    #[must_use]
    pub const fn new(kind: ErrorKind) -> Self {
        Self::with_text(kind, kind.text())
    }

    /// An error with a clearer text than its kind's; the same rules hold for it.
    #[must_use]
    pub const fn with_text(kind: ErrorKind, text: &'static str) -> Self {
        Self {
            kind,
            text: Cow::Borrowed(text),
            source: None,
        }
    }

    /// The same with a text made for the occasion, such as one with numbers in it. It must not
    /// hold what a peer should not see: no path of the host, nothing another error said.
    #[must_use]
    pub const fn with_detail(kind: ErrorKind, text: String) -> Self {
        Self {
            kind,
            text: Cow::Owned(text),
            source: None,
        }
    }

    /// Adds what lies behind it, for the log.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// What went wrong.
    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The short text for a peer; the same as `Display`.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source
            .as_deref()
            .map(|source| source as &(dyn StdError + 'static))
    }
}

impl From<ErrorKind> for Error {
    fn from(kind: ErrorKind) -> Self {
        Self::new(kind)
    }
}

impl From<PathError> for Error {
    fn from(error: PathError) -> Self {
        match error {
            PathError::ForbiddenByte => {
                Self::with_text(ErrorKind::InvalidName, "the name holds a forbidden byte")
            }
            PathError::NotAName => Self::new(ErrorKind::InvalidName),
            PathError::NameTooLong | PathError::TooLong => Self::new(ErrorKind::NameTooLong),
        }
    }
}

impl From<Errno> for Error {
    fn from(errno: Errno) -> Self {
        Self::new(kind_of(errno)).caused_by(std::io::Error::from(errno))
    }
}

impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Self {
        let kind = match Errno::from_io_error(&error) {
            Some(errno) => kind_of(errno),
            None if error.kind() == std::io::ErrorKind::WriteZero => ErrorKind::NoSpace,
            None => ErrorKind::Io,
        };
        Self::new(kind).caused_by(error)
    }
}

impl From<tokio::task::JoinError> for Error {
    /// A blocking call that did not return: the runtime is shutting down, or the call panicked.
    fn from(error: tokio::task::JoinError) -> Self {
        let kind = if error.is_cancelled() {
            ErrorKind::Cancelled
        } else {
            ErrorKind::Io
        };
        Self::new(kind).caused_by(error)
    }
}

/// The one place where the kernel's numbers get a meaning.
///
/// `XDEV` from a rename is what it says; from a path resolution it is an escape, and
/// `local::root` has already turned it into `PermissionDenied`.
const fn kind_of(errno: Errno) -> ErrorKind {
    match errno {
        Errno::NOENT | Errno::STALE => ErrorKind::NotFound,
        Errno::EXIST => ErrorKind::Exists,
        Errno::NOTDIR => ErrorKind::NotADirectory,
        Errno::ISDIR => ErrorKind::IsADirectory,
        Errno::NOTEMPTY => ErrorKind::NotEmpty,
        Errno::NXIO | Errno::NODEV | Errno::SPIPE => ErrorKind::NotRegular,
        Errno::ACCESS | Errno::PERM => ErrorKind::PermissionDenied,
        Errno::ROFS => ErrorKind::ReadOnly,
        Errno::NOSPC => ErrorKind::NoSpace,
        Errno::DQUOT => ErrorKind::Quota,
        Errno::FBIG | Errno::OVERFLOW => ErrorKind::TooLarge,
        Errno::NAMETOOLONG => ErrorKind::NameTooLong,
        // Every other argument of ours is right, so it is the name: FAT refuses `a:b` so.
        Errno::INVAL | Errno::ILSEQ => ErrorKind::InvalidName,
        Errno::XDEV => ErrorKind::CrossDevice,
        Errno::OPNOTSUPP | Errno::NOSYS | Errno::NOTTY => ErrorKind::Unsupported,
        Errno::BUSY
        | Errno::TXTBSY
        | Errno::AGAIN
        | Errno::MFILE
        | Errno::NFILE
        | Errno::NOMEM
        | Errno::MLINK
        | Errno::DEADLK
        | Errno::NOLCK
        | Errno::TIMEDOUT => ErrorKind::Busy,
        Errno::LOOP => ErrorKind::Loop,
        Errno::INTR | Errno::CANCELED => ErrorKind::Cancelled,
        _ => ErrorKind::Io,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_numbers_have_a_meaning() {
        for (errno, kind) in [
            (Errno::NOENT, ErrorKind::NotFound),
            (Errno::NOSPC, ErrorKind::NoSpace),
            (Errno::DQUOT, ErrorKind::Quota),
            (Errno::FBIG, ErrorKind::TooLarge),
            (Errno::NOTEMPTY, ErrorKind::NotEmpty),
            (Errno::XDEV, ErrorKind::CrossDevice),
            (Errno::IO, ErrorKind::Io),
        ] {
            assert_eq!(Error::from(errno).kind(), kind);
            assert_eq!(Error::from(std::io::Error::from(errno)).kind(), kind);
        }
    }

    #[test]
    fn f21_the_message_is_only_our_own_text() {
        let error = Error::from(Errno::ACCESS);
        assert_eq!(error.to_string(), "permission denied");
        let source = StdError::source(&error).unwrap().to_string();
        assert!(!source.contains('/'), "{source}");
    }
}

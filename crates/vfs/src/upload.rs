//! The data plane of writing: staged uploads. Everything here may block its thread.

use crate::error::Result;

/// An upload that nobody sees until it is published.
///
/// Until [`Staged::publish`] answers, the previous version is untouched. Dropping it is
/// [`Staged::keep`], whose error is then only logged.
pub trait Staged: Send {
    /// Where the next chunk goes: before the first one, the number of bytes that are there
    /// already.
    fn offset(&self) -> u64;

    /// Writes the next bytes.
    ///
    /// # Errors
    /// `NoSpace`, `Quota`, `TooLarge`, `Io`; `Cancelled` once a resume by the same principal has
    /// taken the upload over. After an error it can only be kept or discarded.
    fn write(&mut self, chunk: &[u8]) -> Result<()>;

    /// Like [`Staged::write`] if that needs no disk, so that an async worker may call it. `None`,
    /// and nothing written, if it would have to wait.
    fn write_cached(&mut self, chunk: &[u8]) -> Option<Result<()>> {
        let _ = chunk;
        None
    }

    /// Puts the bytes under their name in one step and makes them as durable as was asked for.
    /// Only then does it answer.
    ///
    /// # Errors
    /// The previous version is then untouched, and where the bytes themselves are sound they are
    /// kept. The one exception: if making the *name* durable fails after the rename, the new
    /// version is visible and the error says `Io`.
    fn publish(self: Box<Self>) -> Result<Published> {
        self.publish_if(&|| true)
    }

    /// As [`Staged::publish`], if it is still `wanted`, which is asked last of all before the bytes
    /// get their name: over plain FTP the end of the data and the death of the client look alike,
    /// and making the bytes durable takes long enough to learn which it was.
    ///
    /// # Errors
    /// As those of [`Staged::publish`]; `Cancelled` when it is not wanted, and then it is kept.
    fn publish_if(self: Box<Self>, wanted: &dyn Fn() -> bool) -> Result<Published>;

    /// Keeps what was written for a later resume; answers its size, 0 when nothing was kept.
    ///
    /// # Errors
    /// When it cannot be kept; it is gone then.
    fn keep(self: Box<Self>) -> Result<u64>;

    /// Throws it away.
    ///
    /// # Errors
    /// When something is left behind.
    fn discard(self: Box<Self>) -> Result<()>;
}

/// What an upload wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StageRequest {
    /// From the start, from the middle, or at the end.
    pub mode: StageMode,
    /// Whether it may replace a file. If not, it fails with `Exists`, when staged and again when
    /// published.
    pub replace: bool,
    /// Whose upload it is. Partials are found again by the same principal only.
    pub principal: Box<str>,
    /// How durable it must be once published.
    pub durability: Durability,
    /// How many bytes will come, where that is known; used to refuse early, nothing is reserved.
    pub expected: Option<u64>,
    /// Permission bits of a new file, `0o777` at most; a replaced file's are kept instead.
    pub permissions: u32,
}

impl StageRequest {
    /// A whole file that may replace another, durable, with the bits `0o644`.
    #[must_use]
    pub fn create(principal: &str) -> Self {
        Self {
            mode: StageMode::Create,
            replace: true,
            principal: Box::from(principal),
            durability: Durability::Full,
            expected: None,
            permissions: 0o644,
        }
    }

    /// The same in another mode.
    #[must_use]
    pub fn mode(mut self, mode: StageMode) -> Self {
        self.mode = mode;
        self
    }
}

/// Where an upload begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StageMode {
    /// A whole file.
    Create,
    /// At `offset`: after as many bytes of this principal's partial or, without one, of the
    /// published file. 0 is `Create`; beyond both is `BadOffset`.
    Resume {
        /// In bytes.
        offset: u64,
    },
    /// At the end of the published file; without one, at the end of this principal's partial,
    /// which is the size that SIZE reports then; without both it is `Create`.
    Append,
}

/// What must have reached the disk before an upload counts as published.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Durability {
    /// The bytes and the name.
    #[default]
    Full,
    /// The bytes; after a power cut the name may still lead to the previous version.
    File,
    /// Nothing; the kernel writes when it likes.
    None,
}

/// An upload that has been published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Published {
    /// Size of the whole file in bytes.
    pub size: u64,
    /// Whether a previous version was replaced.
    pub replaced: bool,
}

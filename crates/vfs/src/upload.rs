//! The data plane of writing: staged uploads. Everything here may block its thread.

use crate::data::Reader;
use crate::error::{Error, ErrorKind, Result};
use crate::metadata::{Attributes, Metadata};

/// An upload that nobody sees until it is published.
///
/// Until [`Staged::publish`] answers, the previous version is untouched. Dropping it is
/// [`Staged::keep`], whose error is then only logged.
///
/// The bytes may come in any order. What a write leaves out below the end is a gap; one that is
/// still there at the end is refused by `publish`, unless [`Staged::set_len`] said that these
/// bytes are zeros.
pub trait Staged: Send {
    /// Where [`Staged::write`] goes on: how many bytes from the start are there without a gap.
    fn offset(&self) -> u64;

    /// Writes the next bytes, at [`Staged::offset`].
    ///
    /// # Errors
    /// As [`Staged::write_at`].
    fn write(&mut self, chunk: &[u8]) -> Result<()> {
        self.write_at(self.offset(), chunk)
    }

    /// Writes anywhere, in any order, over what is there or beyond the end. An empty chunk changes
    /// nothing.
    ///
    /// # Errors
    /// `NoSpace`, `Quota`, `TooLarge`, `Io`; `Busy` when there are too many gaps; `Unsupported` for
    /// a file so large that it can only be appended to; `Cancelled` once a resume by the same
    /// principal has taken the upload over. After an error it can only be kept or discarded.
    fn write_at(&mut self, offset: u64, chunk: &[u8]) -> Result<()>;

    /// Like [`Staged::write`] if that needs no disk, so that an async worker may call it. `None`,
    /// and nothing written, if it would have to wait.
    fn write_cached(&mut self, chunk: &[u8]) -> Option<Result<()>> {
        let _ = chunk;
        None
    }

    /// Like [`Staged::write_at`] if that needs no disk; see [`Staged::write_cached`].
    fn write_at_cached(&mut self, offset: u64, chunk: &[u8]) -> Option<Result<()>> {
        let _ = (offset, chunk);
        None
    }

    /// Reads back up to `buffer.len()` bytes at `offset`; 0 only at the end. In a gap are zeros.
    ///
    /// # Errors
    /// `Io`; `Cancelled` once it is taken over.
    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> Result<usize>;

    /// Sets the length: cuts, or extends by zeros. There are no gaps below it then.
    ///
    /// # Errors
    /// As [`Staged::write_at`], but the upload can go on.
    fn set_len(&mut self, length: u64) -> Result<()>;

    /// Size of the file if it were published now, in bytes; gaps count.
    fn length(&self) -> u64;

    /// What is known about the file if it were published now: `partial`, the mode it will have,
    /// and the present time as its last change, unless another was set.
    fn metadata(&self) -> Metadata;

    /// What the file shall have once it is published, whatever is written meanwhile. A mode set
    /// here stands; without one a replaced file's stays.
    ///
    /// # Errors
    /// `PermissionDenied` for set-user-id and set-group-id bits, and for an owner whom the
    /// server's user may not set; the upload can go on, with nothing of it noted. For a file that
    /// is appended to in place the owner is refused only by `publish`.
    fn set_attributes(&mut self, attributes: Attributes) -> Result<()>;

    /// Returns once everything written so far is on the disk, under the name of a partial.
    ///
    /// # Errors
    /// `Io`, after which nothing of the upload remains: a disk that lost bytes once does not say
    /// so twice. Where the staging file cannot be made, as [`Staged::write_at`].
    fn sync(&mut self) -> Result<()>;

    /// Copies up to `length` bytes from `from` in `source` to `to`, sharing blocks where the file
    /// system can. At most [`COPY_STEP`] bytes in one call, so that the caller, who goes on until
    /// it has all, can stop between two. Answers the bytes copied; 0 only at the end of `source`.
    ///
    /// # Errors
    /// As [`Staged::write_at`], and what `source` has. After an error it can only be kept or
    /// discarded.
    fn copy_from(
        &mut self,
        source: &mut dyn Reader,
        from: u64,
        to: u64,
        length: u64,
    ) -> Result<u64>;

    /// The same from another range of this upload. What is copied may make it longer, so a caller
    /// who wants all up to the end asks for its length before the first step.
    ///
    /// # Errors
    /// As [`Staged::copy_from`]; `BadOffset` when the two ranges of `length` bytes overlap,
    /// `Incomplete` when the bytes at `from` were never written.
    fn copy_within(&mut self, from: u64, to: u64, length: u64) -> Result<u64>;

    /// Puts the bytes under their name in one step and makes them as durable as was asked for.
    /// Only then does it answer. An update that changed nothing leaves the file as it is.
    ///
    /// # Errors
    /// `Incomplete` when bytes below the end were never written. The previous version is
    /// untouched after an error, and where the bytes themselves are sound they are kept. The one
    /// exception: if making the *name* durable fails after the rename, the new version is visible
    /// and the error says `Io`.
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
    /// What is kept ends at the first gap, since a resume says only where it goes on. For the same
    /// reason nothing is kept of an update that changed bytes of the published file.
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
    /// From the start, from the middle, at the end, or anywhere.
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
///
/// Each has a copy of its own to write to, and whichever is published last wins. Only appends to
/// one file exclude one another: of two that begin with the same old version, one would be lost.
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
    /// which is the size that SIZE reports then; without both it is `Create`. `Busy` while another
    /// append to the file is under way.
    Append,
    /// All of the published file, to be changed anywhere; without one, this principal's partial;
    /// without both an empty file. `Busy` instead of a partial that is still being written to.
    ///
    /// A file too large to be copied can only be added to at its very end, in place, and counts as
    /// an append then; everything else is `Unsupported`.
    Update,
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

/// The most bytes that one call of [`Staged::copy_from`] or [`Staged::copy_within`] copies.
pub const COPY_STEP: u64 = 64 << 20;

/// Copies through a buffer what `read` finds so many bytes into the range, to `to` in `staged`.
pub(crate) fn copy_by_hand<S: Staged>(
    staged: &mut S,
    mut read: impl FnMut(&mut S, u64, &mut [u8]) -> Result<usize>,
    to: u64,
    length: u64,
) -> Result<u64> {
    let length = length.min(BY_HAND_STEP);
    let mut buffer = vec![0; usize::try_from(length.min(BUFFER)).unwrap_or_default()];
    let mut done = 0;
    while done < length {
        let wanted = usize::try_from(length - done).unwrap_or(usize::MAX);
        let wanted = wanted.min(buffer.len());
        let room = buffer.get_mut(..wanted).unwrap_or_default();
        let count = read(staged, done, room)?;
        let Some(chunk) = room.get(..count).filter(|chunk| !chunk.is_empty()) else {
            break;
        };
        let at = to.checked_add(done).ok_or(ErrorKind::TooLarge)?;
        staged.write_at(at, chunk)?;
        done += count as u64;
    }
    Ok(done)
}

/// Refuses to copy a range onto itself: what is read would depend on how it is cut into steps.
pub(crate) const fn check_apart(from: u64, to: u64, length: u64) -> Result<()> {
    if from.abs_diff(to) < length {
        return Err(Error::with_text(
            ErrorKind::BadOffset,
            "the two ranges overlap",
        ));
    }
    Ok(())
}

/// Refuses permission bits that give a stranger's bytes somebody's rights, and numbers that are no
/// owner's.
pub(crate) fn check_attributes(attributes: &Attributes) -> Result<()> {
    if attributes.mode.is_some_and(|mode| mode & 0o6000 != 0) {
        return Err(Error::with_text(
            ErrorKind::PermissionDenied,
            "files get no set-user-id bits here",
        ));
    }
    // -1 is the kernel's word for leaving it alone.
    if attributes.uid == Some(u32::MAX) || attributes.gid == Some(u32::MAX) {
        return Err(Error::new(ErrorKind::InvalidName));
    }
    Ok(())
}

/// What `publish` says of a gap.
pub(crate) fn never_written(gap: &std::ops::Range<u64>) -> Error {
    let (first, last) = (gap.start, gap.end.saturating_sub(1));
    Error::with_detail(
        ErrorKind::Incomplete,
        format!("bytes {first} to {last} were never written"),
    )
}

/// What a write says that would make one range more than are counted.
pub(crate) const fn too_many_gaps() -> Error {
    Error::with_text(
        ErrorKind::Busy,
        "the upload has too many gaps; write it more in order",
    )
}

/// By hand a megabyte takes longer than in the kernel, so there are fewer in one call.
const BY_HAND_STEP: u64 = 8 << 20;

const BUFFER: u64 = 256 * 1024;

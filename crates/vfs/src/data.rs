//! The data plane of reading: listings and readers. Everything here may block its thread.

use std::fmt;
use std::fs::File;
use std::sync::Arc;

use crate::error::Result;
use crate::metadata::Metadata;

/// A directory being listed, in the order the store has it. Its memory does not grow with the
/// directory.
pub trait Listing: Send {
    /// Empties `batch` and fills it with the next entries, [`Batch::LIMIT`] at most. `false`, and
    /// an empty batch, at the end.
    ///
    /// `.`, `..` and the store's own names are left out. Names are raw bytes and may hold control
    /// characters. An entry that vanishes meanwhile is left out; one that cannot be looked at has
    /// zeros.
    ///
    /// # Errors
    /// When the directory can no longer be read.
    fn next_batch(&mut self, batch: &mut Batch) -> Result<bool>;
}

/// An open file. What it reads is one version of the file, also while that is being replaced.
pub trait Reader: Send {
    /// As it was when the file was opened.
    fn metadata(&self) -> &Metadata;

    /// The file itself, where the store has one: for `sendfile` only.
    fn file(&self) -> Option<&Arc<File>>;

    /// Reads up to `buffer.len()` bytes at `offset`; 0 only at the end of the file.
    ///
    /// # Errors
    /// `Io` and what the store has; never a short success.
    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> Result<usize>;

    /// Like [`Reader::read_at`] if that needs no disk, so that an async worker may call it. `None`
    /// if it would have to wait. It may read less than there is.
    fn read_cached_at(&self, offset: u64, buffer: &mut [u8]) -> Option<Result<usize>>;
}

/// Some entries of a directory. Reused from batch to batch, it stops allocating.
#[derive(Default)]
pub struct Batch {
    names: Vec<u8>,
    entries: Vec<Slot>,
}

/// One entry of a [`Batch`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry<'a> {
    /// The name, as raw bytes.
    pub name: &'a [u8],
    /// What is known about it; of a symbolic link, about the link.
    pub metadata: &'a Metadata,
}

struct Slot {
    /// Where its name ends in `names`; it begins where the one before ends.
    end: usize,
    metadata: Metadata,
}

impl Batch {
    /// The most entries of one batch.
    pub const LIMIT: usize = 1024;

    /// An empty batch, without memory.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Forgets the entries, keeps the memory.
    pub fn clear(&mut self) {
        self.names.clear();
        self.entries.clear();
    }

    /// Number of entries.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whether [`Batch::LIMIT`] is reached.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.entries.len() >= Self::LIMIT
    }

    /// Adds an entry.
    pub fn push(&mut self, name: &[u8], metadata: Metadata) {
        self.names.extend_from_slice(name);
        self.entries.push(Slot {
            end: self.names.len(),
            metadata,
        });
    }

    /// Keeps the entries whose name satisfies `wanted`.
    pub fn retain(&mut self, mut wanted: impl FnMut(&[u8]) -> bool) {
        let names = std::mem::take(&mut self.names);
        let mut start = 0;
        self.entries.retain_mut(|slot| {
            let name = names.get(start..slot.end).unwrap_or_default();
            start = slot.end;
            let keep = wanted(name);
            if keep {
                self.names.extend_from_slice(name);
                slot.end = self.names.len();
            }
            keep
        });
    }

    /// The entries in order.
    pub fn iter(&self) -> impl Iterator<Item = Entry<'_>> {
        let mut start = 0;
        self.entries.iter().map(move |slot| {
            let name = self.names.get(start..slot.end).unwrap_or_default();
            start = slot.end;
            Entry {
                name,
                metadata: &slot.metadata,
            }
        })
    }
}

impl fmt::Debug for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// Copies what `content` has at `offset`, as a reader does.
pub(crate) fn copy_at(content: &[u8], offset: u64, buffer: &mut [u8]) -> usize {
    let rest = usize::try_from(offset)
        .ok()
        .and_then(|offset| content.get(offset..))
        .unwrap_or_default();
    let length = rest.len().min(buffer.len());
    if let (Some(to), Some(from)) = (buffer.get_mut(..length), rest.get(..length)) {
        to.copy_from_slice(from);
    }
    length
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metadata::{Kind, Timestamp};

    #[test]
    fn retaining_moves_names_and_metadata_together() {
        let mut batch = Batch::new();
        for (size, name) in ["one", "two", "three", "four"].into_iter().enumerate() {
            batch.push(name.as_bytes(), sized(size as u64));
        }
        batch.retain(|name| name != b"two");
        let left: Vec<_> = batch.iter().map(|e| (e.name, e.metadata.size)).collect();
        assert_eq!(
            left,
            [(&b"one"[..], 0), (&b"three"[..], 2), (&b"four"[..], 3)]
        );
    }

    fn sized(size: u64) -> Metadata {
        Metadata {
            kind: Kind::File,
            size,
            modified: Timestamp::default(),
            created: None,
            mode: 0,
            uid: 0,
            gid: 0,
            links: 1,
            device: 0,
            inode: 0,
            partial: false,
        }
    }
}

//! A directory that is sent, entry by entry.

use wharf_vfs::{Batch, Listing, Metadata, Store, VPath};

use crate::failure::Failure;

/// A directory under way.
pub(super) struct Level {
    pub(super) path: VPath,
    listing: Option<Box<dyn Listing>>,
    /// The next entries, the first of them last.
    entries: Vec<Found>,
    pub(super) failure: Option<Failure>,
}

/// An entry, kept beyond its batch.
type Found = (Box<[u8]>, Metadata);

impl Level {
    pub(super) const fn new(path: VPath, listing: Box<dyn Listing>) -> Self {
        Self {
            path,
            listing: Some(listing),
            entries: Vec::new(),
            failure: None,
        }
    }

    /// The next entry; `None` at the end, and when no more can be read.
    pub(super) async fn next(&mut self) -> Option<Found> {
        loop {
            if let Some(entry) = self.entries.pop() {
                return Some(entry);
            }
            let listing = self.listing.take()?;
            match Store::next_batch(listing, Batch::new()).await {
                Ok((listing, batch, true)) => {
                    self.listing = Some(listing);
                    let kept = |entry: wharf_vfs::Entry<'_>| (entry.name.into(), *entry.metadata);
                    self.entries.extend(batch.iter().map(kept));
                    self.entries.reverse();
                }
                Ok((_, _, false)) => return None,
                Err(error) => {
                    self.failure = Some(error.into());
                    return None;
                }
            }
        }
    }
}

//! What the administrator chooses about a local store.

use std::time::Duration;

use crate::upload::Durability;

/// How a local folder is offered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalOptions {
    /// The largest file, in bytes, that is copied so that an upload can continue or change it
    /// without touching the published version. Where the file system shares blocks (Btrfs, XFS) nothing
    /// is copied and nothing is limited.
    pub clone_limit: u64,
    /// How long a broken upload waits for its resume.
    pub partial_ttl: Duration,
    /// Whether symbolic links are followed, always inside the root. `false` for anonymous users.
    pub follow_symlinks: bool,
    /// How many broken uploads of one principal are kept; further ones are thrown away.
    pub partials_per_principal: usize,
    /// Whether a rename waits until it is on the disk: `Full` does. Some clients publish by it.
    pub rename_durability: Durability,
}

impl Default for LocalOptions {
    fn default() -> Self {
        Self {
            clone_limit: 1 << 30,
            partial_ttl: Duration::from_secs(24 * 3600),
            follow_symlinks: true,
            partials_per_principal: 256,
            rename_durability: Durability::Full,
        }
    }
}

//! Work that takes a thread for long: hashes and copies of whole files.

use tokio::sync::Semaphore;

use super::Engine;
use super::file::blocking;
use crate::failure::Failure;

/// In the whole process; logins and short work need threads, too.
static THREADS: Semaphore = Semaphore::const_new(16);

/// Of one channel at a time; more of them wait like everything that must.
const OF_A_CHANNEL: usize = 2;

impl Engine {
    /// Whether more long work must wait.
    pub(super) const fn has_long_work(&self) -> bool {
        self.long >= OF_A_CHANNEL
    }
}

/// Work on a thread that may block for as long as it likes, when its turn comes.
pub(super) async fn at_length<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    // It is never closed.
    let _turn = THREADS.acquire().await;
    blocking(work).await
}

//! Work that takes a thread for long: hashes and copies of whole files.

use std::sync::atomic::Ordering;

use tokio::sync::Semaphore;

use super::file::blocking;
use super::{Engine, MOST_OF_AN_ANSWER};
use crate::failure::Failure;

/// In the whole process; logins and short work need threads, too.
static THREADS: Semaphore = Semaphore::const_new(16);

/// Of one session at a time; more of them wait like everything that must.
const OF_A_SESSION: usize = 2;

impl Engine {
    /// Whether more long work must wait.
    pub(super) fn has_long_work(&self) -> bool {
        self.shares.long.load(Ordering::Acquire) >= OF_A_SESSION
    }

    pub(super) fn begin_long_work(&mut self) {
        self.shares.long.fetch_add(1, Ordering::AcqRel);
        self.long += 1;
        self.expected += MOST_OF_AN_ANSWER;
    }

    pub(super) fn end_long_work(&mut self) {
        self.shares.long.fetch_sub(1, Ordering::AcqRel);
        self.long -= 1;
        self.expected -= MOST_OF_AN_ANSWER;
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.end();
        // What is under way stops soon, and nobody counts it any more.
        self.shares.long.fetch_sub(self.long, Ordering::AcqRel);
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

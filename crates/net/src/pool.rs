//! Transfer buffers, from one bounded pool: the memory limit of all transfers together.

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, LazyLock, Mutex};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::sync::locked;

/// Capacity of one buffer, in bytes.
pub const BUFFER_BYTES: usize = 256 * 1024;

/// Bytes all transfer buffers of the process may take together: 128 MiB, 512 buffers.
pub const POOL_BYTES: usize = 128 * 1024 * 1024;

/// Buffers kept when nothing is being transferred: 2 MiB.
const KEPT_IDLE: usize = 8;

/// A bounded set of buffers. Clones share it.
#[derive(Debug, Clone)]
pub struct BufferPool(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    buffers: usize,
    permits: Arc<Semaphore>,
    idle: Mutex<Vec<Vec<u8>>>,
}

impl BufferPool {
    /// A pool of at most `bytes`, rounded down to whole buffers, but never less than one.
    #[must_use]
    pub fn new(bytes: usize) -> Self {
        let buffers = (bytes / BUFFER_BYTES).clamp(1, Semaphore::MAX_PERMITS);
        Self(Arc::new(Inner {
            buffers,
            permits: Arc::new(Semaphore::new(buffers)),
            idle: Mutex::new(Vec::new()),
        }))
    }

    /// The pool of the process, of [`POOL_BYTES`].
    #[must_use]
    pub fn shared() -> &'static Self {
        static SHARED: LazyLock<BufferPool> = LazyLock::new(|| BufferPool::new(POOL_BYTES));
        &SHARED
    }

    /// An empty buffer of [`BUFFER_BYTES`] capacity. Waits, in order of arrival, while all are
    /// in use: a transfer that gets none reads nothing, and TCP holds its peer back.
    pub async fn acquire(&self) -> PooledBuffer {
        match Arc::clone(&self.0.permits).acquire_owned().await {
            Ok(permit) => self.buffer(permit),
            // The semaphore is never closed.
            Err(_) => std::future::pending().await,
        }
    }

    /// An empty buffer if one is free at once.
    #[must_use]
    pub fn try_acquire(&self) -> Option<PooledBuffer> {
        let permit = Arc::clone(&self.0.permits).try_acquire_owned().ok()?;
        Some(self.buffer(permit))
    }

    /// Buffers handed out now.
    #[must_use]
    pub fn in_use(&self) -> usize {
        self.0.buffers - self.0.permits.available_permits()
    }

    /// Bytes the pool holds for buffers that nobody uses.
    #[must_use]
    pub fn idle_bytes(&self) -> usize {
        locked(&self.0.idle).len() * BUFFER_BYTES
    }

    fn buffer(&self, permit: OwnedSemaphorePermit) -> PooledBuffer {
        let idle = locked(&self.0.idle).pop();
        PooledBuffer {
            data: idle.unwrap_or_else(|| Vec::with_capacity(BUFFER_BYTES)),
            pool: self.clone(),
            _permit: permit,
        }
    }
}

/// A buffer of a [`BufferPool`], given back when dropped. Its bytes are not wiped.
#[derive(Debug)]
pub struct PooledBuffer {
    data: Vec<u8>,
    pool: BufferPool,
    _permit: OwnedSemaphorePermit,
}

impl Deref for PooledBuffer {
    type Target = Vec<u8>;

    fn deref(&self) -> &Vec<u8> {
        &self.data
    }
}

impl DerefMut for PooledBuffer {
    fn deref_mut(&mut self) -> &mut Vec<u8> {
        &mut self.data
    }
}

impl Drop for PooledBuffer {
    fn drop(&mut self) {
        let mut data = std::mem::take(&mut self.data);
        data.clear();
        // As many stay as are in use: a busy pool allocates nothing, an idle one gives back.
        let keep = KEPT_IDLE.max(self.pool.in_use());
        let mut idle = locked(&self.pool.0.idle);
        if data.capacity() <= BUFFER_BYTES * 2 {
            idle.push(data);
        }
        let kept = keep.min(idle.len());
        let freed = idle.split_off(kept);
        drop(idle);
        drop(freed);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    #[tokio::test]
    async fn an_exhausted_pool_waits_instead_of_allocating() {
        let pool = BufferPool::new(2 * BUFFER_BYTES);
        let first = pool.acquire().await;
        let _second = pool.acquire().await;
        assert!(pool.try_acquire().is_none());
        let mut third = Box::pin(pool.acquire());
        assert!(
            timeout(Duration::from_millis(20), &mut third)
                .await
                .is_err()
        );
        drop(first);
        let third = timeout(Duration::from_secs(5), third).await.unwrap();
        assert!(third.is_empty());
        assert_eq!(third.capacity(), BUFFER_BYTES);
        assert_eq!(pool.in_use(), 2);
    }

    #[tokio::test]
    async fn an_idle_pool_gives_its_memory_back() {
        let pool = BufferPool::new(100 * BUFFER_BYTES);
        let mut buffers = Vec::new();
        for _ in 0..100 {
            buffers.push(pool.acquire().await);
        }
        drop(buffers);
        assert_eq!(pool.in_use(), 0);
        assert!(pool.idle_bytes() <= KEPT_IDLE * BUFFER_BYTES);
        assert!(pool.idle_bytes() > 0);
    }

    #[tokio::test]
    async fn a_returned_buffer_comes_back_empty_and_not_grown() {
        let pool = BufferPool::new(BUFFER_BYTES);
        let mut buffer = pool.acquire().await;
        buffer.extend_from_slice(&[7; 10 * BUFFER_BYTES]);
        drop(buffer);
        let mut buffer = pool.acquire().await;
        assert_eq!(buffer.capacity(), BUFFER_BYTES);
        buffer.push(1);
        drop(buffer);
        assert!(pool.acquire().await.is_empty());
    }
}

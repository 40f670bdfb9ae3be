//! A session's claim to a passive port.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use super::slot::{Look, Slot};
use super::table::Pool;
use crate::data::DataConnection;
use crate::socket::Direction;

/// Strangers remembered until somebody asks for them.
const STRANGERS: usize = 16;

/// Connections looked at before the task lets others run.
const LOOKS: usize = 32;

/// Why no data connection was accepted.
#[derive(Debug, thiserror::Error)]
pub enum AcceptError {
    /// Nothing came from the peer in time.
    #[error("no data connection arrived in time")]
    TimedOut,
    /// The system refused: most likely no descriptor is left.
    #[error("cannot accept the data connection: {0}")]
    Io(#[from] io::Error),
}

/// A passive port that waits for one peer. Dropped, it gives the port back at once.
#[must_use = "a dropped listener closes its port"]
pub struct PassiveListener {
    pool: Arc<Pool>,
    slot: Option<Arc<Slot>>,
    peer: IpAddr,
    strangers: Vec<SocketAddr>,
}

impl PassiveListener {
    pub(super) const fn new(pool: Arc<Pool>, slot: Arc<Slot>, peer: IpAddr) -> Self {
        Self {
            pool,
            slot: Some(slot),
            peer,
            strangers: Vec::new(),
        }
    }

    /// The port listened on.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.slot.as_ref().map_or(0, |slot| slot.port())
    }

    /// Waits at most `wait` for the peer's connection. Connections of other addresses are reset,
    /// without a byte, and waiting goes on (security P4).
    ///
    /// # Errors
    /// [`AcceptError::TimedOut`], or [`AcceptError::Io`] when the process is out of descriptors.
    pub async fn accept(&mut self, wait: Duration) -> Result<DataConnection, AcceptError> {
        if let Some(connection) = self.sweep()? {
            return Ok(connection);
        }
        match timeout(wait, self.arrival()).await {
            Ok(arrived) => Ok(arrived?),
            Err(_) => Err(AcceptError::TimedOut),
        }
    }

    /// The peer's connection, if it is there already. Does not wait, and does not touch the
    /// reactor; what goes wrong shows again in [`accept`](Self::accept).
    pub fn try_accept(&mut self) -> Option<DataConnection> {
        self.sweep().ok().flatten()
    }

    /// The connections of other addresses that were closed since the last call, at most 16.
    pub fn take_strangers(&mut self) -> Vec<SocketAddr> {
        std::mem::take(&mut self.strangers)
    }

    #[cfg(test)]
    pub(super) fn slot_for_test(&self) -> Arc<Slot> {
        self.slot.clone().unwrap()
    }

    async fn arrival(&mut self) -> io::Result<DataConnection> {
        let Some(slot) = self.slot.clone() else {
            return Err(io::ErrorKind::NotConnected.into());
        };
        loop {
            // Listening for a handover begins before the look, or one in between would be missed.
            let mut handed_over = std::pin::pin!(slot.handed_over().notified());
            handed_over.as_mut().enable();
            if let Some(connection) = self.sweep()? {
                return Ok(connection);
            }
            tokio::select! {
                () = handed_over => {}
                ready = slot.socket().wait(Direction::Receive) => ready?,
            }
        }
    }

    fn sweep(&mut self) -> io::Result<Option<DataConnection>> {
        let Some(slot) = &self.slot else {
            return Ok(None);
        };
        for _ in 0..LOOKS {
            match slot.look(self.peer)? {
                Look::Mine(connection) => return Ok(Some(connection)),
                Look::Stranger(address) if self.strangers.len() < STRANGERS => {
                    self.strangers.push(address);
                }
                Look::Stranger(_) | Look::NotMine => {}
                Look::Empty => break,
            }
        }
        Ok(None)
    }
}

impl Drop for PassiveListener {
    fn drop(&mut self) {
        if let Some(slot) = self.slot.take() {
            self.pool.release(slot, self.peer);
        }
    }
}

impl fmt::Debug for PassiveListener {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("PassiveListener")
            .field("port", &self.port())
            .field("peer", &self.peer)
            .finish_non_exhaustive()
    }
}

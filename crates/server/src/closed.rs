//! The end of a session, recorded however it comes.

use std::net::SocketAddr;
use std::sync::Arc;

use crate::event::What;
use crate::shared::Shared;

/// Records the end of a session, also when its task panicked.
pub(crate) struct Closed {
    shared: Arc<Shared>,
    session: u64,
    peer: SocketAddr,
    pub(crate) reason: &'static str,
}

impl Closed {
    /// Records that a connection was taken in, and its end when this is dropped.
    pub(crate) fn entered(shared: &Arc<Shared>, session: u64, peer: SocketAddr) -> Self {
        shared.tell_of(session, peer, None, What::Connected);
        Self {
            shared: shared.clone(),
            session,
            peer,
            reason: "cut off",
        }
    }
}

impl Drop for Closed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.reason = "panic";
            tracing::error!(
                session = self.session,
                "a session ended by a fault of the program"
            );
        }
        let closed = What::Closed {
            reason: self.reason,
        };
        self.shared.tell_of(self.session, self.peer, None, closed);
    }
}

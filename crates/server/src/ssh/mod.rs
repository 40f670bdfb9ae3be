//! The SSH front-end: one task for each connection; SFTP and SCP run in its channels.

mod channel;
mod connection;
mod end;
mod input;
mod login;
mod outlet;
mod prove;
mod requests;
mod setup;

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpStream;
use wharf_net::limits::Permit;

pub(crate) use self::outlet::Outlet;
pub(crate) use self::setup::{Ssh, stamps};

use crate::closed::Closed;
use crate::failure::Failure;
use crate::shared::Shared;

/// Serves one connection to its end.
pub(crate) async fn serve(
    shared: Arc<Shared>,
    stream: TcpStream,
    peer: SocketAddr,
    permit: Permit,
) {
    let guard = shared.registry.enter(peer);
    let mut closed = Closed::entered(&shared, guard.handle.id, peer);
    // Boxed by parts: what waits for the next packet is all an idle session keeps.
    let Some(mut connection) = connection::Connection::new(shared, stream, guard, permit) else {
        closed.reason = "gone";
        return;
    };
    closed.reason = connection.run().await;
}

/// The line a connection is refused with before the version exchange (RFC 4253 §4.2 lets a server
/// send some).
pub(crate) fn farewell_line(failure: &Failure) -> Vec<u8> {
    format!("{}\r\n", failure.told()).into_bytes()
}

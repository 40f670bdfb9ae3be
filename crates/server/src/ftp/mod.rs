//! The FTP front-end: one task for each control connection.

mod codes;
mod connect;
mod control;
mod entries;
mod jobs;
mod lister;
mod login;
mod perform;
mod prepare;
mod secure;
mod transfer;

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpStream;
use wharf_ftp::reply::Reply;
use wharf_net::limits::Permit;

use crate::closed::Closed;
use crate::config::ListenerConfig;
use crate::failure::Failure;
use crate::shared::Shared;

/// Serves one control connection to its end.
pub(crate) async fn serve(
    shared: Arc<Shared>,
    listener: Arc<ListenerConfig>,
    stream: TcpStream,
    peer: SocketAddr,
    permit: Permit,
) {
    let guard = shared.registry.enter(peer);
    let mut closed = Closed::entered(&shared, guard.handle.id, peer);
    // Boxed by parts: what waits for the next command is all an idle session keeps.
    let Some(mut connection) = control::Connection::new(shared, listener, stream, guard, permit)
    else {
        closed.reason = "gone";
        return;
    };
    closed.reason = connection.run().await;
}

/// The line a connection is refused or ended with before or outside its dialogue.
pub(crate) fn farewell_line(failure: &Failure) -> Vec<u8> {
    let mut line = Vec::new();
    Reply::line(codes::code(failure.kind), failure.told()).encode_into(&mut line);
    line
}

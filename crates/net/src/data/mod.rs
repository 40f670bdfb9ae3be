//! Data connections and the bytes that cross them.
//!
//! Bytes move in *bursts* on blocking threads, where a file may be waited for. A burst goes on
//! while the peer keeps up; when the peer falls behind, the thread and (for what is received) the
//! buffer are given back, and a task waits for the socket, for as long as the stall timeout says.

mod burst;
mod control;
mod file;
mod receive;
mod send;
mod tls;

use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use rustix::net::{RecvFlags, SendFlags, Shutdown, recv, send};

use crate::listener::canonical;
use crate::socket::{Direction, LazySocket, reset_on_close};

pub use control::{TransferControl, TransferError};
pub use receive::Sink;
pub use send::Source;
pub use tls::{DataRole, DataTls, Protected};

/// What a peer sent that nobody wanted, read away at the end so that our close is no reset.
const SCRAP_BYTES: usize = 64 * 1024;

/// How long the peer may take to read the rest and end its side, where that is waited for.
const LINGER: Duration = Duration::from_secs(60);

/// What it may send meanwhile: tickets, and its own end.
const LINGER_READS: usize = 64;

/// A data connection: a nonblocking socket that meets the reactor only when somebody waits.
///
/// Dropped after a transfer that failed, was cancelled or was abandoned, it is reset, so that the
/// peer cannot take the end for the end of the file; dropped otherwise, it is closed.
#[derive(Debug)]
pub struct DataConnection {
    socket: Option<LazySocket>,
    peer: SocketAddr,
    unfinished: bool,
    tls: Option<Box<tls::Encryption>>,
    /// The peer may still send something that nobody reads, which would turn our close into a
    /// reset: it is waited for.
    lingers: bool,
}

impl DataConnection {
    pub(crate) fn new(socket: OwnedFd, peer: SocketAddr) -> Self {
        Self::from_lazy(LazySocket::new(socket), peer)
    }

    pub(crate) const fn from_lazy(socket: LazySocket, peer: SocketAddr) -> Self {
        Self {
            socket: Some(socket),
            peer,
            unfinished: false,
            tls: None,
            lingers: false,
        }
    }

    /// Takes over a connected stream.
    ///
    /// # Errors
    /// `NotConnected` when the stream has no peer any more.
    pub fn from_std(stream: std::net::TcpStream) -> io::Result<Self> {
        let peer = canonical(stream.peer_addr()?);
        stream.set_nonblocking(true)?;
        Ok(Self::new(stream.into(), peer))
    }

    /// The other end, in [`canonical`] form.
    #[must_use]
    pub const fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// Sends what the socket takes at once: for small files, without a thread.
    ///
    /// # Errors
    /// `WouldBlock` when it takes nothing; else the connection is broken.
    pub fn try_send(&self, bytes: &[u8]) -> io::Result<usize> {
        let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
        Ok(send(self.socket()?.descriptor(), bytes, flags)?)
    }

    /// Receives what has already arrived; 0 is the clean end.
    ///
    /// # Errors
    /// `WouldBlock` when nothing has; else the connection is broken.
    pub fn try_receive(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let received = recv(self.socket()?.descriptor(), buffer, RecvFlags::DONTWAIT)?;
        Ok(received.0)
    }

    /// Ends the connection in order: everything sent is delivered, then a FIN. Does not wait
    /// for the peer.
    ///
    /// # Errors
    /// The reset that ended the connection before.
    pub async fn finish(mut self) -> io::Result<()> {
        let Some(socket) = self.socket.take() else {
            return Ok(());
        };
        if self.lingers {
            return linger(&socket).await;
        }
        // A close with unread bytes is a reset, which could overtake what the peer has not read.
        let mut scrap = [0; 4096];
        for _ in 0..SCRAP_BYTES / scrap.len() {
            match recv(socket.descriptor(), &mut scrap, RecvFlags::DONTWAIT) {
                Ok((0, _)) | Err(rustix::io::Errno::AGAIN) => break,
                Ok(_) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Ends the connection with a reset: the peer sees that the data are not whole.
    pub fn abort(mut self) {
        self.reset();
    }

    pub(super) fn reset(&mut self) {
        if let Some(socket) = self.socket.take() {
            reset_on_close(socket.descriptor());
        }
    }

    fn socket(&self) -> io::Result<&LazySocket> {
        let closed = || io::Error::from(io::ErrorKind::NotConnected);
        self.socket.as_ref().ok_or_else(closed)
    }

    fn descriptor(&self) -> io::Result<&Arc<OwnedFd>> {
        self.socket().map(LazySocket::descriptor)
    }
}

/// Ends our side, and reads what comes until the peer has ended its own.
async fn linger(socket: &LazySocket) -> io::Result<()> {
    rustix::net::shutdown(socket.descriptor(), Shutdown::Write)?;
    let ending = async {
        let mut scrap = [0; 4096];
        for _ in 0..LINGER_READS {
            match recv(socket.descriptor(), &mut scrap, RecvFlags::DONTWAIT) {
                Ok((0, _)) => return Ok(()),
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(rustix::io::Errno::AGAIN) => socket.wait(Direction::Receive).await?,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    };
    match tokio::time::timeout(LINGER, ending).await {
        Ok(ended) => ended,
        Err(_) => Err(io::ErrorKind::TimedOut.into()),
    }
}

impl Drop for DataConnection {
    fn drop(&mut self) {
        if self.unfinished {
            self.reset();
        }
    }
}

#[cfg(test)]
mod tests;

//! Accepting connections, whatever happens.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use rustix::event::{EventfdFlags, eventfd};
use rustix::io::Errno;
use rustix::net::{SocketFlags, accept_with, acceptfrom_with};
use socket2::{Domain, Socket, TcpKeepalive, Type};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::net::TcpStream;

use crate::meter::Throttle;
use crate::refuse::say_and_end;
use crate::sync::locked;
use crate::sys::watch;

/// Connections the kernel may hold for us; beyond that it lets clients hang without a word, the
/// worst outcome of an overload. The kernel caps it at `net.core.somaxconn`.
const BACKLOG: i32 = 4096;

/// After this long without a byte the kernel asks whether the peer is still there.
const KEEPALIVE: Duration = Duration::from_secs(60);

/// A pause after an error that would come again at once, so that no error can make us spin.
const BREATH: Duration = Duration::from_millis(100);

const ACCEPT_FLAGS: SocketFlags = SocketFlags::NONBLOCK.union(SocketFlags::CLOEXEC);

/// A listening socket whose accepted connections have `TCP_NODELAY`, `SO_OOBINLINE` (so that the
/// `IAC DM` of an urgent `ABOR` is read in its place, RFC 959 4.1.3) and keepalive. They are to be
/// read with [`control::read`](crate::control::read).
#[derive(Debug)]
pub struct Listener {
    socket: AsyncFd<Arc<OwnedFd>>,
    local: SocketAddr,
    spare: Mutex<Option<OwnedFd>>,
    full_message: Arc<[u8]>,
}

impl Listener {
    /// Listens on `address`; port 0 takes a free one, and `[::]` takes IPv4 clients too.
    ///
    /// # Errors
    /// Those of socket(2), bind(2) and listen(2): `AddrInUse`, `PermissionDenied` below port
    /// 1024, `AddrNotAvailable`. Must be called inside a tokio runtime.
    pub fn bind(address: SocketAddr) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
        socket.set_nonblocking(true)?;
        socket.set_reuse_address(true)?;
        if address.is_ipv6() && address.ip().is_unspecified() {
            socket.set_only_v6(false)?;
        }
        // Linux hands these down to what is accepted: no call for each connection.
        socket.set_tcp_nodelay(true)?;
        socket.set_out_of_band_inline(true)?;
        socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEPALIVE))?;
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        let local = socket
            .local_addr()?
            .as_socket()
            .ok_or_else(|| io::Error::from(io::ErrorKind::Unsupported))?;
        Ok(Self {
            socket: watch(Arc::new(socket.into()), Interest::READABLE)?,
            local,
            spare: Mutex::new(spare_descriptor()),
            full_message: Arc::from([]),
        })
    }

    /// What a client is told when the process has no descriptor left for it; nothing by default.
    #[must_use]
    pub fn with_full_message(mut self, message: impl Into<Arc<[u8]>>) -> Self {
        self.full_message = message.into();
        self
    }

    /// The address and port listened on.
    #[must_use]
    pub const fn local_addr(&self) -> SocketAddr {
        self.local
    }

    /// The next connection and its peer, in [`canonical`] form.
    ///
    /// Never fails. A connection that died before it was taken is skipped (security R6). With no
    /// descriptor left, clients get the full message and are closed (security R15).
    pub async fn accept(&self) -> (TcpStream, SocketAddr) {
        loop {
            let Ok(mut guard) = self.socket.readable().await else {
                // The reactor is shutting down, and this task with it.
                return std::future::pending().await;
            };
            match self.take_one() {
                Taken::Connection(stream, peer) => return (stream, peer),
                Taken::Nothing => guard.clear_ready(),
                Taken::Lost => {}
                Taken::OutOfMeans => {
                    drop(guard);
                    tokio::time::sleep(BREATH).await;
                }
            }
        }
    }

    fn take_one(&self) -> Taken {
        match acceptfrom_with(self.socket.get_ref(), ACCEPT_FLAGS) {
            Ok((socket, Some(peer))) => match SocketAddr::try_from(peer) {
                Ok(peer) => adopt(socket, canonical(peer)),
                Err(_) => Taken::Lost,
            },
            Ok((_, None)) => Taken::Lost,
            Err(Errno::AGAIN) => Taken::Nothing,
            Err(error @ (Errno::MFILE | Errno::NFILE)) => self.turn_one_away(error),
            Err(error) if is_of_the_peer(error) => Taken::Lost,
            Err(error) => out_of_means(error),
        }
    }

    /// Without a descriptor a connection can be neither taken nor refused: it would stay in the
    /// queue and report itself for ever. So one descriptor is kept aside and lent to it.
    fn turn_one_away(&self, error: Errno) -> Taken {
        let mut spare = locked(&self.spare);
        if spare.take().is_none() {
            *spare = spare_descriptor();
            return out_of_means(error);
        }
        let taken = match accept_with(self.socket.get_ref(), ACCEPT_FLAGS) {
            Ok(socket) => {
                say_and_end(&socket, &self.full_message);
                if let Some(held_back) = COMPLAINTS.pass() {
                    tracing::warn!(%error, held_back, "no descriptor left: a client was turned away");
                }
                Taken::Lost
            }
            Err(Errno::AGAIN) => Taken::Nothing,
            Err(error) if is_of_the_peer(error) => Taken::Lost,
            Err(error) => out_of_means(error),
        };
        *spare = spare_descriptor();
        taken
    }
}

/// The same address with an IPv4-mapped IPv6 form (`::ffff:192.0.2.1`, what a dual-stack socket
/// reports for IPv4 peers) turned into IPv4.
#[must_use]
pub fn canonical(address: SocketAddr) -> SocketAddr {
    match address.ip().to_canonical() {
        v4 @ IpAddr::V4(_) => SocketAddr::new(v4, address.port()),
        IpAddr::V6(_) => address,
    }
}

enum Taken {
    Connection(TcpStream, SocketAddr),
    Nothing,
    Lost,
    OutOfMeans,
}

fn adopt(socket: OwnedFd, peer: SocketAddr) -> Taken {
    match TcpStream::from_std(socket.into()) {
        Ok(stream) => Taken::Connection(stream, peer),
        // No room in the reactor; the connection is closed with the socket.
        Err(error) => {
            complain(&error);
            Taken::OutOfMeans
        }
    }
}

/// Errors that concern the one connection only (accept(2), "Error handling").
fn is_of_the_peer(error: Errno) -> bool {
    matches!(
        error,
        Errno::CONNABORTED
            | Errno::INTR
            | Errno::PROTO
            | Errno::PERM
            | Errno::NETDOWN
            | Errno::NETUNREACH
            | Errno::HOSTDOWN
            | Errno::HOSTUNREACH
            | Errno::NONET
            | Errno::NOPROTOOPT
            | Errno::OPNOTSUPP
            | Errno::TIMEDOUT
            | Errno::CONNRESET
    )
}

fn out_of_means(error: Errno) -> Taken {
    complain(&error.into());
    Taken::OutOfMeans
}

static COMPLAINTS: LazyLock<Throttle> = LazyLock::new(|| Throttle::new(1));

fn complain(error: &io::Error) {
    if let Some(held_back) = COMPLAINTS.pass() {
        tracing::warn!(%error, held_back, "cannot accept connections");
    }
}

fn spare_descriptor() -> Option<OwnedFd> {
    eventfd(0, EventfdFlags::CLOEXEC).ok()
}

#[cfg(test)]
mod tests;

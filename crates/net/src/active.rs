//! Active data connections: the server connects to the client (RFC 959 `PORT`, RFC 2428 `EPRT`).

use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::sockopt::socket_error;
use tokio::time::timeout;

use crate::data::DataConnection;
use crate::listener::canonical;
use crate::socket::{Direction, LazySocket, bound};

/// Below this, a port belongs to a service and not to a client's data connection.
const LOWEST_PORT: u16 = 1024;

/// RFC 959 8: the server's end of an active data connection, one below the control port.
const DATA_PORT: u16 = 20;

/// Why an address given with `PORT` or `EPRT` is not connected to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ActiveRefused {
    /// Not the address the control connection comes from: the FTP bounce (security P1).
    #[error("the address is not the one of the control connection")]
    ForeignAddress,
    /// A port below 1024, even on the client's own address (security P2).
    #[error("the port is below {LOWEST_PORT}")]
    LowPort,
}

/// Whether a client at `peer` may have a data connection made to `target`.
///
/// # Errors
/// [`ActiveRefused`]; IPv4-mapped forms count as the IPv4 address they stand for.
pub fn check_active(peer: IpAddr, target: SocketAddr) -> Result<(), ActiveRefused> {
    if peer.to_canonical() != target.ip().to_canonical() {
        Err(ActiveRefused::ForeignAddress)
    } else if target.port() < LOWEST_PORT {
        Err(ActiveRefused::LowPort)
    } else {
        Ok(())
    }
}

/// Whether a client at `peer` who may transfer from server to server may have a data connection
/// made to `target`: to other machines, but to none that the client itself could not reach, and not
/// to this one (security P1).
///
/// # Errors
/// [`ActiveRefused`].
pub fn check_between_servers(peer: IpAddr, target: SocketAddr) -> Result<(), ActiveRefused> {
    let (peer, address) = (peer.to_canonical(), target.ip().to_canonical());
    // On one machine everything can be reached anyway.
    let reachable = is_elsewhere(address) || peer.is_loopback() && address.is_loopback();
    if peer == address || !reachable {
        return check_active(peer, target);
    }
    if is_private(address) && !is_private(peer) {
        return Err(ActiveRefused::ForeignAddress);
    }
    if target.port() < LOWEST_PORT {
        return Err(ActiveRefused::LowPort);
    }
    Ok(())
}

/// Whether the address is one of another machine that can be connected to.
fn is_elsewhere(address: IpAddr) -> bool {
    let special = match address {
        // This network (0/8) and what is reserved (240/4) are nobody's.
        IpAddr::V4(v4) => v4.is_link_local() || v4.octets()[0] == 0 || v4.octets()[0] >= 240,
        IpAddr::V6(v6) => v6.is_unicast_link_local(),
    };
    let own = || UdpSocket::bind((address, 0)).is_ok();
    !(special
        || address.is_loopback()
        || address.is_unspecified()
        || address.is_multicast()
        || own())
}

/// Whether the address is reached from a private network only.
fn is_private(address: IpAddr) -> bool {
    match address {
        // 100.64/10 is a carrier's own (RFC 6598), and clouds have their services there; fec0::/10
        // was meant for sites (RFC 3879).
        IpAddr::V4(v4) => {
            let [first, second, ..] = v4.octets();
            v4.is_private() || v4.is_loopback() || first == 100 && second & 0xC0 == 64
        }
        IpAddr::V6(v6) => {
            v6.is_unique_local() || v6.is_loopback() || v6.segments()[0] & 0xFFC0 == 0xFEC0
        }
    }
}

/// Connects to `to` from `local`, the address the control connection came in on, within `wait`;
/// from port 20 if that is wanted and the process may bind it, else from a port of the kernel's.
///
/// # Errors
/// Those of connect(2), and `TimedOut` after `wait`.
pub async fn connect(
    local: IpAddr,
    port20: bool,
    to: SocketAddr,
    wait: Duration,
) -> io::Result<DataConnection> {
    let (local, to) = (local.to_canonical(), canonical(to));
    let connecting = async {
        if port20 && let Ok(socket) = bound(SocketAddr::new(local, DATA_PORT)) {
            match established(socket, to).await {
                // The last connection between these two ports is not forgotten yet.
                Err(error) if error.kind() == io::ErrorKind::AddrNotAvailable => {}
                outcome => return outcome,
            }
        }
        established(bound(SocketAddr::new(local, 0))?, to).await
    };
    timeout(wait, connecting)
        .await
        .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

async fn established(socket: OwnedFd, to: SocketAddr) -> io::Result<DataConnection> {
    let socket = LazySocket::new(socket);
    match rustix::net::connect(socket.descriptor(), &to) {
        Ok(()) => {}
        Err(Errno::INPROGRESS | Errno::INTR) => {
            socket.wait(Direction::Send).await?;
            socket_error(socket.descriptor())??;
        }
        Err(error) => return Err(error.into()),
    }
    Ok(DataConnection::from_lazy(socket, to))
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    const WAIT: Duration = Duration::from_secs(10);

    fn address(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn p1_between_servers_goes_to_no_machine_the_client_could_not_reach() {
        let foreign = Err(ActiveRefused::ForeignAddress);
        let check = |peer, target| check_between_servers(ip(peer), address(target));
        for target in [
            "127.0.0.1:8080",
            "[::ffff:127.0.0.1]:8080",
            "[::1]:8080",
            "0.0.0.0:8080",
            "169.254.169.254:8080",
            "[fe80::1]:8080",
            "224.0.0.1:8080",
            "10.0.0.1:8080",
            "192.168.1.1:8080",
            "[fd00::77]:8080",
            "[fec0::77]:8080",
            "100.100.100.200:8080",
            "0.0.0.1:8080",
            "240.0.0.1:8080",
        ] {
            assert_eq!(check("198.51.100.1", target), foreign, "{target}");
        }
        assert_eq!(check("198.51.100.1", "203.0.113.9:8080"), Ok(()));
        assert_eq!(check("10.0.0.1", "192.168.1.1:8080"), Ok(()));
        assert_eq!(check("10.0.0.1", "127.0.0.1:8080"), foreign);
        assert_eq!(check("127.0.0.1", "127.0.0.2:8080"), Ok(()));
        let low = Err(ActiveRefused::LowPort);
        assert_eq!(check("198.51.100.1", "203.0.113.9:25"), low);
        assert_eq!(check("127.0.0.1", "127.0.0.2:25"), low);
    }

    #[test]
    fn p1_only_the_clients_own_address() {
        let foreign = Err(ActiveRefused::ForeignAddress);
        assert_eq!(
            check_active(ip("127.0.0.1"), address("10.0.0.1:8080")),
            foreign
        );
        assert_eq!(
            check_active(ip("127.0.0.1"), address("[::1]:8080")),
            foreign
        );
        assert_eq!(check_active(ip("::1"), address("[::2]:8080")), foreign);
        assert_eq!(
            check_active(ip("10.0.0.1"), address("10.0.0.1:8080")),
            Ok(())
        );
        assert_eq!(
            check_active(ip("::ffff:10.0.0.1"), address("10.0.0.1:1024")),
            Ok(())
        );
        assert_eq!(
            check_active(ip("10.0.0.1"), address("[::ffff:10.0.0.1]:1024")),
            Ok(())
        );
    }

    #[test]
    fn p2_no_port_of_a_service() {
        let low = Err(ActiveRefused::LowPort);
        assert_eq!(check_active(ip("127.0.0.1"), address("127.0.0.1:22")), low);
        assert_eq!(
            check_active(ip("127.0.0.1"), address("127.0.0.1:1023")),
            low
        );
        assert_eq!(
            check_active(ip("127.0.0.1"), address("127.0.0.1:1024")),
            Ok(())
        );
    }

    #[tokio::test]
    async fn the_connection_leaves_from_the_address_of_the_control_connection() {
        let client = TcpListener::bind("127.0.0.1:0").unwrap();
        let to = client.local_addr().unwrap();
        let connection = connect(ip("127.0.0.3"), false, to, WAIT).await.unwrap();
        assert_eq!(connection.peer(), to);
        let (_stream, from) = client.accept().unwrap();
        assert_eq!(from.ip(), ip("127.0.0.3"));
        let mapped = connect(ip("::ffff:127.0.0.3"), false, to, WAIT).await;
        assert!(mapped.is_ok());
    }

    #[tokio::test]
    async fn port_20_where_it_may_be_bound_and_another_where_not() {
        let client = TcpListener::bind("127.0.0.1:0").unwrap();
        let to = client.local_addr().unwrap();
        let may = bound(address("127.0.0.4:20")).is_ok();
        let _first = connect(ip("127.0.0.4"), true, to, WAIT).await.unwrap();
        let from = client.accept().unwrap().1;
        assert_eq!(from.port() == DATA_PORT, may);
        // The same two ports are taken now, so the second comes from elsewhere.
        let _second = connect(ip("127.0.0.4"), true, to, WAIT).await.unwrap();
        let from = client.accept().unwrap().1;
        assert_eq!(from.ip(), ip("127.0.0.4"));
        assert_ne!(from.port(), DATA_PORT);
    }

    #[tokio::test]
    async fn a_port_nobody_listens_on_refuses() {
        let closed = {
            let client = TcpListener::bind("127.0.0.1:0").unwrap();
            client.local_addr().unwrap()
        };
        let error = connect(ip("127.0.0.1"), false, closed, WAIT)
            .await
            .unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    }
}

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::Mutex;
use std::time::Duration;

use rustix::net::sockopt;
use socket2::{Domain, Socket, Type};

use super::*;
use crate::data::DataConnection;
use crate::random::Random;
use crate::sync::locked;

const LONG: Duration = Duration::from_secs(20);
const SHORT: Duration = Duration::from_millis(30);

/// A loopback address of this test's own: its ports are nobody else's.
fn own_address() -> IpAddr {
    let mut random = Random::new();
    let mut octet = || u8::try_from(1 + random.below(250).unwrap()).unwrap();
    IpAddr::V4(Ipv4Addr::new(127, 1 + octet() % 100, octet(), octet()))
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn connect_from(from: IpAddr, to: SocketAddr) -> TcpStream {
    let socket = Socket::new(Domain::for_address(to), Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::new(from, 0).into()).unwrap();
    socket.connect(&to.into()).unwrap();
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(LONG)).unwrap();
    stream
}

/// Tells the client at the other end of `connection` apart from all others.
fn greets(connection: &DataConnection, client: &mut TcpStream) {
    assert_eq!(connection.try_send(b"hello").unwrap(), 5);
    let mut read = [0; 5];
    client.read_exact(&mut read).unwrap();
    assert_eq!(&read, b"hello");
}

#[tokio::test]
async fn a_connection_that_waits_is_taken_at_once_and_one_that_comes_is_awaited() {
    let (local, peer) = (own_address(), ip("127.0.0.1"));
    let ports = PassivePorts::new(40_000..=40_009);
    let mut listener = ports.open(local, peer).unwrap();
    assert!((40_000..=40_009).contains(&listener.port()));
    let at = SocketAddr::new(local, listener.port());
    assert!(listener.try_accept().is_none());
    let mut client = connect_from(peer, at);
    greets(&listener.try_accept().unwrap(), &mut client);

    let waiting = tokio::spawn(async move { listener.accept(LONG).await });
    tokio::task::yield_now().await;
    let mut client = connect_from(peer, at);
    let connection = waiting.await.unwrap().unwrap();
    assert_eq!(connection.peer(), client.local_addr().unwrap());
    greets(&connection, &mut client);
}

#[tokio::test]
async fn a_connection_that_never_comes_times_out_and_the_listener_goes_on() {
    let (local, peer) = (own_address(), ip("127.0.0.1"));
    let mut listener = PassivePorts::new(40_000..=40_009)
        .open(local, peer)
        .unwrap();
    let outcome = listener.accept(SHORT).await;
    assert!(matches!(outcome, Err(AcceptError::TimedOut)));
    let _client = connect_from(peer, SocketAddr::new(local, listener.port()));
    assert!(listener.accept(LONG).await.is_ok());
}

#[tokio::test]
async fn mapped_addresses_are_the_ipv4_addresses_they_stand_for() {
    let ports = PassivePorts::new(0..=0);
    let mut listener = ports
        .open(ip("::ffff:127.0.0.1"), ip("::ffff:127.0.0.2"))
        .unwrap();
    let at = SocketAddr::new(ip("127.0.0.1"), listener.port());
    let mut client = connect_from(ip("127.0.0.2"), at);
    greets(&listener.accept(LONG).await.unwrap(), &mut client);
}

#[tokio::test]
async fn ipv6() {
    let mut listener = PassivePorts::new(0..=0).open(ip("::1"), ip("::1")).unwrap();
    let mut client = connect_from(ip("::1"), SocketAddr::new(ip("::1"), listener.port()));
    greets(&listener.accept(LONG).await.unwrap(), &mut client);
}

/// A link-local address says nothing of its interface, so the port is opened on all of IPv6.
#[tokio::test]
async fn a_link_local_address_can_be_listened_on() {
    let ports = PassivePorts::new(0..=0);
    let mut listener = ports.open(ip("fe80::1"), ip("::1")).unwrap();
    let port = listener.port();
    let mut client = connect_from(ip("::1"), SocketAddr::new(ip("::1"), port));
    greets(&listener.accept(LONG).await.unwrap(), &mut client);
    let four = TcpStream::connect((ip("127.0.0.1"), port));
    assert!(four.is_err(), "and on nothing else");
}

#[tokio::test]
async fn p4_a_stranger_gets_nothing_and_the_peer_still_gets_in() {
    let (local, peer, thief) = (own_address(), ip("127.0.0.1"), ip("127.0.0.2"));
    let mut listener = PassivePorts::new(40_000..=40_009)
        .open(local, peer)
        .unwrap();
    let at = SocketAddr::new(local, listener.port());
    let thieves: Vec<_> = (0..40).map(|_| connect_from(thief, at)).collect();
    let first = thieves.first().unwrap().local_addr().unwrap();
    let waiting = tokio::spawn(async move { (listener.accept(LONG).await, listener) });
    for mut stream in thieves {
        let read = tokio::task::spawn_blocking(move || stream.read(&mut [0; 16]))
            .await
            .unwrap();
        assert_eq!(read.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
    }
    let mut client = connect_from(peer, at);
    let (connection, mut listener) = waiting.await.unwrap();
    greets(&connection.unwrap(), &mut client);
    let strangers = listener.take_strangers();
    assert_eq!(strangers.first(), Some(&first));
    assert_eq!(strangers.len(), 16, "remembered up to a bound");
    assert!(listener.take_strangers().is_empty());
}

#[test]
fn p5_ports_are_chosen_uniformly() {
    const OPENS: u32 = 1_000;
    let (local, peer) = (own_address(), ip("127.0.0.1"));
    let ports = PassivePorts::new(40_000..=40_049);
    let mut counts = [0_u32; 50];
    for _ in 0..OPENS {
        let listener = ports.open(local, peer).unwrap();
        counts[usize::from(listener.port() - 40_000)] += 1;
    }
    let expected = f64::from(OPENS) / 50.0;
    let chi_square: f64 = counts
        .iter()
        .map(|&count| (f64::from(count) - expected).powi(2) / expected)
        .sum();
    // 49 degrees of freedom: above 110 and below 12 once in millions. Below means "in turn".
    assert!(
        (12.0..110.0).contains(&chi_square),
        "{chi_square} {counts:?}"
    );
}

#[test]
fn p5_no_port_is_live_twice_for_one_address_and_the_range_is_the_limit() {
    let (local, peer) = (own_address(), ip("127.0.0.1"));
    let ports = PassivePorts::new(40_000..=40_019);
    let mut held: Vec<_> = (0..20).map(|_| ports.open(local, peer).unwrap()).collect();
    let mut numbers: Vec<u16> = held.iter().map(PassiveListener::port).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (40_000..=40_019).collect::<Vec<_>>());
    assert!(matches!(
        ports.open(local, peer),
        Err(PassiveError::Exhausted)
    ));
    assert_eq!(ports.ports_open(), 20);
    let freed = held.pop().map(|listener| listener.port());
    let again = ports.open(local, peer).unwrap();
    assert_eq!(Some(again.port()), freed);
    // The same ports on another address of the machine are other ports.
    assert!(ports.open(own_address(), peer).is_ok());
}

#[test]
fn p5_nobody_can_bind_beside_us() {
    let (local, peer) = (own_address(), ip("127.0.0.1"));
    let listener = PassivePorts::new(40_000..=40_009)
        .open(local, peer)
        .unwrap();
    let slot = listener.slot_for_test();
    assert!(!sockopt::socket_reuseport(slot.socket().descriptor()).unwrap());
    let error = TcpListener::bind((local, listener.port())).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
}

#[tokio::test]
async fn a_dropped_listener_gives_its_port_back_even_with_a_live_data_connection() {
    let (local, peer) = (own_address(), ip("127.0.0.1"));
    let ports = PassivePorts::new(40_000..=40_000);
    let mut connections = Vec::new();
    for _ in 0..50 {
        let mut listener = ports.open(local, peer).unwrap();
        let client = connect_from(peer, SocketAddr::new(local, 40_000));
        connections.push((listener.accept(LONG).await.unwrap(), client));
    }
    for (connection, client) in &mut connections {
        greets(connection, client);
    }
}

#[test]
fn r5_a_range_that_is_used_up_says_so_and_recovers() {
    let (local, peer) = (own_address(), ip("127.0.0.1"));
    let ports = PassivePorts::new(40_000..=40_004);
    let held: Vec<_> = (0..100)
        .map_while(|_| ports.open(local, peer).ok())
        .collect();
    assert_eq!(held.len(), 5);
    drop(held);
    assert_eq!(ports.ports_open(), 0);
    assert!(ports.open(local, peer).is_ok());
    let (low, high) = (2, 1);
    let none = PassivePorts::new(low..=high);
    assert!(matches!(
        none.open(local, peer),
        Err(PassiveError::Exhausted)
    ));
}

#[test]
fn ports_of_other_programs_are_passed_over() {
    let (local, peer) = (own_address(), ip("127.0.0.1"));
    let ports = PassivePorts::new(40_000..=40_003);
    let mut others: Vec<_> = [40_000, 40_001, 40_003]
        .map(|port| TcpListener::bind((local, port)).unwrap())
        .into();
    for _ in 0..50 {
        assert_eq!(ports.open(local, peer).unwrap().port(), 40_002);
    }
    others.push(TcpListener::bind((local, 40_002)).unwrap());
    assert!(matches!(
        ports.open(local, peer),
        Err(PassiveError::Exhausted)
    ));
    drop(others);
    let held: Vec<_> = (0..4).map(|_| ports.open(local, peer).unwrap()).collect();
    assert_eq!(held.len(), 4);
}

#[test]
fn an_address_that_is_not_ours_is_an_error_and_loses_no_port() {
    let ports = PassivePorts::new(40_000..=40_000);
    for _ in 0..3 {
        let outcome = ports.open(ip("192.0.2.1"), ip("127.0.0.1"));
        assert!(matches!(outcome, Err(PassiveError::Io(_))));
    }
    assert_eq!(ports.ports_open(), 0);
}

#[tokio::test]
async fn two_addresses_share_the_last_port_and_each_gets_its_own_connection() {
    let (local, ann, bob) = (own_address(), ip("127.0.0.1"), ip("127.0.0.2"));
    let ports = PassivePorts::new(40_000..=40_000);
    let mut for_ann = ports.open(local, ann).unwrap();
    let mut for_bob = ports.open(local, bob).unwrap();
    assert_eq!(for_ann.port(), for_bob.port());
    assert!(matches!(
        ports.open(local, ann),
        Err(PassiveError::Exhausted)
    ));
    let at = SocketAddr::new(local, 40_000);

    // Ann looks first and finds Bob's connection: it is kept for him, and hers comes behind it.
    let mut bobs = connect_from(bob, at);
    assert!(for_ann.try_accept().is_none());
    let mut anns = connect_from(ann, at);
    greets(&for_ann.try_accept().unwrap(), &mut anns);
    greets(&for_bob.accept(LONG).await.unwrap(), &mut bobs);
    assert!(for_ann.take_strangers().is_empty());

    // Both wait; whoever is woken first, each gets what is his.
    let anns_turn = tokio::spawn(async move { (for_ann.accept(LONG).await, for_ann) });
    let bobs_turn = tokio::spawn(async move { (for_bob.accept(LONG).await, for_bob) });
    tokio::task::yield_now().await;
    let mut bobs = connect_from(bob, at);
    let mut anns = connect_from(ann, at);
    let (connection, for_ann) = anns_turn.await.unwrap();
    greets(&connection.unwrap(), &mut anns);
    let (connection, for_bob) = bobs_turn.await.unwrap();
    greets(&connection.unwrap(), &mut bobs);

    // One waits, and the other is quicker to take what is not hers.
    let (mut for_ann, mut for_bob) = (for_ann, for_bob);
    let bobs_turn = tokio::spawn(async move { (for_bob.accept(LONG).await, for_bob) });
    tokio::task::yield_now().await;
    let mut bobs = connect_from(bob, at);
    assert!(for_ann.try_accept().is_none());
    let (connection, for_bob) = bobs_turn.await.unwrap();
    greets(&connection.unwrap(), &mut bobs);

    // The port is open until the last one leaves.
    drop(for_ann);
    assert_eq!(ports.ports_open(), 1);
    let mut again = ports.open(local, ann).unwrap();
    drop(for_bob);
    let mut anns = connect_from(ann, at);
    greets(&again.accept(LONG).await.unwrap(), &mut anns);
    drop(again);
    assert_eq!(ports.ports_open(), 0);
    assert!(TcpStream::connect(at).is_err());
}

#[tokio::test]
async fn a_second_connection_for_a_sharer_is_closed_and_the_first_one_counts() {
    let (local, ann, bob) = (own_address(), ip("127.0.0.1"), ip("127.0.0.2"));
    let ports = PassivePorts::new(40_000..=40_000);
    let mut for_ann = ports.open(local, ann).unwrap();
    let mut for_bob = ports.open(local, bob).unwrap();
    let at = SocketAddr::new(local, 40_000);
    let mut first = connect_from(bob, at);
    let mut second = connect_from(bob, at);
    assert!(for_ann.try_accept().is_none());
    greets(&for_bob.try_accept().unwrap(), &mut first);
    let error = second
        .write_all(b"x")
        .and_then(|()| second.read(&mut [0; 4]));
    assert!(error.is_err());
}

#[test]
fn sixty_four_threads_never_meet_on_a_port() {
    let (local, peer) = (own_address(), ip("127.0.0.1"));
    let ports = PassivePorts::new(40_000..=40_031);
    let live = Mutex::new(std::collections::HashSet::new());
    std::thread::scope(|scope| {
        for _ in 0..64 {
            scope.spawn(|| {
                for _ in 0..50 {
                    if let Ok(listener) = ports.open(local, peer) {
                        assert!(
                            locked(&live).insert(listener.port()),
                            "one port, two owners"
                        );
                        std::thread::yield_now();
                        locked(&live).remove(&listener.port());
                    }
                }
            });
        }
    });
    let all: Vec<_> = (0..32).map(|_| ports.open(local, peer).unwrap()).collect();
    assert_eq!(all.len(), 32, "no port was lost");
}

/// Opens and closes ports until the range is kept warm.
fn warmed(local: IpAddr, peer: IpAddr) -> PassivePorts {
    let ports = PassivePorts::new(40_000..=40_000);
    for _ in 0..200 {
        drop(ports.open(local, peer).unwrap());
    }
    ports
}

#[tokio::test]
async fn a_busy_servers_ports_stay_open_for_their_next_use_and_no_longer() {
    let (local, peer) = (own_address(), ip("127.0.0.1"));
    let ports = warmed(local, peer);
    let at = SocketAddr::new(local, 40_000);
    assert_eq!(ports.ports_open(), 0);
    // Kept open, but for nobody: whoever comes now, even from the next one's address, is closed.
    let mut early = connect_from(peer, at);
    let mut listener = ports.open(local, peer).unwrap();
    assert!(listener.try_accept().is_none());
    assert!(early.read(&mut [0; 8]).is_err());
    let mut client = connect_from(peer, at);
    greets(&listener.accept(LONG).await.unwrap(), &mut client);
    drop(listener);
    let closed = async {
        loop {
            match TcpStream::connect_timeout(&at, Duration::from_secs(5)) {
                Ok(_) => tokio::time::sleep(Duration::from_millis(100)).await,
                Err(error) => return error,
            }
        }
    };
    let error = tokio::time::timeout(LONG, closed).await.unwrap();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    assert!(ports.open(local, peer).is_ok());
}

#[test]
fn a_single_port_is_closed_at_once_and_so_is_any_outside_a_runtime() {
    let (local, peer) = (own_address(), ip("127.0.0.1"));
    let at = SocketAddr::new(local, 40_000);
    drop(warmed(local, peer));
    assert!(TcpStream::connect(at).is_err());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        drop(
            PassivePorts::new(40_000..=40_000)
                .open(local, peer)
                .unwrap(),
        );
        assert!(TcpStream::connect(at).is_err());
    });
}

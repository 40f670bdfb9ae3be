use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream as StdStream;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use rustix::net::sockopt;
use rustix::process::{Resource, Rlimit, setrlimit};
use rustix::time::{ClockId, clock_gettime};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;

fn any_port() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

fn connect(to: SocketAddr) -> StdStream {
    let client = StdStream::connect(to).unwrap();
    client
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    client
}

#[tokio::test]
async fn accepted_connections_have_the_options_of_a_control_connection() {
    let listener = Listener::bind(any_port()).unwrap();
    let client = connect(listener.local_addr());
    let (stream, peer) = listener.accept().await;
    assert_eq!(peer, client.local_addr().unwrap());
    assert!(sockopt::tcp_nodelay(&stream).unwrap());
    assert!(sockopt::socket_oobinline(&stream).unwrap());
    assert!(sockopt::socket_keepalive(&stream).unwrap());
    assert_eq!(sockopt::tcp_keepidle(&stream).unwrap(), KEEPALIVE);
    let inherited = rustix::io::fcntl_getfd(&stream).unwrap();
    assert!(inherited.contains(rustix::io::FdFlags::CLOEXEC));
}

#[tokio::test]
async fn a_dual_stack_listener_reports_ipv4_peers_as_ipv4() {
    let listener = Listener::bind("[::]:0".parse().unwrap()).unwrap();
    let port = listener.local_addr().port();
    let four = connect(SocketAddr::new("127.0.0.1".parse().unwrap(), port));
    assert_eq!(listener.accept().await.1, four.local_addr().unwrap());
    let six = connect(SocketAddr::new("::1".parse().unwrap(), port));
    assert_eq!(
        listener.accept().await.1.ip(),
        six.local_addr().unwrap().ip()
    );
}

#[test]
fn canonical_changes_only_mapped_addresses() {
    let cases = [
        ("[::ffff:192.0.2.1]:21", "192.0.2.1:21"),
        ("192.0.2.1:21", "192.0.2.1:21"),
        ("[::192.0.2.1]:21", "[::192.0.2.1]:21"),
        ("[fe80::1%3]:21", "[fe80::1%3]:21"),
    ];
    for (from, to) in cases {
        assert_eq!(canonical(from.parse().unwrap()), to.parse().unwrap());
    }
}

#[tokio::test]
async fn an_address_in_use_is_an_error_and_one_just_left_is_not() {
    let listener = Listener::bind(any_port()).unwrap();
    let address = listener.local_addr();
    let second = Listener::bind(address).unwrap_err();
    assert_eq!(second.kind(), io::ErrorKind::AddrInUse);
    let _client = connect(address);
    let (stream, _) = listener.accept().await;
    drop(stream);
    drop(listener);
    assert!(Listener::bind(address).is_ok());
}

#[tokio::test]
async fn r6_connections_that_are_gone_before_they_are_accepted() {
    let listener = Listener::bind(any_port()).unwrap();
    for _ in 0..2_000 {
        let client = connect(listener.local_addr());
        crate::socket::reset(client.into());
    }
    let mut client = connect(listener.local_addr());
    client.write_all(b"here").unwrap();
    let wanted = client.local_addr().unwrap();
    for _ in 0..=2_000 {
        let (mut stream, peer) = listener.accept().await;
        if peer == wanted {
            let mut read = [0; 4];
            stream.read_exact(&mut read).await.unwrap();
            assert_eq!(&read, b"here");
            return;
        }
    }
    panic!("the live connection was never accepted");
}

/// Set in the process that is run with few descriptors.
const STARVED: &str = "WHARF_NET_TEST_STARVED";

/// Runs this very test again in a process with 64 descriptors, which serves; here are the clients.
#[test]
fn r15_out_of_descriptors_clients_are_told_and_nothing_spins() {
    if std::env::var_os(STARVED).is_some() {
        return serve_starved();
    }
    let mut server = Starved::start();
    let mut clients: Vec<_> = (0..300).map(|_| connect(server.address)).collect();
    let mut served = 0;
    for client in &mut clients {
        let mut greeting = [0; 5];
        client.read_exact(&mut greeting).unwrap();
        match &greeting {
            b"220\r\n" => served += 1,
            b"421\r\n" => assert_eq!(client.read(&mut greeting).unwrap(), 0),
            other => panic!("{other:?}"),
        }
    }
    assert!((10..64).contains(&served), "{served} served of 300");
    let before = server.cpu_milliseconds();
    std::thread::sleep(Duration::from_millis(500));
    let spent = server.cpu_milliseconds() - before;
    assert!(spent < 100, "{spent} ms of 500 ms spent on waiting");
    drop(clients);
    let recovered = (0..1_000).any(|_| {
        let mut greeting = [0; 5];
        connect(server.address).read_exact(&mut greeting).unwrap();
        &greeting == b"220\r\n"
    });
    assert!(recovered, "still refusing after everybody has left");
    server.stop();
}

struct Starved {
    process: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    address: SocketAddr,
}

impl Starved {
    fn start() -> Self {
        let test = "listener::tests::r15_out_of_descriptors_clients_are_told_and_nothing_spins";
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", test, "--nocapture", "--test-threads=1"])
            .env(STARVED, "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let input = process.stdin.take().unwrap();
        let output = BufReader::new(process.stdout.take().unwrap());
        let mut starved = Self {
            process,
            input,
            output,
            address: any_port(),
        };
        starved.address = starved.answer("ADDRESS ").parse().unwrap();
        starved
    }

    /// The rest of the next line that holds `word`; the test harness writes lines of its own.
    fn answer(&mut self, word: &str) -> String {
        for _ in 0..20 {
            let mut line = String::new();
            assert_ne!(
                self.output.read_line(&mut line).unwrap(),
                0,
                "the server has ended"
            );
            if let Some((_, rest)) = line.split_once(word) {
                return rest.trim().to_owned();
            }
        }
        panic!("no {word}in 20 lines");
    }

    fn cpu_milliseconds(&mut self) -> u64 {
        self.input.write_all(b"cpu\n").unwrap();
        self.answer("CPU ").parse().unwrap()
    }

    fn stop(self) {
        let Self {
            mut process, input, ..
        } = self;
        drop(input);
        assert!(process.wait().unwrap().success());
    }
}

fn serve_starved() {
    let few = Some(64);
    setrlimit(
        Resource::Nofile,
        Rlimit {
            current: few,
            maximum: few,
        },
    )
    .unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.spawn(async {
        let message: &[u8] = b"421\r\n";
        let listener = Listener::bind(any_port())
            .unwrap()
            .with_full_message(message);
        writeln!(io::stdout(), "ADDRESS {}", listener.local_addr()).unwrap();
        loop {
            let (mut stream, _) = listener.accept().await;
            tokio::spawn(async move {
                let _ = stream.write_all(b"220\r\n").await;
                let _ = stream.read(&mut [0; 16]).await;
            });
        }
    });
    runtime.block_on(async {
        let answering = tokio::task::spawn_blocking(|| {
            for _ in io::stdin().lock().lines() {
                let spent = clock_gettime(ClockId::ProcessCPUTime);
                let milliseconds = spent.tv_sec * 1_000 + spent.tv_nsec / 1_000_000;
                writeln!(io::stdout(), "CPU {milliseconds}").unwrap();
            }
        });
        answering.await.unwrap();
    });
}

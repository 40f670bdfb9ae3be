//! Row R2: a handshake has a deadline, whatever drips in meanwhile.

use std::net::TcpStream;
use std::time::{Duration, Instant};

use wharf_tests::tls::hello::{Hello, drip};
use wharf_tests::{Control, Tls, Wharf, data};

use super::{failed, unhurt};

const SETTINGS: &str = "[timeouts]\nhandshake = \"1 s\"\n";

#[test]
fn r2_a_dripped_hello_is_closed_at_the_deadline() {
    let mut wharf = Wharf::with().settings(SETTINGS).implicit().start();
    let mut other = wharf.session_tls(&Tls::v13());
    let threads: Vec<_> = sockets(&wharf)
        .into_iter()
        .map(|(control, mut socket)| {
            std::thread::spawn(move || {
                let apart = Duration::from_millis(100);
                let outcome = drip(&mut socket, &Hello::v12().record(), apart);
                drop(control);
                outcome
            })
        })
        .collect();
    // Nobody else notices.
    while !threads.iter().all(std::thread::JoinHandle::is_finished) {
        let since = Instant::now();
        other.expect("NOOP", 200);
        assert!(
            since.elapsed() < Duration::from_secs(1),
            "{:?}",
            since.elapsed()
        );
    }
    for thread in threads {
        let (took, closed) = thread.join().expect("a drip");
        assert!(closed, "the whole hello was taken in {took:?}");
        in_time(took);
    }
    other.store("STOR f", b"content");
    let event = failed(&wharf, "F-17");
    assert!(event["text"].to_string().contains("1 s"), "{event}");
    unhurt(&mut wharf);
}

#[test]
fn r2_silence_is_closed_at_the_deadline() {
    let mut wharf = Wharf::with().settings(SETTINGS).implicit().start();
    // Both wait from now on.
    let since = Instant::now();
    for (control, socket) in sockets(&wharf) {
        let (bytes, _) = data::read_what_comes(socket);
        in_time(since.elapsed());
        // An alert or nothing; in clear only what helps a client that waits for a greeting.
        let helped = String::from_utf8(bytes.clone()).is_ok_and(|text| text.ends_with("[F-2]\r\n"));
        let alert = bytes.first().is_none_or(|&kind| kind == 21);
        assert!(alert || control.is_none() && helped, "{bytes:?}");
        drop(control);
    }
    unhurt(&mut wharf);
}

#[test]
fn r2_a_dripped_handshake_on_a_data_connection_costs_that_transfer_only() {
    let mut wharf = Wharf::with_settings(SETTINGS);
    wharf.write("f", "the old version");
    for command in ["RETR f", "STOR f", "LIST"] {
        let mut control = wharf.session_tls(&Tls::v13());
        let mut socket = control.begin(command);
        let since = Instant::now();
        let apart = Duration::from_millis(100);
        let (took, closed) = drip(&mut socket, &Hello::v12().record(), apart);
        assert!(closed, "{command}: the whole hello was taken in {took:?}");
        in_time(since.elapsed());
        let reply = control.reply();
        assert!(
            reply.is_refused() && reply.has_cause(),
            "{reply}\n{control}"
        );
        control.expect("NOOP", 200);
        assert_eq!(control.retrieve("RETR f"), b"the old version");
    }
    unhurt(&mut wharf);
}

#[test]
fn r2_stat_and_abor_are_answered_while_a_handshake_is_awaited() {
    let wharf = Wharf::start();
    wharf.write("f", "content");
    let mut control = wharf.session_tls(&Tls::v13());
    let socket = control.begin("RETR f");
    control.expect_any("STAT", &[211, 213]);
    control.expect("NOOP", 200);
    control.send("ABOR");
    control.expect_refusal();
    control.await_code(226);
    drop(socket);
    assert_eq!(control.retrieve("RETR f"), b"content");
}

trait Refusal {
    fn expect_refusal(&mut self);
}

impl Refusal for Control {
    #[track_caller]
    fn expect_refusal(&mut self) {
        let reply = self.reply();
        assert!([425, 426].contains(&reply.code), "{reply}\n{self}");
    }
}

// After AUTH TLS, and on the implicit port.
fn sockets(wharf: &Wharf) -> [(Option<Control>, TcpStream); 2] {
    let mut control = wharf.connect();
    control.expect("AUTH TLS", 234);
    let explicit = control.stream().try_clone().expect("a second handle");
    [
        (Some(control), explicit),
        (None, data::open(wharf.implicit())),
    ]
}

#[track_caller]
fn in_time(took: Duration) {
    assert!(
        took > Duration::from_millis(700) && took < Duration::from_secs(6),
        "the deadline is 1 s: {took:?}"
    );
}

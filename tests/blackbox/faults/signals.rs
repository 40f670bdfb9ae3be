//! SIGTERM drains, SIGHUP reloads.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use wharf_tests::{Wharf, assert_bytes, data, pattern, probe};

#[test]
fn sigterm_lets_transfers_end_and_takes_no_new_sessions() {
    let mut wharf = Wharf::start();
    let content = pattern(1, 60_000_000);
    wharf.write("large", &content);
    let mut idle = wharf.session();
    let mut reading = wharf.session();
    let mut download = reading.begin("RETR large");
    let mut bytes = data::read_some(&mut download, 1000);
    let mut writing = wharf.session();
    let mut upload = writing.begin("STOR f");
    upload.write_all(b"first ").expect("a piece");

    wharf.signal(Signal::TERM);
    idle.await_code(421);
    idle.expect_end();
    let address = wharf.address();
    let refused = probe::eventually(wharf_tests::PATIENCE, || no_session(address));
    assert!(refused, "new sessions are still taken");
    assert!(wharf.alive(), "two transfers are running");

    download.read_to_end(&mut bytes).expect("the rest");
    assert_bytes("the download", &content, &bytes);
    reading.await_code(226);
    reading.await_code(421);
    reading.expect_end();
    upload.write_all(b"second").expect("a piece");
    drop(upload);
    writing.await_code(226);
    writing.await_code(421);
    let status = wharf.ended(Duration::from_secs(10));
    assert_eq!(status.code(), Some(0), "{status}");
    assert_eq!(wharf.read("f"), b"first second");
}

fn no_session(address: std::net::SocketAddr) -> bool {
    let Ok(mut stream) = TcpStream::connect(address) else {
        return true;
    };
    let mut greeting = [0; 3];
    let _ = stream.set_read_timeout(Some(wharf_tests::PATIENCE));
    stream.read_exact(&mut greeting).is_err() || greeting == *b"421"
}

#[test]
fn sigterm_waits_no_longer_than_the_settings_say() {
    let mut wharf = Wharf::with_settings("[timeouts]\ndrain = \"1 s\"\n");
    wharf.write("f", "old");
    wharf.write("large", pattern(1, 60_000_000));
    let mut reading = wharf.session();
    let mut download = reading.begin("RETR large");
    let _ = data::read_some(&mut download, 1000);
    let mut writing = wharf.session();
    let mut upload = writing.begin("STOR f");
    upload.write_all(b"half").expect("a piece");
    let since = Instant::now();
    wharf.signal(Signal::TERM);
    let status = wharf.ended(Duration::from_secs(15));
    assert!(
        since.elapsed() > Duration::from_millis(900),
        "{:?}",
        since.elapsed()
    );
    assert_eq!(status.code(), Some(0), "{status}");
    assert_eq!(wharf.read("f"), b"old");
    drop((upload, download));
}

#[test]
fn sigterm_without_sessions_ends_at_once() {
    for signal in [Signal::TERM, Signal::INT] {
        let mut wharf = Wharf::start();
        let mut idle = wharf.session();
        wharf.signal(signal);
        assert_eq!(wharf.ended(Duration::from_secs(10)).code(), Some(0));
        idle.await_code(421);
    }
}

#[test]
fn a_second_signal_ends_a_drain() {
    let mut wharf = Wharf::start();
    let mut writing = wharf.session();
    let mut upload = writing.begin("STOR f");
    upload.write_all(b"half").expect("a piece");
    wharf.signal(Signal::TERM);
    let address = wharf.address();
    assert!(probe::eventually(wharf_tests::PATIENCE, || no_session(
        address
    )));
    wharf.signal(Signal::TERM);
    wharf.ended(Duration::from_secs(10));
    assert!(!wharf.path("f").exists());
}

#[test]
fn sighup_takes_new_settings_for_new_sessions() {
    let wharf = Wharf::with_settings("[timeouts]\nidle = \"250 s\"\n");
    let mut before = wharf.session();
    assert!(before.expect("SITE IDLE", 200).says("250"));
    wharf.change_settings("[timeouts]\nidle = \"130 s\"\n");
    wharf.signal(Signal::HUP);
    let taken = probe::eventually(wharf_tests::PATIENCE, || {
        wharf.session().expect("SITE IDLE", 200).says("130")
    });
    assert!(taken, "the new settings never came");
    // A session keeps the configuration it started with.
    assert!(before.expect("SITE IDLE", 200).says("250"));
}

#[test]
fn sighup_with_a_bad_file_changes_nothing_and_says_so() {
    let mut wharf = Wharf::with_settings("[timeouts]\nidle = \"250 s\"\n");
    wharf.change_settings(
        "[timeouts]\nidle = \"130 s\"\nnonsense = 1\n[limits]\nsessions = \"x\"\n",
    );
    wharf.signal(Signal::HUP);
    let said = probe::eventually(wharf_tests::PATIENCE, || {
        let seen = format!("{} {:?}", wharf.log(), wharf.events());
        seen.contains("nonsense") && seen.contains("sessions")
    });
    assert!(said, "both problems are reported");
    assert!(wharf.alive());
    assert!(wharf.session().expect("SITE IDLE", 200).says("250"));
}

#[test]
fn signals_during_transfers_lose_nothing() {
    let wharf = Wharf::with_settings("[timeouts]\nidle = \"250 s\"\n");
    let content = pattern(4, 8_000_000);
    let mut control = wharf.session();
    let mut upload = control.begin("STOR f");
    for (number, piece) in content.chunks(400_000).enumerate() {
        upload.write_all(piece).expect("a piece");
        wharf.change_settings(&format!("[timeouts]\nidle = \"{} s\"\n", 100 + number));
        wharf.signal(Signal::HUP);
        control.expect("NOOP", 200);
    }
    drop(upload);
    control.await_code(226);
    assert_bytes("f", &content, &wharf.read("f"));
}

#[test]
fn a_start_that_cannot_work_says_why() {
    let held = Wharf::start();
    let port = held.address().port();
    let taken = Wharf::with().port(port).try_start().expect_err("it starts");
    assert!(taken.text.contains(&port.to_string()), "{}", taken.text);
    assert_eq!(taken.status.code(), Some(1), "{}", taken.text);
    let foreign = Wharf::with().argument("--listen").argument("192.0.2.1");
    let foreign = foreign.try_start().expect_err("it starts");
    assert!(foreign.text.contains("192.0.2.1"), "{}", foreign.text);
    assert_eq!(foreign.status.code(), Some(1), "{}", foreign.text);
    let missing = Wharf::with()
        .root("/no/such/folder")
        .try_start()
        .expect_err("it starts");
    assert!(missing.text.contains("/no/such/folder"), "{}", missing.text);
    let bad = Wharf::with()
        .settings("[limits]\nsessions = \"x\"\n[nonsense]\n")
        .try_start();
    let bad = bad.expect_err("it starts");
    assert!(
        bad.text.contains("sessions") && bad.text.contains("nonsense"),
        "{}",
        bad.text
    );
}

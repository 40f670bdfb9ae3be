//! A server in the middle of its life, and its end: events, reloads, signals.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::Stdio;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::harness::{Running, Scratch, dialogue, ended};

#[test]
fn a_reload_takes_a_good_file_and_leaves_everything_at_a_bad_one() {
    let scratch = Scratch::new();
    let config = scratch.write("wharf.toml", "[server]\nbanner = \"one\"\n");
    let mut running = Running::start(
        &scratch,
        &["--format", "json", "--config", config.to_str().unwrap()],
    );
    let banner = |address: &str| {
        dialogue(address, &["QUIT"])
            .lines()
            .next()
            .unwrap()
            .to_owned()
    };
    let address = running.address();
    assert_eq!(banner(&address), "220 one");

    scratch.write(
        "wharf.toml",
        "[server]\nbanner = \"two\"\nplaintxt = \"deny\"\n",
    );
    running.signal(Signal::HUP);
    let failed = running.event("reload");
    assert_eq!(failed["outcome"], "failed");
    assert!(
        failed["problems"][0]
            .as_str()
            .unwrap()
            .contains("wharf.toml:3"),
        "{failed}"
    );
    assert_eq!(banner(&address), "220 one");

    scratch.write(
        "wharf.toml",
        "[server]\nbanner = \"two\"\nlisten = \"127.0.0.2\"\n",
    );
    running.signal(Signal::HUP);
    let done = running.event("reload");
    assert_eq!(done["outcome"], "done");
    assert_eq!(done["at_next_start"][0], "server.listen");
    assert_eq!(banner(&address), "220 two");
    assert_eq!(running.stop(), Some(0));
}

#[test]
fn events_follow_in_the_same_form() {
    let scratch = Scratch::new();
    let mut running = Running::start(&scratch, &["--format", "json", "--allow-plaintext"]);
    let password = running.told("account")["password"]
        .as_str()
        .unwrap()
        .to_owned();
    dialogue(
        &running.address(),
        &["USER wharf", &format!("PASS {password}"), "MKD new", "QUIT"],
    );
    let login = running.event("login");
    assert_eq!(login["account"], "wharf");
    assert_eq!(running.event("operation")["path"], "/new");
    running.event("closed");
    assert_eq!(running.stop(), Some(0));
    let ends: Vec<_> = running
        .objects()
        .iter()
        .rev()
        .take(2)
        .map(|o| o["event"].clone())
        .collect();
    assert_eq!(ends, ["stopped", "stopping"]);
}

#[test]
fn both_signals_end_it_and_its_port_is_free_again() {
    for signal in [Signal::TERM, Signal::INT] {
        let scratch = Scratch::new();
        let mut running = Running::start(&scratch, &["--format", "json"]);
        let address = running.address();
        let _idle = TcpStream::connect(&address).unwrap();
        running.signal(signal);
        assert_eq!(running.wait(), Some(0), "{}", running.log());
        assert!(TcpStream::connect(&address).is_err());
    }
}

#[test]
fn a_reader_that_goes_away_does_not_stop_the_server() {
    for format in ["text", "json"] {
        let scratch = Scratch::new();
        let port = free_port();
        let mut child = scratch
            .command(&[
                "serve",
                "--ftp",
                &port.to_string(),
                "--ftps",
                "off",
                "--sftp",
                "off",
                "--format",
                format,
            ])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let deadline = Instant::now() + Duration::from_secs(60);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < deadline, "nothing listens");
            std::thread::yield_now();
        }
        // In JSON, the first event finds nobody to read it.
        let said = dialogue(&format!("127.0.0.1:{port}"), &["NOOP", "QUIT"]);
        assert!(said.contains("\r\n221"), "{said}");
        kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
        let ended = ended(child.wait_with_output().unwrap());
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        assert!(!ended.stderr.contains("panicked"), "{}", ended.stderr);
    }
}

#[test]
fn a_second_signal_does_not_wait_for_transfers() {
    let scratch = Scratch::new();
    let large = fs::File::create(scratch.path("files/large")).unwrap();
    // More than the sockets' buffers hold, so that the transfer runs until somebody reads.
    large.set_len(1 << 30).unwrap();
    let mut running = Running::start(&scratch, &["--format", "json", "--anonymous"]);
    let address = running.address();
    let mut control = TcpStream::connect(&address).unwrap();
    let mut replies = BufReader::new(control.try_clone().unwrap());
    let mut ask = |line: &str, code: &str| {
        control.write_all(format!("{line}\r\n").as_bytes()).unwrap();
        let mut reply = String::new();
        while !reply.starts_with(code) {
            reply.clear();
            assert_ne!(
                replies.read_line(&mut reply).unwrap(),
                0,
                "no {code} to {line}"
            );
        }
        reply
    };
    ask("USER anonymous", "230");
    ask("TYPE I", "200");
    let port = ask("EPSV", "229")
        .split('|')
        .nth(3)
        .unwrap()
        .parse::<u16>()
        .unwrap();
    let _unread = TcpStream::connect(("127.0.0.1", port)).unwrap();
    ask("RETR large", "150");
    running.signal(Signal::TERM);
    assert_eq!(running.event("stopping")["sessions"], 1);
    running.signal(Signal::TERM);
    let asked = Instant::now();
    assert_eq!(running.wait(), Some(1), "{}", running.log());
    // Less than `timeouts.drain`, which is 30 s.
    assert!(
        asked.elapsed() < Duration::from_secs(15),
        "{:?}",
        asked.elapsed()
    );
    assert!(
        running
            .log()
            .contains("error: stopped before running transfers were through")
    );
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

#[test]
fn one_server_per_state_folder() {
    let scratch = Scratch::new();
    let first = Running::start(&scratch, &[]);
    let second = scratch.run(&["serve", "--ftp", "0", "--ftps", "0"]);
    assert_eq!(second.code, Some(1));
    assert!(
        second.stderr.contains(&format!("process {}", first.id())),
        "{}",
        second.stderr
    );
    assert!(second.stderr.contains("\n\nhint: "), "{}", second.stderr);
}

//! Limits and timeouts: exact, and said in a way that helps.

use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

use wharf_tests::{Control, Reply, Wharf, data, probe};

#[test]
fn the_cap_is_exact_under_two_hundred_simultaneous_connections() {
    let wharf = Wharf::with_settings("[limits]\nsessions = 50\nsessions_per_address = 1000\n");
    let barrier = Arc::new(Barrier::new(200));
    let threads: Vec<_> = (0..200)
        .map(|_| {
            let (barrier, address) = (Arc::clone(&barrier), wharf.address());
            std::thread::spawn(move || {
                barrier.wait();
                let mut control = Control::open(address);
                let reply = control.reply();
                (control, reply)
            })
        })
        .collect();
    let outcomes: Vec<_> = threads
        .into_iter()
        .map(|thread| thread.join().expect("one"))
        .collect();
    let admitted = outcomes
        .iter()
        .filter(|(_, reply)| reply.code == 220)
        .count();
    let refused: Vec<_> = outcomes
        .iter()
        .filter(|(_, reply)| reply.code == 421)
        .collect();
    assert_eq!((admitted, refused.len()), (50, 150));
    for (_, reply) in refused {
        helpful(reply, "sessions");
    }
    // Refused ones are closed; admitted ones work.
    for (mut control, reply) in outcomes {
        if reply.code == 421 {
            control.expect_end();
        } else {
            control.expect("NOOP", 200);
        }
    }
    // And every place is free again.
    let free = probe::eventually(wharf_tests::PATIENCE, || {
        let mut fresh: Vec<_> = (0..50).map(|_| Control::open(wharf.address())).collect();
        fresh.iter_mut().all(|control| control.reply().code == 220)
    });
    assert!(free, "places are not given back");
}

#[test]
fn sessions_per_address_have_their_own_limit() {
    let wharf = Wharf::with_settings("[limits]\nsessions_per_address = 3\n");
    let held: Vec<_> = (0..3).map(|_| wharf.connect()).collect();
    let mut fourth = Control::open(wharf.address());
    let reply = fourth.await_code(421);
    helpful(&reply, "sessions_per_address");
    fourth.expect_end();
    // Another address is not concerned.
    let other = data::connect_from(std::net::Ipv4Addr::new(127, 0, 0, 2), wharf.address());
    Control::around(other.expect("another address")).await_code(220);
    drop(held);
    let free = probe::eventually(wharf_tests::PATIENCE, || {
        Control::open(wharf.address()).reply().code == 220
    });
    assert!(free, "places are not given back");
}

#[test]
fn sessions_per_account_have_their_own_limit() {
    let wharf = Wharf::with_settings("[limits]\nsessions_per_account = 2\n");
    let held: Vec<_> = (0..2).map(|_| wharf.session()).collect();
    let mut third = wharf.connect();
    third.expect(format!("USER {}", wharf.account().name), 331);
    let reply = third.expect(format!("PASS {}", wharf.account().password), 421);
    helpful(&reply, "sessions_per_account");
    // An account may have a limit of its own.
    let ann = wharf.add_account("ann", &["--max-sessions", "1"]);
    let first = wharf.session_of(&ann);
    let mut second = wharf.connect();
    second.expect("USER ann", 331);
    second.expect(format!("PASS {}", ann.password), 421);
    drop((held, first));
    let free = probe::eventually(wharf_tests::PATIENCE, || {
        let mut control = wharf.connect();
        control.expect("USER ann", 331);
        control.command(format!("PASS {}", ann.password)).code == 230
    });
    assert!(free, "places are not given back");
}

#[test]
fn a_login_has_a_deadline_whatever_is_sent_meanwhile() {
    let wharf = Wharf::with_settings("[timeouts]\nlogin = \"1 s\"\n");
    let since = Instant::now();
    let mut silent = wharf.connect();
    silent.await_code(421);
    silent.expect_end();
    assert!(
        since.elapsed() < Duration::from_secs(10),
        "{:?}",
        since.elapsed()
    );
    // Being busy does not help.
    let mut busy = wharf.connect();
    let since = Instant::now();
    let refused = loop {
        if busy.try_send_raw(b"NOOP\r\n").is_err() {
            break None;
        }
        match busy.try_reply() {
            Ok(Some(reply)) if reply.code == 200 => {}
            Ok(other) => break other,
            Err(error) => panic!("{error}\n{busy}"),
        }
        assert!(since.elapsed() < Duration::from_secs(10), "still there");
    };
    // The 421 may be lost when the connection is reset under a line of ours.
    assert!(refused.is_none_or(|reply| reply.code == 421), "{busy}");
    // Once logged in the deadline is over.
    let mut control = wharf.session();
    assert!(control.silent_for(Duration::from_millis(1500)), "{control}");
    control.expect("NOOP", 200);
}

#[test]
fn an_idle_session_is_told_and_closed() {
    let wharf = Wharf::with_settings("[timeouts]\nidle = \"1 s\"\n");
    let mut control = wharf.session();
    let since = Instant::now();
    let reply = control.await_code(421);
    assert!(reply.has_cause(), "{reply}");
    control.expect_end();
    let waited = since.elapsed();
    assert!(
        waited > Duration::from_millis(700) && waited < Duration::from_secs(10),
        "{waited:?}"
    );
}

#[test]
fn a_transfer_is_not_idle() {
    let wharf = Wharf::with_settings("[timeouts]\nidle = \"1 s\"\nstall = \"30 s\"\n");
    let mut control = wharf.session();
    let mut upload = control.begin("STOR slow");
    // Three times the idle timeout, by the server's own word for a second that has passed.
    let mut witness = wharf.session();
    for _ in 0..3 {
        std::io::Write::write_all(&mut upload, b"piece").expect("a piece");
        witness.await_code(421);
        witness = wharf.session();
    }
    drop(upload);
    control.await_code(226);
    assert_eq!(wharf.read("slow"), b"piecepiecepiece");
}

#[test]
fn refusals_at_the_door_are_told_as_events() {
    let wharf = Wharf::with_settings("[limits]\nsessions = 1\n");
    let held = wharf.connect();
    Control::open(wharf.address()).await_code(421);
    let event = wharf.wait_event("refused", |_| true);
    assert!(event.to_string().contains("sessions"), "{event}");
    drop(held);
}

#[track_caller]
fn helpful(reply: &Reply, limit: &str) {
    let text = reply.text();
    assert!(
        words(&text).any(|word| word == limit),
        "the limit `{limit}` by its name: {text}"
    );
    let seconds = text
        .split(' ')
        .zip(text.split(' ').skip(1))
        .any(|(number, unit)| {
            number.parse::<u32>().is_ok_and(|number| number > 0)
                && unit.trim_end_matches([',', '.', ';']) == "s"
        });
    assert!(seconds, "how many seconds to wait: {text}");
    assert!(reply.has_cause(), "{text}");
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
}

//! ABOR, STAT and QUIT, cuts and ends, with everything under TLS.

use std::io::{Read, Write};
use std::time::Duration;

use rustix::process::Signal;
use wharf_tests::{Control, Tls, Wharf, assert_bytes, data, pattern, probe};

#[test]
fn noop_and_stat_are_answered_while_bytes_flow() {
    let (wharf, content) = large();
    for tls in [Tls::v12(), Tls::v13()] {
        let mut control = wharf.session_tls(&tls);
        let mut download = control.begin_tls("RETR large");
        let mut bytes = vec![0; 1000];
        download.read_exact(&mut bytes).expect("a part");
        control.expect("NOOP", 200);
        control.expect_any("STAT", &[211, 213]);
        download.read_to_end(&mut bytes).expect("the rest");
        control.await_code(226);
        assert_bytes("the download", &content, &bytes);

        let mut upload = control.begin_tls("STOR up");
        for piece in content.get(..400_000).expect("a part").chunks(100_000) {
            upload.write_all(piece).expect("a piece");
            control.expect("NOOP", 200);
            control.expect_any("STAT", &[211, 213]);
        }
        drop(upload);
        control.await_code(226);
        assert_eq!(wharf.read("up").len(), 400_000);
    }
}

#[test]
fn abor_stops_a_transfer_in_either_direction() {
    let (wharf, _) = large();
    wharf.write("f", "the old version");
    for tls in [Tls::v12(), Tls::v13()] {
        let mut control = wharf.session_tls(&tls);
        for _ in 0..3 {
            let mut download = control.begin_tls("RETR large");
            download.read_exact(&mut [0; 1000]).expect("a part");
            control.send("ABOR");
            let reply = control.await_code(426);
            assert!(reply.has_cause(), "{reply}");
            control.await_code(226);
            let (rest, clean) = download.rest();
            assert!(rest.len() < 50_000_000, "it was not stopped");
            assert!(!clean, "a file that was cut ends as if it were whole");

            let mut upload = control.begin_tls("STOR f");
            upload.write_all(&pattern(1, 100_000)).expect("a part");
            control.send("ABOR");
            control.await_code(426);
            control.await_code(226);
            drop(upload);
            assert_eq!(wharf.read("f"), b"the old version");
        }
        control.expect("PWD", 257);
    }
}

#[test]
fn quit_lets_the_transfer_end_first() {
    let (wharf, content) = large();
    for tls in [Tls::v12(), Tls::v13()] {
        let mut control = wharf.session_tls(&tls);
        let mut download = control.begin_tls("RETR large");
        let mut bytes = vec![0; 1000];
        download.read_exact(&mut bytes).expect("a part");
        control.send("QUIT");
        download.read_to_end(&mut bytes).expect("the rest");
        assert_bytes("the download", &content, &bytes);
        control.await_code(226);
        control.await_code(221);
        control.expect_end();
    }
}

#[test]
fn a_control_connection_that_ends_takes_its_upload_with_it() {
    for how in ["close_notify", "FIN", "reset"] {
        let wharf = Wharf::start();
        wharf.write("f", "the old version");
        let mut control = wharf.session_tls(&Tls::v13());
        let mut upload = control.begin_tls("STOR f");
        upload.write_all(&pattern(1, 300_000)).expect("a part");
        match how {
            "close_notify" => control.tls_stream().close_notify(),
            "FIN" => data::finish(control.stream()),
            _ => {
                data::reset(control.stream().try_clone().expect("a handle"));
                drop(control);
            }
        }
        let noticed = probe::eventually(wharf_tests::PATIENCE, || {
            upload.write_all(&[0; 1000]).is_err()
        });
        assert!(
            noticed,
            "{how}: the upload goes on without its control connection"
        );
        let end = wharf.wait_event("upload", |_| true);
        assert_eq!(end["outcome"], "failed", "{how}: {end}");
        assert_eq!(wharf.read("f"), b"the old version", "{how}");
    }
}

#[test]
fn both_connections_ended_without_a_word_leave_the_old_version() {
    let wharf = Wharf::start();
    wharf.write("f", "the old version");
    let mut control = wharf.session_tls(&Tls::v13());
    let mut upload = control.begin_tls("STOR f");
    upload.write_all(&pattern(1, 300_000)).expect("a part");
    // What the kernel does for a dead process: FINs, and no close_notify.
    control.abandon_tls();
    upload.abandon();
    let end = wharf.wait_event("upload", |_| true);
    assert_eq!(end["outcome"], "failed", "{end}");
    assert_eq!(wharf.read("f"), b"the old version");
}

#[test]
fn close_notify_in_the_middle_of_the_dialogue_ends_it() {
    let mut wharf = Wharf::with_settings("[limits]\nsessions = 1\n");
    for tls in [Tls::v12(), Tls::v13()] {
        for logged_in in [false, true] {
            let mut control = one_place(&wharf, &tls);
            if logged_in {
                control.login(wharf.account());
            }
            control.send("NOOP");
            control.tls_stream().close_notify();
            // What was said before is answered; then it is over, though TCP is open.
            while let Ok(Some(reply)) = control.try_reply() {
                assert!([200, 221, 421].contains(&reply.code), "{reply}");
            }
            // The only place is free while our socket is still open.
            drop(one_place(&wharf, &tls));
        }
    }
    assert!(wharf.alive());
    assert!(!wharf.log().contains("panicked"), "{}", wharf.log());
}

#[test]
fn a_half_closed_control_connection_is_answered_and_closed() {
    let wharf = Wharf::with_settings("[limits]\nsessions = 1\n");
    for tls in [Tls::v12(), Tls::v13()] {
        let mut control = one_place(&wharf, &tls);
        control.login(wharf.account());
        control.send_raw(b"PWD\r\nNOOP\r\n");
        control.finish_sending();
        let mut codes = Vec::new();
        while let Ok(Some(reply)) = control.try_reply() {
            codes.push(reply.code);
        }
        assert!(
            [&[][..], &[257], &[257, 200]].contains(&codes.as_slice()),
            "{codes:?}\n{control}"
        );
        drop(one_place(&wharf, &tls));
    }
}

// The server has one place: it is free as soon as the session before is over.
#[track_caller]
fn one_place(wharf: &Wharf, tls: &Tls) -> Control {
    let mut admitted = None;
    let free = probe::eventually(wharf_tests::PATIENCE, || {
        let mut control = Control::open(wharf.address());
        if control.reply().code == 220 {
            admitted = Some(control);
        }
        admitted.is_some()
    });
    assert!(free, "the place of an ended session is not given back");
    let mut control = admitted.expect("a session");
    control.auth_tls(tls);
    control
}

#[test]
fn a_stalled_transfer_under_tls_is_let_go() {
    let wharf = Wharf::with_settings("[timeouts]\nstall = \"1 s\"\n");
    wharf.write("f", "the old version");
    wharf.write("large", pattern(1, 60_000_000));
    let mut control = wharf.session_tls(&Tls::v13());
    let mut upload = control.begin_tls("STOR f");
    upload.write_all(b"the first piece").expect("a piece");
    let reply = control.await_code(426);
    assert!(reply.has_cause(), "{reply}");
    assert_eq!(wharf.read("f"), b"the old version");
    drop(upload);
    let download = control.begin_tls("RETR large");
    let reply = control.await_code(426);
    assert!(reply.has_cause(), "{reply}");
    drop(download);
    control.expect("NOOP", 200);
}

#[test]
fn sigterm_lets_transfers_under_tls_end() {
    let (mut wharf, content) = large();
    let tls = Tls::v13();
    let mut idle = wharf.session_tls(&tls);
    let mut reading = wharf.session_tls(&tls);
    let mut download = reading.begin_tls("RETR large");
    let mut bytes = vec![0; 1000];
    download.read_exact(&mut bytes).expect("a part");
    wharf.signal(Signal::TERM);
    idle.await_code(421);
    idle.expect_end();
    assert_eq!(idle.ended_well(), Some(true), "no close_notify");
    download.read_to_end(&mut bytes).expect("the rest");
    assert_bytes("the download", &content, &bytes);
    reading.await_code(226);
    reading.await_code(421);
    reading.expect_end();
    assert_eq!(wharf.ended(Duration::from_secs(10)).code(), Some(0));
}

#[test]
fn a_transfer_under_tls_is_not_idle() {
    let wharf = Wharf::with_settings("[timeouts]\nidle = \"1 s\"\nstall = \"30 s\"\n");
    let mut control = wharf.session_tls(&Tls::v13());
    let mut upload = control.begin_tls("STOR slow");
    // Longer than the idle timeout, by the server's own word for a second that has passed.
    let mut witness = wharf.session();
    for _ in 0..2 {
        upload.write_all(b"piece").expect("a piece");
        witness.await_code(421);
        witness = wharf.session();
    }
    drop(upload);
    control.await_code(226);
    assert_eq!(wharf.read("slow"), b"piecepiece");
}

#[test]
fn a_disabled_account_loses_its_tls_session() {
    let wharf = Wharf::start();
    let ann = wharf.add_account::<&str>("ann", &[]);
    wharf.write("large", pattern(1, 60_000_000));
    let mut live = wharf.session_tls_of(&ann, &Tls::v13());
    let mut download = live.begin_tls("RETR large");
    download.read_exact(&mut [0; 1000]).expect("a part");
    assert!(wharf.user(["disable", "ann"], "").status.success());
    let reply = live.reply();
    assert!([426, 421].contains(&reply.code), "{reply}\n{live}");
    drop(download);
}

fn large() -> (Wharf, Vec<u8>) {
    let wharf = Wharf::start();
    let content = pattern(1, 60_000_000);
    wharf.write("large", &content);
    (wharf, content)
}

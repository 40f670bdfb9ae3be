//! Rows P9, P12, P16 and P17: from clear to TLS and not back, and what may go in clear.

use std::io::{ErrorKind, Write};
use std::net::TcpListener;

use wharf_tests::{Control, Tls, Wharf};

use super::{failed, told};

#[test]
fn p9_what_was_sent_in_clear_behind_auth_is_never_a_command() {
    let wharf = Wharf::start();
    for injected in [
        "USER evil\r\n",
        "NOOP\r\n",
        "PBSZ 0\r\nPROT C\r\n",
        "\r\n",
        "U",
        "REST 100\r\nUSER evil\r\nPASS evil\r\n",
    ] {
        let mut control = wharf.connect();
        control.send_raw(format!("AUTH TLS\r\n{injected}").as_bytes());
        closed_or_deaf(&mut control, injected);
    }
    // The same with the client's hello right behind: one segment, as an attacker sends it on.
    let mut control = wharf.connect();
    let hello = wharf_tests::tls::hello::Hello::v12().record();
    control.send_raw(&[b"AUTH TLS\r\nUSER evil\r\n", hello.as_slice()].concat());
    closed_or_deaf(&mut control, "with a hello");
    failed(&wharf, "F-6");
    let events = wharf.events();
    let evil = events.iter().find(|e| e.to_string().contains("evil"));
    assert_eq!(evil, None, "it was executed");
}

// 234 or not: no TLS comes of it, and no reply but 234, 421 or 5xx.
#[track_caller]
fn closed_or_deaf(control: &mut Control, injected: &str) {
    for _ in 0..4 {
        match control.try_reply() {
            Ok(None) => return,
            Ok(Some(reply)) => assert!(
                [234, 421, 500, 501, 503].contains(&reply.code),
                "{injected:?}: {reply}\n{control}"
            ),
            Err(problem) => panic!("{injected:?}: {problem}\n{control}"),
        }
    }
    panic!("{injected:?}: the connection goes on\n{control}");
}

#[test]
fn p9_what_was_negotiated_in_clear_is_forgotten() {
    let wharf = Wharf::start();
    wharf.write("f", "0123456789");
    let mut control = wharf.connect();
    control.expect(format!("USER {}", wharf.account().name), 331);
    control.auth_tls(&Tls::v13());
    // USER is to be said again (RFC 4217 section 4).
    control.expect(format!("PASS {}", wharf.account().password), 503);
    control.expect("PWD", 530);
    control.login(wharf.account());
    control.expect("TYPE I", 200);
    control.protect();
    assert_eq!(control.retrieve("RETR f"), b"0123456789");
}

#[test]
fn p12_a_user_in_clear_is_refused_before_a_password_is_sent() {
    let wharf = Wharf::with().default_plaintext().start();
    let secret = "the-password-in-clear";
    for together in [false, true] {
        let mut control = wharf.connect();
        if together {
            control.send_raw(
                format!("USER {}\r\nPASS {secret}\r\nPWD\r\n", wharf.account().name).as_bytes(),
            );
        } else {
            control.send(format!("USER {}", wharf.account().name));
        }
        let reply = control.await_code(530);
        assert!(reply.says("[B-3]"), "{reply}");
        assert!(
            reply.says("AUTH TLS") || reply.says("TLS"),
            "the cure: {reply}"
        );
        // Nothing is said to PASS: it was never read.
        control.expect_end();
    }
    let failures = told(&wharf, "login_failed");
    assert!(
        failures.iter().all(|event| event["cause"] != "B-1"),
        "a password was looked at: {failures:?}"
    );
    let seen = format!("{}{}{:?}", wharf.log(), wharf.audit(), wharf.events());
    assert!(!seen.contains(secret), "the password is in a log");

    // Whether the account exists makes no difference.
    let mut control = wharf.connect();
    control.expect("USER nobody-at-all", 530);
    control.expect_end();
    // Under TLS all is well, by AUTH.
    wharf.session_tls(&Tls::new()).expect("PWD", 257);
}

#[test]
fn p12_auth_comes_before_the_login() {
    let wharf = Wharf::start();
    let mut control = wharf.session();
    for mechanism in ["TLS", "SSL", "TLS-P", "TLS-C"] {
        control.expect(format!("AUTH {mechanism}"), 503);
    }
    control.expect("PWD", 257);
    // And once only.
    let mut control = wharf.session_tls(&Tls::v13());
    control.expect("AUTH TLS", 503);
    control.expect("PWD", 257);
}

#[test]
fn p12_where_tls_is_required_nobody_logs_in_without_it() {
    let settings = "[server]\ntls = \"required\"\n";
    let wharf = Wharf::with().settings(settings).argument("--anonymous");
    let wharf = wharf.default_plaintext().start();
    wharf.write("f", "for all");
    for name in ["anonymous", "ftp", &wharf.account().name, "nobody"] {
        let mut control = wharf.connect();
        let reply = control.expect(format!("USER {name}"), 530);
        assert!(reply.says("[B-3]"), "{name}: {reply}");
        control.expect_end();
    }
    // What tells how to go on is answered.
    let mut control = wharf.connect();
    assert!(control.expect("FEAT", 211).says("AUTH TLS"), "{control}");
    control.expect("NOOP", 200);
    control.auth_tls(&Tls::new());
    let reply = control.expect_any("USER anonymous", &[331, 230]);
    if reply.code == 331 {
        control.expect("PASS me@example.org", 230);
    }
    control.expect("TYPE I", 200);
    control.protect();
    assert_eq!(control.retrieve("RETR f"), b"for all");
}

#[test]
fn p12_anonymous_may_go_in_clear_where_tls_is_only_allowed() {
    let wharf = Wharf::with()
        .default_plaintext()
        .argument("--anonymous")
        .start();
    wharf.write("f", "for all");
    let mut control = wharf.connect();
    let reply = control.expect_any("USER anonymous", &[331, 230]);
    if reply.code == 331 {
        control.expect("PASS me@example.org", 230);
    }
    control.expect("TYPE I", 200);
    assert_eq!(control.retrieve("RETR f"), b"for all");
}

#[test]
fn p16_ccc_is_refused() {
    let wharf = Wharf::start();
    wharf.connect().expect("CCC", 533);
    let mut control = wharf.connect_tls(&Tls::v13());
    control.expect_any("CCC", &[534, 530]);
    control.login(wharf.account());
    control.expect("CCC", 534);
    control.protect();
    control.expect("CCC", 534);
    control.expect("PWD", 257);
}

#[test]
fn p16_where_ccc_is_allowed_data_stay_protected() {
    let wharf = Wharf::with_settings("[tls]\nccc = true\n");
    wharf.write("f", "content");
    for (way, tls) in Tls::ways_to_resume() {
        let mut control = wharf.session_tls(&tls);
        control.expect("CCC", 200);
        control.end_tls();
        control.expect("PWD", 257);
        // PROT P stays, and with it the session that data connections resume.
        assert_eq!(control.retrieve("RETR f"), b"content", "{way}");
        let clear = wharf_tests::data::open((control.peer().ip(), control.epsv_port()).into());
        control.expect_any("STOR up", &[125, 150]);
        let _ = (&clear).write_all(b"in clear");
        drop(clear);
        assert!(control.reply().is_refused(), "{control}");
        assert!(!wharf.path("up").exists());
        // TLS cannot be begun again by whoever stands in between.
        control.expect_any("AUTH TLS", &[503, 534]);
        control.expect_any("PROT C", &[503]);
    }
}

#[test]
fn p17_data_in_clear_are_refused_before_there_is_a_connection() {
    let wharf = Wharf::start();
    wharf.write("f", "secret content");
    let mut control = wharf.connect_tls(&Tls::v13());
    control.login(wharf.account());
    control.expect("TYPE I", 200);
    for negotiated in [false, true] {
        if negotiated {
            control.expect("PBSZ 0", 200);
            control.expect("PROT C", 200);
        }
        for command in [
            "RETR f", "STOR up", "APPE up", "STOU", "LIST", "NLST", "MLSD",
        ] {
            // The server would come to us; nobody comes.
            let listener = control.active();
            let reply = control.expect(command, 522);
            assert!(reply.says("[D-14]"), "{command}: {reply}");
            assert!(reply.says("PROT P"), "the cure: {reply}");
            assert!(nobody_came(&listener), "{command}: a connection was opened");
            let data = control.passive();
            control.expect(command, 522);
            assert_eq!(wharf_tests::data::read_what_comes(data).0, b"");
        }
    }
    assert_eq!(wharf_tests::tree::names(wharf.root()), [b"f"]);
    // And back again.
    control.protect();
    assert_eq!(control.retrieve("RETR f"), b"secret content");
    control.expect("PROT C", 200);
    control.set_data_tls(None);
    let data = control.passive();
    control.expect("RETR f", 522);
    drop(data);
}

#[test]
fn p17_where_data_may_go_in_clear_they_do() {
    let wharf = Wharf::with_settings("[server]\ndata_tls = \"allowed\"\n");
    wharf.write("f", "content");
    let mut control = wharf.connect_tls(&Tls::v13());
    control.login(wharf.account());
    control.expect("TYPE I", 200);
    assert_eq!(control.retrieve("RETR f"), b"content");
    control.protect();
    assert_eq!(control.retrieve("RETR f"), b"content");
    control.expect("PROT C", 200);
    control.set_data_tls(None);
    assert_eq!(control.retrieve("RETR f"), b"content");
}

#[test]
fn p17_clear_bytes_where_tls_is_awaited_are_no_data() {
    let wharf = Wharf::start();
    wharf.write("f", "the old version");
    let mut control = wharf.session_tls(&Tls::v13());
    let mut data = control.begin("STOR f");
    data.write_all(b"in clear").expect("bytes in clear");
    wharf_tests::data::finish(&data);
    let reply = control.reply();
    assert!(
        reply.is_refused() && reply.has_cause(),
        "{reply}\n{control}"
    );
    assert_eq!(wharf.read("f"), b"the old version");
    control.expect("NOOP", 200);
}

fn nobody_came(listener: &TcpListener) -> bool {
    listener.set_nonblocking(true).expect("a mode");
    // The refusal has been read: what the server would have opened, it would have opened.
    matches!(listener.accept(), Err(error) if error.kind() == ErrorKind::WouldBlock)
}

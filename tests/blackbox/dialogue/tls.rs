//! AUTH, PBSZ, PROT and their like: right, wrong, and out of order (RFC 2228, RFC 4217).

use wharf_tests::{Control, Reply, Tls, Wharf, dialogue, show};

#[test]
fn tls_is_offered_in_feat_and_help() {
    let wharf = Wharf::with().implicit().start();
    let mut clear = wharf.connect();
    let before = clear.expect("FEAT", 211);
    for feature in ["AUTH TLS", "PBSZ", "PROT"] {
        assert!(has(&before, feature), "{feature} is missing:\n{before}");
    }
    // RFC 4217 section 6 has the list after AUTH as before it.
    let after = wharf.connect_tls(&Tls::v13()).expect("FEAT", 211);
    assert_eq!(before, after);
    let implicit = wharf.connect_implicit(&Tls::v13()).expect("FEAT", 211);
    for feature in ["PBSZ", "PROT"] {
        assert!(has(&implicit, feature), "{feature} is missing:\n{implicit}");
    }
    let help = clear.expect("HELP", 214);
    for verb in ["AUTH", "PBSZ", "PROT", "CCC"] {
        assert!(help.says(verb), "{verb} is missing:\n{help}");
    }
}

fn has(reply: &Reply, feature: &str) -> bool {
    reply.inner().iter().any(|line| {
        let line = show(line.get(1..).unwrap_or_default());
        line == feature || line.starts_with(&format!("{feature};"))
    })
}

#[test]
fn auth_takes_the_names_clients_use() {
    let wharf = Wharf::start();
    wharf.write("f", "content");
    for (mechanism, private) in [
        ("TLS", false),
        ("tls", false),
        ("TLS-C", false),
        ("SSL", true),
        ("ssl", true),
        ("TLS-P", true),
    ] {
        let mut control = wharf.connect();
        control.expect(format!("AUTH {mechanism}"), 234);
        control.handshake(&Tls::v13()).expect("a handshake");
        control.login(wharf.account());
        control.expect("TYPE I", 200);
        // RFC 4217 section 17: the older names protect data from the start.
        if private {
            let tls = control.tls();
            control.set_data_tls(Some(tls));
            assert_eq!(control.retrieve("RETR f"), b"content", "{mechanism}");
        } else {
            drop(control.passive());
            control.expect("RETR f", 522);
        }
    }
}

#[test]
fn auth_for_anything_else_is_refused_and_changes_nothing() {
    let wharf = Wharf::start();
    dialogue(
        &wharf,
        "C: AUTH GSSAPI
         S: 504 ...
         C: AUTH KERBEROS_V4
         S: 504 ...
         C: AUTH
         S: 501 ...
         C: ADAT AAAA
         S: 50...
         C: USER {name}
         S: 331 ...
         C: PASS {password}
         S: 230 ...",
    );
}

#[test]
fn pbsz_and_prot_have_their_order() {
    let wharf = Wharf::start();
    let mut clear = wharf.connect();
    for line in ["PBSZ 0", "PROT P", "PROT C"] {
        clear.expect(line, 503);
    }
    let mut control = wharf.connect_tls(&Tls::v13());
    control.expect("PROT P", 503);
    control.expect("PROT C", 503);
    assert!(control.expect("PBSZ 0", 200).says("PBSZ=0"), "{control}");
    control.expect("PROT P", 200);
    control.expect("PROT C", 200);
    control.expect("PROT S", 536);
    control.expect("PROT E", 536);
    control.expect("PROT X", 504);
    control.expect("PROT", 501);
    control.expect("PROT p", 200);
    // Any size is answered with the only one there is.
    for size in ["1024", "4294967295"] {
        assert!(control.expect(format!("PBSZ {size}"), 200).says("PBSZ=0"));
    }
    for wrong in ["PBSZ", "PBSZ -1", "PBSZ x", "PBSZ 99999999999999999999"] {
        control.expect(wrong, 501);
    }
    // The order is about TLS, not about the login.
    control.login(wharf.account());
    control.expect("PBSZ 0", 200);
    control.expect("PROT P", 200);
}

#[test]
fn an_implicit_session_needs_neither_auth_nor_prot() {
    let wharf = Wharf::with().default_plaintext().implicit().start();
    wharf.write("f", "content");
    for (way, tls) in Tls::ways_to_resume() {
        let mut control = wharf.connect_implicit(&tls);
        control.login(wharf.account());
        control.expect("TYPE I", 200);
        // Old clients of this kind know no PROT: P holds from the start.
        let tls = control.tls();
        control.set_data_tls(Some(tls));
        assert_eq!(control.retrieve("RETR f"), b"content", "{way}");
        control.expect("PROT P", 200);
        control.store("STOR up", b"content");
        control.expect("AUTH TLS", 503);
        control.expect("QUIT", 221);
        control.expect_end();
        assert_eq!(control.ended_well(), Some(true), "{way}: no close_notify");
    }
}

#[test]
fn rein_keeps_tls_and_forgets_the_rest() {
    let wharf = Wharf::start();
    wharf.write("f", "content");
    let mut control = wharf.session_tls(&Tls::v13());
    control.expect("REIN", 220);
    control.expect("PWD", 530);
    control.expect("AUTH TLS", 503);
    // PROT is at its beginning again.
    control.expect("PROT P", 503);
    control.login(wharf.account());
    control.expect("TYPE I", 200);
    control.protect();
    assert_eq!(control.retrieve("RETR f"), b"content");
}

#[test]
fn stat_tells_of_the_protection_and_not_of_its_keys() {
    let wharf = Wharf::start();
    let status = wharf.session_tls(&Tls::v13()).expect("STAT", 211);
    assert!(status.says("TLS"), "{status}");
    let clear = wharf.session().expect("STAT", 211);
    assert!(clear.says("clear"), "{clear}");
}

#[test]
fn quit_and_idle_ends_are_tls_ends() {
    let wharf = Wharf::with_settings("[timeouts]\nidle = \"1 s\"\n");
    for tls in [Tls::v12(), Tls::v13()] {
        let mut control = wharf.session_tls(&tls);
        control.expect("QUIT", 221);
        control.expect_end();
        assert_eq!(
            control.ended_well(),
            Some(true),
            "no close_notify after QUIT"
        );
        let mut control = wharf.session_tls(&tls);
        let reply = control.await_code(421);
        assert!(reply.has_cause(), "{reply}");
        control.expect_end();
        assert_eq!(
            control.ended_well(),
            Some(true),
            "no close_notify after 421"
        );
    }
}

#[test]
fn pipelined_commands_under_tls_are_answered_in_order() {
    let wharf = Wharf::start();
    for tls in [Tls::v12(), Tls::v13()] {
        let mut control = wharf.session_tls(&tls);
        let mut lines = Vec::new();
        for number in 0..50 {
            lines.extend_from_slice(format!("MKD d{number}\r\n").as_bytes());
        }
        control.send_raw(&lines);
        for _ in 0..50 {
            control.await_code(257);
        }
        for number in 0..50 {
            control.expect(format!("RMD d{number}"), 250);
        }
        telnet(&mut control);
    }
}

fn telnet(control: &mut Control) {
    control.send_raw(b"\xff\xf4\xff\xf2PWD\r\n");
    control.await_code(257);
}

#[test]
fn between_servers_needs_to_be_allowed() {
    let wharf = Wharf::start();
    let mut control = wharf.session_tls(&Tls::v13());
    assert!(
        control.expect("SSCN", 200).says("SERVER METHOD"),
        "{control}"
    );
    for line in ["SSCN ON", "CPSV"] {
        let reply = control.command(line);
        assert!(reply.is_refused(), "{line}: {reply}\n{control}");
    }
    control.expect("SSCN OFF", 200);
}

#[test]
fn cpsv_makes_the_server_the_tls_client() {
    let wharf = Wharf::start();
    let friend = wharf.add_account("friend", &["--fxp", "yes"]);
    wharf.write("f", "content");
    let mut control = wharf.session_tls_of(&friend, &Tls::v13());
    // It may be switched on; two servers in one test are the business of the interop tests.
    control.expect("SSCN ON", 200);
    assert!(
        control.expect("SSCN", 200).says("CLIENT METHOD"),
        "{control}"
    );
    control.expect("SSCN OFF", 200);
    control.expect("CPSV", 227);
    control.expect_any("ABOR", &[225, 226]);
    assert_eq!(control.retrieve("RETR f"), b"content");
}

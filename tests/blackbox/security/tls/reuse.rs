//! Row P6: a data connection must belong to the TLS session of its control connection.

use std::net::Ipv4Addr;

use wharf_tests::data::{self, Transfer};
use wharf_tests::tls::Sessions;
use wharf_tests::{Control, Tls, Wharf};

use super::told;

#[test]
fn p6_the_session_of_another_control_connection_is_refused() {
    let wharf = Wharf::start();
    wharf.write("f", "content");
    for (way, tls) in Tls::ways_to_resume() {
        let first = wharf.session_tls(&tls);
        let mut second = wharf.session_tls(&tls);
        assert!(first.tls().can_resume(), "{way}: nothing to resume with");
        let own = second.tls();
        second.set_data_tls(Some(first.tls()));
        refused(way, &wharf, &mut second);
        // Nothing is left of it, and what is right still works.
        second.set_data_tls(Some(own));
        let transfer = second.fetch("RETR f");
        assert_eq!(transfer.bytes, b"content", "{way}\n{second}");
        assert_eq!(transfer.reply.code, 226, "{way}\n{second}");
        drop(first);
    }
    let event = wharf.wait_event("data_not_resumed", |_| true);
    assert_eq!(event["cause"], "D-13", "{event}");
    assert_eq!(event["policy"], "require", "{event}");
}

#[test]
fn p6_a_session_is_dead_when_its_control_connection_is() {
    let wharf = Wharf::start();
    wharf.write("f", "content");
    for (way, tls) in Tls::ways_to_resume() {
        let mut first = wharf.session_tls(&tls);
        assert_eq!(first.retrieve("RETR f"), b"content");
        let old = first.tls();
        first.expect("QUIT", 221);
        first.expect_end();
        let mut second = wharf.session_tls(&tls);
        second.set_data_tls(Some(old));
        refused(way, &wharf, &mut second);
    }
}

#[test]
fn p6_a_fresh_session_is_refused() {
    let wharf = Wharf::start();
    wharf.write("f", "content");
    for (way, tls) in Tls::ways_to_resume() {
        let mut control = wharf.session_tls(&tls);
        control.set_data_tls(Some(tls.fresh()));
        refused(way, &wharf, &mut control);
        for command in ["LIST", "NLST", "MLSD"] {
            let transfer = control.fetch(command);
            not_reused(way, &transfer, &control);
        }
        // The other direction: we listen, the server connects.
        let listener = control.active();
        control.expect_any("RETR f", &[125, 150]);
        let mut data = tls
            .fresh()
            .connect(data::accept(&listener))
            .expect("a handshake");
        assert_eq!(data.rest().0, b"", "{way}");
        control.await_code(522);
        control.expect("NOOP", 200);
    }
}

// A download that gives nothing and an upload that changes nothing, both 522 with the cause.
#[track_caller]
fn refused(way: &str, wharf: &Wharf, control: &mut Control) {
    let transfer = control.fetch("RETR f");
    not_reused(way, &transfer, control);
    wharf.write("up", "the old version");
    let reply = control.put("STOR up", b"poison");
    assert_eq!(reply.code, 522, "{way}: {reply}\n{control}");
    assert!(reply.says("[D-13]"), "{way}: {reply}");
    assert_eq!(wharf.read("up"), b"the old version", "{way}");
    let reply = control.put("STOR new", b"poison");
    assert_eq!(reply.code, 522, "{way}: {reply}\n{control}");
    control.expect("SIZE new", 550);
    control.expect("NOOP", 200);
}

#[track_caller]
fn not_reused(way: &str, transfer: &Transfer, control: &Control) {
    assert_eq!(transfer.reply.code, 522, "{way}\n{control}");
    assert!(transfer.reply.says("[D-13]"), "{way}: {}", transfer.reply);
    assert!(
        transfer.reply.says("reuse") || transfer.reply.says("resum"),
        "the words people search for: {}",
        transfer.reply
    );
    assert_eq!(transfer.bytes, b"", "{way}: bytes went to a stranger");
}

#[test]
fn p6_what_is_preferred_passes_and_is_counted() {
    let wharf = Wharf::with_settings("[tls]\nreuse = \"prefer\"\n");
    wharf.write("f", "content");
    let tls = Tls::v13();
    let mut control = wharf.session_tls(&tls);
    // What is as preferred is not told.
    assert_eq!(control.retrieve("RETR f"), b"content");
    control.set_data_tls(Some(tls.fresh()));
    for _ in 0..3 {
        assert_eq!(control.retrieve("RETR f"), b"content");
    }
    control.store("STOR up", b"taken");
    assert_eq!(wharf.read("up"), b"taken");
    let counted = |event: &serde_json::Value| event["times"].as_u64().is_some_and(|n| n >= 1);
    let event = wharf.wait_event("data_not_resumed", counted);
    assert_eq!(event["cause"], "D-13", "{event}");
    assert_eq!(event["policy"], "prefer", "{event}");
    assert!(event["peer"].to_string().contains("127.0.0.1"), "{event}");
}

#[test]
fn p6_the_counter_grows() {
    let wharf = Wharf::with_settings("[tls]\nreuse = \"prefer\"\n");
    wharf.write("f", "content");
    let tls = Tls::v12();
    let mut last = 0;
    // A client is told of once in a while; another session is another client.
    for _ in 0..3 {
        let mut control = wharf.session_tls(&tls);
        control.set_data_tls(Some(tls.fresh()));
        assert_eq!(control.retrieve("RETR f"), b"content");
        let grown = wharf.wait_event("data_not_resumed", |event| {
            event["times"].as_u64().is_some_and(|n| n > last)
        });
        last = grown["times"].as_u64().unwrap_or_default();
    }
}

#[test]
fn p6_off_is_silent() {
    let wharf = Wharf::with_settings("[tls]\nreuse = \"off\"\n");
    wharf.write("f", "content");
    for (_, tls) in Tls::ways_to_resume() {
        let mut control = wharf.session_tls(&tls);
        control.set_data_tls(Some(tls.fresh()));
        assert_eq!(control.retrieve("RETR f"), b"content");
        control.store("STOR up", b"taken");
    }
    wharf.wait_event("upload", |_| true);
    let told = told(&wharf, "data_not_resumed");
    assert!(told.is_empty(), "{told:?}");
}

#[test]
fn p6_networks_and_listeners_have_exceptions() {
    let settings = "[tls]\nimplicit_reuse = \"off\"\n\
                    networks = [{ clients = \"127.0.0.2/32\", reuse = \"prefer\" }]\n";
    let wharf = Wharf::with().settings(settings).implicit().start();
    wharf.write("f", "content");
    let tls = Tls::v13();

    let mut here = wharf.session_tls(&tls);
    here.set_data_tls(Some(tls.fresh()));
    assert_eq!(here.fetch("RETR f").reply.code, 522, "{here}");

    let socket = data::connect_from(Ipv4Addr::new(127, 0, 0, 2), wharf.address());
    let mut there = Control::around(socket.expect("another address"));
    there.await_code(220);
    there.auth_tls(&tls);
    there.login(wharf.account());
    there.protect();
    there.set_data_tls(Some(tls.fresh()));
    assert_eq!(there.retrieve("RETR f"), b"content");
    let event = wharf.wait_event("data_not_resumed", |event| event["policy"] == "prefer");
    assert!(event["peer"].to_string().contains("127.0.0.2"), "{event}");

    let mut implicit = wharf.connect_implicit(&tls);
    implicit.login(wharf.account());
    implicit.protect();
    implicit.set_data_tls(Some(tls.fresh()));
    assert_eq!(implicit.retrieve("RETR f"), b"content");
}

#[test]
fn p6_one_session_serves_any_number_of_data_connections() {
    let wharf = Wharf::with()
        .settings("[uploads]\ndurability = \"none\"\n")
        .implicit()
        .start();
    wharf.write("f", "content");
    for (way, tls) in Tls::ways_to_resume() {
        let mut explicit = wharf.session_tls(&tls);
        let mut implicit = wharf.connect_implicit(&tls);
        implicit.login(wharf.account());
        implicit.protect();
        for control in [&mut explicit, &mut implicit] {
            for number in 0..30 {
                let transfer = control.fetch("RETR f");
                assert_eq!(transfer.reply.code, 226, "{way}, {number}\n{control}");
                assert_eq!(transfer.bytes, b"content", "{way}, {number}");
                let session = transfer.tls.expect("TLS").expect("a handshake");
                assert!(session.resumed, "{way}, {number}");
                assert!(session.close_notify, "{way}, {number}");
            }
            for number in 0..30 {
                let mut upload = control.begin_tls("STOR up");
                std::io::Write::write_all(&mut upload, b"content").expect("the content");
                upload.close_notify();
                assert!(upload.resumed(), "{way}, {number}");
                control.await_code(226);
                let _ = upload.rest();
                // Row P7: what a client leaves unread turns its close into a reset.
                assert_eq!(upload.tickets(), 0, "{way}, {number}");
            }
        }
    }
    assert!(told(&wharf, "data_not_resumed").is_empty());
}

/// Clients on rustls, Go and others use each ticket of TLS 1.3 once (RFC 8446 section C.4). A
/// download reads to its end, so that it can be given another one.
#[test]
fn p6_a_client_that_uses_tickets_once_goes_on_for_ever() {
    let wharf = Wharf::start();
    wharf.write("f", "content");
    let tls = Tls::v13().sessions(&Sessions::of_single_use());
    let mut control = wharf.session_tls(&tls);
    let tickets = control.tls_stream().tickets();
    assert!(tickets >= 4, "{tickets} tickets");
    for number in 0..40 {
        let transfer = control.fetch("RETR f");
        assert_eq!(transfer.reply.code, 226, "{number}\n{control}");
        let session = transfer.tls.expect("TLS").expect("a handshake");
        assert!(
            session.resumed && session.tickets >= 1,
            "{number}: {session:?}"
        );
    }
    for number in 0..tickets {
        let reply = control.put("STOR up", b"content");
        assert_eq!(reply.code, 226, "{number}: {reply}\n{control}");
    }
    // Then it has none, and is told what is missing.
    let reply = control.put("STOR up", b"content");
    assert_eq!(reply.code, 522, "{control}");
    assert!(reply.says("[D-13]"), "{reply}");
}

#[test]
fn p6_active_data_connections_are_resumed_too() {
    let wharf = Wharf::start();
    wharf.write("f", "content");
    for (way, tls) in Tls::ways_to_resume() {
        let mut control = wharf.session_tls(&tls);
        let listener = control.active();
        control.expect_any("RETR f", &[125, 150]);
        let how = control.data_tls().expect("TLS");
        let mut data = how.connect(data::accept(&listener)).expect("a handshake");
        assert_eq!(data.rest(), (b"content".to_vec(), true), "{way}");
        assert!(data.resumed(), "{way}");
        control.await_code(226);
    }
}

#[test]
fn p6_a_session_resumed_on_a_control_connection_grants_nothing() {
    let wharf = Wharf::start();
    for (way, tls) in Tls::ways_to_resume() {
        let first = wharf.session_tls(&tls);
        let taken = first.tls();
        let mut second = wharf.connect();
        second.auth_tls(&taken);
        assert!(
            !second.tls_stream().resumed(),
            "{way}: a control connection begins a session of its own"
        );
        second.expect("PWD", 530);
        second.expect(format!("USER {}", wharf.account().name), 331);
        second.expect("PASS wrong", 530);
        drop(first);
    }
}

/// A client may say nothing of what it resumes until the data connection is there; what it then
/// offers beside the right session does no harm.
#[test]
fn p6_sessions_do_not_mix() {
    let wharf = Wharf::start();
    wharf.write("f", "content");
    let tls = Tls::v13();
    let mut sessions: Vec<_> = (0..8).map(|_| wharf.session_tls(&tls)).collect();
    for round in 0..3 {
        for control in &mut sessions {
            let transfer = control.fetch("RETR f");
            assert_eq!(transfer.reply.code, 226, "round {round}\n{control}");
        }
    }
    let own: Vec<Tls> = sessions.iter().map(Control::tls).collect();
    for (number, control) in sessions.iter_mut().enumerate() {
        let neighbour = own.get((number + 1) % own.len()).cloned();
        control.set_data_tls(neighbour);
        assert_eq!(control.fetch("RETR f").reply.code, 522, "{control}");
    }
}

#[test]
fn p6_nothing_held_is_nothing_resumed() {
    let wharf = Wharf::start();
    wharf.write("f", "content");
    let empty = Sessions::default();
    let mut control = wharf.session_tls(&Tls::v13());
    control.set_data_tls(Some(Tls::v13().sessions(&empty)));
    let transfer = control.fetch("RETR f");
    not_reused("an empty store", &transfer, &control);
}

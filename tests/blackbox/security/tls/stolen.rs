//! Rows P4 and P6 together: a passive port taken by somebody else.

use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use wharf_tests::{Control, Tls, Wharf, data};

#[test]
fn p6_a_thief_with_another_address_gets_nothing_and_the_client_still_does() {
    let wharf = Wharf::start();
    wharf.write("f", "the pizza");
    let tls = Tls::v13();
    let mut control = wharf.session_tls(&tls);
    let port = control.epsv_port();
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let thief = data::connect_from(Ipv4Addr::new(127, 0, 0, 2), address).expect("a thief");
    control.send("RETR f");
    let stolen = tls.fresh().connect(thief);
    assert!(stolen.is_err(), "a stranger shook hands");
    let own = control
        .data_tls()
        .expect("TLS")
        .connect(data::open(address));
    assert_eq!(
        own.expect("a handshake").rest(),
        (b"the pizza".to_vec(), true)
    );
    assert!(control.reply().is_preliminary(), "{control}");
    control.await_code(226);
    wharf.wait_event("data_peer_mismatch", |_| true);
}

/// Behind one NAT the address tells nothing; the TLS session does.
#[test]
fn p6_a_thief_with_the_same_address_reads_nothing() {
    let wharf = Wharf::start();
    wharf.write("f", "the pizza");
    for (way, tls) in Tls::ways_to_resume() {
        let other = wharf.session_tls(&tls);
        for how in [tls.fresh(), other.tls()] {
            let mut control = wharf.session_tls(&tls);
            let thief = thief(&mut control);
            control.send("RETR f");
            let bytes = how.connect(thief).map(|mut data| data.rest().0);
            assert_eq!(bytes.unwrap_or_default(), b"", "{way}: the thief has it");
            refused_or_served(&mut control, way);
        }
    }
}

#[test]
fn p6_a_thief_with_the_same_address_writes_nothing() {
    let wharf = Wharf::start();
    wharf.write("f", "the old version");
    for (way, tls) in Tls::ways_to_resume() {
        let mut control = wharf.session_tls(&tls);
        let thief = thief(&mut control);
        control.send("STOR f");
        if let Ok(mut data) = tls.fresh().connect(thief) {
            let _ = data.write_all(b"poison");
            let _ = data.finish();
        }
        refused_or_served(&mut control, way);
        assert_eq!(wharf.read("f"), b"the old version", "{way}");
    }
}

#[test]
fn p6_a_thief_in_clear_writes_nothing() {
    let wharf = Wharf::start();
    wharf.write("f", "the old version");
    let mut control = wharf.session_tls(&Tls::v13());
    let mut thief = thief(&mut control);
    control.send("STOR f");
    let _ = thief.write_all(b"poison in clear, and quite a lot of it");
    data::finish(&thief);
    assert!(control.reply().is_preliminary(), "{control}");
    let reply = control.reply();
    assert!(
        reply.is_refused() && reply.has_cause(),
        "{reply}\n{control}"
    );
    assert_eq!(wharf.read("f"), b"the old version");
    control.expect("NOOP", 200);
    control.store("STOR f", b"the new version");
}

#[test]
fn p6_a_thief_who_says_nothing_is_let_go() {
    let wharf = Wharf::with_settings("[timeouts]\nhandshake = \"1 s\"\n");
    wharf.write("f", "content");
    let mut control = wharf.session_tls(&Tls::v13());
    let thief = thief(&mut control);
    let since = Instant::now();
    control.expect_any("RETR f", &[125, 150]);
    let reply = control.reply();
    assert!(
        reply.is_refused() && reply.has_cause(),
        "{reply}\n{control}"
    );
    assert!(
        since.elapsed() < Duration::from_secs(8),
        "it took {:?}",
        since.elapsed()
    );
    assert_eq!(data::read_what_comes(thief).0, b"");
    assert_eq!(control.retrieve("RETR f"), b"content");
}

#[track_caller]
fn thief(control: &mut Control) -> std::net::TcpStream {
    let port = control.epsv_port();
    data::open(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
}

#[track_caller]
fn refused_or_served(control: &mut Control, way: &str) {
    assert!(control.reply().is_preliminary(), "{way}\n{control}");
    let reply = control.await_code(522);
    assert!(reply.says("[D-13]"), "{way}: {reply}");
    control.expect("NOOP", 200);
}

//! What one client may take from the others under TLS.

use std::time::{Duration, Instant};

use wharf_tests::tls::certificates::Authority;
use wharf_tests::{Tls, Wharf};

use super::unhurt;

/// More downloads than there are transfer buffers, none of them read: everybody else goes on.
#[test]
fn r4_clients_that_do_not_read_hold_no_buffers() {
    const SILENT: usize = 530;
    let mut wharf = Wharf::with()
        .settings(
            "[limits]\nsessions_per_address = 700\nsessions_per_account = 700\n\
             [timeouts]\nstall = \"10 min\"\nidle = \"10 min\"\n",
        )
        .start();
    std::fs::File::create(wharf.path("large"))
        .and_then(|file| file.set_len(64 << 20))
        .expect("a large file");
    let held: Vec<_> = (0..SILENT)
        .map(|_| {
            let mut control = wharf.session_tls(&Tls::v12());
            let download = control.begin_tls("RETR large");
            (control, download)
        })
        .collect();
    let mut other = wharf.session_tls(&Tls::v13());
    other.store("STOR small", b"content");
    assert_eq!(other.retrieve("RETR small"), b"content");
    let mut clear = wharf.session();
    clear.store("STOR clear", b"content");
    drop(held);
    unhurt(&mut wharf);
}

/// REIN begins the login anew, but not its time.
#[test]
fn r2_rein_before_the_login_gives_no_more_time() {
    let mut wharf = Wharf::with_settings("[timeouts]\nlogin = \"1 s\"\n");
    let mut control = wharf.connect_tls(&Tls::v13());
    let since = Instant::now();
    loop {
        assert!(
            since.elapsed() < Duration::from_secs(20),
            "it lasts for ever"
        );
        control.send("REIN");
        match control.try_reply() {
            Ok(Some(reply)) if reply.code != 421 => std::thread::sleep(Duration::from_millis(100)),
            _ => break,
        }
    }
    unhurt(&mut wharf);
}

/// Certificates are kept with every ticket of a session in which nobody has logged in.
#[test]
fn m1_a_chain_of_certificates_has_an_end() {
    let mut wharf = Wharf::with_settings("[tls]\nclient_certificates = \"request\"\n");
    let authority = Authority::new("root");
    let client = authority.client("ann");
    let mut short = wharf.session_tls(&Tls::v13().certificate(&client.identity()));
    short.expect("NOOP", 200);
    let padded = client.identity_followed_by(30);
    let mut control = wharf.connect();
    control.expect("AUTH TLS", 234);
    let refused = match control.handshake(&Tls::v12().certificate(&padded)) {
        Err(_) => true,
        Ok(()) => control.try_reply().is_err(),
    };
    assert!(refused, "{control}");
    unhurt(&mut wharf);
}

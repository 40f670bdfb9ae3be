//! Rows P13 and F-3, F-4 of the causes: who is not spoken to at all.

use std::net::TcpStream;

use rustls::CipherSuite;
use wharf_tests::tls::hello::{Answer, Hello, WEAK_SUITES, ask};
use wharf_tests::{Control, Tls, Wharf, data};

use super::{failed, unhurt};

#[test]
fn p13_alpn_for_another_protocol_is_refused() {
    let mut wharf = Wharf::with().implicit().start();
    for tls in [Tls::v12(), Tls::v13()] {
        for names in [&["http/1.1"][..], &["h2", "http/1.1"], &["smtp"], &["FTP"]] {
            let other = tls.clone().alpn(names);
            let mut explicit = wharf.connect();
            explicit.expect("AUTH TLS", 234);
            let failure = explicit.handshake(&other).expect_err("hands were shaken");
            assert_eq!(failure.alert, Some(120), "{names:?}: {failure}");
            let failure = other.connect(data::open(wharf.implicit()));
            let failure = failure.expect_err("hands were shaken");
            assert_eq!(failure.alert, Some(120), "{names:?}: {failure}");
        }
        for names in [
            &["ftp"][..],
            &["x-filezilla-ftp", "ftp"],
            &["http/1.1", "ftp"],
        ] {
            let mut control = wharf.session_tls(&tls.clone().alpn(names));
            assert_eq!(control.tls_stream().alpn(), Some(&b"ftp"[..]), "{names:?}");
        }
        let mut control = wharf.session_tls(&tls);
        assert_eq!(control.tls_stream().alpn(), None);
    }
    failed(&wharf, "A-13");
    unhurt(&mut wharf);
}

#[test]
fn p13_alpn_on_data_connections_is_looked_at_too() {
    let wharf = Wharf::start();
    wharf.write("f", "content");
    let mut control = wharf.session_tls(&Tls::v13());
    let own = control.tls();
    for names in [&["ftp"][..], &["ftp-data"]] {
        control.set_data_tls(Some(own.clone().alpn(names)));
        assert_eq!(control.retrieve("RETR f"), b"content", "{names:?}");
    }
    control.set_data_tls(Some(own.alpn(&["http/1.1"])));
    let transfer = control.fetch("RETR f");
    assert!(transfer.reply.is_refused(), "{control}");
    assert!(transfer.reply.has_cause(), "{}", transfer.reply);
    assert_eq!(transfer.bytes, b"");
    let failure = transfer.tls.expect("TLS").expect_err("hands were shaken");
    assert_eq!(failure.alert, Some(120), "{failure}");
    control.set_data_tls(Some(control.tls()));
    assert_eq!(control.retrieve("RETR f"), b"content");
}

const REQUEST: &str = "GET /<script>alert(1)</script> HTTP/1.1\r\n\
                       Host: ftp.example.org\r\nCookie: secret=value\r\n\r\n";

#[test]
fn p13_http_on_the_ftp_port_is_closed_and_not_echoed() {
    let wharf = Wharf::start();
    for method in ["GET", "POST", "HEAD", "PUT", "OPTIONS", "CONNECT"] {
        let request = REQUEST.replacen("GET", method, 1);
        let mut control = wharf.connect();
        control.send_raw(request.as_bytes());
        closed_without_echo(&mut control);
    }
    // The browser that was led here by ALPACA speaks TLS; its request is worth as little.
    let wharf = Wharf::with().implicit().start();
    for tls in [Tls::v12(), Tls::v13()] {
        let mut control = wharf.connect_implicit(&tls);
        control.send_raw(REQUEST.as_bytes());
        closed_without_echo(&mut control);
        let mut control = wharf.connect_tls(&tls);
        control.send_raw(REQUEST.replacen("GET", "POST", 1).as_bytes());
        closed_without_echo(&mut control);
    }
}

#[track_caller]
fn closed_without_echo(control: &mut Control) {
    let mut replies = 0;
    while let Ok(Some(reply)) = control.try_reply() {
        assert!(reply.is_refused(), "{reply}\n{control}");
        for word in ["script", "HTTP/1.1", "secret", "example.org", "Cookie"] {
            assert!(!reply.says(word), "{word} came back: {reply}");
        }
        replies += 1;
        assert!(replies < 3, "it is taken for FTP\n{control}");
    }
}

#[test]
fn p13_clear_text_on_the_implicit_port_is_closed_and_not_echoed() {
    let mut wharf = Wharf::with().implicit().start();
    for said in [
        REQUEST,
        "USER evil-name\r\n",
        "\r\n",
        "SSH-2.0-OpenSSH_9.2\r\n",
    ] {
        let mut socket = data::open(wharf.implicit());
        std::io::Write::write_all(&mut socket, said.as_bytes()).expect("clear text");
        let (answer, _) = data::read_what_comes(socket);
        let answer = wharf_tests::show(&answer);
        for word in ["script", "HTTP", "evil", "220", "331", "530"] {
            assert!(!answer.contains(word), "{said:?}: {answer}");
        }
    }
    let events = wharf.events();
    assert!(
        !events
            .iter()
            .any(|event| event.to_string().contains("evil-name")),
        "it was read as a command"
    );
    // Whoever meant the other port is told so in the log.
    failed(&wharf, "F-2");
    unhurt(&mut wharf);
}

#[test]
fn f3_old_versions_are_refused_with_alert_70() {
    let mut wharf = Wharf::with().implicit().start();
    for version in [0x0300, 0x0301, 0x0302] {
        for mut socket in both(&wharf) {
            let answer = ask(&mut socket, &Hello::old(version));
            assert_eq!(answer, Answer::Alert(70), "version {version:#06x}");
        }
    }
    let event = failed(&wharf, "F-3");
    assert!(event["text"].is_string(), "{event}");
    // A hello that lists only old ones in the way of TLS 1.3.
    let mut hello = Hello::v12();
    hello.versions = vec![0x0302, 0x0301];
    for mut socket in both(&wharf) {
        assert_eq!(ask(&mut socket, &hello), Answer::Alert(70));
    }
    // The same hello with 1.2 in it is answered: what is refused above is refused for this.
    for mut socket in both(&wharf) {
        assert_eq!(ask(&mut socket, &Hello::v12()), Answer::ServerHello);
    }
    unhurt(&mut wharf);
}

#[test]
fn f3_the_least_version_can_be_raised() {
    let wharf = Wharf::with()
        .settings("[tls]\nmin_version = \"1.3\"\n")
        .implicit()
        .start();
    for mut socket in both(&wharf) {
        assert_eq!(ask(&mut socket, &Hello::v12()), Answer::Alert(70));
    }
    let mut control = wharf.connect();
    control.expect("AUTH TLS", 234);
    let failure = control.handshake(&Tls::v12()).expect_err("TLS 1.2");
    assert_eq!(failure.alert, Some(70), "{failure}");
    failed(&wharf, "F-3");
    let mut control = wharf.session_tls(&Tls::new());
    assert_eq!(
        control.tls_stream().version(),
        Some(rustls::ProtocolVersion::TLSv1_3)
    );
    control.store("STOR f", b"content");
}

#[test]
fn f4_weak_suites_are_refused_with_alert_40() {
    let mut wharf = Wharf::with().implicit().start();
    let all = Hello::with_suites(&WEAK_SUITES);
    for mut socket in both(&wharf) {
        assert_eq!(ask(&mut socket, &all), Answer::Alert(40));
    }
    let event = failed(&wharf, "F-4");
    assert!(event["text"].is_string(), "{event}");
    // One by one: no single one of them slips in.
    for suite in WEAK_SUITES {
        let mut socket = data::open(wharf.implicit());
        let answer = ask(&mut socket, &Hello::with_suites(&[suite]));
        assert_eq!(answer, Answer::Alert(40), "suite {suite:#06x}");
    }
    unhurt(&mut wharf);
}

#[test]
fn f4_among_weak_suites_the_good_one_is_taken() {
    let wharf = Wharf::start();
    for suite in [
        CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
        CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
        CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
    ] {
        wharf
            .session_tls(&Tls::v12().suites(&[suite]))
            .store("STOR f", b"1");
    }
    for suite in [
        CipherSuite::TLS13_AES_128_GCM_SHA256,
        CipherSuite::TLS13_AES_256_GCM_SHA384,
        CipherSuite::TLS13_CHACHA20_POLY1305_SHA256,
    ] {
        wharf
            .session_tls(&Tls::v13().suites(&[suite]))
            .store("STOR f", b"1");
    }
}

#[test]
fn the_key_exchange_is_post_quantum_where_the_client_can() {
    let wharf = Wharf::start();
    let mut control = wharf.session_tls(&Tls::v13());
    assert_eq!(
        control.tls_stream().group(),
        Some(rustls::NamedGroup::X25519MLKEM768)
    );
}

// A socket after AUTH TLS, and one of the implicit port.
fn both(wharf: &Wharf) -> [TcpStream; 2] {
    let mut control = wharf.connect();
    control.expect("AUTH TLS", 234);
    let explicit = control.stream().try_clone().expect("a second handle");
    [explicit, data::open(wharf.implicit())]
}

//! The tools themselves: what they say of a server must not be their own doing.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use wharf_tests::tls::Sessions;
use wharf_tests::tls::certificates::Authority;
use wharf_tests::{Tls, data};

#[test]
fn one_session_is_resumed_many_times() {
    let address = echo();
    for (way, tls) in Tls::ways_to_resume() {
        let sessions = Sessions::default();
        let mut first = tls.clone().sessions(&sessions).connect(data::open(address));
        talk(first.as_mut().expect("a handshake"));
        assert!(!sessions.is_empty(), "{way}");
        for number in 0..5 {
            let copy = sessions.copy();
            let next = tls.clone().sessions(&copy).connect(data::open(address));
            let mut next = next.expect("a handshake");
            talk(&mut next);
            assert!(next.resumed(), "{way}: number {number}");
        }
        let mut fresh = tls.connect(data::open(address)).expect("a handshake");
        talk(&mut fresh);
        assert!(!fresh.resumed(), "{way}");
    }
}

#[test]
fn records_of_one_byte_are_a_handshake() {
    let address = echo();
    for tls in [Tls::v12(), Tls::v13()] {
        let mut stream = tls.pieces(1).connect(data::open(address)).expect("hands");
        talk(&mut stream);
    }
}

#[track_caller]
fn talk(stream: &mut wharf_tests::tls::TlsStream) {
    stream.write_all(b"word").expect("a word");
    let mut back = [0; 4];
    stream.read_exact(&mut back).expect("the word");
    assert_eq!(&back, b"word");
}

fn echo() -> SocketAddr {
    let issued = Authority::new("root").server(&["localhost"]);
    let key = rustls::pki_types::PrivateKeyDer::from_pem_slice(issued.key.as_bytes()).expect("key");
    let chain = vec![rustls::pki_types::CertificateDer::from(
        issued.der().to_vec(),
    )];
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .expect("a certificate");
    config.ticketer = aws_lc_rs::Ticketer::new().expect("a ticketer");
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("its address");
    std::thread::spawn(move || {
        for socket in listener.incoming().flatten() {
            let connection = ServerConnection::new(Arc::clone(&config)).expect("a server");
            let mut stream = StreamOwned::new(connection, socket);
            let mut word = [0; 4];
            if stream.read_exact(&mut word).is_ok() {
                let _ = stream.write_all(&word);
            }
            stream.conn.send_close_notify();
            let _ = stream.flush();
        }
    });
    address
}

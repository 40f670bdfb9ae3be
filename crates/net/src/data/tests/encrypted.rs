//! Data connections under TLS, with the control connection they come out of.

use std::net::{IpAddr, Ipv4Addr};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption as Remembered, TicketRequest};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::version::{TLS12, TLS13};
use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, HandshakeKind, SignatureScheme,
    StreamOwned, SupportedProtocolVersion,
};

use super::*;
use crate::control::ControlStream;
use crate::tls::TlsVersion;
use crate::tls::certificate::CertificateFiles;
use crate::tls::client::ClientCertificates;
use crate::tls::config::TlsServer;
use crate::tls::handshake::HandshakeError;
use crate::tls::set::Certificates;

const VERSIONS: [&SupportedProtocolVersion; 2] = [&TLS12, &TLS13];

const SENDS: DataRole = DataRole {
    tls_client: false,
    sends: true,
    must_close: true,
};
const AS_CLIENT: DataRole = DataRole {
    tls_client: true,
    ..SENDS
};

type Client = StreamOwned<ClientConnection, TcpStream>;

#[derive(Debug)]
struct TakeAny;

impl ServerCertVerifier for TakeAny {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        aws_lc_rs::default_provider()
            .signature_verification_algorithms
            .supported_schemes()
    }
}

fn server() -> Arc<TlsServer> {
    let folder = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let file = folder.path().join("both.pem");
    let pem = made.cert.pem() + &made.signing_key.serialize_pem();
    std::fs::write(&file, pem).unwrap();
    let files = CertificateFiles {
        chain: file.clone(),
        key: file,
        optional: false,
    };
    let certificates = Arc::new(Certificates::load(&[files]).unwrap());
    let off = ClientCertificates::Off;
    Arc::new(TlsServer::new(certificates, TlsVersion::V1_2, off, None).unwrap())
}

/// A client with a memory for sessions of its own.
fn client_config(version: &'static SupportedProtocolVersion) -> Arc<ClientConfig> {
    let mut config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[version])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(TakeAny))
        .with_no_client_auth();
    config.resumption = Remembered::in_memory_sessions(64);
    // rustls uses a ticket once. It asks for the next one.
    config.send_ticket_request = Some(TicketRequest {
        new_session_count: 8,
        resumption_count: 1,
    });
    Arc::new(config)
}

fn client_on(config: &Arc<ClientConfig>, stream: TcpStream) -> Client {
    let name = ServerName::from(IpAddr::V4(Ipv4Addr::LOCALHOST));
    StreamOwned::new(
        ClientConnection::new(Arc::clone(config), name).unwrap(),
        stream,
    )
}

/// The same client when it uploads: what it does not read, it must not ask for.
fn uploading(config: &Arc<ClientConfig>) -> Arc<ClientConfig> {
    let mut config = ClientConfig::clone(config);
    config.send_ticket_request = None;
    Arc::new(config)
}

/// A control connection whose client has read its tickets.
async fn session(server: &Arc<TlsServer>, config: &Arc<ClientConfig>) -> (ControlStream, Client) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    stream.set_read_timeout(Some(LONG)).unwrap();
    let accepted = listener.accept().unwrap().0;
    accepted.set_nonblocking(true).unwrap();
    let accepted = tokio::net::TcpStream::from_std(accepted).unwrap();
    let mut control = ControlStream::new(accepted);
    let mut client = client_on(config, stream);
    let hello = spawn_blocking(move || {
        let mut greeting = [0; 5];
        client.read_exact(&mut greeting).unwrap();
        assert_eq!(&greeting, b"220 \n");
        client
    });
    control.protect(server, None, LONG).await.unwrap();
    control.send(b"220 \n", LONG).await.unwrap();
    (control, hello.await.unwrap())
}

/// A data connection, and the client's end of it in the hands of `client`.
async fn data<T: Send + 'static>(
    control: &ControlStream,
    config: &Arc<ClientConfig>,
    must_close: bool,
    client: impl FnOnce(Client) -> T + Send + 'static,
) -> (DataConnection, bool, JoinHandle<T>) {
    let (mut connection, stream) = pair();
    let mut client_end = client_on(config, stream);
    let running = spawn_blocking(move || {
        client_end.conn.complete_io(&mut client_end.sock).unwrap();
        client(client_end)
    });
    let role = DataRole {
        sends: config.send_ticket_request.is_some(),
        must_close,
        ..SENDS
    };
    let tls = control.data_tls(role).unwrap();
    let protected = connection.protect(&tls, LONG).await.unwrap();
    (connection, protected.resumed, running)
}

fn read_all(mut client: Client) -> io::Result<Vec<u8>> {
    let mut all = Vec::new();
    client.read_to_end(&mut all).map(|_| all)
}

fn sending(bytes: Vec<u8>) -> impl FnOnce(Client) -> HandshakeKind + Send {
    move |mut client| {
        client.write_all(&bytes).unwrap();
        client.conn.send_close_notify();
        client.flush().unwrap();
        let _ = client.sock.shutdown(Shutdown::Write);
        client.conn.handshake_kind().unwrap()
    }
}

#[tokio::test]
async fn every_size_goes_both_ways_in_both_versions() {
    let server = server();
    for version in VERSIONS {
        let config = client_config(version);
        let (control_stream, _client) = session(&server, &config).await;
        for size in [0, 1, 16_384, 16_385, 300_000, 5 * MIB + 1] {
            let bytes = pattern(size);
            let (mut connection, resumed, reader) =
                data(&control_stream, &config, true, read_all).await;
            assert!(resumed, "{version:?}, {size} bytes");
            let file = file_of(&bytes);
            let moved = control(LONG);
            let sent = connection.send_file(&file, 0, size as u64, &moved).await;
            assert_eq!(sent.unwrap(), size as u64);
            assert_eq!(moved.bytes(), size as u64, "plaintext is counted");
            connection.finish().await.unwrap();
            assert!(reader.await.unwrap().unwrap() == bytes, "{size} down");

            let (mut connection, resumed, writer) = data(
                &control_stream,
                &uploading(&config),
                true,
                sending(bytes.clone()),
            )
            .await;
            assert!(resumed, "{version:?}, {size} bytes up");
            let moved = control(LONG);
            let (kept, received) = connection.receive(Kept::default(), &moved).await;
            assert_eq!(received.unwrap(), size as u64);
            assert_eq!(moved.bytes(), size as u64);
            assert_eq!(kept.ends, 1);
            assert!(kept.bytes == bytes, "{size} up");
            assert_eq!(writer.await.unwrap(), HandshakeKind::Resumed);
        }
    }
}

#[tokio::test]
async fn sources_that_give_little_or_much_arrive_whole() {
    let server = server();
    let config = client_config(&TLS13);
    let (control_stream, _client) = session(&server, &config).await;
    let chunks: Vec<_> = [1, 70_000, 200_000, 3, 262_144].map(pattern).into();
    let whole = chunks.concat();
    let (mut connection, _, reader) = data(&control_stream, &config, true, read_all).await;
    let source = Chunks::of(chunks.into_iter().map(Ok).collect());
    let (_, sent) = connection.send(source, &control(LONG)).await;
    assert_eq!(sent.unwrap(), whole.len() as u64);
    connection.finish().await.unwrap();
    assert!(reader.await.unwrap().unwrap() == whole);
}

#[tokio::test]
async fn p6_only_the_own_session_is_resumed() {
    let server = server();
    for version in VERSIONS {
        let (one, other) = (client_config(version), client_config(version));
        let (first, _first_client) = session(&server, &one).await;
        let (second, second_client) = session(&server, &other).await;
        for _ in 0..30 {
            let (mut connection, resumed, reader) = data(&first, &one, true, read_all).await;
            assert!(resumed, "{version:?}");
            let nothing = Chunks::of(vec![]);
            connection.send(nothing, &control(LONG)).await.1.unwrap();
            connection.finish().await.unwrap();
            assert!(reader.await.unwrap().unwrap().is_empty());
        }
        // What the second client remembers names nothing in the first one's session.
        let foreign = data(&first, &other, true, read_all).await;
        assert!(!foreign.1, "{version:?}");
        // A stranger's first attempt brings it nothing for the second, whatever it was sent.
        let stranger = client_config(version);
        for _ in 0..3 {
            let (mut connection, resumed, reader) = data(&first, &stranger, true, read_all).await;
            assert!(!resumed, "{version:?}");
            let nothing = Chunks::of(vec![]);
            connection.send(nothing, &control(LONG)).await.1.unwrap();
            connection.finish().await.unwrap();
            reader.await.unwrap().unwrap();
        }
        drop((second, second_client));
    }
}

#[tokio::test]
async fn p7_who_only_sends_is_sent_no_ticket_that_it_has_not_asked_for() {
    let server = server();
    for (asks, sends, tickets) in [(0, false, 0), (0, true, 1), (5, false, 1), (5, true, 1)] {
        let mut config = ClientConfig::clone(&client_config(&TLS13));
        config.send_ticket_request = (asks > 0).then_some(TicketRequest {
            new_session_count: 2,
            resumption_count: asks,
        });
        let config = Arc::new(config);
        let (control_stream, client) = session(&server, &config).await;
        assert!(client.conn.tls13_tickets_received() > 0);
        let (mut connection, stream) = pair();
        let mut client = client_on(&config, stream);
        let reader = spawn_blocking(move || {
            client.read_to_end(&mut Vec::new()).unwrap();
            client.conn.tls13_tickets_received()
        });
        let role = DataRole { sends, ..SENDS };
        let tls = control_stream.data_tls(role).unwrap();
        assert!(connection.protect(&tls, LONG).await.unwrap().resumed);
        let bytes = Chunks::of(vec![Ok(pattern(1000))]);
        connection.send(bytes, &control(LONG)).await.1.unwrap();
        connection.finish().await.unwrap();
        assert_eq!(reader.await.unwrap(), tickets, "asks for {asks}, {sends}");
    }
}

#[tokio::test]
async fn p8_a_fin_is_no_end_unless_the_settings_say_so() {
    let server = server();
    for version in VERSIONS {
        for must_close in [true, false] {
            let config = client_config(version);
            let (control_stream, _client) = session(&server, &config).await;
            let cut = |mut client: Client| {
                client.write_all(&pattern(100_000)).unwrap();
                client.flush().unwrap();
                client.sock.shutdown(Shutdown::Write).unwrap();
                client
            };
            let (mut connection, _, writer) = data(&control_stream, &config, must_close, cut).await;
            let (kept, received) = connection.receive(Kept::default(), &control(LONG)).await;
            assert!(kept.bytes == pattern(100_000), "what came is kept");
            if must_close {
                assert!(matches!(received, Err(TransferError::Unclosed)));
                assert_eq!(kept.ends, 0);
            } else {
                assert_eq!(received.unwrap(), 100_000);
                assert_eq!(kept.ends, 1);
            }
            drop(writer.await.unwrap());
        }
    }
}

#[tokio::test]
async fn a_record_that_was_tampered_with_ends_the_upload() {
    let server = server();
    let config = client_config(&TLS13);
    let (control_stream, _client) = session(&server, &config).await;
    let forged = |mut client: Client| {
        client.write_all(b"authentic").unwrap();
        client.flush().unwrap();
        let record = [&[0x17, 3, 3, 0, 32][..], &[0xAA; 32]].concat();
        client.sock.write_all(&record).unwrap();
        client
    };
    let (mut connection, _, writer) =
        data(&control_stream, &uploading(&config), true, forged).await;
    let (kept, received) = connection.receive(Kept::default(), &control(LONG)).await;
    assert!(
        matches!(received, Err(TransferError::Broken(_))),
        "{received:?}"
    );
    assert_eq!(kept.bytes, b"authentic");
    assert_eq!(kept.ends, 0);
    drop(writer.await.unwrap());
}

#[tokio::test]
async fn a_reader_that_stops_is_stalled_and_one_that_goes_on_gets_all() {
    let server = server();
    let config = client_config(&TLS13);
    let (control_stream, _client) = session(&server, &config).await;
    let (go, gone_on) = mpsc::channel::<()>();
    let (mut connection, _, reader) = data(&control_stream, &config, true, move |client| {
        gone_on.recv().unwrap();
        read_all(client)
    })
    .await;
    let bytes = pattern(30 * MIB);
    let file = file_of(&bytes);
    let moved = control(LONG);
    let transfer = tokio::spawn({
        let moved = Arc::clone(&moved);
        let length = bytes.len() as u64;
        async move {
            let sent = connection.send_file(&file, 0, length, &moved).await;
            connection.finish().await.unwrap();
            sent
        }
    });
    blocked(&moved).await;
    go.send(()).unwrap();
    assert_eq!(transfer.await.unwrap().unwrap(), bytes.len() as u64);
    assert!(reader.await.unwrap().unwrap() == bytes);

    let (mut connection, _, reader) = data(&control_stream, &config, true, |client| client).await;
    let quick = control(Duration::from_millis(200));
    let (_, sent) = connection.send(Zeros, &quick).await;
    assert!(matches!(sent, Err(TransferError::Stalled(_))), "{sent:?}");
    drop(reader.await.unwrap());
}

#[tokio::test]
async fn r2_a_handshake_that_drips_ends_in_time() {
    let server = server();
    let config = client_config(&TLS13);
    let (control_stream, _client) = session(&server, &config).await;
    let (mut connection, mut client) = pair();
    client.write_all(&[0x16, 3, 1]).unwrap();
    let limit = Duration::from_millis(200);
    let tls = control_stream.data_tls(SENDS).unwrap();
    let outcome = timeout(LONG, connection.protect(&tls, limit))
        .await
        .unwrap();
    assert_eq!(outcome, Err(HandshakeError::TimedOut(limit)));
    drop(connection);
    let ended = client.read_to_end(&mut Vec::new());
    assert_eq!(ended.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn clear_text_is_no_handshake() {
    let server = server();
    let config = client_config(&TLS13);
    let (control_stream, _client) = session(&server, &config).await;
    let (mut connection, mut client) = pair();
    client.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    let tls = control_stream.data_tls(SENDS).unwrap();
    let outcome = connection.protect(&tls, LONG).await;
    assert_eq!(outcome, Err(HandshakeError::NotTls));
}

#[tokio::test]
async fn two_servers_agree_on_who_is_the_client() {
    let server = server();
    let config = client_config(&TLS13);
    let (control_stream, _client) = session(&server, &config).await;
    let (mut connection, other) = pair();
    let mut far = DataConnection::from_std(other).unwrap();
    let (near_tls, far_tls) = (
        control_stream.data_tls(AS_CLIENT).unwrap(),
        control_stream.data_tls(SENDS).unwrap(),
    );
    let (near, beyond) = tokio::join!(
        connection.protect(&near_tls, LONG),
        far.protect(&far_tls, LONG)
    );
    assert!(!near.unwrap().resumed && !beyond.unwrap().resumed);
    let bytes = pattern(200_000);
    let (sent, received) = (control(LONG), control(LONG));
    let source = Chunks::of(vec![Ok(bytes.clone())]);
    let ((_, sent), (kept, _)) = tokio::join!(
        connection.send(source, &sent),
        far.receive(Kept::default(), &received)
    );
    assert_eq!(sent.unwrap(), 200_000);
    assert!(kept.bytes == bytes && kept.ends == 1);
}

#[tokio::test]
async fn commands_and_replies_cross_under_tls_and_end_with_it() {
    let server = server();
    for version in VERSIONS {
        let config = client_config(version);
        let (mut control_stream, mut client) = session(&server, &config).await;
        let dialogue = spawn_blocking(move || {
            client.write_all(b"NOOP\r\nSTAT\r\n").unwrap();
            let mut reply = [0; 8];
            client.read_exact(&mut reply).unwrap();
            client.conn.send_close_notify();
            client.flush().unwrap();
            (reply, client)
        });
        let mut said = Vec::new();
        while said.len() < 12 {
            let count = control_stream
                .receive(|bytes| said.extend_from_slice(bytes))
                .await;
            assert_ne!(count.unwrap(), 0);
        }
        assert_eq!(said, b"NOOP\r\nSTAT\r\n");
        control_stream.send(b"200 ok\r\n", LONG).await.unwrap();
        assert_eq!(control_stream.receive(|_| {}).await.unwrap(), 0);
        control_stream.shutdown().await;
        let (reply, mut client) = dialogue.await.unwrap();
        assert_eq!(&reply, b"200 ok\r\n");
        assert_eq!(client.read(&mut [0; 8]).unwrap(), 0, "close_notify came");
    }
}

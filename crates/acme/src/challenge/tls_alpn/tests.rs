//! Handshakes as a CA makes them, and as others do.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};
use tokio::io::AsyncReadExt as _;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::super::{Challenge, Responder};
use super::*;

const DIGEST: [u8; 32] = [7; 32];

fn responder() -> Responder {
    let responder = Responder::bind(Challenge::TlsAlpn01, ([127, 0, 0, 1], 0).into()).unwrap();
    let proof = Proof {
        name: "a.example",
        token: "token",
        authorization: "token.thumb",
        digest: &DIGEST,
    };
    responder.publish(&proof).unwrap();
    responder
}

async fn shake(
    responder: &Responder,
    name: &'static str,
    alpn: &[&[u8]],
) -> io::Result<TlsStream<TcpStream>> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anybody))
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
    let stream = TcpStream::connect(responder.address()).await?;
    let name = ServerName::try_from(name).unwrap();
    TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await
}

#[tokio::test]
async fn the_ca_sees_the_digest_and_then_the_end() {
    let responder = responder();
    for name in ["a.example", "A.Example"] {
        let mut stream = shake(&responder, name, &[ACME_TLS]).await.unwrap();
        let (_, session) = stream.get_ref();
        assert_eq!(session.alpn_protocol(), Some(ACME_TLS));
        let certificates = session.peer_certificates().unwrap();
        assert_eq!(certificates.len(), 1);
        // The object identifier 1.3.6.1.5.5.7.1.31, TRUE, and an octet string in an octet string
        // (RFC 8737 3 and 6.1).
        let mut extension = vec![6, 8, 0x2b, 6, 1, 5, 5, 7, 1, 31, 1, 1, 0xff, 4, 34, 4, 32];
        extension.extend(DIGEST);
        let der = &certificates[0];
        assert!(der.windows(extension.len()).any(|bytes| bytes == extension));
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).await.unwrap();
        assert_eq!(rest, b"");
    }
}

#[tokio::test]
async fn anybody_else_gets_no_handshake() {
    let responder = responder();
    let others: &[(&str, &[&[u8]])] = &[
        ("a.example", &[]),
        ("a.example", &[b"h2", b"http/1.1"]),
        ("a.example", &[ACME_TLS, b"h2"]),
        ("a.example", &[b"ftp"]),
        ("b.example", &[ACME_TLS]),
        ("127.0.0.1", &[ACME_TLS]),
    ];
    for (name, alpn) in others {
        let refused = shake(&responder, name, alpn).await;
        assert!(refused.is_err(), "{name} {alpn:?}");
    }
}

/// Looks at nothing: webpki knows no certificate with a critical extension of ACME.
#[derive(Debug)]
struct Anybody;

impl ServerCertVerifier for Anybody {
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
        vec![SignatureScheme::ECDSA_NISTP256_SHA256]
    }
}

//! Asking on the challenge's port, as a CA does, except that every name is 127.0.0.1 and the port
//! is the test's.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls13_signature_with_raw_key};
use rustls::pki_types::{CertificateDer, ServerName, SubjectPublicKeyInfoDer, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme, StreamOwned};
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::prelude::{FromDer as _, X509Certificate};

/// What a CA waits.
const WAIT: Duration = Duration::from_secs(10);
const MAX_ANSWER: u64 = 64 * 1024;

/// The type of an ACME problem and what is said about it.
pub(super) type Refusal = (&'static str, String);

/// RFC 8555 8.3.
pub(super) fn http_01(
    name: &str,
    port: u16,
    token: &str,
    authorization: &str,
) -> Result<(), Refusal> {
    let mut stream = connect(port)?;
    let request = format!(
        "GET /.well-known/acme-challenge/{token} HTTP/1.1\r\nHost: {name}\r\nUser-Agent: tests\r\nAccept: */*\r\nConnection: close\r\n\r\n"
    );
    let mut answer = Vec::new();
    let asked = stream
        .write_all(request.as_bytes())
        .and_then(|()| stream.take(MAX_ANSWER).read_to_end(&mut answer));
    asked.map_err(unreachable)?;
    let answer = String::from_utf8(answer).map_err(|_| unauthorized("the answer is not text"))?;
    let (head, body) = answer
        .split_once("\r\n\r\n")
        .ok_or_else(|| unauthorized("the answer has no end"))?;
    if !head.starts_with("HTTP/1.1 200 ") {
        return Err(unauthorized(&format!("the answer is {head:?}")));
    }
    // The white space at the end is not compared.
    if body.trim_end() != authorization {
        return Err(unauthorized("the key authorization is another one"));
    }
    Ok(())
}

/// RFC 8737 3.
pub(super) fn tls_alpn_01(name: &str, port: u16, authorization: &str) -> Result<(), Refusal> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier = Arc::new(AnyCertificate(Arc::clone(&provider)));
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect("TLS 1.3")
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"acme-tls/1".to_vec()];
    let server = ServerName::try_from(name.to_owned()).map_err(|error| refuse(&error))?;
    let session =
        ClientConnection::new(Arc::new(config), server).map_err(|error| refuse(&error))?;
    let mut stream = StreamOwned::new(session, connect(port)?);
    let mut rest = Vec::new();
    // Shakes hands and waits for the end: nothing follows.
    stream
        .read_to_end(&mut rest)
        .map_err(|error| refuse(&error))?;
    if !rest.is_empty() {
        return Err(unauthorized("data followed the handshake"));
    }
    if stream.conn.alpn_protocol() != Some(b"acme-tls/1") {
        return Err(unauthorized("the protocol was not agreed on"));
    }
    let Some([certificate]) = stream.conn.peer_certificates() else {
        return Err(unauthorized("there is not one certificate"));
    };
    certificate_says(certificate, name, authorization).map_err(|what| unauthorized(&what))
}

fn certificate_says(der: &[u8], name: &str, authorization: &str) -> Result<(), String> {
    let (_, certificate) = X509Certificate::from_der(der).map_err(|error| error.to_string())?;
    certificate
        .verify_signature(None)
        .map_err(|_| "it is not signed by itself".to_owned())?;
    let names = certificate
        .subject_alternative_name()
        .map_err(|error| error.to_string())?
        .ok_or("it has no names")?;
    match names.value.general_names.as_slice() {
        [GeneralName::DNSName(found)] if found.eq_ignore_ascii_case(name) => {}
        other => return Err(format!("its names are {other:?}")),
    }
    let identifier = certificate
        .extensions()
        .iter()
        .find(|extension| extension.oid.to_id_string() == "1.3.6.1.5.5.7.1.31")
        .ok_or("it has no acmeIdentifier")?;
    if !identifier.critical {
        return Err("the acmeIdentifier is not critical".to_owned());
    }
    let unknown = matches!(
        identifier.parsed_extension(),
        ParsedExtension::UnsupportedExtension { .. }
    );
    let mut expected = vec![4, 32];
    expected.extend_from_slice(digest(&SHA256, authorization.as_bytes()).as_ref());
    if !unknown || identifier.value != expected {
        return Err("the acmeIdentifier says something else".to_owned());
    }
    Ok(())
}

fn connect(port: u16) -> Result<TcpStream, Refusal> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let stream = TcpStream::connect_timeout(&address, WAIT).map_err(unreachable)?;
    stream
        .set_read_timeout(Some(WAIT))
        .and_then(|()| stream.set_write_timeout(Some(WAIT)))
        .map_err(unreachable)?;
    Ok(stream)
}

fn unreachable(error: io::Error) -> Refusal {
    ("connection", format!("fetching: {error}"))
}

fn unauthorized(what: &str) -> Refusal {
    ("unauthorized", what.to_owned())
}

fn refuse(error: &dyn std::error::Error) -> Refusal {
    ("tls", error.to_string())
}

/// Takes every certificate and verifies that the peer has its key. webpki would not read it: the
/// extension is critical and unknown to it.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
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
        Err(rustls::Error::General("TLS 1.3 was asked for".to_owned()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let (_, parsed) = X509Certificate::from_der(certificate)
            .map_err(|error| rustls::Error::General(error.to_string()))?;
        let key = SubjectPublicKeyInfoDer::from(parsed.public_key().raw);
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature_with_raw_key(message, &key, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

//! TLS-ALPN-01 (RFC 8737): a certificate that says the right thing in one kind of handshake, and
//! no handshake of any other kind.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use rcgen::{CertificateParams, CustomExtension, DistinguishedName, KeyPair};
use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use super::{Asked, Proof};
use crate::error::AcmeError;
use crate::text::chain;

/// RFC 8737 6.2.
const ACME_TLS: &[u8] = b"acme-tls/1";

/// What is shown to whom.
pub(super) struct Answers {
    acceptor: TlsAcceptor,
    provider: Arc<CryptoProvider>,
    certificates: Arc<Certificates>,
}

impl Answers {
    pub(super) fn new() -> Result<Self, AcmeError> {
        let certificates = Arc::<Certificates>::default();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| AcmeError::Key(chain(&error)))?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&certificates) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = vec![ACME_TLS.to_vec()];
        // Nobody comes twice.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Ok(Self {
            acceptor: TlsAcceptor::from(Arc::new(config)),
            provider,
            certificates,
        })
    }

    pub(super) fn publish(&self, proof: &Proof<'_>) -> Result<(), AcmeError> {
        let certificate = certify(proof.name, proof.digest, &self.provider)?;
        self.certificates.insert(proof.name, certificate);
        Ok(())
    }

    /// Shakes hands and ends the connection (RFC 8737 3: no application data follows).
    pub(super) async fn answer(&self, stream: TcpStream) -> io::Result<Asked> {
        let mut stream = self.acceptor.accept(stream).await?;
        stream.shutdown().await?;
        Ok(Asked::Answered)
    }
}

impl std::fmt::Debug for Answers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Answers").finish_non_exhaustive()
    }
}

/// By name, lower case.
#[derive(Debug, Default)]
struct Certificates(Mutex<HashMap<String, Arc<CertifiedKey>>>);

impl Certificates {
    fn insert(&self, name: &str, certificate: Arc<CertifiedKey>) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(name.to_ascii_lowercase(), certificate);
    }
}

impl ResolvesServerCert for Certificates {
    /// RFC 8737 3: the client names the protocol and nothing else, and the name it asks about.
    /// rustls ends the handshake of everybody who gets no certificate here.
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        if !hello.alpn()?.eq([ACME_TLS]) {
            return None;
        }
        let name = hello.server_name()?.to_ascii_lowercase();
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(&name).cloned()
    }
}

/// RFC 8737 3: self-signed, this one name, and the digest in a critical extension.
fn certify(
    name: &str,
    digest: &[u8],
    provider: &CryptoProvider,
) -> Result<Arc<CertifiedKey>, AcmeError> {
    let failed = |error: &dyn std::error::Error| AcmeError::Key(chain(error));
    let key = KeyPair::generate().map_err(|error| failed(&error))?;
    let mut params = CertificateParams::new([name.to_owned()]).map_err(|error| failed(&error))?;
    params.distinguished_name = DistinguishedName::new();
    params.custom_extensions = vec![CustomExtension::new_acme_identifier(digest)];
    let certificate = params.self_signed(&key).map_err(|error| failed(&error))?;
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    // `CertifiedKey::from_der` would look into the certificate, and the extension is critical and
    // unknown to it.
    let key = provider
        .key_provider
        .load_private_key(key)
        .map_err(|error| failed(&error))?;
    Ok(Arc::new(CertifiedKey::new(
        vec![certificate.der().clone()],
        key,
    )))
}

#[cfg(test)]
mod tests;

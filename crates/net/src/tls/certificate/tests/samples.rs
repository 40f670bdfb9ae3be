//! Certificates for tests, and handshakes in memory with them.

use std::io;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DistinguishedName,
    DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose,
    PKCS_RSA_SHA256, RevokedCertParams, SerialNumber, SigningKey, date_time_ymd,
};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection,
    SupportedProtocolVersion,
};

/// PEM of a certificate and of its key.
pub(in crate::tls) struct Sample {
    pub(in crate::tls) chain: String,
    pub(in crate::tls) key: String,
}

impl Sample {
    /// In one file.
    pub(in crate::tls) fn both(&self) -> String {
        format!("{}{}", self.chain, self.key)
    }
}

/// An authority.
pub(in crate::tls) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub(in crate::tls) pem: String,
}

impl Authority {
    pub(in crate::tls) fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name = named(&[(DnType::CommonName, name)]);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self {
            issuer: Issuer::new(params, key),
            pem,
        }
    }

    /// An authority below this one.
    pub(in crate::tls) fn authority(&self, name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name = named(&[(DnType::CommonName, name)]);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().unwrap();
        let pem = params.signed_by(&key, &self.issuer).unwrap().pem();
        Self {
            issuer: Issuer::new(params, key),
            pem,
        }
    }

    pub(in crate::tls) fn sign(&self, params: &CertificateParams, key: &KeyPair) -> Sample {
        Sample {
            chain: params.signed_by(key, &self.issuer).unwrap().pem(),
            key: key.serialize_pem(),
        }
    }

    /// For a server, ECDSA P-256.
    pub(in crate::tls) fn server(&self, names: &[&str]) -> Sample {
        self.sign(&server(names), &KeyPair::generate().unwrap())
    }

    /// For a server, RSA 2048.
    pub(in crate::tls) fn rsa_server(&self, names: &[&str]) -> Sample {
        self.sign(
            &server(names),
            &KeyPair::generate_for(&PKCS_RSA_SHA256).unwrap(),
        )
    }

    /// For a client.
    pub(in crate::tls) fn client(&self, name: &str) -> Sample {
        self.sign(&client(name), &KeyPair::generate().unwrap())
    }

    /// Over anything, with ECDSA and SHA-256.
    pub(in crate::tls) fn signature(&self, message: &[u8]) -> Vec<u8> {
        self.issuer.key().sign(message).unwrap()
    }

    /// The list of what this authority revoked.
    pub(in crate::tls) fn revocation_list(&self, serials: &[u64], expires: i32) -> Vec<u8> {
        let revoked = |&serial: &u64| RevokedCertParams {
            serial_number: SerialNumber::from(serial),
            revocation_time: date_time_ymd(2024, 1, 1),
            reason_code: None,
            invalidity_date: None,
        };
        let list = CertificateRevocationListParams {
            this_update: date_time_ymd(2024, 1, 1),
            next_update: date_time_ymd(expires, 1, 1),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: serials.iter().map(revoked).collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        list.signed_by(&self.issuer).unwrap().der().to_vec()
    }
}

pub(in crate::tls) fn server(names: &[&str]) -> CertificateParams {
    let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
    let mut params = CertificateParams::new(names).unwrap();
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params
}

pub(in crate::tls) fn client(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = named(&[(DnType::CommonName, name)]);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params
}

pub(in crate::tls) fn named(parts: &[(DnType, &str)]) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    for (kind, value) in parts {
        name.push(kind.clone(), *value);
    }
    name
}

/// The certificates in `pem`.
pub(in crate::tls) fn chain(pem: &str) -> Vec<CertificateDer<'static>> {
    let parts = CertificateDer::pem_slice_iter(pem.as_bytes());
    parts.map(Result::unwrap).collect()
}

/// The private key in `pem`.
pub(in crate::tls) fn key(pem: &str) -> PrivateKeyDer<'static> {
    PrivateKeyDer::from_pem_slice(pem.as_bytes()).unwrap()
}

/// PEM around DER.
pub(in crate::tls) fn pem(label: &str, der: &[u8]) -> String {
    use std::fmt::Write as _;
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = format!("-----BEGIN {label}-----\n");
    for line in der.chunks(48) {
        for three in line.chunks(3) {
            let bits = three
                .iter()
                .fold(0_u32, |bits, &byte| bits << 8 | u32::from(byte));
            let bits = bits << (8 * (3 - three.len()));
            for place in 0..4 {
                let letter = LETTERS[(bits >> (18 - 6 * place) & 63) as usize];
                text.push(if place <= three.len() {
                    letter.into()
                } else {
                    '='
                });
            }
        }
        text.push('\n');
    }
    writeln!(text, "-----END {label}-----").unwrap();
    text
}

/// Runs `openssl` in `folder`.
///
/// # Panics
/// When it is not there or fails: these tests check against it and cannot do without.
pub(in crate::tls) fn openssl(folder: &Path, arguments: &[&str]) -> String {
    let ran = Command::new("openssl")
        .args(arguments)
        .current_dir(folder)
        .output();
    let output = ran.expect("this test compares with the program `openssl`: install it");
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let errors = text(&output.stderr);
    assert!(output.status.success(), "openssl {arguments:?}: {errors}");
    text(&output.stdout)
}

/// The two ends after a handshake, or who refused it and why.
pub(in crate::tls) type Ends = Result<(ClientConnection, ServerConnection), Box<Refusal>>;

#[derive(Debug)]
pub(in crate::tls) struct Refusal {
    /// What the server said of it, where it did.
    pub(in crate::tls) server: Option<rustls::Error>,
    /// What the client said of it, where it did.
    pub(in crate::tls) client: Option<rustls::Error>,
}

/// A client that trusts `authority`.
pub(in crate::tls) fn trusting(
    authority: &Authority,
    version: &'static SupportedProtocolVersion,
) -> rustls::ConfigBuilder<ClientConfig, rustls::client::WantsClientCert> {
    let mut roots = RootCertStore::empty();
    roots.add(chain(&authority.pem).remove(0)).unwrap();
    ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(roots)
}

/// Shakes hands in memory until both ends are done or one refuses.
pub(in crate::tls) fn shake(
    client: impl Into<Arc<ClientConfig>>,
    server: impl Into<Arc<ServerConfig>>,
    name: &str,
) -> Ends {
    let name = name.to_owned().try_into().unwrap();
    let mut client = ClientConnection::new(client.into(), name).unwrap();
    let mut server = ServerConnection::new(server.into()).unwrap();
    let mut refusal = Refusal {
        server: None,
        client: None,
    };
    // A handshake takes less than ten flights; in TLS 1.3 the client is done before it hears
    // what the server thinks of its certificate.
    for _ in 0..10 {
        let bytes = pass(|to| client.write_tls(to));
        let said = feed_server(&mut server, &bytes).err();
        refusal.server = refusal.server.or(said);
        let bytes = pass(|to| server.write_tls(to));
        let said = feed_client(&mut client, &bytes).err();
        refusal.client = refusal.client.or(said);
    }
    if refusal.server.is_some() || refusal.client.is_some() {
        return Err(Box::new(refusal));
    }
    assert!(!client.is_handshaking() && !server.is_handshaking());
    Ok((client, server))
}

fn pass(mut write: impl FnMut(&mut Vec<u8>) -> io::Result<usize>) -> Vec<u8> {
    let mut bytes = Vec::new();
    while write(&mut bytes).unwrap() > 0 {}
    bytes
}

fn feed_server(end: &mut ServerConnection, mut bytes: &[u8]) -> Result<(), rustls::Error> {
    while !bytes.is_empty() {
        end.read_tls(&mut bytes).unwrap();
        end.process_new_packets()?;
    }
    Ok(())
}

fn feed_client(end: &mut ClientConnection, mut bytes: &[u8]) -> Result<(), rustls::Error> {
    while !bytes.is_empty() {
        end.read_tls(&mut bytes).unwrap();
        end.process_new_packets()?;
    }
    Ok(())
}

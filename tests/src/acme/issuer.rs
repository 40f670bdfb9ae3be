//! The keys of the CA: a root and an intermediate for what it issues, and another root for its own
//! web server.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, DnType,
    ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose, PublicKeyData as _, SanType,
    SerialNumber,
};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateSigningRequestDer, PrivateKeyDer, PrivatePkcs8KeyDer};

#[derive(Debug)]
pub(super) struct Issuer {
    pub(super) root: Vec<u8>,
    pub(super) web_root_pem: String,
    pub(super) web: Arc<ServerConfig>,
    intermediate: rcgen::Issuer<'static, KeyPair>,
    intermediate_pem: String,
}

/// A signing request that was looked at: its signature is good.
#[derive(Debug)]
pub(super) struct Requested {
    /// Sorted.
    pub(super) names: Vec<String>,
    pub(super) public_key: Vec<u8>,
    request: CertificateSigningRequestParams,
}

impl Requested {
    /// # Errors
    /// What is wrong with it, in words.
    pub(super) fn parse(der: Vec<u8>) -> Result<Self, String> {
        let der = CertificateSigningRequestDer::from(der);
        let request = CertificateSigningRequestParams::from_der(&der)
            .map_err(|error| format!("the request: {error}"))?;
        let mut names = Vec::new();
        for name in &request.params.subject_alt_names {
            match name {
                SanType::DnsName(name) => names.push(name.as_str().to_owned()),
                other => return Err(format!("the request has {other:?}")),
            }
        }
        names.sort();
        let public_key = request.public_key.der_bytes().to_vec();
        Ok(Self {
            names,
            public_key,
            request,
        })
    }
}

impl Issuer {
    pub(super) fn new() -> Self {
        let (root, root_pem_unused, root_issuer) = authority("wharf tests: root", None);
        drop(root_pem_unused);
        let (_, intermediate_pem, intermediate) =
            authority("wharf tests: intermediate", Some(&root_issuer));
        let (_, web_root_pem, web_root) = authority("wharf tests: root of the web server", None);
        Self {
            root,
            web: web_server(&web_root),
            web_root_pem,
            intermediate,
            intermediate_pem,
        }
    }

    /// The chain in PEM and the DER of the certificate itself.
    pub(super) fn issue(
        &self,
        requested: Requested,
        lifetime: Duration,
        wrong_name: Option<&str>,
    ) -> (String, Vec<u8>) {
        let mut request = requested.request;
        let now = SystemTime::now();
        let params = &mut request.params;
        params.not_before = now.into();
        params.not_after = (now + lifetime).into();
        params.serial_number = Some(SerialNumber::from_slice(&random()));
        params.use_authority_key_identifier_extension = true;
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        if let Some(name) = wrong_name {
            let name = name.to_owned().try_into().expect("a name");
            params.subject_alt_names = vec![SanType::DnsName(name)];
        }
        let certificate = request.signed_by(&self.intermediate).expect("signing");
        let chain = format!("{}{}", certificate.pem(), self.intermediate_pem);
        (chain, certificate.der().to_vec())
    }
}

fn authority(
    name: &str,
    above: Option<&rcgen::Issuer<'static, KeyPair>>,
) -> (Vec<u8>, String, rcgen::Issuer<'static, KeyPair>) {
    let key = KeyPair::generate().expect("a key");
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let certificate = match above {
        Some(above) => params.signed_by(&key, above),
        None => params.self_signed(&key),
    };
    let certificate = certificate.expect("signing");
    (
        certificate.der().to_vec(),
        certificate.pem(),
        rcgen::Issuer::new(params, key),
    )
}

fn web_server(root: &rcgen::Issuer<'static, KeyPair>) -> Arc<ServerConfig> {
    let key = KeyPair::generate().expect("a key");
    let params = CertificateParams::new(["127.0.0.1".to_owned()]).expect("an address");
    let certificate = params.signed_by(&key, root).expect("signing");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .expect("a certificate with its key");
    Arc::new(config)
}

/// Bytes for serial numbers, tokens and nonces.
pub(super) fn random() -> [u8; 16] {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).expect("random bytes");
    // A serial number is positive and keeps its length.
    bytes[0] = bytes[0] & 0x7f | 0x40;
    bytes
}

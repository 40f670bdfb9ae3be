//! Certificates made for a test: authorities, what they sign, and what they take back.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, DnType,
    ExtendedKeyUsagePurpose, IsCa, KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams,
    SerialNumber, date_time_ymd,
};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

/// Who signs.
#[derive(Debug)]
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

/// A certificate with its key.
#[derive(Debug)]
pub struct Issued {
    /// PEM.
    pub chain: String,
    /// PEM, PKCS#8.
    pub key: String,
    der: CertificateDer<'static>,
    private: PrivateKeyDer<'static>,
    serial: SerialNumber,
}

impl Authority {
    /// One with a name of its own.
    ///
    /// # Panics
    /// When a certificate cannot be made.
    #[must_use]
    pub fn new(name: &str) -> Self {
        let mut parameters = named(Vec::new(), &[(DnType::CommonName, name)]);
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().expect("a key");
        let issuer = CertifiedIssuer::self_signed(parameters, key).expect("a root certificate");
        Self { issuer }
    }

    /// Its own certificate, PEM.
    #[must_use]
    pub fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// A certificate for a server of these names.
    #[must_use]
    pub fn server(&self, names: &[&str]) -> Issued {
        let names = names.iter().map(|&name| name.to_owned()).collect();
        let mut parameters = named(names, &[(DnType::CommonName, "a server")]);
        parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        self.issue(parameters)
    }

    /// A certificate for a client: `CN=name,O=Example`.
    #[must_use]
    pub fn client(&self, name: &str) -> Issued {
        self.issue(client(name))
    }

    /// One that expired long ago.
    #[must_use]
    pub fn expired_client(&self, name: &str) -> Issued {
        let mut parameters = client(name);
        parameters.not_after = date_time_ymd(2001, 1, 1);
        self.issue(parameters)
    }

    /// One that is for servers.
    #[must_use]
    pub fn server_as_client(&self, name: &str) -> Issued {
        let mut parameters = client(name);
        parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        self.issue(parameters)
    }

    fn issue(&self, mut parameters: CertificateParams) -> Issued {
        let mut serial = [0; 16];
        getrandom::fill(&mut serial).expect("random bytes");
        serial[0] = (serial[0] & 0x7f) | 0x40;
        let serial = SerialNumber::from_slice(&serial);
        parameters.serial_number = Some(serial.clone());
        let key = KeyPair::generate().expect("a key");
        let certificate = parameters
            .signed_by(&key, &self.issuer)
            .expect("a certificate");
        Issued {
            chain: certificate.pem(),
            key: key.serialize_pem(),
            der: certificate.der().clone(),
            private: PrivateKeyDer::try_from(key.serialize_der()).expect("PKCS#8"),
            serial,
        }
    }

    /// A list of what it takes back, PEM.
    ///
    /// # Panics
    /// When it cannot be signed.
    #[must_use]
    pub fn revocation_list(&self, revoked: &[&Issued]) -> String {
        let revoked_certs = revoked
            .iter()
            .map(|issued| RevokedCertParams {
                serial_number: issued.serial.clone(),
                revocation_time: date_time_ymd(2024, 1, 1),
                reason_code: None,
                invalidity_date: None,
            })
            .collect();
        let list = CertificateRevocationListParams {
            this_update: date_time_ymd(2024, 1, 1),
            next_update: date_time_ymd(2049, 1, 1),
            crl_number: SerialNumber::from(1_u64),
            issuing_distribution_point: None,
            revoked_certs,
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let list = list.signed_by(&self.issuer).expect("a revocation list");
        list.pem().expect("PEM")
    }
}

impl Issued {
    /// DER.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// For a client to show, see [`super::Tls::certificate`].
    ///
    /// # Panics
    /// When the key is none.
    #[must_use]
    pub fn identity(&self) -> Arc<CertifiedKey> {
        self.identity_followed_by(0)
    }

    /// The certificate again so many times, where those of authorities belong.
    ///
    /// # Panics
    /// When the key is none.
    #[must_use]
    pub fn identity_followed_by(&self, copies: usize) -> Arc<CertifiedKey> {
        let provider = aws_lc_rs::default_provider();
        let key = self.private.clone_key();
        let key = CertifiedKey::from_der(vec![self.der.clone(); copies + 1], key, &provider);
        Arc::new(key.expect("a key that fits"))
    }

    /// As `SHA256:AB:CD:…`.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        fingerprint(&self.der)
    }

    /// Writes both into `folder`, the key for its owner only; the paths.
    ///
    /// # Panics
    /// When that fails.
    #[must_use]
    pub fn write(&self, folder: &Path, name: &str) -> (PathBuf, PathBuf) {
        let chain = folder.join(format!("{name}.pem"));
        let key = folder.join(format!("{name}.key"));
        replace(&chain, &self.chain);
        replace(&key, &self.key);
        (chain, key)
    }
}

/// SHA-256 of a certificate as `openssl x509 -fingerprint -sha256` prints it.
///
/// # Panics
/// Never: TLS has SHA-256.
#[must_use]
pub fn fingerprint(der: &[u8]) -> String {
    let suite = aws_lc_rs::cipher_suite::TLS13_AES_128_GCM_SHA256;
    let suite = suite.tls13().expect("a suite of TLS 1.3");
    let digest = suite.common.hash_provider.hash(der);
    let bytes: Vec<_> = digest.as_ref().iter().map(|b| format!("{b:02X}")).collect();
    format!("SHA256:{}", bytes.join(":"))
}

/// Puts a file in the place of another one at once, as certbot does.
///
/// # Panics
/// When that fails.
pub fn replace(path: &Path, content: &str) {
    use std::os::unix::fs::PermissionsExt;
    let beside = path.with_extension("new");
    std::fs::write(&beside, content).expect("a file");
    std::fs::set_permissions(&beside, PermissionsExt::from_mode(0o600)).expect("its mode");
    std::fs::rename(&beside, path).expect("a rename");
}

fn client(name: &str) -> CertificateParams {
    let subject = [
        (DnType::OrganizationName, "Example"),
        (DnType::CommonName, name),
    ];
    let mut parameters = named(Vec::new(), &subject);
    parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    parameters
}

fn named(names: Vec<String>, subject: &[(DnType, &str)]) -> CertificateParams {
    let mut parameters = CertificateParams::new(names).expect("names");
    parameters.distinguished_name = rcgen::DistinguishedName::new();
    for (kind, value) in subject {
        parameters.distinguished_name.push(kind.clone(), *value);
    }
    parameters.use_authority_key_identifier_extension = true;
    parameters
}

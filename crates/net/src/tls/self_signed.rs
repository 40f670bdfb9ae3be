//! The certificate a server makes for itself, so that nobody has to send a password in clear for
//! want of one.

mod addresses;

use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, SerialNumber,
};
use rustix::system::uname;
use secrecy::SecretString;
use secrecy::zeroize::Zeroize;

use super::certificate::CertificateError;

/// Ten years. Nobody vouches for such a certificate: clients trust it by its fingerprint, and
/// each new one makes every one of them ask its user whether somebody is listening in. So it is
/// to be there longer than the machine. (The limits of 825 and fewer days are for certificates
/// that an authority vouches for.)
const VALID_FOR: Duration = Duration::from_secs(3_650 * 24 * 60 * 60);

/// Clocks of clients are late.
const VALID_BEFORE: Duration = Duration::from_secs(24 * 60 * 60);

/// RFC 5280 4.1.2.2: at most 20 octets, positive.
const SERIAL_BYTES: usize = 16;

/// RFC 5280 A.1, `ub-common-name`.
const MAX_COMMON_NAME: usize = 64;

/// Addresses in the certificate at most: a host of containers has thousands, and the certificate
/// travels in every handshake.
const MAX_ADDRESSES: usize = 32;

/// A new certificate and its key.
#[derive(Debug)]
pub struct SelfSigned {
    /// PEM: the certificate.
    pub chain_pem: String,
    /// PEM: the private key (PKCS#8).
    pub key_pem: SecretString,
}

/// Makes a certificate for `names`, host names or IP addresses: ECDSA P-256, for servers only, no
/// authority, valid for ten years. Names that differ only in case count once.
///
/// # Errors
/// `BadName` when a name cannot be in a certificate, `NoNames` when there is none.
pub fn self_signed(names: &[String]) -> Result<SelfSigned, CertificateError> {
    let params = params(names)?;
    let mut key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(making)?;
    let certificate = params.self_signed(&key).map_err(making)?;
    let key_pem = SecretString::from(key.serialize_pem());
    key.zeroize();
    Ok(SelfSigned {
        chain_pem: certificate.pem(),
        key_pem,
    })
}

/// The names clients may use for this machine without any resolver: `localhost`, its host name,
/// the loopback addresses, and those of its interfaces, but for IPv6 addresses that are good on
/// one link or for one day only.
#[must_use]
pub fn local_names() -> Vec<String> {
    let system = uname();
    let host = system.nodename().to_str().ok().and_then(host_name);
    let mut names = vec!["localhost".to_owned()];
    names.extend(host.filter(|name| name != "localhost"));
    let mut found = vec![
        IpAddr::from([127, 0, 0, 1]),
        IpAddr::from(std::net::Ipv6Addr::LOCALHOST),
    ];
    for address in addresses::of_interfaces().unwrap_or_default() {
        if found.len() < MAX_ADDRESSES && !found.contains(&address) {
            found.push(address);
        }
    }
    names.extend(found.iter().map(IpAddr::to_string));
    names
}

fn params(names: &[String]) -> Result<CertificateParams, CertificateError> {
    let mut plain: Vec<String> = Vec::with_capacity(names.len());
    for name in names {
        let name = certificate_name(name)?;
        if !plain.contains(&name) {
            plain.push(name);
        }
    }
    let first = plain.first().ok_or(CertificateError::NoNames)?;
    let common = if first.len() <= MAX_COMMON_NAME {
        first
    } else {
        "wharf"
    };
    let mut subject = DistinguishedName::new();
    subject.push(DnType::CommonName, common);

    let now = SystemTime::now();
    let mut params = CertificateParams::new(plain).map_err(making)?;
    params.distinguished_name = subject;
    params.serial_number = Some(SerialNumber::from_slice(&serial()?));
    params.not_before = (now - VALID_BEFORE).into();
    params.not_after = (now + VALID_FOR).into();
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    Ok(params)
}

fn serial() -> Result<[u8; SERIAL_BYTES], CertificateError> {
    let mut serial = [0; SERIAL_BYTES];
    getrandom::fill(&mut serial).map_err(making)?;
    // Positive, and without a leading zero, which DER would not have.
    serial[0] = serial[0] & 0x3f | 0x40;
    Ok(serial)
}

fn certificate_name(name: &str) -> Result<String, CertificateError> {
    let literal = name
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(name);
    if let Ok(address) = literal.parse::<IpAddr>() {
        return Ok(address.to_string());
    }
    let (wildcard, host) = match name.strip_prefix("*.") {
        Some(rest) => ("*.", rest),
        None => ("", name),
    };
    host_name(host)
        .map(|host| format!("{wildcard}{host}"))
        .ok_or_else(|| CertificateError::BadName {
            name: name.to_owned(),
        })
}

/// RFC 1123 2.1, and the underscore that is in use. Dotted numbers are no host.
fn host_name(text: &str) -> Option<String> {
    let text = text.strip_suffix('.').unwrap_or(text);
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    let last = text.rsplit('.').next().unwrap_or_default();
    let number = last.bytes().all(|byte| byte.is_ascii_digit());
    let good = text.len() <= 253 && !number && text.split('.').all(label);
    good.then(|| text.to_ascii_lowercase())
}

fn making(error: impl std::fmt::Display) -> CertificateError {
    CertificateError::Making {
        reason: error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use secrecy::ExposeSecret;
    use tempfile::TempDir;

    use super::super::certificate::Certificate;
    use super::super::certificate::tests::samples::openssl;
    use super::*;

    fn made(names: &[&str]) -> (SelfSigned, Certificate) {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let made = self_signed(&names).unwrap();
        let key = made.key_pem.expose_secret().as_bytes();
        let certificate = Certificate::from_pem(made.chain_pem.as_bytes(), key).unwrap();
        (made, certificate)
    }

    #[test]
    fn it_is_for_the_names_and_nobody_has_a_reason_to_complain() {
        let names = [
            "FTP.example.org.",
            "*.example.net",
            "192.0.2.7",
            "[2001:db8::7]",
            "ftp.example.org",
        ];
        let (made, certificate) = made(&names);
        assert_eq!(
            certificate.names(),
            [
                "ftp.example.org",
                "*.example.net",
                "192.0.2.7",
                "2001:db8::7"
            ]
        );
        assert!(certificate.is_self_signed());
        let now = SystemTime::now();
        assert_eq!(certificate.warnings(now), []);
        assert_eq!(certificate.warnings(now + VALID_FOR - VALID_BEFORE), []);
        assert!(!format!("{made:?}").contains("PRIVATE KEY"), "{made:?}");
    }

    #[test]
    fn no_two_are_the_same() {
        let (one, other) = (made(&["a.test"]), made(&["a.test"]));
        assert_ne!(one.1.fingerprint(), other.1.fingerprint());
        assert_ne!(
            one.0.key_pem.expose_secret(),
            other.0.key_pem.expose_secret()
        );
    }

    #[test]
    fn openssl_accepts_it() {
        let (made, certificate) = made(&["ftp.example.org", "192.0.2.7"]);
        let folder = TempDir::new().unwrap();
        fs::write(folder.path().join("c.pem"), &made.chain_pem).unwrap();
        let run =
            |arguments: &str| openssl(folder.path(), &arguments.split(' ').collect::<Vec<_>>());
        for name in ["-verify_hostname ftp.example.org", "-verify_ip 192.0.2.7"] {
            let verdict = run(&format!(
                "verify -x509_strict -purpose sslserver -CAfile c.pem {name} c.pem"
            ));
            assert_eq!(verdict.trim(), "c.pem: OK");
        }
        let text = run("x509 -in c.pem -noout -text");
        for part in [
            "CA:FALSE",
            "TLS Web Server Authentication",
            "NIST CURVE: P-256",
            "DNS:ftp.example.org, IP Address:192.0.2.7",
            "Subject: CN = ftp.example.org",
        ] {
            assert!(text.contains(part), "no {part} in {text}");
        }
        let printed = run("x509 -in c.pem -noout -fingerprint -sha256");
        assert_eq!(printed.parse(), Ok(certificate.fingerprint()));
    }

    #[test]
    fn names_no_certificate_can_have_are_refused() {
        for name in [
            "",
            ".",
            "bücher.example",
            "a b",
            "*",
            "a.*.test",
            "10.0.0.300",
            "-a.test",
            "a..b",
            "a\n",
        ] {
            let error = self_signed(&[name.to_owned()]).unwrap_err();
            assert!(
                matches!(error, CertificateError::BadName { .. }),
                "{name}: {error}"
            );
        }
        assert_eq!(self_signed(&[]).unwrap_err(), CertificateError::NoNames);
        let long = format!("{}.test", ["a".repeat(60), "b".repeat(60)].join("."));
        let (_, certificate) = made(&[&long]);
        assert!(certificate.covers(&long));
    }

    #[test]
    fn the_local_names_make_a_certificate() {
        let names = local_names();
        for name in ["localhost", "127.0.0.1", "::1"] {
            assert!(names.iter().any(|own| own == name), "{names:?}");
        }
        assert!(
            !names.iter().any(|name| name.starts_with("fe80:")),
            "{names:?}"
        );
        let mut unique = names.clone();
        unique.sort();
        unique.dedup();
        assert_eq!(unique.len(), names.len(), "{names:?}");
        self_signed(&names).unwrap();
    }
}

//! What a certificate is recognised by.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::digest::{SHA256, SHA256_OUTPUT_LEN, digest};
use rustls::pki_types::CertificateDer;

use super::CertificateError;

/// The SHA-256 of a certificate's DER. It is written as `openssl x509 -fingerprint -sha256` does,
/// `SHA256:AB:CD:…`, and read with or without the colons and the name of the hash, in either case.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint(pub [u8; SHA256_OUTPUT_LEN]);

impl Fingerprint {
    /// That of `certificate`.
    #[must_use]
    pub fn of(certificate: &CertificateDer<'_>) -> Self {
        Self::of_bytes(certificate)
    }

    pub(in crate::tls) fn of_bytes(bytes: &[u8]) -> Self {
        let mut hash = [0; SHA256_OUTPUT_LEN];
        hash.copy_from_slice(digest(&SHA256, bytes).as_ref());
        Self(hash)
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SHA256")?;
        self.0.iter().try_for_each(|byte| write!(f, ":{byte:02X}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Fingerprint {
    type Err = CertificateError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        hexadecimal(text)
            .map(Self)
            .ok_or(CertificateError::NotAFingerprint)
    }
}

fn hexadecimal(text: &str) -> Option<[u8; SHA256_OUTPUT_LEN]> {
    let text = text.trim();
    // openssl 3 writes `sha256 Fingerprint=AB:CD:…`.
    let text = match text.split_once('=') {
        Some((name, value)) if name.eq_ignore_ascii_case("sha256 fingerprint") => value,
        Some(_) => return None,
        None => text,
    };
    let digits = match text.split_at_checked(7) {
        Some((name, value)) if name.eq_ignore_ascii_case("sha256:") => value,
        _ => text,
    };
    let mut values = digits.chars().filter(|&c| c != ':').map(|c| c.to_digit(16));
    let mut hash = [0; SHA256_OUTPUT_LEN];
    for byte in &mut hash {
        let (high, low) = (values.next()??, values.next()??);
        *byte = u8::try_from(high << 4 | low).ok()?;
    }
    values.next().is_none().then_some(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_reads_as_it_is_written() {
        let fingerprint = Fingerprint::of(&CertificateDer::from(b"abc".to_vec()));
        let written = fingerprint.to_string();
        assert_eq!(
            written,
            "SHA256:BA:78:16:BF:8F:01:CF:EA:41:41:40:DE:5D:AE:22:23:\
             B0:03:61:A3:96:17:7A:9C:B4:10:FF:61:F2:00:15:AD"
        );
        let bare = written.replacen("SHA256:", "", 1);
        for text in [
            written.clone(),
            written.to_lowercase(),
            bare.clone(),
            bare.replace(':', ""),
            bare.replace(':', "").to_lowercase(),
            format!("SHA256:{}", bare.replace(':', "")),
            format!("sha256 Fingerprint={bare}\n"),
        ] {
            assert_eq!(text.parse(), Ok(fingerprint), "{text}");
        }
    }

    #[test]
    fn anything_else_is_refused() {
        let full = "ab".repeat(32);
        for text in [
            String::new(),
            "SHA256:".to_owned(),
            full[1..].to_owned(),
            format!("{full}00"),
            format!("{}g", &full[1..]),
            format!("SHA1:{full}"),
            format!("sha1 Fingerprint={full}"),
            format!("SHA256:SHA256:{full}"),
            "SHA256:ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0".to_owned(),
            "é".repeat(32),
        ] {
            let refused = text.parse::<Fingerprint>();
            assert_eq!(refused, Err(CertificateError::NotAFingerprint), "{text}");
        }
    }
}

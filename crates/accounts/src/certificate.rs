//! Which client certificates an account is known by, and what they are good for.

use crate::distinguished_name::{DistinguishedName, DistinguishedNameError};
use std::fmt;
use std::str::FromStr;
use std::time::SystemTime;

/// What a client certificate is good for at the login of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum CertificateUse {
    /// Nothing.
    #[default]
    Off,
    /// A second factor: the login takes the password and one of the account's certificates.
    Factor,
    /// A login: one of the account's certificates suffices; a password, if there is one, as well.
    Login,
}

/// A client certificate, by what of it is compared. The same one may belong to several accounts:
/// the client names the account it wants.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum CertificateMatch {
    /// This very certificate: the SHA-256 of its DER. Nothing else of it is looked at, so it needs
    /// no authority, and it is no longer this one after it was renewed.
    Fingerprint([u8; 32]),
    /// Every certificate of this subject whose chain is trusted.
    Subject(DistinguishedName),
}

/// A client certificate of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountCertificate {
    /// What a client's certificate is compared with.
    pub certificate: CertificateMatch,
    /// When it was added, wall-clock.
    pub added: SystemTime,
}

/// Why a text does not say which certificate is meant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// Not 64 hexadecimal digits.
    #[error(
        "this is not the SHA-256 fingerprint of a certificate: 64 hexadecimal digits, with or without colons\n\nhint: `openssl x509 -noout -fingerprint -sha256 -in FILE` prints it"
    )]
    Fingerprint,
    /// A SHA-1 fingerprint, which another certificate can be made to have.
    #[error(
        "this is a SHA-1 fingerprint, and those can be forged\n\nhint: `openssl x509 -noout -fingerprint -sha256 -in FILE` prints the one that is taken"
    )]
    Sha1,
    /// Not a subject.
    #[error(transparent)]
    Subject(#[from] DistinguishedNameError),
}

/// A word that is none of `off`, `factor` and `login`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a certificate's use is `off`, `factor` or `login`")]
pub struct UnknownCertificateUse;

/// A client's certificate as it is compared with those of an account.
#[derive(Debug)]
pub(crate) struct Presented<'a> {
    fingerprint: &'a [u8; 32],
    subject: Option<DistinguishedName>,
}

impl CertificateUse {
    /// Every use, from the weakest to the strongest.
    pub const ALL: [Self; 3] = [Self::Off, Self::Factor, Self::Login];

    /// The word for it, part of the command line and the database.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Factor => "factor",
            Self::Login => "login",
        }
    }
}

impl fmt::Display for CertificateUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

impl FromStr for CertificateUse {
    type Err = UnknownCertificateUse;

    fn from_str(text: &str) -> Result<Self, UnknownCertificateUse> {
        Self::ALL
            .into_iter()
            .find(|choice| choice.word() == text)
            .ok_or(UnknownCertificateUse)
    }
}

/// `SHA256:AB:CD:…` as `openssl x509 -fingerprint -sha256` groups it, or the subject as RFC 4514
/// writes it.
impl fmt::Display for CertificateMatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fingerprint(digest) => {
                f.write_str("SHA256")?;
                digest.iter().try_for_each(|byte| write!(f, ":{byte:02X}"))
            }
            Self::Subject(name) => name.fmt(f),
        }
    }
}

/// A fingerprint, with or without `SHA256:`, colons and what openssl prints before it, in any
/// case; or a subject, which is what has a `=`.
impl FromStr for CertificateMatch {
    type Err = CertificateError;

    fn from_str(text: &str) -> Result<Self, CertificateError> {
        let text = text.trim();
        if without_prefix(text, "sha1 Fingerprint=").is_some() {
            return Err(CertificateError::Sha1);
        }
        let digits = without_prefix(text, "sha256 Fingerprint=")
            .or_else(|| without_prefix(text, "SHA256:"))
            .unwrap_or(text);
        if digits.contains('=') {
            return Ok(Self::Subject(digits.parse()?));
        }
        fingerprint(digits).map(Self::Fingerprint)
    }
}

impl<'a> Presented<'a> {
    /// `subject` as RFC 4514 writes it. One that cannot be read matches nothing.
    pub(crate) fn new(fingerprint: &'a [u8; 32], subject: Option<&str>) -> Self {
        Self {
            fingerprint,
            subject: subject.and_then(|subject| subject.parse().ok()),
        }
    }

    pub(crate) fn is(&self, certificate: &CertificateMatch) -> bool {
        match certificate {
            CertificateMatch::Fingerprint(digest) => digest == self.fingerprint,
            CertificateMatch::Subject(name) => self.subject.as_ref() == Some(name),
        }
    }
}

fn without_prefix<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let (start, rest) = text.split_at_checked(prefix.len())?;
    start.eq_ignore_ascii_case(prefix).then_some(rest)
}

/// Pairs of digits, all of them with a colon in between or none.
fn fingerprint(text: &str) -> Result<[u8; 32], CertificateError> {
    let pairs: Option<Vec<u8>> = if text.contains(':') {
        text.split(':').map(hex_pair).collect()
    } else {
        let pairs = (0..text.len()).step_by(2);
        pairs
            .map(|at| text.get(at..at + 2).and_then(hex_pair))
            .collect()
    };
    let digest = pairs.ok_or(CertificateError::Fingerprint)?;
    match digest.len() {
        20 => Err(CertificateError::Sha1),
        _ => digest.try_into().map_err(|_| CertificateError::Fingerprint),
    }
}

pub(crate) fn hex_pair(pair: &str) -> Option<u8> {
    // `from_str_radix` alone would take a sign.
    let digits = pair.len() == 2 && pair.bytes().all(|byte| byte.is_ascii_hexdigit());
    digits.then(|| u8::from_str_radix(pair, 16).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::{CertificateError, CertificateMatch, CertificateUse, Presented};
    use proptest::prelude::{any, proptest};

    const PRINTED: &str = "SHA256:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:\
                           00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF";

    #[test]
    fn a_fingerprint_is_read_in_every_form_people_have_it_in() {
        let expected: CertificateMatch = PRINTED.parse().unwrap();
        assert_eq!(expected.to_string(), PRINTED);
        let digits = PRINTED.strip_prefix("SHA256:").unwrap();
        for text in [
            digits.to_owned(),
            digits.replace(':', ""),
            PRINTED.to_lowercase(),
            format!("sha256:{}", digits.replace(':', "").to_lowercase()),
            format!("sha256 Fingerprint={digits}\n"),
            format!("SHA256 Fingerprint={digits}"),
        ] {
            assert_eq!(text.parse(), Ok(expected.clone()), "{text}");
        }
    }

    #[test]
    fn what_is_no_fingerprint_is_refused() {
        let digits = PRINTED.strip_prefix("SHA256:").unwrap();
        for text in [
            "",
            "SHA256:",
            "ann",
            &digits[..93],
            &digits[..92],
            &format!("{digits}:00"),
            &format!("{digits}:"),
            &digits.replacen("00:11", "0011", 1),
            &digits.replacen("00", "+0", 1),
            &digits.replacen("00", "0g", 1),
            &digits.replacen("00", "é", 1),
            "SHA256:j0QXVpD3X7HEabsf66dJwOjO1upwOPjOJ8ot777M3rc",
        ] {
            let told = text.parse::<CertificateMatch>();
            assert_eq!(told, Err(CertificateError::Fingerprint), "{text}");
        }
        let sha1 = "01:23:45:67:89:AB:CD:EF:01:23:45:67:89:AB:CD:EF:01:23:45:67";
        for text in [sha1, &format!("SHA1 Fingerprint={sha1}")] {
            let told = text.parse::<CertificateMatch>();
            assert_eq!(told, Err(CertificateError::Sha1), "{text}");
        }
    }

    #[test]
    fn a_subject_is_what_has_an_equals_sign() {
        let subject: CertificateMatch = "cn=ann, o=Example".parse().unwrap();
        assert!(matches!(subject, CertificateMatch::Subject(_)));
        assert_eq!(subject.to_string(), "CN=ann,O=Example");
        assert!(matches!(
            "ann=x".parse::<CertificateMatch>(),
            Err(CertificateError::Subject(_))
        ));
    }

    #[test]
    fn a_certificate_is_known_by_what_was_asked_for_only() {
        let digest = [7; 32];
        let by_digest = CertificateMatch::Fingerprint(digest);
        let by_name: CertificateMatch = "CN=ann".parse().unwrap();
        let untrusted = Presented::new(&digest, None);
        assert!(untrusted.is(&by_digest) && !untrusted.is(&by_name));
        let trusted = Presented::new(&[8; 32], Some("cn = ann"));
        assert!(!trusted.is(&by_digest) && trusted.is(&by_name));
        for subject in ["", "CN=", "CN=ann,", "CN=ann,O=x", "CN=Ann", "CN=an", "ann"] {
            assert!(
                !Presented::new(&digest, Some(subject)).is(&by_name),
                "{subject}"
            );
        }
    }

    #[test]
    fn the_words_for_the_uses_are_the_promised_ones() {
        for (word, choice) in [
            ("off", CertificateUse::Off),
            ("factor", CertificateUse::Factor),
            ("login", CertificateUse::Login),
        ] {
            assert_eq!((word.parse(), choice.word()), (Ok(choice), word));
        }
        for word in ["", "Off", "on", "login "] {
            assert!(word.parse::<CertificateUse>().is_err(), "{word}");
        }
    }

    proptest! {
        #[test]
        fn every_fingerprint_reads_back(digest in any::<[u8; 32]>()) {
            let certificate = CertificateMatch::Fingerprint(digest);
            assert_eq!(certificate.to_string().parse(), Ok(certificate));
        }

        #[test]
        fn any_text_is_read_or_refused(text in any::<String>()) {
            if let Ok(certificate) = text.parse::<CertificateMatch>() {
                assert_eq!(certificate.to_string().parse(), Ok(certificate));
            }
        }
    }
}

//! Public keys, as OpenSSH writes them in `.pub` files.

use crate::name::is_unprintable;
use ssh_key::public::KeyData;
use ssh_key::{Algorithm, HashAlg};
use std::fmt;
use std::str::FromStr;
use std::time::SystemTime;

/// A public key that was parsed and checked: of a type and size that wharf takes.
/// Two are equal when they are the same key, whatever their comments.
#[derive(Clone)]
pub struct PublicKey {
    key: ssh_key::PublicKey,
    wire: Vec<u8>,
}

/// A public key of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountKey {
    /// The key.
    pub key: PublicKey,
    /// What people call it: printable, at most [`AccountKey::MAX_LABEL`] bytes, may be empty.
    pub label: String,
    /// When it was added, wall-clock.
    pub added: SystemTime,
}

/// Why a text is not a public key that wharf takes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Nothing there.
    #[error("there is no key in it")]
    Empty,
    /// A private key, which must not leave its owner.
    #[error(
        "this is a private key\n\nhint: give the public half, the file that ends in `.pub`, and keep the private one to yourself"
    )]
    Private,
    /// The SECSH form of RFC 4716.
    #[error("this key is in the form of RFC 4716\n\nhint: `ssh-keygen -i -f FILE` converts it")]
    Rfc4716,
    /// More than one line.
    #[error("there is more than one line\n\nhint: give one key at a time")]
    SeveralLines,
    /// Longer than [`PublicKey::MAX_LINE`].
    #[error("the line has more than {} bytes", PublicKey::MAX_LINE)]
    TooLong,
    /// Not `TYPE BASE64 COMMENT` with the right contents.
    #[error("this is not a public key as OpenSSH writes it: {0}")]
    Unreadable(String),
    /// A type that is not taken.
    #[error("keys of type `{0}` are not taken\n\nhint: `ssh-keygen -t ed25519` makes one that is")]
    Type(String),
    /// An RSA key of a size that is not taken.
    #[error(
        "an RSA key has 2048 to {} bits, this one has {bits}\n\nhint: `ssh-keygen -t ed25519` makes a good one",
        PublicKey::MAX_RSA
    )]
    RsaSize {
        /// Its size.
        bits: usize,
    },
    /// A label that is too long or has control characters.
    #[error(
        "a key's label has at most {} bytes and no control characters",
        AccountKey::MAX_LABEL
    )]
    Label,
}

impl PublicKey {
    /// The greatest length of a key's line in bytes: the longest RSA key takes 1.4 KB.
    pub const MAX_LINE: usize = 8192;

    /// The most bits of an RSA key, which is what a login takes (security P27).
    pub const MAX_RSA: usize = 8192;

    /// The type, as `ssh-ed25519`.
    #[must_use]
    pub fn algorithm(&self) -> String {
        self.key.algorithm().to_string()
    }

    /// The fingerprint as OpenSSH prints it: `SHA256:` and 43 characters of base64.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        self.key.fingerprint(HashAlg::Sha256).to_string()
    }

    /// The key as RFC 4253 §6.6 encodes it, which is what a client offers.
    #[must_use]
    pub fn wire(&self) -> &[u8] {
        &self.wire
    }

    /// What stood after the key in its line.
    #[must_use]
    pub fn comment(&self) -> &str {
        self.key.comment()
    }

    /// The key as it stands in the database, checked again.
    pub(crate) fn from_wire(wire: &[u8]) -> Result<Self, KeyError> {
        let key = ssh_key::PublicKey::from_bytes(wire)
            .map_err(|error| KeyError::Unreadable(error.to_string()))?;
        let key = Self::checked(key, OLD_MAX_RSA)?;
        if key.wire != wire {
            Err(not_canonical())
        } else {
            Ok(key)
        }
    }

    fn checked(key: ssh_key::PublicKey, max_rsa: usize) -> Result<Self, KeyError> {
        if !is_taken(&key.algorithm()) {
            return Err(KeyError::Type(printable(key.algorithm().as_str())));
        }
        if let KeyData::Rsa(rsa) = key.key_data() {
            check_rsa(rsa, max_rsa)?;
        }
        let wire = key
            .to_bytes()
            .map_err(|error| KeyError::Unreadable(error.to_string()))?;
        Ok(Self { key, wire })
    }
}

/// One line as in a `.pub` file: type, base64, and a comment if there is one.
impl FromStr for PublicKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(KeyError::Empty);
        }
        if text.contains("PRIVATE KEY-----") || text.starts_with("PuTTY-User-Key-File-") {
            return Err(KeyError::Private);
        }
        if text.starts_with("---- BEGIN SSH2 PUBLIC KEY") {
            return Err(KeyError::Rfc4716);
        }
        if text.contains(['\n', '\r']) {
            return Err(KeyError::SeveralLines);
        }
        if text.len() > Self::MAX_LINE {
            return Err(KeyError::TooLong);
        }
        let word = text.split([' ', '\t']).next().unwrap_or_default();
        if !matches!(Algorithm::new(word), Ok(algorithm) if is_taken(&algorithm)) {
            return Err(KeyError::Type(printable(word)));
        }
        let key = ssh_key::PublicKey::from_openssh(text)
            .map_err(|error| KeyError::Unreadable(error.to_string()))?;
        let key = Self::checked(key, Self::MAX_RSA)?;
        let base64 = |line: &str| line.split([' ', '\t']).nth(1).map(str::to_owned);
        if base64(text) != base64(&key.to_string()) {
            Err(not_canonical())
        } else {
            Ok(key)
        }
    }
}

/// The line of a `.pub` file.
impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.key.to_openssh().map_err(|_| fmt::Error)?)
    }
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.wire == other.wire
    }
}

impl Eq for PublicKey {}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({} {})", self.algorithm(), self.fingerprint())
    }
}

impl AccountKey {
    /// The greatest length of a label in bytes.
    pub const MAX_LABEL: usize = 255;
}

/// The label a key is kept under: the one given, else what is printable of its comment.
pub(crate) fn label(given: Option<&str>, key: &PublicKey) -> Result<String, KeyError> {
    match given {
        Some(label) if label.len() > AccountKey::MAX_LABEL || label.contains(is_unprintable) => {
            Err(KeyError::Label)
        }
        Some(label) => Ok(label.to_owned()),
        None => Ok(label_of(key.comment())),
    }
}

/// What is printable of a comment.
pub(crate) fn label_of(comment: &str) -> String {
    let mut label: String = comment.chars().filter(|c| !is_unprintable(*c)).collect();
    label.truncate(label.floor_char_boundary(AccountKey::MAX_LABEL));
    label
}

/// The types a signature can be checked of. DSA is not among them: it is 1024 bits and SHA-1
/// (RFC 9142). Certificates are no keys: they carry limits that must not get lost.
fn is_taken(algorithm: &Algorithm) -> bool {
    matches!(
        algorithm,
        Algorithm::Ed25519
            | Algorithm::Ecdsa { .. }
            | Algorithm::Rsa { .. }
            | Algorithm::SkEd25519
            | Algorithm::SkEcdsaSha2NistP256
    )
}

/// Once keys up to this were kept. No login takes them, but the account is to be read.
const OLD_MAX_RSA: usize = 16384;

/// NIST SP 800-131A asks for 2048 bits at least.
fn check_rsa(key: &ssh_key::public::RsaPublicKey, most: usize) -> Result<(), KeyError> {
    let unreadable = || KeyError::Unreadable("its RSA numbers are not positive and odd".to_owned());
    let modulus = key.n.as_positive_bytes().ok_or_else(unreadable)?;
    let exponent = key.e.as_positive_bytes().ok_or_else(unreadable)?;
    let odd = |number: &[u8]| number.last().is_some_and(|byte| byte & 1 == 1);
    if !odd(modulus) || !odd(exponent) || exponent == [1] {
        return Err(unreadable());
    }
    let bits = modulus.len() * 8
        - modulus
            .first()
            .map_or(0, |byte| byte.leading_zeros() as usize);
    if (2048..=most).contains(&bits) {
        Ok(())
    } else {
        Err(KeyError::RsaSize { bits })
    }
}

/// ssh-key 0.6 does not look at the length field of an Ed25519 key, so one key could be written in
/// several ways and have several places in an account.
fn not_canonical() -> KeyError {
    KeyError::Unreadable("its length fields are wrong".to_owned())
}

fn printable(word: &str) -> String {
    let end = word.floor_char_boundary(40);
    word[..end].escape_debug().to_string()
}

#[cfg(test)]
mod tests {
    use super::{AccountKey, KeyError, PublicKey, label};
    use proptest::prelude::{any, proptest};

    /// The line of ssh-keygen and the fingerprint `ssh-keygen -l` prints for it.
    const KEYS: [(&str, &str); 3] = [
        (
            include_str!("../testdata/ed25519.pub"),
            "SHA256:j0QXVpD3X7HEabsf66dJwOjO1upwOPjOJ8ot777M3rc",
        ),
        (
            include_str!("../testdata/ecdsa.pub"),
            "SHA256:qc5/r1mKpvVKw4g9FC8pixHfTIz9TQqGbo7TXhyyWsA",
        ),
        (
            include_str!("../testdata/rsa.pub"),
            "SHA256:/YCIBn1HufRLDLuHqg1J574zgfwx+a/Rjb4TgONCUoQ",
        ),
    ];
    const RSA_1024: &str = include_str!("../testdata/rsa-1024.pub");

    #[test]
    fn keys_of_ssh_keygen_have_the_fingerprints_it_prints() {
        for (line, fingerprint) in KEYS {
            let key: PublicKey = line.parse().unwrap();
            assert_eq!(key.fingerprint(), fingerprint);
            assert_eq!(format!("{key}\n"), line);
            assert_eq!(key.algorithm(), line.split(' ').next().unwrap());
            assert_eq!(key.comment(), "ann@example.org");
            let again = PublicKey::from_wire(key.wire()).unwrap();
            assert_eq!(
                (again.wire(), again.fingerprint()),
                (key.wire(), key.fingerprint())
            );
            assert_eq!(format!("\n{line}\r\n").parse(), Ok(key));
        }
    }

    #[test]
    fn private_keys_are_refused_and_said_to_be() {
        for text in [
            "-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl\n-----END OPENSSH PRIVATE KEY-----\n",
            "-----BEGIN RSA PRIVATE KEY-----",
            "-----BEGIN ENCRYPTED PRIVATE KEY-----",
            "PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none",
        ] {
            assert_eq!(text.parse::<PublicKey>(), Err(KeyError::Private), "{text}");
        }
        assert!(KeyError::Private.to_string().contains("`.pub`"));
    }

    #[test]
    fn what_is_no_usable_key_is_refused() {
        let (line, _) = KEYS[0];
        let damaged = line.replacen("AAAAC3", "AAAAC4", 1);
        for (text, told) in [
            ("", "no key"),
            ("ann", "`ann` are not taken"),
            ("ssh-dss AAAAB3NzaC1kc3M=", "`ssh-dss` are not taken"),
            ("ssh-ed25519-cert-v01@openssh.com AAAA", "not taken"),
            ("---- BEGIN SSH2 PUBLIC KEY ----\nAAAA", "RFC 4716"),
            (&format!("{line}\n{line}"), "more than one line"),
            (&format!("command=\"x\" {line}"), "not taken"),
            (&"ssh-ed25519 ".repeat(1000), "more than 8192"),
            ("ssh-ed25519", "not a public key"),
            ("ssh-ed25519 !!!! x", "not a public key"),
            (&damaged, "not a public key"),
            (&line[..40], "not a public key"),
            (&line.replacen("AAAAIL", "AAAAIb", 1), "length fields"),
            (
                &line.replacen("ssh-ed25519", "ssh-rsa", 1),
                "not a public key",
            ),
            (RSA_1024, "this one has 1024"),
        ] {
            let error = text.parse::<PublicKey>().unwrap_err().to_string();
            assert!(error.contains(told), "{text}: {error}");
        }
    }

    #[test]
    fn p27_rsa_keys_that_no_login_takes_are_not_added_but_read() {
        let wire = |bits: usize| {
            let mut modulus = vec![0xff; bits / 8];
            modulus.insert(0, 0);
            let mut wire = Vec::new();
            for field in [&b"ssh-rsa"[..], &[1, 0, 1], &modulus] {
                wire.extend_from_slice(&u32::try_from(field.len()).unwrap().to_be_bytes());
                wire.extend_from_slice(field);
            }
            wire
        };
        let line = |wire: &[u8]| {
            let key = ssh_key::PublicKey::from_bytes(wire).unwrap();
            key.to_openssh().unwrap().parse::<PublicKey>()
        };
        assert!(line(&wire(8192)).is_ok());
        for bits in [8200, 16384] {
            assert_eq!(line(&wire(bits)), Err(KeyError::RsaSize { bits }));
            assert!(PublicKey::from_wire(&wire(bits)).is_ok());
        }
        assert!(PublicKey::from_wire(&wire(16392)).is_err());
    }

    #[test]
    fn labels_come_from_the_comment_and_are_printable() {
        let (line, _) = KEYS[0];
        let key: PublicKey = line
            .replace("ann@example.org", &format!("a\u{7}{}", "ä".repeat(200)))
            .parse()
            .unwrap();
        let from_comment = label(None, &key).unwrap();
        assert!(from_comment.starts_with("aä") && from_comment.len() == 255);
        assert_eq!(label(Some("work"), &key).as_deref(), Ok("work"));
        assert_eq!(label(Some("a\nb"), &key), Err(KeyError::Label));
        assert_eq!(
            label(Some(&"x".repeat(AccountKey::MAX_LABEL + 1)), &key),
            Err(KeyError::Label)
        );
    }

    proptest! {
        #[test]
        fn f26_a_changed_byte_gives_another_key_or_none(at in any::<proptest::sample::Index>(), bit in 0..8_u32) {
            for (line, _) in KEYS {
                let key: PublicKey = line.parse().unwrap();
                let mut wire = key.wire().to_vec();
                let at = at.index(wire.len());
                wire[at] ^= 1 << bit;
                if let Ok(other) = PublicKey::from_wire(&wire) {
                    assert_ne!(other.fingerprint(), key.fingerprint());
                    assert_eq!(other.wire(), wire);
                }
                assert!(PublicKey::from_wire(&wire[..at]).is_err());
            }
        }
    }
}

//! Public keys and their signatures (RFC 4253 6.6, RFC 5656, RFC 8332, RFC 8709, and OpenSSH's
//! PROTOCOL.u2f for keys that live in hardware), and a server's own keys.

mod der;
mod file;
mod host;
mod kind;
mod reduce;
#[cfg(test)]
mod tests;
mod verify;

use std::fmt;

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

use crate::encoding::{Malformed, Reader, Writer};

pub use host::{HostKey, HostKeyError, HostKeyKind, SigningError};
use kind::Curve;
pub(crate) use kind::KeyKind;
pub use verify::SignatureRefused;
pub(crate) use verify::User;

/// Every signature algorithm that is taken, the best first: what a server tells in
/// `server-sig-algs` (RFC 8308 3.1).
pub const SIGNATURE_ALGORITHMS: &[&str] = &[
    "ssh-ed25519",
    "sk-ssh-ed25519@openssh.com",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ecdsa-sha2-nistp256@openssh.com",
    "rsa-sha2-512",
    "rsa-sha2-256",
];

/// A public key of a kind and size that wharf takes. Keys are equal when their bytes are: each key
/// has one spelling.
#[derive(Clone)]
pub struct PublicKey {
    kind: KeyKind,
    material: Material,
    wire: Box<[u8]>,
}

/// Why bytes are not a public key that wharf takes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Longer than [`PublicKey::MAX_WIRE`].
    #[error("a public key has at most {} bytes", PublicKey::MAX_WIRE)]
    TooLong,
    /// Not the fields of a key.
    #[error("this is not a public key as SSH writes it: {0}")]
    Malformed(#[from] Malformed),
    /// A kind that is not taken: `ssh-dss`, a certificate where a key is due, or no kind at all.
    #[error(
        "keys of the kind `{0}` are not taken\n\nhint: `ssh-keygen -t ed25519` makes one that is"
    )]
    Kind(String),
    /// The name of the curve is not the one in the name of the kind.
    #[error("the key names another curve than its kind")]
    Curve,
    /// A point that is compressed, or has not the length its curve demands.
    #[error("the key's point has not the form of its curve")]
    Point,
    /// A modulus whose size is not taken.
    #[error(
        "an RSA key has {} to {} bits, this one has {bits}\n\nhint: `ssh-keygen -t ed25519` makes a good one",
        PublicKey::RSA_MIN_BITS,
        PublicKey::RSA_MAX_BITS
    )]
    RsaSize {
        /// Its size.
        bits: usize,
    },
    /// An even modulus, or an exponent that is even, less than 3 or of more than 32 bits.
    #[error("the numbers of this RSA key cannot be those of one")]
    RsaNumbers,
}

impl PublicKey {
    /// The greatest length in bytes; an RSA key of 8192 bits takes 1,046.
    pub const MAX_WIRE: usize = 4096;
    /// The least size of an RSA modulus.
    pub const RSA_MIN_BITS: usize = 2048;
    /// The greatest size of an RSA modulus (security P27).
    pub const RSA_MAX_BITS: usize = 8192;

    /// Reads a key as RFC 4253 6.6 encodes it. No mathematics is done: sizes and forms are checked,
    /// and a point that is not on its curve verifies nothing.
    ///
    /// # Errors
    ///
    /// See [`KeyError`].
    pub fn decode(wire: &[u8]) -> Result<Self, KeyError> {
        if wire.len() > Self::MAX_WIRE {
            return Err(KeyError::TooLong);
        }
        let mut reader = Reader::new(wire);
        let name = reader.string(Self::MAX_WIRE)?;
        let kind = KeyKind::of_name(name).ok_or_else(|| KeyError::Kind(printable(name)))?;
        let material = Material::read(kind, &mut reader)?;
        reader.end()?;
        Ok(Self {
            kind,
            material,
            wire: wire.into(),
        })
    }

    /// The key as RFC 4253 6.6 encodes it.
    #[must_use]
    pub fn wire(&self) -> &[u8] {
        &self.wire
    }

    /// The name of the kind: `ssh-ed25519`, `ecdsa-sha2-nistp256`, `ssh-rsa` …
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        self.kind.name()
    }

    /// The fingerprint as OpenSSH prints it: `SHA256:` and 43 characters of base64.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let hash = digest::digest(&digest::SHA256, &self.wire);
        format!("SHA256:{}", STANDARD_NO_PAD.encode(hash))
    }

    /// The signature algorithms the key can be verified with, the best first. Never `ssh-rsa`,
    /// which is SHA-1.
    #[must_use]
    pub const fn signature_algorithms(&self) -> &'static [&'static str] {
        self.kind.signature_algorithms()
    }

    /// That `signature`, a blob of RFC 4253 6.6, is the key's own of `message`.
    ///
    /// `algorithm` is the name the request gave. It must fit the key and be the name in the blob,
    /// and all forms are checked before any mathematics (security P27). A hardware key must have
    /// been touched (security A12).
    ///
    /// # Errors
    ///
    /// See [`SignatureRefused`].
    pub fn verify(
        &self,
        algorithm: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), SignatureRefused> {
        self.verify_by(User::Present, algorithm, message, signature)
    }

    /// [`verify`](Self::verify), and the hardware key must also say that it knows its user, by PIN
    /// or finger. This is what the option `verify-required` demands; keys that do not live in
    /// hardware cannot say so and are refused, as OpenSSH refuses them.
    ///
    /// # Errors
    ///
    /// See [`SignatureRefused`].
    pub fn verify_knowing_user(
        &self,
        algorithm: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), SignatureRefused> {
        self.verify_by(User::Verified, algorithm, message, signature)
    }

    /// Verifies, demanding of a hardware key what its user must have done.
    pub(crate) fn verify_by(
        &self,
        user: User,
        algorithm: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), SignatureRefused> {
        verify::verify(self, user, algorithm, message, signature)
    }

    /// Reads the fields of a key where the name of its kind stood before, as in certificates.
    pub(crate) fn read_fields(kind: KeyKind, reader: &mut Reader<'_>) -> Result<Self, KeyError> {
        let material = Material::read(kind, reader)?;
        Ok(Self::of(kind, material))
    }

    fn of(kind: KeyKind, material: Material) -> Self {
        let mut wire = Vec::new();
        wire.put_string(kind.name().as_bytes());
        material.write(&mut wire);
        Self {
            kind,
            material,
            wire: wire.into(),
        }
    }
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.wire == other.wire
    }
}

impl Eq for PublicKey {}

impl fmt::Debug for PublicKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} {}", self.kind(), self.fingerprint())
    }
}

/// What makes up a key. Integers are big-endian without zeros in front, points uncompressed.
#[derive(Clone)]
enum Material {
    Ed25519([u8; 32]),
    Ecdsa(Curve, Box<[u8]>),
    Rsa {
        exponent: Box<[u8]>,
        modulus: Box<[u8]>,
    },
    SkEd25519([u8; 32], Application),
    SkEcdsa(Box<[u8]>, Application),
}

/// What a hardware key signs for: `ssh:`, or a name its owner chose.
type Application = Box<[u8]>;

impl Material {
    fn read(kind: KeyKind, reader: &mut Reader<'_>) -> Result<Self, KeyError> {
        Ok(match kind {
            KeyKind::Ed25519 => Self::Ed25519(read_ed25519(reader)?),
            KeyKind::Ecdsa(curve) => Self::Ecdsa(curve, read_point(curve, reader)?),
            KeyKind::Rsa => read_rsa(reader)?,
            KeyKind::SkEd25519 => Self::SkEd25519(read_ed25519(reader)?, read_application(reader)?),
            KeyKind::SkEcdsa => {
                Self::SkEcdsa(read_point(Curve::P256, reader)?, read_application(reader)?)
            }
        })
    }

    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Ed25519(point) => out.put_string(point),
            Self::Ecdsa(curve, point) => {
                out.put_string(curve.name().as_bytes());
                out.put_string(point);
            }
            Self::Rsa { exponent, modulus } => {
                out.put_mpint(exponent);
                out.put_mpint(modulus);
            }
            Self::SkEd25519(point, application) => {
                out.put_string(point);
                out.put_string(application);
            }
            Self::SkEcdsa(point, application) => {
                out.put_string(Curve::P256.name().as_bytes());
                out.put_string(point);
                out.put_string(application);
            }
        }
    }
}

fn read_ed25519(reader: &mut Reader<'_>) -> Result<[u8; 32], KeyError> {
    let point = reader.string(PublicKey::MAX_WIRE)?;
    point.try_into().map_err(|_| KeyError::Point)
}

fn read_point(curve: Curve, reader: &mut Reader<'_>) -> Result<Box<[u8]>, KeyError> {
    if reader.string(PublicKey::MAX_WIRE)? != curve.name().as_bytes() {
        return Err(KeyError::Curve);
    }
    checked_point(curve, reader.string(PublicKey::MAX_WIRE)?)
}

/// RFC 5656 3.1 allows compressed points; nobody sends them, and a key would have two spellings.
fn checked_point(curve: Curve, point: &[u8]) -> Result<Box<[u8]>, KeyError> {
    const UNCOMPRESSED: u8 = 4;
    let right = point.first() == Some(&UNCOMPRESSED) && point.len() == 1 + 2 * curve.bytes();
    if right {
        Ok(point.into())
    } else {
        Err(KeyError::Point)
    }
}

fn read_rsa(reader: &mut Reader<'_>) -> Result<Material, KeyError> {
    let exponent = reader.mpint(PublicKey::MAX_WIRE)?;
    let modulus = reader.mpint(PublicKey::MAX_WIRE)?;
    checked_rsa(exponent, modulus)
}

/// The bounds of security P27, before any mathematics.
fn checked_rsa(exponent: &[u8], modulus: &[u8]) -> Result<Material, KeyError> {
    let bits = bits(modulus);
    if !(PublicKey::RSA_MIN_BITS..=PublicKey::RSA_MAX_BITS).contains(&bits) {
        return Err(KeyError::RsaSize { bits });
    }
    let odd = |number: &[u8]| number.last().is_some_and(|last| last % 2 == 1);
    // Odd and not 1: at least 3.
    if !odd(modulus) || !odd(exponent) || exponent == [1] || exponent.len() > 4 {
        return Err(KeyError::RsaNumbers);
    }
    Ok(Material::Rsa {
        exponent: exponent.into(),
        modulus: modulus.into(),
    })
}

fn read_application(reader: &mut Reader<'_>) -> Result<Application, KeyError> {
    Ok(reader.string(PublicKey::MAX_WIRE)?.into())
}

/// The size of a big-endian integer without zeros in front.
fn bits(integer: &[u8]) -> usize {
    let zeros = integer.first().map_or(0, |first| first.leading_zeros());
    (integer.len() * 8).saturating_sub(usize::try_from(zeros).unwrap_or(0))
}

/// The beginning of a name that a stranger sent, as it can stand in a message.
pub(crate) fn printable(name: &[u8]) -> String {
    const SHOWN: usize = 64;
    let shown = name.get(..SHOWN).unwrap_or(name);
    shown.escape_ascii().to_string()
}

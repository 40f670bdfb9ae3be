//! A server's own keys: making, reading, writing, signing.

use std::fmt;

use aws_lc_rs::encoding::AsBigEndian as _;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{self, KeySize};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING,
    ECDSA_P521_SHA512_FIXED_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair,
    KeyPair as _, RSA_PKCS1_SHA256, RSA_PKCS1_SHA512,
};
use secrecy::zeroize::Zeroizing;

use super::{Curve, KeyError, KeyKind, Material, PublicKey, checked_point, checked_rsa, der, file};
use crate::encoding::Writer as _;

/// A key that a server proves itself with. Its secret stays in memory of aws-lc-rs, which wipes
/// it; what passes through here is wiped too.
pub struct HostKey {
    public: PublicKey,
    private: Private,
}

/// A kind of host key that can be made. RSA is for clients that know nothing better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HostKeyKind {
    /// `ssh-ed25519`.
    Ed25519,
    /// `ecdsa-sha2-nistp256`.
    EcdsaP256,
    /// `ecdsa-sha2-nistp384`.
    EcdsaP384,
    /// `ssh-rsa` with 3072 bits.
    Rsa3072,
}

/// Why a text gives no host key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HostKeyError {
    /// Nothing there.
    #[error("there is no key in it")]
    Empty,
    /// Longer than [`HostKey::MAX_TEXT`].
    #[error("a private key has at most {} bytes", HostKey::MAX_TEXT)]
    TooLong,
    /// The public half.
    #[error("this is a public key\n\nhint: give the private one, the file without `.pub`")]
    Public,
    /// A passphrase, which nobody could type when the server starts.
    #[error(
        "this key is protected by a passphrase, and a server starts without anybody to type it\n\nhint: `ssh-keygen -p -N '' -f FILE` takes the passphrase away"
    )]
    Encrypted,
    /// PuTTY's own form.
    #[error(
        "this key is in PuTTY's form\n\nhint: `puttygen FILE -O private-openssh -o NEW` converts it"
    )]
    Putty,
    /// No private key that is known.
    #[error("this is not a private key as OpenSSH or OpenSSL writes it")]
    Unknown,
    /// A kind that is not taken.
    #[error(
        "a server cannot use a key of the kind `{0}`\n\nhint: `ssh-keygen -t ed25519 -N '' -f FILE` makes one that it can"
    )]
    Kind(String),
    /// Cut off, changed, or never right; with what is wrong.
    #[error("this private key is damaged: {0}\n\nhint: copy the file again, without changing it")]
    Damaged(&'static str),
    /// A public half that is not taken.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The machine gave no memory or no random numbers.
    #[error("the system could not make or write a key")]
    Failed,
}

/// Why a host key gives no signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SigningError {
    /// An algorithm that is not among [`HostKey::algorithms`].
    #[error("the host key does not sign with this algorithm")]
    Algorithm,
    /// The machine gave no memory or no random numbers.
    #[error("the system could not make a signature")]
    Failed,
}

impl HostKey {
    /// The greatest length of a private key's text; one of RSA with 8192 bits has 6.3 KB.
    pub const MAX_TEXT: usize = 64 * 1024;

    /// Makes a new key. RSA takes up to seconds.
    ///
    /// # Errors
    ///
    /// [`HostKeyError::Failed`].
    pub fn generate(kind: HostKeyKind) -> Result<Self, HostKeyError> {
        let ecdsa = |curve| EcdsaKeyPair::generate(signing(curve)).map(|pair| (curve, pair));
        let private = match kind {
            HostKeyKind::Ed25519 => Ed25519KeyPair::generate().map(Private::Ed25519),
            HostKeyKind::EcdsaP256 => ecdsa(Curve::P256).map(Private::ecdsa),
            HostKeyKind::EcdsaP384 => ecdsa(Curve::P384).map(Private::ecdsa),
            HostKeyKind::Rsa3072 => rsa::KeyPair::generate(KeySize::Rsa3072).map(Private::Rsa),
        };
        Self::of(private.map_err(|_| HostKeyError::Failed)?)
    }

    /// Reads the text of a private key file without a passphrase: OpenSSH's own form, PKCS#8,
    /// PKCS#1 (`RSA PRIVATE KEY`) or SEC 1 (`EC PRIVATE KEY`).
    ///
    /// # Errors
    ///
    /// See [`HostKeyError`].
    pub fn from_openssh(text: &[u8]) -> Result<Self, HostKeyError> {
        file::read(text).and_then(Self::of)
    }

    /// The text of a private key file in OpenSSH's form, without a passphrase.
    ///
    /// # Errors
    ///
    /// [`HostKeyError::Failed`].
    pub fn to_openssh(&self, comment: &str) -> Result<Zeroizing<String>, HostKeyError> {
        file::write(self, comment.as_bytes()).ok_or(HostKeyError::Failed)
    }

    /// The public half.
    #[must_use]
    pub const fn public(&self) -> &PublicKey {
        &self.public
    }

    /// The signature algorithms it offers in key exchange, the best first.
    #[must_use]
    pub const fn algorithms(&self) -> &'static [&'static str] {
        self.public.signature_algorithms()
    }

    /// A signature blob of RFC 4253 6.6: the algorithm's name and the signature.
    ///
    /// # Errors
    ///
    /// See [`SigningError`].
    pub fn sign(&self, algorithm: &str, message: &[u8]) -> Result<Vec<u8>, SigningError> {
        if !self.algorithms().contains(&algorithm) {
            return Err(SigningError::Algorithm);
        }
        let raw = self.private.sign(algorithm, message);
        let raw = raw.map_err(|_| SigningError::Failed)?;
        let mut blob = Vec::with_capacity(algorithm.len() + raw.len() + 8);
        blob.put_string(algorithm.as_bytes());
        blob.put_string(&raw);
        Ok(blob)
    }

    fn of(private: Private) -> Result<Self, HostKeyError> {
        let (kind, material) = private.public()?;
        Ok(Self {
            public: PublicKey::of(kind, material),
            private,
        })
    }

    /// The private fields of the kind, as OpenSSH's file has them. `None` when the system fails.
    pub(super) fn put_private(&self, out: &mut Vec<u8>) -> Option<()> {
        match &self.private {
            Private::Ed25519(pair) => {
                let point = pair.public_key().as_ref();
                let seed = pair.seed().ok()?.as_be_bytes().ok()?;
                out.put_string(point);
                let mut both = Zeroizing::new(Vec::with_capacity(64));
                both.extend_from_slice(seed.as_ref());
                both.extend_from_slice(point);
                out.put_string(&both);
            }
            Private::Ecdsa(curve, pair) => {
                out.put_string(curve.name().as_bytes());
                out.put_string(pair.public_key().as_ref());
                out.put_mpint(pair.private_key().as_be_bytes().ok()?.as_ref());
            }
            Private::Rsa(pair) => {
                let numbers = der::rsa_private(pair)?;
                out.put_mpint(&numbers.modulus);
                out.put_mpint(&numbers.exponent);
                out.put_mpint(&numbers.private_exponent);
                out.put_mpint(&numbers.inverse);
                for prime in &numbers.primes {
                    out.put_mpint(prime);
                }
            }
        }
        Some(())
    }
}

impl fmt::Debug for HostKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "HostKey({})", self.public.kind())
    }
}

/// The secret half.
pub(super) enum Private {
    Ed25519(Ed25519KeyPair),
    Ecdsa(Curve, EcdsaKeyPair),
    Rsa(rsa::KeyPair),
}

impl Private {
    fn ecdsa((curve, pair): (Curve, EcdsaKeyPair)) -> Self {
        Self::Ecdsa(curve, pair)
    }

    pub(super) fn public(&self) -> Result<(KeyKind, Material), HostKeyError> {
        Ok(match self {
            Self::Ed25519(pair) => {
                let point = pair.public_key().as_ref().try_into();
                let point = point.map_err(|_| HostKeyError::Failed)?;
                (KeyKind::Ed25519, Material::Ed25519(point))
            }
            Self::Ecdsa(curve, pair) => {
                let point = checked_point(*curve, pair.public_key().as_ref())?;
                (KeyKind::Ecdsa(*curve), Material::Ecdsa(*curve, point))
            }
            Self::Rsa(pair) => {
                let (exponent, modulus) = der::rsa_public(pair).ok_or(HostKeyError::Failed)?;
                (KeyKind::Rsa, checked_rsa(&exponent, &modulus)?)
            }
        })
    }

    fn sign(
        &self,
        algorithm: &str,
        message: &[u8],
    ) -> Result<Vec<u8>, aws_lc_rs::error::Unspecified> {
        let random = SystemRandom::new();
        match self {
            Self::Ed25519(pair) => pair.try_sign(message).map(|raw| raw.as_ref().to_vec()),
            Self::Ecdsa(_, pair) => {
                let fixed = pair.sign(&random, message)?;
                let fixed = fixed.as_ref();
                let (r, s) = fixed.split_at(fixed.len() / 2);
                let mut raw = Vec::with_capacity(fixed.len() + 10);
                raw.put_mpint(r);
                raw.put_mpint(s);
                Ok(raw)
            }
            Self::Rsa(pair) => {
                let hash = if algorithm == "rsa-sha2-256" {
                    &RSA_PKCS1_SHA256
                } else {
                    &RSA_PKCS1_SHA512
                };
                let mut raw = vec![0; pair.public_modulus_len()];
                pair.sign(hash, &random, message, &mut raw)?;
                Ok(raw)
            }
        }
    }
}

/// How a key of the curve signs.
pub(super) const fn signing(curve: Curve) -> &'static EcdsaSigningAlgorithm {
    match curve {
        Curve::P256 => &ECDSA_P256_SHA256_FIXED_SIGNING,
        Curve::P384 => &ECDSA_P384_SHA384_FIXED_SIGNING,
        Curve::P521 => &ECDSA_P521_SHA512_FIXED_SIGNING,
    }
}

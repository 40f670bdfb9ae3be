//! Verifying signatures: every form first, the mathematics last.

use aws_lc_rs::digest;
use aws_lc_rs::rsa::{PublicKeyComponents, RsaParameters};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ECDSA_P521_SHA512_FIXED, ED25519,
    EcdsaVerificationAlgorithm, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA512,
    UnparsedPublicKey,
};

use super::{Curve, Material, PublicKey};
use crate::encoding::{Malformed, Reader, Writer as _};

/// Why a signature does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignatureRefused {
    /// SHA-1, whatever the key.
    #[error("signatures of the algorithm `ssh-rsa` are made with SHA-1 and are not taken")]
    Sha1,
    /// The algorithm of the request is none that the key can sign with.
    #[error("the key cannot sign with the algorithm of the request")]
    Algorithm,
    /// The signature says that it was made with another algorithm than the request says.
    #[error("the signature was made with another algorithm than the request says")]
    OtherAlgorithm,
    /// Not the form of a signature.
    #[error("the signature is malformed: {0}")]
    Malformed(#[from] Malformed),
    /// Not the length that signatures of this algorithm have.
    #[error("the signature has not the length of its algorithm")]
    Length,
    /// Nobody touched the hardware key (security A12).
    #[error("the hardware key signed without being touched")]
    NotPresent,
    /// The hardware key did not ask for PIN or finger, where that is demanded.
    #[error("the key did not verify its user, which is demanded here")]
    NotVerified,
    /// Made by another key or for another message.
    #[error("the signature is not this key's signature of this message")]
    Wrong,
}

/// What a hardware key must say of its user. Keys without hardware say nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum User {
    /// Somebody touched it.
    Present,
    /// It also knows who, by PIN or finger.
    Verified,
}

pub(super) fn verify(
    key: &PublicKey,
    user: User,
    algorithm: &[u8],
    message: &[u8],
    signature: &[u8],
) -> Result<(), SignatureRefused> {
    let parts = Parts::read(key, algorithm, signature)?;
    match &key.material {
        Material::Ed25519(_) | Material::Ecdsa(..) | Material::Rsa { .. } => {
            if user == User::Verified {
                return Err(SignatureRefused::NotVerified);
            }
        }
        Material::SkEd25519(..) | Material::SkEcdsa(..) => parts.check_user(user)?,
    }
    let raw = parts.raw;
    match &key.material {
        Material::Ed25519(point) => ed25519(point, message, raw),
        Material::Ecdsa(curve, point) => ecdsa(*curve, point, message, raw),
        Material::Rsa { exponent, modulus } => {
            let hash = if algorithm == b"rsa-sha2-256" {
                &RSA_PKCS1_2048_8192_SHA256
            } else {
                &RSA_PKCS1_2048_8192_SHA512
            };
            rsa(hash, exponent, modulus, message, raw)
        }
        Material::SkEd25519(point, application) => {
            ed25519(point, &parts.signed_by_hardware(application, message), raw)
        }
        Material::SkEcdsa(point, application) => ecdsa(
            Curve::P256,
            point,
            &parts.signed_by_hardware(application, message),
            raw,
        ),
    }
}

/// The fields of a signature blob.
struct Parts<'a> {
    raw: &'a [u8],
    /// PROTOCOL.u2f: flags and counter of a hardware key; zeros for others.
    flags: u8,
    counter: u32,
}

impl<'a> Parts<'a> {
    fn read(
        key: &PublicKey,
        algorithm: &[u8],
        signature: &'a [u8],
    ) -> Result<Self, SignatureRefused> {
        if algorithm == b"ssh-rsa" {
            return Err(SignatureRefused::Sha1);
        }
        let mut fitting = key.signature_algorithms().iter();
        if !fitting.any(|name| name.as_bytes() == algorithm) {
            return Err(SignatureRefused::Algorithm);
        }
        let mut reader = Reader::new(signature);
        if reader.string(MAX_NAME)? != algorithm {
            return Err(SignatureRefused::OtherAlgorithm);
        }
        let raw = reader.string(MAX_RAW)?;
        let (flags, counter) = match &key.material {
            Material::SkEd25519(..) | Material::SkEcdsa(..) => (reader.byte()?, reader.u32()?),
            Material::Ed25519(_) | Material::Ecdsa(..) | Material::Rsa { .. } => (0, 0),
        };
        reader.end()?;
        Ok(Self {
            raw,
            flags,
            counter,
        })
    }

    const fn check_user(&self, user: User) -> Result<(), SignatureRefused> {
        const PRESENT: u8 = 1;
        const VERIFIED: u8 = 4;
        if self.flags & PRESENT == 0 {
            return Err(SignatureRefused::NotPresent);
        }
        match user {
            User::Verified if self.flags & VERIFIED == 0 => Err(SignatureRefused::NotVerified),
            User::Present | User::Verified => Ok(()),
        }
    }

    /// PROTOCOL.u2f: what the hardware put its signature under.
    fn signed_by_hardware(&self, application: &[u8], message: &[u8]) -> Vec<u8> {
        let mut signed = Vec::with_capacity(2 * 32 + 5);
        signed.extend_from_slice(digest::digest(&digest::SHA256, application).as_ref());
        signed.put_byte(self.flags);
        signed.put_u32(self.counter);
        signed.extend_from_slice(digest::digest(&digest::SHA256, message).as_ref());
        signed
    }
}

fn ed25519(point: &[u8], message: &[u8], raw: &[u8]) -> Result<(), SignatureRefused> {
    if raw.len() != 64 {
        return Err(SignatureRefused::Length);
    }
    UnparsedPublicKey::new(&ED25519, point)
        .verify(message, raw)
        .map_err(|_| SignatureRefused::Wrong)
}

/// RFC 5656 3.1.2: two mpints; aws-lc-rs takes two integers of the curve's length.
fn ecdsa(curve: Curve, point: &[u8], message: &[u8], raw: &[u8]) -> Result<(), SignatureRefused> {
    let mut reader = Reader::new(raw);
    let (r, s) = (reader.mpint(curve.bytes())?, reader.mpint(curve.bytes())?);
    reader.end()?;
    let mut fixed = Vec::with_capacity(2 * curve.bytes());
    for integer in [r, s] {
        fixed.extend(std::iter::repeat_n(0, curve.bytes() - integer.len()));
        fixed.extend_from_slice(integer);
    }
    UnparsedPublicKey::new(ecdsa_algorithm(curve), point)
        .verify(message, &fixed)
        .map_err(|_| SignatureRefused::Wrong)
}

/// RFC 5656 6.2.1: the hash goes with the curve.
const fn ecdsa_algorithm(curve: Curve) -> &'static EcdsaVerificationAlgorithm {
    match curve {
        Curve::P256 => &ECDSA_P256_SHA256_FIXED,
        Curve::P384 => &ECDSA_P384_SHA384_FIXED,
        Curve::P521 => &ECDSA_P521_SHA512_FIXED,
    }
}

fn rsa(
    hash: &RsaParameters,
    exponent: &[u8],
    modulus: &[u8],
    message: &[u8],
    raw: &[u8],
) -> Result<(), SignatureRefused> {
    // Some clients leave zeros in front out, though RFC 8017 8.2.1 has the modulus's length. More
    // than 15 missing bytes are no accident.
    let missing = modulus.len().checked_sub(raw.len());
    let missing = missing.filter(|missing| *missing < 16);
    let missing = missing.ok_or(SignatureRefused::Length)?;
    let mut full = vec![0; missing];
    full.extend_from_slice(raw);
    let key = PublicKeyComponents {
        n: modulus,
        e: exponent,
    };
    key.verify(hash, message, &full)
        .map_err(|_| SignatureRefused::Wrong)
}

/// Longer than any name of an algorithm.
const MAX_NAME: usize = 64;
/// Room for a signature of an RSA key of 8192 bits.
const MAX_RAW: usize = PublicKey::RSA_MAX_BITS / 8;

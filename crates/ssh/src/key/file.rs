//! Private key files: OpenSSH's (its PROTOCOL.key), and the PEM forms that OpenSSL writes.

use aws_lc_rs::rand;
use aws_lc_rs::rsa::{self, KeyPairComponents, PublicKeyComponents};
use aws_lc_rs::signature::{EcdsaKeyPair, Ed25519KeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::zeroize::Zeroizing;

use super::host::{Private, signing};
use super::reduce::remainder;
use super::{Curve, HostKey, HostKeyError, KeyKind, PublicKey, checked_rsa, printable};
use crate::encoding::{Malformed, Reader, Writer as _};

pub(super) fn read(text: &[u8]) -> Result<Private, HostKeyError> {
    if text.len() > HostKey::MAX_TEXT {
        return Err(HostKeyError::TooLong);
    }
    let text = text.trim_ascii();
    if text.is_empty() {
        return Err(HostKeyError::Empty);
    }
    let (label, bytes) = armour(text)?;
    match label {
        b"OPENSSH PRIVATE KEY" => openssh(&bytes),
        b"PRIVATE KEY" => pkcs8(&bytes),
        b"RSA PRIVATE KEY" => rsa::KeyPair::from_der(&bytes)
            .map(Private::Rsa)
            .map_err(|_| HostKeyError::Damaged("it is not an RSA key of 2048 to 8192 bits")),
        b"EC PRIVATE KEY" => ec(&bytes).ok_or(HostKeyError::Damaged(
            "it is not a key on a curve of NIST's",
        )),
        other => {
            let name = other.strip_suffix(b" PRIVATE KEY").unwrap_or(other);
            Err(HostKeyError::Kind(printable(name)))
        }
    }
}

/// The label and the contents of the first private key in a text.
fn armour(text: &[u8]) -> Result<(&[u8], Zeroizing<Vec<u8>>), HostKeyError> {
    let mut lines = text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    let label = lines
        .by_ref()
        .find_map(|line| label(line, b"-----BEGIN "))
        .ok_or_else(|| without_armour(text))?;
    if label == b"ENCRYPTED PRIVATE KEY" {
        return Err(HostKeyError::Encrypted);
    }
    // Never grown, so that no copy of a secret is left behind.
    let mut body = Zeroizing::new(Vec::with_capacity(text.len()));
    for line in lines {
        if let Some(end) = self::label(line, b"-----END ") {
            let mut bytes = Zeroizing::new(vec![0; body.len()]);
            let decoded = STANDARD.decode_slice(&*body, &mut bytes);
            let length = decoded.map_err(|_| HostKeyError::Damaged("it is not base64"))?;
            bytes.truncate(length);
            return if end == label {
                Ok((label, bytes))
            } else {
                Err(HostKeyError::Damaged("it ends as another kind of file"))
            };
        }
        match line.split(|byte| *byte == b':').next() {
            // RFC 1421 4.6.1.1, as OpenSSL still writes it.
            Some(b"Proc-Type") if line.ends_with(b"ENCRYPTED") => {
                return Err(HostKeyError::Encrypted);
            }
            Some(header) if header.len() < line.len() => {}
            Some(_) | None => body.extend_from_slice(line),
        }
    }
    Err(HostKeyError::Damaged("its last line is missing"))
}

/// `OPENSSH PRIVATE KEY` of `-----BEGIN OPENSSH PRIVATE KEY-----`. OpenSSL puts a block of
/// parameters in front of some keys, which is not one.
fn label<'a>(line: &'a [u8], prefix: &[u8]) -> Option<&'a [u8]> {
    let label = line.strip_prefix(prefix)?.strip_suffix(b"-----")?;
    label.ends_with(b"PRIVATE KEY").then_some(label)
}

fn without_armour(text: &[u8]) -> HostKeyError {
    let first = text.split(u8::is_ascii_whitespace).next().unwrap_or(text);
    let has = |words: &[u8]| text.windows(words.len()).any(|window| window == words);
    if text.starts_with(b"PuTTY-User-Key-File-") {
        HostKeyError::Putty
    } else if KeyKind::of_name(first).is_some() || has(b"PUBLIC KEY---") {
        HostKeyError::Public
    } else {
        HostKeyError::Unknown
    }
}

fn pkcs8(der: &[u8]) -> Result<Private, HostKeyError> {
    if let Ok(pair) = Ed25519KeyPair::from_pkcs8(der) {
        return Ok(Private::Ed25519(pair));
    }
    if let Ok(pair) = rsa::KeyPair::from_pkcs8(der) {
        return Ok(Private::Rsa(pair));
    }
    ec(der).ok_or(HostKeyError::Damaged(
        "it is neither Ed25519, nor on a curve of NIST's, nor RSA of 2048 to 8192 bits",
    ))
}

fn ec(der: &[u8]) -> Option<Private> {
    Curve::ALL.into_iter().find_map(|curve| {
        let pair = EcdsaKeyPair::from_private_key_der(signing(curve), der).ok()?;
        Some(Private::Ecdsa(curve, pair))
    })
}

const MAGIC: &[u8] = b"openssh-key-v1\0";
/// The cipher `none` has blocks of 8 bytes.
const BLOCK: usize = 8;

fn openssh(bytes: &[u8]) -> Result<Private, HostKeyError> {
    let bytes = bytes
        .strip_prefix(MAGIC)
        .ok_or(HostKeyError::Damaged("it does not begin as such a key"))?;
    let mut reader = Reader::new(bytes);
    let max = HostKey::MAX_TEXT;
    let (cipher, kdf) = (reader.string(max)?, reader.string(max)?);
    if cipher != b"none" || kdf != b"none" {
        return Err(HostKeyError::Encrypted);
    }
    reader.string(max)?;
    if reader.u32()? != 1 {
        return Err(HostKeyError::Damaged("it holds more than one key, or none"));
    }
    let public = reader.string(max)?;
    let secret = reader.string(max)?;
    reader.end()?;
    let mut reader = Reader::new(secret);
    if reader.u32()? != reader.u32()? {
        return Err(HostKeyError::Damaged("its check numbers differ"));
    }
    let private = openssh_fields(&mut reader)?;
    reader.string(max)?;
    if !(1_u8..).zip(reader.rest()).all(|(due, byte)| due == *byte) {
        return Err(HostKeyError::Damaged("its padding is wrong"));
    }
    // The fingerprint that people compare is made from the public half.
    if public_of(&private)? == public {
        Ok(private)
    } else {
        Err(NOT_A_PAIR)
    }
}

fn public_of(private: &Private) -> Result<Vec<u8>, HostKeyError> {
    let (kind, material) = private.public()?;
    Ok(PublicKey::of(kind, material).wire().to_vec())
}

fn openssh_fields(reader: &mut Reader<'_>) -> Result<Private, HostKeyError> {
    let max = HostKey::MAX_TEXT;
    let name = reader.string(max)?;
    let unusable = || HostKeyError::Kind(printable(name));
    match KeyKind::of_name(name).ok_or_else(unusable)? {
        KeyKind::Ed25519 => {
            let point = reader.string(max)?;
            let seed = reader.string(max)?.get(..32).unwrap_or_default();
            Ed25519KeyPair::from_seed_and_public_key(seed, point)
                .map(Private::Ed25519)
                .map_err(|_| NOT_A_PAIR)
        }
        KeyKind::Ecdsa(curve) => {
            reader.string(max)?;
            let point = reader.string(max)?;
            let scalar = reader.mpint(curve.bytes())?;
            let mut fixed = Zeroizing::new(vec![0; curve.bytes() - scalar.len()]);
            fixed.reserve_exact(scalar.len());
            fixed.extend_from_slice(scalar);
            EcdsaKeyPair::from_private_key_and_public_key(signing(curve), &fixed, point)
                .map(|pair| Private::Ecdsa(curve, pair))
                .map_err(|_| NOT_A_PAIR)
        }
        KeyKind::Rsa => openssh_rsa(reader),
        KeyKind::SkEd25519 | KeyKind::SkEcdsa => Err(unusable()),
    }
}

fn openssh_rsa(reader: &mut Reader<'_>) -> Result<Private, HostKeyError> {
    const MAX: usize = PublicKey::MAX_WIRE;
    let (modulus, exponent) = (reader.mpint(MAX)?, reader.mpint(MAX)?);
    checked_rsa(exponent, modulus)?;
    let private_exponent = reader.mpint(MAX)?;
    let inverse = reader.mpint(MAX)?;
    let primes = [reader.mpint(MAX)?, reader.mpint(MAX)?];
    if primes
        .iter()
        .any(|prime| prime.last().is_none_or(|last| last % 2 == 0))
    {
        return Err(NOT_A_PAIR);
    }
    let [for_p, for_q] = primes.map(|prime| {
        let mut less_one = Zeroizing::new(prime.to_vec());
        if let Some(last) = less_one.last_mut() {
            *last &= !1;
        }
        remainder(private_exponent, &less_one)
    });
    let [p, q] = primes;
    let components = KeyPairComponents {
        public_key: PublicKeyComponents {
            n: modulus,
            e: exponent,
        },
        d: private_exponent,
        p,
        q,
        dP: &for_p,
        dQ: &for_q,
        qInv: inverse,
    };
    rsa::KeyPair::from_components(&components)
        .map(Private::Rsa)
        .map_err(|_| NOT_A_PAIR)
}

const NOT_A_PAIR: HostKeyError =
    HostKeyError::Damaged("its public and its private half do not belong together");

impl From<Malformed> for HostKeyError {
    fn from(_: Malformed) -> Self {
        Self::Damaged("a length in it is wrong")
    }
}

/// `None` when the system fails.
pub(super) fn write(key: &HostKey, comment: &[u8]) -> Option<Zeroizing<String>> {
    // Never grown, so that no copy of a secret is left behind: RSA with 8192 bits takes 4.7 KB.
    let room = 8192 + comment.len();
    let mut check = [0; 4];
    rand::fill(&mut check).ok()?;
    let mut secret = Zeroizing::new(Vec::with_capacity(room));
    secret.extend_from_slice(&check);
    secret.extend_from_slice(&check);
    secret.put_string(key.public().kind().as_bytes());
    key.put_private(&mut secret)?;
    secret.put_string(comment);
    let padding = secret.len().next_multiple_of(BLOCK) - secret.len();
    secret.extend((1_u8..).take(padding));

    let mut bytes = Zeroizing::new(Vec::with_capacity(2 * room));
    bytes.extend_from_slice(MAGIC);
    bytes.put_string(b"none");
    bytes.put_string(b"none");
    bytes.put_string(b"");
    bytes.put_u32(1);
    bytes.put_string(key.public().wire());
    bytes.put_string(&secret);
    Some(lines(&bytes))
}

/// Base64 in lines of 70, as OpenSSH has them.
fn lines(bytes: &[u8]) -> Zeroizing<String> {
    const WIDTH: usize = 70;
    let encoded = Zeroizing::new(STANDARD.encode(bytes));
    let mut text = Zeroizing::new(String::with_capacity(encoded.len() * 72 / 70 + 80));
    text.push_str("-----BEGIN OPENSSH PRIVATE KEY-----\n");
    let mut rest = encoded.as_str();
    while let Some((line, next)) = rest.split_at_checked(WIDTH) {
        text.push_str(line);
        text.push('\n');
        rest = next;
    }
    if !rest.is_empty() {
        text.push_str(rest);
        text.push('\n');
    }
    text.push_str("-----END OPENSSH PRIVATE KEY-----\n");
    text
}

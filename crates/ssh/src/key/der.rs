//! As much of DER (X.690) as the numbers of an RSA key need. What aws-lc-rs takes as a whole, it
//! reads itself.

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa;
use aws_lc_rs::signature::KeyPair as _;
use secrecy::zeroize::Zeroizing;

use crate::encoding::without_zeros;

/// The numbers in an OpenSSH private key file, big-endian. Wiped when dropped.
pub(super) struct RsaNumbers {
    pub(super) modulus: Vec<u8>,
    pub(super) exponent: Vec<u8>,
    pub(super) private_exponent: Zeroizing<Vec<u8>>,
    pub(super) inverse: Zeroizing<Vec<u8>>,
    pub(super) primes: [Zeroizing<Vec<u8>>; 2],
}

/// The exponent and the modulus (RFC 8017 A.1.1). `None` cannot happen.
pub(super) fn rsa_public(pair: &rsa::KeyPair) -> Option<(Vec<u8>, Vec<u8>)> {
    let mut fields = Der(pair.public_key().as_ref()).sequence()?;
    let (modulus, exponent) = (fields.integer()?, fields.integer()?);
    Some((exponent.to_vec(), modulus.to_vec()))
}

/// Everything (RFC 8017 A.1.2, in RFC 5208 5). `None` cannot happen.
pub(super) fn rsa_private(pair: &rsa::KeyPair) -> Option<RsaNumbers> {
    let whole: Pkcs8V1Der<'_> = pair.as_der().ok()?;
    let mut outer = Der(whole.as_ref()).sequence()?;
    outer.integer()?;
    outer.sequence()?;
    let mut fields = Der(outer.value(OCTET_STRING)?).sequence()?;
    fields.integer()?;
    let (modulus, exponent) = (fields.integer()?.to_vec(), fields.integer()?.to_vec());
    let mut secret = || Some(Zeroizing::new(fields.integer()?.to_vec()));
    let private_exponent = secret()?;
    let primes = [secret()?, secret()?];
    let (_, _, inverse) = (secret()?, secret()?, secret()?);
    Some(RsaNumbers {
        modulus,
        exponent,
        private_exponent,
        inverse,
        primes,
    })
}

/// What has not been read.
struct Der<'a>(&'a [u8]);

impl<'a> Der<'a> {
    fn sequence(&mut self) -> Option<Self> {
        self.value(SEQUENCE).map(Der)
    }

    /// Without zeros in front.
    fn integer(&mut self) -> Option<&'a [u8]> {
        self.value(INTEGER).map(without_zeros)
    }

    fn value(&mut self, tag: u8) -> Option<&'a [u8]> {
        let (found, rest) = self.0.split_first()?;
        let (first, rest) = rest.split_first()?;
        let (length, rest) = if *first < 0x80 {
            (usize::from(*first), rest)
        } else {
            // At most two bytes: 64 KiB are far more than any key has.
            let count = usize::from(first & 0x7f);
            let (length, rest) = rest.split_at_checked(count).filter(|_| count <= 2)?;
            let length = length
                .iter()
                .fold(0, |length, byte| length << 8 | usize::from(*byte));
            (length, rest)
        };
        let (value, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        (*found == tag).then_some(value)
    }
}

const INTEGER: u8 = 2;
const OCTET_STRING: u8 = 4;
const SEQUENCE: u8 = 0x30;

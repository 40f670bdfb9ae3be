//! The key exchange itself (RFC 8731, RFC 5656, mlkem768x25519) and what is derived from it.

use aws_lc_rs::agreement::{self, ECDH_P256, ECDH_P384, PrivateKey, UnparsedPublicKey, X25519};
use aws_lc_rs::digest::{self, SHA256, SHA384};
use aws_lc_rs::kem::{Ciphertext, DecapsulationKey, EncapsulationKey, ML_KEM_768};
use secrecy::zeroize::Zeroizing;

use crate::algorithm::{Cipher, KeyExchange, Mac, Role};
use crate::cipher::{Material, Opener, Sealer};
use crate::encoding::Writer;
use crate::violation::Violation;

/// What both sides know and nobody else: encoded as the exchange hash and the keys take it.
pub(crate) struct Secret(Zeroizing<Vec<u8>>);

/// The client's half of an exchange, waiting for the server's.
pub(crate) struct Initiator {
    exchange: KeyExchange,
    private: PrivateKey,
    post_quantum: Option<DecapsulationKey>,
    public: Vec<u8>,
}

impl Initiator {
    pub(crate) fn new(exchange: KeyExchange) -> Result<Self, Violation> {
        let private = PrivateKey::generate(curve(exchange)).map_err(|_| failed())?;
        let (post_quantum, mut public) = match exchange {
            KeyExchange::MlKem768X25519 => {
                let key = DecapsulationKey::generate(&ML_KEM_768).map_err(|_| failed())?;
                let public = key.encapsulation_key().map_err(|_| failed())?;
                let public = public.key_bytes().map_err(|_| failed())?;
                (Some(key), public.as_ref().to_vec())
            }
            KeyExchange::Curve25519
            | KeyExchange::Curve25519Libssh
            | KeyExchange::NistP256
            | KeyExchange::NistP384 => (None, Vec::new()),
        };
        let classical = private.compute_public_key().map_err(|_| failed())?;
        public.extend_from_slice(classical.as_ref());
        Ok(Self {
            exchange,
            private,
            post_quantum,
            public,
        })
    }

    /// What the client sends.
    pub(crate) fn public(&self) -> &[u8] {
        &self.public
    }

    pub(crate) fn finish(&self, theirs: &[u8]) -> Result<Secret, Violation> {
        let Some(key) = &self.post_quantum else {
            return classical(self.exchange, &self.private, theirs);
        };
        let (sealed, theirs) = theirs
            .split_at_checked(ML_KEM_CIPHERTEXT)
            .ok_or_else(bad_public)?;
        let shared = key.decapsulate(Ciphertext::from(sealed));
        let shared = shared.map_err(|_| bad_public())?;
        hybrid(shared.as_ref(), &self.private, theirs)
    }
}

/// The server's half: its answer and the secret.
pub(crate) fn respond(
    exchange: KeyExchange,
    theirs: &[u8],
) -> Result<(Vec<u8>, Secret), Violation> {
    let private = PrivateKey::generate(curve(exchange)).map_err(|_| failed())?;
    let public = private.compute_public_key().map_err(|_| failed())?;
    match exchange {
        KeyExchange::MlKem768X25519 => {
            let (key, theirs) = theirs
                .split_at_checked(ML_KEM_PUBLIC)
                .ok_or_else(bad_public)?;
            let key = EncapsulationKey::new(&ML_KEM_768, key).map_err(|_| bad_public())?;
            let (sealed, shared) = key.encapsulate().map_err(|_| bad_public())?;
            let mut answer = sealed.as_ref().to_vec();
            answer.extend_from_slice(public.as_ref());
            Ok((answer, hybrid(shared.as_ref(), &private, theirs)?))
        }
        KeyExchange::Curve25519
        | KeyExchange::Curve25519Libssh
        | KeyExchange::NistP256
        | KeyExchange::NistP384 => {
            let secret = classical(exchange, &private, theirs)?;
            Ok((public.as_ref().to_vec(), secret))
        }
    }
}

/// RFC 5656 §4 and RFC 8731 §3.1: the secret as an mpint. Points that are not on the curve, and
/// the ones that make it zero, are refused by the library.
fn classical(
    exchange: KeyExchange,
    private: &PrivateKey,
    theirs: &[u8],
) -> Result<Secret, Violation> {
    // The library reads other forms of a point, too; RFC 5656 §4 takes this one.
    let expected: (usize, Option<u8>) = match exchange {
        KeyExchange::MlKem768X25519 | KeyExchange::Curve25519 | KeyExchange::Curve25519Libssh => {
            (32, None)
        }
        KeyExchange::NistP256 => (65, Some(4)),
        KeyExchange::NistP384 => (97, Some(4)),
    };
    if theirs.len() != expected.0 || expected.1.is_some_and(|form| theirs.first() != Some(&form)) {
        return Err(bad_public());
    }
    let theirs = UnparsedPublicKey::new(curve(exchange), theirs);
    agreement::agree(private, theirs, bad_public(), |shared| {
        let mut encoded = Zeroizing::new(Vec::with_capacity(shared.len() + 5));
        encoded.put_mpint(shared);
        Ok(Secret(encoded))
    })
}

/// OpenSSH's PROTOCOL: the hash of both secrets, as a string.
fn hybrid(post_quantum: &[u8], private: &PrivateKey, theirs: &[u8]) -> Result<Secret, Violation> {
    if theirs.len() != 32 {
        return Err(bad_public());
    }
    let theirs = UnparsedPublicKey::new(&X25519, theirs);
    agreement::agree(private, theirs, bad_public(), |shared| {
        let mut context = digest::Context::new(&SHA256);
        context.update(post_quantum);
        context.update(shared);
        let mut encoded = Zeroizing::new(Vec::with_capacity(36));
        encoded.put_string(context.finish().as_ref());
        Ok(Secret(encoded))
    })
}

/// What the exchange hash is made of (RFC 4253 §8).
pub(crate) struct Transcript<'a> {
    pub(crate) client_version: &'a [u8],
    pub(crate) server_version: &'a [u8],
    pub(crate) client_init: &'a [u8],
    pub(crate) server_init: &'a [u8],
    pub(crate) host_key: &'a [u8],
    pub(crate) client_public: &'a [u8],
    pub(crate) server_public: &'a [u8],
}

impl Transcript<'_> {
    pub(crate) fn hash(&self, exchange: KeyExchange, secret: &Secret) -> digest::Digest {
        let mut bytes = Zeroizing::new(Vec::new());
        for part in [
            self.client_version,
            self.server_version,
            self.client_init,
            self.server_init,
            self.host_key,
            self.client_public,
            self.server_public,
        ] {
            bytes.put_string(part);
        }
        bytes.extend_from_slice(&secret.0);
        digest::digest(hash(exchange), &bytes)
    }
}

/// Makes keys (RFC 4253 §7.2).
pub(crate) struct Derivation<'a> {
    pub(crate) exchange: KeyExchange,
    pub(crate) secret: &'a Secret,
    pub(crate) hash: &'a [u8],
    pub(crate) session: &'a [u8],
}

impl Derivation<'_> {
    pub(crate) fn sealer(
        &self,
        role: Role,
        (cipher, mac): (Cipher, Mac),
        sequence: u32,
    ) -> Result<Sealer, Violation> {
        self.with_material(role == Role::Client, cipher, mac, |material| {
            Sealer::new(cipher, mac, material, sequence)
        })
    }

    pub(crate) fn opener(
        &self,
        role: Role,
        (cipher, mac): (Cipher, Mac),
        sequence: u32,
    ) -> Result<Opener, Violation> {
        self.with_material(role == Role::Server, cipher, mac, |material| {
            Opener::new(cipher, mac, material, sequence)
        })
    }

    fn with_material<T>(
        &self,
        to_server: bool,
        cipher: Cipher,
        mac: Mac,
        make: impl FnOnce(&Material<'_>) -> Result<T, Violation>,
    ) -> Result<T, Violation> {
        let [iv, key, code] = if to_server { *b"ACE" } else { *b"BDF" };
        let iv = self.derive(iv, cipher.iv_length());
        let key = self.derive(key, cipher.key_length());
        let code = self.derive(code, mac.key_length());
        make(&Material {
            key: &key,
            iv: &iv,
            mac: &code,
        })
    }

    fn derive(&self, letter: u8, length: usize) -> Zeroizing<Vec<u8>> {
        let algorithm = hash(self.exchange);
        let mut out = Zeroizing::new(Vec::with_capacity(length + algorithm.output_len()));
        while out.len() < length {
            let mut context = digest::Context::new(algorithm);
            context.update(&self.secret.0);
            context.update(self.hash);
            if out.is_empty() {
                context.update(&[letter]);
                context.update(self.session);
            } else {
                context.update(&out);
            }
            out.extend_from_slice(context.finish().as_ref());
        }
        out.truncate(length);
        out
    }
}

fn curve(exchange: KeyExchange) -> &'static agreement::Algorithm {
    match exchange {
        KeyExchange::MlKem768X25519 | KeyExchange::Curve25519 | KeyExchange::Curve25519Libssh => {
            &X25519
        }
        KeyExchange::NistP256 => &ECDH_P256,
        KeyExchange::NistP384 => &ECDH_P384,
    }
}

fn hash(exchange: KeyExchange) -> &'static digest::Algorithm {
    match exchange {
        KeyExchange::MlKem768X25519
        | KeyExchange::Curve25519
        | KeyExchange::Curve25519Libssh
        | KeyExchange::NistP256 => &SHA256,
        KeyExchange::NistP384 => &SHA384,
    }
}

const fn failed() -> Violation {
    Violation::exchange("the key exchange failed")
}

const fn bad_public() -> Violation {
    Violation::exchange("the public value of the key exchange cannot be used")
}

/// FIPS 203, of ML-KEM-768, in bytes.
const ML_KEM_PUBLIC: usize = 1184;
const ML_KEM_CIPHERTEXT: usize = 1088;

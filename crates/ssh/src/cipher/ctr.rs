//! AES in counter mode (RFC 4344) with HMAC, behind the encryption ("etm") or beside it.

use aws_lc_rs::cipher::{
    AES_128, AES_256, DecryptionContext, EncryptionContext, StreamingDecryptingKey,
    StreamingEncryptingKey, UnboundCipherKey,
};
use aws_lc_rs::hmac;
use aws_lc_rs::iv::FixedLength;

use super::{Body, Material, claimed, internal};
use crate::algorithm::Mac;
use crate::violation::Violation;

const BLOCK: usize = 16;
/// The cipher does not work in place: pieces of this size stay in the processor's first cache on
/// their way there and back.
const PIECE: usize = 8 * 1024;

pub(super) struct Sealing {
    key: StreamingEncryptingKey,
    authentication: Authentication,
}

pub(super) struct Opening {
    key: StreamingDecryptingKey,
    authentication: Authentication,
    /// Where the length is encrypted: what the first block, decrypted already, says.
    begun: Option<usize>,
}

struct Authentication {
    key: hmac::Key,
    length: usize,
    /// The code is made of what was encrypted, and the length field is in clear.
    encrypt_first: bool,
}

impl Authentication {
    fn new(mac: Mac, key: &[u8]) -> Self {
        let (algorithm, length) = match mac {
            Mac::Sha256 | Mac::Sha256Etm => (hmac::HMAC_SHA256, 32),
            Mac::Sha512 | Mac::Sha512Etm => (hmac::HMAC_SHA512, 64),
        };
        Self {
            key: hmac::Key::new(algorithm, key),
            length,
            encrypt_first: mac.encrypts_first(),
        }
    }

    fn code(&self, sequence: u32, packet: &[u8]) -> hmac::Tag {
        let mut context = hmac::Context::with_key(&self.key);
        context.update(&sequence.to_be_bytes());
        context.update(packet);
        context.sign()
    }

    fn check(&self, sequence: u32, packet: &[u8], tag: &[u8]) -> Result<(), Violation> {
        let code = self.code(sequence, packet);
        aws_lc_rs::constant_time::verify_slices_are_equal(code.as_ref(), tag)
            .map_err(|_| Violation::mac())
    }
}

impl Sealing {
    pub(super) fn new(mac: Mac, material: &Material<'_>) -> Result<Self, Violation> {
        let context = EncryptionContext::Iv128(iv(material)?);
        let key = StreamingEncryptingKey::less_safe_ctr(unbound(material)?, context);
        Ok(Self {
            key: key.map_err(|_| internal())?,
            authentication: Authentication::new(mac, material.mac),
        })
    }

    pub(super) const fn tag(&self) -> usize {
        self.authentication.length
    }

    pub(super) const fn encrypts_length(&self) -> bool {
        !self.authentication.encrypt_first
    }

    pub(super) fn seal(
        &mut self,
        sequence: u32,
        plain: &mut [u8],
        tag: &mut [u8],
    ) -> Result<(), Violation> {
        let code = if self.authentication.encrypt_first {
            let (_, body) = plain.split_first_chunk_mut::<4>().ok_or_else(internal)?;
            encrypt(&mut self.key, body)?;
            self.authentication.code(sequence, plain)
        } else {
            let code = self.authentication.code(sequence, plain);
            encrypt(&mut self.key, plain)?;
            code
        };
        if tag.len() != code.as_ref().len() {
            return Err(internal());
        }
        tag.copy_from_slice(code.as_ref());
        Ok(())
    }
}

impl Opening {
    pub(super) fn new(mac: Mac, material: &Material<'_>) -> Result<Self, Violation> {
        let context = DecryptionContext::Iv128(iv(material)?);
        let key = StreamingDecryptingKey::ctr(unbound(material)?, context);
        Ok(Self {
            key: key.map_err(|_| internal())?,
            authentication: Authentication::new(mac, material.mac),
            begun: None,
        })
    }

    pub(super) fn open(
        &mut self,
        sequence: u32,
        input: &mut [u8],
        limit: usize,
    ) -> Result<Body, Violation> {
        if self.authentication.encrypt_first {
            self.open_authenticated(sequence, input, limit)
        } else {
            self.open_encrypted(sequence, input, limit)
        }
    }

    fn open_authenticated(
        &mut self,
        sequence: u32,
        input: &mut [u8],
        limit: usize,
    ) -> Result<Body, Violation> {
        let Some(field) = input.first_chunk::<4>() else {
            return Ok(Body::Needs(4));
        };
        let length = claimed(*field, BLOCK, 0, limit)?;
        let consumed = 4 + length + self.authentication.length;
        let Some(packet) = input.get_mut(..consumed) else {
            return Ok(Body::Needs(consumed));
        };
        let (sealed, tag) = packet
            .split_at_mut_checked(4 + length)
            .ok_or_else(internal)?;
        self.authentication.check(sequence, sealed, tag)?;
        let body = sealed.get_mut(4..).ok_or_else(internal)?;
        decrypt(&mut self.key, body)?;
        Ok(Body::Whole {
            body: 4..4 + length,
            consumed,
        })
    }

    /// The length is in the first block, which is decrypted, once, as soon as it is there. It is
    /// believed as far as its bounds go until the code is checked, as in every server of this mode.
    fn open_encrypted(
        &mut self,
        sequence: u32,
        input: &mut [u8],
        limit: usize,
    ) -> Result<Body, Violation> {
        let length = match self.begun {
            Some(length) => length,
            None => {
                let Some(first) = input.first_chunk_mut::<BLOCK>() else {
                    return Ok(Body::Needs(BLOCK));
                };
                decrypt(&mut self.key, first)?;
                let field = first.first_chunk::<4>().ok_or_else(internal)?;
                let length = claimed(*field, BLOCK, 4, limit)?;
                self.begun = Some(length);
                length
            }
        };
        let consumed = 4 + length + self.authentication.length;
        let Some(packet) = input.get_mut(..consumed) else {
            return Ok(Body::Needs(consumed));
        };
        self.begun = None;
        let (sealed, tag) = packet
            .split_at_mut_checked(4 + length)
            .ok_or_else(internal)?;
        if let Some(rest) = sealed.get_mut(BLOCK..) {
            decrypt(&mut self.key, rest)?;
        }
        self.authentication.check(sequence, sealed, tag)?;
        Ok(Body::Whole {
            body: 4..4 + length,
            consumed,
        })
    }
}

fn encrypt(key: &mut StreamingEncryptingKey, bytes: &mut [u8]) -> Result<(), Violation> {
    let mut scratch = [0; PIECE];
    for piece in bytes.chunks_mut(PIECE) {
        let room = scratch.get_mut(..piece.len()).ok_or_else(internal)?;
        let update = key.less_safe_update(piece, room).map_err(|_| internal())?;
        copy_back(update.written(), piece)?;
    }
    Ok(())
}

fn decrypt(key: &mut StreamingDecryptingKey, bytes: &mut [u8]) -> Result<(), Violation> {
    let mut scratch = [0; PIECE];
    for piece in bytes.chunks_mut(PIECE) {
        let room = scratch.get_mut(..piece.len()).ok_or_else(internal)?;
        let update = key.less_safe_update(piece, room).map_err(|_| internal())?;
        copy_back(update.written(), piece)?;
    }
    Ok(())
}

fn copy_back(written: &[u8], bytes: &mut [u8]) -> Result<(), Violation> {
    if written.len() != bytes.len() {
        return Err(internal());
    }
    bytes.copy_from_slice(written);
    Ok(())
}

fn unbound(material: &Material<'_>) -> Result<UnboundCipherKey, Violation> {
    let algorithm = match material.key.len() {
        16 => &AES_128,
        _ => &AES_256,
    };
    UnboundCipherKey::new(algorithm, material.key).map_err(|_| internal())
}

fn iv(material: &Material<'_>) -> Result<FixedLength<16>, Violation> {
    let bytes: &[u8; 16] = material.iv.first_chunk().ok_or_else(internal)?;
    Ok(FixedLength::from(bytes))
}

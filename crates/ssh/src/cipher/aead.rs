//! AES-GCM (RFC 5647, as OpenSSH has it) and ChaCha20-Poly1305 (OpenSSH's PROTOCOL).

use aws_lc_rs::aead::chacha20_poly1305_openssh as chacha;
use aws_lc_rs::aead::{AES_128_GCM, AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

use super::{Body, Material, claimed, internal};
use crate::violation::Violation;

pub(super) const TAG: usize = 16;

pub(super) struct Gcm {
    key: LessSafeKey,
    /// The first four bytes stay, the last eight count packets (RFC 5647 §7.1).
    fixed: [u8; 4],
    counter: u64,
}

impl Gcm {
    pub(super) fn new(material: &Material<'_>) -> Result<Self, Violation> {
        let algorithm = match material.key.len() {
            16 => &AES_128_GCM,
            _ => &AES_256_GCM,
        };
        let key = UnboundKey::new(algorithm, material.key).map_err(|_| internal())?;
        let (fixed, counter) = material.iv.split_first_chunk::<4>().ok_or_else(internal)?;
        let counter = counter.first_chunk::<8>().ok_or_else(internal)?;
        Ok(Self {
            key: LessSafeKey::new(key),
            fixed: *fixed,
            counter: u64::from_be_bytes(*counter),
        })
    }

    fn nonce(&mut self) -> Nonce {
        let mut nonce = [0; 12];
        if let Some((fixed, counter)) = nonce.split_first_chunk_mut::<4>() {
            *fixed = self.fixed;
            counter.copy_from_slice(&self.counter.to_be_bytes());
        }
        self.counter = self.counter.wrapping_add(1);
        Nonce::assume_unique_for_key(nonce)
    }

    pub(super) fn seal(&mut self, plain: &mut [u8], tag: &mut [u8]) -> Result<(), Violation> {
        let nonce = self.nonce();
        let (length, body) = plain.split_first_chunk_mut::<4>().ok_or_else(internal)?;
        let made = self
            .key
            .seal_in_place_separate_tag(nonce, Aad::from(&*length), body)
            .map_err(|_| internal())?;
        if tag.len() != TAG {
            return Err(internal());
        }
        tag.copy_from_slice(made.as_ref());
        Ok(())
    }

    pub(super) fn open(&mut self, input: &mut [u8], limit: usize) -> Result<Body, Violation> {
        let Some((field, rest)) = input.split_first_chunk_mut::<4>() else {
            return Ok(Body::Needs(4));
        };
        let length = claimed(*field, 16, 0, limit)?;
        let consumed = 4 + length + TAG;
        let Some(sealed) = rest.get_mut(..length + TAG) else {
            return Ok(Body::Needs(consumed));
        };
        let nonce = self.nonce();
        self.key
            .open_in_place(nonce, Aad::from(&*field), sealed)
            .map_err(|_| Violation::mac())?;
        Ok(Body::Whole {
            body: 4..4 + length,
            consumed,
        })
    }
}

pub(super) struct ChaChaSealing(chacha::SealingKey);
pub(super) struct ChaChaOpening(chacha::OpeningKey);

impl ChaChaSealing {
    pub(super) fn new(material: &Material<'_>) -> Result<Self, Violation> {
        let key = material.key.first_chunk().ok_or_else(internal)?;
        Ok(Self(chacha::SealingKey::new(key)))
    }

    pub(super) fn seal(
        &self,
        sequence: u32,
        plain: &mut [u8],
        tag: &mut [u8],
    ) -> Result<(), Violation> {
        let tag = tag.first_chunk_mut().ok_or_else(internal)?;
        self.0.seal_in_place(sequence, plain, tag);
        Ok(())
    }
}

impl ChaChaOpening {
    pub(super) fn new(material: &Material<'_>) -> Result<Self, Violation> {
        let key = material.key.first_chunk().ok_or_else(internal)?;
        Ok(Self(chacha::OpeningKey::new(key)))
    }

    pub(super) fn open(
        &self,
        sequence: u32,
        input: &mut [u8],
        limit: usize,
    ) -> Result<Body, Violation> {
        let Some(field) = input.first_chunk::<4>() else {
            return Ok(Body::Needs(4));
        };
        let length = claimed(self.0.decrypt_packet_length(sequence, *field), 8, 0, limit)?;
        let consumed = 4 + length + TAG;
        let Some(packet) = input.get_mut(..consumed) else {
            return Ok(Body::Needs(consumed));
        };
        let (sealed, tag) = packet.split_last_chunk_mut().ok_or_else(internal)?;
        self.0
            .open_in_place(sequence, sealed, tag)
            .map_err(|_| Violation::mac())?;
        Ok(Body::Whole {
            body: 4..4 + length,
            consumed,
        })
    }
}

//! Test data and hands to hold it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::certificate::Certificate;
use crate::key::{HostKey, PublicKey};

/// A file of `testdata/`.
macro_rules! data {
    ($name:expr) => {
        include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/", $name)).as_slice()
    };
}
pub(crate) use data;

/// The bytes in a line `KIND BASE64 COMMENT`.
pub(crate) fn wire(line: &[u8]) -> Vec<u8> {
    let base64 = line.split(|byte| *byte == b' ').nth(1).unwrap();
    STANDARD.decode(base64).unwrap()
}

pub(crate) fn public(line: &[u8]) -> PublicKey {
    PublicKey::decode(&wire(line)).unwrap()
}

pub(crate) fn certificate(line: &[u8]) -> Certificate {
    Certificate::decode(&wire(line)).unwrap()
}

/// The private key beside `keys/ed25519.pub`.
pub(crate) fn ed25519() -> HostKey {
    HostKey::from_openssh(data!("keys/ed25519")).unwrap()
}

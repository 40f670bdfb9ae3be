use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};

use super::*;

const NAME: &[u8] = b"sk-ssh-ed25519@openssh.com";

/// As PROTOCOL.u2f has a hardware key sign.
fn touch(pair: &Ed25519KeyPair, application: &[u8], flags: u8, message: &[u8]) -> Vec<u8> {
    let hash = |bytes| digest::digest(&digest::SHA256, bytes);
    let mut signed = hash(application).as_ref().to_vec();
    signed.put_byte(flags);
    signed.put_u32(77);
    signed.extend_from_slice(hash(message).as_ref());
    let mut blob = Vec::new();
    blob.put_string(NAME);
    blob.put_string(pair.sign(&signed).as_ref());
    blob.put_byte(flags);
    blob.put_u32(77);
    blob
}

fn key(pair: &Ed25519KeyPair, application: &[u8]) -> PublicKey {
    let mut wire = Vec::new();
    wire.put_string(NAME);
    wire.put_string(pair.public_key().as_ref());
    wire.put_string(application);
    PublicKey::decode(&wire).unwrap()
}

#[test]
fn a12_a_hardware_key_must_be_touched() {
    const PRESENT: u8 = 1;
    const VERIFIED: u8 = 4;
    let pair = Ed25519KeyPair::generate().unwrap();
    let ours = key(&pair, b"ssh:");
    for (flags, plainly, knowing_user) in [
        (
            0,
            Err(SignatureRefused::NotPresent),
            Err(SignatureRefused::NotPresent),
        ),
        (
            VERIFIED,
            Err(SignatureRefused::NotPresent),
            Err(SignatureRefused::NotPresent),
        ),
        (PRESENT, Ok(()), Err(SignatureRefused::NotVerified)),
        (PRESENT | VERIFIED, Ok(()), Ok(())),
    ] {
        let signature = touch(&pair, b"ssh:", flags, b"m");
        assert_eq!(ours.verify(NAME, b"m", &signature), plainly);
        let verified = ours.verify_knowing_user(NAME, b"m", &signature);
        assert_eq!(verified, knowing_user);
        assert!(ours.verify(NAME, b"n", &signature).is_err());
    }
    // The flags are under the signature.
    let mut lifted = touch(&pair, b"ssh:", 0, b"m");
    let at = lifted.len() - 5;
    lifted[at] = PRESENT;
    let refused = Err(SignatureRefused::Wrong);
    assert_eq!(ours.verify(NAME, b"m", &lifted), refused);
    let for_another = touch(&pair, b"https://example.org", PRESENT, b"m");
    assert_eq!(ours.verify(NAME, b"m", &for_another), refused);
}

#[test]
fn a12_a_key_without_hardware_cannot_know_its_user() {
    let key = ed25519();
    let signature = key.sign("ssh-ed25519", b"m").unwrap();
    assert_eq!(
        key.public()
            .verify_knowing_user(b"ssh-ed25519", b"m", &signature),
        Err(SignatureRefused::NotVerified)
    );
}

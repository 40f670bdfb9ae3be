use super::*;

#[test]
fn smoke() {
    for kind in [
        HostKeyKind::Ed25519,
        HostKeyKind::EcdsaP256,
        HostKeyKind::EcdsaP384,
        HostKeyKind::Rsa3072,
    ] {
        let key = HostKey::generate(kind).unwrap();
        let text = key.to_openssh("x").unwrap();
        let again = HostKey::from_openssh(text.as_bytes()).unwrap();
        for algorithm in key.algorithms() {
            let sig = again.sign(algorithm, b"m").unwrap();
            key.public()
                .verify(algorithm.as_bytes(), b"m", &sig)
                .unwrap();
        }
    }
}

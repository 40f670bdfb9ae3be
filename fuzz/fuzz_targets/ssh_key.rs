#![no_main]

use std::net::IpAddr;

use libfuzzer_sys::fuzz_target;
use wharf_ssh::certificate::{Certificate, Demands};
use wharf_ssh::encoding::Reader;
use wharf_ssh::key::{HostKey, PublicKey};
use wharf_ssh::krl::RevocationList;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(key) = PublicKey::decode(bytes) {
        assert_eq!(key.wire(), bytes);
        assert!(!key.signature_algorithms().contains(&"ssh-rsa"));
    }
    // A key and a signature, of which nobody can make a good one by chance.
    let mut reader = Reader::new(bytes);
    if let Ok(wire) = reader.string(PublicKey::MAX_WIRE)
        && let Ok(key) = PublicKey::decode(wire)
    {
        for algorithm in key.signature_algorithms() {
            let name = algorithm.as_bytes();
            assert!(key.verify(name, b"message", reader.rest()).is_err());
        }
    }
    let _ = RevocationList::parse(bytes);
    if let Ok(certificate) = Certificate::decode(bytes) {
        assert_eq!(certificate.wire(), bytes);
        let authorities = [certificate.authority().clone()];
        let demands = Demands {
            now: 1_750_000_000,
            principals: &[b"ann"],
            peer: IpAddr::from([192, 0, 2, 7]),
            authorities: &authorities,
            revoked: &[],
        };
        if let Ok(verified) = certificate.verify(&demands) {
            for algorithm in certificate.algorithms() {
                let name = algorithm.as_bytes();
                assert!(verified.verify(name, b"message", bytes).is_err());
            }
        }
    }
    if let Ok(host) = HostKey::from_openssh(bytes) {
        let text = host
            .to_openssh("again")
            .expect("what was read can be written");
        let again = HostKey::from_openssh(text.as_bytes()).expect("what is written can be read");
        assert_eq!(again.public(), host.public());
    }
});

use std::fs;

use rcgen::date_time_ymd;
use tempfile::TempDir;

use super::super::Certificate;
use super::super::tests::samples::{Authority, openssl, server};
use super::*;

#[test]
fn an_expired_certificate_is_taken_and_told() {
    let mut params = server(&["ftp.example.org"]);
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(2021, 1, 1);
    let sample = Authority::new("CA").sign(&params, &rcgen::KeyPair::generate().unwrap());
    let certificate =
        Certificate::from_pem(sample.chain.as_bytes(), sample.key.as_bytes()).unwrap();
    let at = |year| certificate.warnings(SystemTime::from(date_time_ymd(year, 6, 1)));
    let expired = at(2026);
    assert!(
        matches!(expired[..], [CertificateWarning::Expired { .. }]),
        "{expired:?}"
    );
    assert!(expired[0].to_string().contains("2021"), "{}", expired[0]);
    assert_eq!(at(2020), []);
    assert!(matches!(
        at(2019)[..],
        [CertificateWarning::NotYetValid { .. }]
    ));
}

#[test]
fn what_clients_will_hold_against_it_is_told() {
    let authority = Authority::new("CA");
    let warnings = |chain: &str, key: &str| {
        let certificate = Certificate::from_pem(chain.as_bytes(), key.as_bytes()).unwrap();
        certificate.warnings(SystemTime::now())
    };
    let client = authority.client("ann");
    assert_eq!(
        warnings(&client.chain, &client.key),
        [
            CertificateWarning::NoNames,
            CertificateWarning::NotForServers
        ]
    );
    let server = authority.server(&["a.test"]);
    let chain = format!("{}{}", server.chain, Authority::new("Other CA").pem);
    assert_eq!(
        warnings(&chain, &server.key),
        [CertificateWarning::BrokenChain { position: 2 }]
    );

    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("ca.pem"), &authority.pem).unwrap();
    for arguments in [
        "req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -subj /CN=ca",
        "req -newkey rsa:2048 -nodes -keyout key.pem -out csr.pem -subj /CN=t -addext subjectAltName=DNS:t",
        "x509 -req -in csr.pem -CA ca.pem -CAkey ca.key -sha1 -copy_extensions copy -out chain.pem",
    ] {
        openssl(folder.path(), &arguments.split(' ').collect::<Vec<_>>());
    }
    let text = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
    assert_eq!(
        warnings(&text("chain.pem"), &text("key.pem")),
        [CertificateWarning::WeakSignature]
    );
}

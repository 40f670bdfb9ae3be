mod hostile;

use std::fs;

use rcgen::{CertificateParams, IsCa, KeyPair, SerialNumber, date_time_ymd};
use tempfile::TempDir;

use super::super::super::certificate::tests::samples::{Authority, chain, client, openssl, pem};
use super::super::PeerCertificate;
use super::*;

fn peer(pem: &str) -> PeerCertificate {
    PeerCertificate::new(chain(pem)).unwrap()
}

fn trust(authority: &Authority) -> ClientTrust {
    ClientTrust::from_pem(authority.pem.as_bytes(), None).unwrap()
}

#[test]
fn trust_is_of_the_authority_the_dates_and_the_use() {
    let authority = Authority::new("CA");
    let trust = trust(&authority);
    let refused = |pem: &str| peer(pem).verify(&trust).unwrap_err();
    peer(&authority.client("ann").chain).verify(&trust).unwrap();

    let stranger = refused(&Authority::new("CA").client("ann").chain);
    assert!(stranger.contains("authority"), "{stranger}");
    let server = refused(&authority.server(&["ann"]).chain);
    assert!(server.contains("clientAuth"), "{server}");
    let sign = |params: &CertificateParams| authority.sign(params, &KeyPair::generate().unwrap());
    let mut old = client("ann");
    old.not_after = date_time_ymd(2020, 1, 1);
    let old = refused(&sign(&old).chain);
    assert!(old.contains("expired") && old.contains("2020"), "{old}");
    let mut early = client("ann");
    early.not_before = date_time_ymd(3000, 1, 1);
    let early = refused(&sign(&early).chain);
    assert!(early.contains("not valid before"), "{early}");
    let mut authority_itself = client("ann");
    authority_itself.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let authority_itself = refused(&sign(&authority_itself).chain);
    assert!(authority_itself.contains("CA:TRUE"), "{authority_itself}");
}

#[test]
fn weak_algorithms_vouch_for_nobody() {
    let folder = TempDir::new().unwrap();
    let text = |name| fs::read_to_string(folder.path().join(name)).unwrap();
    fs::write(folder.path().join("use"), "extendedKeyUsage=clientAuth").unwrap();
    let verdict = |bits: u32, hash: &str| {
        for arguments in [
            format!("req -x509 -newkey rsa:{bits} -nodes -keyout ca.key -out ca.pem -subj /CN=ca"),
            "req -newkey rsa:2048 -nodes -keyout key.pem -out csr.pem -subj /CN=ann".to_owned(),
            format!(
                "x509 -req -in csr.pem -extfile use -CA ca.pem -CAkey ca.key -{hash} -out ann.pem"
            ),
        ] {
            openssl(folder.path(), &arguments.split(' ').collect::<Vec<_>>());
        }
        let trust = ClientTrust::from_pem(text("ca.pem").as_bytes(), None).unwrap();
        peer(&text("ann.pem")).verify(&trust)
    };
    verdict(2048, "sha256").unwrap();
    verdict(1024, "sha256").unwrap_err();
    let refused = verdict(2048, "sha1").unwrap_err();
    assert!(refused.contains("algorithm"), "{refused}");
}

#[test]
fn a_chain_may_go_over_intermediates() {
    let root = Authority::new("Root");
    let middle = root.authority("Middle");
    let ann = middle.client("ann");
    let trust = trust(&root);
    peer(&format!("{}{}", ann.chain, middle.pem))
        .verify(&trust)
        .unwrap();
    peer(&ann.chain).verify(&trust).unwrap_err();
    // Somebody else's certificate in the place of an authority.
    let eve = root.client("Middle");
    peer(&format!("{}{}", ann.chain, eve.chain))
        .verify(&trust)
        .unwrap_err();
}

fn lists(ders: &[Vec<u8>]) -> String {
    ders.iter().map(|der| pem("X509 CRL", der)).collect()
}

fn numbered(authority: &Authority, serial: u64) -> PeerCertificate {
    let mut params = client("ann");
    params.serial_number = Some(SerialNumber::from(serial));
    peer(&authority.sign(&params, &KeyPair::generate().unwrap()).chain)
}

#[test]
fn what_was_revoked_is_not_trusted() {
    let authority = Authority::new("CA");
    let with = |lists: &str| {
        ClientTrust::from_pem(authority.pem.as_bytes(), Some(lists.as_bytes())).unwrap()
    };
    let (ann, bob) = (numbered(&authority, 7), numbered(&authority, 8));
    let current = with(&lists(&[authority.revocation_list(&[7, 9], 4000)]));
    assert_eq!(ann.verify(&current), Err("was revoked".to_owned()));
    bob.verify(&current).unwrap();
    // Lists that say nothing about it let nobody in.
    let old = with(&lists(&[authority.revocation_list(&[7], 2025)]));
    let refused = bob.verify(&old).unwrap_err();
    assert!(refused.contains("expired"), "{refused}");
    let foreign = with(&lists(&[
        Authority::new("Other").revocation_list(&[7], 4000)
    ]));
    let refused = bob.verify(&foreign).unwrap_err();
    assert!(refused.contains("covered"), "{refused}");
    // Of the same name, with another key.
    let forged = with(&lists(&[Authority::new("CA").revocation_list(&[], 4000)]));
    ann.verify(&forged).unwrap_err();
}

#[test]
fn trust_needs_what_it_is_made_of() {
    let authority = Authority::new("CA");
    let made = |roots: &[u8], lists: Option<&[u8]>| ClientTrust::from_pem(roots, lists).map(drop);
    let roots = authority.pem.as_bytes();
    let refused = made(b"", None);
    assert!(
        matches!(refused, Err(CertificateError::NotPem { .. })),
        "{refused:?}"
    );
    let refused = made(authority.client("a").key.as_bytes(), None);
    assert!(
        matches!(refused, Err(CertificateError::NoCertificate { .. })),
        "{refused:?}"
    );
    let refused = made(pem("CERTIFICATE", b"0").as_bytes(), None);
    assert!(
        matches!(refused, Err(CertificateError::BadCertificate { .. })),
        "{refused:?}"
    );
    let refused = made(roots, Some(roots));
    assert!(
        matches!(refused, Err(CertificateError::NoRevocationList { .. })),
        "{refused:?}"
    );
    let refused = made(roots, Some(pem("X509 CRL", b"0").as_bytes()));
    assert!(
        matches!(refused, Err(CertificateError::BadRevocationList { .. })),
        "{refused:?}"
    );
}

#[test]
fn replaced_lists_are_in_force_without_a_restart() {
    let authority = Authority::new("CA");
    let folder = TempDir::new().unwrap();
    let [roots, revoked] = ["ca.pem", "revoked.pem"].map(|name| folder.path().join(name));
    fs::write(&roots, &authority.pem).unwrap();
    fs::write(&revoked, lists(&[authority.revocation_list(&[1], 4000)])).unwrap();
    let trust = ClientTrust::from_files(&roots, Some(&revoked)).unwrap();
    let start = Instant::now();
    let look = |seconds| trust.refresh_at(start + Duration::from_secs(seconds));
    let ann = numbered(&authority, 7);
    ann.verify(&trust).unwrap();
    assert_eq!(look(0), Ok(false));

    fs::write(&revoked, lists(&[authority.revocation_list(&[7], 4000)])).unwrap();
    assert_eq!(look(2), Ok(true));
    assert_eq!(ann.verify(&trust), Err("was revoked".to_owned()));
    fs::write(&revoked, "half").unwrap();
    assert_eq!(look(4), Ok(false));
    let error = look(14).unwrap_err();
    assert_eq!(error.file(), Some(revoked.as_path()));
    assert_eq!(look(16), Ok(false));
    assert_eq!(ann.verify(&trust), Err("was revoked".to_owned()));
}

#[test]
fn one_file_may_have_authorities_and_lists() {
    let authority = Authority::new("CA");
    let folder = TempDir::new().unwrap();
    let both = folder.path().join("both.pem");
    let list = lists(&[authority.revocation_list(&[7], 4000)]);
    fs::write(&both, format!("{}{list}", authority.pem)).unwrap();
    let trust = ClientTrust::from_files(&both, Some(&both)).unwrap();
    numbered(&authority, 7).verify(&trust).unwrap_err();
    numbered(&authority, 8).verify(&trust).unwrap();
}

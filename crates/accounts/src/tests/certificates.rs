use super::{House, PEER, WHOLE, name, secret};
use crate::{Account, CertificateMatch, CertificateUse, Denial, Error, LoginError, NewAccount};
use std::time::SystemTime;

const HERS: [u8; 32] = [7; 32];
const OTHER: [u8; 32] = [8; 32];

#[tokio::test]
async fn the_certificate_of_an_account_logs_it_in() {
    let house = House::new().await;
    let ann = by_certificate(&house, "ann", &[by_digest(HERS)]).await;
    assert_eq!(
        login(&house, b"ann", HERS, None).await,
        Outcome::In(ann.clone())
    );
    assert_eq!(login(&house, b"ann", OTHER, None).await, Outcome::Bad);
    assert_eq!(house.kdf_runs(), 0);
    house
        .accounts
        .remove_certificate(&ann.name, &by_digest(HERS))
        .await
        .unwrap();
    assert_eq!(login(&house, b"ann", HERS, None).await, Outcome::Bad);
}

#[tokio::test]
async fn a_password_still_works_beside_a_certificate_that_logs_in() {
    let house = House::new().await;
    let ann = house
        .accounts
        .add(NewAccount {
            password: Some(secret("right")),
            ..by(&[by_digest(HERS)])
        })
        .await
        .unwrap();
    assert_eq!(
        house
            .accounts
            .authenticate(b"ann", &secret("right"), WHOLE, PEER)
            .await
            .unwrap(),
        ann
    );
    assert_eq!(login(&house, b"ann", HERS, None).await, Outcome::In(ann));
}

#[tokio::test]
async fn a_subject_counts_only_where_its_chain_is_trusted_and_only_as_a_whole() {
    let house = House::new().await;
    let mapped = by_subject("CN=ann,OU=staff,O=Example");
    let ann = by_certificate(&house, "ann", &[mapped]).await;
    for subject in [
        "CN=ann,OU=staff,O=Example",
        "cn = ann, 2.5.4.11=\\73taff , o=Example ",
    ] {
        let told = login(&house, b"ann", OTHER, Some(subject)).await;
        assert_eq!(told, Outcome::In(ann.clone()), "{subject}");
    }
    for subject in [
        None,
        Some(""),
        Some("CN=ann"),
        Some("CN=ann,OU=staff"),
        Some("CN=ann,OU=staff,O=Example,C=DE"),
        Some("OU=staff,CN=ann,O=Example"),
        Some("O=Example,OU=staff,CN=ann"),
        Some("CN=Ann,OU=staff,O=Example"),
        Some("CN=ann\\,OU=staff,O=Example"),
        Some("CN=ann\\00,OU=staff,O=Example"),
        Some("CN=ann\\ ,OU=staff,O=Example"),
        Some("CN=ann+OU=staff,O=Example"),
        Some("CN=ann,OU=staff,O=Example,"),
    ] {
        assert_eq!(
            login(&house, b"ann", OTHER, subject).await,
            Outcome::Bad,
            "{subject:?}"
        );
    }
}

#[tokio::test]
async fn only_accounts_that_log_in_by_certificate_enter() {
    let house = House::new().await;
    let ann = by_certificate(&house, "ann", &[by_digest(HERS)]).await;
    for choice in [CertificateUse::Off, CertificateUse::Factor] {
        house
            .accounts
            .set_certificate_use(&ann.name, choice)
            .await
            .unwrap();
        assert_eq!(
            login(&house, b"ann", HERS, None).await,
            Outcome::Bad,
            "{choice}"
        );
    }
    house
        .accounts
        .set_certificate_use(&ann.name, CertificateUse::Login)
        .await
        .unwrap();
    house.accounts.disable(&ann.name).await.unwrap();
    assert_eq!(login(&house, b"ann", HERS, None).await, Outcome::Disabled);
    assert_eq!(login(&house, b"ann", OTHER, None).await, Outcome::Bad);
}

#[tokio::test]
async fn a2_who_asks_for_an_unknown_name_is_told_the_same() {
    let house = House::new().await;
    by_certificate(&house, "ann", &[by_digest(HERS)]).await;
    house.add("keys-only", None).await;
    let mut texts = Vec::new();
    for user in [
        &b"nobody"[..],
        b"",
        b"a/b",
        b"\xff",
        b"anonymous",
        b"keys-only",
        b"Ann",
        b"ann ",
        b"ann",
        b"an_",
        b"' OR '1'='1",
    ] {
        let told = house
            .accounts
            .authenticate_by_certificate(user, &OTHER, Some("CN=ann"), PEER)
            .await;
        let told = told.unwrap_err();
        assert!(
            matches!(told, LoginError::Denied(Denial::BadCredentials)),
            "{told:?}"
        );
        texts.push(told.to_string());
    }
    assert!(texts.windows(2).all(|two| two[0] == two[1]));
}

#[tokio::test]
async fn a9_one_certificate_opens_the_account_that_is_named_if_it_is_known_there() {
    let house = House::new().await;
    let ann = by_certificate(&house, "ann", &[by_digest(HERS)]).await;
    let bob = by_certificate(&house, "bob", &[by_digest(HERS), by_digest(OTHER)]).await;
    assert_eq!(login(&house, b"ann", HERS, None).await, Outcome::In(ann));
    assert_eq!(
        login(&house, b"bob", HERS, None).await,
        Outcome::In(bob.clone())
    );
    assert_eq!(login(&house, b"bob", OTHER, None).await, Outcome::In(bob));
    assert_eq!(login(&house, b"ann", OTHER, None).await, Outcome::Bad);
}

#[tokio::test]
async fn the_second_factor_is_a_certificate_of_the_same_account() {
    let house = House::new().await;
    let ann = by_certificate(&house, "ann", &[by_digest(HERS), by_subject("CN=ann")]).await;
    let bob = by_certificate(&house, "bob", &[by_digest(OTHER)]).await;
    let accounts = &house.accounts;
    accounts
        .set_certificate_use(&ann.name, CertificateUse::Factor)
        .await
        .unwrap();
    for (account, digest, subject, expected) in [
        (ann.id, HERS, None, true),
        (ann.id, OTHER, None, false),
        (ann.id, OTHER, Some("CN=ann"), true),
        (ann.id, OTHER, Some("CN=bob"), false),
        (bob.id, HERS, Some("CN=ann"), false),
        (bob.id, OTHER, None, true),
        (0, HERS, Some("CN=ann"), false),
        (99, HERS, Some("CN=ann"), false),
    ] {
        let told = accounts
            .has_certificate(account, &digest, subject)
            .await
            .unwrap();
        assert_eq!(told, expected, "{account} {digest:?} {subject:?}");
    }
    accounts.remove(&ann.name).await.unwrap();
    assert!(!accounts.has_certificate(ann.id, &HERS, None).await.unwrap());
    let again = by_certificate(&house, "ann", &[]).await;
    assert!(
        !accounts
            .has_certificate(again.id, &HERS, Some("CN=ann"))
            .await
            .unwrap()
    );
}

#[tokio::test]
async fn f26_one_damaged_certificate_refuses_all_of_its_account() {
    for damage in [
        "UPDATE certificate SET certificate = '' WHERE id = 2",
        "UPDATE certificate SET certificate = 'SHA256:' WHERE id = 2",
        "UPDATE certificate SET certificate = lower(certificate) WHERE id = 2",
        "UPDATE certificate SET certificate = substr(certificate, 1, 90) WHERE id = 2",
        "UPDATE certificate SET certificate = 'cn=ann' WHERE id = 2",
        "UPDATE certificate SET certificate = 'CN=' WHERE id = 2",
        "UPDATE certificate SET certificate = 'CN=ann,' WHERE id = 2",
        "UPDATE certificate SET added = -1 WHERE id = 2",
        "UPDATE account SET certificate_use = 'Login'",
        "UPDATE account SET certificate_use = ''",
        "UPDATE account SET permissions = 'fulll'",
        "UPDATE account SET enabled = 2",
    ] {
        let house = House::new().await;
        let ann = by_certificate(&house, "ann", &[by_digest(HERS), by_digest(OTHER)]).await;
        house.damage(damage).await;
        assert_eq!(
            login(&house, b"ann", HERS, Some("CN=ann")).await,
            Outcome::Damaged,
            "{damage}"
        );
        if damage.starts_with("UPDATE certificate") {
            let told = house.accounts.has_certificate(ann.id, &HERS, None).await;
            assert!(
                matches!(told, Err(Error::Damaged { .. })),
                "{damage}: {told:?}"
            );
            let told = house.accounts.certificates(&ann.name).await.unwrap_err();
            assert_eq!(
                told.to_string(),
                "the record of account `ann` is damaged: a certificate"
            );
        }
    }
}

#[tokio::test]
async fn certificates_are_listed_in_order_and_removed_in_whatever_form() {
    let house = House::new().await;
    let subject = by_subject("cn=ann , o=Example");
    let ann = by_certificate(&house, "ann", &[subject.clone(), by_digest(HERS)])
        .await
        .name;
    let accounts = &house.accounts;
    let held = accounts.certificates(&ann).await.unwrap();
    let texts: Vec<String> = held
        .iter()
        .map(|held| held.certificate.to_string())
        .collect();
    assert_eq!(texts[0], "CN=ann,O=Example");
    assert!(texts[1].starts_with("SHA256:07:07:"));
    assert!(held.iter().all(|held| held.added <= SystemTime::now()));
    accounts
        .remove_certificate(&ann, &by_subject("2.5.4.3=ann,O=Example"))
        .await
        .unwrap();
    let told = accounts
        .remove_certificate(&ann, &subject)
        .await
        .unwrap_err();
    assert_eq!(
        told.to_string(),
        "the account `ann` has no certificate `CN=ann,O=Example`"
    );
    assert_eq!(accounts.certificates(&ann).await.unwrap().len(), 1);
}

#[tokio::test]
async fn what_cannot_be_a_certificate_of_the_account_changes_nothing() {
    let house = House::new().await;
    let ann = by_certificate(&house, "ann", &[by_subject("CN=ann")]).await;
    let accounts = &house.accounts;
    let revision = *accounts.watch().borrow();
    let (bob, hers) = (name("bob"), by_digest(HERS));
    for told in [
        accounts.add_certificate(&bob, &hers).await.map(drop),
        accounts.remove_certificate(&bob, &hers).await,
        accounts
            .set_certificate_use(&bob, CertificateUse::Login)
            .await,
        accounts.set_fxp(&bob, true).await,
        accounts.certificates(&bob).await.map(drop),
    ] {
        assert!(matches!(told, Err(Error::UnknownAccount(_))), "{told:?}");
    }
    let again = accounts
        .add_certificate(&ann.name, &by_subject("cn=ann"))
        .await;
    assert!(
        matches!(again, Err(Error::CertificateExists { .. })),
        "{again:?}"
    );
    let missing = accounts.remove_certificate(&ann.name, &hers).await;
    assert!(
        matches!(missing, Err(Error::UnknownCertificate { .. })),
        "{missing:?}"
    );
    let twice = NewAccount {
        certificates: vec![hers.clone(), hers],
        ..NewAccount::new(bob)
    };
    let twice = accounts.add(twice).await;
    assert!(
        matches!(twice, Err(Error::CertificateExists { .. })),
        "{twice:?}"
    );
    assert_eq!(accounts.list().await.unwrap(), [ann]);
    assert_eq!(*house.neighbour().await.watch().borrow(), revision);
}

#[tokio::test]
async fn the_number_of_certificates_has_a_limit() {
    let house = House::new().await;
    let held: Vec<_> = (0..64).map(|at| by_digest([at; 32])).collect();
    let ann = by_certificate(&house, "ann", &held).await.name;
    let told = house
        .accounts
        .add_certificate(&ann, &by_digest([64; 32]))
        .await;
    assert!(
        matches!(told, Err(Error::TooManyCertificates { max: 64 })),
        "{told:?}"
    );
    assert_eq!(house.accounts.certificates(&ann).await.unwrap().len(), 64);
}

/// What the owner of a session learns after another process took the certificate away.
#[tokio::test]
async fn r2_a_certificate_that_is_taken_away_is_gone_for_live_sessions() {
    let house = House::new().await;
    let ann = by_certificate(&house, "ann", &[by_digest(HERS)]).await;
    let mut watch = house.accounts.watch();
    watch.mark_unchanged();
    house
        .neighbour()
        .await
        .remove_certificate(&ann.name, &by_digest(HERS))
        .await
        .unwrap();
    super::watching::next(&mut watch).await;
    let now = house.accounts.current(ann.id).await.unwrap().unwrap();
    assert!(now.revision > ann.revision);
    assert!(
        !house
            .accounts
            .has_certificate(ann.id, &HERS, None)
            .await
            .unwrap()
    );
}

#[derive(Debug, PartialEq)]
enum Outcome {
    In(Account),
    Bad,
    Disabled,
    Damaged,
    Other(String),
}

async fn login(house: &House, user: &[u8], digest: [u8; 32], subject: Option<&str>) -> Outcome {
    match house
        .accounts
        .authenticate_by_certificate(user, &digest, subject, PEER)
        .await
    {
        Ok(account) => Outcome::In(account),
        Err(LoginError::Denied(Denial::BadCredentials)) => Outcome::Bad,
        Err(LoginError::Denied(Denial::Disabled)) => Outcome::Disabled,
        Err(LoginError::Backend(Error::Damaged { .. })) => Outcome::Damaged,
        Err(other) => Outcome::Other(format!("{other:?}")),
    }
}

/// Adds an account without a password that these certificates log in.
async fn by_certificate(house: &House, text: &str, held: &[CertificateMatch]) -> Account {
    let new = NewAccount {
        name: name(text),
        ..by(held)
    };
    house.accounts.add(new).await.unwrap()
}

fn by(held: &[CertificateMatch]) -> NewAccount {
    NewAccount {
        certificate_use: CertificateUse::Login,
        certificates: held.to_vec(),
        ..NewAccount::new(name("ann"))
    }
}

fn by_digest(digest: [u8; 32]) -> CertificateMatch {
    CertificateMatch::Fingerprint(digest)
}

fn by_subject(subject: &str) -> CertificateMatch {
    let certificate = subject.parse().unwrap();
    assert!(matches!(certificate, CertificateMatch::Subject(_)));
    certificate
}

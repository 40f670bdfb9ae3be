//! What stands in the way of every login: the account's time, its networks, its rule.

use super::{House, PEER, WHOLE, name, secret};
use crate::{
    Account, CertificateMatch, CertificateUse, Denial, LoginError, NewAccount, PasswordUse,
};
use std::net::IpAddr;
use std::path::Path;
use std::time::{Duration, SystemTime};

const KEY: &str = include_str!("../../testdata/ed25519.pub");

#[tokio::test]
async fn a8_a_network_is_asked_for_by_every_way_in() {
    let house = House::new().await;
    everybody(&house).await;
    let networks = ["10.0.0.0/8", "2001:db8::/32"].map(|text| text.parse().unwrap());
    house
        .accounts
        .set_networks(&name("ann"), &networks)
        .await
        .unwrap();
    for (peer, expected) in [
        ("10.1.2.3", None),
        ("::ffff:10.1.2.3", None),
        ("2001:db8::1", None),
        ("192.0.2.7", Some(Denial::Network)),
        ("::ffff:192.0.2.7", Some(Denial::Network)),
        ("2001:db9::1", Some(Denial::Network)),
        ("::10.1.2.3", Some(Denial::Network)),
    ] {
        refused_by_all(&house, peer.parse().unwrap(), expected).await;
    }
    house
        .accounts
        .set_networks(&name("ann"), &[])
        .await
        .unwrap();
    refused_by_all(&house, PEER, None).await;
}

#[tokio::test]
async fn a22_an_account_whose_time_is_over_is_out_by_every_way() {
    let house = House::new().await;
    everybody(&house).await;
    let now = SystemTime::now();
    for (expires, expected) in [
        (Some(now + Duration::from_secs(60)), None),
        (Some(now - Duration::from_secs(1)), Some(Denial::Expired)),
        (None, None),
    ] {
        house
            .accounts
            .set_expires(&name("ann"), expires)
            .await
            .unwrap();
        refused_by_all(&house, PEER, expected).await;
    }
    house.accounts.disable(&name("ann")).await.unwrap();
    refused_by_all(&house, PEER, Some(Denial::Disabled)).await;
}

#[test]
fn an_account_ends_at_its_moment() {
    let moment = SystemTime::now();
    let mut account = Account::anonymous("/srv");
    assert!(account.is_active(moment));
    account.expires = Some(moment);
    assert!(account.is_active(moment - Duration::from_secs(1)));
    assert!(!account.is_active(moment) && account.has_expired(moment));
    account.expires = None;
    account.enabled = false;
    assert!(!account.is_active(moment) && !account.has_expired(moment));
}

#[tokio::test]
async fn a14_a_password_alone_is_not_enough_where_the_rule_asks_for_a_key_too() {
    let house = House::new().await;
    house.add("ann", Some("right")).await;
    for (rule, certificate, enough) in [
        ("password", CertificateUse::Off, true),
        ("keyboard-interactive", CertificateUse::Off, true),
        ("password,keyboard-interactive", CertificateUse::Off, true),
        ("keyboard-interactive,password", CertificateUse::Off, true),
        ("publickey password", CertificateUse::Off, true),
        ("publickey", CertificateUse::Off, false),
        ("publickey,password", CertificateUse::Off, false),
        ("publickey,password", CertificateUse::Login, false),
        ("publickey,password", CertificateUse::Factor, true),
        ("password,publickey", CertificateUse::Factor, true),
    ] {
        let ann = name("ann");
        let parsed = rule.parse().unwrap();
        house.accounts.set_login(&ann, Some(&parsed)).await.unwrap();
        house
            .accounts
            .set_certificate_use(&ann, certificate)
            .await
            .unwrap();
        let expected = (!enough).then_some(Denial::Method);
        assert_eq!(by_password(&house, WHOLE, PEER).await, expected, "{rule}");
        assert_eq!(by_password(&house, PasswordUse::Alone, PEER).await, None);
    }
}

#[tokio::test]
async fn what_was_set_is_found_again() {
    let house = House::new().await;
    let made = house
        .accounts
        .add(NewAccount {
            expires: Some(SystemTime::UNIX_EPOCH + Duration::from_secs(2_000_000_000)),
            networks: vec!["10.0.0.0/8".parse().unwrap(), "::1".parse().unwrap()],
            login: Some("publickey,password".parse().unwrap()),
            scp: true,
            authorized_keys: Some("/etc/keys/ann".into()),
            ..NewAccount::new(name("ann"))
        })
        .await
        .unwrap();
    assert_eq!(
        house.accounts.find(&made.name).await.unwrap().as_ref(),
        Some(&made)
    );
    assert_eq!(made.networks.len(), 2);
    assert_eq!(made.login_rule().to_string(), "publickey,password");
    assert!(made.scp && made.authorized_keys.as_deref() == Some(Path::new("/etc/keys/ann")));
    house.accounts.set_login(&made.name, None).await.unwrap();
    house.accounts.set_scp(&made.name, false).await.unwrap();
    house
        .accounts
        .set_authorized_keys(&made.name, None)
        .await
        .unwrap();
    let now = house.accounts.current(made.id).await.unwrap().unwrap();
    assert!(now.login.is_none() && !now.scp && now.authorized_keys.is_none());
    assert_eq!(now.revision, made.revision + 3);
    for wrong in ["keys", "/a/../keys", ""] {
        let set = house
            .accounts
            .set_authorized_keys(&made.name, Some(Path::new(wrong)));
        assert!(matches!(set.await, Err(crate::Error::KeysFile)), "{wrong}");
    }
}

/// Ann, who may come in by everything there is.
async fn everybody(house: &House) {
    let new = NewAccount {
        password: Some(secret("right")),
        keys: vec![KEY.parse().unwrap()],
        certificate_use: CertificateUse::Login,
        certificates: vec![CertificateMatch::Fingerprint([7; 32])],
        ..NewAccount::new(name("ann"))
    };
    house.accounts.add(new).await.unwrap();
}

async fn refused_by_all(house: &House, peer: IpAddr, expected: Option<Denial>) {
    let accounts = &house.accounts;
    for purpose in [WHOLE, PasswordUse::Alone] {
        // Twice: the second time the password is remembered.
        for _ in 0..2 {
            assert_eq!(by_password(house, purpose, peer).await, expected, "{peer}");
        }
    }
    let key: crate::PublicKey = KEY.parse().unwrap();
    let told = accounts.authenticate_by_key(b"ann", key.wire(), peer).await;
    assert_eq!(denial(told.map(|login| login.account)), expected, "{peer}");
    let asked = accounts.key_query(b"ann", key.wire(), peer).await;
    assert_eq!(asked.unwrap(), expected.is_none());
    let told = accounts.authenticate_by_certificate(b"ann", &[7; 32], None, peer);
    assert_eq!(denial(told.await), expected, "{peer}");
    let told = accounts.authenticate_proven(b"ann", peer).await;
    assert_eq!(denial(told), expected, "{peer}");
}

async fn by_password(house: &House, purpose: PasswordUse<'_>, peer: IpAddr) -> Option<Denial> {
    let password = secret("right");
    let told = house
        .accounts
        .authenticate(b"ann", &password, purpose, peer);
    denial(told.await)
}

pub(super) fn denial(told: Result<Account, LoginError>) -> Option<Denial> {
    match told {
        Ok(_) => None,
        Err(LoginError::Denied(denial)) => Some(denial),
        Err(other) => panic!("{other:?}"),
    }
}

use super::{House, PEER, WHOLE, name, secret};
use crate::{
    Account, AccountKey, CertificateMatch, CertificateUse, Error, HomeError, KeyError, NewAccount,
    Permission, PermissionSet, Permissions, TotpSecret,
};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

const ED25519: &str = include_str!("../../testdata/ed25519.pub");
const RSA: &str = include_str!("../../testdata/rsa.pub");

#[tokio::test]
async fn an_account_is_found_as_it_was_made() {
    let house = House::new().await;
    let made = house
        .accounts
        .add(NewAccount {
            name: name("änn"),
            home: Some(odd_path()),
            password: Some(secret("x")),
            permissions: "read-only,/in=upload-only".parse().unwrap(),
            max_sessions: Some(u32::MAX),
            keys: vec![ED25519.parse().unwrap(), RSA.parse().unwrap()],
            ..NewAccount::new(name("änn"))
        })
        .await
        .unwrap();
    assert_eq!(made.home, Some(odd_path()));
    assert_eq!(made.max_sessions, Some(u32::MAX));
    assert!(made.enabled && made.has_password && !made.is_anonymous());
    assert_eq!(made.permissions.at(b"/in/x"), PermissionSet::UPLOAD_ONLY);
    let age = SystemTime::now().duration_since(made.created).unwrap();
    assert!(age < Duration::from_secs(60), "{age:?}");
    assert_eq!(
        house.accounts.find(&made.name).await.unwrap().as_ref(),
        Some(&made)
    );
    assert_eq!(
        house.accounts.current(made.id).await.unwrap().as_ref(),
        Some(&made)
    );
    assert_eq!(house.neighbour().await.list().await.unwrap(), [made]);
    let labels: Vec<String> = keys(&house, "änn")
        .await
        .into_iter()
        .map(|key| key.label)
        .collect();
    assert_eq!(labels, ["ann@example.org"; 2]);
}

#[tokio::test]
async fn the_list_is_by_name() {
    let house = House::new().await;
    for text in ["zoe", "Ann", "bob", "ann"] {
        house.add(text, None).await;
    }
    let names: Vec<String> = house
        .accounts
        .list()
        .await
        .unwrap()
        .iter()
        .map(|account| account.name.to_string())
        .collect();
    assert_eq!(names, ["Ann", "ann", "bob", "zoe"]);
}

#[tokio::test]
async fn every_change_raises_the_revision_of_its_account_only() {
    let house = House::new().await;
    let (bob, mut last) = (
        house.add("bob", None).await,
        house.add("ann", Some("x")).await,
    );
    let ann = name("ann");
    let accounts = &house.accounts;
    macro_rules! changes {
        ($call:expr, $check:expr) => {
            $call.await.unwrap();
            let now = accounts.find(&ann).await.unwrap().unwrap();
            assert!(now.revision > last.revision);
            let check: fn(&Account) -> bool = $check;
            assert!(check(&now), "{now:?}");
            last = now;
        };
    }
    changes!(accounts.disable(&ann), |ann| !ann.enabled);
    changes!(accounts.enable(&ann), |ann| ann.enabled);
    changes!(accounts.remove_password(&ann), |ann| !ann.has_password);
    changes!(accounts.set_password(&ann, &secret("y")), |ann| ann
        .has_password);
    changes!(accounts.set_max_sessions(&ann, Some(1)), |ann| ann
        .max_sessions
        == Some(1));
    changes!(accounts.set_max_sessions(&ann, None), |ann| ann
        .max_sessions
        .is_none());
    changes!(accounts.set_home(&ann, Some(&odd_path())), |ann| ann.home
        == Some(odd_path()));
    changes!(accounts.set_home(&ann, None), |ann| ann.home.is_none());
    let read_only = Permissions::everywhere(PermissionSet::READ_ONLY);
    changes!(accounts.set_permissions(&ann, &read_only), |ann| !ann
        .permissions
        .at(b"/x")
        .contains(Permission::Create));
    changes!(accounts.add_key(&ann, ED25519, None), |_| true);
    let fingerprint = keys(&house, "ann").await[0].key.fingerprint();
    changes!(accounts.remove_key(&ann, &fingerprint), |_| true);
    changes!(accounts.set_fxp(&ann, true), |ann| ann.fxp);
    changes!(accounts.set_fxp(&ann, false), |ann| !ann.fxp);
    for choice in [CertificateUse::Factor, CertificateUse::Login] {
        changes!(accounts.set_certificate_use(&ann, choice), |ann| ann
            .certificate_use
            != CertificateUse::Off);
    }
    changes!(
        accounts.set_certificate_use(&ann, CertificateUse::Off),
        |ann| { ann.certificate_use == CertificateUse::Off }
    );
    let certificate = CertificateMatch::Fingerprint([7; 32]);
    changes!(accounts.add_certificate(&ann, &certificate), |_| true);
    changes!(accounts.remove_certificate(&ann, &certificate), |_| true);
    assert_eq!(accounts.current(bob.id).await.unwrap(), Some(bob));
    assert!(last.revision >= 19);
}

#[tokio::test]
async fn what_cannot_be_changed_changes_nothing() {
    let house = House::new().await;
    let accounts = &house.accounts;
    house.add("ann", Some("x")).await;
    let revision = *accounts.watch().borrow();
    let (ann, bob) = (name("ann"), name("bob"));
    let new = |text| NewAccount::new(name(text));
    assert!(matches!(
        accounts.add(new("ann")).await,
        Err(Error::AccountExists(_))
    ));
    let relative = NewAccount {
        home: Some("a".into()),
        ..new("bob")
    };
    assert!(matches!(
        accounts.add(relative).await,
        Err(Error::Home(HomeError::Relative))
    ));
    let twice = NewAccount {
        keys: vec![ED25519.parse().unwrap(); 2],
        ..new("bob")
    };
    assert!(matches!(
        accounts.add(twice).await,
        Err(Error::KeyExists { .. })
    ));
    let none = NewAccount {
        max_sessions: Some(0),
        ..new("bob")
    };
    assert!(matches!(accounts.add(none).await, Err(Error::NoSessions)));
    assert!(matches!(
        accounts.remove(&bob).await,
        Err(Error::UnknownAccount(_))
    ));
    assert!(matches!(
        accounts.disable(&bob).await,
        Err(Error::UnknownAccount(_))
    ));
    assert!(matches!(
        accounts.keys(&bob).await,
        Err(Error::UnknownAccount(_))
    ));
    assert!(matches!(
        accounts.set_password(&bob, &secret("x")).await,
        Err(Error::UnknownAccount(_))
    ));
    assert!(matches!(
        accounts.set_max_sessions(&ann, Some(0)).await,
        Err(Error::NoSessions)
    ));
    for (home, error) in [
        ("", HomeError::Relative),
        ("a/b", HomeError::Relative),
        ("/a/../b", HomeError::Parent),
        ("/a\0", HomeError::Nul),
        (&"/x".repeat(2049), HomeError::TooLong),
    ] {
        let told = accounts.set_home(&ann, Some(Path::new(home))).await;
        assert!(
            matches!(told, Err(Error::Home(told)) if told == error),
            "{home}"
        );
    }
    assert_eq!(accounts.list().await.unwrap().len(), 1);
    assert_eq!(*house.neighbour().await.watch().borrow(), revision);
}

#[tokio::test]
async fn a_removed_account_takes_its_keys_along_and_its_id_is_never_given_again() {
    let house = House::new().await;
    let before = house.add("ann", Some("x")).await;
    house
        .accounts
        .add_key(&before.name, ED25519, None)
        .await
        .unwrap();
    house.accounts.remove(&before.name).await.unwrap();
    assert_eq!(house.accounts.current(before.id).await.unwrap(), None);
    let after = house.add("ann", Some("x")).await;
    assert!(after.id > before.id && after.revision > before.revision);
    assert_eq!(keys(&house, "ann").await, []);
}

#[tokio::test]
async fn keys_are_kept_with_their_labels_and_removed_by_fingerprint() {
    let house = House::new().await;
    let ann = house.add("ann", None).await.name;
    let accounts = &house.accounts;
    let work = accounts.add_key(&ann, ED25519, Some("work")).await.unwrap();
    let home = accounts.add_key(&ann, RSA, None).await.unwrap();
    assert_eq!(keys(&house, "ann").await, [work.clone(), home.clone()]);
    assert_eq!((&*work.label, &*home.label), ("work", "ann@example.org"));
    assert!(matches!(
        accounts.add_key(&ann, ED25519, None).await,
        Err(Error::KeyExists { .. })
    ));
    let private = "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA";
    assert!(matches!(
        accounts.add_key(&ann, private, None).await,
        Err(Error::Key(KeyError::Private))
    ));
    let fingerprint = work.key.fingerprint();
    let missing = accounts
        .remove_key(&ann, "SHA256:x\u{1b}")
        .await
        .unwrap_err();
    assert_eq!(
        missing.to_string(),
        "the account `ann` has no key `SHA256:x\\u{1b}`"
    );
    accounts
        .remove_key(&ann, fingerprint.strip_prefix("SHA256:").unwrap())
        .await
        .unwrap();
    accounts
        .remove_key(&ann, &home.key.fingerprint())
        .await
        .unwrap();
    assert_eq!(keys(&house, "ann").await, []);
}

#[tokio::test]
async fn the_number_of_keys_has_a_limit() {
    let house = House::new().await;
    let ann = house.add("ann", None).await.name;
    house
        .sql(
            "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 64) \
             INSERT INTO public_key (account, wire, fingerprint, label, added) SELECT 1, x'00', n, '', 0 FROM n",
        )
        .await;
    let told = house.accounts.add_key(&ann, ED25519, None).await;
    assert!(
        matches!(told, Err(Error::TooManyKeys { max: 64 })),
        "{told:?}"
    );
    let damaged = house.accounts.keys(&ann).await.unwrap_err();
    assert_eq!(
        damaged.to_string(),
        "the record of account `ann` is damaged: a public key"
    );
}

#[tokio::test]
async fn every_future_can_move_between_threads() {
    fn assert_send(_: impl Send) {}
    let house = House::new().await;
    let (accounts, ann) = (&house.accounts, name("ann"));
    assert_send(accounts.add(NewAccount::new(name("ann"))));
    assert_send(accounts.remove(&ann));
    assert_send(accounts.set_permissions(&ann, &Permissions::everywhere(PermissionSet::NONE)));
    assert_send(accounts.set_password(&ann, &secret("x")));
    assert_send(accounts.set_home(&ann, None));
    assert_send(accounts.add_key(&ann, ED25519, None));
    assert_send(accounts.remove_key(&ann, "x"));
    assert_send(accounts.keys(&ann));
    assert_send(accounts.list());
    assert_send(accounts.authenticate(b"ann", &secret("x"), WHOLE, PEER));
    assert_send(accounts.set_certificate_use(&ann, CertificateUse::Login));
    assert_send(accounts.set_fxp(&ann, true));
    assert_send(accounts.certificates(&ann));
    let certificate = CertificateMatch::Fingerprint([7; 32]);
    assert_send(accounts.add_certificate(&ann, &certificate));
    assert_send(accounts.remove_certificate(&ann, &certificate));
    assert_send(accounts.has_certificate(1, &[7; 32], None));
    assert_send(accounts.authenticate_by_certificate(b"ann", &[7; 32], None, PEER));
    assert_send(accounts.verify_code(1, &secret("123456")));
    assert_send(accounts.key_query(b"ann", &[], PEER));
    assert_send(accounts.has_key(1, &[], PEER));
    assert_send(accounts.certificate_authority_for(b"ann", &[], PEER));
    assert_send(accounts.has_authority(1, &[], PEER));
    assert_send(accounts.authenticate_proven(b"ann", PEER));
    let codes = TotpSecret::generate().unwrap();
    assert_send(accounts.enrol_totp(&ann, &codes, None));
    assert_send(accounts.remove_totp(&ann));
}

#[test]
fn the_anonymous_account_reads_and_cannot_be_confused() {
    let anonymous = Account::anonymous("/srv/public");
    assert!(anonymous.is_anonymous() && anonymous.enabled && !anonymous.has_password);
    assert!(anonymous.certificate_use == CertificateUse::Off && !anonymous.fxp);
    assert_eq!(anonymous.permissions.at(b"/x"), PermissionSet::READ_ONLY);
    assert_eq!(anonymous.name.as_str(), "anonymous");
    assert!("anonymous".parse::<crate::AccountName>().is_err());
}

async fn keys(house: &House, text: &str) -> Vec<AccountKey> {
    house.accounts.keys(&name(text)).await.unwrap()
}

/// A path that is not UTF-8.
fn odd_path() -> PathBuf {
    PathBuf::from(OsStr::from_bytes(b"/srv/\xff,= x"))
}

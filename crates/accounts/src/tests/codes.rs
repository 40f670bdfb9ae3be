//! One-time codes.

use super::limits::denial;
use super::{House, PEER, WHOLE, name, secret};
use crate::{
    CertificateMatch, CertificateUse, Denial, Error, NewAccount, PasswordUse, RecoveryCodes,
    TotpSecret,
};
use secrecy::ExposeSecret;
use std::time::{Duration, SystemTime};
use tokio::task::JoinSet;

#[tokio::test]
async fn a14_of_a_hundred_who_send_one_code_one_gets_in() {
    let (house, id, secret_of_codes, recovery) = enrolled().await;
    let now = SystemTime::now();
    let code = secret_of_codes.code_at(now);
    for code in [code, recovery[0].expose_secret().to_owned()] {
        let mut tries = JoinSet::new();
        // Half of them in what is another process.
        let others = house.neighbour().await;
        for number in 0..100 {
            let accounts = if number % 2 == 0 {
                &house.accounts
            } else {
                &others
            };
            let (accounts, code) = (accounts.clone(), secret(&code));
            tries.spawn(async move { accounts.verify_code_at(id, &code, now).await.unwrap() });
        }
        let mut right = 0;
        while let Some(told) = tries.join_next().await {
            right += u32::from(told.unwrap());
        }
        assert_eq!(right, 1, "{code}");
        house
            .sql("UPDATE totp SET refused_until = 0, failures = 0")
            .await;
    }
    assert_eq!(house.accounts.recovery_codes_left(id).await.unwrap(), 9);
}

#[tokio::test]
async fn a14_no_code_older_than_the_last_one_is_taken() {
    let (house, id, codes, _) = enrolled().await;
    let now = SystemTime::now();
    let check = |at: SystemTime| {
        let (accounts, code) = (house.accounts.clone(), secret(&codes.code_at(at)));
        async move { accounts.verify_code_at(id, &code, now).await.unwrap() }
    };
    let step = TotpSecret::STEP;
    assert!(!check(now - step * 2).await && !check(now + step * 2).await);
    assert!(check(now).await);
    assert!(!check(now).await && !check(now - step).await);
    assert!(check(now + step).await);
    assert!(!check(now).await);
}

#[tokio::test]
async fn a14_guessing_is_bounded_and_a_recovery_code_still_works() {
    let (house, id, codes, recovery) = enrolled().await;
    let start = SystemTime::now();
    let check = |code: String, after: u64| {
        let (accounts, at) = (house.accounts.clone(), start + Duration::from_secs(after));
        async move {
            accounts
                .verify_code_at(id, &secret(&code), at)
                .await
                .unwrap()
        }
    };
    let right = |after: u64| codes.code_at(start + Duration::from_secs(after));
    // Nine wrong ones an hour never come to ten.
    for hour in 0..3 {
        for _ in 0..9 {
            assert!(!check("no code".to_owned(), hour * 3600).await);
        }
    }
    assert!(check(right(7300), 7300).await, "the right one begins anew");
    for guess in 0..10 {
        assert!(!check(format!("x{guess}"), 8000).await);
    }
    assert!(!check(right(8000), 8000).await, "not looked at any more");
    assert!(!check(right(8000 + 3599), 8000 + 3599).await);
    assert!(check(recovery[3].expose_secret().to_owned(), 8000).await);
    assert!(check(right(8000 + 3600), 8000 + 3600).await);
}

#[tokio::test]
async fn a14_ftp_takes_the_password_with_the_code_behind_it() {
    let (house, id, codes, recovery) = enrolled().await;
    let login = async |sent: String, purpose| {
        let sent = secret(&sent);
        let told = house.accounts.authenticate(b"ann", &sent, purpose, PEER);
        denial(told.await)
    };
    let code = codes.code_at(SystemTime::now());
    for wrong in ["right", "right ", "right+", "right1"] {
        let told = login(wrong.to_owned(), WHOLE).await;
        assert!(
            matches!(told, Some(Denial::Code | Denial::BadCredentials)),
            "{wrong}"
        );
    }
    assert_eq!(login("right".to_owned(), WHOLE).await, Some(Denial::Code));
    assert_eq!(
        login(format!("wrong{code}"), WHOLE).await,
        Some(Denial::BadCredentials)
    );
    assert_eq!(
        login(format!("right+{code}"), WHOLE).await,
        Some(Denial::BadCredentials)
    );
    assert_eq!(
        login(format!("right{code}"), WHOLE).await,
        None,
        "a wrong password spends no code"
    );
    assert_eq!(
        login(format!("right{code}"), WHOLE).await,
        Some(Denial::Code)
    );
    let lost = recovery[0].expose_secret();
    assert_eq!(
        login(format!("right{lost}"), WHOLE).await,
        Some(Denial::BadCredentials)
    );
    assert_eq!(login(format!("right+{lost}"), WHOLE).await, None);
    assert_eq!(
        login(format!("right+{lost}"), WHOLE).await,
        Some(Denial::Code)
    );
    // A step of SSH, which asks for the code on its own.
    assert_eq!(login("right".to_owned(), PasswordUse::Alone).await, None);
    assert_eq!(
        login(format!("right{code}"), PasswordUse::Alone).await,
        Some(Denial::BadCredentials)
    );
    house.accounts.remove_totp(&name("ann")).await.unwrap();
    assert_eq!(login("right".to_owned(), WHOLE).await, None);
    assert!(
        !house
            .accounts
            .verify_code(id, &secret(&code))
            .await
            .unwrap()
    );
    assert_eq!(house.accounts.recovery_codes_left(id).await.unwrap(), 0);
}

#[tokio::test]
async fn a14_a_code_that_was_asked_for_beside_the_password_counts() {
    let (house, _, codes, recovery) = enrolled().await;
    house.add("bob", Some("right")).await;
    let login = async |user: &[u8], password: &str, code: &str| {
        let (password, code) = (secret(password), secret(code));
        let beside = PasswordUse::Beside(&code);
        let told = house.accounts.authenticate(user, &password, beside, PEER);
        denial(told.await)
    };
    let code = codes.code_at(SystemTime::now());
    let bad = Some(Denial::BadCredentials);
    assert_eq!(login(b"ann", "wrong", &code).await, bad);
    assert_eq!(login(b"nobody", "right", &code).await, bad);
    assert_eq!(login(b"ann", "right", "").await, Some(Denial::Code));
    assert_eq!(login(b"ann", "right", &code).await, None);
    assert_eq!(login(b"ann", "right", &code).await, Some(Denial::Code));
    let lost = recovery[9].expose_secret();
    assert_eq!(login(b"ann", "right", lost).await, None);
    for any in ["", "123456", "x"] {
        assert_eq!(login(b"bob", "right", any).await, None, "bob has no codes");
    }
    // The rule is followed by the front-end, of which this is one step.
    let rule = "publickey,keyboard-interactive".parse().unwrap();
    house
        .accounts
        .set_login(&name("bob"), Some(&rule))
        .await
        .unwrap();
    assert_eq!(login(b"bob", "right", "").await, None);
}

#[tokio::test]
async fn a14_a_client_certificate_is_no_way_round_the_code() {
    let house = House::new().await;
    let new = NewAccount {
        certificate_use: CertificateUse::Login,
        certificates: vec![CertificateMatch::Fingerprint([7; 32])],
        ..NewAccount::new(name("ann"))
    };
    house.accounts.add(new).await.unwrap();
    let login = async || {
        let told = house
            .accounts
            .authenticate_by_certificate(b"ann", &[7; 32], None, PEER);
        denial(told.await)
    };
    assert_eq!(login().await, None);
    let codes = TotpSecret::generate().unwrap();
    house
        .accounts
        .enrol_totp(&name("ann"), &codes, None)
        .await
        .unwrap();
    assert_eq!(login().await, Some(Denial::Code));
}

#[tokio::test]
async fn a14_codes_that_are_given_while_the_password_is_checked_count() {
    let house = House::with(super::forgetful()).await;
    house.add("ann", Some("right")).await;
    let busy = house.accounts.0.kdf.occupy().await;
    let accounts = house.accounts.clone();
    let login = tokio::spawn(async move {
        let password = secret("right");
        let told = accounts.authenticate(b"ann", &password, WHOLE, PEER);
        denial(told.await)
    });
    super::queued(&house).await;
    let codes = TotpSecret::generate().unwrap();
    house
        .neighbour()
        .await
        .enrol_totp(&name("ann"), &codes, None)
        .await
        .unwrap();
    drop(busy);
    assert_eq!(login.await.unwrap(), Some(Denial::Code));
}

#[tokio::test]
async fn enrolling_is_confirmed_once_and_raises_the_revision() {
    let house = House::new().await;
    let ann = house.add("ann", Some("right")).await;
    let codes = TotpSecret::generate().unwrap();
    let enrol = |code: Option<String>| {
        let (accounts, ann, code) = (&house.accounts, &ann.name, code.map(|code| secret(&code)));
        let codes = &codes;
        async move { accounts.enrol_totp(ann, codes, code.as_ref()).await }
    };
    for wrong in ["", "12345", "abcdef"] {
        assert!(
            matches!(enrol(Some(wrong.to_owned())).await, Err(Error::WrongCode)),
            "{wrong}"
        );
    }
    assert!(
        !house
            .accounts
            .current(ann.id)
            .await
            .unwrap()
            .unwrap()
            .has_totp
    );
    let code = codes.code_at(SystemTime::now());
    assert_eq!(enrol(Some(format!(" {code}\n"))).await.unwrap().len(), 10);
    let now = house.accounts.current(ann.id).await.unwrap().unwrap();
    assert!(now.has_totp && now.revision > ann.revision);
    assert_eq!(
        now.login_rule().to_string(),
        "publickey,keyboard-interactive keyboard-interactive"
    );
    assert!(
        !house
            .accounts
            .verify_code(ann.id, &secret(&code))
            .await
            .unwrap(),
        "used up"
    );
    assert!(matches!(enrol(None).await, Err(Error::TotpExists(_))));
    house.accounts.remove_totp(&ann.name).await.unwrap();
    let again = house.accounts.remove_totp(&ann.name).await;
    assert!(matches!(again, Err(Error::NoTotp(_))));
    let nobody = house.accounts.enrol_totp(&name("bob"), &codes, None).await;
    assert!(matches!(nobody, Err(Error::UnknownAccount(_))));
    // What is left of an account that is removed is nothing.
    enrol(None).await.unwrap();
    house.accounts.remove(&ann.name).await.unwrap();
    assert_eq!(house.accounts.recovery_codes_left(ann.id).await.unwrap(), 0);
}

#[tokio::test]
async fn f26_a_damaged_secret_lets_nobody_in() {
    let (house, id, codes, _) = enrolled().await;
    house.damage("UPDATE totp SET secret = x'00'").await;
    let code = secret(&codes.code_at(SystemTime::now()));
    let told = house.accounts.verify_code(id, &code).await;
    assert!(matches!(told, Err(Error::Damaged { .. })), "{told:?}");
}

/// Ann, who has the password `right` and codes.
async fn enrolled() -> (House, i64, TotpSecret, RecoveryCodes) {
    let house = House::new().await;
    let ann = house.add("ann", Some("right")).await;
    let codes = TotpSecret::generate().unwrap();
    let recovery = house
        .accounts
        .enrol_totp(&ann.name, &codes, None)
        .await
        .unwrap();
    (house, ann.id, codes, recovery)
}

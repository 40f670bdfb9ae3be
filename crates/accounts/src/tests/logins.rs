use super::{House, PEER, WHOLE, cheap, forgetful, name, queued, secret};
use crate::{Account, Denial, Error, KdfCost, LoginError, MAX_PASSWORD, NewAccount, Options};
use secrecy::SecretSlice;
use std::collections::HashSet;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

#[tokio::test]
async fn the_right_password_gives_the_account() {
    let house = House::new().await;
    let ann = house.add("ann", Some("pässword")).await;
    assert_eq!(login(&house, b"ann", "pässword").await, Outcome::In(ann));
}

#[tokio::test]
async fn a1_every_refusal_costs_one_run_of_the_same_hash() {
    let house = House::with(forgetful()).await;
    house.add("ann", Some("right")).await;
    house.add("keys-only", None).await;
    house.add("off", Some("right")).await;
    house.accounts.disable(&name("off")).await.unwrap();
    house.add("emptied", Some("right")).await;
    house
        .sql("UPDATE account SET password = '' WHERE name = 'emptied'")
        .await;
    for (user, password, expected) in [
        (&b"ann"[..], "wrong", Outcome::Bad),
        (b"nobody", "right", Outcome::Bad),
        (b"Ann", "right", Outcome::Bad),
        (b"keys-only", "right", Outcome::Bad),
        (b"emptied", "right", Outcome::Bad),
        (b"off", "wrong", Outcome::Bad),
        (b"off", "right", Outcome::Disabled),
        (b"", "right", Outcome::Bad),
        (b"a/b", "right", Outcome::Bad),
        (b"\xff\xfe", "right", Outcome::Bad),
        (&[b'x'; 4096], "right", Outcome::Bad),
        (b"anonymous", "right", Outcome::Bad),
    ] {
        let before = house.kdf_runs();
        assert_eq!(login(&house, user, password).await, expected, "{user:?}");
        assert_eq!(house.kdf_runs() - before, 1, "{user:?}");
    }
}

/// Mann-Whitney's U over the times of existing and missing accounts, taken in turn.
/// 4.5 standard deviations: seven false alarms in a million.
#[tokio::test]
async fn a1_the_time_does_not_tell_whether_an_account_exists() {
    const ROUNDS: usize = 200;
    let cost = KdfCost {
        memory_kib: 256,
        passes: 1,
        lanes: 1,
    };
    let step = Duration::from_millis(4);
    let house = House::with(Options {
        kdf: cost,
        refusal_step: step,
        ..cheap()
    })
    .await;
    house.add("ann", Some("right")).await;
    let mut times: Vec<(Duration, bool)> = Vec::new();
    for round in 0..ROUNDS * 2 {
        // Every second pair in the other order, so that neither always follows the other.
        let exists = (round % 2 == 0) == (round / 2 % 2 == 0);
        let start = Instant::now();
        let user: &[u8] = if exists { b"ann" } else { b"bob" };
        assert_eq!(login(&house, user, "wrong").await, Outcome::Bad);
        times.push((start.elapsed(), exists));
        assert!(start.elapsed() >= step);
    }
    let deviations = deviations(times);
    assert!(
        deviations.abs() < 4.5,
        "{deviations} standard deviations apart"
    );
}

/// How many standard deviations the times of one half are from where chance has them.
pub(super) fn deviations(mut times: Vec<(Duration, bool)>) -> f64 {
    times.sort();
    let ranks = times
        .iter()
        .enumerate()
        .filter(|(_, (_, exists))| *exists)
        .map(|(rank, _)| rank + 1);
    let (n, sum) = ((times.len() / 2) as f64, ranks.sum::<usize>() as f64);
    let u = sum - n * (n + 1.0) / 2.0;
    (u - n * n / 2.0) / (n * n * (2.0 * n + 1.0) / 12.0).sqrt()
}

#[tokio::test]
async fn a2_every_refusal_reads_the_same() {
    let denials = [
        Denial::BadCredentials,
        Denial::Disabled,
        Denial::Expired,
        Denial::Network,
        Denial::Key,
        Denial::Code,
        Denial::Method,
    ];
    let texts = denials.map(|denial| LoginError::Denied(denial).to_string());
    assert!(texts.iter().all(|text| *text == texts[0]));
    let for_the_log: HashSet<String> = denials.map(|denial| denial.to_string()).into();
    assert_eq!(for_the_log.len(), denials.len());
}

#[tokio::test]
async fn a4_a_long_password_is_refused_without_hashing_it() {
    let house = House::new().await;
    let longest = "x".repeat(MAX_PASSWORD);
    let ann = house.add("ann", Some(&longest)).await;
    for length in [MAX_PASSWORD + 1, 1 << 20] {
        for user in [&b"ann"[..], b"nobody"] {
            assert_eq!(login(&house, user, &"x".repeat(length)).await, Outcome::Bad);
        }
    }
    assert_eq!(house.kdf_runs(), 0);
    assert_eq!(login(&house, b"ann", &longest).await, Outcome::In(ann));
    let too_long = NewAccount {
        password: Some(secret(&"x".repeat(1025))),
        ..NewAccount::new(name("bob"))
    };
    assert!(matches!(
        house.accounts.add(too_long).await,
        Err(Error::Password(_))
    ));
}

#[tokio::test]
async fn a4_of_many_logins_a_bounded_number_waits_and_the_rest_is_told_at_once() {
    const LOGINS: usize = 100;
    let house = House::with(forgetful()).await;
    house.add("ann", Some("right")).await;
    let busy = house.accounts.0.kdf.occupy().await;
    let mut logins = JoinSet::new();
    for _ in 0..LOGINS {
        let accounts = house.accounts.clone();
        logins.spawn(async move {
            accounts
                .authenticate(b"ann", &secret("right"), WHOLE, PEER)
                .await
        });
    }
    let waiting = cheap().login_queue;
    for _ in 0..LOGINS - waiting {
        let told = logins.join_next().await.unwrap().unwrap();
        assert!(matches!(told, Err(LoginError::Busy)), "{told:?}");
    }
    assert!(logins.try_join_next().is_none());
    drop(busy);
    while let Some(told) = logins.join_next().await {
        assert!(told.unwrap().is_ok());
    }
    assert_eq!(house.kdf_runs(), waiting as u64);
}

#[tokio::test]
async fn a5_nothing_empty_logs_in() {
    let house = House::new().await;
    house.add("ann", Some("right")).await;
    house.add("keys-only", None).await;
    house.add("emptied", Some("right")).await;
    house
        .sql("UPDATE account SET password = '' WHERE name = 'emptied'")
        .await;
    for user in [&b"ann"[..], b"keys-only", b"emptied", b"", b"nobody"] {
        assert_eq!(login(&house, user, "").await, Outcome::Bad, "{user:?}");
    }
    assert_eq!(house.kdf_runs(), 0, "an empty password is refused first");
    assert_eq!(login(&house, b"", "right").await, Outcome::Bad);
    assert!(
        !house
            .accounts
            .find(&name("emptied"))
            .await
            .unwrap()
            .unwrap()
            .has_password
    );
    let empty = NewAccount {
        password: Some(secret("")),
        ..NewAccount::new(name("bob"))
    };
    assert!(matches!(
        house.accounts.add(empty).await,
        Err(Error::Password(_))
    ));
    assert!(
        house
            .accounts
            .set_password(&name("ann"), &secret(""))
            .await
            .is_err()
    );
}

#[tokio::test]
async fn a9_a_password_opens_the_account_it_was_checked_for_and_no_other() {
    let house = House::new().await;
    let ann = house.add("ann", Some("of ann")).await;
    house.add("bob", Some("of bob")).await;
    assert_eq!(login(&house, b"ann", "of ann").await, Outcome::In(ann));
    assert_eq!(login(&house, b"bob", "of ann").await, Outcome::Bad);
    assert_eq!(login(&house, b"ann", "of bob").await, Outcome::Bad);
}

#[tokio::test]
async fn a13_a_name_is_data() {
    let house = House::new().await;
    house.add("ann", Some("right")).await;
    house.add("x';--", Some("other")).await;
    let before = house.accounts.list().await.unwrap();
    for user in [
        "' OR '1'='1",
        "x';--",
        "%{env}'",
        "'; DROP TABLE account; --",
        "ann'--",
        "a%",
        "an_",
        "?1",
    ] {
        assert_eq!(
            login(&house, user.as_bytes(), "right").await,
            Outcome::Bad,
            "{user}"
        );
    }
    assert_eq!(house.accounts.list().await.unwrap(), before);
    assert!(matches!(
        login(&house, b"x';--", "other").await,
        Outcome::In(_)
    ));
}

#[tokio::test]
async fn a_hash_of_another_cost_is_replaced_at_the_login() {
    let house = House::new().await;
    let before = house.add("ann", Some("right")).await;
    let costlier = Options {
        kdf: KdfCost {
            memory_kib: 16,
            ..KdfCost::MINIMUM
        },
        ..cheap()
    };
    let later = crate::Accounts::open(&house.file(), costlier)
        .await
        .unwrap();
    let after = later
        .authenticate(b"ann", &secret("right"), WHOLE, PEER)
        .await
        .unwrap();
    assert_eq!(after, before, "it is no change of the account");
    let hash: String = sqlx::query_scalar("SELECT password FROM account")
        .fetch_one(&later.0.pool)
        .await
        .unwrap();
    assert!(hash.starts_with("$argon2id$v=19$m=16,t=1,p=1$"), "{hash}");
    later
        .authenticate(b"ann", &secret("right"), WHOLE, PEER)
        .await
        .unwrap();
    assert_eq!(later.0.kdf.runs(), 1, "the new hash is remembered");
}

#[tokio::test]
async fn what_changes_while_the_password_is_checked_counts() {
    for (change, expected) in [
        (
            "UPDATE account SET enabled = 0, revision = revision + 1",
            Outcome::Disabled,
        ),
        ("UPDATE account SET enabled = 0", Outcome::Disabled),
        (
            "UPDATE account SET password = 'x', revision = revision + 1",
            Outcome::Bad,
        ),
        ("DELETE FROM account", Outcome::Bad),
    ] {
        let house = House::with(forgetful()).await;
        house.add("ann", Some("right")).await;
        let busy = house.accounts.0.kdf.occupy().await;
        let accounts = house.accounts.clone();
        let login = tokio::spawn(async move {
            accounts
                .authenticate(b"ann", &secret("right"), WHOLE, PEER)
                .await
        });
        queued(&house).await;
        house.sql(change).await;
        drop(busy);
        assert_eq!(outcome(login.await.unwrap()), expected, "{change}");
    }
}

#[tokio::test]
async fn f26_a_damaged_record_logs_nobody_in() {
    for damage in [
        "UPDATE account SET permissions = 'fulll'",
        "UPDATE account SET permissions = ''",
        "UPDATE account SET permissions = 'full,/a/../b=none'",
        "UPDATE account SET home = x'2e2e'",
        "UPDATE account SET home = x'2f2e2e2f'",
        "UPDATE account SET home = x''",
        "UPDATE account SET password = 'plain'",
        "UPDATE account SET password = substr(password, 1, 40)",
        "UPDATE account SET password = replace(password, 'm=8', 'm=4000000000')",
        "UPDATE account SET created = -1",
        "UPDATE account SET enabled = 2",
        "UPDATE account SET fxp = 2",
        "UPDATE account SET scp = 2",
        "UPDATE account SET expires = -1",
        "UPDATE account SET networks = '10.0.0.0'||'/8,'",
        "UPDATE account SET networks = 'any'",
        "UPDATE account SET login = ''",
        "UPDATE account SET login = 'none'",
        "UPDATE account SET authorized_keys = x'61'",
        "UPDATE account SET certificate_use = 'Off'",
        "UPDATE account SET certificate_use = ''",
    ] {
        let house = House::new().await;
        house.add("ann", Some("right")).await;
        house.damage(damage).await;
        assert_eq!(
            login(&house, b"ann", "right").await,
            Outcome::Damaged,
            "{damage}"
        );
    }
}

#[derive(Debug, PartialEq)]
enum Outcome {
    In(Account),
    Bad,
    Disabled,
    Damaged,
    Other(String),
}

async fn login(house: &House, user: &[u8], password: &str) -> Outcome {
    let password: SecretSlice<u8> = secret(password);
    outcome(
        house
            .accounts
            .authenticate(user, &password, WHOLE, PEER)
            .await,
    )
}

fn outcome(told: Result<Account, LoginError>) -> Outcome {
    match told {
        Ok(account) => Outcome::In(account),
        Err(LoginError::Denied(Denial::BadCredentials)) => Outcome::Bad,
        Err(LoginError::Denied(Denial::Disabled)) => Outcome::Disabled,
        Err(LoginError::Backend(Error::Damaged { .. })) => Outcome::Damaged,
        Err(other) => Outcome::Other(format!("{other:?}")),
    }
}

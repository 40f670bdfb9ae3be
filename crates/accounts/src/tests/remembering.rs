use super::{House, PEER, WHOLE, cheap, forgetful, name, queued, secret};
use crate::password::Subject;
use crate::{Denial, LoginError, Options};
use std::time::Instant;
use tokio::task::JoinSet;

#[tokio::test]
async fn a_verified_password_is_known_until_the_account_changes() {
    let house = House::new().await;
    let ann = name("ann");
    house.add("ann", Some("right")).await;
    assert_eq!(runs_of_login(&house, "right").await, (true, 1));
    assert_eq!(runs_of_login(&house, "right").await, (true, 0));
    assert_eq!(runs_of_login(&house, "wrong").await, (false, 1));
    assert_eq!(runs_of_login(&house, "right").await, (true, 0));
    house
        .accounts
        .set_max_sessions(&ann, Some(3))
        .await
        .unwrap();
    assert_eq!(runs_of_login(&house, "right").await, (true, 1));
    house.neighbour().await.set_home(&ann, None).await.unwrap();
    assert_eq!(runs_of_login(&house, "right").await, (true, 1));
    house
        .accounts
        .set_password(&ann, &secret("new"))
        .await
        .unwrap();
    assert_eq!(runs_of_login(&house, "right").await, (false, 1));
    assert_eq!(runs_of_login(&house, "new").await, (true, 1));
    house.accounts.disable(&ann).await.unwrap();
    assert_eq!(runs_of_login(&house, "new").await, (false, 1));
    house.accounts.enable(&ann).await.unwrap();
    assert_eq!(runs_of_login(&house, "new").await, (true, 1));
    house.accounts.remove(&ann).await.unwrap();
    assert_eq!(runs_of_login(&house, "new").await, (false, 1));
    house.add("ann", Some("other")).await;
    assert_eq!(runs_of_login(&house, "new").await, (false, 1));
}

#[tokio::test]
async fn without_the_memory_every_login_is_checked() {
    let house = House::with(forgetful()).await;
    house.add("ann", Some("right")).await;
    for _ in 0..3 {
        assert_eq!(runs_of_login(&house, "right").await, (true, 1));
    }
}

#[tokio::test]
async fn connections_that_log_in_together_pay_once_for_each_thread() {
    let house = House::with(Options {
        kdf_parallel: 1,
        ..cheap()
    })
    .await;
    house.add("ann", Some("right")).await;
    let busy = house.accounts.0.kdf.occupy().await;
    let mut logins = JoinSet::new();
    for _ in 0..cheap().login_queue {
        let accounts = house.accounts.clone();
        logins.spawn(async move {
            accounts
                .authenticate(b"ann", &secret("right"), WHOLE, PEER)
                .await
        });
    }
    drop(busy);
    while let Some(told) = logins.join_next().await {
        assert!(told.unwrap().is_ok());
    }
    assert_eq!(house.kdf_runs(), 1);
}

#[tokio::test]
async fn a_known_password_does_not_let_in_who_was_disabled_in_the_queue() {
    let house = House::new().await;
    let ann = house.add("ann", Some("right")).await;
    let busy = house.accounts.0.kdf.occupy().await;
    let accounts = house.accounts.clone();
    let login = tokio::spawn(async move {
        accounts
            .authenticate(b"ann", &secret("right"), WHOLE, PEER)
            .await
    });
    queued(&house).await;
    let stored = house
        .accounts
        .record(&ann.name)
        .await
        .unwrap()
        .unwrap()
        .stored_password()
        .unwrap();
    let subject = Subject {
        id: ann.id,
        revision: ann.revision,
        stored: &stored,
    };
    let memory = house.accounts.0.verified.as_ref().unwrap();
    memory.remember(subject, &secret("right"), Instant::now());
    house.neighbour().await.disable(&ann.name).await.unwrap();
    drop(busy);
    let told = login.await.unwrap();
    assert!(
        matches!(told, Err(LoginError::Denied(Denial::Disabled))),
        "{told:?}"
    );
    assert_eq!(house.kdf_runs(), 0, "it was known");
}

/// Whether ann was logged in, and how often the hash ran for it.
async fn runs_of_login(house: &House, password: &str) -> (bool, u64) {
    let before = house.kdf_runs();
    let told = house
        .accounts
        .authenticate(b"ann", &secret(password), WHOLE, PEER)
        .await;
    (told.is_ok(), house.kdf_runs() - before)
}

use super::{House, PEER, WHOLE, cheap, secret};
use crate::{Accounts, Error};
use secrecy::ExposeSecret;
use std::error::Error as _;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use tokio::task::JoinSet;

#[tokio::test]
async fn s5_the_database_and_its_log_are_readable_by_the_owner_only() {
    let house = House::new().await;
    house.add("ann", Some("x")).await;
    let modes: Vec<(String, u32)> = fs::read_dir(house.folder.path())
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| {
            (
                entry.file_name().into_string().unwrap(),
                mode(&entry.path()),
            )
        })
        .collect();
    assert!(
        modes.iter().any(|(name, _)| name == "accounts.db-wal"),
        "{modes:?}"
    );
    for (name, mode) in modes {
        assert_eq!(mode, 0o600, "{name}");
    }
}

#[tokio::test]
async fn s5_a_database_that_others_may_read_or_write_is_refused() {
    let house = House::new().await;
    house.add("ann", Some("x")).await;
    for name in ["accounts.db", "accounts.db-wal"] {
        for lax in [0o644, 0o640, 0o602, 0o601, 0o666] {
            let file = house.folder.path().join(name);
            fs::set_permissions(&file, Permissions::from_mode(lax)).unwrap();
            let told = Accounts::open(&house.file(), cheap()).await.unwrap_err();
            assert!(
                matches!(told, Error::LaxMode { mode, .. } if mode == lax),
                "{told:?}"
            );
            let text = told.to_string();
            assert!(
                text.contains(&format!("{name}`")) && text.contains("hint: `chmod 600`"),
                "{text}"
            );
            fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
        }
    }
    assert_eq!(house.neighbour().await.list().await.unwrap().len(), 1);
}

#[tokio::test]
async fn s4_there_is_no_account_before_the_first_start_makes_one() {
    let house = House::new().await;
    assert_eq!(house.accounts.list().await.unwrap(), []);
    for guess in ["wharf", "admin", "password", "anonymous"] {
        assert!(
            house
                .accounts
                .authenticate(b"wharf", &secret(guess), WHOLE, PEER)
                .await
                .is_err()
        );
    }
    let (name, password) = house.accounts.first_account().await.unwrap().unwrap();
    assert_eq!(name.as_str(), "wharf");
    let account = house
        .accounts
        .authenticate(b"wharf", &secret(password.expose_secret()), WHOLE, PEER)
        .await
        .unwrap();
    assert_eq!(account.permissions.to_string(), "full");
    assert!(house.accounts.first_account().await.unwrap().is_none());
    let other = House::new()
        .await
        .accounts
        .first_account()
        .await
        .unwrap()
        .unwrap();
    assert_ne!(other.1.expose_secret(), password.expose_secret());
}

#[tokio::test]
async fn s4_the_password_of_the_first_account_is_nowhere_in_the_files() {
    let house = House::new().await;
    let (_, password) = house.accounts.first_account().await.unwrap().unwrap();
    house.accounts.close().await;
    for entry in fs::read_dir(house.folder.path()).unwrap() {
        let bytes = fs::read(entry.unwrap().path()).unwrap();
        let password = password.expose_secret().as_bytes();
        assert!(
            !bytes
                .windows(password.len())
                .any(|window| window == password)
        );
    }
}

#[tokio::test]
async fn an_account_of_another_name_is_an_account() {
    let house = House::new().await;
    house.add("ann", None).await;
    assert!(house.accounts.first_account().await.unwrap().is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_several_that_start_at_once_one_makes_the_first_account() {
    for _ in 0..5 {
        let folder = tempfile::tempdir().unwrap();
        let mut starts = JoinSet::new();
        for _ in 0..6 {
            let file = folder.path().join("accounts.db");
            starts.spawn(async move {
                let accounts = Accounts::open(&file, cheap()).await.unwrap();
                accounts.first_account().await.unwrap().is_some()
            });
        }
        let made = starts.join_all().await;
        assert_eq!(made.iter().filter(|made| **made).count(), 1, "{made:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn writers_in_several_processes_wait_for_one_another() {
    let house = House::new().await;
    house.add("ann", None).await;
    let mut writers = JoinSet::new();
    for _ in 0..4 {
        let accounts = house.neighbour().await;
        writers.spawn(async move {
            for max in 1..=10 {
                accounts
                    .set_max_sessions(&super::name("ann"), Some(max))
                    .await
                    .unwrap();
            }
        });
    }
    while let Some(writer) = writers.join_next().await {
        writer.unwrap();
    }
    let ann = house
        .accounts
        .find(&super::name("ann"))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(ann.revision, 41, "each of the changes counted once");
}

#[tokio::test]
async fn what_is_no_database_is_said_to_be_none() {
    let folder = tempfile::tempdir().unwrap();
    let missing = Accounts::open(&folder.path().join("none/accounts.db"), cheap())
        .await
        .unwrap_err();
    assert!(matches!(missing, Error::File { .. }), "{missing:?}");
    let file = folder.path().join("accounts.db");
    fs::write(&file, "ann:x:1000\n".repeat(100)).unwrap();
    fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
    let other = Accounts::open(&file, cheap()).await.unwrap_err();
    assert!(other.to_string().contains("accounts.db"), "{other}");
    let source = other.source().unwrap().to_string();
    assert!(source.contains("not a database"), "{source}");
    assert_eq!(fs::read(&file).unwrap().len(), 1100, "it is left as it was");
}

#[tokio::test]
async fn a_database_of_a_later_version_is_left_alone() {
    let house = House::new().await;
    house
        .sql(
            "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
             VALUES (9999, 'later', 1, x'00', 0)",
        )
        .await;
    let told = Accounts::open(&house.file(), cheap()).await.unwrap_err();
    assert!(matches!(told, Error::Open { .. }), "{told:?}");
    assert!(
        told.source()
            .unwrap()
            .to_string()
            .contains("later version of wharf"),
        "{:?}",
        told.source()
    );
}

fn mode(file: &Path) -> u32 {
    fs::metadata(file).unwrap().permissions().mode() & 0o7777
}

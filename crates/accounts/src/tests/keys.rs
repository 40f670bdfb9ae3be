//! Logins by keys and authorities.

use super::limits::denial;
use super::logins::deviations;
use super::{House, PEER, cheap, name};
use crate::{
    Account, AccountKey, Denial, Error, KeyAuthority, KeyLogin, KeyOrigin, LoginError, NewAccount,
    Options, PublicKey,
};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};

const ED25519: &str = include_str!("../../testdata/ed25519.pub");
const ECDSA: &str = include_str!("../../testdata/ecdsa.pub");
const RSA: &str = include_str!("../../testdata/rsa.pub");

#[tokio::test]
async fn a6_a_key_opens_the_accounts_that_have_it_and_no_other() {
    let house = House::new().await;
    let ann = with_key(&house, "ann", ED25519).await;
    with_key(&house, "bob", ECDSA).await;
    let told = login(&house, b"ann", &wire(ED25519)).await.unwrap();
    assert_eq!((&told.account, told.origin), (&ann, KeyOrigin::Database));
    assert_eq!((&*told.label, told.until), ("ann@example.org", None));
    for (user, key) in [
        (&b"ann"[..], wire(ECDSA)),
        (b"bob", wire(ED25519)),
        (b"ann", wire(RSA)),
        (b"nobody", wire(ED25519)),
        (b"", wire(ED25519)),
        (b"ann", Vec::new()),
        (b"ann", vec![0xff; 1 << 20]),
        (b"ann", [wire(ED25519), vec![0]].concat()),
        (b"ann", wire(ED25519)[..50].to_vec()),
    ] {
        let asked = house.accounts.key_query(user, &key, PEER).await.unwrap();
        let told = login(&house, user, &key).await;
        assert!(
            matches!(told, Err(LoginError::Denied(Denial::Key))),
            "{told:?}"
        );
        assert!(!asked);
    }
    assert!(
        house
            .accounts
            .key_query(b"ann", &wire(ED25519), PEER)
            .await
            .unwrap()
    );
}

#[tokio::test]
async fn a11_a_key_that_was_taken_away_is_asked_for_again() {
    let house = House::new().await;
    let ann = with_key(&house, "ann", ED25519).await;
    let has = async |id| {
        house
            .accounts
            .has_key(id, &wire(ED25519), PEER)
            .await
            .unwrap()
    };
    assert!(has(ann.id).await && !has(ann.id + 1).await);
    let key: PublicKey = ED25519.parse().unwrap();
    house
        .accounts
        .remove_key(&ann.name, &key.fingerprint())
        .await
        .unwrap();
    assert!(!has(ann.id).await);
}

#[tokio::test]
async fn a_file_of_keys_is_read_at_every_login() {
    let house = House::new().await;
    let (ann, file) = with_file(&house).await;
    assert_eq!(
        denial(account(login(&house, b"ann", &wire(ED25519)).await)),
        Some(Denial::Key)
    );
    fs::write(&file, format!("# hers\n\n{ED25519}")).unwrap();
    let told = login(&house, b"ann", &wire(ED25519)).await.unwrap();
    assert_eq!(told.origin, KeyOrigin::File { line: 3 });
    assert_eq!(
        (told.label.as_str(), told.account.id),
        ("ann@example.org", ann.id)
    );
    assert!(
        house
            .accounts
            .has_key(ann.id, &wire(ED25519), PEER)
            .await
            .unwrap()
    );
    // Another key of the same length, and the time put back: what was read is not kept too long.
    let before = fs::metadata(&file).unwrap().modified().unwrap();
    let other = format!("# hers\n\n{}", ED25519.replacen("AAAAIL", "AAAAIM", 1));
    fs::write(&file, other).unwrap();
    fs::File::options()
        .write(true)
        .open(&file)
        .unwrap()
        .set_modified(before)
        .unwrap();
    assert!(login(&house, b"ann", &wire(ED25519)).await.is_err());
    fs::remove_file(&file).unwrap();
    assert!(
        !house
            .accounts
            .has_key(ann.id, &wire(ED25519), PEER)
            .await
            .unwrap()
    );
}

#[tokio::test]
async fn a_settled_file_is_kept_until_it_changes() {
    let house = House::new().await;
    let (_, file) = with_file(&house).await;
    fs::write(&file, ED25519).unwrap();
    let old = SystemTime::now() - Duration::from_secs(60);
    fs::File::options()
        .write(true)
        .open(&file)
        .unwrap()
        .set_modified(old)
        .unwrap();
    for _ in 0..3 {
        assert!(login(&house, b"ann", &wire(ED25519)).await.is_ok());
    }
    fs::write(&file, ECDSA).unwrap();
    assert!(login(&house, b"ann", &wire(ED25519)).await.is_err());
    assert!(login(&house, b"ann", &wire(ECDSA)).await.is_ok());
}

#[tokio::test]
async fn a20_the_options_of_a_line_hold() {
    let house = House::new().await;
    let (ann, file) = with_file(&house).await;
    for (options, expected) in [
        ("restrict ", true),
        ("from=\"192.0.2.0/24\" ", true),
        ("from=\"192.0.2.*\" ", true),
        ("from=\"192.0.2.*,!192.0.2.7\" ", false),
        ("from=\"10.0.0.0/8\" ", false),
        ("from=\"host.example.org\" ", false),
        ("from=\"*,!host.example.org\" ", false),
        ("expiry-time=\"20380101Z\" ", true),
        ("expiry-time=\"20200101Z\" ", false),
        ("command=\"internal-sftp\" ", true),
        ("command=\"/bin/true\" ", false),
        ("surprise ", false),
        ("cert-authority ", false),
    ] {
        fs::write(&file, format!("{options}{ED25519}")).unwrap();
        let told = login(&house, b"ann", &wire(ED25519)).await;
        assert_eq!(told.is_ok(), expected, "{options}");
        let has = house.accounts.has_key(ann.id, &wire(ED25519), PEER).await;
        assert_eq!(has.unwrap(), expected, "{options}");
    }
    let until = SystemTime::UNIX_EPOCH + Duration::from_secs(2_145_916_800);
    fs::write(&file, format!("expiry-time=\"20380101Z\" {ED25519}")).unwrap();
    let told = login(&house, b"ann", &wire(ED25519)).await.unwrap();
    assert_eq!(told.until, Some(until));
}

#[tokio::test]
async fn a_file_that_others_could_have_written_opens_nothing() {
    let house = House::new().await;
    let (_, file) = with_file(&house).await;
    fs::write(&file, ED25519).unwrap();
    let open = async || login(&house, b"ann", &wire(ED25519)).await.is_ok();
    for (mode, expected) in [(0o600, true), (0o644, true), (0o664, false), (0o646, false)] {
        fs::set_permissions(&file, Permissions::from_mode(mode)).unwrap();
        assert_eq!(open().await, expected, "{mode:o}");
    }
    fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
    for (mode, expected) in [
        (0o777, false),
        (0o1777, true),
        (0o775, false),
        (0o755, true),
    ] {
        let folder = file.parent().unwrap();
        fs::set_permissions(folder, Permissions::from_mode(mode)).unwrap();
        assert_eq!(open().await, expected, "{mode:o}");
    }
    // Whoever it is that these run as, and root alone can give a file away.
    if rustix::process::geteuid().is_root() {
        std::os::unix::fs::chown(&file, Some(12345), None).unwrap();
        assert!(!open().await);
        std::os::unix::fs::chown(&file, Some(0), None).unwrap();
        assert!(open().await);
    }
    fs::write(
        &file,
        "x".repeat(crate::AuthorizedKeys::MAX_BYTES) + "\n" + ED25519,
    )
    .unwrap();
    assert!(!open().await, "too long");
    fs::remove_file(&file).unwrap();
    fs::create_dir(&file).unwrap();
    assert!(!open().await, "a folder");
}

#[tokio::test]
async fn a10_an_authority_names_whom_its_certificates_are_for() {
    let house = House::new().await;
    let (ann, file) = with_file(&house).await;
    let ask = async |user: &[u8], key: &str| {
        house
            .accounts
            .certificate_authority_for(user, &wire(key), PEER)
            .await
    };
    for (text, expected) in [
        (format!("cert-authority {RSA}"), Some(vec!["ann"])),
        (
            format!("cert-authority,principals=\"a,b\" {RSA}"),
            Some(vec!["a", "b"]),
        ),
        (
            format!("cert-authority,principals=\"a\" {RSA}cert-authority {RSA}"),
            Some(vec!["a", "ann"]),
        ),
        (format!("cert-authority,from=\"10.0.0.0/8\" {RSA}"), None),
        (
            format!("cert-authority,expiry-time=\"20200101Z\" {RSA}"),
            None,
        ),
        (format!("cert-authority,principals=\"\" {RSA}"), None),
        (format!("principals=\"a\" {RSA}"), None),
        (RSA.to_owned(), None),
        (String::new(), None),
    ] {
        fs::write(&file, &text).unwrap();
        let principals = expected.map(|names| names.into_iter().map(str::to_owned).collect());
        let authority = principals.map(|principals| KeyAuthority {
            account: ann.clone(),
            principals,
            until: None,
        });
        assert_eq!(ask(b"ann", RSA).await.ok(), authority, "{text}");
        let has = house.accounts.has_authority(ann.id, &wire(RSA), PEER).await;
        assert_eq!(has.unwrap(), authority, "{text}");
        assert!(ask(b"ann", ED25519).await.is_err() && ask(b"bob", RSA).await.is_err());
    }
    fs::write(&file, format!("cert-authority {RSA}")).unwrap();
    house.accounts.disable(&ann.name).await.unwrap();
    assert!(matches!(
        ask(b"ann", RSA).await,
        Err(LoginError::Denied(Denial::Disabled))
    ));
}

/// An account with a file takes the most work to refuse a key, a missing one the least.
#[tokio::test]
async fn a1_the_time_does_not_tell_whose_key_is_refused() {
    const ROUNDS: usize = 100;
    let house = House::with(Options {
        refusal_step: Duration::from_millis(64),
        ..cheap()
    })
    .await;
    let (_, file) = with_file(&house).await;
    fs::write(&file, ED25519).unwrap();
    let key = wire(ECDSA);
    let mut times = Vec::new();
    for round in 0..ROUNDS * 2 {
        // Every second pair in the other order, so that neither always follows the other.
        let exists = (round % 2 == 0) == (round / 2 % 2 == 0);
        let user: &[u8] = if exists { b"ann" } else { b"bob" };
        let start = Instant::now();
        assert!(!house.accounts.key_query(user, &key, PEER).await.unwrap());
        times.push((start.elapsed(), exists));
        assert!(start.elapsed() >= Duration::from_millis(8));
    }
    let deviations = deviations(times);
    assert!(
        deviations.abs() < 4.5,
        "{deviations} standard deviations apart"
    );
}

#[tokio::test]
async fn f26_a_damaged_key_logs_nobody_in() {
    let house = House::new().await;
    let ann = with_key(&house, "ann", ED25519).await;
    house
        .sql("UPDATE public_key SET fingerprint = 'SHA256:x'")
        .await;
    let told = login(&house, b"ann", &wire(ED25519)).await;
    assert!(
        matches!(told, Err(LoginError::Backend(Error::Damaged { .. }))),
        "{told:?}"
    );
    assert!(
        house
            .accounts
            .has_key(ann.id, &wire(ED25519), PEER)
            .await
            .is_err()
    );
}

async fn login(house: &House, user: &[u8], key: &[u8]) -> Result<KeyLogin, LoginError> {
    house.accounts.authenticate_by_key(user, key, PEER).await
}

fn account(told: Result<KeyLogin, LoginError>) -> Result<Account, LoginError> {
    told.map(|login| login.account)
}

fn wire(line: &str) -> Vec<u8> {
    line.parse::<PublicKey>().unwrap().wire().to_vec()
}

async fn with_key(house: &House, user: &str, line: &str) -> Account {
    let account = house.add(user, None).await;
    let key: AccountKey = house
        .accounts
        .add_key(&account.name, line, None)
        .await
        .unwrap();
    assert_eq!(key.key.wire(), wire(line));
    house.accounts.current(account.id).await.unwrap().unwrap()
}

/// Ann, with a file of keys that is not there yet, in a folder of its own.
async fn with_file(house: &House) -> (Account, PathBuf) {
    let folder = house.folder.path().join("keys");
    fs::create_dir(&folder).unwrap();
    fs::set_permissions(&folder, Permissions::from_mode(0o755)).unwrap();
    let file = folder.join("ann");
    let new = NewAccount {
        authorized_keys: Some(file.clone()),
        ..NewAccount::new(name("ann"))
    };
    (house.accounts.add(new).await.unwrap(), file)
}

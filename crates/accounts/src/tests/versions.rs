use super::{PEER, WHOLE, cheap, name, secret};
use crate::{Accounts, CertificateMatch, CertificateUse, KeyOrigin, PermissionSet, TotpSecret};
use sqlx::SqlitePool;
use sqlx::sqlite::SqliteConnectOptions;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

#[tokio::test]
async fn a_database_from_before_certificates_keeps_everything() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("accounts.db");
    restore(&file, include_str!("../../testdata/version-1.sql")).await;
    let accounts = Accounts::open(&file, cheap()).await.unwrap();
    assert_eq!(*accounts.watch().borrow(), 5);

    let ann = accounts
        .authenticate(b"ann", &secret("right"), WHOLE, PEER)
        .await
        .unwrap();
    assert_eq!((ann.id, ann.revision, ann.max_sessions), (1, 1, Some(3)));
    assert_eq!(ann.home, Some(PathBuf::from("/srv/ann")));
    assert_eq!(ann.permissions.to_string(), "read-only,/in=upload-only");
    assert_eq!(ann.permissions.at(b"/in/x"), PermissionSet::UPLOAD_ONLY);
    let keys = accounts.keys(&ann.name).await.unwrap();
    assert_eq!(keys.len(), 1);
    assert_eq!(keys[0].label, "ann@example.org");
    let bob = accounts.find(&name("bob")).await.unwrap().unwrap();
    assert!(!bob.enabled && !bob.has_password && bob.revision == 3);

    for account in accounts.list().await.unwrap() {
        assert_eq!(account.certificate_use, CertificateUse::Off);
        assert!(!account.fxp);
        assert_eq!(accounts.certificates(&account.name).await.unwrap(), []);
    }
    let certificate = CertificateMatch::Fingerprint([7; 32]);
    accounts
        .add_certificate(&ann.name, &certificate)
        .await
        .unwrap();
    assert!(accounts.has_certificate(1, &[7; 32], None).await.unwrap());
    let eve = crate::NewAccount::new(name("eve"));
    let eve = accounts.add(eve).await.unwrap();
    assert_eq!((eve.id, eve.revision), (4, 7), "3 was given once");

    let again = Accounts::open(&file, cheap()).await.unwrap();
    assert_eq!(again.list().await.unwrap().len(), 3);
}

#[tokio::test]
async fn a_database_from_before_sftp_keeps_everything() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("accounts.db");
    restore(&file, include_str!("../../testdata/version-2.sql")).await;
    let accounts = Accounts::open(&file, cheap()).await.unwrap();
    assert_eq!(*accounts.watch().borrow(), 6);

    let ann = accounts
        .authenticate(b"ann", &secret("right"), WHOLE, PEER)
        .await
        .unwrap();
    assert_eq!((ann.id, ann.revision, ann.max_sessions), (1, 1, Some(3)));
    assert!(ann.fxp && ann.certificate_use == CertificateUse::Factor);
    assert!(accounts.has_certificate(1, &[7; 32], None).await.unwrap());
    let key = accounts.keys(&ann.name).await.unwrap().remove(0).key;
    let login = accounts.authenticate_by_key(b"ann", key.wire(), PEER).await;
    assert_eq!(login.unwrap().origin, KeyOrigin::Database);

    for account in accounts.list().await.unwrap() {
        assert_eq!((account.expires, &account.login), (None, &None));
        assert_eq!((account.networks, account.authorized_keys), (vec![], None));
        assert!(!account.scp && !account.has_totp);
    }
    let codes = TotpSecret::generate().unwrap();
    accounts.enrol_totp(&ann.name, &codes, None).await.unwrap();
    assert!(accounts.current(1).await.unwrap().unwrap().has_totp);
}

/// Makes a database of what `sqlite3 .dump` printed.
async fn restore(file: &Path, dump: &'static str) {
    let options = SqliteConnectOptions::new()
        .filename(file)
        .create_if_missing(true);
    let pool = SqlitePool::connect_with(options).await.unwrap();
    sqlx::raw_sql(dump).execute(&pool).await.unwrap();
    pool.close().await;
    std::fs::set_permissions(file, Permissions::from_mode(0o600)).unwrap();
}

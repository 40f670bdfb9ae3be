//! The database of accounts, read.

use crate::account::Account;
use crate::certificate::{AccountCertificate, CertificateMatch, CertificateUse};
use crate::error::{Error, Result};
use crate::key::{AccountKey, PublicKey};
use crate::key_file::KeyFiles;
use crate::name::AccountName;
use crate::network::Network;
use crate::password::{Kdf, StoredPassword, VerifiedPasswords};
use crate::watch::Revision;
use sqlx::{FromRow, SqliteConnection, SqlitePool};
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// A handle on the accounts of one server; clones are the same handle.
#[derive(Clone)]
pub struct Accounts(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) pool: SqlitePool,
    pub(crate) kdf: Kdf,
    pub(crate) verified: Option<VerifiedPasswords>,
    pub(crate) revision: Revision,
    pub(crate) refusal_step: Duration,
    pub(crate) key_files: KeyFiles,
}

/// A row of the table `account`.
#[derive(FromRow)]
pub(crate) struct Record {
    pub(crate) id: i64,
    name: String,
    enabled: i64,
    home: Option<Vec<u8>>,
    permissions: String,
    max_sessions: Option<i64>,
    password: Option<String>,
    pub(crate) revision: i64,
    created: i64,
    certificate_use: String,
    /// A number, because sqlx takes any number but 0 for a `true`.
    fxp: i64,
    expires: Option<i64>,
    networks: String,
    login: Option<String>,
    scp: i64,
    authorized_keys: Option<Vec<u8>>,
    has_totp: i64,
}

/// A row of the table `public_key`.
#[derive(FromRow)]
pub(crate) struct KeyRecord {
    wire: Vec<u8>,
    fingerprint: String,
    label: String,
    added: i64,
}

/// A row of the table `certificate`.
#[derive(FromRow)]
pub(crate) struct CertificateRecord {
    certificate: String,
    added: i64,
}

impl Accounts {
    /// The account of this name.
    ///
    /// # Errors
    /// The database failed, or the record is damaged.
    pub async fn find(&self, name: &AccountName) -> Result<Option<Account>> {
        self.record(name)
            .await?
            .as_ref()
            .map(Record::account)
            .transpose()
    }

    /// The account of this id as it is now: what a session asks after [`Accounts::watch`] has
    /// told of a change. `None`: it was removed.
    ///
    /// # Errors
    /// The database failed, or the record is damaged.
    pub async fn current(&self, id: i64) -> Result<Option<Account>> {
        self.record_by_id(id)
            .await?
            .as_ref()
            .map(Record::account)
            .transpose()
    }

    /// All accounts, by name.
    ///
    /// # Errors
    /// The database failed, or a record is damaged.
    pub async fn list(&self) -> Result<Vec<Account>> {
        let records: Vec<Record> = sqlx::query_as(ALL_BY_NAME).fetch_all(&self.0.pool).await?;
        records.iter().map(Record::account).collect()
    }

    /// The public keys of an account, in the order in which they were added.
    ///
    /// # Errors
    /// There is no such account, the database failed, or a record is damaged.
    pub async fn keys(&self, name: &AccountName) -> Result<Vec<AccountKey>> {
        let mut snapshot = self.0.pool.begin().await?;
        let id: Option<i64> = sqlx::query_scalar("SELECT id FROM account WHERE name = ?")
            .bind(name.as_str())
            .fetch_optional(&mut *snapshot)
            .await?;
        let id = id.ok_or_else(|| Error::UnknownAccount(name.clone()))?;
        let records: Vec<KeyRecord> = sqlx::query_as(
            "SELECT wire, fingerprint, label, added FROM public_key WHERE account = ? ORDER BY id",
        )
        .bind(id)
        .fetch_all(&mut *snapshot)
        .await?;
        records.into_iter().map(|record| record.key(name)).collect()
    }

    /// The client certificates an account is known by, in the order in which they were added.
    ///
    /// # Errors
    /// There is no such account, the database failed, or a record is damaged.
    pub async fn certificates(&self, name: &AccountName) -> Result<Vec<AccountCertificate>> {
        let mut snapshot = self.0.pool.begin().await?;
        let record: Option<Record> = sqlx::query_as(BY_NAME)
            .bind(name.as_str())
            .fetch_optional(&mut *snapshot)
            .await?;
        let record = record.ok_or_else(|| Error::UnknownAccount(name.clone()))?;
        let held = CertificateRecord::all(&mut snapshot, record.id).await?;
        held.iter().map(|held| held.certificate(&record)).collect()
    }

    /// Waits until the database is closed. Without it, dropping the last handle closes it a little
    /// later.
    pub async fn close(&self) {
        self.0.pool.close().await;
    }

    pub(crate) async fn record(&self, name: &AccountName) -> Result<Option<Record>> {
        let query = sqlx::query_as(BY_NAME).bind(name.as_str());
        Ok(query.fetch_optional(&self.0.pool).await?)
    }

    pub(crate) async fn record_by_id(&self, id: i64) -> Result<Option<Record>> {
        let query = sqlx::query_as(BY_ID).bind(id);
        Ok(query.fetch_optional(&self.0.pool).await?)
    }
}

impl std::fmt::Debug for Accounts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Accounts").finish_non_exhaustive()
    }
}

impl Record {
    /// What the record says. One that says nothing sensible is an error, so its account cannot log
    /// in, rather than an account with some default in the gap (security F26).
    pub(crate) fn account(&self) -> Result<Account> {
        let damaged = |what| self.damaged(what);
        let max_sessions = self
            .max_sessions
            .map(|max| u32::try_from(max).ok().filter(|max| *max > 0));
        let path = |stored: &Option<Vec<u8>>, what| match stored {
            None => Ok(None),
            Some(bytes) => Some(PathBuf::from(OsString::from_vec(bytes.clone())))
                .filter(|path| crate::change::check_path(path).is_ok())
                .ok_or_else(|| damaged(what))
                .map(Some),
        };
        Ok(Account {
            id: self.id,
            name: self.name.parse().map_err(|_| damaged("the name"))?,
            enabled: flag(self.enabled).ok_or_else(|| damaged("whether it is enabled"))?,
            home: path(&self.home, "the home")?,
            permissions: self
                .permissions
                .parse()
                .map_err(|_| damaged("the permissions"))?,
            max_sessions: match max_sessions {
                Some(None) => return Err(damaged("the number of sessions")),
                other => other.flatten(),
            },
            has_password: self.stored_password().is_some(),
            certificate_use: self.certificate_use()?,
            fxp: flag(self.fxp).ok_or_else(|| damaged("whether it may use FXP"))?,
            expires: match self.expires {
                None => None,
                Some(at) => Some(time(at).ok_or_else(|| damaged("when it expires"))?),
            },
            networks: Network::list(&self.networks).map_err(|_| damaged("the networks"))?,
            login: self
                .login
                .as_deref()
                .map(str::parse)
                .transpose()
                .map_err(|_| damaged("what is enough for a login"))?,
            scp: flag(self.scp).ok_or_else(|| damaged("whether it may use scp"))?,
            authorized_keys: path(&self.authorized_keys, "the file of its keys")?,
            has_totp: flag(self.has_totp).ok_or_else(|| damaged("whether it has codes"))?,
            revision: self.revision,
            created: time(self.created).ok_or_else(|| damaged("the time"))?,
        })
    }

    pub(crate) fn certificate_use(&self) -> Result<CertificateUse> {
        let word = self.certificate_use.parse();
        word.map_err(|_| self.damaged("the use of certificates"))
    }

    pub(crate) fn stored_password(&self) -> Option<StoredPassword> {
        StoredPassword::from_record(self.password.clone())
    }

    /// Whether it seems to have one-time codes; [`Record::account`] says whether that is so.
    pub(crate) fn has_totp(&self) -> bool {
        self.has_totp != 0
    }

    pub(crate) fn damaged(&self, what: &'static str) -> Error {
        Error::Damaged {
            account: self.name.escape_debug().to_string(),
            what,
        }
    }
}

impl KeyRecord {
    /// What the account has of this key.
    pub(crate) async fn find(
        snapshot: &mut SqliteConnection,
        account: i64,
        wire: &[u8],
    ) -> Result<Option<Self>, sqlx::Error> {
        sqlx::query_as(
            "SELECT wire, fingerprint, label, added FROM public_key WHERE account = ? AND wire = ?",
        )
        .bind(account)
        .bind(wire)
        .fetch_optional(snapshot)
        .await
    }

    pub(crate) fn key(self, name: &AccountName) -> Result<AccountKey> {
        let damaged = || Error::Damaged {
            account: name.to_string(),
            what: "a public key",
        };
        let key = PublicKey::from_wire(&self.wire).map_err(|_| damaged())?;
        if key.fingerprint() != self.fingerprint {
            return Err(damaged());
        }
        Ok(AccountKey {
            key,
            label: self.label,
            added: time(self.added).ok_or_else(damaged)?,
        })
    }
}

impl CertificateRecord {
    /// The certificates of an account, in the order in which they were added; none for an id that
    /// no account has.
    pub(crate) async fn all(
        snapshot: &mut SqliteConnection,
        account: i64,
    ) -> Result<Vec<Self>, sqlx::Error> {
        sqlx::query_as("SELECT certificate, added FROM certificate WHERE account = ? ORDER BY id")
            .bind(account)
            .fetch_all(snapshot)
            .await
    }

    /// What the record says, which has to be in the form in which it was written.
    pub(crate) fn certificate(&self, record: &Record) -> Result<AccountCertificate> {
        let damaged = || record.damaged("a certificate");
        let certificate: CertificateMatch = self.certificate.parse().map_err(|_| damaged())?;
        if certificate.to_string() != self.certificate {
            return Err(damaged());
        }
        Ok(AccountCertificate {
            certificate,
            added: time(self.added).ok_or_else(damaged)?,
        })
    }
}

pub(crate) async fn stored_revision(pool: &SqlitePool) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar("SELECT value FROM revision")
        .fetch_one(pool)
        .await
}

/// 0 or 1, as the database has them for a yes or no.
fn flag(stored: i64) -> Option<bool> {
    match stored {
        0 => Some(false),
        1 => Some(true),
        _ => None,
    }
}

/// Wall-clock seconds for the database.
pub(crate) fn now() -> i64 {
    seconds(SystemTime::now())
}

/// A point in time for the database, which has whole seconds; one before 1970 is 1970.
pub(crate) fn seconds(at: SystemTime) -> i64 {
    let since = at
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

/// Wall-clock time from the database; `None` for one before 1970.
pub(crate) fn time(seconds: i64) -> Option<SystemTime> {
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(u64::try_from(seconds).ok()?))
}

macro_rules! accounts {
    ($rest:literal) => {
        concat!(
            "SELECT account.*, EXISTS (SELECT 1 FROM totp WHERE totp.account = account.id) \
             AS has_totp FROM account ",
            $rest
        )
    };
}

pub(crate) const BY_NAME: &str = accounts!("WHERE name = ?");
pub(crate) const BY_ID: &str = accounts!("WHERE id = ?");
const ALL_BY_NAME: &str = accounts!("ORDER BY name");

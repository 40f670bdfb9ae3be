//! Changing accounts. Every change is one transaction that raises the revision.

mod certificates;
mod keys;
mod logins;
mod totp;

use crate::account::{Account, NewAccount};
use crate::error::{Error, HomeError, Result};
use crate::key;
use crate::login_rule::LoginRule;
use crate::name::AccountName;
use crate::password::{self, StoredPassword, generate_password};
use crate::permissions::Permissions;
use crate::store::{Accounts, Record, now, seconds};
use secrecy::{ExposeSecret, SecretSlice, SecretString};
use sqlx::query::Query;
use sqlx::sqlite::SqliteArguments;
use sqlx::{Sqlite, Transaction};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path};

impl Accounts {
    /// Makes an account, enabled.
    ///
    /// # Errors
    /// The name is taken, the password, home or limit cannot be, a key or certificate is there
    /// twice, too many passwords are being hashed, or the database failed. Then nothing was changed.
    pub async fn add(&self, new: NewAccount) -> Result<Account> {
        check_limit(new.max_sessions)?;
        new.home.as_deref().map(check_path).transpose()?;
        let keys = new.authorized_keys.as_deref();
        keys.map(logins::check_keys_file).transpose()?;
        let password = self.hash(new.password.as_ref()).await?;
        let mut change = self.change().await?;
        let account = change.insert(&new, password.as_ref()).await?;
        change.commit(account.id).await?;
        Ok(account)
    }

    /// Removes an account with its keys and certificates. Its files stay.
    ///
    /// # Errors
    /// There is no such account, or the database failed.
    pub async fn remove(&self, name: &AccountName) -> Result<()> {
        let mut change = self.change().await?;
        let id = change.id(name).await?;
        change
            .run(sqlx::query("DELETE FROM account WHERE id = ?").bind(id))
            .await?;
        change.commit(id).await
    }

    /// Lets an account log in again.
    ///
    /// # Errors
    /// There is no such account, or the database failed.
    pub async fn enable(&self, name: &AccountName) -> Result<()> {
        self.set(name, ENABLED, true).await
    }

    /// Keeps an account out; its sessions end.
    ///
    /// # Errors
    /// There is no such account, or the database failed.
    pub async fn disable(&self, name: &AccountName) -> Result<()> {
        self.set(name, ENABLED, false).await
    }

    /// Gives an account a password, or another one.
    ///
    /// # Errors
    /// There is no such account, it cannot be a password, too many are being hashed, or the
    /// database failed.
    pub async fn set_password(&self, name: &AccountName, password: &SecretSlice<u8>) -> Result<()> {
        let password = self.hash(Some(password)).await?;
        self.store_password(name, password.as_ref()).await
    }

    /// Takes an account's password away: from then on it logs in with keys or certificates only.
    ///
    /// # Errors
    /// There is no such account, or the database failed.
    pub async fn remove_password(&self, name: &AccountName) -> Result<()> {
        self.store_password(name, None).await
    }

    /// Sets what an account may do where.
    ///
    /// # Errors
    /// There is no such account, or the database failed.
    pub async fn set_permissions(
        &self,
        name: &AccountName,
        permissions: &Permissions,
    ) -> Result<()> {
        let sql = "UPDATE account SET permissions = ?2 WHERE id = ?1";
        self.set(name, sql, permissions.to_string()).await
    }

    /// Sets the folder an account sees as `/`; `None`: the server's own root.
    ///
    /// # Errors
    /// There is no such account, the path is not absolute and plain, or the database failed.
    pub async fn set_home(&self, name: &AccountName, home: Option<&Path>) -> Result<()> {
        home.map(check_path).transpose()?;
        let home = home.map(|home| home.as_os_str().as_bytes().to_vec());
        self.set(name, "UPDATE account SET home = ?2 WHERE id = ?1", home)
            .await
    }

    /// Sets how many sessions an account may have at a time, at least 1; `None`: as many as the
    /// server lets any account have.
    ///
    /// # Errors
    /// There is no such account, the limit is 0, or the database failed.
    pub async fn set_max_sessions(&self, name: &AccountName, max: Option<u32>) -> Result<()> {
        check_limit(max)?;
        let sql = "UPDATE account SET max_sessions = ?2 WHERE id = ?1";
        self.set(name, sql, max.map(i64::from)).await
    }

    /// Makes the account `wharf`, with full permissions and a random password, when there is no
    /// account at all. The password is told here and nowhere else (security S4). Of several
    /// processes that start on one database, one makes it.
    ///
    /// # Errors
    /// The database failed, or the system gave no random bytes.
    pub async fn first_account(&self) -> Result<Option<(AccountName, SecretString)>> {
        let none_yet = "SELECT NOT EXISTS (SELECT 1 FROM account)";
        if !sqlx::query_scalar(none_yet).fetch_one(&self.0.pool).await? {
            return Ok(None);
        }
        let password = generate_password()?;
        let bytes = SecretSlice::from(password.expose_secret().as_bytes().to_vec());
        let hash = self.hash(Some(&bytes)).await?;
        let new = NewAccount::new(AccountName::first());
        let mut change = self.change().await?;
        if !sqlx::query_scalar(none_yet)
            .fetch_one(&mut *change.transaction)
            .await?
        {
            return Ok(None);
        }
        let account = change.insert(&new, hash.as_ref()).await?;
        change.commit(account.id).await?;
        Ok(Some((new.name, password)))
    }

    async fn hash(&self, password: Option<&SecretSlice<u8>>) -> Result<Option<StoredPassword>> {
        let Some(password) = password else {
            return Ok(None);
        };
        password::check_new(password)?;
        self.0.kdf.hash(password).await.map(Some)
    }

    async fn store_password(
        &self,
        name: &AccountName,
        password: Option<&StoredPassword>,
    ) -> Result<()> {
        let password = password.map(|password| password.as_str().to_owned());
        self.set(
            name,
            "UPDATE account SET password = ?2 WHERE id = ?1",
            password,
        )
        .await
    }
}

/// A change under way: the only writer of the database. Dropped before `commit`, it never was.
struct Change<'a> {
    accounts: &'a Accounts,
    transaction: Transaction<'static, Sqlite>,
    revision: i64,
}

impl Accounts {
    async fn change(&self) -> Result<Change<'_>> {
        // IMMEDIATE: a transaction that reads first and writes later could find that another one
        // wrote in between, and fail without waiting.
        let mut transaction = self.0.pool.begin_with("BEGIN IMMEDIATE").await?;
        let revision = sqlx::query_scalar("UPDATE revision SET value = value + 1 RETURNING value")
            .fetch_one(&mut *transaction)
            .await?;
        Ok(Change {
            accounts: self,
            transaction,
            revision,
        })
    }

    /// Sets one column. In `sql`, `?1` is the account and `?2` the value.
    async fn set<T>(&self, name: &AccountName, sql: &'static str, value: T) -> Result<()>
    where
        T: Send + sqlx::Encode<'static, Sqlite> + sqlx::Type<Sqlite> + 'static,
    {
        let mut change = self.change().await?;
        let id = change.id(name).await?;
        change.run(sqlx::query(sql).bind(id).bind(value)).await?;
        change.touch(id).await?;
        change.commit(id).await
    }
}

impl Change<'_> {
    async fn id(&mut self, name: &AccountName) -> Result<i64> {
        sqlx::query_scalar("SELECT id FROM account WHERE name = ?")
            .bind(name.as_str())
            .fetch_optional(&mut *self.transaction)
            .await?
            .ok_or_else(|| Error::UnknownAccount(name.clone()))
    }

    async fn run(&mut self, query: Query<'_, Sqlite, SqliteArguments>) -> Result<u64, sqlx::Error> {
        Ok(query.execute(&mut *self.transaction).await?.rows_affected())
    }

    /// Raises the revision of the account to that of this change.
    async fn touch(&mut self, id: i64) -> Result<()> {
        let revision = self.revision;
        self.run(
            sqlx::query("UPDATE account SET revision = ? WHERE id = ?")
                .bind(revision)
                .bind(id),
        )
        .await?;
        Ok(())
    }

    async fn insert(
        &mut self,
        new: &NewAccount,
        password: Option<&StoredPassword>,
    ) -> Result<Account> {
        let query = sqlx::query_as(
            "INSERT INTO account (name, enabled, home, permissions, max_sessions, password, \
             certificate_use, fxp, expires, networks, login, scp, authorized_keys, revision, created) \
             VALUES (?, 1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING *, 0 AS has_totp",
        );
        let record: Record = query
            .bind(new.name.as_str())
            .bind(new.home.as_ref().map(|home| home.as_os_str().as_bytes()))
            .bind(new.permissions.to_string())
            .bind(new.max_sessions)
            .bind(password.map(StoredPassword::as_str))
            .bind(new.certificate_use.word())
            .bind(new.fxp)
            .bind(new.expires.map(seconds))
            .bind(logins::list(&new.networks))
            .bind(new.login.as_ref().map(LoginRule::to_string))
            .bind(new.scp)
            .bind(
                new.authorized_keys
                    .as_ref()
                    .map(|file| file.as_os_str().as_bytes()),
            )
            .bind(self.revision)
            .bind(now())
            .fetch_one(&mut *self.transaction)
            .await
            .map_err(|error| {
                if is_taken(&error) {
                    Error::AccountExists(new.name.clone())
                } else {
                    error.into()
                }
            })?;
        let account = record.account()?;
        for key in &new.keys {
            let label = key::label(None, key)?;
            self.insert_key(&new.name, account.id, key.clone(), label)
                .await?;
        }
        for certificate in &new.certificates {
            self.insert_certificate(&new.name, account.id, certificate)
                .await?;
        }
        Ok(account)
    }

    /// Makes the change true and tells those who watch.
    async fn commit(self, id: i64) -> Result<()> {
        self.transaction.commit().await?;
        if let Some(verified) = &self.accounts.0.verified {
            verified.forget(id);
        }
        self.accounts.0.revision.publish(self.revision);
        Ok(())
    }
}

/// Whether a path can be the home of an account, or another thing of it: it means one folder wherever the server starts.
pub(crate) fn check_path(path: &Path) -> Result<(), HomeError> {
    let bytes = path.as_os_str().as_bytes();
    if bytes.len() > 4096 {
        return Err(HomeError::TooLong);
    }
    if bytes.contains(&0) {
        return Err(HomeError::Nul);
    }
    if !path.is_absolute() {
        return Err(HomeError::Relative);
    }
    if path
        .components()
        .any(|component| component == Component::ParentDir)
    {
        return Err(HomeError::Parent);
    }
    Ok(())
}

fn check_limit(max_sessions: Option<u32>) -> Result<()> {
    match max_sessions {
        Some(0) => Err(Error::NoSessions),
        _ => Ok(()),
    }
}

fn is_taken(error: &sqlx::Error) -> bool {
    error
        .as_database_error()
        .is_some_and(|error| error.is_unique_violation())
}

const ENABLED: &str = "UPDATE account SET enabled = ?2 WHERE id = ?1";

//! Adding and removing the public keys of an account.

use super::{Change, is_taken};
use crate::error::{Error, Result};
use crate::key::{self, AccountKey, PublicKey};
use crate::name::AccountName;
use crate::store::{Accounts, now, time};
use std::time::SystemTime;

impl Accounts {
    /// Adds a public key, given as the line of a `.pub` file, under a label or its own comment.
    ///
    /// # Errors
    /// There is no such account, the line is no key that is taken, the account has it already or
    /// has as many as it may, or the database failed.
    pub async fn add_key(
        &self,
        name: &AccountName,
        line: &str,
        label: Option<&str>,
    ) -> Result<AccountKey> {
        let key: PublicKey = line.parse()?;
        let label = key::label(label, &key)?;
        let mut change = self.change().await?;
        let id = change.id(name).await?;
        let key = change.insert_key(name, id, key, label).await?;
        change.touch(id).await?;
        change.commit(id).await?;
        Ok(key)
    }

    /// Removes the key with this fingerprint, as OpenSSH prints it, with or without `SHA256:`.
    ///
    /// # Errors
    /// There is no such account or key, or the database failed.
    pub async fn remove_key(&self, name: &AccountName, fingerprint: &str) -> Result<()> {
        let digest = fingerprint.strip_prefix("SHA256:").unwrap_or(fingerprint);
        let mut change = self.change().await?;
        let id = change.id(name).await?;
        let delete = sqlx::query("DELETE FROM public_key WHERE account = ? AND fingerprint = ?")
            .bind(id)
            .bind(format!("SHA256:{digest}"));
        if change.run(delete).await? == 0 {
            let fingerprint = fingerprint.escape_debug().to_string();
            return Err(Error::UnknownKey {
                name: name.clone(),
                fingerprint,
            });
        }
        change.touch(id).await?;
        change.commit(id).await
    }
}

impl Change<'_> {
    pub(super) async fn insert_key(
        &mut self,
        name: &AccountName,
        account: i64,
        key: PublicKey,
        label: String,
    ) -> Result<AccountKey> {
        let count: i64 = sqlx::query_scalar("SELECT count(*) FROM public_key WHERE account = ?")
            .bind(account)
            .fetch_one(&mut *self.transaction)
            .await?;
        if count >= MAX_KEYS {
            return Err(Error::TooManyKeys { max: MAX_KEYS });
        }
        let (added, fingerprint) = (now(), key.fingerprint());
        let insert = sqlx::query(
            "INSERT INTO public_key (account, wire, fingerprint, label, added) VALUES (?, ?, ?, ?, ?)",
        )
        .bind(account)
        .bind(key.wire())
        .bind(&*fingerprint)
        .bind(&*label)
        .bind(added);
        if let Err(error) = self.run(insert).await {
            let exists = || Error::KeyExists {
                name: name.clone(),
                fingerprint: fingerprint.clone(),
            };
            return Err(if is_taken(&error) {
                exists()
            } else {
                error.into()
            });
        }
        Ok(AccountKey {
            key,
            label,
            added: time(added).unwrap_or(SystemTime::UNIX_EPOCH),
        })
    }
}

/// The greatest number of keys of one account.
const MAX_KEYS: i64 = 64;

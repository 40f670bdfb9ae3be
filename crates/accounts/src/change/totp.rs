//! Giving an account one-time codes, and taking them away.

use super::Change;
use crate::error::{Error, Result};
use crate::name::AccountName;
use crate::store::{Accounts, now};
use crate::totp::{self, RecoveryCodes, TotpSecret};
use secrecy::{ExposeSecret, SecretSlice};
use std::time::SystemTime;

impl Accounts {
    /// Puts a secret in force: from then on nobody enters the account without a code. `confirmed`
    /// is a code that the account's owner read from an app, where somebody can be asked for it;
    /// it is used up. Gives ten recovery codes, which are told here and nowhere else.
    ///
    /// # Errors
    /// There is no such account, it has codes already, the code is not one of the secret, or the
    /// database failed. Then nothing was changed.
    pub async fn enrol_totp(
        &self,
        name: &AccountName,
        secret: &TotpSecret,
        confirmed: Option<&SecretSlice<u8>>,
    ) -> Result<RecoveryCodes> {
        let used = match confirmed {
            None => 0,
            Some(code) => {
                let code = code.expose_secret().trim_ascii();
                secret
                    .step_of(code, SystemTime::now())
                    .ok_or(Error::WrongCode)?
            }
        };
        let codes = totp::recovery_codes()?;
        let mut change = self.change().await?;
        let id = change.id(name).await?;
        if change.has_totp(id).await? {
            return Err(Error::TotpExists(name.clone()));
        }
        let insert = sqlx::query(
            "INSERT INTO totp (account, secret, used_step, failures, failing_since, \
             refused_until, enrolled) VALUES (?, ?, ?, 0, 0, 0, ?)",
        )
        .bind(id)
        .bind(secret.expose())
        .bind(i64::try_from(used).unwrap_or(i64::MAX))
        .bind(now());
        change.run(insert).await?;
        let mut told = RecoveryCodes::with_capacity(codes.len());
        for (code, digest) in codes {
            let insert = sqlx::query("INSERT INTO recovery_code (account, digest) VALUES (?, ?)")
                .bind(id)
                .bind(digest.to_vec());
            change.run(insert).await?;
            told.push(code);
        }
        change.touch(id).await?;
        change.commit(id).await?;
        Ok(told)
    }

    /// Takes an account's codes away, the recovery codes with them.
    ///
    /// # Errors
    /// There is no such account, it has no codes, or the database failed.
    pub async fn remove_totp(&self, name: &AccountName) -> Result<()> {
        let mut change = self.change().await?;
        let id = change.id(name).await?;
        if !change.has_totp(id).await? {
            return Err(Error::NoTotp(name.clone()));
        }
        for delete in [
            "DELETE FROM totp WHERE account = ?",
            "DELETE FROM recovery_code WHERE account = ?",
        ] {
            change.run(sqlx::query(delete).bind(id)).await?;
        }
        change.touch(id).await?;
        change.commit(id).await
    }

    /// How many recovery codes an account has left.
    ///
    /// # Errors
    /// The database failed.
    pub async fn recovery_codes_left(&self, account: i64) -> Result<u32> {
        let count = sqlx::query_scalar("SELECT count(*) FROM recovery_code WHERE account = ?");
        Ok(count.bind(account).fetch_one(&self.0.pool).await?)
    }
}

impl Change<'_> {
    async fn has_totp(&mut self, account: i64) -> Result<bool> {
        let query = sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM totp WHERE account = ?)");
        Ok(query
            .bind(account)
            .fetch_one(&mut *self.transaction)
            .await?)
    }
}

//! The check of a one-time code.

use crate::error::{Error, Result};
use crate::store::{Accounts, seconds};
use crate::totp::{TotpSecret, TypedCode};
use secrecy::zeroize::Zeroize;
use secrecy::{ExposeSecret, SecretSlice};
use sqlx::{FromRow, Sqlite, Transaction};
use std::time::{Duration, SystemTime};

/// A row of the table `totp`.
#[derive(FromRow)]
struct TotpRecord {
    secret: Vec<u8>,
    failures: i64,
    failing_since: i64,
    refused_until: i64,
}

impl Accounts {
    /// Whether this is a code of the account with this id: the six digits of the present half
    /// minute, or of that before or after it, or a recovery code. A right code is used up by this:
    /// of many who ask with it at the same time one is told yes (security A14). An account without
    /// codes has none that is right.
    ///
    /// After ten wrong codes without a right one within an hour no digits are looked at for an
    /// hour, right or wrong; recovery codes still are, as they cannot be guessed.
    ///
    /// # Errors
    /// The database failed, or the record is damaged.
    pub async fn verify_code(&self, account: i64, code: &SecretSlice<u8>) -> Result<bool> {
        self.verify_code_at(account, code, SystemTime::now()).await
    }

    pub(crate) async fn verify_code_at(
        &self,
        account: i64,
        code: &SecretSlice<u8>,
        now: SystemTime,
    ) -> Result<bool> {
        let code = code.expose_secret();
        let code = match TypedCode::read(code) {
            Some(TypedCode::Recovery(digest)) => return self.use_recovery(account, digest).await,
            Some(TypedCode::Totp(code)) => code,
            // Counted like any other wrong code.
            None => &[],
        };
        // The only writer while it compares: guesses that come at the same time are counted one by
        // one, and none is looked at beyond the tenth.
        let mut transaction = self.0.pool.begin_with("BEGIN IMMEDIATE").await?;
        let record: Option<TotpRecord> = sqlx::query_as(
            "SELECT secret, failures, failing_since, refused_until \
             FROM totp WHERE account = ?",
        )
        .bind(account)
        .fetch_optional(&mut *transaction)
        .await?;
        let Some(record) = record else {
            return Ok(false);
        };
        let at = seconds(now);
        if record.refused_until > at {
            tracing::warn!(account, "a code is refused: too many were wrong");
            return Ok(false);
        }
        let secret = TotpSecret::from_record(&record.secret).ok_or_else(|| damaged(account))?;
        let step = secret
            .step_of(code, now)
            .and_then(|step| i64::try_from(step).ok());
        let right = match step {
            Some(step) => use_up(&mut transaction, account, step).await?,
            None => false,
        };
        if !right {
            record.count_failure(&mut transaction, account, at).await?;
        }
        transaction.commit().await?;
        Ok(right)
    }

    async fn use_recovery(&self, account: i64, digest: [u8; 32]) -> Result<bool> {
        let delete = sqlx::query("DELETE FROM recovery_code WHERE account = ? AND digest = ?")
            .bind(account)
            .bind(digest.to_vec());
        let used = delete.execute(&self.0.pool).await?.rows_affected() == 1;
        if used {
            tracing::info!(account, "a recovery code was used");
        }
        Ok(used)
    }
}

/// Takes the step, unless it or a later one was taken: RFC 6238 §5.2 asks for a code to be taken
/// once.
async fn use_up(
    transaction: &mut Transaction<'_, Sqlite>,
    account: i64,
    step: i64,
) -> Result<bool, sqlx::Error> {
    let update = sqlx::query(
        "UPDATE totp SET used_step = ?2, failures = 0, failing_since = 0 \
         WHERE account = ?1 AND used_step < ?2",
    );
    let done = update.bind(account).bind(step).execute(&mut **transaction);
    Ok(done.await?.rows_affected() == 1)
}

impl Drop for TotpRecord {
    fn drop(&mut self) {
        self.secret.zeroize();
    }
}

impl TotpRecord {
    async fn count_failure(
        &self,
        transaction: &mut Transaction<'_, Sqlite>,
        account: i64,
        now: i64,
    ) -> Result<(), sqlx::Error> {
        let recent = self.failing_since > now.saturating_sub(whole(FAILURES_WITHIN));
        let (failures, since) = if recent && self.failing_since <= now {
            (self.failures.saturating_add(1), self.failing_since)
        } else {
            (1, now)
        };
        let full = failures >= FAILURES;
        if full {
            tracing::warn!(account, "codes are refused for an hour: ten were wrong");
        }
        let (failures, since, until) = match full {
            true => (0, 0, now.saturating_add(whole(REFUSED_FOR))),
            false => (failures, since, 0),
        };
        let update = sqlx::query(
            "UPDATE totp SET failures = ?, failing_since = ?, refused_until = ? WHERE account = ?",
        );
        let update = update.bind(failures).bind(since).bind(until).bind(account);
        update.execute(&mut **transaction).await?;
        Ok(())
    }
}

fn damaged(account: i64) -> Error {
    Error::Damaged {
        account: format!("number {account}"),
        what: "the secret of its codes",
    }
}

fn whole(duration: Duration) -> i64 {
    i64::try_from(duration.as_secs()).unwrap_or(i64::MAX)
}

/// Three codes of a million are right at a time: ten guesses an hour find one in four years, by
/// somebody who knows the password already.
const FAILURES: i64 = 10;
const FAILURES_WITHIN: Duration = Duration::from_secs(3600);
const REFUSED_FOR: Duration = Duration::from_secs(3600);

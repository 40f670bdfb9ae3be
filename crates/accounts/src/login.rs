//! The login by password.

use crate::account::Account;
use crate::error::Error;
use crate::name::AccountName;
use crate::password::{MAX_PASSWORD, StoredPassword, Subject, Verdict};
use crate::store::Accounts;
use secrecy::{ExposeSecret, SecretSlice};
use std::fmt;
use std::time::Instant;

/// Why nobody was logged in.
#[derive(Debug)]
pub enum LoginError {
    /// The client is refused. All reasons look the same from outside (security A2).
    Denied(Denial),
    /// Too many logins wait for their check already (security A4): try again later.
    Busy,
    /// The accounts cannot be asked, or the record is damaged: nobody's fault at the client.
    Backend(Error),
}

/// Why a client is refused, for the log and never for the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denial {
    /// No such account, an account without a password, or another password.
    BadCredentials,
    /// The right password of a disabled account.
    Disabled,
}

impl Accounts {
    /// Checks a name and a password, as they came from the client. The answer for an unknown name,
    /// an account without a password and a wrong password costs the same work (security A1).
    ///
    /// The anonymous login is no account: whoever allows it does not ask here.
    ///
    /// # Errors
    /// See [`LoginError`].
    pub async fn authenticate(
        &self,
        name: &[u8],
        password: &SecretSlice<u8>,
    ) -> Result<Account, LoginError> {
        // Refused before any work, and whoever is asked for: so nothing is told by it.
        if !(1..=MAX_PASSWORD).contains(&password.expose_secret().len()) {
            return Err(LoginError::Denied(Denial::BadCredentials));
        }
        let record = match AccountName::try_from(name) {
            Ok(name) => self.record(&name).await?,
            Err(_) => None,
        };
        let with_password =
            record.and_then(|record| record.stored_password().map(|stored| (record, stored)));
        let Some((record, stored)) = with_password else {
            let turn = self.0.kdf.turn().await?;
            self.0.kdf.verify(turn, password, None).await?;
            return Err(LoginError::Denied(Denial::BadCredentials));
        };
        let account = record.account()?;
        if self.is_known(&account, &stored, password) {
            return admit(account);
        }
        let turn = self.0.kdf.turn().await?;
        // Of the connections a client opens at the same time, the first pays for all.
        if self.is_known(&account, &stored, password) {
            return admit(self.unchanged(account, &stored).await?);
        }
        let (verdict, _turn) = self.0.kdf.verify(turn, password, Some(&stored)).await?;
        match verdict {
            None => Err(record.damaged("the password").into()),
            Some(Verdict::Wrong) => Err(LoginError::Denied(Denial::BadCredentials)),
            Some(Verdict::Right { stronger }) => {
                let account = admit(self.unchanged(account, &stored).await?)?;
                self.keep(&account, stored, stronger, password).await;
                Ok(account)
            }
        }
    }

    fn is_known(
        &self,
        account: &Account,
        stored: &StoredPassword,
        password: &SecretSlice<u8>,
    ) -> bool {
        let subject = Subject {
            id: account.id,
            revision: account.revision,
            stored,
        };
        self.0
            .verified
            .as_ref()
            .is_some_and(|memory| memory.knows(subject, password, Instant::now()))
    }

    /// The account after its turn came, which may have taken seconds: disabled, removed or given
    /// another password meanwhile, it must not be let in as it was.
    async fn unchanged(
        &self,
        before: Account,
        stored: &StoredPassword,
    ) -> Result<Account, LoginError> {
        let gone = LoginError::Denied(Denial::BadCredentials);
        let record = self.record_by_id(before.id).await?.ok_or(gone)?;
        let account = record.account()?;
        // At the same revision another login may have stored a stronger hash of the same password.
        if account.revision != before.revision && record.stored_password().as_ref() != Some(stored)
        {
            return Err(LoginError::Denied(Denial::BadCredentials));
        }
        Ok(account)
    }

    /// Remembers a password that is right, and stores its hash at today's cost where it has another.
    async fn keep(
        &self,
        account: &Account,
        mut stored: StoredPassword,
        stronger: Option<StoredPassword>,
        password: &SecretSlice<u8>,
    ) {
        if let Some(stronger) = stronger {
            // No new revision: what the account may do is the same.
            let update =
                sqlx::query("UPDATE account SET password = ? WHERE id = ? AND password = ?")
                    .bind(stronger.as_str())
                    .bind(account.id)
                    .bind(stored.as_str());
            match update.execute(&self.0.pool).await {
                Ok(done) if done.rows_affected() == 1 => stored = stronger,
                Ok(_) => return,
                Err(error) => {
                    tracing::warn!(account = %account.name, %error, "cannot store a stronger hash of a password");
                }
            }
        }
        if let Some(memory) = &self.0.verified {
            let subject = Subject {
                id: account.id,
                revision: account.revision,
                stored: &stored,
            };
            memory.remember(subject, password, Instant::now());
        }
    }
}

impl From<Error> for LoginError {
    fn from(error: Error) -> Self {
        match error {
            Error::Busy => Self::Busy,
            error => Self::Backend(error),
        }
    }
}

impl fmt::Display for LoginError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Denied(Denial::BadCredentials | Denial::Disabled) => "login refused",
            Self::Busy => "too many logins at the moment",
            Self::Backend(_) => "the accounts cannot be asked",
        })
    }
}

impl std::error::Error for LoginError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Denied(_) | Self::Busy => None,
            Self::Backend(error) => Some(error),
        }
    }
}

impl fmt::Display for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BadCredentials => "bad credentials",
            Self::Disabled => "account disabled",
        })
    }
}

fn admit(account: Account) -> Result<Account, LoginError> {
    if account.enabled {
        Ok(account)
    } else {
        Err(LoginError::Denied(Denial::Disabled))
    }
}

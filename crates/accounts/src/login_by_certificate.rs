//! The login by a client certificate, and the certificate as a second factor.

use crate::account::Account;
use crate::certificate::{CertificateUse, Presented};
use crate::error::{Error, Result};
use crate::login::{Denial, LoginError, admit};
use crate::name::AccountName;
use crate::store::{Accounts, BY_ID, BY_NAME, CertificateRecord, Record};
use std::net::IpAddr;

impl Accounts {
    /// Lets a client in that named an account and proved that it holds the key of a certificate.
    /// `fingerprint` is the SHA-256 of the certificate's DER; `subject`, as RFC 4514 writes it, is
    /// given only where the certificate's chain is trusted.
    ///
    /// Only accounts with [`CertificateUse::Login`] enter so, and none that has one-time codes: there
    /// is no way in without one (security A14). The answer for an unknown name and
    /// for an account with other certificates is the same, after the same work; as there is no
    /// secret to guess, it comes at once.
    ///
    /// # Errors
    /// See [`LoginError`]; never `Busy`.
    pub async fn authenticate_by_certificate(
        &self,
        name: &[u8],
        fingerprint: &[u8; 32],
        subject: Option<&str>,
        peer: IpAddr,
    ) -> Result<Account, LoginError> {
        const BAD: LoginError = LoginError::Denied(Denial::BadCredentials);
        let presented = Presented::new(fingerprint, subject);
        // No account has the empty name, and asking for it costs the same.
        let name = AccountName::try_from(name).ok();
        let name = name.as_ref().map_or("", AccountName::as_str);
        let mut snapshot = self.0.pool.begin().await.map_err(Error::from)?;
        let record: Option<Record> = sqlx::query_as(BY_NAME)
            .bind(name)
            .fetch_optional(&mut *snapshot)
            .await
            .map_err(Error::from)?;
        let id = record.as_ref().map_or(0, |record| record.id);
        let held = CertificateRecord::all(&mut snapshot, id)
            .await
            .map_err(Error::from)?;
        let record = record.ok_or(BAD)?;
        if record.certificate_use()? != CertificateUse::Login {
            return Err(BAD);
        }
        if !is_one_of(&held, &record, &presented)? {
            return Err(BAD);
        }
        let account = admit(record.account()?, peer)?;
        if account.has_totp {
            return Err(LoginError::Denied(Denial::Code));
        }
        Ok(account)
    }

    /// Whether a certificate is one of those of the account with this id: the second factor of
    /// [`CertificateUse::Factor`], and what a session that entered by a certificate asks again
    /// after a change. `subject` as in [`Accounts::authenticate_by_certificate`]. What the account
    /// uses certificates for is not looked at; an account that was removed has none.
    ///
    /// # Errors
    /// The database failed, or any certificate of the account is damaged.
    pub async fn has_certificate(
        &self,
        account: i64,
        fingerprint: &[u8; 32],
        subject: Option<&str>,
    ) -> Result<bool> {
        let mut snapshot = self.0.pool.begin().await?;
        let record: Option<Record> = sqlx::query_as(BY_ID)
            .bind(account)
            .fetch_optional(&mut *snapshot)
            .await?;
        let Some(record) = record else {
            return Ok(false);
        };
        let held = CertificateRecord::all(&mut snapshot, account).await?;
        is_one_of(&held, &record, &Presented::new(fingerprint, subject))
    }
}

/// All of them are read before one decides: what was done to a damaged one may have been done to
/// the others (security F26).
fn is_one_of(
    held: &[CertificateRecord],
    record: &Record,
    presented: &Presented<'_>,
) -> Result<bool> {
    let mut found = false;
    for held in held {
        found |= presented.is(&held.certificate(record)?.certificate);
    }
    Ok(found)
}

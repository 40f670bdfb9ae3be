//! Changing what client certificates are good for, and which an account is known by.

use super::{Change, is_taken};
use crate::certificate::{AccountCertificate, CertificateMatch, CertificateUse};
use crate::error::{Error, Result};
use crate::name::AccountName;
use crate::store::{Accounts, now, time};
use std::time::SystemTime;

impl Accounts {
    /// Adds a client certificate an account is known by. The same one may belong to several
    /// accounts: the client names the account it wants.
    ///
    /// # Errors
    /// There is no such account, the account has the certificate already or has as many as it may,
    /// or the database failed.
    pub async fn add_certificate(
        &self,
        name: &AccountName,
        certificate: &CertificateMatch,
    ) -> Result<AccountCertificate> {
        let mut change = self.change().await?;
        let id = change.id(name).await?;
        let certificate = change.insert_certificate(name, id, certificate).await?;
        change.touch(id).await?;
        change.commit(id).await?;
        Ok(certificate)
    }

    /// Removes a client certificate of an account.
    ///
    /// # Errors
    /// There is no such account, it has no such certificate, or the database failed.
    pub async fn remove_certificate(
        &self,
        name: &AccountName,
        certificate: &CertificateMatch,
    ) -> Result<()> {
        let mut change = self.change().await?;
        let id = change.id(name).await?;
        let certificate = certificate.to_string();
        let delete = sqlx::query("DELETE FROM certificate WHERE account = ? AND certificate = ?")
            .bind(id)
            .bind(&*certificate);
        if change.run(delete).await? == 0 {
            return Err(Error::UnknownCertificate {
                name: name.clone(),
                certificate,
            });
        }
        change.touch(id).await?;
        change.commit(id).await
    }

    /// Sets what a client certificate is good for at the login of an account.
    ///
    /// # Errors
    /// There is no such account, or the database failed.
    pub async fn set_certificate_use(
        &self,
        name: &AccountName,
        certificate_use: CertificateUse,
    ) -> Result<()> {
        let sql = "UPDATE account SET certificate_use = ?2 WHERE id = ?1";
        self.set(name, sql, certificate_use.word()).await
    }

    /// Sets whether an account may have files sent between this server and another one (FXP).
    ///
    /// # Errors
    /// There is no such account, or the database failed.
    pub async fn set_fxp(&self, name: &AccountName, fxp: bool) -> Result<()> {
        self.set(name, "UPDATE account SET fxp = ?2 WHERE id = ?1", fxp)
            .await
    }
}

impl Change<'_> {
    pub(super) async fn insert_certificate(
        &mut self,
        name: &AccountName,
        account: i64,
        certificate: &CertificateMatch,
    ) -> Result<AccountCertificate> {
        let count: i64 = sqlx::query_scalar("SELECT count(*) FROM certificate WHERE account = ?")
            .bind(account)
            .fetch_one(&mut *self.transaction)
            .await?;
        if count >= MAX_CERTIFICATES {
            return Err(Error::TooManyCertificates {
                max: MAX_CERTIFICATES,
            });
        }
        let (added, text) = (now(), certificate.to_string());
        let insert =
            sqlx::query("INSERT INTO certificate (account, certificate, added) VALUES (?, ?, ?)")
                .bind(account)
                .bind(&*text)
                .bind(added);
        if let Err(error) = self.run(insert).await {
            return Err(if is_taken(&error) {
                Error::CertificateExists {
                    name: name.clone(),
                    certificate: text,
                }
            } else {
                error.into()
            });
        }
        Ok(AccountCertificate {
            certificate: certificate.clone(),
            added: time(added).unwrap_or(SystemTime::UNIX_EPOCH),
        })
    }
}

/// The greatest number of certificates of one account.
const MAX_CERTIFICATES: i64 = 64;

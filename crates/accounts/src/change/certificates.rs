//! Changing what client certificates are good for, and which an account is known by.

use super::{Change, is_taken};
use crate::certificate::{CertificateMatch, CertificateUse};
use crate::error::{Error, Result};
use crate::name::AccountName;
use crate::store::{Accounts, now};

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
    ) -> Result<()> {
        let mut change = self.change().await?;
        let id = change.id(name).await?;
        change.insert_certificate(name, id, certificate).await?;
        change.touch(id).await?;
        change.commit(id).await
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
    ) -> Result<()> {
        let count: i64 = sqlx::query_scalar("SELECT count(*) FROM certificate WHERE account = ?")
            .bind(account)
            .fetch_one(&mut *self.transaction)
            .await?;
        let certificate = certificate.to_string();
        let insert =
            sqlx::query("INSERT INTO certificate (account, certificate, added) VALUES (?, ?, ?)")
                .bind(account)
                .bind(&*certificate)
                .bind(now());
        match self.run(insert).await {
            Ok(_) if count >= MAX_CERTIFICATES => Err(Error::TooManyCertificates {
                max: MAX_CERTIFICATES,
            }),
            Ok(_) => Ok(()),
            Err(error) if is_taken(&error) => Err(Error::CertificateExists {
                name: name.clone(),
                certificate,
            }),
            Err(error) => Err(error.into()),
        }
    }
}

/// The greatest number of certificates of one account.
const MAX_CERTIFICATES: i64 = 64;

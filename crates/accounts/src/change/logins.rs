//! Changing how long, from where and by what an account logs in.

use super::check_path;
use crate::error::{Error, Result};
use crate::login_rule::LoginRule;
use crate::name::AccountName;
use crate::network::Network;
use crate::store::{Accounts, seconds};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::SystemTime;

impl Accounts {
    /// Sets the moment, in whole seconds, from which on nobody logs in to an account any more and
    /// its sessions end; `None`: never.
    ///
    /// # Errors
    /// There is no such account, or the database failed.
    pub async fn set_expires(&self, name: &AccountName, expires: Option<SystemTime>) -> Result<()> {
        let sql = "UPDATE account SET expires = ?2 WHERE id = ?1";
        self.set(name, sql, expires.map(seconds)).await
    }

    /// Sets where an account may come from, by whatever protocol; none: everywhere.
    ///
    /// # Errors
    /// There is no such account, or the database failed.
    pub async fn set_networks(&self, name: &AccountName, networks: &[Network]) -> Result<()> {
        let sql = "UPDATE account SET networks = ?2 WHERE id = ?1";
        self.set(name, sql, list(networks)).await
    }

    /// Sets which methods of SSH are enough for an account; `None`: any one, or what
    /// [`Account::login_rule`](crate::Account::login_rule) says of an account with codes.
    ///
    /// # Errors
    /// There is no such account, or the database failed.
    pub async fn set_login(&self, name: &AccountName, login: Option<&LoginRule>) -> Result<()> {
        let sql = "UPDATE account SET login = ?2 WHERE id = ?1";
        self.set(name, sql, login.map(LoginRule::to_string)).await
    }

    /// Sets whether an account may use the old protocol of scp.
    ///
    /// # Errors
    /// There is no such account, or the database failed.
    pub async fn set_scp(&self, name: &AccountName, scp: bool) -> Result<()> {
        self.set(name, "UPDATE account SET scp = ?2 WHERE id = ?1", scp)
            .await
    }

    /// Sets the file with keys and authorities that an account can log in with, beside those in
    /// the database; `None`: there is none. It is read at the login and need not be there yet.
    ///
    /// # Errors
    /// There is no such account, the path is not absolute and plain, or the database failed.
    pub async fn set_authorized_keys(&self, name: &AccountName, file: Option<&Path>) -> Result<()> {
        file.map(check_keys_file).transpose()?;
        let file = file.map(|file| file.as_os_str().as_bytes().to_vec());
        let sql = "UPDATE account SET authorized_keys = ?2 WHERE id = ?1";
        self.set(name, sql, file).await
    }
}

/// Whether a path can be an account's file of keys: it means one file wherever the server starts.
pub(super) fn check_keys_file(file: &Path) -> Result<()> {
    check_path(file).map_err(|_| Error::KeysFile)
}

/// Networks as the database has them.
pub(super) fn list(networks: &[Network]) -> String {
    let networks: Vec<String> = networks.iter().map(Network::to_string).collect();
    networks.join(",")
}

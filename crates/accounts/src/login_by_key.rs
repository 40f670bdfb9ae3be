//! The login by a key of SSH, and by a certificate of an authority of the account's.

use crate::account::Account;
use crate::authorized_keys::AuthorizedKeys;
use crate::error::{Error, Result};
use crate::key::PublicKey;
use crate::login::{Denial, LoginError, admit};
use crate::name::AccountName;
use crate::store::{Accounts, BY_ID, BY_NAME, KeyRecord, Record};
use sqlx::SqliteConnection;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

/// A login by a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyLogin {
    /// The account as it is.
    pub account: Account,
    /// Where the key stands.
    pub origin: KeyOrigin,
    /// What people call it, for the log: printable, may be empty.
    pub label: String,
    /// The moment from which on the key counts for nothing, and its session ends; `None`: never.
    pub until: Option<SystemTime>,
}

/// Where a key stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyOrigin {
    /// With the account in the database.
    Database,
    /// In the account's file of keys.
    File {
        /// The number of the line, from 1 on.
        line: usize,
    },
}

/// An authority whose certificates open an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyAuthority {
    /// The account as it is.
    pub account: Account,
    /// Never empty: one of these has to be among the principals that a certificate names, letter
    /// for letter. Where the file says nothing it is the account's name alone.
    pub principals: Vec<String>,
    /// The moment from which on the authority counts for nothing, and sessions by its certificates
    /// end; `None`: never. Of several lines the earliest.
    pub until: Option<SystemTime>,
}

impl Accounts {
    /// Whether this key would open the account from this address: the answer to a client that asks
    /// before it signs (RFC 4252 §7). It grants nothing. `key` is as RFC 4253 §6.6 encodes it, as
    /// the client sent it.
    ///
    /// # Errors
    /// See [`LoginError`]; never `Denied` or `Busy`.
    pub async fn key_query(
        &self,
        name: &[u8],
        key: &[u8],
        peer: IpAddr,
    ) -> Result<bool, LoginError> {
        match self.authenticate_by_key(name, key, peer).await {
            Ok(_) => Ok(true),
            Err(LoginError::Denied(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Lets a client in that named an account and whose signature by this very key was verified
    /// (security A7). Keys stand with the account and in its file; the database is asked first.
    /// One that is in both counts where either lets it in.
    ///
    /// Every refusal is the same, and comes after the same time (security A1, A2).
    ///
    /// # Errors
    /// See [`LoginError`]; never `Busy`.
    pub async fn authenticate_by_key(
        &self,
        name: &[u8],
        key: &[u8],
        peer: IpAddr,
    ) -> Result<KeyLogin, LoginError> {
        let start = Instant::now();
        let told = self.check_key(name, key, peer).await;
        if let Err(LoginError::Denied(_)) = told {
            self.key_refusal(start).await;
        }
        told
    }

    /// Whether certificates by this authority open the account from this address, and for whom:
    /// asked with the key that signed the certificate, which the front-end has verified in all its
    /// parts. An authority is named by `cert-authority` in the account's file of keys.
    ///
    /// # Errors
    /// See [`LoginError`]; never `Busy`.
    pub async fn certificate_authority_for(
        &self,
        name: &[u8],
        authority: &[u8],
        peer: IpAddr,
    ) -> Result<KeyAuthority, LoginError> {
        let start = Instant::now();
        let told = self.check_authority(name, authority, peer).await;
        if let Err(LoginError::Denied(_)) = told {
            self.key_refusal(start).await;
        }
        told
    }

    /// Lets a client in that has proved who it is by something the accounts do not know of, as a
    /// certificate of an authority in the settings. What else stands in the way of a login is
    /// looked at: whether the account is enabled, its time, its networks.
    ///
    /// # Errors
    /// See [`LoginError`]; never `Busy`.
    pub async fn authenticate_proven(
        &self,
        name: &[u8],
        peer: IpAddr,
    ) -> Result<Account, LoginError> {
        let start = Instant::now();
        let told = match AccountName::try_from(name) {
            Ok(name) => self.record(&name).await?,
            Err(_) => None,
        };
        let told = match told {
            Some(record) => admit(record.account()?, peer),
            None => Err(DENIED),
        };
        if let Err(LoginError::Denied(_)) = told {
            self.key_refusal(start).await;
        }
        told
    }

    /// Whether a key still opens the account with this id from this address: what a session that
    /// entered by it asks again. Whether the account is enabled is not looked at; one that was
    /// removed has no keys.
    ///
    /// # Errors
    /// The database failed, or the record of the account or of the key is damaged.
    pub async fn has_key(&self, account: i64, key: &[u8], peer: IpAddr) -> Result<bool> {
        let mut snapshot = self.0.pool.begin().await?;
        let Some(account) = by_id(&mut snapshot, account).await? else {
            return Ok(false);
        };
        let held = KeyRecord::find(&mut snapshot, account.id, key).await?;
        drop(snapshot);
        Ok(self.find_key(account, held, key, peer).await?.is_some())
    }

    /// The authority's part in the account with this id, if it still has one: what a session that
    /// entered by one of its certificates asks again.
    ///
    /// # Errors
    /// The database failed, or the record of the account is damaged.
    pub async fn has_authority(
        &self,
        account: i64,
        authority: &[u8],
        peer: IpAddr,
    ) -> Result<Option<KeyAuthority>> {
        let mut snapshot = self.0.pool.begin().await?;
        let account = by_id(&mut snapshot, account).await?;
        drop(snapshot);
        match account {
            Some(account) => self.find_authority(account, authority, peer).await,
            None => Ok(None),
        }
    }

    async fn check_key(
        &self,
        name: &[u8],
        key: &[u8],
        peer: IpAddr,
    ) -> Result<KeyLogin, LoginError> {
        // What is no key that is taken is nobody's, whoever is asked for.
        PublicKey::from_wire(key).map_err(|_| DENIED)?;
        let (record, held) = self.named(name, key).await?;
        let account = record.ok_or(DENIED)?.account()?;
        let found = self.find_key(account, held, key, peer).await?;
        let login = found.ok_or(DENIED)?;
        let account = admit(login.account, peer)?;
        Ok(KeyLogin { account, ..login })
    }

    async fn check_authority(
        &self,
        name: &[u8],
        authority: &[u8],
        peer: IpAddr,
    ) -> Result<KeyAuthority, LoginError> {
        PublicKey::from_wire(authority).map_err(|_| DENIED)?;
        let (record, _) = self.named(name, authority).await?;
        let account = record.ok_or(DENIED)?.account()?;
        let found = self.find_authority(account, authority, peer).await?;
        let found = found.ok_or(DENIED)?;
        let account = admit(found.account, peer)?;
        Ok(KeyAuthority { account, ..found })
    }

    /// The account of this name and what it has of the key in the database, after the same work
    /// for a name that nobody has.
    async fn named(&self, name: &[u8], key: &[u8]) -> Result<(Option<Record>, Option<KeyRecord>)> {
        // No account has the empty name, and asking for it costs the same.
        let name = AccountName::try_from(name).ok();
        let name = name.as_ref().map_or("", AccountName::as_str);
        let mut snapshot = self.0.pool.begin().await?;
        let record: Option<Record> = sqlx::query_as(BY_NAME)
            .bind(name)
            .fetch_optional(&mut *snapshot)
            .await?;
        let id = record.as_ref().map_or(0, |record| record.id);
        let held = KeyRecord::find(&mut snapshot, id, key).await?;
        Ok((record, held))
    }

    async fn find_key(
        &self,
        account: Account,
        held: Option<KeyRecord>,
        key: &[u8],
        peer: IpAddr,
    ) -> Result<Option<KeyLogin>> {
        if let Some(held) = held {
            let label = held.key(&account.name)?.label;
            return Ok(Some(KeyLogin {
                account,
                origin: KeyOrigin::Database,
                label,
                until: None,
            }));
        }
        let file = self.key_file(&account).await?;
        let found = file.key(key, peer, SystemTime::now());
        Ok(found.map(|entry| KeyLogin {
            account,
            origin: KeyOrigin::File { line: entry.line },
            label: entry.label.clone(),
            until: entry.until,
        }))
    }

    async fn find_authority(
        &self,
        account: Account,
        authority: &[u8],
        peer: IpAddr,
    ) -> Result<Option<KeyAuthority>> {
        let file = self.key_file(&account).await?;
        let mut principals = Vec::new();
        let mut until: Option<SystemTime> = None;
        for (entry, names) in file.authorities(authority, peer, SystemTime::now()) {
            if names.is_empty() {
                principals.push(account.name.as_str().to_owned());
            }
            principals.extend_from_slice(names);
            until = [until, entry.until].into_iter().flatten().min();
        }
        Ok((!principals.is_empty()).then_some(KeyAuthority {
            account,
            principals,
            until,
        }))
    }

    /// What the account's file of keys holds now.
    async fn key_file(&self, account: &Account) -> Result<Arc<AuthorizedKeys>> {
        let Some(file) = account.authorized_keys.clone() else {
            return Ok(Arc::default());
        };
        let (accounts, name) = (self.clone(), account.name.clone());
        let read = move || accounts.0.key_files.read(&name, &file);
        tokio::task::spawn_blocking(read)
            .await
            .map_err(|_| Error::GivenUp)
    }
}

async fn by_id(snapshot: &mut SqliteConnection, id: i64) -> Result<Option<Account>> {
    let record: Option<Record> = sqlx::query_as(BY_ID)
        .bind(id)
        .fetch_optional(snapshot)
        .await?;
    record.as_ref().map(Record::account).transpose()
}

const DENIED: LoginError = LoginError::Denied(Denial::Key);

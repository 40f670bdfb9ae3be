//! What is known of an account.

use crate::certificate::{CertificateMatch, CertificateUse};
use crate::key::PublicKey;
use crate::name::AccountName;
use crate::permission::PermissionSet;
use crate::permissions::Permissions;
use secrecy::SecretSlice;
use std::path::PathBuf;
use std::time::SystemTime;

/// An account as it stood at one revision: what a session keeps from its login on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Never given twice; 0 for the anonymous account, which is not in the database.
    pub id: i64,
    /// The name it logs in with.
    pub name: AccountName,
    /// A disabled account cannot log in, and its sessions end.
    pub enabled: bool,
    /// The folder it sees as `/`, absolute; `None`: the server's own root.
    pub home: Option<PathBuf>,
    /// What it may do where.
    pub permissions: Permissions,
    /// Sessions at a time, at least 1; `None`: the server's own limit for one account.
    pub max_sessions: Option<u32>,
    /// Whether it can log in with a password at all.
    pub has_password: bool,
    /// What a client certificate is good for at its login.
    pub certificate_use: CertificateUse,
    /// Whether it may have files sent between this server and another one (FXP), where the server
    /// allows that at all.
    pub fxp: bool,
    /// The revision of the last change to it; grows with every change.
    pub revision: i64,
    /// When it was made, wall-clock.
    pub created: SystemTime,
}

/// An account to be made.
#[derive(Debug, Clone)]
pub struct NewAccount {
    /// The name it logs in with.
    pub name: AccountName,
    /// The folder it sees as `/`, absolute; `None`: the server's own root.
    pub home: Option<PathBuf>,
    /// 1 to [`MAX_PASSWORD`](crate::MAX_PASSWORD) bytes; `None`: no login by password.
    pub password: Option<SecretSlice<u8>>,
    /// What it may do where.
    pub permissions: Permissions,
    /// Sessions at a time, at least 1; `None`: the server's own limit for one account.
    pub max_sessions: Option<u32>,
    /// The public keys it can log in with.
    pub keys: Vec<PublicKey>,
    /// What a client certificate is good for at its login.
    pub certificate_use: CertificateUse,
    /// The client certificates it is known by.
    pub certificates: Vec<CertificateMatch>,
    /// Whether it may have files sent between this server and another one (FXP), where the server
    /// allows that at all.
    pub fxp: bool,
}

impl Account {
    /// The account of anonymous sessions (RFC 1635): read-only, not in the database, so
    /// [`Accounts::current`](crate::Accounts::current) knows nothing of it.
    #[must_use]
    pub fn anonymous(home: impl Into<PathBuf>) -> Self {
        Self {
            id: 0,
            name: AccountName::anonymous(),
            enabled: true,
            home: Some(home.into()),
            permissions: Permissions::everywhere(PermissionSet::READ_ONLY),
            max_sessions: None,
            has_password: false,
            certificate_use: CertificateUse::Off,
            fxp: false,
            revision: 0,
            created: SystemTime::UNIX_EPOCH,
        }
    }

    /// Whether this is the anonymous account.
    #[must_use]
    pub fn is_anonymous(&self) -> bool {
        self.id == 0
    }
}

impl NewAccount {
    /// An account with full permissions, the server's own root and limit, and no way to log in yet.
    #[must_use]
    pub fn new(name: AccountName) -> Self {
        Self {
            name,
            home: None,
            password: None,
            permissions: Permissions::everywhere(PermissionSet::FULL),
            max_sessions: None,
            keys: Vec::new(),
            certificate_use: CertificateUse::Off,
            certificates: Vec::new(),
            fxp: false,
        }
    }
}

//! What is known of an account.

use crate::certificate::{CertificateMatch, CertificateUse};
use crate::key::PublicKey;
use crate::login_rule::{LoginRule, Method, Progress};
use crate::name::AccountName;
use crate::network::Network;
use crate::permission::PermissionSet;
use crate::permissions::Permissions;
use secrecy::SecretSlice;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::SystemTime;

/// An account as it stood at one revision: what a session keeps from its login on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Never given twice; 0 for the anonymous account, which is not in the database.
    pub id: i64,
    /// The name it logs in with.
    pub name: AccountName,
    /// A disabled account cannot log in, and its sessions end. Whether it can is asked of
    /// [`Account::is_active`].
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
    /// The moment from which on nobody logs in any more and its sessions end, wall-clock, in whole
    /// seconds; `None`: never.
    pub expires: Option<SystemTime>,
    /// Where it may come from, by whatever protocol; none: everywhere.
    pub networks: Vec<Network>,
    /// Which methods of SSH are enough. `None`: see [`Account::login_rule`], which is what counts.
    pub login: Option<LoginRule>,
    /// Whether it may use the old protocol of scp.
    pub scp: bool,
    /// A file with keys and authorities it can log in with, absolute, read at the login.
    pub authorized_keys: Option<PathBuf>,
    /// Whether it has one-time codes: then there is no way in without one.
    pub has_totp: bool,
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
    /// The moment from which on nobody logs in any more and its sessions end, wall-clock, in whole
    /// seconds; `None`: never.
    pub expires: Option<SystemTime>,
    /// Where it may come from, by whatever protocol; none: everywhere.
    pub networks: Vec<Network>,
    /// Which methods of SSH are enough. `None`: see [`Account::login_rule`], which is what counts.
    pub login: Option<LoginRule>,
    /// Whether it may use the old protocol of scp.
    pub scp: bool,
    /// A file with keys and authorities it can log in with, absolute, read at the login.
    pub authorized_keys: Option<PathBuf>,
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
            expires: None,
            networks: Vec::new(),
            login: None,
            scp: false,
            authorized_keys: None,
            has_totp: false,
            revision: 0,
            created: SystemTime::UNIX_EPOCH,
        }
    }

    /// Whether this is the anonymous account.
    #[must_use]
    pub fn is_anonymous(&self) -> bool {
        self.id == 0
    }

    /// Whether it may log in and have sessions at this time: it is enabled and has not expired.
    #[must_use]
    pub fn is_active(&self, now: SystemTime) -> bool {
        self.enabled && !self.has_expired(now)
    }

    /// Whether its time is over.
    #[must_use]
    pub fn has_expired(&self, now: SystemTime) -> bool {
        self.expires.is_some_and(|expires| expires <= now)
    }

    /// Whether it may come from this address (security A8).
    #[must_use]
    pub fn allows(&self, peer: IpAddr) -> bool {
        self.networks.is_empty() || self.networks.iter().any(|network| network.contains(peer))
    }

    /// What is enough for its login by SSH. Without a rule of its own that is any one method. An
    /// account with codes is asked for one at the end of every chain, whatever its rule says
    /// (security A14).
    #[must_use]
    pub fn login_rule(&self) -> LoginRule {
        match (&self.login, self.has_totp) {
            (Some(rule), false) => rule.clone(),
            (Some(rule), true) => rule.with_code(),
            (None, false) => LoginRule::any_one(),
            (None, true) => LoginRule::any_one_with_code(),
        }
    }

    /// Whether the rule for SSH would be content with what other protocols can show: the password,
    /// its code, and the client certificate where one is asked for beside it, which stands for the
    /// key. Where it would not, they are no way round it (security A14).
    #[must_use]
    pub fn password_is_enough(&self) -> bool {
        let mut shown = vec![Method::Password, Method::KeyboardInteractive];
        if self.certificate_use == CertificateUse::Factor {
            shown.push(Method::PublicKey);
        }
        // They come all at once: in whatever order the rule wants them.
        let done = shown.repeat(shown.len());
        let rule = self.login.as_ref();
        rule.is_none_or(|rule| rule.progress(&done) == Progress::Complete)
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
            expires: None,
            networks: Vec::new(),
            login: None,
            scp: false,
            authorized_keys: None,
        }
    }
}

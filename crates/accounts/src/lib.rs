//! Who may enter and what they may do: accounts, permissions, keys, client certificates, one-time
//! codes.
//!
//! [`Accounts`] is a handle on the database of accounts. A front-end asks it once, at the login,
//! and keeps the [`Account`] it is given for the whole session; nothing here stands in the way of
//! a running session. What keeps such a copy true is the revision: every change raises it, and
//! [`Accounts::watch`] tells of it, also when another process made the change.
//!
//! Paths are prefixes here, bytes compared component by component; this crate opens none of them.

mod account;
mod authorized_keys;
mod certificate;
mod change;
mod code;
mod distinguished_name;
mod error;
mod key;
mod key_file;
mod login;
mod login_by_certificate;
mod login_by_key;
mod login_rule;
mod name;
mod network;
mod open;
mod password;
mod permission;
mod permissions;
mod store;
mod totp;
mod watch;

#[cfg(test)]
mod tests;

pub use account::{Account, NewAccount};
pub use authorized_keys::{
    AddressPatterns, AuthorizedKey, AuthorizedKeys, AuthorizedKeysError, Problem,
};
pub use certificate::{
    AccountCertificate, CertificateError, CertificateMatch, CertificateUse, UnknownCertificateUse,
};
pub use distinguished_name::{DistinguishedName, DistinguishedNameError};
pub use error::{DatabaseError, Error, HomeError, Result};
pub use key::{AccountKey, KeyError, PublicKey};
pub use key_file::KeyFileError;
pub use login::{Denial, LoginError, PasswordUse};
pub use login_by_key::{KeyAuthority, KeyLogin, KeyOrigin};
pub use login_rule::{LoginRule, LoginRuleError, Method, MethodSet, Progress};
pub use name::{AccountName, NameError};
pub use network::{Network, NetworkError};
pub use open::Options;
pub use password::{KdfCost, MAX_PASSWORD, PasswordError, generate_password};
pub use permission::{Permission, PermissionSet, UnknownPermission};
pub use permissions::{Permissions, PermissionsError};
pub use store::Accounts;
pub use totp::{RecoveryCodes, TotpSecret};

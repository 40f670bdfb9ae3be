//! Who may enter and what they may do: accounts, permissions, keys, client certificates.
//!
//! [`Accounts`] is a handle on the database of accounts. A front-end asks it once, at the login,
//! and keeps the [`Account`] it is given for the whole session; nothing here stands in the way of
//! a running session. What keeps such a copy true is the revision: every change raises it, and
//! [`Accounts::watch`] tells of it, also when another process made the change.
//!
//! Paths are prefixes here, bytes compared component by component; this crate opens none of them.

mod account;
mod certificate;
mod change;
mod distinguished_name;
mod error;
mod key;
mod login;
mod login_by_certificate;
mod name;
mod open;
mod password;
mod permission;
mod permissions;
mod store;
mod watch;

#[cfg(test)]
mod tests;

pub use account::{Account, NewAccount};
pub use certificate::{
    AccountCertificate, CertificateError, CertificateMatch, CertificateUse, UnknownCertificateUse,
};
pub use distinguished_name::{DistinguishedName, DistinguishedNameError};
pub use error::{DatabaseError, Error, HomeError, Result};
pub use key::{AccountKey, KeyError, PublicKey};
pub use login::{Denial, LoginError};
pub use name::{AccountName, NameError};
pub use open::Options;
pub use password::{KdfCost, MAX_PASSWORD, PasswordError, generate_password};
pub use permission::{Permission, PermissionSet, UnknownPermission};
pub use permissions::{Permissions, PermissionsError};
pub use store::Accounts;

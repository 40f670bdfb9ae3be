//! What can go wrong with the accounts, by whose fault it is.

use crate::certificate::CertificateError;
use crate::key::KeyError;
use crate::name::{AccountName, NameError};
use crate::password::PasswordError;
use crate::permissions::PermissionsError;
use std::path::PathBuf;

/// The result of an operation on the accounts.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why an operation on the accounts failed. The texts are made for the person who runs wharf.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No account has this name.
    #[error("there is no account `{0}`")]
    UnknownAccount(AccountName),
    /// The name is taken.
    #[error("there is an account `{0}` already")]
    AccountExists(AccountName),
    /// Not a name.
    #[error(transparent)]
    Name(#[from] NameError),
    /// Not permissions.
    #[error(transparent)]
    Permissions(#[from] PermissionsError),
    /// Not a password that can be kept.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// Not a public key that can be used.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The account has no key with this fingerprint.
    #[error("the account `{name}` has no key `{fingerprint}`")]
    UnknownKey {
        /// The account.
        name: AccountName,
        /// What was asked for, escaped for display.
        fingerprint: String,
    },
    /// The account has the key already.
    #[error("the account `{name}` has the key `{fingerprint}` already")]
    KeyExists {
        /// The account.
        name: AccountName,
        /// The key's fingerprint.
        fingerprint: String,
    },
    /// More keys than one account may have.
    #[error("an account has at most {max} keys")]
    TooManyKeys {
        /// The limit.
        max: i64,
    },
    /// Not a certificate's fingerprint or subject.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// The account is not known by this certificate.
    #[error("the account `{name}` has no certificate `{certificate}`")]
    UnknownCertificate {
        /// The account.
        name: AccountName,
        /// What was asked for.
        certificate: String,
    },
    /// The account is known by the certificate already.
    #[error("the account `{name}` has the certificate `{certificate}` already")]
    CertificateExists {
        /// The account.
        name: AccountName,
        /// Its fingerprint or subject.
        certificate: String,
    },
    /// More certificates than one account may have.
    #[error("an account has at most {max} certificates")]
    TooManyCertificates {
        /// The limit.
        max: i64,
    },
    /// Not a folder that can be a home.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// Not a path that can be an account's file of keys.
    #[error(
        "the file of an account's keys is an absolute path of at most 4096 bytes, without `..` and NUL"
    )]
    KeysFile,
    /// The account has one-time codes already.
    #[error("the account `{0}` has one-time codes already")]
    TotpExists(AccountName),
    /// The account has no one-time codes.
    #[error("the account `{0}` has no one-time codes")]
    NoTotp(AccountName),
    /// Not a code of the secret that is to be put in force.
    #[error(
        "this is not the code that the app should show\n\nhint: check that the clocks of this machine and of the app's are right"
    )]
    WrongCode,
    /// A limit of no sessions at all.
    #[error(
        "the greatest number of sessions is at least 1\n\nhint: `wharf user disable` keeps an account out"
    )]
    NoSessions,
    /// Parameters that argon2 does not take.
    #[error("argon2id cannot run with {memory_kib} KiB, {passes} passes and {lanes} lanes")]
    KdfCost {
        /// Memory in KiB.
        memory_kib: u32,
        /// Passes over the memory.
        passes: u32,
        /// Lanes.
        lanes: u32,
    },
    /// As many passwords are being checked as may wait at a time.
    #[error("too many passwords are being checked at the moment")]
    Busy,
    /// Others may read the database (security S5).
    #[error("`{}` can be read or written by others (mode {mode:04o})\n\nhint: `chmod 600` it; it holds password hashes", file.display())]
    LaxMode {
        /// The database or one of its companions.
        file: PathBuf,
        /// Its mode bits.
        mode: u32,
    },
    /// The database file cannot be made or looked at.
    #[error("cannot open the account database `{}`", file.display())]
    File {
        /// The database.
        file: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The database cannot be used.
    #[error("cannot use the account database `{}`", file.display())]
    Open {
        /// The database.
        file: PathBuf,
        /// Why not.
        source: DatabaseError,
    },
    /// A record does not mean anything; its account cannot log in (security F26).
    #[error("the record of account `{account}` is damaged: {what}")]
    Damaged {
        /// The name in the record, escaped for display.
        account: String,
        /// Which part of it.
        what: &'static str,
    },
    /// The database failed.
    #[error("the account database failed")]
    Database(#[from] DatabaseError),
    /// The system gave no random bytes.
    #[error("the system gave no random bytes: {0}")]
    Random(getrandom::Error),
    /// The work was given up because the process is ending, or broke down.
    #[error("checking the password was given up")]
    GivenUp,
}

/// What the database said.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct DatabaseError(Box<dyn std::error::Error + Send + Sync>);

/// Why a path cannot be the home of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HomeError {
    /// A relative path would depend on where the server was started.
    #[error("a home is an absolute path")]
    Relative,
    /// `..` in it.
    #[error("a home has no `..` in it")]
    Parent,
    /// A NUL in it.
    #[error("a home has no NUL in it")]
    Nul,
    /// Longer than PATH_MAX.
    #[error("a home has at most 4096 bytes")]
    TooLong,
}

impl From<sqlx::Error> for DatabaseError {
    fn from(error: sqlx::Error) -> Self {
        Self(Box::new(error))
    }
}

impl From<sqlx::migrate::MigrateError> for DatabaseError {
    fn from(error: sqlx::migrate::MigrateError) -> Self {
        use sqlx::migrate::MigrateError::{VersionMismatch, VersionMissing};
        if matches!(error, VersionMissing(_) | VersionMismatch(_)) {
            return Self("it was made by a later version of wharf, or by something else".into());
        }
        Self(Box::new(error))
    }
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error.into())
    }
}

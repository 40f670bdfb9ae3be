//! The arguments of `wharf user`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueHint};

use super::CommonArguments;

#[derive(Debug, Args)]
pub(crate) struct UserArguments {
    #[command(flatten)]
    pub(crate) common: CommonArguments,
    #[command(subcommand)]
    pub(crate) command: UserCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum UserCommand {
    /// Add an account
    ///
    /// The password is asked for on a terminal; elsewhere one is made up and printed once.
    Add(AddArguments),
    /// List the accounts
    List,
    /// Show an account with its keys
    Show {
        /// The account
        name: String,
    },
    /// Change what an account may do
    Change(ChangeArguments),
    /// Remove an account; its files stay
    Remove {
        /// The account
        name: String,
    },
    /// Let a disabled account log in again
    Enable {
        /// The account
        name: String,
    },
    /// Refuse an account's logins and end its sessions
    Disable {
        /// The account
        name: String,
    },
    /// Give an account a new password
    Password {
        /// The account
        name: String,
        #[command(flatten)]
        password: PasswordArguments,
    },
    /// Manage an account's SSH keys
    #[command(subcommand)]
    Key(KeyCommand),
}

#[derive(Debug, Args)]
pub(crate) struct AddArguments {
    /// The account's name
    pub(crate) name: String,
    /// The folder the account sees as `/`, instead of the served folder
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) home: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) password: PasswordArguments,
    /// Give the account no password: it can log in with a key only
    #[arg(long, conflicts_with = "password_stdin")]
    pub(crate) no_password: bool,
    /// A file with an SSH public key; may be given several times
    #[arg(long = "key", value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) keys: Vec<PathBuf>,
    /// What the account may do, as `full`, `read-only` or `read-only,/incoming=upload-only`
    #[arg(long, value_name = "LIST", default_value = "full")]
    pub(crate) permissions: String,
    /// Sessions the account may have at a time, instead of `limits.sessions_per_account`
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) max_sessions: Option<u32>,
}

#[derive(Debug, Args)]
pub(crate) struct PasswordArguments {
    /// Read the password from standard input, up to the end or the first line break
    #[arg(long)]
    pub(crate) password_stdin: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ChangeArguments {
    /// The account
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) changes: Changes,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
pub(crate) struct Changes {
    /// The folder the account sees as `/`
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) home: Option<PathBuf>,
    /// Give the account the served folder again
    #[arg(long, conflicts_with = "home")]
    pub(crate) no_home: bool,
    /// What the account may do
    #[arg(long, value_name = "LIST")]
    pub(crate) permissions: Option<String>,
    /// Sessions the account may have at a time; `default` for the server's limit
    #[arg(long, value_name = "N|default", value_parser = max_sessions)]
    pub(crate) max_sessions: Option<MaxSessions>,
}

/// A new limit of sessions for an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MaxSessions(pub(crate) Option<u32>);

fn max_sessions(value: &str) -> Result<MaxSessions, String> {
    match (value, value.parse::<u32>()) {
        ("default", _) => Ok(MaxSessions(None)),
        (_, Ok(limit)) if limit > 0 => Ok(MaxSessions(Some(limit))),
        _ => Err("give a number from 1 on, or `default`".to_owned()),
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// Add an SSH public key
    Add {
        /// The account
        name: String,
        /// A file with the public key in OpenSSH's form, or `-` for standard input
        #[arg(value_hint = ValueHint::FilePath)]
        file: PathBuf,
    },
    /// List an account's keys
    List {
        /// The account
        name: String,
    },
    /// Remove a key
    Remove {
        /// The account
        name: String,
        /// The key's fingerprint as `key list` shows it
        fingerprint: String,
    },
}

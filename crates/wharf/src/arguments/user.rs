//! The arguments of `wharf user`.

use std::path::PathBuf;
use std::time::SystemTime;

use clap::{Args, Subcommand, ValueEnum, ValueHint};
use wharf_accounts::{CertificateUse, LoginRule, Network};

use super::CommonArguments;
use crate::date;

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
    /// Show an account with its keys and certificates
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
    /// Ask an account for one-time codes at every login
    ///
    /// Shows a QR code for an authenticator app (TOTP, RFC 6238) and asks for one code before they
    /// are in force; then prints ten recovery codes, once. SSH asks for the code on its own; over
    /// FTP it follows the password directly, a recovery code after a `+`.
    Totp(TotpArguments),
    /// Manage an account's SSH keys
    #[command(subcommand)]
    Key(KeyCommand),
    /// Manage the client certificates an account is known by
    ///
    /// They count when `--certificate-login` of the account says so, and when the server asks
    /// clients for certificates: `tls.client_certificates`. One certificate may belong to several
    /// accounts; the client names the one it wants.
    #[command(subcommand)]
    Certificate(CertificateCommand),
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
    /// Give the account no password: it can log in with a key or a client certificate only
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
    /// A file with a client certificate the account is known by; may be given several times
    #[arg(long = "certificate", value_name = "PEM", value_hint = ValueHint::FilePath)]
    pub(crate) certificates: Vec<PathBuf>,
    /// What a client certificate is good for
    #[arg(long, value_name = "USE", default_value = "off")]
    pub(crate) certificate_login: CertificateLogin,
    /// Whether the account may have files sent between this server and another one
    #[arg(
        long,
        value_name = "yes|no",
        default_value = "no",
        hide_possible_values = true
    )]
    pub(crate) fxp: Choice,
    /// The day from which on nobody logs in to it any more: `2027-01-31`, or a time of it in UTC,
    /// `2027-01-31T18:00:00Z`
    #[arg(long, value_name = "DATE|never", value_parser = expires)]
    pub(crate) expires: Option<Expires>,
    /// Where it may come from, by whatever protocol: `10.0.0.0/8,2001:db8::/32`
    #[arg(long, value_name = "CIDR,…|any", value_parser = networks)]
    pub(crate) networks: Option<Networks>,
    /// What SSH asks for: `publickey`, `password` and `keyboard-interactive`, joined by `,` where
    /// one follows the other, by spaces where each is enough
    #[arg(long, value_name = "RULE|any", value_parser = login)]
    pub(crate) login: Option<Login>,
    /// Whether it may use the old protocol of scp
    #[arg(
        long,
        value_name = "yes|no",
        default_value = "no",
        hide_possible_values = true
    )]
    pub(crate) scp: Choice,
    /// A file with keys it can log in with, as OpenSSH's `authorized_keys`
    #[arg(long, value_name = "FILE|none", value_parser = keys_file, value_hint = ValueHint::FilePath)]
    pub(crate) authorized_keys: Option<KeysFile>,
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
    /// What a client certificate is good for
    #[arg(long, value_name = "USE")]
    pub(crate) certificate_login: Option<CertificateLogin>,
    /// Whether the account may have files sent between this server and another one
    #[arg(long, value_name = "yes|no", hide_possible_values = true)]
    pub(crate) fxp: Option<Choice>,
    /// The day from which on nobody logs in to it any more: `2027-01-31`, or a time of it in UTC,
    /// `2027-01-31T18:00:00Z`; `never`
    #[arg(long, value_name = "DATE|never", value_parser = expires)]
    pub(crate) expires: Option<Expires>,
    /// Where it may come from, by whatever protocol: `10.0.0.0/8,2001:db8::/32`; `any`
    #[arg(long, value_name = "CIDR,…|any", value_parser = networks)]
    pub(crate) networks: Option<Networks>,
    /// What SSH asks for: `publickey`, `password` and `keyboard-interactive`, joined by `,` where
    /// one follows the other, by spaces where each is enough
    #[arg(long, value_name = "RULE|any", value_parser = login)]
    pub(crate) login: Option<Login>,
    /// Whether it may use the old protocol of scp
    #[arg(long, value_name = "yes|no", hide_possible_values = true)]
    pub(crate) scp: Option<Choice>,
    /// A file with keys it can log in with, as OpenSSH's `authorized_keys`; `none`
    #[arg(long, value_name = "FILE|none", value_parser = keys_file, value_hint = ValueHint::FilePath)]
    pub(crate) authorized_keys: Option<KeysFile>,
}

/// What a client certificate is good for at the login.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum CertificateLogin {
    /// Nothing
    Off,
    /// A second factor: the login takes the password and one of the account's certificates
    Factor,
    /// A login: one of the account's certificates suffices
    Login,
}

impl From<CertificateLogin> for CertificateUse {
    fn from(login: CertificateLogin) -> Self {
        match login {
            CertificateLogin::Off => Self::Off,
            CertificateLogin::Factor => Self::Factor,
            CertificateLogin::Login => Self::Login,
        }
    }
}

/// An answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Choice {
    /// Yes.
    #[value(help = None)]
    Yes,
    /// No.
    #[value(help = None)]
    No,
}

impl From<Choice> for bool {
    fn from(choice: Choice) -> Self {
        choice == Choice::Yes
    }
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

/// When an account ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Expires(pub(crate) Option<SystemTime>);

fn expires(value: &str) -> Result<Expires, String> {
    if value == "never" {
        return Ok(Expires(None));
    }
    let at = date::parse(value);
    at.map(|at| Expires(Some(at))).ok_or_else(|| {
        "give a day as `2027-01-31`, a time in UTC as `2027-01-31T18:00:00Z`, or `never`".to_owned()
    })
}

/// Where an account may come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Networks(pub(crate) Vec<Network>);

fn networks(value: &str) -> Result<Networks, String> {
    if value == "any" {
        return Ok(Networks(Vec::new()));
    }
    let networks = value.split(',').map(|text| text.trim().parse::<Network>());
    let networks = networks.collect::<Result<_, _>>();
    networks.map(Networks).map_err(|error| error.to_string())
}

/// What is enough for a login by SSH.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Login(pub(crate) Option<LoginRule>);

fn login(value: &str) -> Result<Login, String> {
    if value == "any" {
        return Ok(Login(None));
    }
    let rule = value.parse::<LoginRule>();
    rule.map(|rule| Login(Some(rule)))
        .map_err(|error| error.to_string())
}

/// A file of keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeysFile(pub(crate) Option<PathBuf>);

fn keys_file(value: &str) -> Result<KeysFile, String> {
    match value {
        "" => Err("give a file, or `none`".to_owned()),
        "none" => Ok(KeysFile(None)),
        file => Ok(KeysFile(Some(file.into()))),
    }
}

#[derive(Debug, Args)]
pub(crate) struct TotpArguments {
    /// The account
    pub(crate) name: String,
    /// Ask it for codes no more
    #[arg(long, conflicts_with = "no_confirm")]
    pub(crate) off: bool,
    /// Put the codes in force without asking for one, for scripts
    #[arg(long)]
    pub(crate) no_confirm: bool,
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

#[derive(Debug, Subcommand)]
pub(crate) enum CertificateCommand {
    /// Add a client certificate
    Add {
        /// The account
        name: String,
        #[command(flatten)]
        certificate: CertificateArguments,
    },
    /// List an account's client certificates
    List {
        /// The account
        name: String,
    },
    /// Remove a client certificate
    Remove {
        /// The account
        name: String,
        /// The fingerprint or subject as `certificate list` shows it
        certificate: String,
    },
}

/// Which certificate is meant: one of these.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct CertificateArguments {
    /// This very certificate: a PEM file, or `-` for standard input
    #[arg(long, value_name = "PEM", value_hint = ValueHint::FilePath)]
    pub(crate) file: Option<PathBuf>,
    /// This very certificate, by its SHA-256 fingerprint
    ///
    /// As `openssl x509 -noout -fingerprint -sha256 -in FILE` prints it.
    #[arg(long, value_name = "SHA256:…")]
    pub(crate) fingerprint: Option<String>,
    /// Every certificate of this subject that an authority of `tls.client_ca` vouches for
    ///
    /// In the form of RFC 4514, as `CN=ann,OU=staff,O=Example`, the most specific part first:
    /// `openssl x509 -noout -subject -nameopt RFC2253 -in FILE` prints it so. The whole subject is
    /// compared, upper and lower case in its values, too.
    #[arg(long, value_name = "SUBJECT")]
    pub(crate) subject: Option<String>,
}

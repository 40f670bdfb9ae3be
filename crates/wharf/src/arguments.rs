//! The command line as a table: names, values and help. What they mean is decided elsewhere.

mod user;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint};

pub(crate) use user::{
    AddArguments, CertificateArguments, CertificateCommand, CertificateLogin, ChangeArguments,
    Changes, KeyCommand, KeysFile, PasswordArguments, TotpArguments, UserArguments, UserCommand,
};

/// One program for moving files over FTP, FTPS and SFTP
#[derive(Debug, Parser)]
#[command(
    name = "wharf",
    version,
    propagate_version = false,
    disable_help_subcommand = true
)]
pub(crate) struct Arguments {
    /// What is written to standard error: error, warn, info, debug, trace, or a filter such as
    /// `info,wharf_server=debug`
    ///
    /// Without it: the variable WHARF_LOG, else `info` for a server that prints text, else `warn`.
    #[arg(long, value_name = "LEVEL", global = true, display_order = 102)]
    pub(crate) log: Option<String>,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve a folder
    ///
    /// With no configuration at all it serves the current folder on 127.0.0.1: FTP with explicit TLS
    /// on port 2121, implicit FTPS on 2990, SFTP on 2222. On the first start it makes a certificate,
    /// host keys and an account with a random password, which it shows once.
    #[command(after_help = SERVE_SIGNALS)]
    Serve(ServeArguments),
    /// Manage accounts
    ///
    /// A change reaches live sessions within 5 seconds; the server need not be restarted.
    User(UserArguments),
    /// Check and show settings
    Config(ConfigArguments),
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page, or write all manual pages into a folder
    Man {
        /// The folder to write to
        #[arg(value_hint = ValueHint::DirPath)]
        dir: Option<PathBuf>,
    },
    /// Write the generated part of the documentation
    #[command(hide = true)]
    Reference {
        /// The folder to write to
        dir: PathBuf,
    },
}

const SERVE_SIGNALS: &str = "\
Signals: SIGTERM and SIGINT let running transfers finish, up to `timeouts.drain`, and a second one
ends at once. SIGHUP reads the settings again; a bad file changes nothing and is reported.";

#[derive(Debug, Args)]
pub(crate) struct ServeArguments {
    #[command(flatten)]
    pub(crate) settings: SettingsArguments,
    #[command(flatten)]
    pub(crate) common: CommonArguments,
}

/// Where the state is and how the answer is printed: every command takes these.
#[derive(Debug, Args)]
pub(crate) struct CommonArguments {
    /// The folder of the database, the audit log and what else the server keeps
    ///
    /// Without it: $STATE_DIRECTORY, else $XDG_STATE_HOME/wharf, else ~/.local/state/wharf.
    #[arg(long, value_name = "DIR", global = true, display_order = 100, value_hint = ValueHint::DirPath)]
    pub(crate) state: Option<PathBuf>,
    /// Text for people, or one JSON object a line for programs
    #[arg(
        long,
        value_name = "FORMAT",
        global = true,
        display_order = 101,
        default_value = "text"
    )]
    pub(crate) format: Format,
}

/// How the output is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// Settings as arguments; each wins over the environment and the file.
#[derive(Debug, Args)]
pub(crate) struct SettingsArguments {
    /// The folder to serve
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) root: Option<OsString>,
    /// The settings file
    ///
    /// Without it: $XDG_CONFIG_HOME/wharf/wharf.toml (~/.config/wharf/wharf.toml), else
    /// /etc/wharf/wharf.toml, where there is one.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) config: Option<PathBuf>,
    /// The address to listen on; may be given several times [default: 127.0.0.1]
    #[arg(long, value_name = "ADDR")]
    pub(crate) listen: Vec<String>,
    /// The port for FTP, with TLS when the client asks for it; 0 takes a free one [default: 2121]
    #[arg(long, value_name = "PORT|off")]
    pub(crate) ftp: Option<OsString>,
    /// The port for FTP with TLS from the first byte on, implicit FTPS [default: 2990]
    #[arg(long, value_name = "PORT|off")]
    pub(crate) ftps: Option<OsString>,
    /// The port for SFTP, over SSH [default: 2222]
    #[arg(long, value_name = "PORT|off")]
    pub(crate) sftp: Option<OsString>,
    /// The port for the web pages: only `off` in this version
    #[arg(long, value_name = "PORT|off", value_parser = off)]
    pub(crate) web: Option<String>,
    /// The ports for passive data connections [default: 50000-50100]
    #[arg(long, value_name = "LOW-HIGH")]
    pub(crate) passive_ports: Option<OsString>,
    /// The address clients outside are told for data connections, behind NAT
    #[arg(long, value_name = "HOST", value_hint = ValueHint::Hostname)]
    pub(crate) public_address: Option<OsString>,
    /// Let anybody list and read without a password
    #[arg(long)]
    pub(crate) anonymous: bool,
    /// Accept passwords in clear, without TLS
    ///
    /// Whoever can see the network reads the passwords and the files.
    #[arg(long)]
    pub(crate) allow_plaintext: bool,
}

impl SettingsArguments {
    /// Which setting each given argument stands for: setting, argument as typed, value.
    pub(crate) fn values(&self) -> Vec<(&'static str, &'static str, OsString)> {
        let listen = (!self.listen.is_empty()).then(|| OsString::from(self.listen.join(",")));
        let flag = |given: bool, value: &str| given.then(|| OsString::from(value));
        [
            ("server.root", "DIR", self.root.clone()),
            ("server.listen", "--listen", listen),
            ("server.ftp", "--ftp", self.ftp.clone()),
            ("server.ftps", "--ftps", self.ftps.clone()),
            ("server.sftp", "--sftp", self.sftp.clone()),
            (
                "passive.ports",
                "--passive-ports",
                self.passive_ports.clone(),
            ),
            (
                "passive.public_address",
                "--public-address",
                self.public_address.clone(),
            ),
            (
                "anonymous.enabled",
                "--anonymous",
                flag(self.anonymous, "true"),
            ),
            (
                "server.plaintext",
                "--allow-plaintext",
                flag(self.allow_plaintext, "allow"),
            ),
        ]
        .into_iter()
        .filter_map(|(key, argument, value)| Some((key, argument, value?)))
        .collect()
    }
}

/// The door that a later version opens. Taking `off` today keeps scripts valid then.
fn off(value: &str) -> Result<String, String> {
    match value {
        "off" => Ok(value.to_owned()),
        _ => {
            Err("this version of wharf has no web pages; leave the option out or give `off`".into())
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct ConfigArguments {
    #[command(flatten)]
    pub(crate) common: CommonArguments,
    #[command(subcommand)]
    pub(crate) command: ConfigCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Tell everything that is wrong with the settings, without starting anything
    Check(SettingsArguments),
    /// Show every setting as it is in force and where it was written, and what TLS and SSH come to
    Show(SettingsArguments),
    /// Print a JSON Schema of the settings file
    Schema,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    fn parse(line: &str) -> Result<Arguments, String> {
        let words = std::iter::once("wharf").chain(line.split_whitespace());
        Arguments::try_parse_from(words).map_err(|error| error.to_string())
    }

    #[test]
    fn the_table_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn every_promised_option_of_serve_is_taken() {
        let line = "serve DIR --config F --state S --listen 0.0.0.0 --listen [::1] --ftp 21 --ftps off \
                    --sftp 22 --web off --passive-ports 1-2 --public-address H --anonymous \
                    --allow-plaintext --format json --log debug";
        let Command::Serve(serve) = parse(line).unwrap().command else {
            panic!("not serve")
        };
        let values: Vec<_> = serve
            .settings
            .values()
            .into_iter()
            .map(|(key, argument, value)| format!("{key} {argument} {}", value.display()))
            .collect();
        assert_eq!(
            values,
            [
                "server.root DIR DIR",
                "server.listen --listen 0.0.0.0,[::1]",
                "server.ftp --ftp 21",
                "server.ftps --ftps off",
                "server.sftp --sftp 22",
                "passive.ports --passive-ports 1-2",
                "passive.public_address --public-address H",
                "anonymous.enabled --anonymous true",
                "server.plaintext --allow-plaintext allow",
            ]
        );
        assert_eq!(serve.common.format, Format::Json);
    }

    #[test]
    fn every_argument_names_a_setting_that_exists() {
        let line = "serve D --listen ::1 --ftp 1 --ftps 2 --sftp 3 --passive-ports 1 --public-address h --anonymous --allow-plaintext";
        let Command::Serve(serve) = parse(line).unwrap().command else {
            panic!("not serve")
        };
        for (key, argument, _) in serve.settings.values() {
            assert!(
                crate::config::table::find(key).is_some(),
                "{argument} stands for `{key}`"
            );
        }
    }

    #[test]
    fn a_door_that_is_not_built_is_refused_and_says_so() {
        let error = parse("serve --web 8443").unwrap_err();
        assert!(
            error.contains("this version of wharf has no web pages"),
            "{error}"
        );
    }

    #[test]
    fn state_and_format_go_before_and_after_the_subcommand() {
        for line in [
            "user --state S --format json list",
            "user list --state S --format json",
        ] {
            let Command::User(user) = parse(line).unwrap().command else {
                panic!("not user")
            };
            assert_eq!(
                user.common.state.as_deref(),
                Some(std::path::Path::new("S"))
            );
            assert_eq!(user.common.format, Format::Json);
        }
    }

    #[test]
    fn a_change_of_nothing_is_refused() {
        assert!(parse("user change ann").is_err());
        assert!(parse("user change ann --max-sessions 0").is_err());
        assert!(parse("user change ann --max-sessions default --no-home").is_ok());
        assert!(parse("user add ann --no-password --password-stdin").is_err());
        for (option, values, wrong) in [
            ("expires", ["2027-01-31", "never"], "tomorrow"),
            ("networks", ["10.0.0.0/8,::1", "any"], "10.0.0.1/8"),
            ("login", ["publickey,password", "any"], "none"),
            ("scp", ["yes", "no"], "maybe"),
            ("authorized-keys", ["keys", "none"], ""),
        ] {
            for command in ["add", "change"] {
                for value in values {
                    assert!(parse(&format!("user {command} ann --{option} {value}")).is_ok());
                }
                let wrong = format!("user {command} ann --{option}={wrong}");
                assert!(parse(&wrong).is_err(), "{wrong}");
            }
        }
        assert!(parse("user totp ann --no-confirm").is_ok());
        assert!(parse("user totp ann --off --no-confirm").is_err());
    }
}

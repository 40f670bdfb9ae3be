//! The first words of a server: where it listens, who may log in, and commands to paste.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value as Json, json};
use wharf_accounts::Account;
use wharf_server::config::{Plaintext, Protocol};

use crate::config::Settings;
use crate::shell;
use crate::state::State;

/// Everything the first words are made of.
pub(crate) struct Greeting<'a> {
    pub(crate) settings: &'a Settings,
    pub(crate) state: &'a State,
    /// Where the server listens, with the ports that port 0 became.
    pub(crate) addresses: &'a [(Protocol, SocketAddr)],
    /// The account that was just made, with its password.
    pub(crate) first: Option<(&'a str, &'a SecretString)>,
    /// Else an account to show the commands with.
    pub(crate) login: Option<String>,
}

/// The account to show the commands with: one whose name needs no quoting anywhere.
pub(crate) fn login(accounts: &[Account]) -> Option<String> {
    let plain = |name: &str| {
        name.chars()
            .all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
    };
    let names = || {
        accounts
            .iter()
            .filter(|account| account.enabled)
            .map(|a| a.name.as_str())
    };
    names()
        .find(|name| *name == "wharf")
        .or_else(|| names().find(|name| plain(name)))
        .map(str::to_owned)
}

impl Greeting<'_> {
    /// The lines of `--format json`: `listening` for each address, the new account, `ready`.
    pub(crate) fn json(&self) -> Vec<Json> {
        let mut lines: Vec<_> = self
            .addresses
            .iter()
            .map(|(protocol, address)| {
                json!({ "event": "listening", "protocol": protocol.name(), "address": address.to_string() })
            })
            .collect();
        if let Some((name, password)) = self.first {
            let password = password.expose_secret();
            lines.push(json!({ "event": "account", "name": name, "password": password }));
        }
        lines.push(json!({ "event": "ready" }));
        lines
    }

    /// The text for people. Its last line is `wharf is ready`.
    pub(crate) fn text(&self) -> String {
        let mut text = format!(
            "wharf serves {}\n\n",
            shell::quote(&self.settings.root().display().to_string())
        );
        for (name, value) in self.facts() {
            let _ = writeln!(text, "  {name:<11}{value}");
        }
        if let Some((name, password)) = self.first {
            let _ = write!(
                text,
                "\nA first account was made; its password is shown only this once:\n\n  name      {name}\n  password  {}\n",
                password.expose_secret()
            );
        }
        text.push_str("\nCommands to paste on this machine:\n\n");
        for command in self.commands() {
            let _ = writeln!(text, "  {command}");
        }
        for note in self.notes() {
            let _ = write!(text, "\nnote: {note}\n");
        }
        text.push_str("\nwharf is ready\n");
        text
    }

    /// What the reader should know before trusting a network with this server.
    pub(crate) fn notes(&self) -> Vec<String> {
        let outside = self
            .addresses
            .iter()
            .any(|(_, address)| !address.ip().is_loopback());
        let note = match (self.settings.plaintext(), outside) {
            (Plaintext::Loopback, true) => {
                "accounts can log in from this machine only: from another one their passwords would cross \
                 the network in clear, because this version has no TLS yet; `--allow-plaintext` permits it"
            }
            (Plaintext::Allow, true) => {
                "passwords and files cross the network in clear: whoever can see it reads them"
            }
            (Plaintext::Deny, _) => {
                "accounts cannot log in: passwords in clear are denied, and this version has no TLS yet; \
                 `plaintext = \"loopback\"` permits them on this machine"
            }
            (Plaintext::Loopback | Plaintext::Allow, false) => return Vec::new(),
        };
        vec![note.to_owned()]
    }

    fn facts(&self) -> Vec<(&'static str, String)> {
        let ports = self
            .settings
            .server_config(self.state.folder())
            .passive
            .ports;
        let mut facts: Vec<_> = self
            .addresses
            .iter()
            .map(|(protocol, address)| {
                let passive = format!("passive ports {}-{}", ports.start(), ports.end());
                (protocol.name(), format!("{address}, {passive}"))
            })
            .collect();
        let file = self.settings.file.as_ref();
        let settings = file.map_or_else(
            || "no file; the defaults".to_owned(),
            |path| path.display().to_string(),
        );
        facts.push(("settings", settings));
        facts.push(("state", self.state.folder().display().to_string()));
        if self.anonymous() {
            facts.push((
                "anonymous",
                "anybody may list and read, without a password".to_owned(),
            ));
        }
        facts
    }

    fn commands(&self) -> Vec<String> {
        let mut commands = Vec::new();
        let Some(address) = self.nearby() else {
            return vec![self.user_add()];
        };
        let password = self.first.map(|(_, password)| password.expose_secret());
        let name = self.first.map(|(name, _)| name).or(self.login.as_deref());
        if let Some(name) = name.filter(|_| self.accounts_can_log_in(address)) {
            let url = format!("ftp://{address}/");
            let (curl, lftp, link) = match password {
                Some(password) => (
                    format!("{name}:{password}"),
                    format!("{name},{password}"),
                    format!("ftp://{name}:{password}@{address}/"),
                ),
                None => (
                    name.to_owned(),
                    name.to_owned(),
                    format!("ftp://{name}@{address}/"),
                ),
            };
            commands.push(format!(
                "curl --user {} {}",
                shell::quote(&curl),
                shell::quote(&url)
            ));
            commands.push(format!(
                "lftp -u {} {}",
                shell::quote(&lftp),
                shell::quote(&url)
            ));
            commands.push(format!("filezilla {}", shell::quote(&link)));
        }
        if self.anonymous() {
            commands.push(format!(
                "curl {}",
                shell::quote(&format!("ftp://{address}/"))
            ));
        }
        commands.push(self.user_add());
        commands
    }

    fn user_add(&self) -> String {
        let mut words = vec![
            program(),
            "user".to_owned(),
            "add".to_owned(),
            "ann".to_owned(),
        ];
        words.extend(self.state.words());
        words
            .iter()
            .map(|word| shell::quote(word))
            .collect::<Vec<_>>()
            .join(" ")
    }

    /// The address this machine reaches the server by, loopback before others: there a password is
    /// taken in clear.
    fn nearby(&self) -> Option<SocketAddr> {
        let reached = |address: &SocketAddr| {
            let ip = match address.ip() {
                IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
                IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
                ip => ip,
            };
            SocketAddr::new(ip, address.port())
        };
        let all = || self.addresses.iter().map(|(_, address)| reached(address));
        all()
            .find(|address| address.ip().is_loopback())
            .or_else(|| all().next())
    }

    fn accounts_can_log_in(&self, address: SocketAddr) -> bool {
        match self.settings.plaintext() {
            Plaintext::Allow => true,
            Plaintext::Loopback => address.ip().is_loopback(),
            Plaintext::Deny => false,
        }
    }

    fn anonymous(&self) -> bool {
        self.settings
            .server_config(self.state.folder())
            .anonymous
            .is_some()
    }
}

/// How this program is called from here: by its name where the search path finds it, else by its
/// path, so that the command can be pasted after `cargo run` as well.
fn program() -> String {
    let Ok(this) = std::env::current_exe() else {
        return "wharf".to_owned();
    };
    let found = std::env::var_os("PATH").and_then(|list| {
        std::env::split_paths(&list)
            .map(|folder| folder.join("wharf"))
            .find(|candidate| candidate.is_file())
    });
    if found.and_then(|path| path.canonicalize().ok()) == this.canonicalize().ok() {
        return "wharf".to_owned();
    }
    let here = std::env::current_dir().ok();
    let near = here.and_then(|here| Some(this.strip_prefix(here).ok()?.to_owned()));
    near.unwrap_or(this).display().to_string()
}

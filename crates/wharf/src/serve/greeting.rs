//! The first words of a server: where it listens, by which certificate and host keys it is known,
//! who may log in, and commands to paste.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;

use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value as Json, json};
use wharf_accounts::Account;
use wharf_net::tls::certificate::{Certificate, CertificateFiles};
use wharf_server::config::{Config, Plaintext, Protocol, SshConfig};

use super::commands::Commands;
use crate::config::host_keys::{label, load};
use crate::config::{Settings, policy};
use crate::date;
use crate::shell;
use crate::state::State;

/// Everything the first words are made of.
pub(crate) struct Greeting<'a> {
    pub(crate) settings: &'a Settings,
    /// What the server was started with.
    pub(crate) config: &'a Config,
    pub(crate) state: &'a State,
    /// Where the server listens, with the ports that port 0 became.
    pub(crate) addresses: &'a [(Protocol, SocketAddr)],
    /// What clients are shown, the first one where they name no other.
    pub(crate) certificates: &'a [Shown],
    /// What SFTP clients are shown, the best first.
    pub(crate) host_keys: &'a [ShownKey],
    /// The account that was just made, with its password.
    pub(crate) first: Option<(&'a str, &'a SecretString)>,
    /// Else an account to show the commands with.
    pub(crate) login: Option<String>,
}

/// A certificate in force.
pub(crate) struct Shown {
    pub(crate) certificate: Certificate,
    /// The file it is in.
    pub(crate) file: PathBuf,
}

/// A host key in force.
pub(crate) struct ShownKey {
    /// As in known_hosts: `ssh-ed25519`.
    kind: &'static str,
    fingerprint: String,
    file: PathBuf,
}

/// The host keys a server was started with: of each kind the first.
pub(crate) fn host_keys(config: Option<&SshConfig>) -> Vec<ShownKey> {
    let mut shown: Vec<ShownKey> = Vec::new();
    for file in config.iter().flat_map(|ssh| &ssh.host_keys) {
        let Ok(key) = load(file) else { continue };
        let kind = key.public().kind();
        if shown.iter().all(|other| other.kind != kind) {
            shown.push(ShownKey {
                kind,
                fingerprint: key.public().fingerprint(),
                file: file.clone(),
            });
        }
    }
    shown
}

/// The certificates a server was started with. A file that another program is replacing at this
/// moment is left out here; the server took it a moment ago.
pub(crate) fn shown(files: &[CertificateFiles]) -> Vec<Shown> {
    let present = files.iter().filter_map(|files| {
        let certificate = Certificate::from_files(files).ok()?;
        let file = files.chain.clone();
        Some(Shown { certificate, file })
    });
    present.collect()
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
            .filter(|account| account.is_active(std::time::SystemTime::now()))
            .map(|a| a.name.as_str())
    };
    names()
        .find(|name| *name == "wharf")
        .or_else(|| names().find(|name| plain(name)))
        .map(str::to_owned)
}

impl Greeting<'_> {
    /// The lines of `--format json`: `listening` for each address, `certificate` for each
    /// certificate, `host_key` for each host key, the new account, `ready`.
    pub(crate) fn json(&self) -> Vec<Json> {
        let mut lines: Vec<_> = self
            .addresses
            .iter()
            .map(|(protocol, address)| {
                json!({ "event": "listening", "protocol": protocol.name(), "address": address.to_string() })
            })
            .collect();
        lines.extend(self.certificates.iter().map(|shown| {
            let mut line = json!({ "event": "certificate", "outcome": "loaded" });
            if let (Json::Object(line), Json::Object(facts)) =
                (&mut line, policy::facts(&shown.certificate))
            {
                line.extend(facts);
            }
            line["file"] = shown.file.display().to_string().into();
            line
        }));
        lines.extend(self.host_keys.iter().map(|shown| {
            let file = shown.file.display().to_string();
            json!({ "event": "host_key", "kind": shown.kind, "fingerprint": shown.fingerprint, "file": file })
        }));
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
            let _ = writeln!(text, "  {name:<13}{value}");
        }
        if let Some((name, password)) = self.first {
            let _ = write!(
                text,
                "\nA first account was made; its password is shown only this once:\n\n  name      {name}\n  password  {}\n",
                password.expose_secret()
            );
        }
        text.push_str("\nCommands to paste on this machine:\n\n");
        for command in self.commands().all() {
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
        if !outside {
            return Vec::new();
        }
        let mut notes = Vec::new();
        if self.settings.plaintext() == Plaintext::Allow {
            notes.push(
                "passwords are taken in clear as well: whoever can see the network reads them, and the files"
                    .to_owned(),
            );
        }
        let first = self.certificates.first().filter(|_| self.speaks_ftp());
        if first.is_some_and(|first| first.certificate.is_self_signed()) {
            let cure = if self.settings.automatic(self.state.folder()).is_some() {
                "the one that is being asked for replaces it by itself"
            } else {
                "`[acme]` in the settings gets one that they know"
            };
            notes.push(format!(
                "the certificate is self-signed: clients ask whether to trust it, and the \
                 fingerprint above is the one they must show; {cure}"
            ));
        }
        notes.extend(self.host_key_note());
        notes
    }

    fn host_key_note(&self) -> Option<String> {
        let mut listening = self.addresses.iter();
        let outside = listening
            .any(|(protocol, address)| *protocol == Protocol::Sftp && !address.ip().is_loopback());
        (outside && !self.host_keys.is_empty()).then(|| {
            "SFTP clients ask at their first connection whether to trust the host key: they must \
             show one of the fingerprints above"
                .to_owned()
        })
    }

    fn speaks_ftp(&self) -> bool {
        let mut listening = self.addresses.iter();
        listening.any(|(protocol, _)| *protocol != Protocol::Sftp)
    }

    fn facts(&self) -> Vec<(&'static str, String)> {
        let mut facts: Vec<_> = self
            .addresses
            .iter()
            .map(|(protocol, address)| {
                let kept = match protocol {
                    Protocol::Ftp => "explicit TLS",
                    Protocol::Ftps => "implicit TLS",
                    Protocol::Sftp => "SSH",
                };
                (protocol.name(), format!("{address}, {kept}"))
            })
            .collect();
        if self.speaks_ftp() {
            let ports = &self.config.passive.ports;
            facts.push((
                "passive",
                format!("ports {}-{}", ports.start(), ports.end()),
            ));
            facts.extend(self.certificates.iter().map(certificate));
        }
        facts.extend(self.host_keys.iter().map(|shown| {
            let kind = label(shown.kind);
            ("host key", format!("{}  ({kind})", shown.fingerprint))
        }));
        let file = self.settings.file.as_ref();
        let settings = file.map_or_else(
            || "no file; the defaults".to_owned(),
            |path| path.display().to_string(),
        );
        facts.push(("settings", settings));
        facts.push(("state", self.state.folder().display().to_string()));
        if self.config.anonymous.is_some() {
            facts.push((
                "anonymous",
                "anybody may list and read, without a password".to_owned(),
            ));
        }
        facts
    }

    fn commands(&self) -> Commands<'_> {
        Commands {
            config: self.config,
            addresses: self.addresses,
            certificate: self.certificates.first(),
            state: self.state,
            name: self.first.map(|(name, _)| name).or(self.login.as_deref()),
            password: self.first.map(|(_, password)| password.expose_secret()),
        }
    }
}

fn certificate(shown: &Shown) -> (&'static str, String) {
    let certificate = &shown.certificate;
    let until = date::day(certificate.not_after());
    let told = if certificate.is_self_signed() {
        format!("self-signed, until {until}")
    } else {
        format!("for {}, until {until}", certificate.names().join(", "))
    };
    (
        "certificate",
        format!("{}  ({told})", certificate.fingerprint()),
    )
}

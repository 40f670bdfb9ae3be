//! Settings in two steps: what was written ([`raw`]), then what it means ([`check`]).
//!
//! Arguments win over the environment, the environment over the file, the file over the
//! defaults. Whatever is wrong anywhere is reported, all of it at once, before a port is bound.

mod acme;
#[cfg(test)]
mod case;
mod certificates;
mod check;
mod file;
pub(crate) mod host_keys;
mod key_lists;
mod keys;
mod lists;
mod networks;
mod parse;
pub(crate) mod policy;
pub(crate) mod problem;
pub(crate) mod raw;
pub(crate) mod schema;
pub(crate) mod show;
pub(crate) mod ssh;
pub(crate) mod table;
pub(crate) mod tls;
mod together;
pub(crate) mod value;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use wharf_server::config::{
    AnonymousConfig, Config, Durability, LimitsConfig, ListenerConfig, PassiveConfig, Plaintext,
    Protocol, TimeoutsConfig,
};

use problem::{Origin, Problem, Problems};
use table::{KEYS, Key};
use value::Value;

/// Where settings come from. Kept for a reload, which reads the file again.
#[derive(Debug, Default, Clone)]
pub(crate) struct Sources {
    /// The file named by `--config`; without it, the usual places are tried.
    pub(crate) config: Option<PathBuf>,
    /// The whole environment; only `WHARF__…` is read as settings.
    pub(crate) environment: Vec<(OsString, OsString)>,
    /// Setting, argument as typed, value.
    pub(crate) arguments: Vec<(&'static str, &'static str, OsString)>,
}

/// Settings that were checked.
#[derive(Debug)]
pub(crate) struct Settings {
    values: BTreeMap<&'static str, Effective>,
    /// The settings file that was used.
    pub(crate) file: Option<PathBuf>,
    /// What is wrong and keeps no server from starting: an expired certificate is shown rather
    /// than no service given.
    pub(crate) warnings: Vec<Problem>,
    /// What is right and may surprise.
    pub(crate) notes: Vec<Problem>,
}

/// A setting's value and where it was written.
#[derive(Debug, Clone)]
pub(crate) struct Effective {
    /// `None` for a key that has no value by default.
    pub(crate) value: Option<Value>,
    pub(crate) origin: Origin,
}

impl Sources {
    /// Reads and checks everything.
    pub(crate) fn load(&self) -> Result<Settings, Problems> {
        check::check(self)
    }
}

impl Settings {
    /// What the server is started with. Below `state` are the audit file, if it is relative, and
    /// the certificates nobody wrote down.
    pub(crate) fn server_config(&self, state: &Path) -> Config {
        let root = self.root();
        let anonymous = self.flag("anonymous.enabled").then(|| AnonymousConfig {
            home: self
                .optional_path("anonymous.home")
                .unwrap_or(&root)
                .to_owned(),
        });
        let audit = self
            .flag("audit.enabled")
            .then(|| state.join(self.path("audit.file")));
        Config {
            listeners: self.listeners(),
            root,
            private: Some(state.to_owned()),
            anonymous,
            passive: self.passive(),
            tls: Some(self.tls(state)),
            ssh: self.ssh(state),
            limits: self.limits(),
            timeouts: self.timeouts(),
            durability: match self.choice("uploads.durability") {
                "full" => Durability::Full,
                "file" => Durability::File,
                _ => Durability::None,
            },
            banner: self.text("server.banner").to_owned(),
            audit,
            umask: self.mode("server.umask"),
        }
    }

    /// The folder that is served.
    pub(crate) fn root(&self) -> PathBuf {
        let root = self.path("server.root");
        std::path::absolute(root).unwrap_or_else(|_| root.to_owned())
    }

    /// Whether right passwords are remembered for a while.
    pub(crate) fn password_memory(&self) -> bool {
        self.flag("accounts.password_memory")
    }

    /// Where a password may be sent in clear.
    pub(crate) fn plaintext(&self) -> Plaintext {
        match self.choice("server.plaintext") {
            "allow" => Plaintext::Allow,
            "loopback" => Plaintext::Loopback,
            _ => Plaintext::Deny,
        }
    }

    /// Every key with its effective value, in the order of the table.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&'static Key, &Effective)> {
        KEYS.iter().map(|key| (key, self.effective(key.name)))
    }

    /// The keys that differ from `before` and that only a new start brings into force.
    pub(crate) fn fixed_changes(&self, before: &Self) -> Vec<&'static Key> {
        KEYS.iter()
            .filter(|key| {
                !key.live && self.effective(key.name).value != before.effective(key.name).value
            })
            .collect()
    }

    /// These settings after a reload: what only a new start changes is still what it was.
    pub(crate) fn keeping_fixed(mut self, before: &Self) -> Self {
        for key in KEYS.iter().filter(|key| !key.live) {
            let kept = before.effective(key.name).clone();
            self.values.insert(key.name, kept);
        }
        self
    }

    /// On each address, FTP, then implicit FTPS, then SFTP.
    fn listeners(&self) -> Vec<ListenerConfig> {
        let ports = [
            (Protocol::Ftp, self.port("server.ftp")),
            (Protocol::Ftps, self.port("server.ftps")),
            (Protocol::Sftp, self.port("server.sftp")),
        ];
        let mut listeners = Vec::new();
        for address in self.addresses("server.listen") {
            for (protocol, port) in ports {
                let Some(port) = port else { continue };
                listeners.push(ListenerConfig {
                    protocol,
                    address: (address, port).into(),
                    plaintext: self.plaintext(),
                    tls: self.tls_requirement(),
                });
            }
        }
        listeners
    }

    fn passive(&self) -> PassiveConfig {
        let networks = match self.value("passive.networks") {
            Value::Networks(list) => list.clone(),
            other => self.mismatch("passive.networks", other),
        };
        PassiveConfig {
            ports: match self.value("passive.ports") {
                Value::Ports(range) => range.clone(),
                other => self.mismatch("passive.ports", other),
            },
            public_address: self.public_address().map(str::to_owned),
            networks: networks
                .into_iter()
                .map(|n| (n.clients, n.address))
                .collect(),
        }
    }

    /// The name or address that clients outside are told.
    pub(crate) fn public_address(&self) -> Option<&str> {
        match &self.effective("passive.public_address").value {
            Some(Value::Host(host)) => Some(host),
            _ => None,
        }
    }

    fn limits(&self) -> LimitsConfig {
        LimitsConfig {
            sessions: self.count("limits.sessions"),
            sessions_per_address: self.count("limits.sessions_per_address"),
            sessions_per_account: self.count("limits.sessions_per_account"),
            login_attempts: self.count("limits.login_attempts"),
            recursion_depth: self.count("limits.recursion_depth"),
            recursion_entries: self.count("limits.recursion_entries"),
        }
    }

    fn timeouts(&self) -> TimeoutsConfig {
        TimeoutsConfig {
            login: self.duration("timeouts.login"),
            handshake: self.duration("timeouts.handshake"),
            idle: self.duration("timeouts.idle"),
            stall: self.duration("timeouts.stall"),
            data_connect: self.duration("timeouts.data_connect"),
            passive: self.duration("timeouts.passive"),
            drain: self.duration("timeouts.drain"),
        }
    }
}

/// Typed reading. A mismatch between a name here and its row in the table is a mistake in the
/// program, and the first test that builds a server's configuration meets it.
impl Settings {
    fn effective(&self, name: &'static str) -> &Effective {
        self.values
            .get(name)
            .unwrap_or_else(|| panic!("`{name}` is not in the table of settings"))
    }

    fn value(&self, name: &'static str) -> &Value {
        let value = self.effective(name).value.as_ref();
        value.unwrap_or_else(|| panic!("`{name}` has no default"))
    }

    fn mismatch(&self, name: &str, value: &Value) -> ! {
        panic!("`{name}` has another kind in the table of settings: {value}")
    }

    fn path(&self, name: &'static str) -> &Path {
        match self.value(name) {
            Value::Path(path) => path,
            other => self.mismatch(name, other),
        }
    }

    fn optional_path(&self, name: &'static str) -> Option<&Path> {
        match self.effective(name).value.as_ref()? {
            Value::Path(path) => Some(path),
            other => self.mismatch(name, other),
        }
    }

    fn port(&self, name: &'static str) -> Option<u16> {
        match self.value(name) {
            Value::Port(port) => *port,
            other => self.mismatch(name, other),
        }
    }

    /// Each address once; an IPv6 wildcard takes IPv4 as well, so it stands for both.
    fn addresses(&self, name: &'static str) -> Vec<std::net::IpAddr> {
        let Value::Addresses(list) = self.value(name) else {
            self.mismatch(name, self.value(name));
        };
        let everything = list.iter().any(|a| a.is_ipv6() && a.is_unspecified());
        let mut addresses: Vec<std::net::IpAddr> = Vec::new();
        for address in list {
            let covered = everything && address.is_ipv4();
            if !covered && !addresses.contains(address) {
                addresses.push(*address);
            }
        }
        addresses
    }

    fn choice(&self, name: &'static str) -> &'static str {
        match self.value(name) {
            Value::Choice(word) => word,
            other => self.mismatch(name, other),
        }
    }

    fn text(&self, name: &'static str) -> &str {
        match self.value(name) {
            Value::Text(text) => text,
            other => self.mismatch(name, other),
        }
    }

    fn mode(&self, name: &'static str) -> u32 {
        match self.value(name) {
            Value::Mode(bits) => *bits,
            other => self.mismatch(name, other),
        }
    }

    fn flag(&self, name: &'static str) -> bool {
        match self.value(name) {
            Value::Flag(flag) => *flag,
            other => self.mismatch(name, other),
        }
    }

    fn count(&self, name: &'static str) -> u32 {
        match self.value(name) {
            Value::Count(count) => *count,
            other => self.mismatch(name, other),
        }
    }

    fn duration(&self, name: &'static str) -> Duration {
        match self.value(name) {
            Value::Duration(time) => *time,
            other => self.mismatch(name, other),
        }
    }
}

/// The candidate that was probably meant, if one is near enough to be worth naming.
pub(crate) fn nearest<'a>(
    written: &str,
    candidates: impl Iterator<Item = &'a str>,
) -> Option<&'a str> {
    let farthest = (written.chars().count() / 3).clamp(1, 3);
    candidates
        .map(|candidate| (distance(written, candidate), candidate))
        .filter(|(distance, _)| *distance <= farthest)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Edits between two words: insert, delete, replace, and two neighbours swapped.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().take(64).collect(), b.chars().collect());
    let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
    for (i, row) in rows.iter_mut().enumerate() {
        row[0] = i;
    }
    rows[0] = (0..=b.len()).collect();
    for i in 1..=a.len() {
        for j in 1..=b.len() {
            let replaced = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = replaced.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            rows[i][j] = best;
        }
    }
    rows[a.len()][b.len()]
}

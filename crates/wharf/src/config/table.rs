//! Every setting, once. The reader, the environment names, the reference page, the JSON schema
//! and `config show` all follow from this table.

use std::time::Duration;

use super::value::Kind;

/// One setting.
#[derive(Debug)]
pub(crate) struct Key {
    /// `section.name`.
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) default: Otherwise,
    /// One or two sentences for the reference, without the type and the default.
    pub(crate) doc: &'static str,
    /// Whether a reload (SIGHUP) reaches a running server.
    pub(crate) live: bool,
}

/// What holds when nothing is written.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Otherwise {
    /// This text, read as if it had been written.
    Value(&'static str),
    /// No value; what that means.
    Unset(&'static str),
}

/// A part of the settings file: `[name]`.
#[derive(Debug)]
pub(crate) struct Section {
    pub(crate) name: &'static str,
    pub(crate) doc: &'static str,
}

impl Key {
    pub(crate) fn section(&self) -> &'static str {
        self.name
            .split_once('.')
            .map_or(self.name, |(section, _)| section)
    }

    /// The name inside its section.
    pub(crate) fn leaf(&self) -> &'static str {
        self.name
            .split_once('.')
            .map_or(self.name, |(_, leaf)| leaf)
    }

    /// `WHARF__SECTION__KEY`.
    pub(crate) fn environment(&self) -> String {
        let (section, leaf) = (self.section(), self.leaf());
        format!("{PREFIX}{section}__{leaf}").to_ascii_uppercase()
    }
}

/// What every environment name of a setting begins with.
pub(crate) const PREFIX: &str = "WHARF__";

/// The key with this name, `section.name`.
pub(crate) fn find(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name)
}

/// The keys of one section, in the order of the table.
pub(crate) fn of_section(section: &str) -> impl Iterator<Item = &'static Key> {
    KEYS.iter().filter(move |key| key.section() == section)
}

const fn count(max: u32) -> Kind {
    Kind::Count { min: 1, max }
}

const fn time(min: Duration, max: Duration) -> Kind {
    Kind::Duration { min, max }
}

const SHORT: Duration = Duration::from_millis(100);
const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(86_400);

pub(crate) static SECTIONS: &[Section] = &[
    Section {
        name: "server",
        doc: "What is served, and where.",
    },
    Section {
        name: "passive",
        doc: "The data connections that clients open (PASV, EPSV).",
    },
    Section {
        name: "limits",
        doc: "How many, and how much. A refusal names the limit that was reached.",
    },
    Section {
        name: "timeouts",
        doc: "How long things may take. A time is a number of seconds or text with a unit: `\"250 ms\"`, `\"30 s\"`, `\"5 min\"`, `\"1 h\"`, `\"1 d\"`.",
    },
    Section {
        name: "uploads",
        doc: "What an upload promises.",
    },
    Section {
        name: "accounts",
        doc: "How logins are checked. The accounts themselves are in the state folder's database; see `wharf user`.",
    },
    Section {
        name: "anonymous",
        doc: "Logins without a password. They can list and read, nothing else.",
    },
    Section {
        name: "audit",
        doc: "The record of what was done, one JSON object a line.",
    },
];

pub(crate) static KEYS: &[Key] = &[
    Key {
        name: "server.root",
        kind: Kind::Path,
        default: Otherwise::Value("."),
        doc: "The folder that is served: what an account without a home of its own sees as `/`. In the file, a relative path is relative to the file's folder; elsewhere, to the current folder.",
        live: true,
    },
    Key {
        name: "server.listen",
        kind: Kind::Addresses,
        default: Otherwise::Value("127.0.0.1"),
        doc: "The addresses to listen on. `0.0.0.0` is every IPv4 address of the machine, `[::]` every IPv4 and IPv6 address.",
        live: false,
    },
    Key {
        name: "server.ftp",
        kind: Kind::Port,
        default: Otherwise::Value("2121"),
        doc: "The port for FTP.",
        live: false,
    },
    Key {
        name: "server.plaintext",
        kind: Kind::Choice(&["deny", "loopback", "allow"]),
        default: Otherwise::Value("loopback"),
        doc: "Where a password may cross the network in clear: nowhere (`deny`), only where both ends are on this machine (`loopback`), or everywhere (`allow`: whoever can see the network reads the passwords). The default becomes `deny` in the version that has TLS.",
        live: false,
    },
    Key {
        name: "server.banner",
        kind: Kind::Text,
        default: Otherwise::Value("ready"),
        doc: "What the server says after `220 ` when a client connects. The default tells neither name nor version.",
        live: true,
    },
    Key {
        name: "server.umask",
        kind: Kind::Mode,
        default: Otherwise::Value("022"),
        doc: "Permission bits taken from the files and folders that clients make, as in umask(2).",
        live: true,
    },
    Key {
        name: "passive.ports",
        kind: Kind::Ports,
        default: Otherwise::Value("50000-50100"),
        doc: "The ports for passive data connections, both ends included. A firewall in front of the server must let them in.",
        live: true,
    },
    Key {
        name: "passive.public_address",
        kind: Kind::Host,
        default: Otherwise::Unset("every client is told the address it dialled"),
        doc: "The address that clients outside private networks are told, for a server behind NAT. A host name is looked up again every 5 minutes.",
        live: true,
    },
    Key {
        name: "passive.networks",
        kind: Kind::Networks,
        default: Otherwise::Value(""),
        doc: "Client networks and the address their clients are told; the first match wins, before `passive.public_address`. In the environment: `CIDR=IP,CIDR=IP`.",
        live: true,
    },
    Key {
        name: "limits.sessions",
        kind: count(1_000_000),
        default: Otherwise::Value("10000"),
        doc: "Sessions in all.",
        live: true,
    },
    Key {
        name: "limits.sessions_per_address",
        kind: count(1_000_000),
        default: Otherwise::Value("200"),
        doc: "Sessions from one IPv4 address or one IPv6 /64 network.",
        live: true,
    },
    Key {
        name: "limits.sessions_per_account",
        kind: count(1_000_000),
        default: Otherwise::Value("100"),
        doc: "Sessions of one account, unless the account has a limit of its own.",
        live: true,
    },
    Key {
        name: "limits.login_attempts",
        kind: count(100),
        default: Otherwise::Value("3"),
        doc: "Failed logins before the connection is closed.",
        live: true,
    },
    Key {
        name: "limits.recursion_depth",
        kind: count(64),
        default: Otherwise::Value("5"),
        doc: "Levels that `LIST -R` goes down.",
        live: true,
    },
    Key {
        name: "limits.recursion_entries",
        kind: count(10_000_000),
        default: Otherwise::Value("10000"),
        doc: "Entries that `LIST -R` shows.",
        live: true,
    },
    Key {
        name: "timeouts.login",
        kind: time(SHORT, HOUR),
        default: Otherwise::Value("60 s"),
        doc: "From the connection to a finished login, whatever is sent meanwhile.",
        live: true,
    },
    Key {
        name: "timeouts.idle",
        kind: time(SHORT, DAY),
        default: Otherwise::Value("5 min"),
        doc: "A session without a command and without a transfer.",
        live: true,
    },
    Key {
        name: "timeouts.stall",
        kind: time(SHORT, HOUR),
        default: Otherwise::Value("60 s"),
        doc: "A transfer on which no byte moves.",
        live: true,
    },
    Key {
        name: "timeouts.data_connect",
        kind: time(SHORT, HOUR),
        default: Otherwise::Value("10 s"),
        doc: "From a transfer command to its data connection.",
        live: true,
    },
    Key {
        name: "timeouts.passive",
        kind: time(SHORT, HOUR),
        default: Otherwise::Value("30 s"),
        doc: "A passive port to which nobody connects.",
        live: true,
    },
    Key {
        name: "timeouts.drain",
        kind: time(Duration::ZERO, DAY),
        default: Otherwise::Value("30 s"),
        doc: "Running transfers, after the server was asked to stop.",
        live: true,
    },
    Key {
        name: "uploads.durability",
        kind: Kind::Choice(&["full", "file", "none"]),
        default: Otherwise::Value("full"),
        doc: "What is on disk when an upload is answered with 226: the bytes and the name (`full`), the bytes (`file`), or no promise (`none`).",
        live: true,
    },
    Key {
        name: "accounts.password_memory",
        kind: Kind::Flag,
        default: Otherwise::Value("true"),
        doc: "Whether a password that was right is remembered for 10 minutes, as a keyed hash in memory, so that the many connections of one client do not each cost a full password hash.",
        live: false,
    },
    Key {
        name: "anonymous.enabled",
        kind: Kind::Flag,
        default: Otherwise::Value("false"),
        doc: "Whether `anonymous` and `ftp` may log in.",
        live: true,
    },
    Key {
        name: "anonymous.home",
        kind: Kind::Path,
        default: Otherwise::Unset("`server.root`"),
        doc: "The folder that anonymous users see as `/`.",
        live: true,
    },
    Key {
        name: "audit.enabled",
        kind: Kind::Flag,
        default: Otherwise::Value("true"),
        doc: "Whether the record is kept.",
        live: false,
    },
    Key {
        name: "audit.file",
        kind: Kind::Path,
        default: Otherwise::Value("audit.jsonl"),
        doc: "The file of the record. A relative path is relative to the state folder.",
        live: false,
    },
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_unique_sections_exist_and_environment_names_come_back() {
        let mut names = BTreeSet::new();
        for key in KEYS {
            assert!(names.insert(key.environment()), "{} stands twice", key.name);
            assert!(
                SECTIONS.iter().any(|s| s.name == key.section()),
                "{}",
                key.name
            );
            assert!(!key.leaf().contains('.'), "{}", key.name);
            // Otherwise `A__B__C` could mean two keys.
            assert!(!key.name.contains("__"), "{}", key.name);
        }
        assert_eq!(
            find("limits.sessions_per_address")
                .map(Key::environment)
                .as_deref(),
            Some("WHARF__LIMITS__SESSIONS_PER_ADDRESS")
        );
    }

    #[test]
    fn every_default_can_be_read() {
        for key in KEYS {
            if let Otherwise::Value(text) = key.default {
                assert!(
                    key.kind.read_text(text).is_ok(),
                    "the default of {} is refused",
                    key.name
                );
            }
            assert!(
                key.doc.ends_with('.'),
                "the text of {} ends without a full stop",
                key.name
            );
        }
    }
}

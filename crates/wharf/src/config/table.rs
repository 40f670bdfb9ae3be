//! What a setting is, and the sections they are in; the settings themselves are in
//! [`keys`](super::keys). The reader, the environment names, the reference page, the JSON schema
//! and `config show` all follow from this table.

use super::value::Kind;

pub(crate) use super::keys::KEYS;

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
        name: "tls",
        doc: "TLS on control and data connections. The defaults are the safe ones and work with every client that is still maintained.",
    },
    Section {
        name: "acme",
        doc: "A certificate that renews itself, from Let's Encrypt or another authority that speaks ACME (RFC 8555). It stands before those of `[tls]`; until it is there, they are shown.",
    },
    Section {
        name: "ssh",
        doc: "SSH, which carries SFTP and SCP. Which algorithms are spoken is not a setting: none of them is weak, and every client that is still maintained has one of each.",
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

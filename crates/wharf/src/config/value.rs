//! The kinds of values a setting can have: read from text or TOML, written as TOML.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use super::parse::{self, UNITS, quoted};
use super::raw::{Raw, RawValue};
use super::{lists, networks};

/// What a setting takes. The reference page, the JSON schema and the reader all follow from it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    /// A file or folder.
    Path,
    /// One or more files.
    Paths,
    /// One or more IP addresses.
    Addresses,
    /// A port, or off.
    Port,
    /// One line of text.
    Text,
    /// Permission bits in octal.
    Mode,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A range of ports, both ends included.
    Ports,
    /// A host name or IP address.
    Host,
    /// Host names and IP addresses, as in a certificate.
    Names,
    /// Mail addresses.
    Contacts,
    /// An `https` address.
    Url,
    /// An IP address with a port.
    Socket,
    /// Client networks with the address each is told.
    Networks,
    /// Client networks with what TLS must be like there.
    TlsNetworks,
    /// A whole number within bounds.
    Count { min: u32, max: u32 },
    /// A length of time within bounds.
    Duration { min: Duration, max: Duration },
    /// Yes or no.
    Flag,
}

/// A value that was checked against its [`Kind`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    Path(PathBuf),
    Paths(Vec<PathBuf>),
    Addresses(Vec<IpAddr>),
    Port(Option<u16>),
    Text(String),
    Mode(u32),
    Choice(&'static str),
    Ports(RangeInclusive<u16>),
    Host(String),
    List(Vec<String>),
    Socket(SocketAddr),
    Networks(Vec<Network>),
    TlsNetworks(Vec<TlsRule>),
    Count(u32),
    Duration(Duration),
    Flag(bool),
}

/// Clients of this network (CIDR) are told this address for passive data connections.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Network {
    pub(crate) clients: String,
    pub(crate) address: String,
}

/// For clients of this network (CIDR) these hold instead of the settings of the same names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TlsRule {
    pub(crate) clients: String,
    pub(crate) reuse: Option<&'static str>,
    pub(crate) close_notify: Option<&'static str>,
}

/// Why a value was not taken.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Wrong {
    /// Reads on after the setting's name: "`limits.sessions` " + `must be …`.
    pub(crate) what: String,
    pub(crate) hint: Option<String>,
    /// The line of the part that is wrong, when it is not the line of the key.
    pub(crate) line: Option<u32>,
}

impl Wrong {
    pub(super) fn new(what: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            hint: None,
            line: None,
        }
    }

    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl Kind {
    /// Reads what was written, in a file, the environment or an argument.
    pub(crate) fn read(self, raw: &Raw) -> Result<Value, Wrong> {
        let wrong_type = || self.wrong_type(raw);
        match (self, &raw.value) {
            (Self::Path, RawValue::Os(text)) => parse::path(text.clone()),
            (Self::Path, RawValue::Text(text)) => parse::path(OsString::from(text)),
            (Self::Paths, RawValue::Os(text)) => lists::paths(text),
            (Self::Paths, RawValue::Text(text)) => lists::one_path(text),
            (Self::Paths, RawValue::List(items)) => lists::paths_from_list(items),
            (_, RawValue::Os(text)) => match text.to_str() {
                Some(text) => self.read_text(text),
                None => Err(Wrong::new("is not valid UTF-8")),
            },
            (Self::Flag, RawValue::Flag(flag)) => Ok(Value::Flag(*flag)),
            (Self::Flag, RawValue::Text(_)) => Err(wrong_type()),
            (Self::Port, RawValue::Flag(false)) => Ok(Value::Port(None)),
            (Self::Addresses, RawValue::List(items)) => parse::addresses_from_list(items),
            (Self::Networks, RawValue::List(items)) => networks::from_list(items),
            (Self::TlsNetworks, RawValue::List(items)) => networks::tls_from_list(items),
            (Self::Networks | Self::TlsNetworks, _) => Err(wrong_type()),
            (Self::Names | Self::Contacts, RawValue::List(items)) => lists::texts(self, items),
            (Self::Mode, RawValue::Number { value, radix: 8 }) => {
                self.read_text(&format!("{value:o}"))
            }
            (Self::Count { .. }, RawValue::Text(_)) => {
                Err(wrong_type().hint("numbers are written without quotes"))
            }
            (
                Self::Count { .. } | Self::Port | Self::Duration { .. },
                RawValue::Number { value, .. },
            ) => self.read_text(&value.to_string()),
            (_, RawValue::Text(text)) => self.read_text(text),
            _ => Err(wrong_type()),
        }
    }

    /// Reads a value from text, as the environment and the arguments give it.
    pub(crate) fn read_text(self, text: &str) -> Result<Value, Wrong> {
        match self {
            Self::Path => parse::path(OsString::from(text)),
            Self::Paths => lists::paths(OsStr::new(text)),
            Self::Addresses => text
                .split(',')
                .map(|one| parse::address(one.trim()))
                .collect::<Result<Vec<_>, _>>()
                .map(Value::Addresses),
            Self::Port => parse::port(text),
            Self::Text => parse::line_of_text(text),
            Self::Mode => parse::mode(text),
            Self::Choice(words) => parse::choice(words, text),
            Self::Ports => parse::ports(text),
            Self::Host => parse::host(text),
            Self::Names | Self::Contacts => lists::texts_from_text(self, text),
            Self::Url => parse::url(text),
            Self::Socket => parse::socket(text),
            Self::Networks => networks::from_text(text),
            Self::TlsNetworks => networks::tls_from_text(text),
            Self::Count { min, max } => parse::count(text, min, max),
            Self::Duration { min, max } => parse::duration(text, min, max),
            Self::Flag => match text {
                "true" => Ok(Value::Flag(true)),
                "false" => Ok(Value::Flag(false)),
                _ => Err(Wrong::new(format!(
                    "must be `true` or `false`, not `{text}`"
                ))),
            },
        }
    }

    /// The type as the reference names it.
    pub(crate) fn describe(self) -> String {
        match self {
            Self::Path => "path".to_owned(),
            Self::Paths => "path, or a list of them".to_owned(),
            Self::Addresses => "IP address, or a list of them".to_owned(),
            Self::Port => "port (0 takes a free one) or `\"off\"`".to_owned(),
            Self::Text => "one line of text".to_owned(),
            Self::Mode => "octal mode, as `\"022\"`".to_owned(),
            Self::Choice(words) => {
                let words: Vec<_> = words.iter().map(|word| format!("`\"{word}\"`")).collect();
                words.join(", ")
            }
            Self::Ports => "port range, as `\"50000-50100\"`".to_owned(),
            Self::Host => "host name or IP address".to_owned(),
            Self::Names => "list of host names and IP addresses".to_owned(),
            Self::Contacts => "list of mail addresses".to_owned(),
            Self::Url => "`https` address".to_owned(),
            Self::Socket => "IP address with a port, as `\"0.0.0.0:80\"`".to_owned(),
            Self::Networks => "list of `{ clients = CIDR, address = IP }`".to_owned(),
            Self::TlsNetworks => {
                "list of `{ clients = CIDR, reuse = …, close_notify = … }`, one of the two at least"
                    .to_owned()
            }
            Self::Count { min, max } => format!("number, {min} to {max}"),
            Self::Duration { min, max } => {
                format!("time, {} to {}", Span(min), Span(max))
            }
            Self::Flag => "`true` or `false`".to_owned(),
        }
    }

    pub(super) fn wrong_type(self, raw: &Raw) -> Wrong {
        let found = raw.value.type_name();
        let wanted = match self {
            Self::Path => "a path in quotes",
            Self::Paths => "a path in quotes, or a list of them",
            Self::Addresses => "an IP address in quotes, or a list of them",
            Self::Port => "a port number or `\"off\"`",
            Self::Text => "text in quotes",
            Self::Mode => "an octal mode in quotes, such as `\"022\"`",
            Self::Choice(words) => {
                return Wrong::new(format!("must be one of {}, not {found}", quoted(words)));
            }
            Self::Ports => "a range in quotes, such as `\"50000-50100\"`",
            Self::Host => "a host name or IP address in quotes",
            Self::Names => "a list of names in quotes, such as `[\"ftp.example.org\"]`",
            Self::Contacts => "a list of mail addresses, such as `[\"admin@example.org\"]`",
            Self::Url => "an `https` address in quotes",
            Self::Socket => "an address with a port in quotes, such as `\"0.0.0.0:80\"`",
            Self::TlsNetworks => {
                "a list such as `[{ clients = \"10.0.0.0/8\", reuse = \"prefer\" }]`"
            }
            Self::Networks => {
                "a list such as `[{ clients = \"10.0.0.0/8\", address = \"10.0.0.5\" }]`"
            }
            Self::Count { .. } => "a number",
            Self::Duration { .. } => {
                "a time such as `\"30 s\"` or `\"5 min\"`, or a number of seconds"
            }
            Self::Flag => "`true` or `false`, without quotes",
        };
        Wrong::new(format!("must be {wanted}, not {found}"))
    }
}

/// The value as it would stand in the settings file.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => quote(f, &path.display().to_string()),
            Self::Paths(list) => match list.as_slice() {
                [one] => quote(f, &one.display().to_string()),
                many => quote_list(f, many.iter().map(|path| path.display().to_string())),
            },
            Self::List(list) => quote_list(f, list.iter().cloned()),
            Self::Socket(address) => write!(f, "\"{address}\""),
            Self::TlsNetworks(list) => {
                let list: Vec<_> = list.iter().map(ToString::to_string).collect();
                write!(f, "[{}]", list.join(", "))
            }
            Self::Addresses(list) => match list.as_slice() {
                [one] => write!(f, "\"{one}\""),
                many => {
                    let many: Vec<_> = many.iter().map(|one| format!("\"{one}\"")).collect();
                    write!(f, "[{}]", many.join(", "))
                }
            },
            Self::Port(Some(port)) => write!(f, "{port}"),
            Self::Port(None) => f.write_str("\"off\""),
            Self::Text(text) | Self::Host(text) => quote(f, text),
            Self::Mode(bits) => write!(f, "\"{bits:03o}\""),
            Self::Choice(word) => write!(f, "\"{word}\""),
            Self::Ports(range) => write!(f, "\"{}-{}\"", range.start(), range.end()),
            Self::Networks(list) => {
                let list: Vec<_> = list
                    .iter()
                    .map(|n| {
                        format!(
                            "{{ clients = \"{}\", address = \"{}\" }}",
                            n.clients, n.address
                        )
                    })
                    .collect();
                write!(f, "[{}]", list.join(", "))
            }
            Self::Count(count) => write!(f, "{count}"),
            Self::Duration(time) => write!(f, "\"{}\"", Span(*time)),
            Self::Flag(flag) => write!(f, "{flag}"),
        }
    }
}

impl fmt::Display for TlsRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{ clients = \"{}\"", self.clients)?;
        for (name, word) in [("reuse", self.reuse), ("close_notify", self.close_notify)] {
            if let Some(word) = word {
                write!(f, ", {name} = \"{word}\"")?;
            }
        }
        f.write_str(" }")
    }
}

/// A length of time in the largest unit that writes it without a fraction.
pub(crate) struct Span(pub(crate) Duration);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.0.as_millis();
        let (unit, name) = UNITS
            .iter()
            .rev()
            .find(|(unit, name)| name.len() <= 3 && millis >= *unit && millis.is_multiple_of(*unit))
            .unwrap_or(&(1_000, "s"));
        write!(f, "{} {name}", millis / unit)
    }
}

fn quote(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    f.write_str("\"")?;
    for c in text.chars() {
        match c {
            '"' | '\\' => write!(f, "\\{c}")?,
            c if c.is_control() => write!(f, "\\u{:04x}", u32::from(c))?,
            c => write!(f, "{c}")?,
        }
    }
    f.write_str("\"")
}

fn quote_list(f: &mut fmt::Formatter<'_>, list: impl Iterator<Item = String>) -> fmt::Result {
    f.write_str("[")?;
    for (index, text) in list.enumerate() {
        if index > 0 {
            f.write_str(", ")?;
        }
        quote(f, &text)?;
    }
    f.write_str("]")
}

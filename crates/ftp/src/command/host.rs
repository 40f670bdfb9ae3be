//! The argument of HOST (RFC 7151 3.1).

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The longest DNS name in letters (RFC 1035 2.3.4), without a dot at its end.
const MAX_NAME: usize = 253;
const MAX_LABEL: usize = 63;

/// The host a client says it came for: what stands in its URL. Shown without brackets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostName(Inner);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Inner {
    Name(Box<str>),
    Address(IpAddr),
}

impl HostName {
    /// Reads a DNS name, an IPv4 address, or an IPv6 address in brackets. Names keep their case;
    /// one dot at the end of a name is dropped. Names in other scripts come as `xn--` labels
    /// (RFC 7151 3.1).
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(text).ok()?;
        if let Some(inside) = text.strip_prefix('[') {
            let address: Ipv6Addr = inside.strip_suffix(']')?.parse().ok()?;
            return Some(Self(Inner::Address(address.into())));
        }
        if let Ok(address) = text.parse::<Ipv4Addr>() {
            return Some(Self(Inner::Address(address.into())));
        }
        let name = text.strip_suffix('.').unwrap_or(text);
        is_name(name).then(|| Self(Inner::Name(name.into())))
    }

    /// As it stands in the command: an IPv6 address is in brackets.
    #[must_use]
    pub fn on_the_wire(&self) -> String {
        match &self.0 {
            Inner::Address(IpAddr::V6(address)) => format!("[{address}]"),
            Inner::Address(IpAddr::V4(_)) | Inner::Name(_) => self.to_string(),
        }
    }
}

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Inner::Name(name) => f.write_str(name),
            Inner::Address(address) => address.fmt(f),
        }
    }
}

fn is_name(name: &str) -> bool {
    name.len() <= MAX_NAME && name.split('.').all(is_label) && !ends_in_a_number(name)
}

/// Underscores are no part of a host name, and stand in many.
fn is_label(label: &str) -> bool {
    (1..=MAX_LABEL).contains(&label.len())
        && !label.starts_with('-')
        && !label.ends_with('-')
        && label
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

/// `1.2.3` and `10.0.0.256` are addresses written wrong (RFC 1123 2.1: the last label of a name
/// is alphabetic).
fn ends_in_a_number(name: &str) -> bool {
    name.rsplit('.')
        .next()
        .is_some_and(|last| last.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_addresses() {
        for (text, shown, wire) in [
            ("ftp.example.com", "ftp.example.com", "ftp.example.com"),
            ("FTP.Example.com.", "FTP.Example.com", "FTP.Example.com"),
            ("localhost", "localhost", "localhost"),
            (
                "xn--bcher-kva.example",
                "xn--bcher-kva.example",
                "xn--bcher-kva.example",
            ),
            ("my_host", "my_host", "my_host"),
            ("3com.example", "3com.example", "3com.example"),
            ("192.0.2.1", "192.0.2.1", "192.0.2.1"),
            ("[2001:DB8::0]", "2001:db8::", "[2001:db8::]"),
            (
                "[::ffff:192.0.2.1]",
                "::ffff:192.0.2.1",
                "[::ffff:192.0.2.1]",
            ),
        ] {
            let host = HostName::parse(text.as_bytes()).expect(text);
            assert_eq!(host.to_string(), shown);
            assert_eq!(host.on_the_wire(), wire);
            assert_eq!(HostName::parse(wire.as_bytes()), Some(host), "{text}");
        }
    }

    #[test]
    fn what_is_no_host() {
        let long_label = format!("{}.example", "a".repeat(64));
        let long_name = format!("{}a", "a.".repeat(127));
        for text in [
            "",
            ".",
            "..",
            "a..b",
            ".a",
            "a..",
            "a b",
            "-a",
            "a-",
            "a/b",
            "a:21",
            "b\u{fc}cher.example",
            "1.2.3",
            "10.0.0.256",
            "2001:db8::1",
            "[2001:db8::1",
            "[192.0.2.1]",
            "[fe80::1%eth0]",
            "[]",
            "[::1].",
            &long_label,
            &long_name,
        ] {
            assert_eq!(HostName::parse(text.as_bytes()), None, "{text:?}");
        }
        assert_eq!(HostName::parse(b"\xff"), None);
    }
}

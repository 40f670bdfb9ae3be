//! The names a certificate is asked for.

use std::net::IpAddr;

/// Octets in a DNS name without its last dot (RFC 1035 2.3.4).
const MAX_NAME: usize = 253;
/// Octets between two dots.
const MAX_LABEL: usize = 63;

/// Why a name cannot be in a certificate that ACME orders.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// Nothing at all.
    #[error("a name is empty")]
    Empty,
    /// `192.0.2.1`, `[2001:db8::1]`, `10.0.0.0`…
    #[error(
        "`{0}` is an address\n\nhint: certificates from ACME are for DNS names here; give the name that clients connect to"
    )]
    Address(String),
    /// `*.example.org`: neither of our challenges may prove it (RFC 8737 3, CA/B forum 3.2.2.4.19).
    #[error(
        "`{0}` is a wildcard, which is only proven by a record in the DNS\n\nhint: list each name, as `ftp.example.org`"
    )]
    Wildcard(String),
    /// Letters that DNS does not carry as they are.
    #[error(
        "`{0}` is not written as the DNS has it\n\nhint: international names are written in their `xn--` form"
    )]
    NotAscii(String),
    /// A character that no host name has, or a hyphen at an end.
    #[error(
        "`{0}` is not a host name: letters, digits and hyphens between dots, no hyphen at an end"
    )]
    Characters(String),
    /// Longer than the DNS takes.
    #[error("`{0}` is too long: a name has at most 253 characters, 63 between two dots")]
    TooLong(String),
}

/// The name in lower case, if it is one that ACME can certify by the challenges offered here.
pub(crate) fn parse(text: &str) -> Result<String, NameError> {
    let shown = || crate::text::said(text);
    if text.is_empty() {
        return Err(NameError::Empty);
    }
    if is_address(text) {
        return Err(NameError::Address(shown()));
    }
    if text.starts_with("*.") {
        return Err(NameError::Wildcard(shown()));
    }
    if !text.is_ascii() {
        return Err(NameError::NotAscii(shown()));
    }
    if text.len() > MAX_NAME || text.split('.').any(|label| label.len() > MAX_LABEL) {
        return Err(NameError::TooLong(shown()));
    }
    if !text.split('.').all(is_label) {
        return Err(NameError::Characters(shown()));
    }
    Ok(text.to_ascii_lowercase())
}

/// A last label of digits only is the end of an address, never of a name (RFC 3696 2).
fn is_address(text: &str) -> bool {
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    let last = text.rsplit('.').next().unwrap_or_default();
    bare.parse::<IpAddr>().is_ok()
        || (!last.is_empty() && last.bytes().all(|byte| byte.is_ascii_digit()))
}

fn is_label(label: &str) -> bool {
    !label.is_empty()
        && !label.starts_with('-')
        && !label.ends_with('-')
        && label
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_taken_in_lower_case() {
        for (given, taken) in [
            ("ftp.example.org", "ftp.example.org"),
            ("FTP.Example.ORG", "ftp.example.org"),
            ("localhost", "localhost"),
            ("xn--bcher-kva.example", "xn--bcher-kva.example"),
            ("3com.4u", "3com.4u"),
        ] {
            assert_eq!(parse(given).as_deref(), Ok(taken));
        }
    }

    #[test]
    fn what_cannot_be_certified_is_refused_by_its_kind() {
        let long_label = format!("{}.org", "a".repeat(64));
        let long_name = ["a"; 128].join(".");
        type Kind = fn(String) -> NameError;
        let cases: &[(&str, Kind)] = &[
            ("192.0.2.1", NameError::Address),
            ("2001:db8::1", NameError::Address),
            ("[2001:db8::1]", NameError::Address),
            ("10.1.2", NameError::Address),
            ("*.example.org", NameError::Wildcard),
            ("bücher.example", NameError::NotAscii),
            ("a_b.example", NameError::Characters),
            ("-a.example", NameError::Characters),
            ("a-.example", NameError::Characters),
            ("a..example", NameError::Characters),
            ("example.org.", NameError::Characters),
            ("a b.example", NameError::Characters),
            ("a\n.example", NameError::Characters),
            ("ftp://a.example", NameError::Characters),
            (&long_label, NameError::TooLong),
            (&long_name, NameError::TooLong),
        ];
        for (name, kind) in cases {
            assert_eq!(parse(name), Err(kind(crate::text::said(name))), "{name}");
        }
        assert_eq!(parse(""), Err(NameError::Empty));
    }
}

//! Which names a certificate is for (RFC 6125).

use std::net::IpAddr;

use x509_parser::extensions::GeneralName;

/// How a certificate covers a name; the greater, the better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::tls) enum Cover {
    /// By `*.example.org`.
    Wildcard,
    /// By the name itself.
    Exact,
}

/// The text of a name of the SAN that a server can have. Bytes outside of visible ASCII are no
/// host name (IDN are in their A-label form there) and would end up in logs.
pub(super) fn server_name(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => {
            let plain = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic());
            plain.then(|| (*name).to_owned())
        }
        GeneralName::IPAddress(bytes) => {
            let address: Option<IpAddr> = match bytes.len() {
                4 => <[u8; 4]>::try_from(*bytes).ok().map(IpAddr::from),
                16 => <[u8; 16]>::try_from(*bytes).ok().map(IpAddr::from),
                _ => None,
            };
            address.map(|address| address.to_string())
        }
        GeneralName::OtherName(..)
        | GeneralName::RFC822Name(_)
        | GeneralName::X400Address(_)
        | GeneralName::DirectoryName(_)
        | GeneralName::EDIPartyName(_)
        | GeneralName::URI(_)
        | GeneralName::RegisteredID(_)
        | GeneralName::Invalid(..) => None,
    }
}

/// Whether and how one of `names` is `wanted`: a host name, with or without the dot of the root,
/// or an IP address, with or without the brackets HOST puts around those of version 6 (RFC 7151).
pub(super) fn cover(names: &[String], wanted: &str) -> Option<Cover> {
    let literal = wanted
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(wanted);
    if let Ok(address) = literal.parse::<IpAddr>() {
        // RFC 6125 1.7.2, RFC 9525 6.3: no wildcard covers an address.
        let same = |name: &String| {
            name.parse::<IpAddr>()
                .is_ok_and(|own| own.to_canonical() == address.to_canonical())
        };
        return names.iter().any(same).then_some(Cover::Exact);
    }
    let wanted = wanted.strip_suffix('.').unwrap_or(wanted);
    if wanted.is_empty() || wanted.contains('*') {
        return None;
    }
    names.iter().filter_map(|name| cover_by(name, wanted)).max()
}

fn cover_by(name: &str, wanted: &str) -> Option<Cover> {
    let name = name.strip_suffix('.').unwrap_or(name);
    if name.eq_ignore_ascii_case(wanted) {
        return Some(Cover::Exact);
    }
    // RFC 6125 6.4.3: the asterisk is the whole left-most label and stands for one label. Two
    // more must follow: clients do not believe `*.org`.
    let domain = name.strip_prefix("*.").filter(|rest| rest.contains('.'))?;
    let (label, rest) = wanted.split_once('.')?;
    (!label.is_empty() && rest.eq_ignore_ascii_case(domain)).then_some(Cover::Wildcard)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, wanted: &str, expected: Option<Cover>) {
        let names = ["other.test".to_owned(), name.to_owned()];
        assert_eq!(cover(&names, wanted), expected, "{name} for {wanted}");
    }

    #[test]
    fn names_are_covered_as_rfc_6125_says() {
        check("ftp.example.org", "ftp.example.org", Some(Cover::Exact));
        check("FTP.example.org", "ftp.EXAMPLE.org.", Some(Cover::Exact));
        check("*.example.org", "ftp.example.org", Some(Cover::Wildcard));
        check(
            "*.example.org",
            "xn--bcher-kva.example.org",
            Some(Cover::Wildcard),
        );
        check(
            "xn--bcher-kva.test",
            "XN--BCHER-KVA.test",
            Some(Cover::Exact),
        );
        for wanted in [
            "example.org",
            "a.b.example.org",
            ".example.org",
            "ftp.example.net",
        ] {
            check("*.example.org", wanted, None);
        }
        check("f*.example.org", "ftp.example.org", None);
        check("*p.example.org", "ftp.example.org", None);
        check("ftp.*.org", "ftp.example.org", None);
        check("*.org", "example.org", None);
        check("*", "example", None);
        check("*.example.org", "*.example.org", None);
        check("ftp.example.org", "", None);
        check("ftp.example.org", ".", None);
        check("bücher.test", "xn--bcher-kva.test", None);
    }

    #[test]
    fn addresses_are_covered_by_value_and_by_no_wildcard() {
        check("192.0.2.1", "192.0.2.1", Some(Cover::Exact));
        check("192.0.2.1", "::ffff:192.0.2.1", Some(Cover::Exact));
        check("2001:db8::1", "2001:0DB8:0::1", Some(Cover::Exact));
        check("2001:db8::1", "[2001:db8::1]", Some(Cover::Exact));
        check("*.0.2.1", "192.0.2.1", None);
        check("192.0.2.1", "192.0.2.10", None);
    }
}

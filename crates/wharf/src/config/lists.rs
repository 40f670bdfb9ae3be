//! Settings that are lists: of files, of names, of mail addresses.

use std::env;
use std::ffi::OsStr;
use std::path::PathBuf;

use super::parse::{at, is_host};
use super::raw::{Raw, RawValue};
use super::value::{Kind, Value, Wrong};

/// Separated by colons, as in `PATH`: commas are common in the names of files, colons are not.
pub(super) fn paths(text: &OsStr) -> Result<Value, Wrong> {
    let list: Vec<_> = env::split_paths(text).collect();
    if list.iter().any(|path| path.as_os_str().is_empty()) {
        return Err(Wrong::new("must not be empty, nor have empty parts"));
    }
    Ok(Value::Paths(list))
}

pub(super) fn one_path(text: &str) -> Result<Value, Wrong> {
    Ok(Value::Paths(vec![path(text)?]))
}

pub(super) fn paths_from_list(items: &[Raw]) -> Result<Value, Wrong> {
    if items.is_empty() {
        return Err(Wrong::new("must not be empty").hint("leave the line out"));
    }
    let one = |item: &Raw| match &item.value {
        RawValue::Text(text) => path(text).map_err(|wrong| at(item, wrong)),
        _ => Err(at(item, Kind::Paths.wrong_type(item))),
    };
    let list = items.iter().map(one).collect::<Result<Vec<_>, _>>()?;
    Ok(Value::Paths(list))
}

/// Names or mail addresses, separated by commas.
pub(super) fn texts_from_text(kind: Kind, text: &str) -> Result<Value, Wrong> {
    if text.trim().is_empty() {
        return Ok(Value::List(Vec::new()));
    }
    let list = text.split(',').map(|one| item_of(kind, one.trim()));
    Ok(Value::List(list.collect::<Result<_, _>>()?))
}

pub(super) fn texts(kind: Kind, items: &[Raw]) -> Result<Value, Wrong> {
    let one = |item: &Raw| match &item.value {
        RawValue::Text(text) => item_of(kind, text).map_err(|wrong| at(item, wrong)),
        _ => Err(at(item, kind.wrong_type(item))),
    };
    let list = items.iter().map(one).collect::<Result<Vec<_>, _>>()?;
    Ok(Value::List(list))
}

fn path(text: &str) -> Result<PathBuf, Wrong> {
    if text.is_empty() {
        return Err(Wrong::new("must not be empty"));
    }
    Ok(PathBuf::from(text))
}

fn item_of(kind: Kind, text: &str) -> Result<String, Wrong> {
    match kind {
        Kind::Contacts => contact(text),
        _ => name(text),
    }
}

/// A name as a certificate has it: lower case, a wildcard only as the whole first label.
fn name(text: &str) -> Result<String, Wrong> {
    let host = text.strip_prefix("*.").unwrap_or(text);
    let dotted = text == host || host.contains('.');
    if is_host(host) && dotted && !host.ends_with('.') {
        return Ok(text.to_ascii_lowercase());
    }
    let wrong = Wrong::new(format!(
        "must have host names and IP addresses, not `{text}`"
    ));
    Err(if text.is_ascii() {
        wrong.hint("without `ftp://`, port or path: `ftp.example.org` or `203.0.113.7`")
    } else {
        wrong.hint("write names with other letters as DNS has them: `xn--…`")
    })
}

fn contact(text: &str) -> Result<String, Wrong> {
    let address = text.strip_prefix("mailto:").unwrap_or(text);
    let good = address.split_once('@').is_some_and(|(who, host)| {
        let plain = |c: char| c.is_ascii_graphic() && !"@,?\"<>()".contains(c);
        !who.is_empty() && who.chars().all(plain) && is_host(host)
    });
    if good {
        return Ok(address.to_owned());
    }
    Err(Wrong::new(format!(
        "must have mail addresses, not `{text}`"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn says(kind: Kind, text: &str) -> String {
        match kind.read_text(text) {
            Ok(value) => value.to_string(),
            Err(wrong) => format!("error: {}", wrong.what),
        }
    }

    #[test]
    fn names_are_those_a_certificate_can_have() {
        assert_eq!(
            says(
                Kind::Names,
                "FTP.example.org, *.example.org,203.0.113.7,::1"
            ),
            r#"["ftp.example.org", "*.example.org", "203.0.113.7", "::1"]"#
        );
        assert_eq!(says(Kind::Names, ""), "[]");
        for text in [
            "ftp://x",
            "a b",
            "*.org.",
            "*",
            "*.",
            "*.com",
            "f*.example.org",
            "a,,b",
            "bücher.example",
            "x:21",
        ] {
            assert!(says(Kind::Names, text).starts_with("error"), "{text}");
        }
    }

    #[test]
    fn contacts_are_mail_addresses() {
        assert_eq!(
            says(Kind::Contacts, "mailto:ann@example.org,bob+x@example.org"),
            r#"["ann@example.org", "bob+x@example.org"]"#
        );
        for text in [
            "ann",
            "@example.org",
            "a@b@c",
            "a b@c",
            "a?cc=b@example.org",
        ] {
            assert!(says(Kind::Contacts, text).starts_with("error"), "{text}");
        }
    }

    #[test]
    fn paths_are_separated_by_colons() {
        assert_eq!(says(Kind::Paths, "/a,b"), r#""/a,b""#);
        assert_eq!(says(Kind::Paths, "/a:/b"), r#"["/a", "/b"]"#);
        for text in ["", "/a:", ":"] {
            assert!(says(Kind::Paths, text).starts_with("error"), "{text}");
        }
    }

    #[test]
    fn rules_for_networks_name_what_they_change() {
        assert_eq!(
            says(Kind::TlsNetworks, "10.0.0.0/8=prefer+optional,::/0=off"),
            r#"[{ clients = "10.0.0.0/8", reuse = "prefer", close_notify = "optional" }, { clients = "::/0", reuse = "off" }]"#
        );
        for text in [
            "10.0.0.0/8",
            "10.0.0.0/8=",
            "10.0.0.1/8=off",
            "10.0.0.0/8=never",
        ] {
            assert!(says(Kind::TlsNetworks, text).starts_with("error"), "{text}");
        }
    }

    #[test]
    fn directories_are_reached_over_tls_only() {
        for text in [
            "https://acme-v02.api.letsencrypt.org/directory",
            "https://127.0.0.1:14000/dir",
            "https://[::1]:14000/dir",
        ] {
            assert_eq!(says(Kind::Url, text), format!("\"{text}\""));
        }
        for text in [
            "http://ca.example/dir",
            "https://",
            "https:///dir",
            "https://a b/",
            "ca.example",
            "https://user@ca.example/",
        ] {
            assert!(says(Kind::Url, text).starts_with("error"), "{text}");
        }
        assert_eq!(says(Kind::Socket, "[::]:80"), "\"[::]:80\"");
        assert!(says(Kind::Socket, "80").starts_with("error"));
    }
}

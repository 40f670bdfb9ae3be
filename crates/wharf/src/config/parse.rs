//! The text of a value, read strictly: what is not plainly right is refused, with a hint.

use std::ffi::OsString;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::raw::{Raw, RawValue};
use super::value::{Kind, Span, Value, Wrong};

/// Milliseconds per unit, ascending; every way a unit may be spelled.
pub(super) const UNITS: &[(u128, &str)] = &[
    (1, "ms"),
    (1_000, "s"),
    (60_000, "min"),
    (3_600_000, "h"),
    (86_400_000, "d"),
    (1_000, "seconds"),
    (60_000, "minutes"),
    (3_600_000, "hours"),
];

pub(super) fn path(text: OsString) -> Result<Value, Wrong> {
    if text.is_empty() {
        return Err(Wrong::new("must not be empty"));
    }
    Ok(Value::Path(PathBuf::from(text)))
}

pub(super) fn address(text: &str) -> Result<IpAddr, Wrong> {
    // `[::]` is how people write it beside a port, and how the surface promises it.
    let bare = text
        .strip_prefix('[')
        .and_then(|t| t.strip_suffix(']'))
        .unwrap_or(text);
    bare.parse().map_err(|_| {
        let wrong = Wrong::new(format!("must be an IP address, not `{text}`"));
        match text {
            "localhost" => wrong.hint("write `127.0.0.1` or `::1`"),
            _ if text.parse::<std::net::SocketAddr>().is_ok() => {
                wrong.hint("the port is a setting of its own: `server.ftp` or `--ftp`")
            }
            _ => wrong.hint("`127.0.0.1` for this machine only, `0.0.0.0` or `[::]` for everybody"),
        }
    })
}

pub(super) fn addresses_from_list(items: &[Raw]) -> Result<Value, Wrong> {
    if items.is_empty() {
        return Err(Wrong::new("must not be empty").hint("give at least one address"));
    }
    let mut list = Vec::with_capacity(items.len());
    for item in items {
        let RawValue::Text(text) = &item.value else {
            return Err(at(item, Kind::Addresses.wrong_type(item)));
        };
        list.push(address(text).map_err(|wrong| at(item, wrong))?);
    }
    Ok(Value::Addresses(list))
}

pub(super) fn port(text: &str) -> Result<Value, Wrong> {
    if text == "off" {
        return Ok(Value::Port(None));
    }
    text.parse()
        .map(|port| Value::Port(Some(port)))
        .map_err(|_| {
            Wrong::new(format!(
                "must be a port (0 to 65535) or `off`, not `{text}`"
            ))
        })
}

pub(super) fn line_of_text(text: &str) -> Result<Value, Wrong> {
    const LONGEST: usize = 200;
    if text.chars().any(char::is_control) {
        return Err(Wrong::new("must be one line without control characters"));
    }
    if text.len() > LONGEST {
        return Err(Wrong::new(format!(
            "must be at most {LONGEST} bytes, not {}",
            text.len()
        )));
    }
    Ok(Value::Text(text.to_owned()))
}

pub(super) fn mode(text: &str) -> Result<Value, Wrong> {
    let octal = text.len() <= 4 && !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    match u32::from_str_radix(text, 8) {
        Ok(bits) if octal && bits <= 0o777 => Ok(Value::Mode(bits)),
        _ => Err(Wrong::new(format!(
            "must be an octal mode from `000` to `777`, not `{text}`"
        ))),
    }
}

pub(super) fn choice(words: &'static [&'static str], text: &str) -> Result<Value, Wrong> {
    words
        .iter()
        .find(|word| **word == text)
        .map(|word| Value::Choice(word))
        .ok_or_else(|| {
            let wrong = Wrong::new(format!("must be one of {}, not `{text}`", quoted(words)));
            match super::nearest(text, words.iter().copied()) {
                Some(word) => wrong.hint(format!("did you mean `{word}`?")),
                None => wrong,
            }
        })
}

pub(super) fn ports(text: &str) -> Result<Value, Wrong> {
    let wrong = || {
        Wrong::new(format!(
            "must be a range such as `50000-50100`, not `{text}`"
        ))
    };
    let (low, high) = text.split_once('-').ok_or_else(wrong)?;
    let low: u16 = low.trim().parse().map_err(|_| wrong())?;
    let high: u16 = high.trim().parse().map_err(|_| wrong())?;
    if low > high {
        return Err(
            Wrong::new(format!("must go upwards, not from {low} to {high}"))
                .hint(format!("write `{high}-{low}`")),
        );
    }
    if low < 1024 {
        return Err(
            Wrong::new(format!("must begin at 1024 or above, not at {low}"))
                .hint("lower ports belong to services; clients and firewalls refuse data on them"),
        );
    }
    Ok(Value::Ports(low..=high))
}

pub(super) fn host(text: &str) -> Result<Value, Wrong> {
    if is_host(text) {
        return Ok(Value::Host(text.to_owned()));
    }
    Err(Wrong::new(format!(
        "must be a host name or an IP address, not `{text}`"
    ))
    .hint("without `ftp://`, port or path: `ftp.example.org` or `203.0.113.7`"))
}

/// A host name or an IP address, by form.
pub(super) fn is_host(text: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    let name = text.strip_suffix('.').unwrap_or(text);
    let all_numeric = name.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    text.parse::<IpAddr>().is_ok()
        || (text.len() <= 253 && !all_numeric && name.split('.').all(label))
}

pub(super) fn url(text: &str) -> Result<Value, Wrong> {
    let wrong = || Wrong::new(format!("must be an `https://` address, not `{text}`"));
    let Some(rest) = text.strip_prefix("https://") else {
        return Err(match text.strip_prefix("http://") {
            Some(_) => wrong().hint("in clear, anybody in between could answer for the authority"),
            None => wrong().hint("for example `https://acme-v02.api.letsencrypt.org/directory`"),
        });
    };
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if port.parse::<u16>().is_ok() => host,
        _ => authority,
    };
    let host = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host);
    let plain = |c: char| c.is_ascii_graphic() && c != '#';
    if !is_host(host) || !text.chars().all(plain) {
        return Err(wrong());
    }
    Ok(Value::Text(text.to_owned()))
}

pub(super) fn socket(text: &str) -> Result<Value, Wrong> {
    text.parse().map(Value::Socket).map_err(|_| {
        Wrong::new(format!("must be an IP address with a port, not `{text}`"))
            .hint("`0.0.0.0:80` for IPv4, `[::]:80` for IPv4 and IPv6")
    })
}

pub(super) fn count(text: &str, min: u32, max: u32) -> Result<Value, Wrong> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    match text.parse::<u32>() {
        Ok(count) if digits && (min..=max).contains(&count) => Ok(Value::Count(count)),
        _ => Err(Wrong::new(format!(
            "must be a number from {min} to {max}, not `{text}`"
        ))),
    }
}

pub(super) fn duration(text: &str, min: Duration, max: Duration) -> Result<Value, Wrong> {
    let text = text.trim();
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let unit = match unit.trim() {
        "" => Some(1_000),
        unit => UNITS
            .iter()
            .find(|(_, name)| *name == unit)
            .map(|(millis, _)| *millis),
    };
    let (Ok(number), Some(unit)) = (number.parse::<u64>(), unit) else {
        return Err(Wrong::new(format!("must be a time, not `{text}`")).hint(
            "a number of seconds, or a number with `ms`, `s`, `min`, `h` or `d`: `\"5 min\"`",
        ));
    };
    let millis = u64::try_from(u128::from(number) * unit).unwrap_or(u64::MAX);
    let time = Duration::from_millis(millis);
    if !(min..=max).contains(&time) {
        return Err(Wrong::new(format!(
            "must be from {} to {}, not `{text}`",
            Span(min),
            Span(max)
        )));
    }
    Ok(Value::Duration(time))
}

/// The same, on the line of the entry it is about.
pub(super) fn at(item: &Raw, wrong: Wrong) -> Wrong {
    Wrong {
        line: wrong.line.or(item.line),
        ..wrong
    }
}

pub(super) fn quoted(words: &[&str]) -> String {
    let words: Vec<_> = words.iter().map(|word| format!("`{word}`")).collect();
    words.join(", ")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::config::value::Kind;

    const TIME: Kind = Kind::Duration {
        min: Duration::from_millis(100),
        max: Duration::from_secs(86_400),
    };

    fn says(kind: Kind, text: &str) -> String {
        match kind.read_text(text) {
            Ok(value) => value.to_string(),
            Err(wrong) => format!("error: {}", wrong.what),
        }
    }

    #[test]
    fn times_are_read_with_and_without_a_unit() {
        for (text, value) in [
            ("30", "\"30 s\""),
            ("30 s", "\"30 s\""),
            ("90s", "\"90 s\""),
            ("5 min", "\"5 min\""),
            ("300", "\"5 min\""),
            ("250 ms", "\"250 ms\""),
            ("2 hours", "\"2 h\""),
            ("1 d", "\"1 d\""),
        ] {
            assert_eq!(says(TIME, text), value, "{text}");
        }
        for text in [
            "",
            "s",
            "-1",
            "5 parsecs",
            "1.5 s",
            "0",
            "2 d",
            "99999999999999999999 s",
        ] {
            assert!(says(TIME, text).starts_with("error"), "{text} was taken");
        }
        // The product overflows 64 bits without wrapping into the range.
        assert!(says(TIME, "18446744073709551615 d").starts_with("error"));
    }

    #[test]
    fn ports_and_ranges_are_bounded() {
        assert_eq!(says(Kind::Port, "0"), "0");
        assert_eq!(says(Kind::Port, "off"), "\"off\"");
        assert_eq!(
            says(Kind::Port, "65536"),
            "error: must be a port (0 to 65535) or `off`, not `65536`"
        );
        assert_eq!(says(Kind::Ports, "50000-50100"), "\"50000-50100\"");
        assert_eq!(says(Kind::Ports, "4000-4000"), "\"4000-4000\"");
        for text in [
            "50000",
            "50100-50000",
            "0-100",
            "80-90",
            "50000-70000",
            "a-b",
            "1024--2000",
        ] {
            assert!(
                says(Kind::Ports, text).starts_with("error"),
                "{text} was taken"
            );
        }
    }

    #[test]
    fn addresses_hosts_and_networks() {
        assert_eq!(says(Kind::Addresses, "[::]"), "\"::\"");
        assert_eq!(
            says(Kind::Addresses, "127.0.0.1, ::1"),
            "[\"127.0.0.1\", \"::1\"]"
        );
        assert!(says(Kind::Addresses, "localhost").starts_with("error"));
        assert!(says(Kind::Addresses, "127.0.0.1:21").starts_with("error"));
        assert_eq!(says(Kind::Host, "ftp.example.org"), "\"ftp.example.org\"");
        for text in [
            "",
            "ftp://x",
            "a b",
            "1.2.3",
            "300.1.2.3",
            "x..y",
            "host:21",
        ] {
            assert!(
                says(Kind::Host, text).starts_with("error"),
                "{text} was taken"
            );
        }
        assert_eq!(
            says(Kind::Networks, "10.0.0.0/8=10.0.0.5"),
            "[{ clients = \"10.0.0.0/8\", address = \"10.0.0.5\" }]"
        );
        for text in [
            "10.0.0.0=1.2.3.4",
            "10.0.0.1/8=1.2.3.4",
            "10.0.0.0/33=1.2.3.4",
            "fd00::/8=10.0.0.1",
            "10.0.0.0/8",
        ] {
            assert!(
                says(Kind::Networks, text).starts_with("error"),
                "{text} was taken"
            );
        }
        assert!(says(Kind::Networks, "0.0.0.0/0=1.2.3.4").contains("0.0.0.0/0"));
    }

    #[test]
    fn modes_are_octal() {
        assert_eq!(says(Kind::Mode, "022"), "\"022\"");
        assert_eq!(says(Kind::Mode, "0027"), "\"027\"");
        for text in ["", "8", "1777", "+22", "rwx"] {
            assert!(
                says(Kind::Mode, text).starts_with("error"),
                "{text} was taken"
            );
        }
    }

    #[test]
    fn a_near_miss_gets_a_suggestion() {
        let wrong = Kind::Choice(&["full", "file", "none"])
            .read_text("ful")
            .unwrap_err();
        assert_eq!(wrong.hint.as_deref(), Some("did you mean `full`?"));
    }
}

//! Patterns of addresses, as `from=` has them (ssh_config(5), PATTERNS).

use crate::network::Network;
use std::net::IpAddr;
use std::str::FromStr;

/// Where somebody may come from: addresses, networks, and addresses with `*` and `?` in them; a `!`
/// before one keeps those out whom another lets in. Names of hosts are of no use: a name would
/// have to be asked of the DNS of whoever comes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddressPatterns(Vec<Pattern>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Pattern {
    negated: bool,
    matches: Matches,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Matches {
    Network(Network),
    /// With `*` and `?`, in lower case.
    Address(Vec<u8>),
    /// A host, which is nobody here.
    Nobody,
}

impl AddressPatterns {
    /// Whether one of them lets this address in and none keeps it out.
    #[must_use]
    pub fn allow(&self, peer: IpAddr) -> bool {
        let peer = peer.to_canonical();
        let text = peer.to_string();
        let any = |negated: bool| {
            let those = self
                .0
                .iter()
                .filter(move |pattern| pattern.negated == negated);
            those
                .map(|pattern| &pattern.matches)
                .any(|matches| match matches {
                    Matches::Network(network) => network.contains(peer),
                    Matches::Address(pattern) => glob(pattern, text.as_bytes()),
                    Matches::Nobody => false,
                })
        };
        any(false) && !any(true)
    }
}

impl FromStr for AddressPatterns {
    type Err = String;

    fn from_str(list: &str) -> Result<Self, String> {
        list.split(',')
            .map(pattern)
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

fn pattern(text: &str) -> Result<Pattern, String> {
    let (negated, text) = match text.strip_prefix('!') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let shown = || text.escape_debug();
    if text.is_empty() {
        return Err("`from=` has an empty pattern in it".to_owned());
    }
    let wild = text.contains(['*', '?']);
    let matches = if !wild && (text.contains('/') || text.parse::<IpAddr>().is_ok()) {
        Matches::Network(text.parse().map_err(|_| {
            format!(
                "`from=`: `{}` is not a network, as in `10.0.0.0/8`",
                shown()
            )
        })?)
    } else if wild && is_of_addresses(text) {
        Matches::Address(text.to_ascii_lowercase().into_bytes())
    } else if negated {
        // It would let in whom it is to keep out.
        return Err(format!(
            "`from=`: `!{}` is not a pattern of addresses",
            shown()
        ));
    } else {
        Matches::Nobody
    };
    Ok(Pattern { negated, matches })
}

/// Of digits and dots, or of hexadecimal digits with a colon among them.
fn is_of_addresses(text: &str) -> bool {
    let six = text.contains(':');
    text.bytes().all(|byte| match byte {
        b'*' | b'?' | b'.' | b':' | b'0'..=b'9' => true,
        _ => six && byte.is_ascii_hexdigit(),
    })
}

/// `*` for any number of characters, `?` for one. Within pattern times text steps: only the last
/// star is gone back to.
fn glob(pattern: &[u8], text: &[u8]) -> bool {
    let (mut at, mut seen) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while let Some(byte) = text.get(seen) {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, seen));
                at += 1;
            }
            Some(wanted) if wanted == byte || *wanted == b'?' => {
                at += 1;
                seen += 1;
            }
            Some(_) | None => {
                let Some((back, from)) = star else {
                    return false;
                };
                star = Some((back, from + 1));
                at = back + 1;
                seen = from + 1;
            }
        }
    }
    pattern.iter().skip(at).all(|byte| *byte == b'*')
}

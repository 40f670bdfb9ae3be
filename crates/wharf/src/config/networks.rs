//! Tables of client networks: the addresses their clients are told, and the TLS they are held to.

use std::net::IpAddr;

use super::parse::{at, choice, quoted};
use super::raw::{Raw, RawValue};
use super::value::{Kind, Network, TlsRule, Value, Wrong};

pub(super) fn from_text(text: &str) -> Result<Value, Wrong> {
    if text.trim().is_empty() {
        return Ok(Value::Networks(Vec::new()));
    }
    text.split(',')
        .map(|one| {
            let (clients, address) = one.trim().split_once('=').ok_or_else(|| {
                Wrong::new(format!("must be `CIDR=ADDRESS,…`, not `{one}`"))
                    .hint("for example `10.0.0.0/8=10.0.0.5`")
            })?;
            network(clients.trim(), address.trim())
        })
        .collect::<Result<Vec<_>, _>>()
        .map(Value::Networks)
}

pub(super) fn from_list(items: &[Raw]) -> Result<Value, Wrong> {
    let mut list = Vec::with_capacity(items.len());
    for item in items {
        let [clients, address] = fields(item, Kind::Networks, ["clients", "address"])?;
        let (Some(clients), Some(address)) = (clients, address) else {
            return Err(at(
                item,
                Wrong::new("needs both `clients` and `address` in each entry"),
            ));
        };
        list.push(network(clients, address).map_err(|wrong| at(item, wrong))?);
    }
    Ok(Value::Networks(list))
}

pub(super) fn tls_from_text(text: &str) -> Result<Value, Wrong> {
    if text.trim().is_empty() {
        return Ok(Value::TlsNetworks(Vec::new()));
    }
    text.split(',')
        .map(|one| {
            let (clients, words) = one.trim().split_once('=').ok_or_else(|| {
                Wrong::new(format!("must be `CIDR=WORD,…`, not `{one}`"))
                    .hint("for example `10.0.0.0/8=prefer+optional`")
            })?;
            // No word is one of both settings, so each says which it is for.
            let (mut reuse, mut close_notify) = (None, None);
            for word in words.split('+').map(str::trim) {
                match CLOSE_NOTIFY.contains(&word) {
                    true => close_notify = Some(word),
                    false => reuse = Some(word),
                }
            }
            rule(clients.trim(), reuse, close_notify)
        })
        .collect::<Result<Vec<_>, _>>()
        .map(Value::TlsNetworks)
}

pub(super) fn tls_from_list(items: &[Raw]) -> Result<Value, Wrong> {
    let mut list = Vec::with_capacity(items.len());
    for item in items {
        let names = ["clients", "reuse", "close_notify"];
        let [clients, reuse, close_notify] = fields(item, Kind::TlsNetworks, names)?;
        let Some(clients) = clients else {
            return Err(at(item, Wrong::new("needs `clients` in each entry")));
        };
        list.push(rule(clients, reuse, close_notify).map_err(|wrong| at(item, wrong))?);
    }
    Ok(Value::TlsNetworks(list))
}

const REUSE: &[&str] = &["require", "prefer", "off"];
const CLOSE_NOTIFY: &[&str] = &["required", "optional"];

fn rule(clients: &str, reuse: Option<&str>, close_notify: Option<&str>) -> Result<TlsRule, Wrong> {
    cidr(clients)?;
    if reuse.is_none() && close_notify.is_none() {
        return Err(
            Wrong::new(format!("says nothing about the clients of `{clients}`"))
                .hint("give `reuse` or `close_notify`, or both"),
        );
    }
    Ok(TlsRule {
        clients: clients.to_owned(),
        reuse: word("reuse", REUSE, reuse)?,
        close_notify: word("close_notify", CLOSE_NOTIFY, close_notify)?,
    })
}

fn word(
    name: &str,
    words: &'static [&'static str],
    text: Option<&str>,
) -> Result<Option<&'static str>, Wrong> {
    let Some(text) = text else { return Ok(None) };
    match choice(words, text) {
        Ok(Value::Choice(word)) => Ok(Some(word)),
        Ok(_) => Ok(None),
        Err(wrong) => Err(Wrong {
            what: format!("takes another `{name}`: it {}", wrong.what),
            ..wrong
        }),
    }
}

/// The texts of an entry `{ name = "text", … }` in the order of `names`.
fn fields<'a, const N: usize>(
    item: &'a Raw,
    kind: Kind,
    names: [&str; N],
) -> Result<[Option<&'a str>; N], Wrong> {
    let RawValue::Table(pairs) = &item.value else {
        return Err(at(item, kind.wrong_type(item)));
    };
    let mut found = [None; N];
    for (name, value) in pairs {
        let Some(slot) = names.iter().position(|known| known == name) else {
            let wrong = Wrong::new(format!("takes {}, not `{name}`", quoted(&names)));
            return Err(at(value, wrong));
        };
        let RawValue::Text(text) = &value.value else {
            return Err(at(value, Wrong::new(format!("needs text for `{name}`"))));
        };
        found[slot] = Some(text.as_str());
    }
    Ok(found)
}

fn network(clients: &str, address: &str) -> Result<Network, Wrong> {
    let base = cidr(clients)?;
    let told: IpAddr = address.parse().map_err(|_| {
        Wrong::new(format!(
            "must give an IP address for `{clients}`, not `{address}`"
        ))
    })?;
    if told.is_ipv4() != base.is_ipv4() {
        return Err(Wrong::new(format!(
            "gives clients of `{clients}` an address of the other family"
        )));
    }
    Ok(Network {
        clients: clients.to_owned(),
        address: address.to_owned(),
    })
}

/// The first address of a network, if it is one.
fn cidr(clients: &str) -> Result<IpAddr, Wrong> {
    let wrong = || {
        Wrong::new(format!(
            "must name client networks such as `10.0.0.0/8`, not `{clients}`"
        ))
    };
    let (base, bits) = clients.split_once('/').ok_or_else(wrong)?;
    let base: IpAddr = base.parse().map_err(|_| wrong())?;
    let bits: u8 = bits.parse().map_err(|_| wrong())?;
    let (whole, host_bits) = match base {
        IpAddr::V4(v4) => (
            32,
            u128::from(v4.to_bits()) & low_bits(32_u8.saturating_sub(bits)),
        ),
        IpAddr::V6(v6) => (128, v6.to_bits() & low_bits(128_u8.saturating_sub(bits))),
    };
    if bits > whole {
        return Err(wrong().hint(format!("the number after `/` is at most {whole}")));
    }
    if host_bits != 0 {
        // `10.0.0.5/8` is as likely a mistyped single address as a network.
        return Err(Wrong::new(format!(
            "`{clients}` is an address inside a network, not a network"
        ))
        .hint(format!(
            "write the network's first address, or `{base}/{whole}` for it alone"
        )));
    }
    Ok(base)
}

const fn low_bits(bits: u8) -> u128 {
    if bits >= 128 {
        u128::MAX
    } else {
        (1 << bits) - 1
    }
}

//! The table of client networks and the addresses their clients are told.

use std::net::IpAddr;

use super::parse::at;
use super::raw::{Raw, RawValue};
use super::value::{Kind, Network, Value, Wrong};

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
        let RawValue::Table(pairs) = &item.value else {
            return Err(at(item, Kind::Networks.wrong_type(item)));
        };
        let (mut clients, mut address) = (None, None);
        for (name, value) in pairs {
            let slot = match name.as_str() {
                "clients" => &mut clients,
                "address" => &mut address,
                _ => {
                    let wrong = Wrong::new(format!("takes `clients` and `address`, not `{name}`"));
                    return Err(at(value, wrong));
                }
            };
            let RawValue::Text(text) = &value.value else {
                return Err(at(value, Wrong::new(format!("needs text for `{name}`"))));
            };
            *slot = Some(text.as_str());
        }
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

fn network(clients: &str, address: &str) -> Result<Network, Wrong> {
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

const fn low_bits(bits: u8) -> u128 {
    if bits >= 128 {
        u128::MAX
    } else {
        (1 << bits) - 1
    }
}

//! The option `source-address`: networks with commas between them.

use std::net::IpAddr;

/// Whether one of the networks has the address. `None` if the list is malformed anywhere, so that
/// a slip of the pen opens nothing.
pub(super) fn contains(list: &[u8], peer: IpAddr) -> Option<bool> {
    // A client of IPv4 that reached a socket of IPv6.
    let peer = peer.to_canonical();
    let mut networks = std::str::from_utf8(list).ok()?.split(',').map(network);
    networks.try_fold(false, |found, network| {
        let (address, length) = network?;
        Some(found || common_bits(address, peer) >= Some(length))
    })
}

/// `192.0.2.0/24`, or an address alone. Bits beyond the network must be zero: they are a mistake
/// that OpenSSH refuses as well.
fn network(text: &str) -> Option<(IpAddr, u32)> {
    let (address, length) = match text.split_once('/') {
        Some((address, length)) => (address, Some(length)),
        None => (text, None),
    };
    let address: IpAddr = address.parse().ok()?;
    let width: u32 = if address.is_ipv4() { 32 } else { 128 };
    let length = match length {
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => digits.parse().ok()?,
        Some(_) => return None,
        None => width,
    };
    let host_bits = width.checked_sub(length)?;
    (bits(address).trailing_zeros() >= host_bits).then_some((address, length))
}

/// How many bits in front two addresses share; `None` for those of two families.
fn common_bits(a: IpAddr, b: IpAddr) -> Option<u32> {
    (a.is_ipv4() == b.is_ipv4()).then(|| {
        let differing = bits(a) ^ bits(b);
        let unused = if a.is_ipv4() { 96 } else { 0 };
        differing.leading_zeros() - unused
    })
}

/// The address as a number.
fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(address.to_bits()),
        IpAddr::V6(address) => address.to_bits(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_contain_their_addresses() {
        for (list, peer, right) in [
            ("192.0.2.0/24", "192.0.2.77", Some(true)),
            ("192.0.2.0/24", "192.0.3.77", Some(false)),
            ("192.0.2.0/24", "::ffff:192.0.2.77", Some(true)),
            ("10.0.0.0/8,192.0.2.7", "192.0.2.7", Some(true)),
            ("10.0.0.0/8,192.0.2.7", "192.0.2.8", Some(false)),
            ("0.0.0.0/0", "192.0.2.8", Some(true)),
            ("0.0.0.0/0", "2001:db8::1", Some(false)),
            ("::/0", "2001:db8::1", Some(true)),
            ("::/0", "192.0.2.8", Some(false)),
            ("2001:db8::/33", "2001:db8:7fff::1", Some(true)),
            ("2001:db8::/33", "2001:db8:8000::1", Some(false)),
            ("2001:db8::1", "2001:db8::1", Some(true)),
            ("", "192.0.2.8", None),
            ("192.0.2.8,", "192.0.2.8", None),
            ("192.0.2.8, 10.0.0.1", "192.0.2.8", None),
            ("192.0.2.8/33", "192.0.2.8", None),
            ("192.0.2.8/+32", "192.0.2.8", None),
            ("192.0.2.8/", "192.0.2.8", None),
            ("192.0.2.8/24", "192.0.2.8", None),
            ("!192.0.2.8", "192.0.2.9", None),
            ("localhost", "127.0.0.1", None),
            ("*", "127.0.0.1", None),
        ] {
            let found = contains(list.as_bytes(), peer.parse().unwrap());
            assert_eq!(found, right, "{list} {peer}");
        }
    }
}

//! Networks of clients, in CIDR form.

use ipnet::{IpNet, Ipv4Net};
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// A network, or a single address. An IPv4 network written as a part of IPv6 (`::ffff:0:0/96`) is
/// the IPv4 network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Network(IpNet);

/// Why a text is not a network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NetworkError {
    /// Neither an address nor `ADDRESS/BITS`.
    #[error("`{0}` is not a network, as in `10.0.0.0/8`")]
    Unreadable(String),
    /// An address in the network rather than the network.
    #[error(
        "`{written}` has bits set behind its prefix\n\nhint: `{meant}` is the network it lies in"
    )]
    HostBits {
        /// What was given.
        written: IpNet,
        /// The network of this length that it lies in.
        meant: IpNet,
    },
}

impl Network {
    /// Whether the address is one of its own; one of IPv4 in the form of IPv6 is of IPv4.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }

    /// Networks with commas in between, as they are written in the database; nothing for none.
    pub(crate) fn list(text: &str) -> Result<Vec<Self>, NetworkError> {
        let parts = text.split(',').filter(|_| !text.is_empty());
        parts.map(str::parse).collect()
    }
}

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let unreadable = || NetworkError::Unreadable(text.escape_debug().to_string());
        // The address by `std`: ipnet would take `010.0.0.0`, which others read as octal.
        let (base, bits) = match text.split_once('/') {
            Some((base, bits)) => (base, Some(bits)),
            None => (text, None),
        };
        let base: IpAddr = base.parse().map_err(|_| unreadable())?;
        let written = match bits {
            None => IpNet::from(base),
            Some(bits) if bits.bytes().all(|byte| byte.is_ascii_digit()) => {
                let bits = bits.parse().map_err(|_| unreadable())?;
                IpNet::new(base, bits).map_err(|_| unreadable())?
            }
            Some(_) => return Err(unreadable()),
        };
        let meant = written.trunc();
        if written != meant {
            return Err(NetworkError::HostBits { written, meant });
        }
        let IpNet::V6(six) = written else {
            return Ok(Self(written));
        };
        let mapped = six.addr().to_ipv4_mapped();
        let bits = six.prefix_len().checked_sub(96);
        let four = mapped
            .zip(bits)
            .and_then(|(base, bits)| Ipv4Net::new(base, bits).ok());
        Ok(Self(four.map_or(written, IpNet::V4)))
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::{Network, NetworkError};
    use proptest::prelude::{any, proptest};
    use std::net::{IpAddr, Ipv4Addr};

    #[test]
    fn a8_an_address_lies_in_its_network_in_both_forms() {
        for (network, address, expected) in [
            ("10.0.0.0/8", "10.1.2.3", true),
            ("10.0.0.0/8", "::ffff:10.1.2.3", true),
            ("10.0.0.0/8", "11.1.2.3", false),
            ("10.0.0.0/8", "::10.1.2.3", false),
            ("192.0.2.1", "192.0.2.1", true),
            ("192.0.2.1", "192.0.2.2", false),
            ("::ffff:10.0.0.0/104", "10.1.2.3", true),
            ("::ffff:10.0.0.0/104", "11.1.2.3", false),
            ("0.0.0.0/0", "192.0.2.1", true),
            ("0.0.0.0/0", "2001:db8::1", false),
            ("::/0", "2001:db8::1", true),
            ("::/0", "192.0.2.1", false),
            ("2001:db8::/32", "2001:db8:ffff::1", true),
            ("2001:db8::/32", "2001:db9::1", false),
        ] {
            let network: Network = network.parse().unwrap();
            let address: IpAddr = address.parse().unwrap();
            assert_eq!(network.contains(address), expected, "{network} {address}");
        }
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for text in [
            "",
            "10",
            "10.0.0.0/33",
            "10.0.0.0/",
            "10.0.0.0/-1",
            "10.0.0.0/+8",
            "::/129",
            " 10.0.0.0/8",
            "any",
            "010.0.0.0/8",
            "fe80::1%lo",
        ] {
            assert!(
                matches!(text.parse::<Network>(), Err(NetworkError::Unreadable(_))),
                "{text}"
            );
        }
        let error = "10.1.2.3/8".parse::<Network>().unwrap_err().to_string();
        assert!(error.contains("`10.0.0.0/8` is the network"), "{error}");
        assert_eq!(Network::list(""), Ok(Vec::new()));
        assert!(Network::list("10.0.0.0/8,").is_err());
        assert_eq!(Network::list("10.0.0.0/8,::1").unwrap().len(), 2);
    }

    proptest! {
        #[test]
        fn every_network_reads_back(base in any::<u32>(), bits in 0..=32_u8) {
            let base = base & u32::MAX.checked_shl(32 - u32::from(bits)).unwrap_or(0);
            let network: Network = format!("{}/{bits}", Ipv4Addr::from(base)).parse().unwrap();
            assert_eq!(network.to_string().parse(), Ok(network));
            assert!(network.contains(IpAddr::from(Ipv4Addr::from(base))));
        }
    }
}

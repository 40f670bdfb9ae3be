//! What a transport is made with.

use crate::algorithm::{Offer, Role};
use crate::key::HostKey;

/// How one side of connections speaks. Shared by all of them.
#[derive(Debug)]
pub struct Options {
    /// Which side it is.
    pub role: Role,
    /// The identification, `SSH-2.0-…`, without a line end.
    pub version: Box<str>,
    /// The algorithms it takes.
    pub offer: Offer,
    /// A server's host keys.
    pub host_keys: Vec<HostKey>,
    /// How much and how long.
    pub limits: Limits,
}

/// Limits of a transport.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes that may come before the login; each packet counts 256 more than it has.
    pub before_login: u64,
    /// Bytes under one key, in either direction, before a new one is made.
    pub rekey_bytes: u64,
    /// Packets under one key.
    pub rekey_packets: u64,
    /// Seconds with one key.
    pub rekey_seconds: u64,
}

impl Default for Limits {
    /// An hour (RFC 4253 §9); 32 GiB, half of what a block of 128 bits allows (RFC 4344 §3.2); and
    /// far fewer packets than sequence numbers.
    fn default() -> Self {
        Self {
            before_login: 512 * 1024,
            rekey_bytes: 32 << 30,
            rekey_packets: 1 << 30,
            rekey_seconds: 3600,
        }
    }
}

impl Options {
    /// A server with these host keys, which offers everything there is.
    #[must_use]
    pub fn server(version: &str, host_keys: Vec<HostKey>) -> Self {
        let algorithms = host_keys.iter().flat_map(|key| key.algorithms());
        Self {
            role: Role::Server,
            version: version.into(),
            offer: Offer::with_host_keys(algorithms.copied().collect()),
            host_keys,
            limits: Limits::default(),
        }
    }

    /// A client that takes these signature algorithms of host keys.
    #[must_use]
    pub fn client(version: &str, host_keys: Vec<&'static str>) -> Self {
        Self {
            role: Role::Client,
            version: version.into(),
            offer: Offer::with_host_keys(host_keys),
            host_keys: Vec::new(),
            limits: Limits::default(),
        }
    }

    /// The key that signs by this algorithm.
    pub(crate) fn host_key(&self, algorithm: &str) -> Option<&HostKey> {
        let keys = self.host_keys.iter();
        keys.into_iter()
            .find(|key| key.algorithms().contains(&algorithm))
    }
}

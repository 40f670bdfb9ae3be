//! The address clients are told to make passive connections to.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::{Instant, timeout};

use crate::network::Network;
use crate::sync::locked;

/// How long a resolved host name is used before it is looked up again.
const REFRESH: Duration = Duration::from_secs(5 * 60);

/// How long the first client waits for the first answer; later ones never wait.
const FIRST_ANSWER: Duration = Duration::from_secs(5);

/// What clients of which network are told. Clones share what was resolved.
#[derive(Debug, Clone)]
pub struct Advertised {
    networks: Arc<[(Network, IpAddr)]>,
    public: Public,
}

#[derive(Debug, Clone)]
enum Public {
    None,
    Address(IpAddr),
    Name(Arc<Name>),
}

type Answer = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>>;
type Resolver = dyn Fn(String) -> Answer + Send + Sync;

struct Name {
    host: String,
    resolver: Box<Resolver>,
    known: Mutex<Known>,
    first: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct Known {
    addresses: Vec<IpAddr>,
    asked: Option<Instant>,
}

impl Advertised {
    /// `networks` are pairs of a client network (`10.0.0.0/8`, or one address) and the address
    /// its clients are told; the first match wins. `public` is the address, or the host name,
    /// told to clients that match none and are not on a private network.
    ///
    /// # Errors
    /// A sentence naming the network or address that cannot be read.
    pub fn new(networks: Vec<(String, String)>, public: Option<String>) -> Result<Self, String> {
        Self::with_resolver(networks, public, Box::new(|host| Box::pin(look_up(host))))
    }

    fn with_resolver(
        networks: Vec<(String, String)>,
        public: Option<String>,
        resolver: Box<Resolver>,
    ) -> Result<Self, String> {
        let networks = networks
            .iter()
            .map(|(network, address)| Ok((Network::parse(network)?, told_address(address)?)))
            .collect::<Result<Vec<_>, String>>()?;
        Ok(Self {
            networks: networks.into(),
            public: Public::parse(public, resolver)?,
        })
    }

    /// What a client at `client` that dialled `dialled` is told: the address of its network;
    /// else, where it is on a private network (RFC 1918, loopback, link-local, RFC 4193), the
    /// one it dialled; else the public address; else the one it dialled.
    ///
    /// Waits only for the very first answer about a host name, and then at most 5 s. Afterwards
    /// the name is looked up again at most every 5 minutes, beside what goes on, and the last
    /// good answer stays until there is a better one.
    pub async fn address_for(&self, client: IpAddr, dialled: IpAddr) -> IpAddr {
        let (client, dialled) = (client.to_canonical(), dialled.to_canonical());
        let told = self
            .networks
            .iter()
            .find(|(network, _)| network.contains(client));
        if let Some((_, address)) = told {
            return *address;
        }
        if is_private(client) {
            return dialled;
        }
        match &self.public {
            Public::None => dialled,
            Public::Address(address) => *address,
            Public::Name(name) => name.address(dialled).await,
        }
    }
}

impl Public {
    fn parse(public: Option<String>, resolver: Box<Resolver>) -> Result<Self, String> {
        let Some(public) = public else {
            return Ok(Self::None);
        };
        if let Ok(address) = public.parse::<IpAddr>() {
            return Ok(Self::Address(address.to_canonical()));
        }
        if !is_host_name(&public) {
            return Err(format!("`{public}` is neither an address nor a host name"));
        }
        Ok(Self::Name(Arc::new(Name {
            host: public,
            resolver,
            known: Mutex::default(),
            first: tokio::sync::Mutex::new(()),
        })))
    }
}

impl Name {
    async fn address(self: &Arc<Self>, dialled: IpAddr) -> IpAddr {
        if self.begins_asking() {
            let name = Arc::clone(self);
            let asking = tokio::spawn(async move { name.ask().await });
            if locked(&self.known).addresses.is_empty() {
                // Waiting in vain is not an error: there is still the dialled address.
                let _ = timeout(FIRST_ANSWER, asking).await;
            }
        } else if locked(&self.known).addresses.is_empty() {
            // Somebody else asks right now, or did in vain not long ago.
            let _ = timeout(FIRST_ANSWER, self.first.lock()).await;
        }
        let known = locked(&self.known);
        let of_family = |address: &&IpAddr| address.is_ipv4() == dialled.is_ipv4();
        known
            .addresses
            .iter()
            .find(of_family)
            .copied()
            .unwrap_or(dialled)
    }

    /// Says yes to one caller each time the answer is old.
    fn begins_asking(&self) -> bool {
        let mut known = locked(&self.known);
        let old = known.asked.is_none_or(|asked| asked.elapsed() >= REFRESH);
        if old {
            known.asked = Some(Instant::now());
        }
        old
    }

    async fn ask(&self) {
        let _first = self.first.lock().await;
        match (self.resolver)(self.host.clone()).await {
            Ok(addresses) if !addresses.is_empty() => locked(&self.known).addresses = addresses,
            Ok(_) => tracing::warn!(host = self.host, "the public host name has no address"),
            Err(error) => {
                tracing::warn!(host = self.host, %error, "cannot resolve the public host name");
            }
        }
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Name").field(&self.host).finish()
    }
}

async fn look_up(host: String) -> io::Result<Vec<IpAddr>> {
    let found = tokio::net::lookup_host((host, 0)).await?;
    Ok(found.map(|address| address.ip().to_canonical()).collect())
}

fn told_address(text: &str) -> Result<IpAddr, String> {
    text.parse::<IpAddr>()
        .map(|address| address.to_canonical())
        .map_err(|_| format!("`{text}` is not an address"))
}

/// RFC 1123 2.1, without judging what only a resolver can. Dotted numbers that are no address
/// (`10.0.0.300`) are a slip of the pen, not a host.
fn is_host_name(text: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    let text = text.strip_suffix('.').unwrap_or(text);
    text.len() <= 253
        && text.split('.').all(label)
        && text
            .rsplit('.')
            .next()
            .is_some_and(|last| last.bytes().any(|b| !b.is_ascii_digit()))
}

fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_private() || v4.is_loopback() || v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unicast_link_local() || v6.is_unique_local(),
    }
}

#[cfg(test)]
mod tests;

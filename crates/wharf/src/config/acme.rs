//! What the settings say about the automatic certificate.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

use wharf_acme::{AcmeConfig, Challenge};

use super::Settings;
use super::value::Value;

impl Settings {
    /// What is asked of the authority; `None`: nothing is.
    pub(crate) fn automatic(&self, state: &Path) -> Option<AcmeConfig> {
        (!self.list("acme.names").is_empty()).then(|| self.acme(state))
    }

    /// The same, also where no name is given.
    pub(super) fn acme(&self, state: &Path) -> AcmeConfig {
        let challenge = match self.choice("acme.challenge") {
            "tls-alpn-01" => Challenge::TlsAlpn01,
            _ => Challenge::Http01,
        };
        AcmeConfig {
            directory: self.text("acme.directory").to_owned(),
            ca: self.optional_path("acme.ca").map(super::tls::absolute),
            contact: self.list("acme.contact").to_vec(),
            names: self.list("acme.names").to_vec(),
            challenge,
            listen: match &self.effective("acme.listen").value {
                Some(Value::Socket(address)) => *address,
                _ => SocketAddr::from((Ipv4Addr::UNSPECIFIED, challenge.port())),
            },
            folder: state.join("acme"),
        }
    }
}

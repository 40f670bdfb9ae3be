//! The TLS of one set of settings, ready to serve.

use std::net::IpAddr;
use std::sync::Arc;

use wharf_net::network::Network;
use wharf_net::tls::certificate::Certificate;
use wharf_net::tls::client::{ClientCertificates, ClientTrust};
use wharf_net::tls::config::{TlsServer, client_trust};
use wharf_net::tls::set::Certificates;

use crate::config::{CloseNotify, Protocol, Requirement, Reuse, TlsConfig};

/// TLS as the settings want it, its files read.
pub(crate) struct Tls {
    pub(crate) server: Arc<TlsServer>,
    pub(crate) data: Requirement,
    pub(crate) clients: ClientCertificates,
    pub(crate) ccc: bool,
    reuse: Reuse,
    implicit_reuse: Reuse,
    close_notify: CloseNotify,
    networks: Vec<Rule>,
}

struct Rule {
    clients: Network,
    reuse: Option<Reuse>,
    close_notify: Option<CloseNotify>,
}

/// What holds for one client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TlsPolicy {
    pub(crate) reuse: Reuse,
    pub(crate) close_notify: CloseNotify,
}

impl Tls {
    /// Reads every file. All problems at once.
    pub(crate) fn open(config: &TlsConfig) -> Result<Self, Vec<String>> {
        let mut problems = Vec::new();
        let certificates = Certificates::load(&config.certificates)
            .map_err(|errors| problems.extend(errors.iter().map(ToString::to_string)));
        let trust = trust(config).map_err(|problem| problems.push(problem));
        let mut networks = Vec::new();
        for rule in &config.networks {
            match Network::parse(&rule.clients) {
                Ok(clients) => networks.push(Rule {
                    clients,
                    reuse: rule.reuse,
                    close_notify: rule.close_notify,
                }),
                Err(problem) => problems.push(problem),
            }
        }
        let (Ok(certificates), Ok(trust), true) = (certificates, trust, problems.is_empty()) else {
            return Err(problems);
        };
        let server = TlsServer::new(
            Arc::new(certificates),
            config.minimum,
            config.clients,
            trust,
        )
        .map_err(|error| vec![error.to_string()])?;
        Ok(Self {
            server: Arc::new(server),
            data: config.data,
            clients: config.clients,
            ccc: config.ccc,
            reuse: config.reuse,
            implicit_reuse: config.implicit_reuse.unwrap_or(config.reuse),
            close_notify: config.close_notify,
            networks,
        })
    }

    /// What holds for a client of that listener.
    pub(crate) fn policy(&self, protocol: Protocol, client: IpAddr) -> TlsPolicy {
        let rules = || {
            let client = client.to_canonical();
            self.networks
                .iter()
                .filter(move |rule| rule.clients.contains(client))
        };
        let listener = match protocol {
            Protocol::Ftp => self.reuse,
            Protocol::Ftps => self.implicit_reuse,
        };
        TlsPolicy {
            reuse: rules().find_map(|rule| rule.reuse).unwrap_or(listener),
            close_notify: rules()
                .find_map(|rule| rule.close_notify)
                .unwrap_or(self.close_notify),
        }
    }

    /// The certificates in force.
    pub(crate) fn certificates(&self) -> Vec<Arc<Certificate>> {
        self.server.certificates().all()
    }
}

fn trust(config: &TlsConfig) -> Result<Option<ClientTrust>, String> {
    let Some(file) = &config.client_ca else {
        return Ok(None);
    };
    client_trust(file, config.client_crl.as_deref())
        .map(Some)
        .map_err(|error| error.to_string())
}

//! The TLS of one set of settings, ready to serve.

use std::net::IpAddr;
use std::sync::Arc;

use wharf_net::network::Network;
use wharf_net::tls::certificate::{Certificate, CertificateError};
use wharf_net::tls::client::{ClientCertificates, ClientTrust};
use wharf_net::tls::config::TlsServer;
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

/// What a look at the files has brought.
pub(crate) struct Refreshed {
    /// The certificates that are new.
    pub(crate) changed: Vec<Arc<Certificate>>,
    /// Whether other client certificates are trusted now.
    pub(crate) trust: bool,
    /// What cannot be used.
    pub(crate) problems: Vec<CertificateError>,
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
            // SSH has neither TLS nor data connections, and never asks.
            Protocol::Ftp | Protocol::Sftp => self.reuse,
            Protocol::Ftps => self.implicit_reuse,
        };
        TlsPolicy {
            reuse: rules().find_map(|rule| rule.reuse).unwrap_or(listener),
            close_notify: rules()
                .find_map(|rule| rule.close_notify)
                .unwrap_or(self.close_notify),
        }
    }

    /// Brings changed files into force.
    pub(crate) fn refresh(&self) -> Refreshed {
        let mut problems = Vec::new();
        let changed = match self.server.certificates().refresh() {
            Ok(changed) => changed.unwrap_or_default(),
            Err(problem) => {
                problems.push(problem);
                Vec::new()
            }
        };
        let trust = match self.server.trust().map(ClientTrust::refresh) {
            Some(Ok(changed)) => changed,
            Some(Err(problem)) => {
                problems.push(problem);
                false
            }
            None => false,
        };
        Refreshed {
            changed,
            trust,
            problems,
        }
    }
}

fn trust(config: &TlsConfig) -> Result<Option<ClientTrust>, String> {
    let Some(file) = &config.client_ca else {
        return Ok(None);
    };
    ClientTrust::from_files(file, config.client_crl.as_deref())
        .map(Some)
        .map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;
    use wharf_net::tls::TlsVersion;
    use wharf_net::tls::certificate::CertificateFiles;
    use wharf_net::tls::self_signed::self_signed;

    use super::*;
    use crate::config::TlsNetwork;

    fn config(folder: &std::path::Path) -> TlsConfig {
        let made = self_signed(&["ftp.example.org".to_owned()]).unwrap();
        let (chain, key) = (folder.join("chain.pem"), folder.join("key.pem"));
        std::fs::write(&chain, &made.chain_pem).unwrap();
        std::fs::write(&key, made.key_pem.expose_secret()).unwrap();
        TlsConfig {
            certificates: vec![CertificateFiles {
                chain,
                key,
                optional: false,
            }],
            minimum: TlsVersion::V1_2,
            reuse: Reuse::Require,
            implicit_reuse: None,
            close_notify: CloseNotify::Required,
            networks: Vec::new(),
            data: Requirement::Required,
            clients: ClientCertificates::Off,
            client_ca: None,
            client_crl: None,
            ccc: false,
        }
    }

    #[test]
    fn the_first_network_that_says_something_about_a_thing_counts_for_it() {
        use CloseNotify::{Optional, Required};
        use Protocol::{Ftp, Ftps};

        let folder = tempfile::tempdir().unwrap();
        let rule = |clients: &str, reuse, close_notify| TlsNetwork {
            clients: clients.to_owned(),
            reuse,
            close_notify,
        };
        let tls = Tls::open(&TlsConfig {
            implicit_reuse: Some(Reuse::Prefer),
            networks: vec![
                rule("10.1.0.0/16", None, Some(Optional)),
                rule("10.0.0.0/8", Some(Reuse::Off), None),
                rule("10.1.2.3", Some(Reuse::Require), Some(Required)),
                rule("fd00::/8", Some(Reuse::Off), None),
            ],
            ..config(folder.path())
        })
        .unwrap();
        let policy = |protocol, client: &str| {
            let policy = tls.policy(protocol, client.parse().unwrap());
            (policy.reuse, policy.close_notify)
        };
        assert_eq!(policy(Ftp, "192.0.2.1"), (Reuse::Require, Required));
        assert_eq!(policy(Ftps, "192.0.2.1"), (Reuse::Prefer, Required));
        assert_eq!(policy(Ftp, "10.9.9.9"), (Reuse::Off, Required));
        assert_eq!(policy(Ftps, "10.1.2.3"), (Reuse::Off, Optional));
        assert_eq!(policy(Ftp, "::ffff:10.1.2.3"), (Reuse::Off, Optional));
        assert_eq!(policy(Ftp, "fd00::1"), (Reuse::Off, Required));
    }

    #[test]
    fn every_file_that_cannot_be_used_is_named_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let good = config(folder.path());
        let problems = Tls::open(&TlsConfig {
            certificates: vec![CertificateFiles {
                chain: folder.path().join("missing.pem"),
                ..good.certificates[0].clone()
            }],
            client_ca: Some(folder.path().join("no-authority.pem")),
            networks: vec![TlsNetwork {
                clients: "10.0.0.0/99".to_owned(),
                reuse: None,
                close_notify: None,
            }],
            ..good
        })
        .err()
        .unwrap();
        let all = problems.join("\n");
        for part in ["missing.pem", "no-authority.pem", "10.0.0.0/99"] {
            assert!(all.contains(part), "{all}");
        }
    }
}

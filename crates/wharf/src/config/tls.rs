//! What the settings say about TLS.

use std::path::{Path, PathBuf};

use wharf_acme::AcmeConfig;
use wharf_net::tls::TlsVersion;
use wharf_net::tls::certificate::CertificateFiles;
use wharf_net::tls::client::ClientCertificates;
use wharf_server::config::{CloseNotify, Requirement, Reuse, TlsConfig, TlsNetwork};

use super::Settings;
use super::value::Value;

/// Where the certificate is that the server makes for itself, below the state folder.
pub(crate) fn own_certificate(state: &Path) -> CertificateFiles {
    CertificateFiles {
        chain: state.join("tls/certificate.pem"),
        key: state.join("tls/key.pem"),
        optional: false,
    }
}

impl Settings {
    /// The certificates of `[tls]`; none: the server's own is shown.
    pub(crate) fn certificates(&self) -> Vec<CertificateFiles> {
        let keys = self.paths("tls.key");
        let chains = self.paths("tls.certificate").into_iter().enumerate();
        chains
            .map(|(index, chain)| CertificateFiles {
                key: keys.get(index).unwrap_or(&chain).clone(),
                chain,
                optional: false,
            })
            .collect()
    }

    /// The names that whoever wrote the settings expects in the server's own certificate.
    pub(crate) fn own_names(&self) -> Vec<String> {
        let listen = self.addresses("server.listen").into_iter();
        let listen = listen.filter(|address| !address.is_unspecified());
        // A name that no certificate can have is still one that clients can be told.
        let public = self.public_address().filter(|host| !host.contains('_'));
        let public = public.map(|host| host.trim_end_matches('.').to_ascii_lowercase());
        let written = self.list("tls.names").iter().cloned().chain(public);
        let mut names: Vec<String> = Vec::new();
        for name in written.chain(listen.map(|address| address.to_string())) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    /// How many files `tls.key` names; `None`: it is not written.
    pub(super) fn key_count(&self) -> Option<usize> {
        self.effective("tls.key")
            .value
            .as_ref()
            .map(|_| self.paths("tls.key").len())
    }

    /// Whether the FTP port takes logins only over TLS.
    pub(super) fn tls_requirement(&self) -> Requirement {
        requirement(self.choice("server.tls"))
    }

    pub(super) fn tls(&self, state: &Path) -> TlsConfig {
        // The automatic one first: once it is there, it is the one that clients know.
        let automatic = self.automatic(state);
        let mut certificates: Vec<_> = automatic.iter().map(AcmeConfig::files).collect();
        match self.certificates() {
            written if written.is_empty() => certificates.push(own_certificate(state)),
            written => certificates.extend(written),
        }
        TlsConfig {
            certificates,
            minimum: match self.choice("tls.min_version") {
                "1.3" => TlsVersion::V1_3,
                _ => TlsVersion::V1_2,
            },
            reuse: reuse(self.choice("tls.reuse")),
            implicit_reuse: self.optional_choice("tls.implicit_reuse").map(reuse),
            close_notify: close_notify(self.choice("tls.close_notify")),
            networks: self.tls_networks(),
            data: requirement(self.choice("server.data_tls")),
            clients: match self.choice("tls.client_certificates") {
                "require" => ClientCertificates::Require,
                "request" => ClientCertificates::Request,
                _ => ClientCertificates::Off,
            },
            client_ca: self.optional_path("tls.client_ca").map(absolute),
            client_crl: self.optional_path("tls.client_crl").map(absolute),
            ccc: self.flag("tls.ccc"),
        }
    }

    fn tls_networks(&self) -> Vec<TlsNetwork> {
        let Value::TlsNetworks(list) = self.value("tls.networks") else {
            self.mismatch("tls.networks", self.value("tls.networks"));
        };
        list.iter()
            .map(|rule| TlsNetwork {
                clients: rule.clients.clone(),
                reuse: rule.reuse.map(reuse),
                close_notify: rule.close_notify.map(close_notify),
            })
            .collect()
    }

    pub(super) fn paths(&self, name: &'static str) -> Vec<PathBuf> {
        match self.effective(name).value.as_ref() {
            None => Vec::new(),
            Some(Value::Paths(list)) => list.iter().map(|path| absolute(path)).collect(),
            Some(other) => self.mismatch(name, other),
        }
    }

    /// A list of names or mail addresses.
    pub(crate) fn list(&self, name: &'static str) -> &[String] {
        match self.value(name) {
            Value::List(list) => list,
            other => self.mismatch(name, other),
        }
    }

    fn optional_choice(&self, name: &'static str) -> Option<&'static str> {
        match self.effective(name).value.as_ref()? {
            Value::Choice(word) => Some(word),
            other => self.mismatch(name, other),
        }
    }
}

/// The server changes folders for nobody, but its watcher should not depend on that.
pub(super) fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

fn requirement(word: &str) -> Requirement {
    match word {
        "allowed" => Requirement::Allowed,
        _ => Requirement::Required,
    }
}

fn reuse(word: &str) -> Reuse {
    match word {
        "off" => Reuse::Off,
        "prefer" => Reuse::Prefer,
        _ => Reuse::Require,
    }
}

fn close_notify(word: &str) -> CloseNotify {
    match word {
        "optional" => CloseNotify::Optional,
        _ => CloseNotify::Required,
    }
}

#[cfg(test)]
#[path = "tls_tests.rs"]
pub(super) mod tests;

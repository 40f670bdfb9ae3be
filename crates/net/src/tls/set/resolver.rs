//! Which certificate a client is shown.

use std::sync::Arc;

use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::super::certificate::{Certificate, Cover};
use super::Certificates;

/// Chooses for one listener, or for one session whose client sent HOST.
#[derive(Debug)]
pub(super) struct Resolver {
    certificates: Arc<Certificates>,
    host: Option<Box<str>>,
}

impl Resolver {
    pub(super) fn new(certificates: Arc<Certificates>, host: Option<&str>) -> Self {
        Self {
            certificates,
            host: host.map(Into::into),
        }
    }
}

impl ResolvesServerCert for Resolver {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let current = self.certificates.current();
        // rustls has left out the schemes that none of the common cipher suites could use.
        let usable = |certificate: &&Arc<Certificate>| {
            let key = &certificate.key().key;
            key.choose_scheme(hello.signature_schemes()).is_some()
        };
        let named = [hello.server_name(), self.host.as_deref()];
        let chosen = named
            .into_iter()
            .flatten()
            .find_map(|name| covering(&current, name).into_iter().find(usable))
            .or_else(|| current.iter().find(usable))
            .or_else(|| current.first())?;
        Some(Arc::clone(chosen.key()))
    }
}

/// Those for `name`, the better first.
pub(super) fn covering<'a>(all: &'a [Arc<Certificate>], name: &str) -> Vec<&'a Arc<Certificate>> {
    let (mut exact, mut wildcard) = (Vec::new(), Vec::new());
    for certificate in all {
        match certificate.cover(name) {
            Some(Cover::Exact) => exact.push(certificate),
            Some(Cover::Wildcard) => wildcard.push(certificate),
            None => {}
        }
    }
    exact.append(&mut wildcard);
    exact
}

#[cfg(test)]
pub(super) mod tests;

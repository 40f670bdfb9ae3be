//! The certificates in force.

mod resolver;

use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Instant;

use rustls::server::ResolvesServerCert;

use self::resolver::{Resolver, covering};
use super::certificate::{Certificate, CertificateError, CertificateFiles, Content, Watch};
use crate::sync::locked;

/// The certificates a server shows, in the order of their files. They are replaced while it runs:
/// a handshake takes those in force at its beginning.
#[derive(Debug)]
pub struct Certificates {
    /// Never empty.
    current: RwLock<Arc<[Arc<Certificate>]>>,
    pairs: Mutex<Vec<Pair>>,
}

impl Certificates {
    /// Reads all of `files`; blocks on the disk. Optional ones may be missing. Those that are
    /// there but cannot be used do not hinder the start, as long as there is another certificate:
    /// what puts them there can mend them then, and [`Certificates::refresh`] tells.
    ///
    /// # Errors
    /// All problems at once.
    pub fn load(files: &[CertificateFiles]) -> Result<Self, Vec<CertificateError>> {
        let pairs = read_all(files, Instant::now())?;
        Ok(Self {
            current: RwLock::new(loaded(&pairs)),
            pairs: Mutex::new(pairs),
        })
    }

    /// Takes `files` instead of those before; as [`Certificates::load`].
    ///
    /// # Errors
    /// All problems at once; nothing has changed then.
    pub fn reload(&self, files: &[CertificateFiles]) -> Result<(), Vec<CertificateError>> {
        let fresh = read_all(files, Instant::now())?;
        let mut pairs = locked(&self.pairs);
        *pairs = fresh;
        self.put_in_force(&pairs);
        Ok(())
    }

    /// Looks whether files changed, and takes those that fit together; to be called every few
    /// seconds, outside of the async workers. The answer are the certificates that are new;
    /// `Ok(None)` when none is. A file that is gone leaves its certificate in force.
    ///
    /// # Errors
    /// What has been wrong with a pair of files for ten seconds: before, somebody may be in the
    /// middle of replacing them. Each is told once, and its old certificate stays in force.
    pub fn refresh(&self) -> Result<Option<Vec<Arc<Certificate>>>, CertificateError> {
        self.refresh_at(Instant::now())
    }

    fn refresh_at(&self, now: Instant) -> Result<Option<Vec<Arc<Certificate>>>, CertificateError> {
        let mut pairs = locked(&self.pairs);
        let fresh: Vec<_> = pairs.iter_mut().filter_map(|pair| pair.look(now)).collect();
        if !fresh.is_empty() {
            self.put_in_force(&pairs);
            return Ok(Some(fresh));
        }
        match pairs.iter_mut().find_map(|pair| pair.watch.complaint(now)) {
            Some(error) => Err(error),
            None => Ok(None),
        }
    }

    /// Those in force, in the order of the files.
    pub fn all(&self) -> Vec<Arc<Certificate>> {
        self.current().to_vec()
    }

    /// The one for clients that name no server.
    pub fn first(&self) -> Arc<Certificate> {
        Arc::clone(&self.current()[0])
    }

    /// The certificate for `name`: the first that has it as it is, or else the first that has it
    /// by a wildcard ([`Certificate::covers`]).
    pub fn find(&self, name: &str) -> Option<Arc<Certificate>> {
        covering(&self.current(), name).into_iter().next().cloned()
    }

    /// Chooses by the name in the client's SNI, then by `host` (what HOST named, RFC 7151), then
    /// the first; among several for a name, the first whose key the client can verify.
    pub(crate) fn resolver(self: &Arc<Self>, host: Option<&str>) -> Arc<dyn ResolvesServerCert> {
        Arc::new(Resolver::new(Arc::clone(self), host))
    }

    fn current(&self) -> Arc<[Arc<Certificate>]> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn put_in_force(&self, pairs: &[Pair]) {
        let fresh = loaded(pairs);
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = fresh;
    }
}

/// The files of one certificate, and what is in force of them.
#[derive(Debug)]
struct Pair {
    files: CertificateFiles,
    watch: Watch,
    certificate: Option<Arc<Certificate>>,
}

impl Pair {
    fn new(files: &CertificateFiles) -> Self {
        Self {
            files: files.clone(),
            watch: Watch::new([files.chain.clone(), files.key.clone()]),
            certificate: None,
        }
    }

    fn read(&mut self, now: Instant) -> Result<(), CertificateError> {
        if self.files.optional && self.watch.is_absent() {
            return Ok(());
        }
        let files = &self.files;
        let made = self.watch.read(now, |contents| make(files, contents))?;
        self.certificate = Some(Arc::new(made));
        Ok(())
    }

    fn look(&mut self, now: Instant) -> Option<Arc<Certificate>> {
        if self.files.optional && self.watch.is_absent() {
            self.watch.forgive();
            return None;
        }
        let files = &self.files;
        let made = self.watch.look(now, |contents| make(files, contents))?;
        let fresh = Arc::new(made);
        self.certificate = Some(Arc::clone(&fresh));
        Some(fresh)
    }
}

fn make(files: &CertificateFiles, contents: &[Content]) -> Result<Certificate, CertificateError> {
    match contents {
        [both] => Certificate::from_read(files, both, both),
        [chain, key, ..] => Certificate::from_read(files, chain, key),
        [] => Err(CertificateError::Nothing),
    }
}

fn read_all(files: &[CertificateFiles], now: Instant) -> Result<Vec<Pair>, Vec<CertificateError>> {
    let mut pairs: Vec<Pair> = files.iter().map(Pair::new).collect();
    let mut errors = Vec::new();
    let mut fatal = false;
    for pair in &mut pairs {
        if let Err(error) = pair.read(now) {
            fatal |= !pair.files.optional;
            errors.push(error);
        }
    }
    let none = pairs.iter().all(|pair| pair.certificate.is_none());
    if none && errors.is_empty() {
        errors.push(CertificateError::Nothing);
    }
    if fatal || none {
        Err(errors)
    } else {
        Ok(pairs)
    }
}

fn loaded(pairs: &[Pair]) -> Arc<[Arc<Certificate>]> {
    pairs
        .iter()
        .filter_map(|pair| pair.certificate.clone())
        .collect()
}

#[cfg(test)]
mod tests;

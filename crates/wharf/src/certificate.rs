//! The certificate a server makes for itself, so that TLS works from the first start.

use std::fs::DirBuilder;
use std::net::IpAddr;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use secrecy::ExposeSecret as _;
use wharf_net::tls::certificate::{Certificate, CertificateFiles};
use wharf_net::tls::self_signed::{local_names, self_signed};

use crate::config::Settings;
use crate::config::tls::own_certificate;
use crate::date;
use crate::failure::Failure;
use crate::private_file::{closed, failed, remove, rename, write};
use crate::shell;

/// A certificate that ends so soon is made anew: clients are told before they are locked out.
const SOON: Duration = Duration::from_secs(30 * 86_400);

/// Makes the server's own certificate where the settings name none and there is none, or none
/// that is valid for long. Otherwise it stays what it is: clients have been told to trust it.
pub(crate) fn ensure(settings: &Settings, state: &Path) -> Result<(), Failure> {
    if !settings.certificates().is_empty() {
        return Ok(());
    }
    let own = Own::of(state);
    own.folder()?;
    own.finish()?;
    let names = settings.own_names();
    let Some(present) = own.load()? else {
        return own.make(&names).map(drop);
    };
    if present.not_after() <= SystemTime::now() + SOON {
        let new = own.make(&names)?;
        tracing::warn!(
            "the server's own certificate {} ends on {} and was replaced by {}: clients that \
             trust the old one must be told the new one",
            present.fingerprint(),
            date::day(present.not_after()),
            new.fingerprint(),
        );
        return Ok(());
    }
    let missing: Vec<_> = names.iter().filter(|name| !present.covers(name)).collect();
    if !missing.is_empty() {
        let missing: Vec<_> = missing.iter().map(|name| name.as_str()).collect();
        tracing::warn!(
            "the server's own certificate is not for {}: it is kept, because clients may trust \
             it by its fingerprint; to have a new one made, remove it ({}) and start again",
            missing.join(", "),
            shell::command(&["rm"], &own.files.chain),
        );
    }
    Ok(())
}

/// The files of the server's own certificate.
struct Own {
    files: CertificateFiles,
}

impl Own {
    fn of(state: &Path) -> Self {
        Self {
            files: own_certificate(state),
        }
    }

    /// Makes the folder, for this user alone.
    fn folder(&self) -> Result<(), Failure> {
        let folder = self.files.chain.parent().unwrap_or_else(|| Path::new("."));
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .map_err(|error| failed("make the folder", folder, &error))?;
        closed(folder, "700")
    }

    /// The certificate, or `None` where it is not there yet or was removed.
    fn load(&self) -> Result<Option<Certificate>, Failure> {
        if !self.files.chain.exists() || !self.files.key.exists() {
            return Ok(None);
        }
        closed(&self.files.key, "600")?;
        Certificate::from_files(&self.files).map(Some).map_err(|error| {
            let remove = shell::command(&["rm"], &self.files.chain);
            Failure::new(format!("the server's own certificate cannot be used: {error}"))
                .hint(format!("{remove}, and the next start makes a new one; clients must be told its fingerprint"))
        })
    }

    fn make(&self, names: &[String]) -> Result<Certificate, Failure> {
        let mut all = names.to_vec();
        all.extend(
            local_names()
                .into_iter()
                .filter(|name| !names.contains(name)),
        );
        // The first one is what clients show as the certificate's name.
        all.sort_by_key(|name| name.parse::<IpAddr>().is_ok());
        let made = self_signed(&all)
            .map_err(|error| Failure::new(format!("cannot make a certificate: {error}")))?;
        write(&new(&self.files.key), made.key_pem.expose_secret())?;
        write(&new(&self.files.chain), &made.chain_pem)?;
        self.finish()?;
        Certificate::from_files(&self.files)
            .map_err(|error| Failure::new(format!("cannot use the certificate just made: {error}")))
    }

    /// Gives new files their names, the key first. A crash between the two leaves a certificate
    /// that waits for its name, and the next start finishes here; one before leaves a pair that
    /// nobody knows and that may be cut short, which goes where it does.
    fn finish(&self) -> Result<(), Failure> {
        let (key, chain) = (new(&self.files.key), new(&self.files.chain));
        if !key.exists() {
            return match chain.exists() {
                true => rename(&chain, &self.files.chain),
                false => Ok(()),
            };
        }
        let pair = CertificateFiles {
            chain: chain.clone(),
            key: key.clone(),
            optional: false,
        };
        if Certificate::from_files(&pair).is_ok() {
            rename(&key, &self.files.key)?;
            return rename(&chain, &self.files.chain);
        }
        remove(&chain)?;
        remove(&key)
    }
}

fn new(path: &Path) -> PathBuf {
    path.with_extension("pem.new")
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn case() -> (tempfile::TempDir, Own) {
        let scratch = tempfile::tempdir().unwrap();
        let own = Own::of(scratch.path());
        own.folder().unwrap();
        (scratch, own)
    }

    #[test]
    fn what_a_crash_left_behind_is_finished_or_forgotten() {
        let (_scratch, own) = case();
        let first = own.make(&[]).unwrap().fingerprint();
        let (key, chain) = (new(&own.files.key), new(&own.files.chain));

        // Stopped within the writing of the second file: what was in force stays.
        let made = self_signed(&["localhost".to_owned()]).unwrap();
        write(&key, made.key_pem.expose_secret()).unwrap();
        write(&chain, &made.chain_pem[..made.chain_pem.len() / 2]).unwrap();
        own.finish().unwrap();
        assert!(!key.exists() && !chain.exists());
        assert_eq!(own.load().unwrap().unwrap().fingerprint(), first);

        // Stopped before the first name.
        write(&key, made.key_pem.expose_secret()).unwrap();
        write(&chain, &made.chain_pem).unwrap();
        own.finish().unwrap();
        let second = own.load().unwrap().unwrap().fingerprint();
        assert_ne!(second, first);

        // Stopped between the two names.
        let made = self_signed(&["localhost".to_owned()]).unwrap();
        write(&own.files.key, made.key_pem.expose_secret()).unwrap();
        write(&chain, &made.chain_pem).unwrap();
        own.finish().unwrap();
        let third = own.load().unwrap().unwrap().fingerprint();
        assert!(third != first && third != second);
        assert!(!key.exists() && !chain.exists());
    }

    #[test]
    fn a_certificate_that_was_removed_is_made_anew() {
        let (_scratch, own) = case();
        assert!(own.load().unwrap().is_none());
        own.make(&["ftp.example.org".to_owned()]).unwrap();
        let made = own.load().unwrap().unwrap();
        assert_eq!(made.names()[0], "ftp.example.org");
        assert!(made.covers("localhost") && made.covers("127.0.0.1"));
        fs::remove_file(&own.files.chain).unwrap();
        assert!(own.load().unwrap().is_none());
    }
}

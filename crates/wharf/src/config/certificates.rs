//! The files of `[tls]` and `[acme]`: whether they can be used, before a port is bound.

use std::time::{Duration, SystemTime};

use wharf_net::tls::certificate::{Certificate, CertificateFiles, exposed_key};
use wharf_net::tls::client::ClientTrust;

use super::Settings;
use super::problem::Problem;
use crate::date;

/// What was found, by how bad it is.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// No server can be started.
    pub(super) problems: Vec<Problem>,
    /// One can be, and its clients will complain.
    pub(super) warnings: Vec<Problem>,
    /// Nothing is wrong yet.
    pub(super) notes: Vec<Problem>,
}

/// A certificate that ends so soon is told: automatic renewal happens earlier.
const SOON: Duration = Duration::from_secs(14 * 86_400);

/// Looks at all files.
pub(super) fn look(settings: &Settings) -> Found {
    let mut found = Found::default();
    let all = settings.certificates();
    if let Some(problem) = keys_without_certificates(settings, all.len()) {
        found.problems.push(problem);
        return found;
    }
    let loaded: Vec<_> = all
        .iter()
        .filter_map(|files| found.certificate(settings, files))
        .collect();
    if found.problems.is_empty() && !loaded.is_empty() {
        found.notes.extend(uncovered(settings, &loaded));
    }
    found.client_trust(settings);
    if let Some(path) = settings.optional_path("acme.ca")
        && let Err(error) = ClientTrust::from_files(path, None)
    {
        let what = error.to_string();
        found.problems.push(settings.remark("acme.ca", &what, None));
    }
    found
}

impl Found {
    fn certificate(
        &mut self,
        settings: &Settings,
        files: &CertificateFiles,
    ) -> Option<Certificate> {
        let certificate = match Certificate::from_files(files) {
            Ok(certificate) => certificate,
            Err(error) => {
                let of_key = error.file().is_some_and(|file| file == files.key);
                let setting = if of_key {
                    key_setting(settings)
                } else {
                    "tls.certificate"
                };
                self.problems
                    .push(settings.remark(setting, &error.to_string(), None));
                return None;
            }
        };
        let shown = files.chain.display();
        let remark = |what: &str, hint| settings.remark("tls.certificate", what, hint);
        let (now, ends) = (SystemTime::now(), certificate.not_after());
        let warnings = certificate.warnings(now);
        for warning in &warnings {
            self.warnings
                .push(remark(&format!("`{shown}`: {warning}"), None));
        }
        if warnings.is_empty() && ends <= now + SOON {
            let what = format!("`{shown}`: the certificate expires on {}", date::day(ends));
            let hint = "renew it; the new file is taken without a restart";
            self.notes.push(remark(&what, Some(hint)));
        }
        if exposed_key(files) {
            let what = format!(
                "the key `{}` can be read by other users",
                files.key.display()
            );
            let hint = crate::shell::command(&["chmod", "600"], &files.key);
            self.warnings
                .push(settings.remark(key_setting(settings), &what, Some(&hint)));
        }
        Some(certificate)
    }

    fn client_trust(&mut self, settings: &Settings) {
        let Some(authorities) = settings.optional_path("tls.client_ca") else {
            if settings.optional_path("tls.client_crl").is_some() {
                let what =
                    "`tls.client_crl` revokes certificates of nobody: there is no `tls.client_ca`";
                self.problems
                    .push(settings.remark("tls.client_crl", what, None));
            }
            return;
        };
        let revoked = settings.optional_path("tls.client_crl");
        if let Err(error) = ClientTrust::from_files(authorities, revoked) {
            let of_list = revoked.is_some() && error.file() == revoked;
            let setting = if of_list {
                "tls.client_crl"
            } else {
                "tls.client_ca"
            };
            let problem = settings.remark(setting, &error.to_string(), None);
            self.problems.push(problem);
        }
    }
}

/// The setting that names the key's file.
fn key_setting(settings: &Settings) -> &'static str {
    match settings.effective("tls.key").value {
        Some(_) => "tls.key",
        None => "tls.certificate",
    }
}

fn keys_without_certificates(settings: &Settings, certificates: usize) -> Option<Problem> {
    let keys = settings.key_count()?;
    if certificates == 0 {
        let what = "`tls.key` has no `tls.certificate` beside it";
        return Some(settings.remark("tls.key", what, None));
    }
    let what = format!("`tls.key` has {keys} files and `tls.certificate` has {certificates}");
    let hint = "give one key for each certificate, in the same order; or leave `key` out where the keys are in the certificates' files";
    (keys != certificates).then(|| settings.remark("tls.key", &what, Some(hint)))
}

/// The name clients are told that no certificate has.
fn uncovered(settings: &Settings, loaded: &[Certificate]) -> Option<Problem> {
    let public = settings.public_address()?;
    if !settings.list("acme.names").is_empty() || loaded.iter().any(|own| own.covers(public)) {
        return None;
    }
    let names: Vec<_> = loaded.iter().flat_map(|own| own.names()).cloned().collect();
    let what = format!("no certificate is for `{public}`, the address clients are told");
    let hint = format!(
        "clients that check names must connect to: {}",
        names.join(", ")
    );
    Some(settings.remark("passive.public_address", &what, Some(&hint)))
}

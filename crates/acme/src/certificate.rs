//! The certificate on the disk: whose it is, and until when it does.

use std::collections::BTreeSet;
use std::time::SystemTime;

use instant_acme::CertificateIdentifier;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use secrecy::{ExposeSecret as _, SecretString};
use wharf_net::tls::certificate::Certificate;

use crate::config::Checked;
use crate::error::AcmeError;
use crate::folder::Folder;
use crate::pace::renewal;
use crate::text::said;

/// A certificate that is in force.
#[derive(Debug, Clone)]
pub(crate) struct Current {
    pub(crate) not_before: SystemTime,
    pub(crate) not_after: SystemTime,
    /// What the CA calls it when it is asked about renewal (RFC 9773 4.1); some CAs leave out
    /// what this is made of.
    pub(crate) identifier: Option<CertificateIdentifier<'static>>,
}

impl Current {
    /// The certificate in the folder, if it came from an order of this CA for exactly these names.
    /// Reads files: not for async workers.
    pub(crate) fn read(folder: &Folder, wanted: &Checked) -> Result<Option<Self>, AcmeError> {
        let Some((certificate, chain)) = folder.pair()? else {
            return Ok(None);
        };
        let first = chain.split(|&byte| byte == b'\n').next();
        let ours = first == Some(order_line(wanted).as_bytes()) && covers(&certificate, wanted);
        Ok(ours.then(|| Self::of(&certificate, &chain)))
    }

    /// What the CA sent, if it is what was ordered, and the text of the file it goes to.
    pub(crate) fn received(
        chain: &str,
        key: &SecretString,
        wanted: &Checked,
    ) -> Result<(Self, String), AcmeError> {
        let unusable = |why: &str| AcmeError::Certificate { why: said(why) };
        // RFC 8555 7.4.2: a client checks that there is nothing but certificates, above all no
        // private key that the CA chose.
        let mut boundaries = chain.lines().filter(|line| line.contains("-----BEGIN"));
        if !boundaries.all(|line| line.trim() == "-----BEGIN CERTIFICATE-----") {
            return Err(unusable("there is something beside certificates in it"));
        }
        let certificate = Certificate::from_pem(chain.as_bytes(), key.expose_secret().as_bytes())
            .map_err(|error| unusable(first_paragraph(&error.to_string())))?;
        if !covers(&certificate, wanted) {
            return Err(unusable(&format!(
                "it is for {}",
                certificate.names().join(", ")
            )));
        }
        // Before it takes the place of one that works.
        if certificate.not_after() <= SystemTime::now() {
            return Err(AcmeError::Clock {
                not_before: certificate.not_before(),
                not_after: certificate.not_after(),
            });
        }
        let text = format!("{}\n{chain}", order_line(wanted));
        Ok((Self::of(&certificate, text.as_bytes()), text))
    }

    /// When it is replaced if the CA does not say otherwise.
    pub(crate) fn renewal(&self) -> SystemTime {
        renewal(self.not_before, self.not_after)
    }

    fn of(certificate: &Certificate, chain: &[u8]) -> Self {
        Self {
            not_before: certificate.not_before(),
            not_after: certificate.not_after(),
            identifier: identifier(chain),
        }
    }
}

/// What the file of a chain begins with, so that a certificate of a test CA is not taken for one
/// of the CA that is asked now (RFC 7468 2 has room for a text before the first boundary).
fn order_line(wanted: &Checked) -> String {
    let names = wanted.names_listed().join(" ");
    format!("ACME order: {} {names}", wanted.directory)
}

fn covers(certificate: &Certificate, wanted: &Checked) -> bool {
    let names: BTreeSet<_> = certificate
        .names()
        .iter()
        .map(|name| name.to_ascii_lowercase())
        .collect();
    wanted.names.is_subset(&names)
}

/// What to do with files of one's own is of no use for what a CA sent.
fn first_paragraph(text: &str) -> &str {
    text.split("\n\n").next().unwrap_or_default()
}

fn identifier(chain: &[u8]) -> Option<CertificateIdentifier<'static>> {
    let leaf = CertificateDer::from_pem_slice(chain).ok()?;
    let identifier = CertificateIdentifier::try_from(&leaf).ok()?;
    Some(identifier.into_owned())
}

#[cfg(test)]
pub(crate) mod tests {
    use rcgen::{CertificateParams, KeyPair};

    use super::*;
    use crate::config::tests::config;

    /// A chain of one and its key, PEM.
    pub(crate) fn self_signed(name: &str) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new([name.to_owned()]).unwrap();
        let certificate = params.self_signed(&key).unwrap();
        (certificate.pem(), key.serialize_pem())
    }

    fn wanted(names: &[&str], directory: &str) -> Checked {
        let mut config = config();
        config.names = names.iter().map(|&name| name.to_owned()).collect();
        config.directory = directory.to_owned();
        Checked::new(config).unwrap()
    }

    const CA: &str = "https://ca.example/directory";

    #[test]
    fn a_certificate_is_ours_by_its_ca_and_its_names() {
        let scratch = tempfile::tempdir().unwrap();
        let folder = Folder::open(scratch.path()).unwrap();
        let ours = |names: &[&str], directory: &str| {
            let wanted = wanted(names, directory);
            Current::read(&folder, &wanted).unwrap().is_some()
        };
        assert!(!ours(&["a.example"], CA), "an empty folder");

        let (chain, key) = self_signed("a.example");
        let key = SecretString::from(key);
        folder.save_pair(chain.as_bytes(), &key).unwrap();
        assert!(!ours(&["a.example"], CA), "somebody else's");

        let (_, text) = Current::received(&chain, &key, &wanted(&["a.example"], CA)).unwrap();
        folder.save_pair(text.as_bytes(), &key).unwrap();
        assert!(ours(&["a.example"], CA));
        assert!(ours(&["A.example"], CA));
        assert!(!ours(&["a.example"], "https://other.example/directory"));
        assert!(!ours(&["b.example"], CA));
        assert!(!ours(&["a.example", "b.example"], CA));
    }

    #[test]
    fn what_was_not_ordered_is_refused() {
        let (chain, key) = self_signed("a.example");
        let (other_chain, other_key) = self_signed("a.example");
        let key_secret = SecretString::from(key.clone());
        let refusal = |chain: &str, key: &SecretString, name: &str| {
            let error = Current::received(chain, key, &wanted(&[name], CA)).unwrap_err();
            error.to_string()
        };
        assert!(refusal(&chain, &key_secret, "b.example").contains("it is for a.example"));
        assert!(refusal(&format!("{chain}{key}"), &key_secret, "a.example").contains("beside"));
        refusal(&chain, &other_key.into(), "a.example");
        refusal(&other_chain, &key_secret, "a.example");
        refusal("", &key_secret, "a.example");
        refusal("<html>", &key_secret, "a.example");
    }
}

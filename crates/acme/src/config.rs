//! What is ordered, where, and how it is proven.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;

use http::Uri;
use wharf_net::tls::certificate::CertificateFiles;

use crate::challenge::Challenge;
use crate::error::AcmeError;
use crate::folder::{CERTIFICATE, KEY};
use crate::name;
use crate::text::said;

/// The directory of Let's Encrypt.
pub const LETS_ENCRYPT: &str = "https://acme-v02.api.letsencrypt.org/directory";

/// Names in one certificate, as many as Let's Encrypt takes.
pub const MAX_NAMES: usize = 100;

/// Addresses the CA may write to.
const MAX_CONTACTS: usize = 10;

/// What is ordered, where, and how it is proven.
///
/// Whoever makes one has asked the user to agree to the CA's terms of service: an account is made
/// in agreement with them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AcmeConfig {
    /// The URL of the CA's directory, `https` only.
    pub directory: String,
    /// PEM: roots that the CA's own web server is trusted by, beside those of this machine. For
    /// private CAs.
    pub ca: Option<PathBuf>,
    /// Addresses the CA may write to, as `ann@example.org` or `mailto:ann@example.org`.
    pub contact: Vec<String>,
    /// The DNS names of the certificate, 1 to [`MAX_NAMES`].
    pub names: Vec<String>,
    /// How they are proven to lead here.
    pub challenge: Challenge,
    /// Where the CA's question arrives. It comes to port 80 or 443 of each name, see
    /// [`Challenge::port`]; another port here needs somebody in front who forwards it.
    pub listen: SocketAddr,
    /// A folder of its own: `certificate.pem`, `key.pem`, `account.json`.
    pub folder: PathBuf,
}

impl AcmeConfig {
    /// Where the certificate and its key are, as soon as there are any.
    #[must_use]
    pub fn files(&self) -> CertificateFiles {
        CertificateFiles {
            chain: self.folder.join(CERTIFICATE),
            key: self.folder.join(KEY),
            optional: true,
        }
    }

    /// Whether an order with these could be placed, without placing one or looking at the disk.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn check(&self) -> Result<(), AcmeError> {
        Checked::new(self.clone()).map(drop)
    }
}

/// A configuration that means something.
#[derive(Debug, Clone)]
pub(crate) struct Checked {
    pub(crate) directory: String,
    pub(crate) ca: Option<PathBuf>,
    pub(crate) contact: Vec<String>,
    /// In lower case, each once.
    pub(crate) names: BTreeSet<String>,
    pub(crate) challenge: Challenge,
    pub(crate) listen: SocketAddr,
}

impl Checked {
    pub(crate) fn new(config: AcmeConfig) -> Result<Self, AcmeError> {
        let names = config
            .names
            .iter()
            .map(|name| name::parse(name))
            .collect::<Result<BTreeSet<_>, _>>()?;
        if names.is_empty() {
            return Err(AcmeError::NoNames);
        }
        if names.len() > MAX_NAMES {
            return Err(AcmeError::TooManyNames(names.len()));
        }
        if !is_https(&config.directory) {
            return Err(AcmeError::Directory(said(&config.directory)));
        }
        if config.contact.len() > MAX_CONTACTS {
            return Err(AcmeError::TooManyContacts(config.contact.len()));
        }
        let contact = config
            .contact
            .iter()
            .map(|contact| mailbox(contact).ok_or_else(|| AcmeError::Contact(said(contact))))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            directory: config.directory,
            ca: config.ca,
            contact,
            names,
            challenge: config.challenge,
            listen: config.listen,
        })
    }

    /// The names as a sentence has them.
    pub(crate) fn names_listed(&self) -> Vec<String> {
        self.names.iter().cloned().collect()
    }
}

/// RFC 8555 6.1: every interaction is over https. So there is no exception, not even for loopback.
fn is_https(directory: &str) -> bool {
    let Ok(uri) = directory.parse::<Uri>() else {
        return false;
    };
    let plain_authority = uri
        .authority()
        .is_some_and(|authority| !authority.host().is_empty() && !authority.as_str().contains('@'));
    uri.scheme_str() == Some("https") && plain_authority
}

/// RFC 8555 7.3: a `mailto` URL of one address and without header fields.
fn mailbox(contact: &str) -> Option<String> {
    let address = contact.strip_prefix("mailto:").unwrap_or(contact);
    let (local, domain) = address.rsplit_once('@')?;
    let plain = |part: &str| {
        !part.is_empty()
            && part
                .bytes()
                .all(|byte| byte.is_ascii_graphic() && !b",?&<>\"\\:;@()".contains(&byte))
    };
    (plain(local) && plain(domain)).then(|| format!("mailto:{address}"))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn config() -> AcmeConfig {
        AcmeConfig {
            directory: LETS_ENCRYPT.to_owned(),
            ca: None,
            contact: Vec::new(),
            names: vec!["ftp.example.org".to_owned()],
            challenge: Challenge::Http01,
            listen: ([127, 0, 0, 1], 0).into(),
            folder: PathBuf::new(),
        }
    }

    #[test]
    fn names_are_counted_once() {
        let mut config = config();
        config.names = vec!["B.example".into(), "a.example".into(), "b.example".into()];
        let checked = Checked::new(config.clone()).unwrap();
        assert_eq!(checked.names_listed(), ["a.example", "b.example"]);

        config.names = (0..=MAX_NAMES).map(|n| format!("n{n}.example")).collect();
        assert!(matches!(config.check(), Err(AcmeError::TooManyNames(101))));
        config.names.pop();
        config.check().unwrap();
        config.names.clear();
        assert!(matches!(config.check(), Err(AcmeError::NoNames)));
        config.names = vec!["127.0.0.1".into()];
        assert!(
            config
                .check()
                .unwrap_err()
                .to_string()
                .contains("is an address")
        );
    }

    #[test]
    fn the_directory_is_https_and_nothing_else() {
        for (directory, good) in [
            (LETS_ENCRYPT, true),
            ("https://127.0.0.1:14000/dir", true),
            ("https://[::1]:14000/dir", true),
            ("http://127.0.0.1:4000/dir", false),
            ("http://acme.example/dir", false),
            ("https://user:secret@acme.example/dir", false),
            ("https://", false),
            ("acme.example", false),
            ("ftp://acme.example", false),
            ("", false),
        ] {
            let mut config = config();
            config.directory = directory.to_owned();
            assert_eq!(config.check().is_ok(), good, "{directory}");
        }
    }

    #[test]
    fn contacts_are_single_mail_addresses() {
        for (contact, taken) in [
            ("ann@example.org", Some("mailto:ann@example.org")),
            ("mailto:ann@example.org", Some("mailto:ann@example.org")),
            ("mailto:a@b.example,c@d.example", None),
            ("mailto:a@b.example?subject=x", None),
            ("tel:123", None),
            ("ann", None),
            ("a b@example.org", None),
            ("@example.org", None),
        ] {
            assert_eq!(mailbox(contact).as_deref(), taken, "{contact}");
        }
    }

    #[test]
    fn the_files_are_left_out_until_they_appear() {
        let mut config = config();
        config.folder = "/state/acme".into();
        let files = config.files();
        assert!(files.optional);
        assert_eq!(files.chain, PathBuf::from("/state/acme/certificate.pem"));
        assert_eq!(files.key, PathBuf::from("/state/acme/key.pem"));
    }
}

//! Public keys and certificates in files, which may be anything.

use std::fs;
use std::io::{self, ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use secrecy::zeroize::Zeroizing;
use wharf_accounts::{CertificateMatch, KeyError, PublicKey};
use wharf_net::tls::certificate::Fingerprint;
use x509_parser::pem::Pem;

use crate::failure::Failure;
use crate::shell;

/// The one public key in a file, or on standard input for `-`.
pub(super) fn public_key(file: &Path) -> Result<PublicKey, Failure> {
    let bytes = read(file, "the key", MAX_KEY_FILE).map_err(|(missing, failure)| {
        if missing {
            failure.hint("`ssh-keygen -t ed25519` makes a key; its public half ends in `.pub`")
        } else {
            failure
        }
    })?;
    let text = std::str::from_utf8(&bytes).map_err(|_| {
        Failure::new(format!(
            "{} is not a public key as OpenSSH writes it: it is not text",
            shown(file)
        ))
        .hint("give the file that ends in `.pub`")
    })?;
    text.parse().map_err(|error| unusable(file, &error))
}

/// What the first certificate in a PEM file, or on standard input for `-`, is known by.
pub(super) fn certificate(file: &Path) -> Result<CertificateMatch, Failure> {
    let bytes =
        read(file, "the certificate", MAX_CERTIFICATE_FILE).map_err(|(_, failure)| failure)?;
    let shown = shown(file);
    let damaged = |reason: &str| {
        Failure::new(format!("the certificate in {shown} is damaged: {reason}"))
            .hint("get the file again")
    };
    let mut others = Vec::new();
    for part in Pem::iter_from_buffer(&bytes) {
        let part = part.map_err(|_| damaged("its PEM breaks off or is not Base64"))?;
        let contents = Zeroizing::new(part.contents);
        if part.label != "CERTIFICATE" {
            others.push(part.label);
            continue;
        }
        // What follows the certificate would be hashed with it, and no client has that.
        return match x509_parser::parse_x509_certificate(&contents) {
            Ok(([], _)) => {
                let digest = Fingerprint::of(&contents.as_slice().into());
                Ok(CertificateMatch::Fingerprint(digest.0))
            }
            Ok(_) => Err(damaged("there is more in it than a certificate")),
            Err(error) => Err(damaged(&error.to_string())),
        };
    }
    Err(no_certificate(file, &bytes, &others))
}

fn no_certificate(file: &Path, bytes: &[u8], others: &[String]) -> Failure {
    let shown = shown(file);
    if let [other, ..] = others {
        let other = other.escape_debug();
        return Failure::new(format!("{shown} has no certificate in it but `{other}`"))
            .hint("give the file with the line `-----BEGIN CERTIFICATE-----`");
    }
    let failure = Failure::new(format!("{shown} is no PEM file with a certificate"));
    // DER begins with a SEQUENCE, and so does PKCS#12.
    if bytes.first() == Some(&0x30) {
        let cure = shell::command(&["openssl", "x509", "-inform", "DER", "-in"], file);
        return failure.hint(format!("{cure} prints it as PEM if it is DER"));
    }
    failure.hint("give the file with the line `-----BEGIN CERTIFICATE-----`")
}

/// Why a file is no public key, and what to do with this very file.
fn unusable(file: &Path, error: &KeyError) -> Failure {
    let text = error.to_string();
    let (reason, hint) = match text.split_once("\n\nhint: ") {
        Some((reason, hint)) => (reason, Some(hint.to_owned())),
        None => (text.as_str(), None),
    };
    let failure = Failure::new(format!("{}: {reason}", shown(file)));
    let hint = match error {
        KeyError::Private => public_half(file).or(hint),
        KeyError::Rfc4716 if file != Path::new("-") => {
            let cure = shell::command(&["ssh-keygen", "-i", "-f"], file);
            Some(format!("{cure} prints it in OpenSSH's form"))
        }
        KeyError::Empty | KeyError::TooLong | KeyError::Unreadable(_) => {
            Some("give the file that `ssh-keygen` made, the one that ends in `.pub`".to_owned())
        }
        KeyError::Rfc4716
        | KeyError::SeveralLines
        | KeyError::Type(_)
        | KeyError::RsaSize { .. }
        | KeyError::Label => hint,
    };
    match hint {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

/// Where the public half of a private key is, if it is where `ssh-keygen` puts it.
fn public_half(file: &Path) -> Option<String> {
    let mut public = file.as_os_str().to_owned();
    public.push(".pub");
    let public = PathBuf::from(public);
    public.is_file().then(|| {
        format!(
            "give its public half, {}, and keep the private one to yourself",
            shown(&public)
        )
    })
}

/// At most this many bytes, and whether the file is missing if it cannot be read.
fn read(file: &Path, what: &str, most: u64) -> Result<Zeroizing<Vec<u8>>, (bool, Failure)> {
    let shown = shown(file);
    let unreadable = |error: io::Error| {
        let missing = error.kind() == ErrorKind::NotFound;
        let reason = match error.kind() {
            ErrorKind::NotFound => "there is no such file".to_owned(),
            ErrorKind::IsADirectory => "it is a folder".to_owned(),
            _ => error.to_string(),
        };
        let failure = Failure::new(format!("cannot read {what} {shown}: {reason}"));
        (missing, failure)
    };
    let mut bytes = Zeroizing::new(Vec::new());
    let read = if file == Path::new("-") {
        io::stdin().take(most + 1).read_to_end(&mut bytes)
    } else {
        let opened = fs::File::open(file).map_err(unreadable)?;
        opened.take(most + 1).read_to_end(&mut bytes)
    };
    read.map_err(unreadable)?;
    if bytes.len() as u64 > most {
        let failure = Failure::new(format!("{shown} has more than {most} bytes"))
            .hint(format!("give the file with {what}"));
        return Err((false, failure));
    }
    Ok(bytes)
}

fn shown(file: &Path) -> String {
    if file == Path::new("-") {
        "standard input".to_owned()
    } else {
        format!("`{}`", file.display())
    }
}

/// A little more than a key may have, so that the parser tells what is wrong with a longer one.
const MAX_KEY_FILE: u64 = PublicKey::MAX_LINE as u64 + 1024;
/// Room for every chain there is.
const MAX_CERTIFICATE_FILE: u64 = 1 << 20;

//! Keys and certificates of users, made by ssh-keygen as users make them.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use wharf_ssh::key::HostKey;

use crate::program::Program;

/// A user's key: a file of ssh-keygen's, and what signs with it.
pub struct UserKey {
    /// The private half.
    pub file: PathBuf,
    /// The public half as RFC 4253 §6.6 encodes it.
    pub wire: Vec<u8>,
    /// The signature algorithm.
    pub algorithm: String,
    signer: HostKey,
}

/// A certificate of a user's key.
pub struct Certificate {
    /// Its name as an algorithm.
    pub algorithm: String,
    /// As it is sent.
    pub wire: Vec<u8>,
    /// Its file.
    pub file: PathBuf,
}

impl UserKey {
    /// Makes an Ed25519 key in `folder`.
    ///
    /// # Panics
    /// When ssh-keygen is missing or fails.
    #[must_use]
    pub fn make(folder: &Path, name: &str) -> Self {
        let file = folder.join(name);
        keygen(&[
            "-q",
            "-t",
            "ed25519",
            "-N",
            "",
            "-C",
            name,
            "-f",
            &text(&file),
        ]);
        Self::read(&file)
    }

    /// One that was made before.
    ///
    /// # Panics
    /// When it was not.
    #[must_use]
    pub fn read(file: &Path) -> Self {
        let private = fs::read(file).expect("the private half");
        Self {
            wire: public_wire(&file.with_extension("pub")),
            algorithm: "ssh-ed25519".to_owned(),
            signer: HostKey::from_openssh(&private).expect("a key that ssh-keygen made"),
            file: file.to_owned(),
        }
    }

    /// The file with the public half.
    #[must_use]
    pub fn public(&self) -> String {
        format!("{}.pub", text(&self.file))
    }

    /// The line with the public half.
    ///
    /// # Panics
    /// When the file is gone.
    #[must_use]
    pub fn line(&self) -> String {
        let line = fs::read_to_string(self.public()).expect("the public half");
        line.trim_end().to_owned()
    }

    /// A signature blob.
    ///
    /// # Panics
    /// When the system fails.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        let signed = self.signer.sign(&self.algorithm, message);
        signed.expect("a signature")
    }

    /// A certificate of `subject` by this authority; `options` are those of `ssh-keygen -s`.
    ///
    /// # Panics
    /// When ssh-keygen fails.
    #[must_use]
    pub fn certify(&self, subject: &Self, options: &[&str]) -> Certificate {
        let mut words = vec!["-q", "-s"];
        let authority = text(&self.file);
        words.push(&authority);
        words.extend(["-I", "of a test"]);
        words.extend(options);
        let public = subject.public();
        words.push(&public);
        keygen(&words);
        let file = PathBuf::from(format!("{}-cert.pub", text(&subject.file)));
        Certificate {
            algorithm: "ssh-ed25519-cert-v01@openssh.com".to_owned(),
            wire: public_wire(&file),
            file,
        }
    }
}

/// Runs ssh-keygen; gives what it prints.
///
/// # Panics
/// When it is missing or fails.
#[track_caller]
pub fn keygen(words: &[&str]) -> String {
    let finished = Program::new("ssh-keygen", "openssh-client")
        .args(words)
        .run();
    let finished = finished
        .well()
        .unwrap_or_else(|problem| panic!("{problem}"));
    String::from_utf8(finished.output).expect("plain text")
}

/// The code of an authenticator app (RFC 6238) by its secret in Base32.
///
/// # Panics
/// When the secret is none.
#[must_use]
pub fn totp(secret: &str, at: SystemTime) -> String {
    let mut bits = String::new();
    for letter in secret.bytes() {
        let value = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'2'..=b'7' => letter - b'2' + 26,
            _ => panic!("not Base32: {secret}"),
        };
        write!(bits, "{value:05b}").expect("a string");
    }
    let bytes: Vec<u8> = bits
        .as_bytes()
        .chunks_exact(8)
        .map(|bits| bits.iter().fold(0, |byte, bit| byte << 1 | (bit - b'0')))
        .collect();
    let since = at.duration_since(SystemTime::UNIX_EPOCH).expect("now");
    let step = (since.as_secs() / 30).to_be_bytes();
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &bytes);
    let tag = hmac::sign(&key, &step);
    let tag = tag.as_ref();
    let at = usize::from(tag[19] & 15);
    let number = u32::from_be_bytes([tag[at] & 0x7f, tag[at + 1], tag[at + 2], tag[at + 3]]);
    format!("{:06}", number % 1_000_000)
}

fn public_wire(file: &Path) -> Vec<u8> {
    let line = fs::read_to_string(file).expect("a public half");
    let middle = line.split(' ').nth(1).expect("kind, key, comment");
    STANDARD.decode(middle.trim()).expect("base64")
}

fn text(path: &Path) -> String {
    path.to_str().expect("a plain path").to_owned()
}

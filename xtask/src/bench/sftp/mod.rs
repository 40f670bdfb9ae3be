//! The clients of the SFTP rows, and what they log in with.
//!
//! The load is OpenSSH's own `sftp`, the same for every server; only idle sessions are held by a
//! client in this process.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use wharf_ssh::key::{HostKey, HostKeyKind};

mod client;
mod light;
mod relay;

pub(crate) use client::Client;
pub(crate) use light::Opener;
pub(crate) use relay::Relay;

/// The Debian package that the client is unpacked with.
pub(crate) const PACKAGE: &str = "openssh-server";
/// The one key exchange offered: what all servers have, so that a login costs all the same.
const KEY_EXCHANGE: &str = "curve25519-sha256";
/// The one MAC offered, for the cipher that needs one.
const MAC: &str = "hmac-sha2-256-etm@openssh.com";
/// RFC 4716 §3: no line may be longer.
const LINE: usize = 70;
const COMMENT: &str = "bench";

/// The one cipher offered in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cipher {
    Aes128Gcm,
    Aes256Gcm,
    ChaCha20Poly1305,
    Aes256Ctr,
}

impl Cipher {
    /// Its name in the protocol.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Aes128Gcm => "aes128-gcm@openssh.com",
            Self::Aes256Gcm => "aes256-gcm@openssh.com",
            Self::ChaCha20Poly1305 => "chacha20-poly1305@openssh.com",
            Self::Aes256Ctr => "aes256-ctr",
        }
    }
}

/// Keys made for one run: what the peers show, and what everybody logs in with.
#[derive(Debug, Clone)]
pub(crate) struct Keys {
    folder: PathBuf,
}

impl Keys {
    /// The files in `folder`, whether they are there or not.
    pub(crate) fn within(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
        }
    }

    /// The private key of the account, as OpenSSH keeps it.
    pub(crate) fn private(&self) -> PathBuf {
        self.folder.join("bench_key")
    }

    /// Its public half, as a line of `authorized_keys`.
    pub(crate) fn public(&self) -> PathBuf {
        self.folder.join("bench_key.pub")
    }

    pub(crate) fn make(&self) -> Result<()> {
        let host = HostKey::generate(HostKeyKind::Ed25519)?;
        keep(&self.folder.join("ssh_host_key"), &host)?;
        let account = HostKey::generate(HostKeyKind::Ed25519)?;
        keep(&self.private(), &account)?;
        let line = line_of(&account);
        fs::write(self.public(), format!("{line}\n"))?;
        // mod_sftp takes public keys in this form only.
        fs::write(self.folder.join("bench_key.rfc4716"), rfc4716(&line)?)?;
        Ok(())
    }
}

/// The public half as a line of `authorized_keys`.
fn line_of(key: &HostKey) -> String {
    let public = key.public();
    let body = STANDARD.encode(public.wire());
    format!("{} {body} {COMMENT}", public.kind())
}

/// Where nobody else can read it: servers and clients refuse a private key that others can.
fn keep(path: &Path, key: &HostKey) -> Result<()> {
    let mut file = File::options()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(key.to_openssh(COMMENT)?.as_bytes())?;
    Ok(())
}

/// A line of `authorized_keys` as RFC 4716 writes it.
fn rfc4716(line: &str) -> Result<String> {
    let mut body = line
        .split(' ')
        .nth(1)
        .context("a public key without a body")?;
    let mut text = "---- BEGIN SSH2 PUBLIC KEY ----\n".to_owned();
    while !body.is_empty() {
        let (head, rest) = body.split_at_checked(LINE).unwrap_or((body, ""));
        text.push_str(head);
        text.push('\n');
        body = rest;
    }
    text.push_str("---- END SSH2 PUBLIC KEY ----\n");
    Ok(text)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_public_key_in_both_forms() {
        let body = "A".repeat(71);
        let text = rfc4716(&format!("ssh-ed25519 {body} bench")).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 4);
        assert_eq!((lines[1].len(), lines[2]), (70, "A"));
        rfc4716("ssh-ed25519").unwrap_err();
    }

    #[test]
    fn keys_are_private_and_can_be_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let keys = Keys::within(folder.path());
        keys.make().unwrap();
        let mode = fs::metadata(keys.private()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let key = HostKey::from_openssh(&fs::read(keys.private()).unwrap()).unwrap();
        let line = fs::read_to_string(keys.public()).unwrap();
        assert_eq!(line_of(&key), line.trim_end());
    }
}

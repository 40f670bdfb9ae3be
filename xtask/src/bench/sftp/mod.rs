//! The clients of the SFTP rows, and what they log in with.
//!
//! The load is OpenSSH's own `sftp`, the same for every server; only idle sessions are held by a
//! client in this process.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};
use russh::keys::ssh_key::private::{Ed25519Keypair, KeypairData};
use russh::keys::ssh_key::{LineEnding, PrivateKey};

mod client;
mod light;
mod relay;

pub(crate) use client::Client;
pub(crate) use light::Held;
pub(crate) use relay::Relay;

/// The Debian package that the client is unpacked with.
pub(crate) const PACKAGE: &str = "openssh-server";
/// The one key exchange offered: what all servers have, so that a login costs all the same.
const KEY_EXCHANGE: &str = "curve25519-sha256";
/// The one MAC offered, for the cipher that needs one.
const MAC: &str = "hmac-sha2-256-etm@openssh.com";
/// RFC 4716 §3: no line may be longer.
const LINE: usize = 70;

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
        let host = ed25519()?;
        keep(&self.folder.join("ssh_host_key"), &host)?;
        let account = ed25519()?;
        keep(&self.private(), &account)?;
        let line = account.public_key().to_openssh()?;
        fs::write(self.public(), format!("{line}\n"))?;
        // mod_sftp takes public keys in this form only.
        fs::write(self.folder.join("bench_key.rfc4716"), rfc4716(&line)?)?;
        Ok(())
    }
}

fn ed25519() -> Result<PrivateKey> {
    let mut seed = [0; 32];
    aws_lc_rs::rand::fill(&mut seed).map_err(|_| anyhow!("the system gave no random bytes"))?;
    let pair = KeypairData::Ed25519(Ed25519Keypair::from_seed(&seed));
    Ok(PrivateKey::new(pair, "bench")?)
}

/// Where nobody else can read it: servers and clients refuse a private key that others can.
fn keep(path: &Path, key: &PrivateKey) -> Result<()> {
    let mut file = File::options()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(key.to_openssh(LineEnding::LF)?.as_bytes())?;
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
        let key = russh::keys::load_secret_key(keys.private(), None).unwrap();
        let line = fs::read_to_string(keys.public()).unwrap();
        assert_eq!(key.public_key().to_openssh().unwrap(), line.trim_end());
    }
}

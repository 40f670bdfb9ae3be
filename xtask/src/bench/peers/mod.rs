//! The servers that are compared, and exactly how each is started.
//!
//! Every configuration is its server's fast honest one: sendfile where it has it, no look-ups, no
//! delays, no log of transfers, limits out of the way. What was turned off is named in the text
//! files beside this one and in [`Contender::notes`].

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::Result;

use super::process::Ready;
use super::scratch::Scratch;

mod launch;

pub(crate) use launch::write_users;

/// The account every server knows besides anonymous.
pub(crate) const ACCOUNT: &str = "bench";
pub(crate) const PASSWORD: &str = "bench-password";

/// `PASSWORD` as Debian 12 keeps it for a local user: crypt(3) yescrypt, cost 9.
const YESCRYPT: &str = "$y$j9T$F5Jx5fExrKuPp53xLKQ..1$rotP9QNLdahfHxfvTPFW6tezVl/jHH0QxweXpS6H7s6";
/// `PASSWORD` as `ftpasswd` would keep it: crypt(3) SHA-256, 5000 rounds.
const SHA256_CRYPT: &str = "$5$wharfbenchmarkin$BOjXpPCBdp8ruxhthaFmhKBCOUoxdI4tAFPEV0mNzR.";

/// One column of the table: a server in one configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Contender {
    Wharf,
    /// wharf with uploads synced to disk before they are confirmed.
    WharfFull,
    /// wharf hashing the password at every login.
    WharfForgetful,
    Vsftpd,
    PureFtpd,
    /// Pure-FTPd with the hash its own tool makes.
    PureFtpdArgon,
    ProFtpd,
    /// sshd with its `internal-sftp`.
    OpenSsh,
    /// A stand-in that does next to nothing: how far the load generator goes.
    Ceiling,
}

/// Who logs in; vsftpd's fastest mode for anonymous sessions excludes accounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Login {
    Anonymous,
    Account,
}

/// What is spoken with a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    Ftp,
    /// Explicit TLS on all connections, and nothing without it.
    Ftps,
    Sftp,
}

/// What a server is started for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Service {
    pub(crate) login: Login,
    pub(crate) protocol: Protocol,
}

impl Contender {
    pub(crate) const ALL: &[Self] = &[
        Self::Wharf,
        Self::WharfFull,
        Self::WharfForgetful,
        Self::Vsftpd,
        Self::PureFtpd,
        Self::PureFtpdArgon,
        Self::ProFtpd,
        Self::OpenSsh,
        Self::Ceiling,
    ];

    /// The name used on the command line.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Wharf => "wharf",
            Self::WharfFull => "wharf-full",
            Self::WharfForgetful => "wharf-forgetful",
            Self::Vsftpd => "vsftpd",
            Self::PureFtpd => "pure-ftpd",
            Self::PureFtpdArgon => "pure-ftpd-argon2",
            Self::ProFtpd => "proftpd",
            Self::OpenSsh => "openssh",
            Self::Ceiling => "ceiling",
        }
    }

    /// The name a reader sees.
    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::Wharf => "wharf",
            Self::WharfFull => "wharf, `full`",
            Self::WharfForgetful => "wharf, no memory",
            Self::Vsftpd => "vsftpd",
            Self::PureFtpd => "Pure-FTPd",
            Self::PureFtpdArgon => "Pure-FTPd, argon2id",
            Self::ProFtpd => "ProFTPD",
            Self::OpenSsh => "OpenSSH",
            Self::Ceiling => "(generator)",
        }
    }

    pub(crate) const fn is_wharf(self) -> bool {
        matches!(self, Self::Wharf | Self::WharfFull | Self::WharfForgetful)
    }

    /// Whether ratios are taken against it.
    pub(crate) const fn is_peer(self) -> bool {
        !self.is_wharf() && !matches!(self, Self::Ceiling)
    }

    /// Whether it serves this protocol.
    pub(crate) const fn speaks(self, protocol: Protocol) -> bool {
        match self {
            Self::Wharf | Self::ProFtpd => true,
            Self::WharfFull
            | Self::WharfForgetful
            | Self::Vsftpd
            | Self::PureFtpd
            | Self::PureFtpdArgon
            | Self::Ceiling => !matches!(protocol, Protocol::Sftp),
            Self::OpenSsh => matches!(protocol, Protocol::Sftp),
        }
    }

    /// Who uploads. For accounts vsftpd sends every protected byte through a second process, which
    /// costs it half its speed and more; only anonymous sessions are spared that.
    pub(crate) const fn uploader(self, protocol: Protocol) -> Login {
        match (self, protocol) {
            (Self::Vsftpd, Protocol::Ftps) => Login::Anonymous,
            _ => Login::Account,
        }
    }

    /// The Debian package it comes from.
    pub(crate) const fn package(self) -> Option<&'static str> {
        match self {
            Self::Vsftpd => Some("vsftpd"),
            Self::PureFtpd | Self::PureFtpdArgon => Some("pure-ftpd"),
            Self::ProFtpd => Some("proftpd-core"),
            Self::OpenSsh => Some("openssh-server"),
            Self::Wharf | Self::WharfFull | Self::WharfForgetful | Self::Ceiling => None,
        }
    }

    /// What shows that it accepts connections.
    pub(crate) const fn ready(self, protocol: Protocol) -> Ready {
        match protocol {
            _ if self.is_wharf() => Ready::JsonLine,
            Protocol::Ftp | Protocol::Ftps => Ready::Greeting,
            Protocol::Sftp => Ready::Banner,
        }
    }

    /// What a reader must know to judge the comparison.
    pub(crate) fn notes(self, scratch: &Scratch) -> Result<String> {
        Ok(match self {
            Self::Wharf => "uploads with `durability = \"none\"`, as the peers do; no audit log. \
                 Passwords: argon2id, with its memory of verified passwords."
                .to_owned(),
            Self::WharfFull => "the same, uploads with `durability = \"full\"`: a 226 means that \
                 file and name are on the disk. No peer offers that."
                .to_owned(),
            Self::WharfForgetful => {
                "the same, `password_memory = false`: argon2id at each login.".to_owned()
            }
            Self::Vsftpd => "sendfile; seccomp, PID, IPC and network name spaces off (they are on \
                 by default and make logins slower); `one_process_model` where nobody but \
                 anonymous logs in. Passwords: yescrypt cost 9 (Debian's default for local users) \
                 through pam_unix. FTPS: `require_ssl_reuse` as by default; uploads by anonymous, \
                 because for accounts every protected byte goes through a second process."
                .to_owned(),
            Self::PureFtpd => "sendfile; `-L` raised for long listings; its own ceiling is 5 000 \
                 clients. Passwords: PureDB with crypt(3) SHA-256, 5000 rounds, which it accepts \
                 but does not make. FTPS: full handshakes on data connections."
                .to_owned(),
            Self::PureFtpdArgon => format!(
                "the same; passwords: PureDB by `pure-pw` with its default hash, here {}; measured \
                 once, since a login takes seconds.",
                hash_of(&scratch.run.join("pure-argon2.passwd"))?
            ),
            Self::ProFtpd => format!(
                "sendfile; mod_delay, scoreboard and logs off; `ListOptions maxfiles` raised; a \
                 million entries are listed once only. \
                 Passwords: AuthUserFile by `ftpasswd`, here {}. FTPS: mod_tls, session reuse \
                 demanded as by default; `TLSCACertificateFile` set, or each session would read all \
                 authorities of the system. Its listener pauses for 0.2 s after a session ends. SFTP: \
                 mod_sftp, which has no chacha20-poly1305.",
                hash_of(&scratch.run.join("proftpd.passwd"))?
            ),
            Self::OpenSsh => "`internal-sftp`, so that no program is started for a session; PAM, \
                 look-ups and the log off; limits on sessions out of the way. The client of all \
                 SFTP rows comes from the same sources."
                .to_owned(),
            Self::Ceiling => "no server: a stand-in that answers at once, discards uploads and \
                 checks no password; over TLS it encrypts and decrypts, but reads no file. \
                 Where a server comes near it, the figure says as much of the \
                 load generator and the kernel as of the server. No ratio is taken against it."
                .to_owned(),
        })
    }

    /// Makes the users, password files and databases it needs; run once before the first start.
    pub(crate) fn prepare(self, scratch: &Scratch) -> Result<()> {
        match self {
            Self::Wharf | Self::WharfFull | Self::WharfForgetful => launch::prepare_wharf(scratch),
            Self::Vsftpd | Self::OpenSsh | Self::Ceiling => Ok(()),
            Self::PureFtpd => launch::prepare_pure_ftpd_crypt(scratch),
            Self::PureFtpdArgon => launch::prepare_pure_ftpd_argon(scratch),
            Self::ProFtpd => launch::prepare_proftpd(scratch),
        }
    }

    /// The command that runs it in the foreground on 127.0.0.1:`port`.
    pub(crate) fn command(self, scratch: &Scratch, port: u16, service: Service) -> Result<Command> {
        let Service { login, protocol } = service;
        match self {
            Self::Wharf => launch::wharf(scratch, port, "none", true, protocol),
            Self::WharfFull => launch::wharf(scratch, port, "full", true, protocol),
            Self::WharfForgetful => launch::wharf(scratch, port, "none", false, protocol),
            Self::Vsftpd => launch::vsftpd(scratch, port, login, protocol),
            Self::PureFtpd => launch::pure_ftpd(scratch, port, "pure-crypt.pdb", protocol),
            Self::PureFtpdArgon => launch::pure_ftpd(scratch, port, "pure-argon2.pdb", protocol),
            Self::ProFtpd => launch::proftpd(scratch, port, protocol),
            Self::OpenSsh => launch::sshd(scratch, port),
            Self::Ceiling => launch::ceiling(scratch, port),
        }
    }
}

/// The hash in the second field of a password file's first line, without salt and digest.
fn hash_of(users: &Path) -> Result<String> {
    let text = fs::read_to_string(users)?;
    let hash = text.split(':').nth(1).unwrap_or_default();
    Ok(hash_name(hash))
}

fn hash_name(hash: &str) -> String {
    let mut parts = hash.split('$').skip(1);
    match (parts.next(), parts.next(), parts.next()) {
        (Some("1"), ..) => "crypt(3) MD5".to_owned(),
        (Some("5"), ..) => "crypt(3) SHA-256, 5000 rounds".to_owned(),
        (Some("6"), ..) => "crypt(3) SHA-512, 5000 rounds".to_owned(),
        (Some(name), Some(_), Some(cost)) => format!("{name} with {cost}"),
        _ => "an unknown hash".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_named_with_their_cost() {
        let argon2 = "$argon2id$v=19$m=8192,t=1023,p=1$salt$digest";
        assert_eq!(hash_name(argon2), "argon2id with m=8192,t=1023,p=1");
        assert_eq!(hash_name(SHA256_CRYPT), "crypt(3) SHA-256, 5000 rounds");
        assert_eq!(hash_name("plain"), "an unknown hash");
    }

    #[test]
    fn every_name_is_its_own() {
        let mut names: Vec<_> = Contender::ALL.iter().map(|one| one.name()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Contender::ALL.len());
    }
}

//! The servers that are compared, and exactly how each is started.
//!
//! Every configuration is its server's fast honest one: sendfile where it has it, no look-ups, no
//! delays, no log of transfers, limits out of the way. What was turned off is named in the text
//! files beside this one and in [`Contender::notes`].

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::process::Ready;
use super::scratch::{PASSIVE_PORTS, Scratch};
use crate::{peers, shell};

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
    /// A stand-in that does next to nothing: what the load generator can reach at most.
    Ceiling,
}

/// Who logs in; vsftpd's fastest mode for anonymous sessions excludes accounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Login {
    Anonymous,
    Account,
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

    /// The Debian package it comes from.
    pub(crate) const fn package(self) -> Option<&'static str> {
        match self {
            Self::Vsftpd => Some("vsftpd"),
            Self::PureFtpd | Self::PureFtpdArgon => Some("pure-ftpd"),
            Self::ProFtpd => Some("proftpd-core"),
            Self::Wharf | Self::WharfFull | Self::WharfForgetful | Self::Ceiling => None,
        }
    }

    /// What shows that it accepts connections.
    pub(crate) const fn ready(self) -> Ready {
        if self.is_wharf() {
            Ready::JsonLine
        } else {
            Ready::Greeting
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
                 through pam_unix."
                .to_owned(),
            Self::PureFtpd => "sendfile; `-L` raised for long listings; its own ceiling is 5 000 \
                 clients. Passwords: PureDB with crypt(3) SHA-256, 5000 rounds, which it accepts \
                 but does not make."
                .to_owned(),
            Self::PureFtpdArgon => format!(
                "the same; passwords: PureDB by `pure-pw` with its default hash, here {}; measured \
                 once, since a login takes seconds.",
                hash_of(&scratch.run.join("pure-argon2.passwd"))?
            ),
            Self::ProFtpd => format!(
                "sendfile; mod_delay, scoreboard and logs off; `ListOptions maxfiles` raised. \
                 Passwords: AuthUserFile by `ftpasswd`, here {}.",
                hash_of(&scratch.run.join("proftpd.passwd"))?
            ),
            Self::Ceiling => "no server: a stand-in that answers at once, discards uploads and \
                 checks no password. It shows where the load generator and the kernel end; \
                 measured once for each row, and no ratio is taken against it."
                .to_owned(),
        })
    }

    /// Makes the users, password files and databases it needs; run once before the first start.
    pub(crate) fn prepare(self, scratch: &Scratch) -> Result<()> {
        match self {
            Self::Wharf | Self::WharfFull | Self::WharfForgetful => prepare_wharf(scratch),
            Self::Vsftpd | Self::Ceiling => Ok(()),
            Self::PureFtpd => prepare_pure_ftpd_crypt(scratch),
            Self::PureFtpdArgon => prepare_pure_ftpd_argon(scratch),
            Self::ProFtpd => prepare_proftpd(scratch),
        }
    }

    /// The command that runs it in the foreground on 127.0.0.1:`port`.
    pub(crate) fn command(self, scratch: &Scratch, port: u16, login: Login) -> Result<Command> {
        match self {
            Self::Wharf => wharf(scratch, port, "none", true),
            Self::WharfFull => wharf(scratch, port, "full", true),
            Self::WharfForgetful => wharf(scratch, port, "none", false),
            Self::Vsftpd => vsftpd(scratch, port, login),
            Self::PureFtpd => pure_ftpd(scratch, port, "pure-crypt.pdb"),
            Self::PureFtpdArgon => pure_ftpd(scratch, port, "pure-argon2.pdb"),
            Self::ProFtpd => proftpd(scratch, port),
            Self::Ceiling => ceiling(scratch, port),
        }
    }
}

/// The released binary, beside the one that runs now.
pub(crate) fn wharf_binary() -> Result<std::path::PathBuf> {
    Ok(shell::target_folder()?.join("release").join("wharf"))
}

fn prepare_wharf(scratch: &Scratch) -> Result<()> {
    let state = scratch.run.join("wharf-state");
    if state.exists() {
        return Ok(());
    }
    let mut add = shell::command(wharf_binary()?);
    add.args(["user", "add", ACCOUNT, "--password-stdin", "--home"]);
    add.arg(&scratch.files).arg("--state").arg(&state);
    feed(&mut add, &format!("{PASSWORD}\n"))
}

fn wharf(scratch: &Scratch, port: u16, durability: &str, memory: bool) -> Result<Command> {
    let settings = scratch.run.join("wharf.toml");
    let text = include_str!("wharf.toml")
        .replace("{DURABILITY}", durability)
        .replace("{PASSWORD_MEMORY}", &memory.to_string());
    fs::write(&settings, text)?;
    let mut command = shell::command(wharf_binary()?);
    command
        .arg("serve")
        .arg(&scratch.files)
        .arg("--config")
        .arg(settings);
    command.arg("--state").arg(scratch.run.join("wharf-state"));
    command.args(["--listen", "127.0.0.1", "--ftp", &port.to_string()]);
    command.args(["--ftps", "off", "--sftp", "off", "--web", "off"]);
    command.args(["--passive-ports", &passive_range('-')]);
    command.args(["--anonymous", "--allow-plaintext", "--format", "json"]);
    Ok(command)
}

fn vsftpd(scratch: &Scratch, port: u16, login: Login) -> Result<Command> {
    let yes = |on: bool| if on { "YES" } else { "NO" };
    let text = filled(include_str!("vsftpd.conf"), scratch, port)
        .replace("{ANONYMOUS}", yes(login == Login::Anonymous))
        .replace("{ACCOUNT}", yes(login == Login::Account));
    let settings = scratch.run.join("vsftpd.conf");
    fs::write(&settings, text)?;
    let mut command = in_namespace(scratch, "vsftpd", "usr/sbin/vsftpd")?;
    command.arg(settings);
    Ok(command)
}

fn prepare_pure_ftpd_argon(scratch: &Scratch) -> Result<()> {
    let users = scratch.run.join("pure-argon2.passwd");
    if !users.exists() {
        let mut add = pure_pw()?;
        add.args(["useradd", ACCOUNT, "-u", &scratch.account_id()]);
        add.args(["-g", &scratch.account_id(), "-d"])
            .arg(&scratch.files)
            .arg("-f")
            .arg(&users);
        feed(&mut add, &format!("{PASSWORD}\n{PASSWORD}\n"))?;
    }
    pure_database(&users, &scratch.run.join("pure-argon2.pdb"))
}

fn prepare_pure_ftpd_crypt(scratch: &Scratch) -> Result<()> {
    let users = scratch.run.join("pure-crypt.passwd");
    let id = scratch.account_id();
    let line = format!(
        "{ACCOUNT}:{SHA256_CRYPT}:{id}:{id}::{}/./::::::::::::\n",
        scratch.files.display()
    );
    fs::write(&users, line)?;
    pure_database(&users, &scratch.run.join("pure-crypt.pdb"))
}

fn pure_database(users: &Path, database: &Path) -> Result<()> {
    shell::output(pure_pw()?.arg("mkdb").arg(database).arg("-f").arg(users)).map(drop)
}

fn pure_pw() -> Result<Command> {
    let folder = peers::unpack("pure-ftpd")?;
    let mut command = shell::command(folder.join("usr/bin/pure-pw"));
    command.env("LD_LIBRARY_PATH", peers::library_path(&folder));
    Ok(command)
}

fn pure_ftpd(scratch: &Scratch, port: u16, database: &str) -> Result<Command> {
    let mut command = in_namespace(scratch, "pure-ftpd", "usr/sbin/pure-ftpd")?;
    command.args(["--bind", &format!("127.0.0.1,{port}"), "--ipv4only"]);
    command.args(["--passiveportrange", &passive_range(':')]);
    // The highest number it takes.
    command.args(["--maxclientsnumber", "5000", "--maxidletime", "60"]);
    command.args(["--chrooteveryone", "--dontresolve", "--tls", "0"]);
    command.args(["--syslogfacility", "none"]);
    command.args(["--limitrecursion", "3000000:5"]);
    command
        .arg("--login")
        .arg(format!("puredb:{}", scratch.run.join(database).display()));
    command
        .arg("--pidfile")
        .arg(scratch.run.join("pure-ftpd.pid"));
    Ok(command)
}

fn prepare_proftpd(scratch: &Scratch) -> Result<()> {
    let users = scratch.run.join("proftpd.passwd");
    if users.exists() {
        return Ok(());
    }
    let folder = peers::unpack("proftpd-core")?;
    let mut add = shell::command(folder.join("usr/sbin/ftpasswd"));
    add.args([
        "--passwd", "--stdin", "--name", ACCOUNT, "--shell", "/bin/sh",
    ]);
    add.args([
        "--uid",
        &scratch.account_id(),
        "--gid",
        &scratch.account_id(),
    ]);
    add.arg("--home")
        .arg(&scratch.files)
        .arg("--file")
        .arg(&users);
    feed(&mut add, &format!("{PASSWORD}\n"))?;
    let mut text = fs::read_to_string(&users)?;
    let id = scratch.anonymous_id();
    text.push_str(&format!(
        "ftp:*:{id}:{id}::{}:/bin/sh\n",
        scratch.files.display()
    ));
    fs::write(&users, text)?;
    Ok(())
}

fn proftpd(scratch: &Scratch, port: u16) -> Result<Command> {
    let settings = scratch.run.join("proftpd.conf");
    fs::write(
        &settings,
        filled(include_str!("proftpd.conf"), scratch, port),
    )?;
    let mut command = in_namespace(scratch, "proftpd-core", "usr/sbin/proftpd")?;
    command
        .args(["--nodaemon", "--quiet", "--config"])
        .arg(settings);
    Ok(command)
}

fn ceiling(scratch: &Scratch, port: u16) -> Result<Command> {
    let mut command = shell::command(std::env::current_exe()?);
    command
        .args(["bench", "--stub", &port.to_string()])
        .arg(&scratch.files);
    Ok(command)
}

/// A command that runs a peer's program with the benchmark's users in /etc.
fn in_namespace(scratch: &Scratch, package: &str, program: &str) -> Result<Command> {
    let folder = peers::unpack(package)?;
    let mut command = shell::command("unshare");
    command.args(["--mount", "sh", "-c", include_str!("namespace.sh"), "sh"]);
    command.arg(folder.join(program));
    command.env("ETC", &scratch.etc);
    command.env("LD_LIBRARY_PATH", peers::library_path(&folder));
    Ok(command)
}

/// Writes the files that stand in for those of /etc while a peer runs.
pub(crate) fn write_users(scratch: &Scratch) -> Result<()> {
    let (anonymous, account) = (scratch.anonymous_id(), scratch.account_id());
    let home = scratch.files.display();
    let users = [
        (
            "passwd",
            format!("ftp:x:{anonymous}:{anonymous}::{home}:/bin/sh"),
            format!("{ACCOUNT}:x:{account}:{account}::{home}:/bin/sh"),
        ),
        (
            "group",
            format!("ftp:x:{anonymous}:"),
            format!("{ACCOUNT}:x:{account}:"),
        ),
        (
            "shadow",
            "ftp:*:19000:0:99999:7:::".to_owned(),
            format!("{ACCOUNT}:{YESCRYPT}:19000:0:99999:7:::"),
        ),
    ];
    for (file, ftp, bench) in users {
        let system = fs::read_to_string(Path::new("/etc").join(file))
            .with_context(|| format!("cannot read /etc/{file}"))?;
        let mut lines: Vec<&str> = system
            .lines()
            .filter(|line| !matches!(line.split(':').next(), Some("ftp" | ACCOUNT)))
            .collect();
        lines.extend([ftp.as_str(), bench.as_str()]);
        fs::write(scratch.etc.join(file), lines.join("\n") + "\n")?;
    }
    let pam = scratch.etc.join("pam.d");
    fs::create_dir_all(&pam)?;
    fs::write(pam.join("vsftpd"), include_str!("vsftpd.pam"))?;
    Ok(())
}

fn filled(text: &str, scratch: &Scratch, port: u16) -> String {
    text.replace("{PORT}", &port.to_string())
        .replace("{PASSIVE_LOW}", &PASSIVE_PORTS.start().to_string())
        .replace("{PASSIVE_HIGH}", &PASSIVE_PORTS.end().to_string())
        .replace("{FILES}", &scratch.files.display().to_string())
        .replace("{RUN}", &scratch.run.display().to_string())
        .replace("{EMPTY}", &scratch.empty.display().to_string())
}

fn passive_range(separator: char) -> String {
    format!(
        "{}{separator}{}",
        PASSIVE_PORTS.start(),
        PASSIVE_PORTS.end()
    )
}

/// Runs a command with `input` on its standard input.
fn feed(command: &mut Command, input: &str) -> Result<()> {
    use std::io::Write as _;
    use std::process::Stdio;

    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start `{}`", command.get_program().display()))?;
    if let Some(mut stdin) = child.stdin.take() {
        // A program that ends early says why on standard error.
        let _ = stdin.write_all(input.as_bytes());
    }
    let output = child.wait_with_output()?;
    if !output.status.success() {
        bail!(
            "`{}` ended with {}\n{}",
            command.get_program().display(),
            output.status,
            String::from_utf8_lossy(&output.stderr).trim_end()
        );
    }
    Ok(())
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

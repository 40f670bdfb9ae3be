//! Password files, settings and command lines of each server.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use super::{ACCOUNT, Login, PASSWORD, Protocol, SHA256_CRYPT, YESCRYPT};
use crate::bench::scratch::{PASSIVE_PORTS, Scratch};
use crate::bench::tls::Certificate;
use crate::{peers, shell};

/// The released binary, beside the one that runs now.
fn wharf_binary() -> Result<PathBuf> {
    Ok(shell::target_folder()?.join("release").join("wharf"))
}

pub(super) fn prepare_wharf(scratch: &Scratch) -> Result<()> {
    let state = scratch.run.join("wharf-state");
    if state.exists() {
        return Ok(());
    }
    let mut add = shell::command(wharf_binary()?);
    add.args(["user", "add", ACCOUNT, "--password-stdin", "--home"]);
    add.arg(&scratch.files).arg("--state").arg(&state);
    add.arg("--key").arg(scratch.keys().public());
    feed(&mut add, &format!("{PASSWORD}\n"))
}

pub(super) fn wharf(
    scratch: &Scratch,
    port: u16,
    durability: &str,
    memory: bool,
    protocol: Protocol,
) -> Result<Command> {
    let settings = scratch.run.join("wharf.toml");
    let mut text = include_str!("wharf.toml").to_owned();
    if protocol == Protocol::Ftps {
        text += include_str!("wharf-tls.toml");
    }
    let text = filled(&text, scratch, port)
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
    command.args(["--listen", "127.0.0.1", "--ftps", "off", "--web", "off"]);
    let port = port.to_string();
    match protocol {
        Protocol::Ftp | Protocol::Ftps => {
            command.args(["--ftp", &port, "--sftp", "off"]);
            command.args(["--passive-ports", &passive_range('-')]);
            command.args(["--anonymous", "--allow-plaintext"]);
        }
        Protocol::Sftp => {
            command.args(["--sftp", &port, "--ftp", "off"]);
        }
    }
    command.args(["--format", "json"]);
    Ok(command)
}

pub(super) fn vsftpd(
    scratch: &Scratch,
    port: u16,
    login: Login,
    protocol: Protocol,
) -> Result<Command> {
    let yes = |on: bool| if on { "YES" } else { "NO" };
    let mut text = include_str!("vsftpd.conf").to_owned();
    if protocol == Protocol::Ftps {
        text += include_str!("vsftpd-tls.conf");
    }
    let text = filled(&text, scratch, port)
        .replace("{ANONYMOUS}", yes(login == Login::Anonymous))
        .replace("{ACCOUNT}", yes(login == Login::Account));
    let settings = scratch.run.join("vsftpd.conf");
    fs::write(&settings, text)?;
    let mut command = in_namespace(scratch, "vsftpd", "usr/sbin/vsftpd")?;
    command.arg(settings);
    Ok(command)
}

pub(super) fn prepare_pure_ftpd_argon(scratch: &Scratch) -> Result<()> {
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

pub(super) fn prepare_pure_ftpd_crypt(scratch: &Scratch) -> Result<()> {
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

pub(super) fn pure_ftpd(
    scratch: &Scratch,
    port: u16,
    database: &str,
    protocol: Protocol,
) -> Result<Command> {
    let mut command = in_namespace(scratch, "pure-ftpd", "usr/sbin/pure-ftpd")?;
    command.args(["--bind", &format!("127.0.0.1,{port}"), "--ipv4only"]);
    command.args(["--passiveportrange", &passive_range(':')]);
    // The highest number it takes.
    command.args(["--maxclientsnumber", "5000", "--maxidletime", "60"]);
    command.args(["--chrooteveryone", "--dontresolve"]);
    if protocol == Protocol::Ftps {
        // 3: both connections must be protected.
        let Certificate { chain, key } = scratch.certificate();
        let files = format!("{},{}", chain.display(), key.display());
        command.args(["--tls", "3", "--certfile", &files]);
    } else {
        command.args(["--tls", "0"]);
    }
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

pub(super) fn prepare_proftpd(scratch: &Scratch) -> Result<()> {
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

pub(super) fn proftpd(scratch: &Scratch, port: u16, protocol: Protocol) -> Result<Command> {
    let settings = scratch.run.join("proftpd.conf");
    let mut text = include_str!("proftpd.conf").to_owned();
    text += match protocol {
        Protocol::Ftp => "",
        Protocol::Ftps => include_str!("proftpd-tls.conf"),
        Protocol::Sftp => include_str!("proftpd-sftp.conf"),
    };
    let modules = peers::unpack("proftpd-core")?.join("usr/lib/proftpd");
    let text = filled(&text, scratch, port).replace("{MODULES}", &modules.display().to_string());
    fs::write(&settings, text)?;
    let mut command = in_namespace(scratch, "proftpd-core", "usr/sbin/proftpd")?;
    command
        .args(["--nodaemon", "--quiet", "--config"])
        .arg(settings);
    Ok(command)
}

pub(super) fn sshd(scratch: &Scratch, port: u16) -> Result<Command> {
    let settings = scratch.run.join("sshd_config");
    let text = filled(include_str!("sshd_config"), scratch, port);
    fs::write(&settings, text)?;
    let mut command = in_namespace(scratch, "openssh-server", "usr/sbin/sshd")?;
    command.args(["-D", "-e", "-f"]).arg(settings);
    Ok(command)
}

pub(super) fn ceiling(scratch: &Scratch, port: u16) -> Result<Command> {
    let mut command = shell::command(std::env::current_exe()?);
    command
        .args(["bench", "--stub", &port.to_string()])
        .arg(&scratch.files)
        .arg(&scratch.run);
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
            vec![
                format!("ftp:x:{anonymous}:{anonymous}::{home}:/bin/sh"),
                format!("{ACCOUNT}:x:{account}:{account}::{home}:/bin/sh"),
                "sshd:x:64003:65534::/run/sshd:/usr/sbin/nologin".to_owned(),
            ],
        ),
        (
            "group",
            vec![
                format!("ftp:x:{anonymous}:"),
                format!("{ACCOUNT}:x:{account}:"),
            ],
        ),
        (
            "shadow",
            vec![
                "ftp:*:19000:0:99999:7:::".to_owned(),
                format!("{ACCOUNT}:{YESCRYPT}:19000:0:99999:7:::"),
                "sshd:*:19000:0:99999:7:::".to_owned(),
            ],
        ),
    ];
    for (file, ours) in users {
        let system = fs::read_to_string(Path::new("/etc").join(file))
            .with_context(|| format!("cannot read /etc/{file}"))?;
        let lines: Vec<&str> = system
            .lines()
            .filter(|line| !matches!(line.split(':').next(), Some("ftp" | ACCOUNT | "sshd")))
            .chain(ours.iter().map(String::as_str))
            .collect();
        fs::write(scratch.etc.join(file), lines.join("\n") + "\n")?;
    }
    let pam = scratch.etc.join("pam.d");
    fs::create_dir_all(&pam)?;
    fs::write(pam.join("vsftpd"), include_str!("vsftpd.pam"))?;
    Ok(())
}

fn filled(text: &str, scratch: &Scratch, port: u16) -> String {
    let Certificate { chain, key } = scratch.certificate();
    text.replace("{PORT}", &port.to_string())
        .replace("{CERTIFICATE}", &chain.display().to_string())
        .replace("{KEY}", &key.display().to_string())
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

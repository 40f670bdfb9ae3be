//! Installs the programs the tests use. Quick and silent about what is there; where it may not
//! install, it says what is missing and the command that mends it.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Result, bail};

use crate::{only_flag, peers, shell};

pub(crate) fn run(args: &[String]) -> Result<()> {
    let with_peers = only_flag(args, "--peers")?;
    toolchain()?;
    clients()?;
    node_clients()?;
    if with_peers { servers() } else { Ok(()) }
}

/// The servers wharf is compared with; they conflict with one another, so they are unpacked under
/// `target/peers` instead of installed.
fn servers() -> Result<()> {
    let unknown = peers::NAMES.iter().any(|name| !has_candidate(name));
    if unknown && let Some(apt) = Apt::new() {
        apt.update()?;
    }
    for name in peers::NAMES {
        peers::unpack(name)?;
    }
    println!("{} servers to compare with are here", peers::NAMES.len());
    Ok(())
}

/// rustfmt and clippy: rust-toolchain.toml asks for them, but a toolchain that did not come from
/// rustup, or one without the network, may lack them.
fn toolchain() -> Result<()> {
    for (component, subcommand) in [("rustfmt", "fmt"), ("clippy", "clippy")] {
        if !shell::succeeds(shell::cargo().args([subcommand, "--version"])) {
            bail!("`cargo {subcommand}` does not run\n\nhint: `rustup component add {component}`");
        }
    }
    Ok(())
}

fn clients() -> Result<()> {
    let missing = missing();
    if missing.is_empty() {
        println!("{} programs the tests use are here", PROGRAMS.len());
        return Ok(());
    }
    let packages: Vec<&str> = missing.iter().map(|program| program.package).collect();
    let by_hand = format!(
        "apt-get install -y --no-install-recommends {}",
        packages.join(" ")
    );
    if shell::find("apt-get").is_none() {
        bail!(
            "these programs are missing: {}\n\nhint: this machine has no `apt-get`; install them with its own package manager",
            names(&missing)
        );
    }
    let Some(apt) = Apt::new() else {
        bail!(
            "these programs are missing: {}\n\nhint: installing needs root; run `sudo {by_hand}`",
            names(&missing)
        );
    };
    println!("installing {}", packages.join(" "));
    apt.install(&packages)?;
    let still = self::missing();
    if !still.is_empty() {
        bail!(
            "installed, but these programs still do not run: {}\n\nhint: see what `{by_hand}` says",
            names(&still)
        );
    }
    Ok(())
}

/// The clients for Node.js, in the versions that stand beside the tests that run them. npm installs
/// them under `target/clients`, where the tests look for them.
fn node_clients() -> Result<()> {
    for (name, source) in NODE_CLIENTS {
        node_client(name, &shell::root().join(source))?;
    }
    Ok(())
}

/// A folder with a `package-lock.json` each.
const NODE_CLIENTS: [(&str, &str); 2] = [
    ("basic-ftp", "tests/blackbox/interop/basic_ftp"),
    ("ssh2", "tests/blackbox/interop/sftp/ssh2"),
];

fn node_client(name: &str, source: &Path) -> Result<()> {
    let folder = shell::target_folder()?.join("clients").join(name);
    let lock = fs::read(source.join("package-lock.json"))?;
    // Written last: says that the rest is whole, and of which versions.
    let done = folder.join("installed");
    if fs::read(&done).is_ok_and(|old| old == lock) {
        return Ok(());
    }
    println!("installing {name} under target/clients");
    fs::create_dir_all(&folder)?;
    for name in ["package.json", "package-lock.json"] {
        fs::copy(source.join(name), folder.join(name))?;
    }
    let quiet = ["ci", "--no-audit", "--no-fund", "--ignore-scripts"];
    shell::run(shell::command("npm").args(quiet).current_dir(&folder))?;
    fs::write(done, lock)?;
    Ok(())
}

fn missing() -> Vec<&'static Program> {
    PROGRAMS.iter().filter(|program| !program.runs()).collect()
}

fn names(programs: &[&Program]) -> String {
    let names: Vec<String> = programs
        .iter()
        .map(|program| format!("{} (package {})", program.name, program.package))
        .collect();
    names.join(", ")
}

/// A program some test starts.
struct Program {
    name: &'static str,
    package: &'static str,
    /// Arguments with which it must end well, where being on `PATH` is not enough.
    probe: &'static [&'static str],
}

impl Program {
    const fn new(name: &'static str, package: &'static str) -> Self {
        Self {
            name,
            package,
            probe: &[],
        }
    }

    fn runs(&self) -> bool {
        shell::find(self.name).is_some_and(|file| {
            self.probe.is_empty() || shell::succeeds(shell::command(file).args(self.probe))
        })
    }
}

const PROGRAMS: &[Program] = &[
    Program::new("curl", "curl"),
    Program::new("lftp", "lftp"),
    Program::new("ncftpget", "ncftp"),
    Program::new("tnftp", "tnftp"),
    Program::new("rclone", "rclone"),
    Program::new("wget", "wget"),
    Program {
        name: "perl",
        package: "perl",
        // perl-base, which every Debian has, comes without Net::FTP.
        probe: &["-MNet::FTP", "-e", "1"],
    },
    Program {
        name: "perl",
        package: "libio-socket-ssl-perl",
        probe: &["-MIO::Socket::SSL", "-e", "1"],
    },
    Program {
        name: "python3",
        package: "python3",
        probe: &["-c", "import ftplib, sqlite3, ssl"],
    },
    Program::new("node", "nodejs"),
    Program::new("npm", "npm"),
    Program::new("filezilla", "filezilla"),
    Program::new("Xvfb", "xvfb"),
    Program::new("xdotool", "xdotool"),
    Program::new("sftp", "openssh-client"),
    Program::new("sshfs", "sshfs"),
    Program::new("fusermount3", "fuse3"),
    Program::new("psftp", "putty-tools"),
    Program {
        // Debian's own Python, which alone sees Debian's packages for it.
        name: "/usr/bin/python3",
        package: "python3-paramiko",
        probe: &["-c", "import paramiko"],
    },
    Program {
        name: "/usr/bin/python3",
        package: "python3-asyncssh",
        probe: &["-W", "ignore", "-c", "import asyncssh"],
    },
    Program::new("fio", "fio"),
    Program::new("git", "git"),
    Program::new("openssl", "openssl"),
    Program::new("ssh-keygen", "openssh-client"),
    Program::new("testssl", "testssl.sh"),
    Program::new("ip", "iproute2"),
    Program::new("nft", "nftables"),
    Program::new("strace", "strace"),
];

/// A way to run apt-get as root.
struct Apt {
    through_sudo: bool,
}

impl Apt {
    /// `None` where this user is not root and may not become it without a password.
    fn new() -> Option<Self> {
        if rustix::process::geteuid().is_root() {
            return Some(Self {
                through_sudo: false,
            });
        }
        let may = shell::find("sudo").is_some()
            && shell::succeeds(shell::command("sudo").args(["-n", "true"]));
        may.then_some(Self { through_sudo: true })
    }

    /// Asks for fresh package lists only when a package is not in the ones here, or when what they
    /// name is gone from the mirror.
    fn install(&self, packages: &[&str]) -> Result<()> {
        let known = packages.iter().all(|package| has_candidate(package));
        if known && shell::run(self.command().arg("install").args(packages)).is_ok() {
            return Ok(());
        }
        self.update()?;
        shell::run(self.command().arg("install").args(packages))
    }

    fn update(&self) -> Result<()> {
        shell::run(self.command().arg("update"))
    }

    fn command(&self) -> Command {
        let mut command = if self.through_sudo {
            let mut command = shell::command("sudo");
            command.args(["-n", "env"]);
            command
        } else {
            shell::command("env")
        };
        command.args([
            "DEBIAN_FRONTEND=noninteractive",
            "apt-get",
            "-y",
            "-q",
            "--no-install-recommends",
            // Another apt, such as the daily one, may be at work.
            "-o",
            "DPkg::Lock::Timeout=120",
        ]);
        command
    }
}

fn has_candidate(package: &str) -> bool {
    shell::output(shell::command("apt-cache").args(["policy", package])).is_ok_and(|said| {
        said.lines()
            .any(|line| line.trim().starts_with("Candidate:") && !line.ends_with("(none)"))
    })
}

//! Logging in over SSH: what a client of anybody's needs for it, and OpenSSH's options.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::Wharf;
use crate::program::Program;

/// One way into a server: its address, an account, and a folder with what the clients read.
///
/// The host key is checked by every client that can: against `known_hosts`, which is made of the
/// public halves in the server's state, never of what the server said on the network.
#[derive(Debug, Clone)]
pub struct Ssh {
    /// The client's own folder and home.
    pub folder: PathBuf,
    /// Where the server listens on 127.0.0.1.
    pub port: u16,
    /// The account.
    pub name: String,
    /// Its password, which is used where there is no key.
    pub password: String,
    /// The private half of a key of the account, in OpenSSH's form.
    pub key: Option<PathBuf>,
    /// More options of `ssh`, which win over those that every test has.
    pub more: Vec<String>,
}

/// A kind of key, as `ssh-keygen -t` has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `ssh-ed25519`.
    Ed25519,
    /// `ecdsa-sha2-nistp256`.
    Ecdsa,
    /// `ssh-rsa` of 3072 bits.
    Rsa,
}

impl Kind {
    /// Each of them.
    pub const ALL: [Self; 3] = [Self::Ed25519, Self::Ecdsa, Self::Rsa];

    /// As `ssh-keygen -t` has it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ed25519 => "ed25519",
            Self::Ecdsa => "ecdsa",
            Self::Rsa => "rsa",
        }
    }
}

impl Ssh {
    /// By the first account's password.
    ///
    /// # Panics
    /// When the client's folder cannot be made.
    #[must_use]
    #[track_caller]
    pub fn of(wharf: &Wharf) -> Self {
        let account = wharf.account().clone();
        let folder = wharf.scratch().base().join("home");
        let ssh = Self {
            folder,
            port: wharf.sftp().port(),
            name: account.name,
            password: account.password,
            key: None,
            more: Vec::new(),
        };
        fs::create_dir_all(ssh.folder.join(".ssh")).expect("a home for the client");
        let known: String = host_keys(wharf)
            .iter()
            .map(|key| format!("[127.0.0.1]:{} {key}\n", ssh.port))
            .collect();
        fs::write(ssh.known_hosts(), known).expect("the known hosts");
        fs::write(ssh.askpass(), ASKPASS).expect("a program that tells the password");
        fs::set_permissions(ssh.askpass(), fs::Permissions::from_mode(0o700)).expect("its mode");
        ssh
    }

    /// By a new key of the first account.
    ///
    /// # Panics
    /// When it cannot be made or added.
    #[must_use]
    #[track_caller]
    pub fn by_key(wharf: &Wharf, kind: Kind) -> Self {
        let mut ssh = Self::of(wharf);
        let key = ssh.folder.join(format!("id_{}", kind.name()));
        make_key(&key, kind);
        let public = key.with_extension("pub");
        let words = ["key", "add", &ssh.name, &text(&public)];
        if let Err(problem) = wharf.user(words, "").well() {
            panic!("{problem}");
        }
        ssh.key = Some(key);
        // A client that falls back to the password is found out.
        "not-the-password".clone_into(&mut ssh.password);
        ssh
    }

    /// The file with the public halves of the server's host keys.
    #[must_use]
    pub fn known_hosts(&self) -> PathBuf {
        // Where clients look that go by $HOME; those that go by the user database are told.
        self.folder.join(".ssh/known_hosts")
    }

    /// The fingerprint of the server's host key of a kind, `SHA256:…`.
    ///
    /// # Panics
    /// When it has none of that kind.
    #[must_use]
    #[track_caller]
    pub fn fingerprint(&self, kind: Kind) -> String {
        let said = keygen(&["-l", "-f", &text(&self.known_hosts())]);
        let label = format!("({})", kind.name().to_uppercase());
        said.lines()
            .find(|line| line.ends_with(&label))
            .and_then(|line| line.split(' ').nth(1))
            .unwrap_or_else(|| panic!("no host key of kind {}:\n{said}", kind.name()))
            .to_owned()
    }

    /// A program with this home that finds the password as OpenSSH's programs do.
    #[must_use]
    pub fn program(&self, name: &str, package: &'static str) -> Program {
        let mut program = Program::new(name, package)
            .folder(&self.folder)
            .without("SSH_AUTH_SOCK");
        for (name, value) in self.environment() {
            program = program.env(name, value);
        }
        program
    }

    /// Where OpenSSH's programs find the password.
    #[must_use]
    pub fn environment(&self) -> [(&'static str, String); 3] {
        [
            ("SSH_ASKPASS", text(&self.askpass())),
            ("SSH_ASKPASS_REQUIRE", "force".to_owned()),
            ("SSH_PASSWORD", self.password.clone()),
        ]
    }

    /// The same with more options of `ssh`.
    #[must_use]
    pub fn with(&self, options: &[&str]) -> Self {
        let mut ssh = self.clone();
        let options = options.iter().map(|&option| option.to_owned());
        ssh.more.extend(options);
        ssh
    }

    /// What `ssh`, `sftp`, `scp` and `sshfs` are to be told, without the port.
    #[must_use]
    pub fn options(&self) -> Vec<String> {
        let mut options: Vec<String> = vec![
            format!("UserKnownHostsFile={}", text(&self.known_hosts())),
            "GlobalKnownHostsFile=/dev/null".to_owned(),
            "StrictHostKeyChecking=yes".to_owned(),
            "UpdateHostKeys=no".to_owned(),
            "IdentityAgent=none".to_owned(),
            "IdentitiesOnly=yes".to_owned(),
            "NumberOfPasswordPrompts=1".to_owned(),
            "ConnectTimeout=20".to_owned(),
            // `sftp -b` would turn it on, and no password would be asked for.
            "BatchMode=no".to_owned(),
        ];
        options.push(match &self.key {
            Some(key) => format!("IdentityFile={}", text(key)),
            None => "IdentityFile=none".to_owned(),
        });
        options.push(match &self.key {
            Some(_) => "PreferredAuthentications=publickey".to_owned(),
            None => "PreferredAuthentications=password".to_owned(),
        });
        let mut words = self.more.clone();
        words.extend(["-F".to_owned(), "none".to_owned()]);
        for option in options {
            words.extend(["-o".to_owned(), option]);
        }
        words
    }

    /// `NAME@127.0.0.1`.
    #[must_use]
    pub fn host(&self) -> String {
        format!("{}@127.0.0.1", self.name)
    }

    fn askpass(&self) -> PathBuf {
        self.folder.join("askpass")
    }
}

/// Makes a key without a passphrase, and its public half beside it.
///
/// # Panics
/// When `ssh-keygen` does not.
#[track_caller]
pub fn make_key(path: &Path, kind: Kind) {
    let finished = Program::new("ssh-keygen", "openssh-client")
        .args(["-q", "-t", kind.name(), "-N", "", "-C", "test", "-f"])
        .arg(path)
        .run();
    if let Err(problem) = finished.well() {
        panic!("{problem}");
    }
}

/// The public halves of the host keys that the server says it has, each as `KIND BASE64`.
///
/// # Panics
/// When it has none, or tells another fingerprint than `ssh-keygen`.
#[must_use]
#[track_caller]
pub fn host_keys(wharf: &Wharf) -> Vec<String> {
    let events = wharf.events();
    let told = events.iter().filter(|event| event["event"] == "host_key");
    let keys: Vec<_> = told
        .map(|event| {
            let file = event["file"].as_str().expect("the file of a host key");
            let public = keygen(&["-y", "-f", file]);
            let fingerprint = keygen(&["-l", "-f", file]);
            let wanted = event["fingerprint"].as_str().expect("its fingerprint");
            assert!(fingerprint.contains(wanted), "{event}: {fingerprint}");
            let words: Vec<_> = public.split_whitespace().take(2).collect();
            words.join(" ")
        })
        .collect();
    assert!(!keys.is_empty(), "no host key is told: {events:?}");
    keys
}

fn keygen(arguments: &[&str]) -> String {
    let program = Program::new("ssh-keygen", "openssh-client").args(arguments);
    let finished = program.run().well();
    let finished = finished.unwrap_or_else(|problem| panic!("{problem}"));
    String::from_utf8(finished.output).expect("plain text")
}

fn text(path: &Path) -> String {
    path.to_str()
        .expect("the scratch folder has a plain name")
        .to_owned()
}

const ASKPASS: &str = "#!/bin/sh\nprintf '%s\\n' \"$SSH_PASSWORD\"\n";

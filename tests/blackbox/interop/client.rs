//! What a client is to the suite: each verb is one run of its program.

use std::path::{Path, PathBuf};

use wharf_tests::Wharf;
use wharf_tests::program::Program;

/// How data connections are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// EPSV.
    ExtendedPassive,
    /// PASV, or whatever passive command the client likes best.
    Passive,
    /// EPRT.
    ExtendedActive,
    /// PORT, or whatever active command the client likes best.
    Active,
}

impl Mode {
    pub(crate) const fn is_passive(self) -> bool {
        matches!(self, Self::ExtendedPassive | Self::Passive)
    }
}

/// How a client protects its connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tls {
    pub(crate) start: Start,
    /// The only version the client speaks.
    pub(crate) version: Version,
}

/// When TLS begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Start {
    /// After `AUTH TLS`.
    Explicit,
    /// With the first byte, on a port of its own.
    Implicit,
}

/// A version of TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Version {
    V12,
    /// 1.2, resumed by session ids instead of tickets, as Windows and so .NET does.
    V12SessionIds,
    V13,
}

impl Version {
    /// `1.2` or `1.3`.
    pub(crate) const fn number(self) -> &'static str {
        match self {
            Self::V12 | Self::V12SessionIds => "1.2",
            Self::V13 => "1.3",
        }
    }
}

/// Whom to talk to.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    /// `127.0.0.1`, but for transfers between servers.
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) name: String,
    pub(crate) password: String,
    pub(crate) mode: Mode,
    pub(crate) tls: Option<Tls>,
    /// The server's own certificate, the only one the client is to trust.
    pub(crate) certificate: PathBuf,
    /// A folder for the client's own files and its home.
    pub(crate) home: PathBuf,
}

impl Target {
    pub(crate) fn of(wharf: &Wharf, mode: Mode) -> Self {
        let home = wharf.scratch().base().join("home");
        std::fs::create_dir_all(&home).expect("a home for the client");
        Self {
            host: wharf.address().ip().to_string(),
            port: wharf.address().port(),
            name: wharf.account().name.clone(),
            password: wharf.account().password.clone(),
            mode,
            tls: None,
            certificate: wharf.scratch().state().join("tls/certificate.pem"),
            home,
        }
    }

    /// The same over TLS; the server was started with [`Builder::implicit`] where that is wanted.
    ///
    /// [`Builder::implicit`]: wharf_tests::Builder::implicit
    pub(crate) fn over_tls(wharf: &Wharf, mode: Mode, tls: Tls) -> Self {
        let mut target = Self::of(wharf, mode);
        if tls.start == Start::Implicit {
            target.port = wharf.implicit().port();
        }
        target.tls = Some(tls);
        target
    }

    pub(crate) fn program(&self, name: &str, package: &'static str) -> Program {
        Program::new(name, package).folder(&self.home)
    }

    pub(crate) fn is_implicit(&self) -> bool {
        self.tls.is_some_and(|tls| tls.start == Start::Implicit)
    }

    /// For the scripts: how TLS starts, its version, and the certificate to trust.
    pub(crate) fn tls_words(&self) -> [String; 3] {
        let start = match self.tls.map(|tls| tls.start) {
            None => "none",
            Some(Start::Explicit) => "explicit",
            Some(Start::Implicit) => "implicit",
        };
        let version = match self.tls.map(|tls| tls.version) {
            None => "-",
            Some(Version::V12SessionIds) => "1.2-session-ids",
            Some(version) => version.number(),
        };
        [
            start.to_owned(),
            version.to_owned(),
            text(&self.certificate),
        ]
    }

    /// `ftp://127.0.0.1:PORT/path`, `ftps` where TLS is implicit, with everything but
    /// letters, digits and `/` escaped.
    pub(crate) fn url(&self, path: &str) -> String {
        let scheme = if self.is_implicit() { "ftps" } else { "ftp" };
        let mut url = format!("{scheme}://127.0.0.1:{}/", self.port);
        for byte in path.bytes() {
            if byte.is_ascii_alphanumeric() || b"/.-_".contains(&byte) {
                url.push(char::from(byte));
            } else {
                url.push_str(&format!("%{byte:02X}"));
            }
        }
        url
    }
}

/// `Err` holds what the program said.
pub(crate) type Outcome = Result<(), String>;

/// One client. Remote paths are relative to the login folder. A verb that the client does not
/// have at all is `None` in [`Client::without`], never silently passed.
pub(crate) trait Client {
    fn name(&self) -> &'static str;

    /// The verbs this program has no command for, each with the reason.
    fn without(&self) -> &'static [(Verb, &'static str)] {
        &[]
    }

    /// The names in a folder, as the program prints them.
    fn list(&self, target: &Target, folder: &str) -> Result<String, String>;
    fn download(&self, target: &Target, remote: &str, local: &Path) -> Outcome;
    /// Goes on where `local` ends.
    fn resume_download(&self, target: &Target, remote: &str, local: &Path) -> Outcome;
    fn upload(&self, target: &Target, local: &Path, remote: &str) -> Outcome;
    /// Goes on where the remote file ends.
    fn resume_upload(&self, target: &Target, local: &Path, remote: &str) -> Outcome;
    fn rename(&self, target: &Target, from: &str, to: &str) -> Outcome;
    fn delete(&self, target: &Target, remote: &str) -> Outcome;
    fn make_folder(&self, target: &Target, remote: &str) -> Outcome;
    fn remove_folder(&self, target: &Target, remote: &str) -> Outcome;
}

/// The verbs of [`Client`] that a program may lack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    Upload,
    ResumeUpload,
    Rename,
    Delete,
    MakeFolder,
    RemoveFolder,
}

/// A path as an argument.
pub(crate) fn text(path: &Path) -> String {
    path.to_str()
        .expect("the scratch folder has a plain name")
        .to_owned()
}

//! What a server is started with: everything checked, nothing left to look up.
//!
//! `wharf` makes one of these from its arguments, environment and file; this crate never reads
//! any of the three.

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use wharf_net::tls::TlsVersion;
use wharf_net::tls::certificate::CertificateFiles;
use wharf_net::tls::client::ClientCertificates;

/// The settings of one server process. Times are monotonic.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where to listen. At least one.
    pub listeners: Vec<ListenerConfig>,
    /// The folder an account without a home of its own is given.
    pub root: PathBuf,
    /// The server's own folder, with its accounts and its log: no served folder may lie in it, and
    /// in one that holds it it is hidden.
    pub private: Option<PathBuf>,
    /// `None`: anonymous logins are refused.
    pub anonymous: Option<AnonymousConfig>,
    /// The passive data ports and what clients are told of them.
    pub passive: PassiveConfig,
    /// `None`: no TLS at all; AUTH is not implemented then.
    pub tls: Option<TlsConfig>,
    /// `None`: no SSH at all; no listener may be of [`Protocol::Sftp`] then.
    pub ssh: Option<SshConfig>,
    /// How many sessions, and how much of what a session may ask.
    pub limits: LimitsConfig,
    /// How long things may take.
    pub timeouts: TimeoutsConfig,
    /// What a 226 after an upload promises.
    pub durability: Durability,
    /// The text after `220 `; no version in it by default (security S8).
    pub banner: String,
    /// The audit log, in JSON lines; `None` keeps none.
    pub audit: Option<PathBuf>,
    /// Mode bits taken from files and folders that clients make, as in umask(2).
    pub umask: u32,
}

/// One listening socket.
#[derive(Debug, Clone)]
pub struct ListenerConfig {
    /// What is spoken there.
    pub protocol: Protocol,
    /// Address and port; port 0 takes a free one.
    pub address: SocketAddr,
    /// Whether a password may cross this listener in clear.
    pub plaintext: Plaintext,
    /// Whether nobody may log in without TLS, anonymous users included.
    pub tls: Requirement,
}

impl ListenerConfig {
    /// Whether TLS begins with the first byte.
    #[must_use]
    pub fn is_implicit(&self) -> bool {
        self.protocol == Protocol::Ftps
    }
}

/// The protocols a listener can speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// FTP (RFC 959), with TLS on request (RFC 4217).
    Ftp,
    /// FTP with TLS from the first byte on ("implicit").
    Ftps,
    /// SFTP version 3 (draft-ietf-secsh-filexfer-02) over SSH (RFC 4253).
    Sftp,
}

impl Protocol {
    /// The name used in events, settings and the audit log.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ftp => "ftp",
            Self::Ftps => "ftps",
            Self::Sftp => "sftp",
        }
    }
}

/// Whether a password may be sent without encryption.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plaintext {
    /// Never: `USER` of an account is refused with 530 before a password is sent.
    Deny,
    /// Only where both ends are on this machine (a loopback address).
    Loopback,
    /// From everywhere. Whoever can see the network reads the passwords.
    Allow,
}

/// Whether something must be so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Requirement {
    /// It must.
    Required,
    /// It may.
    Allowed,
}

/// TLS on control and data connections.
#[derive(Debug, Clone)]
pub struct TlsConfig {
    /// The certificates; the first one holds where no other has the name that is asked for. The
    /// files are watched.
    pub certificates: Vec<CertificateFiles>,
    /// Older versions are refused.
    pub minimum: TlsVersion,
    /// Whether a data connection must resume the TLS session of its control connection.
    pub reuse: Reuse,
    /// The same for implicit listeners; `None`: as [`reuse`](Self::reuse).
    pub implicit_reuse: Option<Reuse>,
    /// Whether an upload must end with TLS's own end.
    pub close_notify: CloseNotify,
    /// Exceptions by client network; the first that holds the client and says something counts.
    pub networks: Vec<TlsNetwork>,
    /// Whether data must be encrypted where the control connection is.
    pub data: Requirement,
    /// Whether clients are asked for certificates.
    pub clients: ClientCertificates,
    /// PEM: whose client certificates are trusted by their subject.
    pub client_ca: Option<PathBuf>,
    /// PEM: which of them are revoked.
    pub client_crl: Option<PathBuf>,
    /// Whether CCC may end the encryption of the control connection.
    pub ccc: bool,
}

/// What holds for the clients of one network instead.
#[derive(Debug, Clone)]
pub struct TlsNetwork {
    /// CIDR.
    pub clients: String,
    /// `None`: as elsewhere.
    pub reuse: Option<Reuse>,
    /// `None`: as elsewhere.
    pub close_notify: Option<CloseNotify>,
}

/// Whether a data connection must resume the TLS session of its control connection, which proves
/// that both are the same client's (security P6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reuse {
    /// It must, or the transfer is refused with 522.
    Require,
    /// It need not; who does not is told in the log.
    Prefer,
    /// It does not matter.
    Off,
}

impl Reuse {
    /// The word the settings have for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Require => "require",
            Self::Prefer => "prefer",
            Self::Off => "off",
        }
    }
}

/// Whether an encrypted upload must end with close_notify (RFC 8446 6.1): a FIN without it may be
/// anybody's (security P8).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloseNotify {
    /// It must, or the upload has failed.
    Required,
    /// The end of the connection is the end of the file.
    Optional,
}

/// SSH, underneath SFTP and SCP.
#[derive(Debug, Clone)]
pub struct SshConfig {
    /// Private keys in files, unencrypted; of each kind the first counts. At least one. They are
    /// watched, so that a changed file or a reload brings new ones.
    pub host_keys: Vec<PathBuf>,
    /// OpenSSH public keys, one a line: whose user certificates are believed. `None`: nobody's.
    pub user_ca: Option<PathBuf>,
    /// What no longer lets anybody in: a KRL (OpenSSH's PROTOCOL.krl) or a list of public keys.
    pub revoked_keys: Option<PathBuf>,
    /// Failed logins before the connection is closed.
    pub login_attempts: u32,
    /// Files and folders that one session may hold open.
    pub max_handles: u32,
    /// Channels that one connection may hold open.
    pub channels: u32,
}

/// Anonymous access: read-only, no password.
#[derive(Debug, Clone)]
pub struct AnonymousConfig {
    /// The folder anonymous users see as `/`.
    pub home: PathBuf,
}

/// Passive data connections.
#[derive(Debug, Clone)]
pub struct PassiveConfig {
    /// The ports, both ends included.
    pub ports: RangeInclusive<u16>,
    /// The host name or address told to clients that are not on a private network.
    pub public_address: Option<String>,
    /// Client network (CIDR) and the address its clients are told, first match wins.
    pub networks: Vec<(String, String)>,
}

/// Limits; each has a name a refusal can say.
#[derive(Debug, Clone, Copy)]
pub struct LimitsConfig {
    /// Sessions in all.
    pub sessions: u32,
    /// Sessions of one address (of one /64 in IPv6).
    pub sessions_per_address: u32,
    /// Sessions of one account that has no limit of its own.
    pub sessions_per_account: u32,
    /// Failed logins over FTP before the connection is closed; [`SshConfig`] has SSH's own.
    pub login_attempts: u32,
    /// Levels `LIST -R` goes down.
    pub recursion_depth: u32,
    /// Entries `LIST -R` shows.
    pub recursion_entries: u32,
}

/// Timeouts, all monotonic.
#[derive(Debug, Clone, Copy)]
pub struct TimeoutsConfig {
    /// From accept to a finished login, whatever is sent meanwhile.
    pub login: Duration,
    /// From the first byte of a TLS handshake to its end, on control and data connections.
    pub handshake: Duration,
    /// Without a command and without a transfer.
    pub idle: Duration,
    /// A data connection on which no byte moves.
    pub stall: Duration,
    /// From a transfer command to its data connection.
    pub data_connect: Duration,
    /// How long a passive port stays open for nobody.
    pub passive: Duration,
    /// How long running transfers may go on after a request to stop.
    pub drain: Duration,
}

/// What is on disk when an upload is answered with 226.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// The bytes and the name survive a power cut.
    Full,
    /// The bytes do; the name may not.
    File,
    /// Neither is promised.
    None,
}

impl Default for LimitsConfig {
    fn default() -> Self {
        Self {
            sessions: 10_000,
            sessions_per_address: 200,
            sessions_per_account: 100,
            login_attempts: 3,
            recursion_depth: 5,
            recursion_entries: 10_000,
        }
    }
}

/// Without host keys, which somebody has to make.
impl Default for SshConfig {
    fn default() -> Self {
        Self {
            host_keys: Vec::new(),
            user_ca: None,
            revoked_keys: None,
            // OpenSSH's MaxAuthTries: its client offers every key it has before a password.
            login_attempts: 6,
            max_handles: 128,
            channels: 10,
        }
    }
}

impl Default for TimeoutsConfig {
    fn default() -> Self {
        Self {
            login: Duration::from_secs(60),
            handshake: Duration::from_secs(10),
            idle: Duration::from_secs(300),
            stall: Duration::from_secs(60),
            data_connect: Duration::from_secs(10),
            passive: Duration::from_secs(30),
            drain: Duration::from_secs(30),
        }
    }
}

impl Default for PassiveConfig {
    fn default() -> Self {
        Self {
            ports: 50_000..=50_100,
            public_address: None,
            networks: Vec::new(),
        }
    }
}

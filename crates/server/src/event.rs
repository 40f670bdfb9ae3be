//! What happened, told once: the audit log, `--format json` and counters all read these.

use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

/// One thing that happened.
#[derive(Debug, Clone)]
pub struct Event {
    /// Wall-clock time, for people; nothing is decided by it.
    pub at: SystemTime,
    /// The session it belongs to; 0 for the process itself.
    pub session: u64,
    /// The client's address.
    pub peer: Option<SocketAddr>,
    /// The account, once logged in.
    pub account: Option<Box<str>>,
    /// What happened.
    pub what: What,
}

/// The kinds of events. Paths are virtual (what the user sees), as bytes.
#[derive(Debug, Clone)]
pub enum What {
    /// A connection was taken in.
    Connected,
    /// Connections were refused: which limit, its value, and how many since the last such record.
    Refused {
        limit: &'static str,
        allowed: u32,
        times: u64,
    },
    /// A login succeeded; `tls` is the version that protected it, none in clear.
    LoggedIn {
        method: &'static str,
        tls: Option<&'static str>,
    },
    /// A login failed; the name as it was sent.
    LoginFailed {
        name: Box<[u8]>,
        cause: &'static str,
    },
    /// A file went out, whole or in part.
    Downloaded {
        path: Box<[u8]>,
        bytes: u64,
        elapsed: Duration,
        outcome: Outcome,
    },
    /// A file came in; `Outcome::Done` means published.
    Uploaded {
        path: Box<[u8]>,
        bytes: u64,
        elapsed: Duration,
        outcome: Outcome,
    },
    /// A folder was listed.
    Listed { path: Box<[u8]>, outcome: Outcome },
    /// Anything else that changes or tells: the operation's name, its path, its target.
    Operation {
        operation: &'static str,
        path: Box<[u8]>,
        target: Option<Box<[u8]>>,
        outcome: Outcome,
    },
    /// A stranger connected to a passive port and was closed (security P4).
    DataPeerMismatch { stranger: SocketAddr, port: u16 },
    /// The data of a transfer go to, or come from, another machine, as this account may have it (FXP).
    DataPeerForeign { peer: SocketAddr },
    /// The certificates in force have changed.
    Certificate {
        fingerprint: Box<str>,
        names: Box<[String]>,
        expires: SystemTime,
    },
    /// Changed certificate files cannot be used; those in force stay.
    CertificateFailed { text: Box<str> },
    /// TLS did not come about, on a control connection or on a data connection.
    TlsFailed { cause: &'static str, text: Box<str> },
    /// A data connection did not resume its control connection's session: under `require` it was
    /// refused, under `prefer` it would have been. `times` counts them since the start.
    DataNotResumed { policy: &'static str, times: u64 },
    /// The session ended.
    Closed { reason: &'static str },
}

/// How it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// As asked.
    Done,
    /// Refused or failed, with the id from `causes` and the short text the client was given.
    Failed { cause: &'static str, text: Box<str> },
}

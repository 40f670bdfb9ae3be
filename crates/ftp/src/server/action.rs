//! What the machine asks its surroundings to do, and what they answer.

use std::borrow::Cow;
use std::net::SocketAddr;

use secrecy::SecretSlice;

use crate::command::{Fact, ListArguments};
use crate::listing::write::FactSet;
use crate::reply::Reply;
use crate::time::Timestamp;

/// A path as the client sent it: bytes, not yet resolved against the working directory.
pub type PathArgument = Box<[u8]>;

/// What follows a command.
#[derive(Debug)]
pub enum Step {
    /// Answer, and take the next command.
    Reply(Reply),
    /// Answer with this code and text, to which the surroundings add the id of the cause.
    Refuse {
        /// 400..=599.
        code: u16,
        /// What is wrong and what to do.
        text: &'static str,
        /// What the cause is found by.
        why: Why,
    },
    /// Answer, then close the control connection.
    Close(Reply),
    /// AUTH was taken: answer with this in clear, begin TLS as its server, then call
    /// [`super::Dialogue::protected`]. Whatever else was received in clear after the command ends
    /// the connection (security P9), and so does a handshake that fails: until the call, the
    /// machine takes no command.
    StartTls(Reply),
    /// CCC was taken: answer with this under TLS, close TLS in both directions, then call
    /// [`super::Dialogue::unprotected`].
    StopTls(Reply),
    /// Do this, then hand the outcome to [`super::Dialogue::done`].
    Do(Action),
}

/// Refusals of the machine itself that have a cause the user can look up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// REST or RANG in TYPE A.
    RestartInAscii,
    /// PASV over IPv6.
    PassiveOverIpv6,
    /// NUL, CR or LF inside an argument (security F24).
    ForbiddenByte,
    /// 522: a transfer in clear where data connections must be protected (security P17). The
    /// machine has forgotten PASV or PORT by then; a passive port opened for it stays until its
    /// time is over or the next one is opened, unless the surroundings drop it on seeing this.
    ClearData,
}

/// Work outside the machine. Paths are relative to the session's working directory.
#[allow(
    missing_docs,
    reason = "the fields are those of the command each variant explains"
)]
#[derive(Debug)]
pub enum Action {
    /// USER: may this name go on to a password, or is it let in at once (anonymous)?
    Identify { name: Box<[u8]> },
    /// PASS after USER.
    Authenticate {
        name: Box<[u8]>,
        password: SecretSlice<u8>,
    },
    /// REIN: forget the login, the working directory and the site (RFC 7151 3.2). TLS stays.
    Reinitialise,
    /// HOST before the login: a DNS name, or an IP address without brackets. `Done` answers 220;
    /// a name that is none of ours is 504. A later HOST replaces it; AUTH keeps it.
    SelectSite { name: Box<str> },
    /// SSCN ON or OFF: from now on, be the TLS client (`on`) or server on data connections. For
    /// sessions that may transfer from server to server.
    SecureClient { on: bool },
    /// CWD, and CDUP as `..`.
    ChangeDirectory { path: PathArgument, up: bool },
    /// PWD.
    PrintDirectory,
    /// MKD.
    MakeDirectory { path: PathArgument },
    /// RMD.
    RemoveDirectory { path: PathArgument },
    /// DELE.
    Delete { path: PathArgument },
    /// RNFR: the source must exist now, not only at RNTO.
    RenameFrom { path: PathArgument },
    /// RNTO.
    Rename {
        from: PathArgument,
        to: PathArgument,
    },
    /// PASV (`extended: false`) or EPSV. `tls_client`: CPSV, which is PASV for a peer that is
    /// another server; for sessions that may transfer from server to server.
    OpenPassive { extended: bool, tls_client: bool },
    /// PORT or EPRT: may data go to this address?
    CheckActive { target: SocketAddr, extended: bool },
    /// Anything with a data connection.
    Transfer(Transfer),
    /// SIZE. In ASCII the size is that of the converted file.
    Size { path: PathArgument, ascii: bool },
    /// MDTM in its reading form. `set` is what the same argument means as a setting, when a file
    /// of the whole name does not exist.
    ModificationTime {
        path: PathArgument,
        set: Option<(Timestamp, PathArgument)>,
    },
    /// MFMT.
    SetModificationTime { path: PathArgument, time: Timestamp },
    /// MFF.
    SetFacts {
        path: PathArgument,
        facts: Vec<Fact>,
    },
    /// SITE CHMOD.
    ChangeMode { path: PathArgument, mode: u32 },
    /// SITE UTIME.
    Utime {
        path: PathArgument,
        modified: Timestamp,
    },
    /// SITE SYMLINK.
    MakeSymlink {
        target: PathArgument,
        path: PathArgument,
    },
    /// SITE UMASK; `None` asks for the present one.
    Umask { mask: Option<u32> },
    /// SITE IDLE, in seconds; `None` asks for the present one.
    Idle { seconds: Option<u64> },
    /// ALLO: is there room for this many bytes?
    Allocate { size: u64 },
    /// AVBL.
    Available { path: Option<PathArgument> },
    /// MLST.
    FactsOf {
        path: Option<PathArgument>,
        selection: FactSet,
    },
    /// STAT with a path: a listing over the control connection.
    StatusOf { arguments: ListArguments },
    /// STAT without one.
    Status { settings: Vec<Vec<u8>> },
}

/// A command that moves data over a data connection.
#[derive(Debug)]
pub struct Transfer {
    /// Which one.
    pub kind: TransferKind,
    /// How the data connection comes about.
    pub route: Route,
    /// TYPE A: line endings are converted.
    pub ascii: bool,
    /// PROT P: the data connection is under TLS.
    pub protected: bool,
    /// SSCN ON or CPSV: we are the TLS client on the data connection. Only with `protected`.
    pub tls_client: bool,
}

/// What a transfer moves.
#[allow(
    missing_docs,
    reason = "the fields are those of the command each variant explains"
)]
#[derive(Debug)]
pub enum TransferKind {
    /// RETR: from `start`, up to and including `last` (RANG) or the end.
    Retrieve {
        path: PathArgument,
        start: u64,
        last: Option<u64>,
    },
    /// STOR: from `offset` (REST). `declared` is what ALLO promised.
    Store {
        path: PathArgument,
        offset: u64,
        declared: Option<u64>,
    },
    /// STOU: a name that does not exist yet.
    StoreUnique {
        near: Option<PathArgument>,
        declared: Option<u64>,
    },
    /// APPE.
    Append {
        path: PathArgument,
        declared: Option<u64>,
    },
    /// LIST, NLST and MLSD.
    List {
        arguments: ListArguments,
        form: ListForm,
    },
}

impl TransferKind {
    /// Whether the client is the one who sends.
    #[must_use]
    pub const fn is_upload(&self) -> bool {
        matches!(
            self,
            Self::Store { .. } | Self::StoreUnique { .. } | Self::Append { .. }
        )
    }
}

/// The forms of a directory listing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListForm {
    /// LIST: the Unix long form.
    Long,
    /// NLST: names that can be sent back as arguments (RFC 1123 4.1.2.7).
    Names,
    /// MLSD with these facts.
    Facts(FactSet),
}

/// Who opens the data connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route {
    /// The client, to the port of the last PASV or EPSV.
    Passive,
    /// We, to the address of the last PORT or EPRT.
    Active(SocketAddr),
}

/// How an [`Action`] ended.
#[allow(
    missing_docs,
    reason = "the fields are those of the command each variant explains"
)]
#[derive(Debug)]
pub enum Outcome {
    /// As asked; nothing to tell beyond that.
    Done,
    /// Identify: go on with PASS. Said for every name, known or not (security A2).
    AskPassword,
    /// Identify or Authenticate: let in.
    LoggedIn,
    /// Identify: the certificate of the TLS handshake is login enough (RFC 2228 5.3).
    LoggedInByCertificate,
    /// A virtual path: the working directory, or the folder made.
    Path(Box<[u8]>),
    /// The passive address to tell the client.
    Passive(SocketAddr),
    /// A size or a count.
    Number(u64),
    /// A time, with what was done to reach it.
    Time(Timestamp),
    /// Listing lines without their line ends; empty ones are not sent.
    Lines(Vec<Vec<u8>>),
    /// A finished transfer: bytes moved, and the name when the server chose it.
    Transferred {
        bytes: u64,
        name: Option<Box<[u8]>>,
        note: Option<&'static str>,
    },
    /// Refused or failed.
    Failed(Failure),
}

/// A refusal, with the reply code it has in FTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// 400..=599.
    pub code: u16,
    /// For the user: what failed and why, ending with the cause id in brackets.
    pub text: Cow<'static, str>,
    /// Whether the connection ends with it.
    pub close: bool,
}

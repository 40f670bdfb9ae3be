//! Commands: what a control line says, and how it is said.

mod argument;
mod encode;
mod error;
mod host;
mod parse;

pub(crate) use encode::write_facts;
pub use error::CommandError;
pub use host::HostName;

use std::fmt;
use std::net::{SocketAddr, SocketAddrV4};

use secrecy::SecretSlice;

use crate::time::Timestamp;
use crate::verb::{SiteVerb, Verb};

/// A path as it was sent: bytes, at least one, none of them NUL, CR or LF. Everything after the
/// first space of the line belongs to it, more spaces too (RFC 959 5.3.1 has exactly one).
pub type Path = Box<[u8]>;

/// The longest password in bytes.
pub const MAX_PASSWORD: usize = 1024;

/// One command with its arguments.
///
/// LIST, NLST and STAT take options before the path. A word is an option as long as it begins with
/// `-` and goes on with ASCII letters and digits only. The path of a file that has such a name is
/// reached as `-- -name` or `./-name`.
#[derive(Debug, Clone)]
#[allow(
    missing_docs,
    reason = "each variant is explained by its row in the table of verbs"
)]
pub enum Command {
    User(Box<[u8]>),
    Pass(SecretSlice<u8>),
    Acct(SecretSlice<u8>),
    Rein,
    Quit,
    Cwd(Path),
    Cdup,
    Pwd,
    Mkd(Path),
    Rmd(Path),
    Dele(Path),
    Rnfr(Path),
    Rnto(Path),
    Smnt(Path),
    Type(TypeCode),
    Stru(StructureCode),
    Mode(ModeCode),
    Port(SocketAddrV4),
    Pasv,
    Eprt(SocketAddr),
    Epsv(EpsvArgument),
    Retr(Path),
    Stor(Path),
    Stou(Option<Path>),
    Appe(Path),
    /// 0..=`i64::MAX` (security R8).
    Rest(u64),
    /// Both 0..=`i64::MAX`, `end` included and not before `start`; 1 and 0 reset
    /// (draft-bryan-ftp-range).
    Rang {
        start: u64,
        end: u64,
    },
    /// Both 0..=`i64::MAX`.
    Allo {
        size: u64,
        record: Option<u64>,
    },
    Abor,
    List(ListArguments),
    Nlst(ListArguments),
    Mlsd(Option<Path>),
    Mlst(Option<Path>),
    Stat(Option<ListArguments>),
    Size(Path),
    /// `path` is the whole argument. `set` is what it means if it is a time and a path: many
    /// clients set times so. The file of the whole name comes first.
    Mdtm {
        path: Path,
        set: Option<(Timestamp, Path)>,
    },
    Mfmt {
        time: Timestamp,
        path: Path,
    },
    Mfct {
        time: Timestamp,
        path: Path,
    },
    /// At least one fact.
    Mff {
        facts: Vec<Fact>,
        path: Path,
    },
    Auth(Mechanism),
    /// Bytes.
    Pbsz(u32),
    Prot(Protection),
    Ccc,
    /// `None` asks which it is.
    Sscn(Option<bool>),
    Cpsv,
    Feat,
    Opts(OptsArgument),
    Help(Option<Box<[u8]>>),
    Noop,
    Syst,
    Clnt(Box<[u8]>),
    Csid(Option<Box<[u8]>>),
    Host(HostName),
    Lang(Option<Box<[u8]>>),
    Hash(Path),
    Xcrc(RangeOfFile),
    Xmd5(RangeOfFile),
    Xsha1(RangeOfFile),
    Xsha256(RangeOfFile),
    Xsha512(RangeOfFile),
    /// At least one source.
    Comb {
        target: Path,
        sources: Vec<Path>,
    },
    Avbl(Option<Path>),
    Site(SiteCommand),
}

/// TYPE, of the kinds that are served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TypeCode {
    /// `A` or `A N`.
    Ascii,
    /// `I` or `L 8`.
    Image,
}

/// STRU, of the kinds that are served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StructureCode {
    /// `F`.
    File,
}

/// MODE, of the kinds that are served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ModeCode {
    /// `S`.
    Stream,
}

/// What EPSV asks for (RFC 2428 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EpsvArgument {
    /// The protocol of the control connection.
    Any,
    /// `1`.
    V4,
    /// `2`.
    V6,
    /// No other command opens data connections from now on.
    All,
}

/// What LIST, NLST and STAT list, and how. Options that are not here are taken and ignored.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListArguments {
    /// `-a`: names that begin with a dot too.
    pub all: bool,
    /// `-l`: the long form, which LIST has anyway.
    pub long: bool,
    /// `-R`: directories below too.
    pub recursive: bool,
    /// `-t`: newest first.
    pub by_time: bool,
    /// `-r`: in reverse.
    pub reverse: bool,
    /// `-1`: one name to a line, which is always so.
    pub one_per_line: bool,
    /// A directory, a file, or a pattern; `None` for the working directory.
    pub path: Option<Path>,
}

/// One fact that MFF sets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fact {
    /// `modify`.
    Modify(Timestamp),
    /// `create`.
    Create(Timestamp),
    /// `UNIX.mode`, 0..=0o7777.
    Mode(u32),
    /// `UNIX.owner`, a name or a number.
    Owner(Box<[u8]>),
    /// `UNIX.group`, a name or a number.
    Group(Box<[u8]>),
}

/// AUTH's mechanism.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mechanism {
    /// `TLS`, or `TLS-C`, which says the same (RFC 4217 17).
    Tls,
    /// `SSL`, or `TLS-P`: as TLS, with data connections encrypted from the start.
    Ssl,
    /// Any other, in capitals or not.
    Other(Box<[u8]>),
}

/// PROT's level (RFC 2228 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protection {
    /// `C`.
    Clear,
    /// `S`.
    Safe,
    /// `E`.
    Confidential,
    /// `P`.
    Private,
}

/// OPTS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OptsArgument {
    /// `UTF8 ON` or `UTF8 OFF`; `UTF8` alone and `UTF8 NLST`, of older drafts, are ON.
    Utf8(bool),
    /// `MLST <fact>;...`: fact names as sent, none for no facts at all.
    Mlst(Vec<Box<[u8]>>),
    /// `HASH <algorithm>`; `None` asks.
    Hash(Option<Box<[u8]>>),
    /// `MODE Z <parameters>`, as sent.
    ModeZ(Box<[u8]>),
    /// Anything else, as sent.
    Unknown(Box<[u8]>),
}

/// A file, or a part of one. A path with such numbers behind it is quoted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RangeOfFile {
    /// The file.
    pub path: Path,
    /// The first byte, 0 if not given.
    pub start: Option<u64>,
    /// The end; only with a start.
    pub end: Option<u64>,
}

/// SITE's own commands.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(
    missing_docs,
    reason = "each variant is explained by its row in the table of words"
)]
pub enum SiteCommand {
    Help,
    /// `mode` is 0..=0o7777.
    Chmod {
        mode: u32,
        path: Path,
    },
    Utime {
        modified: Timestamp,
        path: Path,
    },
    Symlink {
        target: Path,
        path: Path,
    },
    /// 0..=0o777; `None` asks.
    Umask(Option<u32>),
    /// Seconds; `None` asks.
    Idle(Option<u64>),
    Cpfr(Path),
    Cpto(Path),
    Quota,
    Who,
}

impl Command {
    /// The verb, never an alias.
    #[must_use]
    pub const fn verb(&self) -> Verb {
        match self {
            Self::User(_) => Verb::User,
            Self::Pass(_) => Verb::Pass,
            Self::Acct(_) => Verb::Acct,
            Self::Rein => Verb::Rein,
            Self::Quit => Verb::Quit,
            Self::Cwd(_) => Verb::Cwd,
            Self::Cdup => Verb::Cdup,
            Self::Pwd => Verb::Pwd,
            Self::Mkd(_) => Verb::Mkd,
            Self::Rmd(_) => Verb::Rmd,
            Self::Dele(_) => Verb::Dele,
            Self::Rnfr(_) => Verb::Rnfr,
            Self::Rnto(_) => Verb::Rnto,
            Self::Smnt(_) => Verb::Smnt,
            Self::Type(_) => Verb::Type,
            Self::Stru(_) => Verb::Stru,
            Self::Mode(_) => Verb::Mode,
            Self::Port(_) => Verb::Port,
            Self::Pasv => Verb::Pasv,
            Self::Eprt(_) => Verb::Eprt,
            Self::Epsv(_) => Verb::Epsv,
            Self::Retr(_) => Verb::Retr,
            Self::Stor(_) => Verb::Stor,
            Self::Stou(_) => Verb::Stou,
            Self::Appe(_) => Verb::Appe,
            Self::Rest(_) => Verb::Rest,
            Self::Rang { .. } => Verb::Rang,
            Self::Allo { .. } => Verb::Allo,
            Self::Abor => Verb::Abor,
            Self::List(_) => Verb::List,
            Self::Nlst(_) => Verb::Nlst,
            Self::Mlsd(_) => Verb::Mlsd,
            Self::Mlst(_) => Verb::Mlst,
            Self::Stat(_) => Verb::Stat,
            Self::Size(_) => Verb::Size,
            Self::Mdtm { .. } => Verb::Mdtm,
            Self::Mfmt { .. } => Verb::Mfmt,
            Self::Mfct { .. } => Verb::Mfct,
            Self::Mff { .. } => Verb::Mff,
            Self::Auth(_) => Verb::Auth,
            Self::Pbsz(_) => Verb::Pbsz,
            Self::Prot(_) => Verb::Prot,
            Self::Ccc => Verb::Ccc,
            Self::Sscn(_) => Verb::Sscn,
            Self::Cpsv => Verb::Cpsv,
            Self::Feat => Verb::Feat,
            Self::Opts(_) => Verb::Opts,
            Self::Help(_) => Verb::Help,
            Self::Noop => Verb::Noop,
            Self::Syst => Verb::Syst,
            Self::Clnt(_) => Verb::Clnt,
            Self::Csid(_) => Verb::Csid,
            Self::Host(_) => Verb::Host,
            Self::Lang(_) => Verb::Lang,
            Self::Hash(_) => Verb::Hash,
            Self::Xcrc(_) => Verb::Xcrc,
            Self::Xmd5(_) => Verb::Xmd5,
            Self::Xsha1(_) => Verb::Xsha1,
            Self::Xsha256(_) => Verb::Xsha256,
            Self::Xsha512(_) => Verb::Xsha512,
            Self::Comb { .. } => Verb::Comb,
            Self::Avbl(_) => Verb::Avbl,
            Self::Site(_) => Verb::Site,
        }
    }
}

impl SiteCommand {
    /// The word.
    #[must_use]
    pub const fn verb(&self) -> SiteVerb {
        match self {
            Self::Help => SiteVerb::Help,
            Self::Chmod { .. } => SiteVerb::Chmod,
            Self::Utime { .. } => SiteVerb::Utime,
            Self::Symlink { .. } => SiteVerb::Symlink,
            Self::Umask(_) => SiteVerb::Umask,
            Self::Idle(_) => SiteVerb::Idle,
            Self::Cpfr(_) => SiteVerb::Cpfr,
            Self::Cpto(_) => SiteVerb::Cpto,
            Self::Quota => SiteVerb::Quota,
            Self::Who => SiteVerb::Who,
        }
    }

    /// The word's name in capitals.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.verb().name()
    }
}

/// `name=value`, without the semicolon. Bytes of an owner or group that are not printable ASCII
/// become `?`.
impl fmt::Display for Fact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = encode::fact(self);
        for byte in text {
            let shown = if byte.is_ascii_graphic() { byte } else { b'?' };
            fmt::Write::write_char(f, char::from(shown))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;

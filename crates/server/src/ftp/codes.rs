//! The one place where a failure gets its FTP reply code.

use wharf_causes::{Id, id};
use wharf_ftp::server::{Failure as Reported, Why};

use crate::failure::{Failure, Kind};

/// RFC 959 4.2, RFC 1123 4.1.2.11 and the codes clients know from other servers.
pub(super) const fn code(kind: Kind) -> u16 {
    match kind {
        Kind::NotFound
        | Kind::Exists
        | Kind::WrongType
        | Kind::NotEmpty
        | Kind::Forbidden
        | Kind::FileSystemDenied => 550,
        Kind::NoSpace => 452,
        Kind::OverQuota => 552,
        Kind::BadName => 553,
        Kind::BadOffset => 554,
        Kind::Busy => 450,
        Kind::Unsupported => 504,
        Kind::Internal => 451,
        Kind::LoginFailed | Kind::PlaintextPassword => 530,
        Kind::ServiceClosing => 421,
        Kind::NoDataConnection | Kind::DataTls => 425,
        // What vsftpd answers; clients know it as the word for session reuse.
        Kind::DataNotResumed => 522,
        Kind::DataBroken | Kind::Aborted => 426,
        // What vsftpd and ProFTPD answer to a bounce; clients expect it.
        Kind::ForeignAddress => 500,
    }
}

/// The failure as the dialogue machine takes it.
pub(super) fn reported(failure: &Failure) -> Reported {
    Reported {
        code: code(failure.kind),
        text: failure.told().into(),
        // After a password in clear was refused the next thing sent may be one: it is not read
        // (security P12).
        close: matches!(failure.kind, Kind::ServiceClosing | Kind::PlaintextPassword),
    }
}

/// The causes of the machine's own refusals.
pub(super) const fn cause_of(why: Why) -> Id {
    match why {
        Why::RestartInAscii => id::C_5,
        Why::PassiveOverIpv6 => id::D_16,
        Why::ForbiddenByte => id::C_6,
        Why::ClearData => id::D_14,
    }
}

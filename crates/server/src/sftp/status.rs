//! The one place where a failure gets its SFTP status.

use wharf_sftp::Status;

use crate::failure::{Failure, Kind};

/// filexfer-02 §7. Version 3 has few codes; the text says what they cannot.
pub(super) const fn status(kind: Kind) -> Status {
    match kind {
        Kind::NotFound => Status::NoSuchFile,
        Kind::Forbidden | Kind::FileSystemDenied => Status::PermissionDenied,
        Kind::Unsupported => Status::OpUnsupported,
        Kind::ServiceClosing => Status::ConnectionLost,
        Kind::Exists
        | Kind::WrongType
        | Kind::NotEmpty
        | Kind::NoSpace
        | Kind::OverQuota
        | Kind::BadName
        | Kind::BadOffset
        | Kind::Busy
        | Kind::Internal
        | Kind::LoginFailed
        | Kind::PlaintextPassword
        | Kind::NoDataConnection
        | Kind::DataTls
        | Kind::DataNotResumed
        | Kind::DataBroken
        | Kind::Aborted
        | Kind::ForeignAddress => Status::Failure,
    }
}

/// Appends the answer to a request that failed.
pub(super) fn refuse(out: &mut Vec<u8>, id: u32, failure: &Failure) {
    wharf_sftp::response::status(out, id, status(failure.kind), &failure.told());
}

/// Appends the answer to a request that has nothing to tell but how it went.
pub(super) fn settle(out: &mut Vec<u8>, id: u32, outcome: Result<(), Failure>) {
    match outcome {
        Ok(()) => wharf_sftp::response::status(out, id, Status::Ok, "Done"),
        Err(failure) => refuse(out, id, &failure),
    }
}

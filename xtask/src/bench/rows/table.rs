//! The rows themselves.

use super::{Better, Figure, Row, Work};
use crate::bench::peers::Login;

pub(crate) const ROWS: &[Row] = &[
    row(
        "download-1",
        "download of 1 GiB, one connection",
        BULK,
        Login::Anonymous,
        Work::Download { connections: 1 },
    ),
    row(
        "download-4",
        "download of 1 GiB, four connections",
        BULK,
        Login::Anonymous,
        Work::Download { connections: 4 },
    ),
    row(
        "upload",
        "upload of 1 GiB, one connection",
        BULK,
        Login::Account,
        Work::Upload { connections: 1 },
    ),
    row(
        "small-download",
        "4 KiB downloads, 8 sessions",
        RATE,
        Login::Anonymous,
        Work::SmallDownloads,
    ),
    row(
        "small-upload-new",
        "4 KiB uploads under new names, 8 sessions",
        RATE,
        Login::Account,
        Work::SmallUploads { overwrite: false },
    ),
    row(
        "small-upload-over",
        "4 KiB uploads over existing files, 8 sessions",
        RATE,
        Login::Account,
        Work::SmallUploads { overwrite: true },
    ),
    row(
        "login-anonymous",
        "anonymous logins, 8 clients",
        RATE,
        Login::Anonymous,
        Work::Logins,
    ),
    row(
        "login-password",
        "password logins, 8 clients",
        RATE,
        Login::Account,
        Work::Logins,
    ),
    listing("list-10k", "LIST of 10 000 entries", "LIST", 10_000),
    listing("mlsd-10k", "MLSD of 10 000 entries", "MLSD", 10_000),
    listing("list-1m", "LIST of 1 000 000 entries", "LIST", 1_000_000),
    listing("mlsd-1m", "MLSD of 1 000 000 entries", "MLSD", 1_000_000),
    row(
        "idle-1k",
        "1 000 idle sessions",
        IDLE,
        Login::Anonymous,
        Work::Idle { sessions: 1_000 },
    ),
    row(
        "idle-10k",
        "10 000 idle sessions",
        IDLE,
        Login::Anonymous,
        Work::Idle { sessions: 10_000 },
    ),
    ftps(
        "ftps-download-1",
        "FTPS download of 1 GiB, one connection, AES-256-GCM",
        FTPS_BULK,
        Login::Anonymous,
        Work::Download { connections: 1 },
    ),
    ftps(
        "ftps-download-4",
        "FTPS download of 4 × 256 MiB, four connections, AES-256-GCM",
        FTPS_BULK,
        Login::Anonymous,
        Work::Download { connections: 4 },
    ),
    ftps(
        "ftps-upload-1",
        "FTPS upload of 1 GiB, one connection, AES-256-GCM",
        FTPS_BULK,
        Login::Account,
        Work::Upload { connections: 1 },
    ),
    ftps(
        "ftps-upload-4",
        "FTPS upload of 4 × 256 MiB, four connections, AES-256-GCM",
        FTPS_BULK,
        Login::Account,
        Work::Upload { connections: 4 },
    ),
    ftps(
        "ftps-curl-download",
        "FTPS download of 1 GiB by curl, AES-256-GCM",
        FTPS_BULK,
        Login::Anonymous,
        Work::CurlDownload,
    ),
    ftps(
        "ftps-curl-upload",
        "FTPS upload of 1 GiB by curl, AES-256-GCM",
        FTPS_BULK,
        Login::Account,
        Work::CurlUpload,
    ),
    ftps(
        "ftps-small-download",
        "FTPS 4 KiB downloads, 8 sessions, data connections resumed",
        FTPS_RATE,
        Login::Anonymous,
        Work::SmallDownloads,
    ),
    ftps(
        "ftps-small-upload",
        "FTPS 4 KiB uploads under new names, 8 sessions, data connections resumed",
        FTPS_RATE,
        Login::Account,
        Work::SmallUploads { overwrite: false },
    ),
    ftps(
        "ftps-handshake",
        "FTPS full handshakes, P-256, 8 clients",
        FTPS_RATE,
        Login::Anonymous,
        Work::Handshakes,
    ),
    ftps(
        "ftps-idle-1k",
        "1 000 idle FTPS sessions",
        IDLE,
        Login::Anonymous,
        Work::Idle { sessions: 1_000 },
    ),
    ftps(
        "ftps-idle-5k",
        "5 000 idle FTPS sessions",
        IDLE,
        Login::Anonymous,
        Work::Idle { sessions: 5_000 },
    ),
];

const fn higher(name: &'static str) -> Figure {
    Figure {
        name,
        better: Better::Higher,
    }
}

const fn lower(name: &'static str) -> Figure {
    Figure {
        name,
        better: Better::Lower,
    }
}

/// A figure that is none of the server's.
const fn neither(name: &'static str) -> Figure {
    Figure {
        name,
        better: Better::Neither,
    }
}

const BULK: &[Figure] = &[higher("MB/s"), lower("server CPU s/GiB")];
const FTPS_BULK: &[Figure] = &[
    higher("MB/s"),
    lower("server CPU s/GiB"),
    neither("client CPU s/GiB"),
];
const FTPS_RATE: &[Figure] = &[higher("per second"), lower("server CPU ms each")];
const RATE: &[Figure] = &[higher("per second")];
const LISTING: &[Figure] = &[
    lower("first byte, ms"),
    lower("whole, s"),
    higher("entries/s"),
    lower("memory growth, MiB"),
];
const IDLE: &[Figure] = &[
    lower("PSS of the server, KiB each"),
    lower("with the kernel's share, KiB each"),
];

const fn row(
    id: &'static str,
    title: &'static str,
    figures: &'static [Figure],
    login: Login,
    work: Work,
) -> Row {
    Row {
        id,
        title,
        figures,
        login,
        tls: false,
        work,
    }
}

const fn ftps(
    id: &'static str,
    title: &'static str,
    figures: &'static [Figure],
    login: Login,
    work: Work,
) -> Row {
    Row {
        id,
        title,
        figures,
        login,
        tls: true,
        work,
    }
}

const fn listing(id: &'static str, title: &'static str, verb: &'static str, entries: u64) -> Row {
    row(
        id,
        title,
        LISTING,
        Login::Anonymous,
        Work::Listing { verb, entries },
    )
}

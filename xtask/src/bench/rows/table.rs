//! The rows themselves.

use super::{Better, Figure, Row, Sftp, Work};
use crate::bench::peers::{Login, Protocol};
use crate::bench::sftp::Cipher;

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
    sftp(
        "sftp-download-1",
        "SFTP download of 1 GiB, one session, AES-256-GCM",
        SFTP_BULK,
        Sftp::Download {
            by: Cipher::Aes256Gcm,
            sessions: 1,
        },
    ),
    sftp(
        "sftp-upload-1",
        "SFTP upload of 1 GiB, one session, AES-256-GCM",
        SFTP_BULK,
        Sftp::Upload {
            by: Cipher::Aes256Gcm,
            sessions: 1,
        },
    ),
    sftp(
        "sftp-download-aes128-gcm",
        "SFTP download of 1 GiB, one session, AES-128-GCM",
        SFTP_BULK,
        Sftp::Download {
            by: Cipher::Aes128Gcm,
            sessions: 1,
        },
    ),
    sftp(
        "sftp-upload-aes128-gcm",
        "SFTP upload of 1 GiB, one session, AES-128-GCM",
        SFTP_BULK,
        Sftp::Upload {
            by: Cipher::Aes128Gcm,
            sessions: 1,
        },
    ),
    sftp(
        "sftp-download-chacha20",
        "SFTP download of 1 GiB, one session, ChaCha20-Poly1305",
        SFTP_BULK,
        Sftp::Download {
            by: Cipher::ChaCha20Poly1305,
            sessions: 1,
        },
    ),
    sftp(
        "sftp-upload-chacha20",
        "SFTP upload of 1 GiB, one session, ChaCha20-Poly1305",
        SFTP_BULK,
        Sftp::Upload {
            by: Cipher::ChaCha20Poly1305,
            sessions: 1,
        },
    ),
    sftp(
        "sftp-download-aes256-ctr",
        "SFTP download of 1 GiB, one session, AES-256-CTR",
        SFTP_BULK,
        Sftp::Download {
            by: Cipher::Aes256Ctr,
            sessions: 1,
        },
    ),
    sftp(
        "sftp-upload-aes256-ctr",
        "SFTP upload of 1 GiB, one session, AES-256-CTR",
        SFTP_BULK,
        Sftp::Upload {
            by: Cipher::Aes256Ctr,
            sessions: 1,
        },
    ),
    sftp(
        "sftp-download-4",
        "SFTP download of 4 × 256 MiB, four sessions, AES-256-GCM",
        SFTP_BULK,
        Sftp::Download {
            by: Cipher::Aes256Gcm,
            sessions: 4,
        },
    ),
    sftp(
        "sftp-upload-4",
        "SFTP upload of 4 × 256 MiB, four sessions, AES-256-GCM",
        SFTP_BULK,
        Sftp::Upload {
            by: Cipher::Aes256Gcm,
            sessions: 4,
        },
    ),
    sftp(
        "sftp-get-r",
        "SFTP `get -r` of 5 000 files of 4 KiB",
        SFTP_TREE,
        Sftp::GetTree,
    ),
    sftp(
        "sftp-put-r",
        "SFTP `put -r` of 5 000 files of 4 KiB",
        SFTP_TREE,
        Sftp::PutTree,
    ),
    sftp(
        "sftp-ls-1",
        "SFTP `ls -1` of 100 000 entries",
        SFTP_LISTING,
        Sftp::Listing {
            long: false,
            entries: 100_000,
        },
    ),
    sftp(
        "sftp-ls-l",
        "SFTP `ls -l` of 100 000 entries",
        SFTP_LISTING,
        Sftp::Listing {
            long: true,
            entries: 100_000,
        },
    ),
    sftp(
        "sftp-prompt",
        "SFTP from the client's start to its prompt",
        SFTP_PROMPT,
        Sftp::Prompt,
    ),
    sftp(
        "sftp-idle-1k",
        "1 000 idle SFTP sessions",
        IDLE,
        Sftp::Idle { sessions: 1_000 },
    ),
    sftp(
        "sftp-far-download",
        "SFTP download of 256 MiB over a round trip of 50 ms",
        FAR,
        Sftp::FarDownload,
    ),
    sftp(
        "sftp-far-upload",
        "SFTP upload of 256 MiB over a round trip of 50 ms",
        FAR,
        Sftp::FarUpload,
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
const SFTP_BULK: &[Figure] = FTPS_BULK;
const SFTP_TREE: &[Figure] = &[
    higher("files/s"),
    lower("server CPU ms each"),
    neither("client CPU ms each"),
];
const SFTP_LISTING: &[Figure] = &[
    lower("whole, s"),
    lower("server CPU s"),
    neither("client CPU s"),
    lower("memory growth, MiB"),
];
const SFTP_PROMPT: &[Figure] = &[lower("ms"), lower("server CPU ms each")];
const FAR: &[Figure] = &[higher("MB/s"), lower("server CPU s/GiB")];
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
        protocol: Protocol::Ftp,
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
        protocol: Protocol::Ftps,
        work,
    }
}

const fn sftp(
    id: &'static str,
    title: &'static str,
    figures: &'static [Figure],
    work: Sftp,
) -> Row {
    Row {
        id,
        title,
        figures,
        login: Login::Account,
        protocol: Protocol::Sftp,
        work: Work::Sftp(work),
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

//! The rows of the table: what is measured, with whom, in which units.

use anyhow::Result;

use super::load::{self, Target};
use super::peers::{Contender, Login};
use super::scratch::Scratch;

/// Which way a figure is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Better {
    Higher,
    Lower,
}

/// One figure of a row.
#[derive(Debug)]
pub(crate) struct Figure {
    pub(crate) name: &'static str,
    pub(crate) better: Better,
}

/// One measurement, which may give several figures.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) id: &'static str,
    pub(crate) title: &'static str,
    pub(crate) figures: &'static [Figure],
    /// Who may log in while it runs.
    pub(crate) login: Login,
    pub(crate) work: Work,
}

/// What a row does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Work {
    Download { connections: usize },
    Upload,
    SmallDownloads,
    SmallUploads { overwrite: bool },
    Logins,
    Listing { verb: &'static str, entries: u64 },
    Idle { sessions: usize },
}

impl Row {
    /// Why a server has no figure here; `None` if it has one.
    pub(crate) fn lacks(&self, contender: Contender) -> Option<&'static str> {
        use Contender::{Ceiling, PureFtpd, Vsftpd};
        match (contender, self.work) {
            (Vsftpd, Work::Listing { verb: "MLSD", .. }) => Some("no MLSD"),
            // It sorts in memory it allows itself too little of, and sends an empty list with a 226.
            (
                PureFtpd,
                Work::Listing {
                    verb: "LIST",
                    entries: 1_000_000,
                },
            ) => Some("sends none"),
            (PureFtpd, Work::Idle { sessions }) if sessions > 4900 => Some("5 000 at most"),
            (Ceiling, Work::Idle { .. }) => Some("–"),
            _ => None,
        }
    }

    /// Whether a server takes part at all; variants do only where they differ.
    pub(crate) fn invites(&self, contender: Contender) -> bool {
        match contender {
            Contender::WharfFull => {
                matches!(self.work, Work::Upload | Work::SmallUploads { .. })
            }
            Contender::WharfForgetful | Contender::PureFtpdArgon => {
                self.work == Work::Logins && self.login == Login::Account
            }
            _ => true,
        }
    }

    /// How many of `rounds` rounds a server is measured in.
    pub(crate) fn rounds(&self, contender: Contender, rounds: usize) -> usize {
        match (contender, self.work) {
            (Contender::PureFtpdArgon, _) => 1,
            // Half a minute and more each.
            (Contender::ProFtpd, Work::Listing { entries, .. }) if entries > 100_000 => 1,
            // Memory hardly differs from round to round, and opening takes long.
            (_, Work::Idle { sessions }) if sessions > 4900 => 1,
            _ => rounds,
        }
    }

    /// Makes the files it needs, and has them in memory.
    pub(crate) fn prepare(&self, scratch: &Scratch) -> Result<()> {
        match self.work {
            Work::Download { .. } => scratch.warm("large"),
            Work::SmallDownloads => scratch.warm("small"),
            Work::Listing { entries, .. } => scratch.listing(entries).map(drop),
            Work::Upload | Work::SmallUploads { .. } | Work::Logins | Work::Idle { .. } => Ok(()),
        }
    }

    /// Measures once; one number for each of the row's figures.
    pub(crate) fn measure(&self, target: &Target<'_>) -> Result<Vec<f64>> {
        match self.work {
            Work::Download { connections } => load::download(target, connections),
            Work::Upload => load::upload(target),
            Work::SmallDownloads => load::small_downloads(target),
            Work::SmallUploads { overwrite } => load::small_uploads(target, overwrite),
            Work::Logins => load::logins(target, self.login),
            Work::Listing { verb, entries } => load::listing(target, verb, entries),
            Work::Idle { sessions } => load::idle(target, sessions),
        }
    }

    /// Whether files are uploaded, which must be gone before the next server starts.
    pub(crate) fn uploads(&self) -> bool {
        matches!(self.work, Work::Upload | Work::SmallUploads { .. })
    }
}

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

const BULK: &[Figure] = &[higher("MB/s"), lower("server CPU s/GiB")];
const RATE: &[Figure] = &[higher("per second")];
const LISTING: &[Figure] = &[
    lower("first byte, ms"),
    lower("whole, s"),
    higher("entries/s"),
    lower("memory growth, MiB"),
];
const IDLE: &[Figure] = &[
    lower("PSS of the server, KiB each"),
    lower("all memory of the machine, KiB each"),
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
        Work::Upload,
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
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_has_its_own_id() {
        let mut ids: Vec<_> = ROWS.iter().map(|row| row.id).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), ROWS.len());
    }

    #[test]
    fn variants_stay_where_they_differ() {
        let invited = |contender| -> Vec<&str> {
            let rows = ROWS.iter().filter(|row| row.invites(contender));
            rows.map(|row| row.id).collect()
        };
        assert_eq!(
            invited(Contender::WharfFull),
            ["upload", "small-upload-new", "small-upload-over"]
        );
        assert_eq!(invited(Contender::WharfForgetful), ["login-password"]);
        assert_eq!(invited(Contender::Vsftpd).len(), ROWS.len());
    }
}

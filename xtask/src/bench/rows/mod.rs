//! The rows of the table: what is measured, with whom, in which units.

use anyhow::Result;

use super::load::{self, Target, large, sftp, small};
use super::peers::{Contender, Login, Protocol, Service};
use super::scratch::Scratch;
use super::sftp::Cipher;

mod table;

pub(crate) use table::ROWS;

/// Which way a figure is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Better {
    Higher,
    Lower,
    /// It is shown to judge another by.
    Neither,
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
    pub(crate) protocol: Protocol,
    pub(crate) work: Work,
}

/// What a row does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Work {
    Download { connections: usize },
    Upload { connections: usize },
    CurlDownload,
    CurlUpload,
    SmallDownloads,
    SmallUploads { overwrite: bool },
    Logins,
    Handshakes,
    Listing { verb: &'static str, entries: u64 },
    Idle { sessions: usize },
    Sftp(Sftp),
}

/// What a row does by SFTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sftp {
    Download {
        by: Cipher,
        sessions: usize,
    },
    Upload {
        by: Cipher,
        sessions: usize,
    },
    GetTree,
    PutTree,
    Listing {
        long: bool,
        entries: u64,
    },
    Prompt,
    Idle {
        sessions: usize,
    },
    /// Over a long path.
    FarDownload,
    FarUpload,
}

impl Row {
    /// Why a server has no figure here; `None` if it has one.
    pub(crate) fn lacks(&self, contender: Contender) -> Option<&'static str> {
        use Contender::{Ceiling, ProFtpd, PureFtpd, Vsftpd};
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
            (PureFtpd, Work::Idle { sessions }) if sessions > 5000 => Some("5 000 at most"),
            (Ceiling, Work::Idle { .. }) => Some("–"),
            (
                ProFtpd,
                Work::Sftp(
                    Sftp::Download {
                        by: Cipher::ChaCha20Poly1305,
                        ..
                    }
                    | Sftp::Upload {
                        by: Cipher::ChaCha20Poly1305,
                        ..
                    },
                ),
            ) => Some("no such cipher"),
            _ => None,
        }
    }

    /// Whether a server takes part at all; variants do only where they differ.
    pub(crate) fn invites(&self, contender: Contender) -> bool {
        match contender {
            Contender::WharfFull => self.protocol == Protocol::Ftp && self.uploads(),
            Contender::WharfForgetful | Contender::PureFtpdArgon => {
                self.work == Work::Logins && self.login == Login::Account
            }
            _ => contender.speaks(self.protocol),
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
            (_, Work::Idle { .. }) if self.is_ftps() => 1,
            (_, Work::Sftp(Sftp::Idle { .. })) => 1,
            // Most of their time is curl's.
            (_, Work::CurlDownload | Work::CurlUpload) => rounds.min(3),
            // Most of it is waiting.
            (_, Work::Sftp(Sftp::FarDownload | Sftp::FarUpload)) => rounds.min(3),
            _ => rounds,
        }
    }

    /// Makes the files it needs, and has them in memory.
    pub(crate) fn prepare(&self, scratch: &Scratch) -> Result<()> {
        match self.work {
            Work::Download { .. } if self.is_ftps() => {
                scratch.warm("large").and_then(|()| scratch.warm("quarter"))
            }
            Work::Download { .. } | Work::CurlDownload | Work::CurlUpload => scratch.warm("large"),
            Work::SmallDownloads => scratch.warm("small"),
            Work::Listing { entries, .. } | Work::Sftp(Sftp::Listing { entries, .. }) => {
                scratch.listing(entries).map(drop)
            }
            Work::Sftp(
                Sftp::Download { .. } | Sftp::Upload { .. } | Sftp::FarDownload | Sftp::FarUpload,
            ) => ["large", "quarter", "sixteenth"]
                .iter()
                .try_for_each(|file| scratch.warm(file)),
            Work::Sftp(Sftp::GetTree | Sftp::PutTree) => scratch.tree().map(drop),
            Work::Upload { .. }
            | Work::SmallUploads { .. }
            | Work::Logins
            | Work::Handshakes
            | Work::Idle { .. }
            | Work::Sftp(Sftp::Prompt | Sftp::Idle { .. }) => Ok(()),
        }
    }

    /// Measures once; one number for each of the row's figures.
    pub(crate) fn measure(&self, target: &Target<'_>) -> Result<Vec<f64>> {
        match self.work {
            Work::Download { connections } => large::download(target, connections),
            Work::Upload { connections } => large::upload(target, connections),
            Work::CurlDownload => large::curl_download(target),
            Work::CurlUpload => large::curl_upload(target),
            Work::SmallDownloads => small::downloads(target),
            Work::SmallUploads { overwrite } => small::uploads(target, overwrite),
            Work::Logins => small::logins(target, self.login),
            Work::Handshakes => small::handshakes(target),
            Work::Listing { verb, entries } => load::listing(target, verb, entries),
            Work::Idle { sessions } => load::idle(target, sessions),
            Work::Sftp(work) => match work {
                Sftp::Download { by, sessions } => sftp::download(target, by, sessions),
                Sftp::Upload { by, sessions } => sftp::upload(target, by, sessions),
                Sftp::GetTree => sftp::get_tree(target),
                Sftp::PutTree => sftp::put_tree(target),
                Sftp::Listing { long, entries } => sftp::listing(target, long, entries),
                Sftp::Prompt => sftp::prompt(target),
                Sftp::Idle { sessions } => sftp::idle(target, sessions),
                Sftp::FarDownload => sftp::far_download(target),
                Sftp::FarUpload => sftp::far_upload(target),
            },
        }
    }

    /// Whether files are uploaded, which must be gone before the next server starts.
    pub(crate) fn uploads(&self) -> bool {
        matches!(
            self.work,
            Work::Upload { .. }
                | Work::CurlUpload
                | Work::SmallUploads { .. }
                | Work::Sftp(Sftp::Upload { .. } | Sftp::PutTree | Sftp::FarUpload)
        )
    }

    pub(crate) fn is_ftps(&self) -> bool {
        self.protocol == Protocol::Ftps
    }

    pub(crate) fn is_sftp(&self) -> bool {
        self.protocol == Protocol::Sftp
    }

    /// Whether it takes longer than a first look may.
    pub(crate) fn is_long(&self) -> bool {
        self.is_ftps() && matches!(self.work, Work::Idle { sessions } if sessions > 1_000)
    }

    /// How a server must be started for this row.
    pub(crate) fn service(&self, contender: Contender) -> Service {
        let login = if self.uploads() {
            contender.uploader(self.protocol)
        } else {
            self.login
        };
        Service {
            login,
            protocol: self.protocol,
        }
    }
}

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
        let sftp = ROWS.iter().filter(|row| row.is_sftp()).count();
        assert_eq!(invited(Contender::Vsftpd).len(), ROWS.len() - sftp);
        assert_eq!(invited(Contender::OpenSsh).len(), sftp);
        assert_eq!(invited(Contender::Wharf).len(), ROWS.len());
    }
}

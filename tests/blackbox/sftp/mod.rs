//! Raw SFTP packets, right and wrong, in and out of order.

mod attributes;
mod cuts;
mod extensions;
mod files;
mod folders;
mod negotiation;
mod overtaken;
mod pipelining;
mod rights;
mod windows;

use wharf_tests::Wharf;
use wharf_tests::sftp::Sftp;
use wharf_tests::ssh::Ssh;

/// A server, and a channel to it.
#[track_caller]
fn start() -> (Wharf, Sftp) {
    start_with("")
}

/// `more` settings.
#[track_caller]
fn start_with(more: &str) -> (Wharf, Sftp) {
    let settings = format!("[uploads]\ndurability = \"none\"\n{more}");
    let wharf = Wharf::with().sftp().settings(&settings).start();
    let sftp = Sftp::open(&Ssh::of(&wharf));
    (wharf, sftp)
}

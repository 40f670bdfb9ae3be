//! The rows of SSH and SFTP: what OpenSSH's client or a plain socket can show, and what only a
//! client shows that says whatever it is told to.

mod certificates;
mod channels;
mod early;
mod idle;
mod keys;
mod names;
mod offers;
mod packets;
mod proofs;
mod refusals;
mod resources;
mod steps;
mod strict;

use wharf_tests::ssh::Ssh;
use wharf_tests::ssh_client::{Ended, SshClient};
use wharf_tests::{PATIENCE, Wharf};

fn start() -> (Wharf, Ssh) {
    let wharf = Wharf::with()
        .sftp()
        .settings("[uploads]\ndurability = \"none\"\n")
        .start();
    let ssh = Ssh::of(&wharf);
    (wharf, ssh)
}

/// A server that offers SFTP.
fn serve() -> Wharf {
    Wharf::with().sftp().start()
}

fn serve_with(settings: &str) -> Wharf {
    Wharf::with().sftp().settings(settings).start()
}

/// RFC 4253 §11.1.
const PROTOCOL_ERROR: u32 = 2;
const MAC_ERROR: u32 = 5;
const NO_MORE_AUTH_METHODS: u32 = 14;

/// The connection ends, with the words of a breach of the protocol.
#[track_caller]
fn breach(client: &mut SshClient) -> Ended {
    let ended = client.ended(PATIENCE);
    assert_eq!(ended.code(), PROTOCOL_ERROR, "{ended:?}");
    ended
}

/// Nobody got in: no event says so.
#[track_caller]
fn nobody_logged_in(wharf: &Wharf) {
    // The connection's own end is told after whatever else there was to tell.
    wharf.wait_event("closed", |_| true);
    let events = wharf.events();
    let login = events.iter().find(|event| event["event"] == "login");
    assert_eq!(login, None);
}

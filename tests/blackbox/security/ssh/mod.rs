//! Rows of SSH and SFTP that OpenSSH's client, or a plain socket, can show.

mod offers;
mod packets;
mod refusals;

use wharf_tests::Wharf;
use wharf_tests::ssh::Ssh;

fn start() -> (Wharf, Ssh) {
    let wharf = Wharf::with()
        .sftp()
        .settings("[uploads]\ndurability = \"none\"\n")
        .start();
    let ssh = Ssh::of(&wharf);
    (wharf, ssh)
}

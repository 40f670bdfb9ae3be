//! FileZilla over SFTP, by its `fzsftp`, which is PuTTY's.

use std::fs;
use std::path::Path;

use wharf_tests::ssh::Ssh;
use wharf_tests::{assert_bytes, pattern};

use super::super::client::{Mode, Target};
use super::super::filezilla::FileZilla;
use super::suite;

// One connection lists; two more work on the queue at once.
#[test]
fn filezilla_sftp() {
    let wharf = suite::start();
    let ssh = Ssh::of(&wharf);
    let mut target = Target::of(&wharf, Mode::Passive);
    target.port = ssh.port;
    target.home.clone_from(&ssh.folder);
    know_host(&ssh);
    let local = wharf.scratch().local();
    let sizes = [0, 1, 300_000, 20 << 20];
    for (index, size) in sizes.into_iter().enumerate() {
        wharf.write(&format!("down-{index}"), pattern(index as u64, size));
        let content = pattern(10 + index as u64, size);
        fs::write(local.join(format!("up-{index}")), content).expect("a local file");
    }
    let number = *wharf.ports().ports().start();
    let filezilla = FileZilla::start_sftp(&target, &local, number);
    filezilla.process_queue(&target, 2 * sizes.len());
    for (index, size) in sizes.into_iter().enumerate() {
        let down = fs::read(local.join(format!("down-{index}"))).expect("a file that came");
        assert_bytes("a download", &pattern(index as u64, size), &down);
        let up = wharf.read(&format!("up-{index}"));
        assert_bytes("an upload", &pattern(10 + index as u64, size), &up);
    }
}

/// Writes the host keys where PuTTY's programs look, in PuTTY's notation.
fn know_host(ssh: &Ssh) {
    let finished = ssh
        .program("python3", "python3")
        .args(["-c", include_str!("putty_hosts.py")])
        .arg(ssh.known_hosts())
        .arg(ssh.port.to_string())
        .run()
        .well()
        .unwrap_or_else(|problem| panic!("{problem}"));
    for folder in [".putty", ".config/putty"] {
        let folder: &Path = &ssh.folder.join(folder);
        fs::create_dir_all(folder).expect("a folder");
        fs::write(folder.join("sshhostkeys"), &finished.output).expect("the known hosts");
    }
}

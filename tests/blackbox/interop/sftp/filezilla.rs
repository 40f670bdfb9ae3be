//! FileZilla over SFTP, by its `fzsftp`, which is PuTTY's: the program itself for files, and what
//! it tells `fzsftp` for everything else.

use std::fs;
use std::path::Path;

use wharf_tests::ssh::Ssh;

use super::super::client::{Mode, Target};
use super::super::filezilla::{FileZilla, Files};
use super::client::{Act, Client, Verb};
use super::{scripts, suite};

// One connection lists; two more work on the queue at once.
#[test]
fn filezilla_sftp() {
    let wharf = suite::start();
    let ssh = Ssh::of(&wharf);
    let mut target = Target::of(&wharf, Mode::Passive);
    target.port = ssh.port;
    target.home.clone_from(&ssh.folder);
    know_host(&ssh);
    let files = Files::prepare(&wharf, [0, 1, 300_000, 20 << 20]);
    let number = *wharf.ports().ports().start();
    let filezilla = FileZilla::start_sftp(&target, &files, number);
    filezilla.process_queue(&target, &files);
    files.check();
}

#[test]
fn filezilla_fzsftp() {
    suite::run(&Fzsftp);
}

struct Fzsftp;

impl Client for Fzsftp {
    fn name(&self) -> &'static str {
        scripts::FZSFTP.name()
    }

    fn without(&self) -> &'static [(Verb, &'static str)] {
        scripts::FZSFTP.without()
    }

    fn act(&self, ssh: &Ssh, acts: &[Act]) -> Vec<u8> {
        know_host(ssh);
        scripts::FZSFTP.act(ssh, acts)
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

//! Who is not let in, and what nobody is given.

use std::net::TcpStream;

use wharf_tests::PATIENCE;
use wharf_tests::program::{Finished, contains};
use wharf_tests::sftp::Sftp;
use wharf_tests::ssh::{Kind, Ssh};

use super::start;

/// One run of `ssh`; `words` come before the host.
pub(super) fn ssh(ssh: &Ssh, words: &[&str], command: &[&str]) -> Finished {
    ssh.program("ssh", "openssh-client")
        .args(ssh.options())
        .args(["-p", &ssh.port.to_string()])
        .args(words)
        .arg(ssh.host())
        .args(command)
        .limit(PATIENCE)
        .run()
}

#[test]
fn a21_nothing_is_run() {
    let (wharf, login) = start();
    let marker = wharf.path("marker");
    let touch = format!("touch {}", marker.display());
    let runs: [(&[&str], &[&str]); 6] = [
        (&["-T"], &[]),
        (&["-tt"], &[]),
        (&["-T"], &[&touch]),
        (&["-tt"], &["id"]),
        // Whether `scp` is, is the account's; what it is told instead is for its tests.
        (&["-T"], &["scpx", "-t", "/"]),
        (&["-s"], &["shell"]),
    ];
    for (words, command) in runs {
        let finished = ssh(&login, words, command);
        assert!(!finished.status.success(), "{finished}");
        assert!(finished.output.is_empty(), "{finished}");
    }
    assert!(!marker.exists());
    Sftp::open(&login).stat("/").attributes();
}

/// What is asked for before the subsystem is refused, and the subsystem runs all the same.
#[test]
fn a21_agents_screens_and_environments_are_refused_and_sftp_goes_on() {
    let (_wharf, login) = start();
    let requests: [&[&str]; 3] = [
        &["-A"],
        &["-X"],
        &["-o", "SetEnv=LD_PRELOAD=/tmp/evil.so LANG=C"],
    ];
    for words in requests {
        Sftp::open(&login.with(words)).stat("/").attributes();
    }
    // OpenSSH gives up by itself when `-tt` is refused.
    let finished = ssh(&login, &["-tt", "-s"], &["sftp"]);
    let said = b"PTY allocation request failed";
    assert!(contains(&finished.errors, said), "{finished}");
}

#[test]
fn a21_tunnels_are_refused() {
    let (wharf, login) = start();
    // direct-tcpip, as `-W` asks for it.
    let target = wharf.address().to_string();
    let finished = ssh(&login, &["-W", &target], &[]);
    assert!(!finished.status.success(), "{finished}");
    assert!(
        !contains(&finished.output, b"220"),
        "the FTP greeting came through: {finished}"
    );
    // tcpip-forward.
    let port = *wharf.ports().ports().start();
    let forward = format!("127.0.0.1:{port}:{target}");
    let words = ["-o", "ExitOnForwardFailure=yes", "-N", "-R", &forward];
    let finished = ssh(&login, &words, &[]);
    assert!(!finished.status.success(), "{finished}");
    assert!(
        TcpStream::connect(("127.0.0.1", port)).is_err(),
        "it listens"
    );
    Sftp::open(&login).stat("/").attributes();
}

#[test]
fn a6_only_the_accounts_own_keys_let_in() {
    let (wharf, login) = start();
    let mut stranger = login.clone();
    let key = login.folder.join("stranger");
    wharf_tests::ssh::make_key(&key, Kind::Ed25519);
    stranger.key = Some(key);
    refused(&stranger, "Permission denied");
    // A key of another account.
    let ann = wharf.add_account::<&str>("ann", &[]);
    let mut other = Ssh::by_key(&wharf, Kind::Ed25519);
    other.name.clone_from(&ann.name);
    refused(&other, "Permission denied");
    // And the password of another one, or none.
    for password in ["", "wrong", ann.password.as_str()] {
        let mut wrong = login.clone();
        password.clone_into(&mut wrong.password);
        refused(&wrong, "Permission denied");
    }
    let mut nobody = login;
    "nobody-at-all".clone_into(&mut nobody.name);
    refused(&nobody, "Permission denied");
}

#[track_caller]
fn refused(login: &Ssh, text: &str) {
    let finished = ssh(login, &["-s"], &["sftp"]);
    assert!(!finished.status.success(), "{finished}");
    assert!(contains(&finished.errors, text.as_bytes()), "{finished}");
    assert!(finished.output.is_empty(), "{finished}");
}

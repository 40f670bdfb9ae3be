//! rclone, by Go's SSH and `pkg/sftp`; a session for each act.
//!
//! It is left to find out by itself that there is no shell to ask for checksums.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use wharf_tests::program::Program;
use wharf_tests::ssh::Ssh;

use super::client::{Act, Client, Verb};
use super::openssh::said;

pub(crate) struct Rclone;

/// rclone with a remote `wharf:`.
pub(crate) fn rclone(ssh: &Ssh) -> Program {
    let obscured = ssh
        .program("rclone", "rclone")
        .args(["obscure", &ssh.password])
        .run()
        .well()
        .unwrap_or_else(|problem| panic!("{problem}"));
    let obscured = String::from_utf8(obscured.output).expect("plain text");
    let program = ssh
        .program("rclone", "rclone")
        .env("RCLONE_CONFIG", "/dev/null")
        .env("RCLONE_CONFIG_WHARF_TYPE", "sftp")
        .env("RCLONE_CONFIG_WHARF_HOST", "127.0.0.1")
        .env("RCLONE_CONFIG_WHARF_PORT", ssh.port.to_string())
        .env("RCLONE_CONFIG_WHARF_USER", &ssh.name)
        .env("RCLONE_CONFIG_WHARF_KNOWN_HOSTS_FILE", ssh.known_hosts())
        .env("RCLONE_CONFIG_WHARF_ENCODING", ENCODING)
        .env("RCLONE_LOCAL_ENCODING", ENCODING)
        .args(["--retries", "1", "--low-level-retries", "1"])
        .args(["--contimeout", "20s", "--timeout", "30s"]);
    match &ssh.key {
        Some(key) => program.env("RCLONE_CONFIG_WHARF_KEY_FILE", key),
        None => program.env("RCLONE_CONFIG_WHARF_PASS", obscured.trim()),
    }
}

const ENCODING: &str = "Slash,Dot,InvalidUtf8";

impl Client for Rclone {
    fn name(&self) -> &'static str {
        "rclone"
    }

    fn without(&self) -> &'static [(Verb, &'static str)] {
        &[
            (Verb::PutRest, "it starts every upload from the beginning"),
            (Verb::GetKept, "it keeps times, but no modes"),
            (Verb::Mode, "it sets no modes"),
            (Verb::Link, "it makes no links"),
        ]
    }

    // Its names are text.
    fn can_say(&self, name: &[u8]) -> bool {
        std::str::from_utf8(name).is_ok()
    }

    fn act(&self, ssh: &Ssh, acts: &[Act]) -> Vec<u8> {
        let mut all = Vec::new();
        for act in acts {
            let program = match act {
                Act::GetRest(name, local) => {
                    all.extend_from_slice(&rest(ssh, name, local));
                    continue;
                }
                Act::List(name) => rclone(ssh)
                    .args(["lsf", "--max-depth", "1"])
                    .arg(remote(name)),
                Act::Get(name, local) => rclone(ssh).arg("copyto").arg(remote(name)).arg(local),
                Act::Put(local, name) | Act::PutKept(local, name) => {
                    rclone(ssh).arg("copyto").arg(local).arg(remote(name))
                }
                Act::Rename(from, to) | Act::Replace(from, to) => {
                    rclone(ssh).arg("moveto").arg(remote(from)).arg(remote(to))
                }
                Act::Remove(name) => rclone(ssh).arg("deletefile").arg(remote(name)),
                Act::MakeFolder(name) => rclone(ssh).arg("mkdir").arg(remote(name)),
                Act::RemoveFolder(name) => rclone(ssh).arg("rmdir").arg(remote(name)),
                Act::Time(name, _) => rclone(ssh)
                    .args(["touch", "--no-create", "--timestamp", "2019-02-03T00:00:00"])
                    .arg(remote(name)),
                other => unreachable!("{other:?}: it has no such command"),
            };
            all.extend_from_slice(&said(&program.run()));
        }
        all
    }
}

// It keeps no partial files, but reads from an offset.
fn rest(ssh: &Ssh, name: &[u8], local: &std::path::Path) -> Vec<u8> {
    let mut content = std::fs::read(local).expect("the local piece");
    let offset = content.len().to_string();
    let program = rclone(ssh).args(["cat", "--offset", &offset]);
    let finished = program.arg(remote(name)).run();
    content.extend_from_slice(&finished.output);
    std::fs::write(local, content).expect("a local file");
    finished.errors
}

fn remote(name: &[u8]) -> OsString {
    OsString::from_vec([OsStr::new("wharf:").as_bytes(), name].concat())
}

//! PuTTY's `psftp`.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use wharf_tests::ssh::{Kind, Ssh};

use super::client::{Act, Client, Verb};
use super::openssh::said;

pub(crate) struct Psftp;

impl Psftp {
    /// Runs a batch in one session, to its end whatever fails.
    pub(crate) fn batch(ssh: &Ssh, batch: &[u8]) -> Vec<u8> {
        let script = ssh.folder.join("psftp.batch");
        fs::write(&script, batch).expect("a batch");
        let mut program = ssh
            // It ends without writing out what it still holds.
            .program("stdbuf", "coreutils")
            .args(["-oL", "psftp"])
            .args(["-P", &ssh.port.to_string(), "-l", &ssh.name])
            .args(["-batch", "-no-sanitise-stderr", "-be", "-b"])
            .arg(&script);
        for kind in [Kind::Ed25519, Kind::Ecdsa] {
            program = program.args(["-hostkey", &ssh.fingerprint(kind)]);
        }
        program = match &ssh.key {
            Some(key) => program.arg("-i").arg(own_form(ssh, key)),
            None => program.args(["-pw", &ssh.password]),
        };
        said(&program.arg("127.0.0.1").run())
    }
}

/// The key as PuTTY keeps keys.
pub(crate) fn own_form(ssh: &Ssh, key: &Path) -> PathBuf {
    let own = key.with_extension("ppk");
    let finished = ssh
        .program("puttygen", "putty-tools")
        .arg(key)
        .args(["-O", "private", "-o"])
        .arg(&own)
        .run();
    if let Err(problem) = finished.well() {
        panic!("{problem}");
    }
    own
}

impl Client for Psftp {
    fn name(&self) -> &'static str {
        "psftp"
    }

    fn without(&self) -> &'static [(Verb, &'static str)] {
        &[
            (Verb::GetKept, "it keeps no times"),
            (Verb::PutKept, "it keeps no times"),
            (Verb::Time, "it sets no times"),
            (
                Verb::Replace,
                "it knows RENAME only, which replaces nothing",
            ),
            (Verb::Link, "it makes no links"),
        ]
    }

    // It looks for patterns in what it uploads and deletes, and its way to say a backslash is not
    // the same in each place.
    fn can_say(&self, name: &[u8]) -> bool {
        !name.iter().any(|byte| b"*?[\\".contains(byte))
    }

    fn act(&self, ssh: &Ssh, acts: &[Act]) -> Vec<u8> {
        let mut batch = Vec::new();
        for act in acts {
            batch.extend_from_slice(&command(act));
            batch.push(b'\n');
        }
        Self::batch(ssh, &batch)
    }
}

fn command(act: &Act) -> Vec<u8> {
    match act {
        Act::List(name) => line("ls", &[&quoted(name)]),
        Act::Get(name, local) => line("get --", &[&quoted(name), &path(local)]),
        Act::GetRest(name, local) => line("reget --", &[&quoted(name), &path(local)]),
        Act::Put(local, name) => line("put --", &[&path(local), &quoted(name)]),
        Act::PutRest(local, name) => line("reput --", &[&path(local), &quoted(name)]),
        Act::Rename(from, to) => line("mv", &[&quoted(from), &quoted(to)]),
        Act::Remove(name) => line("del", &[&quoted(name)]),
        Act::MakeFolder(name) => line("mkdir", &[&quoted(name)]),
        Act::RemoveFolder(name) => line("rmdir", &[&quoted(name)]),
        Act::Mode(name, mode) => line(&format!("chmod {mode:o}"), &[&quoted(name)]),
        other => unreachable!("{other:?}: it has no such command"),
    }
}

fn line(command: &str, words: &[&[u8]]) -> Vec<u8> {
    let mut line = command.as_bytes().to_vec();
    for word in words {
        line.push(b' ');
        line.extend_from_slice(word);
    }
    line
}

fn quoted(name: &[u8]) -> Vec<u8> {
    let mut out = vec![b'"'];
    for &byte in name {
        if byte == b'"' {
            out.push(b'"');
        }
        out.push(byte);
    }
    out.push(b'"');
    out
}

fn path(path: &Path) -> Vec<u8> {
    quoted(path.as_os_str().as_bytes())
}

//! lftp, which drives OpenSSH's `ssh` and speaks SFTP itself.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use wharf_tests::program::Finished;
use wharf_tests::ssh::Ssh;

use super::client::{Act, Client, Verb};
use super::openssh::said;

pub(crate) struct Lftp;

impl Lftp {
    /// Runs commands in one session, to their end whatever fails.
    pub(crate) fn commands(ssh: &Ssh, commands: &[u8]) -> Finished {
        let connect = format!("ssh -a -x {}", ssh.options().join(" "));
        let mut script = format!(
            "set sftp:connect-program \"{connect}\"; set net:max-retries 1; set net:timeout 20; \
             set net:persist-retries 0; set cmd:fail-exit no; set xfer:clobber yes; \
             set sftp:charset UTF-8; set file:charset UTF-8; set xfer:log no; \
             open -u {},{} sftp://127.0.0.1:{}\n",
            ssh.name, ssh.password, ssh.port
        )
        .into_bytes();
        script.extend_from_slice(commands);
        ssh.program("lftp", "lftp")
            // It answers at the terminal that it makes for `ssh`.
            .without("SSH_ASKPASS_REQUIRE")
            .args(["--norc", "-c"])
            .arg(OsStr::from_bytes(&script))
            .run()
    }
}

impl Client for Lftp {
    fn name(&self) -> &'static str {
        "lftp"
    }

    fn without(&self) -> &'static [(Verb, &'static str)] {
        &[
            (Verb::GetKept, "`get` keeps the time, but not the mode"),
            (Verb::Time, "it sets times in `mirror` only"),
            (Verb::PutKept, "it keeps times in `mirror` only"),
            (
                Verb::Replace,
                "it knows RENAME only, which replaces nothing",
            ),
        ]
    }

    fn act(&self, ssh: &Ssh, acts: &[Act]) -> Vec<u8> {
        let mut commands = Vec::new();
        for act in acts {
            commands.extend_from_slice(&command(act));
            commands.push(b'\n');
        }
        said(&Self::commands(ssh, &commands))
    }
}

fn command(act: &Act) -> Vec<u8> {
    match act {
        Act::List(name) => line("cls -1 -a", &[&quoted(&[name, b"/".as_slice()].concat())]),
        Act::Get(name, local) => line("get", &[&quoted(name), b"-o", &path(local)]),
        Act::GetRest(name, local) => line("get -c", &[&quoted(name), b"-o", &path(local)]),
        Act::Put(local, name) => line("put", &[&path(local), b"-o", &quoted(name)]),
        Act::PutRest(local, name) => line("put -c", &[&path(local), b"-o", &quoted(name)]),
        Act::Rename(from, to) => line("mv", &[&quoted(from), &quoted(to)]),
        Act::Remove(name) => line("rm", &[&quoted(name)]),
        Act::MakeFolder(name) => line("mkdir", &[&quoted(name)]),
        Act::RemoveFolder(name) => line("rmdir", &[&quoted(name)]),
        Act::Mode(name, mode) => line(&format!("chmod {mode:o}"), &[&quoted(name)]),
        Act::Link(says, name) => line("ln -s", &[&quoted(says), &quoted(name)]),
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

pub(crate) fn quoted(name: &[u8]) -> Vec<u8> {
    let mut out = vec![b'"'];
    // Else it is an option.
    if name.starts_with(b"-") {
        out.extend_from_slice(b"./");
    }
    for &byte in name {
        if b"\"\\".contains(&byte) {
            out.push(b'\\');
        }
        out.push(byte);
    }
    out.push(b'"');
    out
}

pub(crate) fn path(path: &Path) -> Vec<u8> {
    quoted(path.as_os_str().as_bytes())
}

//! curl, by libssh2: all acts in one run over one connection.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use wharf_tests::program::Program;
use wharf_tests::ssh::Ssh;

use super::client::{Act, Client, Verb};
use super::openssh::said;

pub(crate) struct Curl;

impl Client for Curl {
    fn name(&self) -> &'static str {
        "curl"
    }

    fn without(&self) -> &'static [(Verb, &'static str)] {
        &[
            (Verb::PutKept, "it keeps no times of what it uploads"),
            (Verb::GetKept, "it keeps times, but no modes"),
            (
                Verb::Replace,
                "libssh2 asks for it in a way that SFTP 3 does not have",
            ),
        ]
    }

    fn act(&self, ssh: &Ssh, acts: &[Act]) -> Vec<u8> {
        let mut program = ssh.program("curl", "curl").arg("--disable");
        for (index, act) in acts.iter().enumerate() {
            if index > 0 {
                program = program.arg("--next");
            }
            program = one(login(program, ssh), ssh, act);
        }
        said(&program.run())
    }
}

fn login(program: Program, ssh: &Ssh) -> Program {
    let program = program.args(["--silent", "--show-error", "--max-time", "60"]);
    let user = format!("{}:{}", ssh.name, ssh.password);
    let program = program.args(["--user", &user]);
    match &ssh.key {
        Some(key) => program.arg("--key").arg(key),
        None => program,
    }
}

fn one(program: Program, ssh: &Ssh, act: &Act) -> Program {
    let url = |name: &[u8]| url(ssh, name);
    match act {
        Act::List(name) => program
            .arg("--list-only")
            .arg(url(&[name, b"/".as_slice()].concat())),
        Act::Get(name, local) => program.arg("--output").arg(local).arg(url(name)),
        Act::GetRest(name, local) => program
            .args(["--continue-at", "-", "--output"])
            .arg(local)
            .arg(url(name)),
        Act::Put(local, name) => program.arg("--upload-file").arg(local).arg(url(name)),
        Act::PutRest(local, name) => program
            .args(["--continue-at", "-", "--upload-file"])
            .arg(local)
            .arg(url(name)),
        Act::Rename(from, to) => quote(program, ssh, "rename", &[from, to]),
        Act::Remove(name) => quote(program, ssh, "rm", &[name]),
        Act::MakeFolder(name) => quote(program, ssh, "mkdir", &[name]),
        Act::RemoveFolder(name) => quote(program, ssh, "rmdir", &[name]),
        Act::Mode(name, mode) => quote(program, ssh, &format!("chmod {mode:o}"), &[name]),
        Act::Time(name, _) => quote(
            program,
            ssh,
            "mtime \"Sun, 03 Feb 2019 00:00:00 GMT\"",
            &[name],
        ),
        Act::Link(says, name) => quote(program, ssh, "symlink", &[says, name]),
        other => unreachable!("{other:?}: it has no such command"),
    }
}

/// A command before a listing of a small folder, which curl must be asked for.
fn quote(program: Program, ssh: &Ssh, command: &str, names: &[&[u8]]) -> Program {
    let mut line = command.as_bytes().to_vec();
    for name in names {
        line.extend_from_slice(b" \"");
        for &byte in *name {
            if b"\"\\".contains(&byte) {
                line.push(b'\\');
            }
            line.push(byte);
        }
        line.push(b'"');
    }
    program
        .arg("--quote")
        .arg(OsString::from_vec(line))
        .arg("--list-only")
        .arg(url(ssh, b"to list/"))
}

/// With everything but letters, digits and `/.-_` escaped. `/` is the login folder here.
fn url(ssh: &Ssh, name: &[u8]) -> String {
    let mut url = format!("sftp://127.0.0.1:{}/", ssh.port);
    for &byte in name {
        if byte.is_ascii_alphanumeric() || b"/.-_".contains(&byte) {
            url.push(char::from(byte));
        } else {
            url.push_str(&format!("%{byte:02X}"));
        }
    }
    url
}

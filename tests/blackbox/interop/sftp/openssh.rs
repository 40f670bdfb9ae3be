//! OpenSSH's `sftp` and `scp`.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use wharf_tests::program::Finished;
use wharf_tests::ssh::Ssh;

use super::client::{Act, Client, Verb};

pub(crate) struct Sftp;

/// `scp`, a session for each act.
pub(crate) struct Scp {
    /// The old protocol (`-O`) instead of SFTP.
    pub(crate) old: bool,
}

impl Sftp {
    /// Runs a batch in one session; a line that begins with `-` may fail.
    pub(crate) fn batch(ssh: &Ssh, options: &[&str], batch: Vec<u8>) -> Finished {
        ssh.program("sftp", "openssh-client")
            .args(ssh.options())
            .args(options)
            .args(["-P", &ssh.port.to_string(), "-b", "-", &ssh.host()])
            .input(batch)
            .run()
    }
}

impl Client for Sftp {
    fn name(&self) -> &'static str {
        "sftp"
    }

    fn without(&self) -> &'static [(Verb, &'static str)] {
        &[(Verb::Time, "it sets times with `put -p` only")]
    }

    fn act(&self, ssh: &Ssh, acts: &[Act]) -> Vec<u8> {
        let mut batch = Vec::new();
        for act in acts {
            batch.push(b'-');
            batch.extend_from_slice(&command(act));
            batch.push(b'\n');
        }
        said(&Self::batch(ssh, &[], batch))
    }
}

impl Scp {
    pub(crate) fn run(&self, ssh: &Ssh, options: &[&str], words: &[Vec<u8>]) -> Finished {
        ssh.program("scp", "openssh-client")
            .args(ssh.options())
            .args([
                "-P",
                &ssh.port.to_string(),
                if self.old { "-O" } else { "-s" },
            ])
            .args(options)
            .arg("--")
            .args(words.iter().map(|word| OsStr::from_bytes(word)))
            .run()
    }

    /// `HOST:name`. By SFTP patterns are looked for in what is downloaded; by the old protocol a
    /// shell is expected to, in whatever it is told.
    pub(crate) fn remote(&self, ssh: &Ssh, name: &[u8], is_source: bool) -> Vec<u8> {
        let special: &[u8] = if !self.old && !is_source {
            b""
        } else if self.old {
            b"*?[]\\ \"'$;#&|<>()`~!{}"
        } else {
            b"*?[\\"
        };
        let mut out = format!("{}:", ssh.host()).into_bytes();
        // What begins with a dash would be an option of the server's.
        if name.starts_with(b"-") {
            out.extend_from_slice(b"./");
        }
        for &byte in name {
            if special.contains(&byte) {
                out.push(b'\\');
            }
            out.push(byte);
        }
        out
    }
}

/// The old protocol is off unless the account has it.
pub(crate) const OLD_SCP: &[&str] = &["--scp", "yes"];

impl Client for Scp {
    fn name(&self) -> &'static str {
        if self.old { "scp -O" } else { "scp" }
    }

    fn permission(&self) -> &'static [&'static str] {
        if self.old { OLD_SCP } else { &[] }
    }

    fn without(&self) -> &'static [(Verb, &'static str)] {
        const COPIES: &str = "it copies files, and nothing else";
        &[
            (Verb::List, COPIES),
            (Verb::GetRest, COPIES),
            (Verb::PutRest, COPIES),
            (Verb::Rename, COPIES),
            (Verb::Replace, COPIES),
            (Verb::Remove, COPIES),
            (Verb::MakeFolder, COPIES),
            (Verb::RemoveFolder, COPIES),
            (Verb::Mode, "with `-p` only"),
            (Verb::Time, "with `-p` only"),
            (Verb::Link, COPIES),
        ]
    }

    fn act(&self, ssh: &Ssh, acts: &[Act]) -> Vec<u8> {
        let mut all = Vec::new();
        for act in acts {
            let path = |path: &Path| path.as_os_str().as_bytes().to_vec();
            let (options, words): (&[&str], _) = match act {
                Act::Get(name, local) => (&[], [self.remote(ssh, name, true), path(local)]),
                Act::GetKept(name, local) => (&["-p"], [self.remote(ssh, name, true), path(local)]),
                Act::Put(local, name) => (&[], [path(local), self.remote(ssh, name, false)]),
                Act::PutKept(local, name) => {
                    (&["-p"], [path(local), self.remote(ssh, name, false)])
                }
                other => unreachable!("{other:?}: it has no such command"),
            };
            let finished = self.run(ssh, options, &words);
            if !finished.status.success() {
                all.extend_from_slice(finished.to_string().as_bytes());
            }
        }
        all
    }
}

fn command(act: &Act) -> Vec<u8> {
    match act {
        Act::List(name) => line("ls -1a", &[&quoted(name)]),
        Act::Get(name, local) => line("get", &[&quoted(name), &path(local)]),
        Act::GetRest(name, local) => line("reget", &[&quoted(name), &path(local)]),
        Act::GetKept(name, local) => line("get -p", &[&quoted(name), &path(local)]),
        Act::Put(local, name) => line("put", &[&path(local), &quoted(name)]),
        Act::PutRest(local, name) => line("reput", &[&path(local), &quoted(name)]),
        Act::PutKept(local, name) => line("put -p", &[&path(local), &quoted(name)]),
        Act::Rename(from, to) => line("rename -l", &[&quoted(from), &quoted(to)]),
        Act::Replace(from, to) => line("rename", &[&quoted(from), &quoted(to)]),
        Act::Remove(name) => line("rm", &[&quoted(name)]),
        Act::MakeFolder(name) => line("mkdir", &[&quoted(name)]),
        Act::RemoveFolder(name) => line("rmdir", &[&quoted(name)]),
        Act::Mode(name, mode) => line("chmod", &[format!("{mode:o}").as_bytes(), &quoted(name)]),
        Act::Time(..) => unreachable!("it has no such command"),
        Act::Link(says, name) => line("ln -s", &[&quoted(says), &quoted(name)]),
    }
}

fn line(command: &str, words: &[&[u8]]) -> Vec<u8> {
    // Names may begin with a dash.
    let mut line = format!("{command} --").into_bytes();
    for word in words {
        line.push(b' ');
        line.extend_from_slice(word);
    }
    line
}

/// A name: between quotation marks nothing is taken for a pattern.
fn quoted(name: &[u8]) -> Vec<u8> {
    let mut out = vec![b'"'];
    for &byte in name {
        if b"\"\\".contains(&byte) {
            out.push(b'\\');
        }
        out.push(byte);
    }
    out.push(b'"');
    out
}

fn path(path: &Path) -> Vec<u8> {
    quoted(path.as_os_str().as_bytes())
}

/// Both streams.
pub(crate) fn said(finished: &Finished) -> Vec<u8> {
    [finished.output.as_slice(), &finished.errors].concat()
}

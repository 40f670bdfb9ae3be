//! paramiko, asyncssh, Node.js's ssh2 and FileZilla's fzsftp, by a small script each that reads
//! the acts.

use std::os::unix::ffi::OsStrExt;

use wharf_tests::ssh::Ssh;

use super::super::basic_ftp::library;
use super::client::{Act, Client, Verb};
use super::openssh::said;

pub(crate) struct Script {
    name: &'static str,
    without: &'static [(Verb, &'static str)],
    /// Names that are not UTF-8 as well.
    says_bytes: bool,
    how: How,
}

enum How {
    Python(&'static str, &'static str),
    Node(&'static str, &'static str),
}

pub(crate) const PARAMIKO: Script = Script {
    name: "paramiko",
    without: &[],
    says_bytes: true,
    how: How::Python("python3-paramiko", include_str!("paramiko.py")),
};

pub(crate) const ASYNCSSH: Script = Script {
    name: "asyncssh",
    without: &[],
    says_bytes: true,
    how: How::Python("python3-asyncssh", include_str!("asyncssh.py")),
};

pub(crate) const SSH2: Script = Script {
    name: "ssh2",
    without: &[],
    says_bytes: false,
    how: How::Node("ssh2", include_str!("ssh2/client.js")),
};

/// Its data go through FileZilla's own memory.
pub(crate) const FZSFTP: Script = Script {
    name: "fzsftp",
    without: &[
        (Verb::Get, "FileZilla does"),
        (Verb::GetRest, "FileZilla does"),
        (Verb::GetKept, "FileZilla does"),
        (Verb::Put, "FileZilla does"),
        (Verb::PutRest, "FileZilla does"),
        (Verb::PutKept, "FileZilla does"),
        (Verb::Replace, "FileZilla removes what is there first"),
        (Verb::Link, "it makes no links"),
    ],
    says_bytes: false,
    how: How::Python("filezilla", include_str!("fzsftp.py")),
};

impl Client for Script {
    fn name(&self) -> &'static str {
        self.name
    }

    fn without(&self) -> &'static [(Verb, &'static str)] {
        self.without
    }

    fn can_say(&self, name: &[u8]) -> bool {
        self.says_bytes || std::str::from_utf8(name).is_ok()
    }

    fn act(&self, ssh: &Ssh, acts: &[Act]) -> Vec<u8> {
        let program = match self.how {
            // Debian's own, which alone sees what Debian's packages bring.
            How::Python(package, source) => ssh
                .program("/usr/bin/python3", package)
                .args(["-c", source]),
            How::Node(name, source) => ssh
                .program("node", "nodejs")
                .args(["-e", source, "--"])
                .arg(library(name)),
        };
        let key = ssh.key.as_ref().map_or_else(Default::default, Clone::clone);
        let program = program
            .args([&ssh.port.to_string(), &ssh.name, &ssh.password])
            .arg(key)
            .arg(ssh.known_hosts());
        let lines: String = acts.iter().map(line).collect();
        said(&program.input(lines).run())
    }
}

/// The verb, and each word in hexadecimal.
fn line(act: &Act) -> String {
    let path = |path: &std::path::Path| hex(path.as_os_str().as_bytes());
    let (verb, first, second) = match act {
        Act::List(name) => ("list", hex(name), None),
        Act::Get(name, local) => ("get", hex(name), Some(path(local))),
        Act::GetRest(name, local) => ("get-rest", hex(name), Some(path(local))),
        Act::GetKept(name, local) => ("get-kept", hex(name), Some(path(local))),
        Act::Put(local, name) => ("put", path(local), Some(hex(name))),
        Act::PutRest(local, name) => ("put-rest", path(local), Some(hex(name))),
        Act::PutKept(local, name) => ("put-kept", path(local), Some(hex(name))),
        Act::Rename(from, to) => ("rename", hex(from), Some(hex(to))),
        Act::Replace(from, to) => ("replace", hex(from), Some(hex(to))),
        Act::Remove(name) => ("remove", hex(name), None),
        Act::MakeFolder(name) => ("make-folder", hex(name), None),
        Act::RemoveFolder(name) => ("remove-folder", hex(name), None),
        Act::Mode(name, mode) => ("mode", hex(name), Some(hex(mode.to_string().as_bytes()))),
        Act::Time(name, time) => ("time", hex(name), Some(hex(time.to_string().as_bytes()))),
        Act::Link(says, name) => ("link", hex(says), Some(hex(name))),
    };
    match second {
        Some(second) => format!("{verb} {first} {second}\n"),
        None => format!("{verb} {first}\n"),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

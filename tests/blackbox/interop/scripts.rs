//! Python's ftplib and Perl's Net::FTP, by a small script each that takes the same words.

use std::path::Path;

use super::client::{Client, Outcome, Target, text};

pub(crate) struct Script {
    name: &'static str,
    program: &'static str,
    package: &'static str,
    option: &'static str,
    source: &'static str,
}

pub(crate) const PYTHON: Script = Script {
    name: "Python's ftplib",
    program: "python3",
    package: "python3",
    option: "-c",
    source: include_str!("ftplib.py"),
};

pub(crate) const PERL: Script = Script {
    name: "Perl's Net::FTP",
    program: "perl",
    package: "perl",
    option: "-e",
    source: include_str!("net_ftp.pl"),
};

/// Without what makes its passive data connections resume.
pub(crate) const PERL_AS_IT_IS: Script = Script {
    source: concat!("our $as_it_is = 1;\n", include_str!("net_ftp.pl")),
    ..PERL
};

impl Script {
    pub(crate) fn run(&self, target: &Target, words: &[&str]) -> Result<String, String> {
        let mode = if target.mode.is_passive() {
            "passive"
        } else {
            "active"
        };
        let finished = target
            .program(self.program, self.package)
            .args([self.option, self.source, mode])
            .args(target.tls_words())
            .args([&target.port.to_string(), &target.name, &target.password])
            .args(words)
            .env("FTP_HOST", &target.host)
            .run()
            // The command line holds the whole script: what it said is enough.
            .well()
            .map_err(|said| {
                said.split_once("\n  | ")
                    .map_or_else(|| said.clone(), |(_, rest)| rest.to_owned())
            })?;
        String::from_utf8(finished.output).map_err(|error| error.to_string())
    }
}

impl Client for Script {
    fn name(&self) -> &'static str {
        self.name
    }

    fn list(&self, target: &Target, folder: &str) -> Result<String, String> {
        self.run(target, &["list", folder])
    }

    fn download(&self, target: &Target, remote: &str, local: &Path) -> Outcome {
        self.run(target, &["get", remote, &text(local)]).map(drop)
    }

    fn resume_download(&self, target: &Target, remote: &str, local: &Path) -> Outcome {
        self.run(target, &["reget", remote, &text(local)]).map(drop)
    }

    fn upload(&self, target: &Target, local: &Path, remote: &str) -> Outcome {
        self.run(target, &["put", &text(local), remote]).map(drop)
    }

    fn resume_upload(&self, target: &Target, local: &Path, remote: &str) -> Outcome {
        self.run(target, &["reput", &text(local), remote]).map(drop)
    }

    fn rename(&self, target: &Target, from: &str, to: &str) -> Outcome {
        self.run(target, &["rename", from, to]).map(drop)
    }

    fn delete(&self, target: &Target, remote: &str) -> Outcome {
        self.run(target, &["delete", remote]).map(drop)
    }

    fn make_folder(&self, target: &Target, remote: &str) -> Outcome {
        self.run(target, &["mkdir", remote]).map(drop)
    }

    fn remove_folder(&self, target: &Target, remote: &str) -> Outcome {
        self.run(target, &["rmdir", remote]).map(drop)
    }
}

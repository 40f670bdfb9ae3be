//! basic-ftp, the FTP client that most programs for Node.js use. It makes passive data
//! connections only.

use std::path::{Path, PathBuf};

use super::client::{Client, Outcome, Target, text};

pub(crate) struct BasicFtp;

/// A package of Node.js where `cargo xtask setup` installs it: `clients` in the target folder.
pub(crate) fn library(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("the path of this test");
    let target = test.ancestors().nth(3).expect("a target folder");
    let library = target
        .join("clients")
        .join(name)
        .join("node_modules")
        .join(name);
    assert!(
        library.is_dir(),
        "{name} is missing at {}\nhint: run `cargo xtask setup`",
        library.display()
    );
    library
}

impl BasicFtp {
    pub(crate) fn run(&self, target: &Target, words: &[&str]) -> Result<String, String> {
        let finished = target
            .program("node", "nodejs")
            .arg("-e")
            .arg(include_str!("basic_ftp/client.js"))
            .arg("--")
            .arg(library("basic-ftp"))
            .args(target.tls_words())
            .args([&target.port.to_string(), &target.name, &target.password])
            .args(words)
            .run()
            .well()
            // The command line holds the whole script: what it said is enough.
            .map_err(|said| {
                said.split_once("\n  | ")
                    .map_or_else(|| said.clone(), |(_, rest)| rest.to_owned())
            })?;
        String::from_utf8(finished.output).map_err(|error| error.to_string())
    }
}

impl Client for BasicFtp {
    fn name(&self) -> &'static str {
        "basic-ftp"
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

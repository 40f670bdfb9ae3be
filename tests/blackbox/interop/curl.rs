//! curl.

use std::path::Path;

use wharf_tests::program::Program;

use super::client::{Client, Mode, Outcome, Target, Version, text};

pub(crate) struct Curl;

impl Curl {
    pub(crate) fn program(target: &Target) -> Program {
        let mode: &[&str] = match target.mode {
            Mode::ExtendedPassive => &[],
            Mode::Passive => &["--disable-epsv"],
            Mode::ExtendedActive => &["--ftp-port", "-"],
            Mode::Active => &["--ftp-port", "-", "--disable-eprt"],
        };
        target
            .program("curl", "curl")
            .args([
                "--disable",
                "--silent",
                "--show-error",
                "--verbose",
                "--max-time",
                "60",
            ])
            .args(["--user", &format!("{}:{}", target.name, target.password)])
            .args(mode)
            .args(tls(target))
    }

    fn quote(target: &Target, commands: &[String]) -> Outcome {
        let quoted = commands.iter().flat_map(|command| ["--quote", command]);
        let program = Self::program(target)
            .args(quoted)
            .arg("--list-only")
            .arg(target.url(""));
        program.run().well().map(drop)
    }
}

fn tls(target: &Target) -> Vec<String> {
    let Some(tls) = target.tls else {
        return Vec::new();
    };
    let version: &[&str] = match tls.version {
        Version::V12 => &["--tlsv1.2", "--tls-max", "1.2"],
        Version::V12SessionIds => unreachable!("curl always takes tickets"),
        Version::V13 => &["--tlsv1.3"],
    };
    let mut words = vec![
        "--ssl-reqd".to_owned(),
        "--cacert".to_owned(),
        text(&target.certificate),
    ];
    words.extend(version.iter().map(|&word| word.to_owned()));
    words
}

impl Client for Curl {
    fn name(&self) -> &'static str {
        "curl"
    }

    fn list(&self, target: &Target, folder: &str) -> Result<String, String> {
        let long = Self::program(target)
            .arg(target.url(&format!("{folder}/")))
            .run()
            .well()?;
        let short = Self::program(target)
            .arg("--list-only")
            .arg(target.url(&format!("{folder}/")))
            .run();
        let short = short.well()?;
        let (long, short) = (text_of(&long.output)?, text_of(&short.output)?);
        let missing = short.lines().find(|name| !long.contains(name));
        match missing {
            None => Ok(short),
            Some(name) => Err(format!("{name} is not in LIST:\n{long}")),
        }
    }

    fn download(&self, target: &Target, remote: &str, local: &Path) -> Outcome {
        let program = Self::program(target).args(["--output", &text(local)]);
        program.arg(target.url(remote)).run().well().map(drop)
    }

    fn resume_download(&self, target: &Target, remote: &str, local: &Path) -> Outcome {
        let program = Self::program(target).args(["--continue-at", "-", "--output", &text(local)]);
        program.arg(target.url(remote)).run().well().map(drop)
    }

    fn upload(&self, target: &Target, local: &Path, remote: &str) -> Outcome {
        let program = Self::program(target).args(["--upload-file", &text(local)]);
        program.arg(target.url(remote)).run().well().map(drop)
    }

    fn resume_upload(&self, target: &Target, local: &Path, remote: &str) -> Outcome {
        let program =
            Self::program(target).args(["--continue-at", "-", "--upload-file", &text(local)]);
        program.arg(target.url(remote)).run().well().map(drop)
    }

    fn rename(&self, target: &Target, from: &str, to: &str) -> Outcome {
        Self::quote(target, &[format!("RNFR {from}"), format!("RNTO {to}")])
    }

    fn delete(&self, target: &Target, remote: &str) -> Outcome {
        Self::quote(target, &[format!("DELE {remote}")])
    }

    fn make_folder(&self, target: &Target, remote: &str) -> Outcome {
        Self::quote(target, &[format!("MKD {remote}")])
    }

    fn remove_folder(&self, target: &Target, remote: &str) -> Outcome {
        Self::quote(target, &[format!("RMD {remote}")])
    }
}

fn text_of(bytes: &[u8]) -> Result<String, String> {
    String::from_utf8(bytes.to_vec()).map_err(|error| error.to_string())
}

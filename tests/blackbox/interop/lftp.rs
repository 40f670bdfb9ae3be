//! lftp.

use std::path::Path;

use wharf_tests::program::Finished;

use super::client::{Client, Mode, Outcome, Target, Version, text};

pub(crate) struct Lftp;

/// Runs lftp commands after the login; the first that fails ends it. The whole dialogue is in
/// its failure.
fn lftp(target: &Target, commands: &str) -> Result<Finished, String> {
    run(target, &["-d"], commands)
}

/// Runs lftp commands after the login.
pub(crate) fn run(target: &Target, options: &[&str], commands: &str) -> Result<Finished, String> {
    let passive = if target.mode.is_passive() {
        "on"
    } else {
        "off"
    };
    let extended = if target.mode == Mode::ExtendedPassive {
        "on"
    } else {
        "off"
    };
    let scheme = if target.is_implicit() { "ftps" } else { "ftp" };
    let script = format!(
        "{}; set net:max-retries 1; set net:timeout 20; \
         set net:persist-retries 0; set cmd:fail-exit yes; set xfer:clobber yes; \
         set ftp:charset UTF-8; set file:charset UTF-8; set xfer:log no; \
         set ftp:passive-mode {passive}; set ftp:prefer-epsv {extended}; \
         open -u {},{} {scheme}://{}:{}; {commands}",
        tls(target),
        target.name,
        target.password,
        target.host,
        target.port
    );
    let program = target.program("lftp", "lftp").arg("--norc").args(options);
    let program = program.args(["-c", &script]);
    program.run().well()
}

fn tls(target: &Target) -> String {
    let Some(tls) = target.tls else {
        return "set ftp:ssl-allow no".to_owned();
    };
    format!(
        "set ftp:ssl-force yes; set ftp:ssl-protect-data yes; set ssl:verify-certificate yes; \
         set ssl:ca-file {}; set ssl:priority NORMAL:-VERS-ALL:+VERS-TLS{}{}",
        quoted(&text(&target.certificate)),
        tls.version.number(),
        if tls.version == Version::V12SessionIds {
            ":%NO_TICKETS"
        } else {
            ""
        }
    )
}

pub(crate) fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

impl Client for Lftp {
    fn name(&self) -> &'static str {
        "lftp"
    }

    fn list(&self, target: &Target, folder: &str) -> Result<String, String> {
        let finished = lftp(target, &format!("cls -1 -a {0}/; ls {0}", quoted(folder)))?;
        String::from_utf8(finished.output).map_err(|error| error.to_string())
    }

    fn download(&self, target: &Target, remote: &str, local: &Path) -> Outcome {
        lftp(
            target,
            &format!("get {} -o {}", quoted(remote), quoted(&text(local))),
        )
        .map(drop)
    }

    fn resume_download(&self, target: &Target, remote: &str, local: &Path) -> Outcome {
        lftp(
            target,
            &format!("get -c {} -o {}", quoted(remote), quoted(&text(local))),
        )
        .map(drop)
    }

    fn upload(&self, target: &Target, local: &Path, remote: &str) -> Outcome {
        lftp(
            target,
            &format!("put {} -o {}", quoted(&text(local)), quoted(remote)),
        )
        .map(drop)
    }

    fn resume_upload(&self, target: &Target, local: &Path, remote: &str) -> Outcome {
        lftp(
            target,
            &format!("put -c {} -o {}", quoted(&text(local)), quoted(remote)),
        )
        .map(drop)
    }

    fn rename(&self, target: &Target, from: &str, to: &str) -> Outcome {
        lftp(target, &format!("mv {} {}", quoted(from), quoted(to))).map(drop)
    }

    fn delete(&self, target: &Target, remote: &str) -> Outcome {
        lftp(target, &format!("rm {}", quoted(remote))).map(drop)
    }

    fn make_folder(&self, target: &Target, remote: &str) -> Outcome {
        lftp(target, &format!("mkdir {}", quoted(remote))).map(drop)
    }

    fn remove_folder(&self, target: &Target, remote: &str) -> Outcome {
        lftp(target, &format!("rmdir {}", quoted(remote))).map(drop)
    }
}

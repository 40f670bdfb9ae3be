//! wget. It only fetches.

use std::path::Path;

use wharf_tests::program::Program;

use super::client::{Client, Outcome, Target, Verb, text};

pub(crate) struct Wget;

/// wget with the account.
pub(crate) fn wget(target: &Target) -> Program {
    let passive: &[&str] = if target.mode.is_passive() {
        &[]
    } else {
        &["--no-passive-ftp"]
    };
    target
        .program("wget", "wget")
        .args([
            "--no-config",
            "--no-verbose",
            "--server-response",
            "--tries=1",
            "--timeout=20",
        ])
        .args([format!("--ftp-user={}", target.name)])
        .args([format!("--ftp-password={}", target.password)])
        .args(passive)
}

const READS_ONLY: &str = "wget only fetches";

impl Client for Wget {
    fn name(&self) -> &'static str {
        "wget"
    }

    fn without(&self) -> &'static [(Verb, &'static str)] {
        &[
            (Verb::Upload, READS_ONLY),
            (Verb::ResumeUpload, READS_ONLY),
            (Verb::Rename, READS_ONLY),
            (Verb::Delete, READS_ONLY),
            (Verb::MakeFolder, READS_ONLY),
            (Verb::RemoveFolder, READS_ONLY),
        ]
    }

    fn list(&self, target: &Target, folder: &str) -> Result<String, String> {
        let program = wget(target).args(["--output-document=-", "--no-remove-listing"]);
        let finished = program
            .arg(target.url(&format!("{folder}/")))
            .run()
            .well()?;
        String::from_utf8(finished.output).map_err(|error| error.to_string())
    }

    fn download(&self, target: &Target, remote: &str, local: &Path) -> Outcome {
        let program = wget(target).arg(format!("--output-document={}", text(local)));
        program.arg(target.url(remote)).run().well().map(drop)
    }

    // `--continue` and `--output-document` do not go together: it writes into its folder.
    fn resume_download(&self, target: &Target, remote: &str, local: &Path) -> Outcome {
        let folder = local.parent().ok_or("no folder")?;
        let program = wget(target).args(["--continue", "--no-timestamping"]);
        let program = program.arg(format!("--directory-prefix={}", text(folder)));
        program.arg(target.url(remote)).run().well().map(drop)
    }

    fn upload(&self, _: &Target, _: &Path, _: &str) -> Outcome {
        Err(READS_ONLY.to_owned())
    }

    fn resume_upload(&self, _: &Target, _: &Path, _: &str) -> Outcome {
        Err(READS_ONLY.to_owned())
    }

    fn rename(&self, _: &Target, _: &str, _: &str) -> Outcome {
        Err(READS_ONLY.to_owned())
    }

    fn delete(&self, _: &Target, _: &str) -> Outcome {
        Err(READS_ONLY.to_owned())
    }

    fn make_folder(&self, _: &Target, _: &str) -> Outcome {
        Err(READS_ONLY.to_owned())
    }

    fn remove_folder(&self, _: &Target, _: &str) -> Outcome {
        Err(READS_ONLY.to_owned())
    }
}

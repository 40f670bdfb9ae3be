//! rclone. It makes passive data connections only.

use std::path::Path;

use wharf_tests::program::Program;

use super::client::{Client, Mode, Outcome, Target, Verb, Version, text};

pub(crate) struct Rclone;

/// rclone with a remote `wharf:`.
pub(crate) fn rclone(target: &Target) -> Result<Program, String> {
    let obscured = target
        .program("rclone", "rclone")
        .args(["obscure", &target.password])
        .run()
        .well()?;
    let obscured = String::from_utf8(obscured.output).map_err(|error| error.to_string())?;
    let epsv = if target.mode == Mode::ExtendedPassive {
        "false"
    } else {
        "true"
    };
    let explicit = target.tls.is_some() && !target.is_implicit();
    let old = target.tls.is_some_and(|tls| tls.version == Version::V12);
    Ok(target
        .program("rclone", "rclone")
        .env("RCLONE_CONFIG", "/dev/null")
        .env("RCLONE_CONFIG_WHARF_TYPE", "ftp")
        .env("RCLONE_CONFIG_WHARF_HOST", "127.0.0.1")
        .env("RCLONE_CONFIG_WHARF_PORT", target.port.to_string())
        .env("RCLONE_CONFIG_WHARF_USER", &target.name)
        .env("RCLONE_CONFIG_WHARF_PASS", obscured.trim())
        .env("RCLONE_CONFIG_WHARF_DISABLE_EPSV", epsv)
        .env("RCLONE_CONFIG_WHARF_ENCODING", ENCODING)
        .env("RCLONE_LOCAL_ENCODING", ENCODING)
        .args([
            "--retries",
            "1",
            "--low-level-retries",
            "1",
            "--contimeout",
            "20s",
        ])
        .args(["--timeout", "30s"])
        .env("SSL_CERT_FILE", &target.certificate)
        .env("RCLONE_CONFIG_WHARF_EXPLICIT_TLS", explicit.to_string())
        .env("RCLONE_CONFIG_WHARF_TLS", target.is_implicit().to_string())
        .env("RCLONE_CONFIG_WHARF_DISABLE_TLS13", old.to_string()))
}

// Names go as they are, but for the bytes that are not UTF-8 and those that Go's FTP library
// cannot say.
const ENCODING: &str = "Slash,Dot,Ctl,Del,InvalidUtf8";

impl Client for Rclone {
    fn name(&self) -> &'static str {
        "rclone"
    }

    fn without(&self) -> &'static [(Verb, &'static str)] {
        &[(
            Verb::ResumeUpload,
            "rclone starts every upload from the beginning",
        )]
    }

    fn list(&self, target: &Target, folder: &str) -> Result<String, String> {
        let finished = rclone(target)?
            .args(["lsf", &format!("wharf:{folder}")])
            .run()
            .well()?;
        String::from_utf8(finished.output).map_err(|error| error.to_string())
    }

    fn download(&self, target: &Target, remote: &str, local: &Path) -> Outcome {
        let program = rclone(target)?.args(["copyto", &format!("wharf:{remote}"), &text(local)]);
        program.run().well().map(drop)
    }

    // It keeps no partial files, but reads from an offset by REST.
    fn resume_download(&self, target: &Target, remote: &str, local: &Path) -> Outcome {
        let mut content = std::fs::read(local).map_err(|error| error.to_string())?;
        let offset = content.len().to_string();
        let program = rclone(target)?.args(["cat", "--offset", &offset]);
        let rest = program.arg(format!("wharf:{remote}")).run().well()?;
        content.extend_from_slice(&rest.output);
        std::fs::write(local, content).map_err(|error| error.to_string())
    }

    fn upload(&self, target: &Target, local: &Path, remote: &str) -> Outcome {
        let program = rclone(target)?.args(["copyto", &text(local), &format!("wharf:{remote}")]);
        program.run().well().map(drop)
    }

    fn resume_upload(&self, _: &Target, _: &Path, _: &str) -> Outcome {
        Err("rclone cannot".to_owned())
    }

    fn rename(&self, target: &Target, from: &str, to: &str) -> Outcome {
        let arguments = ["moveto", &format!("wharf:{from}"), &format!("wharf:{to}")];
        rclone(target)?.args(arguments).run().well().map(drop)
    }

    fn delete(&self, target: &Target, remote: &str) -> Outcome {
        rclone(target)?
            .args(["deletefile", &format!("wharf:{remote}")])
            .run()
            .well()
            .map(drop)
    }

    fn make_folder(&self, target: &Target, remote: &str) -> Outcome {
        rclone(target)?
            .args(["mkdir", &format!("wharf:{remote}")])
            .run()
            .well()
            .map(drop)
    }

    fn remove_folder(&self, target: &Target, remote: &str) -> Outcome {
        rclone(target)?
            .args(["rmdir", &format!("wharf:{remote}")])
            .run()
            .well()
            .map(drop)
    }
}

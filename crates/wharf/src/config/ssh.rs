//! What the settings say about SSH, and what `wharf config show` tells of it.

use std::path::{Path, PathBuf};

use serde_json::{Value as Json, json};
use wharf_server::config::{Protocol, SshConfig};

use super::Settings;
use super::host_keys::{OWN, label, load};
use super::policy::Row;
use super::tls::absolute;

impl Settings {
    /// Whether anything listens for SFTP.
    pub(crate) fn serves_sftp(&self) -> bool {
        self.port("server.sftp").is_some()
    }

    /// The files of `ssh.host_keys`; none: the server's own are shown.
    pub(crate) fn written_host_keys(&self) -> Vec<PathBuf> {
        self.paths("ssh.host_keys")
    }

    /// `None`: no SFTP.
    pub(super) fn ssh(&self, state: &Path) -> Option<SshConfig> {
        self.serves_sftp().then(|| SshConfig {
            host_keys: match self.written_host_keys() {
                written if written.is_empty() => OWN.iter().map(|own| own.file(state)).collect(),
                written => written,
            },
            user_ca: self.optional_path("ssh.user_ca").map(absolute),
            revoked_keys: self.optional_path("ssh.revoked_keys").map(absolute),
            login_attempts: self.count("ssh.login_attempts"),
            max_handles: self.count("ssh.max_handles"),
            channels: self.count("ssh.channels"),
        })
    }
}

/// The lines of `wharf config show` about SSH; none where it is not spoken.
pub(super) fn rows(settings: &Settings, state: &Path) -> Vec<Row> {
    let Some(ssh) = settings.ssh(state) else {
        return Vec::new();
    };
    let own = settings.listeners().into_iter();
    let own = own.filter(|listener| listener.protocol == Protocol::Sftp);
    let addresses: Vec<_> = own.map(|listener| listener.address.to_string()).collect();
    vec![
        Row {
            key: "listeners",
            name: "spoken on",
            lines: vec![addresses.join(", ")],
            json: json!(addresses),
        },
        host_keys(&ssh, settings.written_host_keys().is_empty()),
        file(
            ("user_ca", "user certificates"),
            ssh.user_ca.as_deref(),
            ("of the authorities in", "none is taken"),
        ),
        file(
            ("revoked_keys", "revoked keys"),
            ssh.revoked_keys.as_deref(),
            ("those of", "none"),
        ),
    ]
}

/// In the order in which they count.
fn host_keys(ssh: &SshConfig, own: bool) -> Row {
    let (mut lines, mut list) = (Vec::new(), Vec::new());
    let missing = if own {
        "made at the first start"
    } else {
        "not there"
    };
    for path in &ssh.host_keys {
        let file = path.display().to_string();
        let (line, object) = match load(path) {
            Ok(key) => {
                let public = key.public();
                let (kind, fingerprint) = (public.kind(), public.fingerprint());
                (
                    format!("{fingerprint} ({}), {file}", label(kind)),
                    json!({ "kind": kind, "fingerprint": fingerprint, "file": file }),
                )
            }
            Err(_) if !path.exists() => (
                format!("{file}: {missing}"),
                json!({ "file": file, "missing": missing }),
            ),
            Err(unusable) => (
                unusable.what.clone(),
                json!({ "file": file, "problem": unusable.what }),
            ),
        };
        lines.push(line);
        list.push(object);
    }
    Row {
        key: "host_keys",
        name: "host keys",
        lines,
        json: list.into(),
    }
}

fn file(
    (key, name): (&'static str, &'static str),
    path: Option<&Path>,
    (of, none): (&str, &str),
) -> Row {
    let path = path.map(|path| path.display().to_string());
    let line = match &path {
        Some(path) => format!("{of} {path}"),
        None => none.to_owned(),
    };
    Row {
        key,
        name,
        lines: vec![line],
        json: path.map_or(Json::Null, Json::from),
    }
}

#[cfg(test)]
#[path = "ssh_tests.rs"]
pub(super) mod tests;

//! What is wrong only between settings, or between a setting and the machine.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use wharf_acme::{AcmeConfig, MAX_NAMES};

use super::Settings;
use super::problem::Problem;
use super::value::Value;

/// Everything that keeps a server from starting.
pub(super) fn problems(settings: &Settings) -> Vec<Problem> {
    let mut problems = Vec::new();
    problems.extend(nothing_served(settings));
    problems.extend(ports(settings));
    problems.extend(clear_and_required(settings));
    problems.extend(acme(settings));
    problems.extend(folders(settings));
    problems
}

/// What holds and may be meant otherwise.
pub(super) fn notes(settings: &Settings) -> Vec<Problem> {
    let mut notes = Vec::new();
    let asked = settings.choice("tls.client_certificates");
    let trusted = settings.optional_path("tls.client_ca").is_some();
    if asked == "require" && !trusted {
        notes.push(settings.remark(
            "tls.client_certificates",
            "any certificate is taken in the handshake, because there is no `tls.client_ca`; what counts are the fingerprints that accounts have",
            Some("`wharf user certificate add NAME --fingerprint SHA256:…`"),
        ));
    }
    if asked == "off" && trusted {
        notes.push(settings.remark(
            "tls.client_ca",
            "`tls.client_ca` has no effect: no client is asked for a certificate",
            Some("`client_certificates = \"request\"` asks"),
        ));
    }
    notes.extend(unused_ssh(settings));
    notes
}

/// The first setting of `[ssh]` that somebody wrote although nothing listens for SFTP.
fn unused_ssh(settings: &Settings) -> Option<Problem> {
    if settings.port("server.sftp").is_some() {
        return None;
    }
    let written = ["ssh.host_keys", "ssh.user_ca", "ssh.revoked_keys"];
    let name = written
        .into_iter()
        .find(|name| settings.effective(name).value.is_some())?;
    let what = format!("`{name}` has no effect: `server.sftp` is off");
    Some(settings.remark(name, &what, None))
}

impl Settings {
    /// Something to say about a setting, at the place where it was written.
    pub(super) fn remark(&self, key: &'static str, what: &str, hint: Option<&str>) -> Problem {
        Problem {
            origin: self.effective(key).origin.clone(),
            key: key.to_owned(),
            what: what.to_owned(),
            hint: hint.map(str::to_owned),
        }
    }
}

/// The ports that clients dial, in the order in which they are told.
const PORTS: [&str; 3] = ["server.ftp", "server.ftps", "server.sftp"];

fn nothing_served(settings: &Settings) -> Option<Problem> {
    let nothing = PORTS.iter().all(|name| settings.port(name).is_none());
    let what = "nothing would be served: `server.ftp`, `server.ftps` and `server.sftp` are all off";
    nothing.then(|| settings.remark("server.ftp", what, Some("give a port")))
}

/// A port is used for one thing.
fn ports(settings: &Settings) -> Vec<Problem> {
    let mut problems = Vec::new();
    let control = |name: &'static str| settings.port(name).filter(|port| *port != 0);
    let named: Vec<_> = PORTS
        .into_iter()
        .filter_map(|name| Some((name, control(name)?)))
        .collect();
    for (index, (name, port)) in named.iter().enumerate() {
        if let Some((other, _)) = named[..index].iter().find(|(_, taken)| taken == port) {
            let what = format!("`{name}` and `{other}` are both {port}");
            let hint = "the usual ports are 21 for FTP, 990 for FTPS and 22 for SFTP; `off` closes one of them";
            problems.push(settings.remark(name, &what, Some(hint)));
        }
    }
    let challenge = (!settings.list("acme.names").is_empty())
        .then(|| ("acme.listen", settings.acme(Path::new("")).listen.port()));
    if let Some((_, port)) = challenge
        && let Some((name, _)) = named.iter().find(|(_, taken)| *taken == port)
    {
        let what = format!("`acme.listen` has port {port}, the port of `{name}`");
        problems.push(settings.remark("acme.listen", &what, Some("give one of them another")));
    }
    let Value::Ports(passive) = settings.value("passive.ports") else {
        return problems;
    };
    for (name, port) in named.into_iter().chain(challenge) {
        if passive.contains(&port) {
            let what = format!("`passive.ports` contains {port}, the port of `{name}`");
            problems.push(settings.remark(
                "passive.ports",
                &what,
                Some("choose a range beside it"),
            ));
        }
    }
    problems
}

/// Two sentences about passwords in clear that cannot both be meant.
fn clear_and_required(settings: &Settings) -> Option<Problem> {
    let plaintext = settings.choice("server.plaintext");
    if settings.choice("server.tls") != "required" || plaintext == "deny" {
        return None;
    }
    let what = format!(
        "`server.plaintext` is `{plaintext}`, and `server.tls` is `required`: one takes passwords in clear, the other does not"
    );
    Some(settings.remark("server.plaintext", &what, Some("leave one of them out")))
}

fn acme(settings: &Settings) -> Vec<Problem> {
    let mut problems = Vec::new();
    let names = settings.list("acme.names");
    if names.is_empty() {
        return problems;
    }
    if !settings.flag("acme.agree") {
        let what = format!(
            "a certificate needs your agreement to the terms of service of `{}`",
            settings.text("acme.directory")
        );
        let hint = "read them, then write `agree = true` in `[acme]`";
        problems.push(settings.remark("acme.agree", &what, Some(hint)));
    }
    let config = settings.acme(Path::new(""));
    for name in names {
        let one = AcmeConfig {
            names: vec![name.clone()],
            ..config.clone()
        };
        if let Err(error) = one.check() {
            let text = error.to_string();
            let (what, hint) = match text.split_once("\n\nhint: ") {
                Some((what, hint)) => (what, Some(hint)),
                None => (text.as_str(), None),
            };
            problems.push(settings.remark("acme.names", what, hint));
        }
    }
    if names.len() > MAX_NAMES {
        let what = format!(
            "`acme.names` has {} names, and a certificate at most {MAX_NAMES}",
            names.len()
        );
        problems.push(settings.remark("acme.names", &what, None));
    }
    problems
}

/// Folders that are not there are told before a port is bound.
fn folders(settings: &Settings) -> Vec<Problem> {
    let anonymous = settings
        .flag("anonymous.enabled")
        .then_some("anonymous.home");
    ["server.root"]
        .into_iter()
        .chain(anonymous)
        .filter_map(|name| {
            let (what, hint) = folder_problem(settings.optional_path(name)?)?;
            Some(settings.remark(name, &what, hint.as_deref()))
        })
        .collect()
}

/// Why this folder cannot be served, and what to do.
fn folder_problem(path: &Path) -> Option<(String, Option<String>)> {
    let shown = path.display();
    let error = fs::read_dir(path).err()?;
    Some(match error.kind() {
        ErrorKind::NotFound => (
            format!("the folder `{shown}` does not exist"),
            Some(format!(
                "make it with {}",
                crate::shell::command(&["mkdir", "-p"], path)
            )),
        ),
        ErrorKind::NotADirectory => (
            format!("`{shown}` is not a folder"),
            Some("give the folder it lies in".to_owned()),
        ),
        ErrorKind::PermissionDenied => (
            format!("the folder `{shown}` may not be read by this user"),
            Some("change its mode or owner, or run wharf as a user who may".to_owned()),
        ),
        _ => (
            format!("the folder `{shown}` cannot be read: {error}"),
            None,
        ),
    })
}

#[cfg(test)]
mod tests {
    use crate::config::case::Case;

    #[test]
    fn what_only_together_is_wrong_is_found() {
        assert_eq!(
            Case::new("[server]\nftp = 50050\n").problems(),
            [
                "default: `passive.ports` contains 50050, the port of `server.ftp`\n  hint: choose a range beside it"
            ]
        );
        assert_eq!(
            Case::new("[server]\nftp = \"off\"\nftps = false\nsftp = \"off\"\n").problems(),
            [
                "wharf.toml:2: nothing would be served: `server.ftp`, `server.ftps` and `server.sftp` are all off\n  hint: give a port"
            ]
        );
        assert_eq!(
            Case::new("[server]\nftp = 990\nftps = 990\nsftp = 990\n").problems(),
            [
                "wharf.toml:3: `server.ftps` and `server.ftp` are both 990\n  hint: the usual ports are 21 for FTP, 990 for FTPS and 22 for SFTP; `off` closes one of them",
                "wharf.toml:4: `server.sftp` and `server.ftp` are both 990\n  hint: the usual ports are 21 for FTP, 990 for FTPS and 22 for SFTP; `off` closes one of them"
            ]
        );
        assert!(
            Case::new("[server]\nftp = 0\nftps = 0\nsftp = 0\n")
                .sources
                .load()
                .is_ok()
        );
        let both = Case::new("[server]\ntls = \"required\"\nplaintext = \"loopback\"\n");
        assert_eq!(
            both.problems(),
            [
                "wharf.toml:3: `server.plaintext` is `loopback`, and `server.tls` is `required`: one takes passwords in clear, the other does not\n  hint: leave one of them out"
            ]
        );
        let missing = Case::new("[server]\nroot = \"nowhere\"\n").problems();
        assert!(
            missing[0].contains("does not exist") && missing[0].contains("mkdir -p"),
            "{missing:?}"
        );
        let file = Case::new("[server]\nroot = \"wharf.toml\"\n").problems();
        assert!(file[0].contains("is not a folder"), "{file:?}");
    }
}

//! Why the server did not start, and what to do about it.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;

use wharf_server::config::{Config, Protocol};
use wharf_server::{FolderErrorKind, StartError};

use crate::failure::Failure;
use crate::shell;

/// The failure as the person who typed `serve` reads it.
pub(crate) fn explain(error: StartError, config: &Config) -> Failure {
    match &error {
        StartError::Listen { address, source } => {
            listen(*address, source, option(*address, config))
        }
        StartError::Private { folder, private } => Failure::new(format!(
            "the folder `{folder}` lies in the state folder `{private}`: \
             passwords and the log would be served"
        ))
        .hint("serve another folder, or keep the state elsewhere with `--state DIR`"),
        StartError::Folder { source, .. } => {
            let failure = Failure::new(error.to_string());
            match source.kind() {
                // Procfs, which is refused whoever asks.
                FolderErrorKind::Unsupported => failure.hint("serve a folder on a disk"),
                _ => failure.hint("does it exist, and may this user use it?"),
            }
        }
        StartError::Audit { .. } => Failure::new(error.to_string())
            .hint("does its folder exist, and may this user write there?"),
        StartError::Tls(_) | StartError::Ssh(_) => {
            Failure::new(error.to_string()).hint("`wharf config check` tells which setting it is")
        }
        StartError::NoListener | StartError::Advertised(_) => Failure::new(error.to_string()),
    }
}

/// The argument that gives this listener another port, and a port that everybody may use.
fn option(address: SocketAddr, config: &Config) -> (&'static str, u16) {
    let mut listeners = config.listeners.iter();
    let found = listeners.find(|listener| listener.address == address);
    match found.map(|listener| listener.protocol) {
        Some(Protocol::Ftps) => ("--ftps", 2990),
        Some(Protocol::Sftp) => ("--sftp", 2222),
        Some(Protocol::Ftp) | None => ("--ftp", 2121),
    }
}

fn listen(address: SocketAddr, error: &io::Error, (option, free): (&str, u16)) -> Failure {
    let port = address.port();
    match error.kind() {
        ErrorKind::AddrInUse => Failure::new(format!(
            "cannot listen on {address}: another program uses this port"
        ))
        .hint(format!(
            "`ss -ltnp 'sport = :{port}'` shows which one; `{option} PORT` takes another port"
        )),
        ErrorKind::PermissionDenied => {
            let program = std::env::current_exe().unwrap_or_else(|_| "wharf".into());
            let allow = shell::command(&["sudo", "setcap", "cap_net_bind_service=+ep"], &program);
            Failure::new(format!(
                "cannot listen on {address}: this user may not use ports below 1024"
            ))
            .hint(format!(
                "{allow} allows it; `{option} {free}` needs nothing"
            ))
        }
        ErrorKind::AddrNotAvailable => Failure::new(format!(
            "cannot listen on {address}: this machine has no such address"
        ))
        .hint("`ip address` lists the addresses it has; `--listen 0.0.0.0` takes all of them"),
        _ => Failure::new(format!("cannot listen on {address}: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_usual_reason_has_its_cure() {
        for (kind, says, cure) in [
            (
                ErrorKind::AddrInUse,
                "another program uses this port",
                "ss -ltnp 'sport = :21'",
            ),
            (ErrorKind::PermissionDenied, "ports below 1024", "setcap"),
            (ErrorKind::AddrNotAvailable, "no such address", "ip address"),
        ] {
            let address = "192.0.2.1:21".parse().unwrap();
            let text = listen(address, &kind.into(), ("--ftp", 2121)).to_string();
            assert!(
                text.starts_with("error: cannot listen on 192.0.2.1:21: "),
                "{text}"
            );
            assert!(text.contains(says) && text.contains(cure), "{text}");
        }
    }
}

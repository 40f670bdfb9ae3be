//! Commands that reach the server from this machine and check its certificate or host key.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use wharf_server::config::{Config, Protocol, Requirement};

use super::greeting::Shown;
use crate::shell;
use crate::state::State;

/// What the commands are made of.
pub(super) struct Commands<'a> {
    pub(super) config: &'a Config,
    pub(super) addresses: &'a [(Protocol, SocketAddr)],
    /// The certificate that clients are shown.
    pub(super) certificate: Option<&'a Shown>,
    pub(super) state: &'a State,
    pub(super) name: Option<&'a str>,
    pub(super) password: Option<&'a str>,
}

/// One of the listeners, as this machine reaches it.
struct Reach {
    protocol: Protocol,
    address: SocketAddr,
    /// The host to write: a name that is in the certificate.
    host: String,
    /// The file that vouches for a certificate no authority has signed.
    trust: Option<String>,
}

impl Commands<'_> {
    /// All of them, a line each.
    pub(super) fn all(&self) -> Vec<String> {
        let mut commands = Vec::new();
        let ftp = self.reach();
        if let (Some(reach), Some(name)) = (&ftp, self.name) {
            commands.push(self.curl(reach, Some(name)));
            commands.push(self.lftp(reach, name));
            commands.push(self.filezilla(reach, name));
        }
        if let (Some(reach), Some(name)) = (self.reach_sftp(), self.name) {
            commands.push(reach.sftp(name));
            commands.push(self.filezilla(&reach, name));
        }
        if let (Some(reach), Some(_)) = (&ftp, &self.config.anonymous) {
            commands.push(self.curl(reach, None));
        }
        commands.push(self.user_add());
        commands
    }

    fn curl(&self, reach: &Reach, name: Option<&str>) -> String {
        let mut words = vec!["curl".to_owned()];
        // Anonymous users give no secret; where they may come in clear, the short command will do.
        let clear = name.is_none() && reach.protocol == Protocol::Ftp && !self.tls_needed();
        if !clear {
            if reach.protocol == Protocol::Ftp {
                words.push("--ssl-reqd".to_owned());
            }
            if let Some(file) = &reach.trust {
                words.extend(["--cacert".to_owned(), file.clone()]);
            }
        }
        if let Some(name) = name {
            words.extend(["--user".to_owned(), self.with_password(name, ':')]);
        }
        words.push(reach.url(reach.protocol.name(), None));
        line(&words)
    }

    /// It looks at the address before it runs `-e`, so the settings come first in there.
    fn lftp(&self, reach: &Reach, name: &str) -> String {
        let quote = |text: &str| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
        let mut script = "set ftp:ssl-force yes; ".to_owned();
        if let Some(file) = &reach.trust {
            script.push_str(&format!("set ssl:ca-file {}; ", quote(file)));
        }
        let user = self.with_password(name, ',');
        let url = reach.url(reach.protocol.name(), None);
        script.push_str(&format!("open -u {} {url}", quote(&user)));
        line(&["lftp".to_owned(), "-e".to_owned(), script])
    }

    /// It asks about the certificate or the host key, and shows the fingerprint.
    fn filezilla(&self, reach: &Reach, name: &str) -> String {
        let scheme = match reach.protocol {
            Protocol::Ftp => "ftpes",
            Protocol::Ftps => "ftps",
            Protocol::Sftp => "sftp",
        };
        let user = self.with_password(name, ':');
        line(&["filezilla".to_owned(), reach.url(scheme, Some(&user))])
    }

    fn with_password(&self, name: &str, between: char) -> String {
        match self.password {
            Some(password) => format!("{name}{between}{password}"),
            None => name.to_owned(),
        }
    }

    fn user_add(&self) -> String {
        let mut words = vec![
            program(),
            "user".to_owned(),
            "add".to_owned(),
            "ann".to_owned(),
        ];
        words.extend(self.state.words());
        line(&words)
    }

    fn tls_needed(&self) -> bool {
        let mut listeners = self.config.listeners.iter();
        listeners.any(|listener| listener.tls == Requirement::Required)
    }

    /// The listener to show, as this machine dials it: loopback before others, explicit TLS before
    /// implicit.
    fn nearest(&self, fits: impl Fn(Protocol) -> bool) -> Option<(Protocol, SocketAddr)> {
        let near = |address: &SocketAddr| {
            let ip = match address.ip() {
                IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
                IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
                ip => ip,
            };
            SocketAddr::new(ip, address.port())
        };
        let all = self.addresses.iter();
        all.filter(|(protocol, _)| fits(*protocol))
            .map(|(protocol, address)| (*protocol, near(address)))
            .min_by_key(|(protocol, address)| {
                (!address.ip().is_loopback(), *protocol == Protocol::Ftps)
            })
    }

    /// Host keys have no names in them, so the address will do.
    fn reach_sftp(&self) -> Option<Reach> {
        let (protocol, address) = self.nearest(|protocol| protocol == Protocol::Sftp)?;
        Some(Reach {
            protocol,
            address,
            host: literal(address.ip()),
            trust: None,
        })
    }

    fn reach(&self) -> Option<Reach> {
        let (protocol, address) = self.nearest(|protocol| protocol != Protocol::Sftp)?;
        let certificate = self.certificate.map(|shown| &shown.certificate);
        let ip = address.ip();
        let covers = |name: &str| certificate.is_some_and(|own| own.covers(name));
        let named = certificate
            .map(|own| own.names())
            .unwrap_or_default()
            .iter()
            .find(|name| !name.starts_with('*') && name.parse::<IpAddr>().is_err());
        let host = if covers(&ip.to_string()) {
            literal(ip)
        } else if ip.is_loopback() && covers("localhost") {
            "localhost".to_owned()
        } else {
            named.map_or_else(|| literal(ip), Clone::clone)
        };
        let vouched = self
            .certificate
            .filter(|shown| shown.certificate.is_self_signed());
        Some(Reach {
            protocol,
            address,
            host,
            trust: vouched.map(|shown| shown.file.display().to_string()),
        })
    }
}

impl Reach {
    /// It asks about the host key, and shows the fingerprint.
    fn sftp(&self, name: &str) -> String {
        let (host, port) = (&self.host, self.address.port());
        let words = ["sftp", "-P", &port.to_string(), &format!("{name}@{host}")];
        line(&words.map(str::to_owned))
    }

    fn url(&self, scheme: &str, user: Option<&str>) -> String {
        let (host, port) = (&self.host, self.address.port());
        match user {
            Some(user) => format!("{scheme}://{user}@{host}:{port}/"),
            None => format!("{scheme}://{host}:{port}/"),
        }
    }
}

/// The address as URLs and sftp have it.
fn literal(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(_) => ip.to_string(),
        IpAddr::V6(_) => format!("[{ip}]"),
    }
}

fn line(words: &[String]) -> String {
    let quoted: Vec<_> = words.iter().map(|word| shell::quote(word)).collect();
    quoted.join(" ")
}

/// How this program is called from here: by its name where the search path finds it, else by its
/// path, so that the command can be pasted after `cargo run` as well.
fn program() -> String {
    let Ok(this) = std::env::current_exe() else {
        return "wharf".to_owned();
    };
    let found = std::env::var_os("PATH").and_then(|list| {
        std::env::split_paths(&list)
            .map(|folder| folder.join("wharf"))
            .find(|candidate| candidate.is_file())
    });
    if found.and_then(|path| path.canonicalize().ok()) == this.canonicalize().ok() {
        return "wharf".to_owned();
    }
    let here = std::env::current_dir().ok();
    let near = here.and_then(|here| Some(this.strip_prefix(here).ok()?.to_owned()));
    near.unwrap_or(this).display().to_string()
}

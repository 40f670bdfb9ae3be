//! Starting, reloading and stopping a server.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use thiserror::Error;
use tokio::sync::{broadcast, watch};
use tokio::task::{JoinError, JoinHandle, spawn_blocking};
use wharf_accounts::Accounts;
use wharf_causes::id;
use wharf_net::advertise::Advertised;
use wharf_net::limits::{Gate, Limits, Refused};
use wharf_net::listener::Listener;
use wharf_net::passive::PassivePorts;
use wharf_net::refuse::Refuser;
use wharf_vfs::local::{LocalOptions, LocalStore};

use crate::audit::Audit;
use crate::config::{Config, ListenerConfig, Protocol, TlsConfig};
use crate::event::{Event, What};
use crate::failure::{Failure, Kind};
use crate::follow::{follow_accounts, follow_certificates, follow_ssh_files};
use crate::ftp;
use crate::session::lies_in;
use crate::shared::{Current, Shared};
use crate::ssh::{self, Ssh};
use crate::tls::Tls;

/// How long sessions have to say goodbye once their transfers are through.
const FAREWELL: Duration = Duration::from_secs(2);
/// Refused connections are recorded at most this often, with their number.
const REFUSALS_TOLD: Duration = Duration::from_secs(1);

/// A running server. Dropping it stops listening; its sessions go on until the runtime ends.
/// [`Server::drain`] is the way to end them.
pub struct Server {
    shared: Arc<Shared>,
    addresses: Vec<(Protocol, SocketAddr)>,
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
}

/// Why a server did not start.
#[derive(Debug, Error)]
pub enum StartError {
    /// The settings name no listener.
    #[error("no listener is configured")]
    NoListener,
    /// A port is in use, needs privileges, or the address is not of this machine.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A served folder is missing, not a folder, or may not be opened.
    #[error("cannot serve the folder `{folder}`: {source}")]
    Folder {
        /// The folder as configured.
        folder: String,
        /// Why.
        source: wharf_vfs::Error,
    },
    /// A served folder lies in the server's own: passwords and the log would be served.
    #[error("the folder `{folder}` cannot be served: it lies in the server's own, `{private}`")]
    Private {
        /// The folder as configured.
        folder: String,
        /// The server's own folder.
        private: String,
    },
    /// The public address or a network table entry cannot be used.
    #[error("passive addresses: {0}")]
    Advertised(String),
    /// Certificates, keys or authorities cannot be used.
    #[error("TLS: {}", .0.join("; "))]
    Tls(Vec<String>),
    /// Host keys cannot be used, or there are none.
    #[error("SSH: {}", .0.join("; "))]
    Ssh(Vec<String>),
    /// The audit log cannot be opened.
    #[error("cannot open the audit log `{file}`: {source}")]
    Audit {
        /// The file as configured.
        file: String,
        /// The system's reason.
        source: std::io::Error,
    },
}

impl Server {
    /// Binds every listener and begins to serve. Nothing is left behind when it fails.
    ///
    /// # Errors
    /// The first thing that cannot be had; see [`StartError`].
    pub async fn start(config: Config, accounts: Accounts) -> Result<Self, StartError> {
        if config.listeners.is_empty() {
            return Err(StartError::NoListener);
        }
        check_folders(&config)?;
        check_host_keys(&config).map_err(StartError::Ssh)?;
        let advertised = advertised(&config).map_err(StartError::Advertised)?;
        let tls = tls(&config).map_err(StartError::Tls)?;
        let ssh = config.ssh.as_ref().map(Ssh::open).transpose();
        let ssh = ssh.map_err(StartError::Ssh)?.map(Arc::new);
        let mut bound = Vec::new();
        for listener in &config.listeners {
            let address = listener.address;
            let full = Failure::new(
                Kind::ServiceClosing,
                id::A_15,
                "The server has no file descriptor left, try again in 5 s",
            );
            let socket = Listener::bind(address)
                .map_err(|source| StartError::Listen { address, source })?
                .with_full_message(told_in_clear(listener, &full));
            bound.push((Arc::new(listener.clone()), socket));
        }
        let audit = match &config.audit {
            Some(file) => Some(Audit::open(file).map_err(|source| StartError::Audit {
                file: file.display().to_string(),
                source,
            })?),
            None => None,
        };
        let gate = Gate::new(limits(&config));
        let current = Current {
            ports: PassivePorts::new(config.passive.ports.clone()),
            advertised: Arc::new(advertised),
            tls,
            ssh,
            config: Arc::new(config),
        };
        let shared = Arc::new(Shared::new(current, accounts, gate, audit));
        let (stop, stopping) = watch::channel(false);
        let mut tasks = vec![
            tokio::spawn(follow_accounts(shared.clone())),
            tokio::spawn(follow_certificates(shared.clone())),
            tokio::spawn(follow_ssh_files(shared.clone())),
        ];
        let mut addresses = Vec::new();
        for (config, socket) in bound {
            let address = socket.local_addr();
            addresses.push((config.protocol, address));
            tasks.push(tokio::spawn(accept(
                shared.clone(),
                config,
                socket,
                stopping.clone(),
            )));
        }
        Ok(Self {
            shared,
            addresses,
            stop,
            tasks,
        })
    }

    /// Where it listens, with the ports that were chosen for port 0.
    #[must_use]
    pub fn addresses(&self) -> &[(Protocol, SocketAddr)] {
        &self.addresses
    }

    /// What happens from now on. A receiver that falls behind by thousands loses the oldest.
    #[must_use]
    pub fn events(&self) -> broadcast::Receiver<Arc<Event>> {
        self.shared.subscribe()
    }

    /// Live sessions.
    #[must_use]
    pub fn sessions(&self) -> usize {
        self.shared.registry.len()
    }

    /// Takes new settings for sessions to come; live ones keep theirs. Listeners and the audit log
    /// stay as they are.
    ///
    /// # Errors
    /// All problems, and then nothing has changed.
    pub async fn reload(&self, config: Config) -> Result<(), Vec<String>> {
        let mut problems = Vec::new();
        if let Err(error) = check_folders(&config) {
            problems.push(error.to_string());
        }
        let ssh = match config.ssh.clone() {
            Some(ssh) => joined(spawn_blocking(move || Ssh::open(&ssh)).await).map(Some),
            None => Ok(None),
        };
        let ssh = ssh.map_err(|all| problems.extend(all)).ok();
        if let Err(all) = check_host_keys(&config) {
            problems.extend(all);
        }
        let advertised = advertised(&config)
            .map_err(|error| problems.push(error))
            .ok();
        let tls = reread(config.tls.clone()).await;
        let tls = tls.map_err(|all| problems.extend(all)).ok();
        let (Some(advertised), Some(tls), Some(ssh), true) =
            (advertised, tls, ssh, problems.is_empty())
        else {
            return Err(problems);
        };
        self.shared.gate.set_limits(limits(&config));
        let before = self.shared.current();
        let ports = if before.config.passive.ports == config.passive.ports {
            // The same pool goes on, so that two sessions never own one port.
            before.ports
        } else {
            PassivePorts::new(config.passive.ports.clone())
        };
        self.shared.replace(Current {
            ports,
            advertised: Arc::new(advertised),
            tls,
            ssh: ssh.map(Arc::new),
            config: Arc::new(config),
        });
        self.shared.ask_again.notify_one();
        Ok(())
    }

    /// Stops: no new sessions; idle ones are told 421 at once, running transfers have the drain
    /// time to finish, then they are cut off and told.
    pub async fn drain(self) {
        self.stop.send_replace(true);
        let registry = &self.shared.registry;
        let limit = self.shared.current().config.timeouts.drain;
        registry.drain();
        if tokio::time::timeout(limit, registry.empty()).await.is_err() {
            for handle in registry.all() {
                handle.cancel_transfer();
            }
            let _ = tokio::time::timeout(FAREWELL, registry.empty()).await;
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        for task in &self.tasks {
            task.abort();
        }
    }
}

fn limits(config: &Config) -> Limits {
    Limits {
        total: config.limits.sessions,
        per_address: config.limits.sessions_per_address,
    }
}

fn advertised(config: &Config) -> Result<Advertised, String> {
    Advertised::new(
        config.passive.networks.clone(),
        config.passive.public_address.clone(),
    )
}

fn tls(config: &Config) -> Result<Option<Arc<Tls>>, Vec<String>> {
    let opened = config.tls.as_ref().map(Tls::open).transpose()?;
    Ok(opened.map(Arc::new))
}

/// [`tls`] for a server that runs: its sessions do not wait for a disk.
async fn reread(config: Option<TlsConfig>) -> Result<Option<Arc<Tls>>, Vec<String>> {
    let Some(config) = config else {
        return Ok(None);
    };
    let opened = joined(spawn_blocking(move || Tls::open(&config)).await)?;
    Ok(Some(Arc::new(opened)))
}

fn joined<T>(opened: Result<Result<T, Vec<String>>, JoinError>) -> Result<T, Vec<String>> {
    opened.unwrap_or_else(|error| Err(vec![error.to_string()]))
}

/// What is said before there is a session: nothing where TLS would have to come first.
fn told_in_clear(listener: &ListenerConfig, failure: &Failure) -> Vec<u8> {
    match listener.protocol {
        Protocol::Ftp => ftp::farewell_line(failure),
        Protocol::Ftps => Vec::new(),
        Protocol::Sftp => ssh::farewell_line(failure),
    }
}

/// SSH has no handshake without a host key.
fn check_host_keys(config: &Config) -> Result<(), Vec<String>> {
    let mut listeners = config.listeners.iter();
    let spoken = listeners.any(|listener| listener.protocol == Protocol::Sftp);
    let present = config
        .ssh
        .as_ref()
        .is_some_and(|ssh| !ssh.host_keys.is_empty());
    if spoken && !present {
        return Err(vec!["an SFTP listener needs a host key".to_owned()]);
    }
    Ok(())
}

fn check_folders(config: &Config) -> Result<(), StartError> {
    let anonymous = config.anonymous.as_ref().map(|anonymous| &anonymous.home);
    for folder in std::iter::once(&config.root).chain(anonymous) {
        if let Some(private) = &config.private
            && lies_in(folder, private)
        {
            return Err(StartError::Private {
                folder: folder.display().to_string(),
                private: private.display().to_string(),
            });
        }
        LocalStore::open(folder, LocalOptions::default()).map_err(|source| StartError::Folder {
            folder: folder.display().to_string(),
            source,
        })?;
    }
    Ok(())
}

/// Takes connections in or refuses them at once; never waits for a session.
async fn accept(
    shared: Arc<Shared>,
    config: Arc<ListenerConfig>,
    listener: Listener,
    mut stopping: watch::Receiver<bool>,
) {
    let refuser = Refuser::new();
    let mut refusals = Refusals::default();
    loop {
        let (stream, peer) = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stopping.wait_for(|stop| *stop) => return,
        };
        match shared.gate.admit(peer.ip()) {
            Ok(permit) => match config.protocol {
                Protocol::Ftp | Protocol::Ftps => {
                    tokio::spawn(ftp::serve(
                        shared.clone(),
                        config.clone(),
                        stream,
                        peer,
                        permit,
                    ));
                }
                Protocol::Sftp => {
                    tokio::spawn(ssh::serve(shared.clone(), stream, peer, permit));
                }
            },
            Err(refused) => {
                refusals.tell(&shared, peer, &refused);
                refuser.refuse(stream, told_in_clear(&config, &Failure::from(refused)));
            }
        }
    }
}

/// Refused connections, told sampled: a flood at the door must not fill the audit log that logins
/// wait for (security R17).
#[derive(Default)]
struct Refusals {
    told: Option<Instant>,
    untold: u64,
}

impl Refusals {
    fn tell(&mut self, shared: &Shared, peer: SocketAddr, refused: &Refused) {
        self.untold += 1;
        if self.told.is_some_and(|told| told.elapsed() < REFUSALS_TOLD) {
            return;
        }
        self.told = Some(Instant::now());
        let what = What::Refused {
            limit: refused.limit.name(),
            allowed: refused.allowed,
            times: std::mem::take(&mut self.untold),
        };
        shared.tell_of(0, peer, None, what);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Plaintext, Requirement};

    #[test]
    fn who_is_refused_at_the_door_is_told_in_the_words_of_the_protocol() {
        let told = |protocol| {
            let listener = ListenerConfig {
                protocol,
                address: ([127, 0, 0, 1], 0).into(),
                plaintext: Plaintext::Deny,
                tls: Requirement::Allowed,
            };
            let full = Failure::new(Kind::ServiceClosing, id::A_15, "Too many sessions");
            String::from_utf8(told_in_clear(&listener, &full)).unwrap()
        };
        assert_eq!(told(Protocol::Ftp), "421 Too many sessions [A-15]\r\n");
        assert_eq!(told(Protocol::Ftps), "");
        assert_eq!(told(Protocol::Sftp), "Too many sessions [A-15]\r\n");
    }
}

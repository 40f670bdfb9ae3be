//! `wharf serve`: from settings to a running server, and to its end.

mod automatic;
mod commands;
mod events;
mod greeting;
mod trouble;

use std::path::PathBuf;

use serde_json::json;
use tokio::runtime::Builder;
use tokio::select;
use tokio::signal::unix::{Signal, SignalKind, signal};
use wharf_accounts::Accounts;
use wharf_server::Server;
use wharf_server::config::Config;

use crate::arguments::{Format, ServeArguments, SettingsArguments};
use crate::config::{Settings, Sources};
use crate::failure::Failure;
use crate::state::State;
use crate::{certificate, host_keys, output, user};

use automatic::Automatic;
use events::Events;
use greeting::Greeting;

/// How long work that does not look up may keep the process from ending.
const LINGER: std::time::Duration = std::time::Duration::from_secs(1);

/// Serves until a signal ends it.
pub(crate) fn run(arguments: ServeArguments) -> Result<(), Failure> {
    let sources = sources(&arguments.settings);
    let settings = sources.load()?;
    let state = State::open(arguments.common.state.as_deref())?;
    let _lock = state.lock()?;
    certificate::ensure(&settings, state.folder())?;
    host_keys::ensure(&settings, state.folder())?;
    tell_remarks(&settings);
    wharf_net::descriptors::raise_limit();
    let runtime = Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(format!("cannot start threads: {error}")))?;
    let serving = Serving {
        sources,
        settings,
        state,
        format: arguments.common.format,
    };
    let events = runtime.block_on(serving.run());
    // What is left are sessions that a second signal cut off; with them goes the last sender of
    // events, which ends their printing.
    runtime.shutdown_timeout(LINGER);
    events?.finish(LINGER);
    Ok(())
}

/// What is wrong with the settings without keeping the server from running, into the log.
fn tell_remarks(settings: &Settings) {
    for warning in &settings.warnings {
        tracing::warn!("{warning}");
    }
    for note in &settings.notes {
        tracing::info!("{note}");
    }
}

/// Where the settings of a command come from.
pub(crate) fn sources(arguments: &SettingsArguments) -> Sources {
    Sources {
        config: arguments
            .config
            .as_ref()
            .map(|path| std::path::absolute(path).unwrap_or_else(|_| PathBuf::from(path))),
        environment: std::env::vars_os().collect(),
        arguments: arguments.values(),
    }
}

struct Serving {
    sources: Sources,
    settings: Settings,
    state: State,
    format: Format,
}

impl Serving {
    async fn run(mut self) -> Result<Events, Failure> {
        // Before anything listens, so that no signal meets its default, which is to die.
        let mut signals = Signals::listen()?;
        let accounts = user::open(&self.state, self.settings.password_memory()).await?;
        let config = self.settings.server_config(self.state.folder());
        // It may have to finish the files that the server reads next.
        let mut automatic = Automatic::start(&self.settings, self.state.folder(), self.format);
        let server = Server::start(config.clone(), accounts.clone())
            .await
            .map_err(|error| trouble::explain(error, &config))?;
        let events = Events::follow(server.events(), self.format)?;
        self.greet(&server, &config, &accounts).await?;
        automatic.follow();
        while let Request::Reload = signals.next().await {
            self.reload(&server).await;
            automatic.reload(&self.settings, self.state.folder());
        }
        drop(automatic);
        self.stop(server, &mut signals).await?;
        Ok(events)
    }

    /// Tells where the server listens, how to log in, and that it is ready.
    async fn greet(
        &self,
        server: &Server,
        config: &Config,
        accounts: &Accounts,
    ) -> Result<(), Failure> {
        // Only now, when nothing can fail any more: the password is shown once.
        let first = accounts.first_account().await.map_err(user::database)?;
        let files = config.tls.as_ref().map(|tls| tls.certificates.as_slice());
        let certificates = greeting::shown(files.unwrap_or_default());
        let host_keys = greeting::host_keys(config.ssh.as_ref());
        let greeting = Greeting {
            settings: &self.settings,
            config,
            state: &self.state,
            certificates: &certificates,
            host_keys: &host_keys,
            addresses: server.addresses(),
            login: match &first {
                Some(_) => None,
                None => login(accounts).await,
            },
            first: first
                .as_ref()
                .map(|(name, password)| (name.as_str(), password)),
        };
        match self.format {
            Format::Text => output::text(&greeting.text())?,
            Format::Json => {
                for note in greeting.notes() {
                    tracing::warn!("{note}");
                }
                for line in greeting.json() {
                    output::json(&line)?;
                }
            }
        }
        Ok(())
    }

    /// Reads the settings again. What cannot be taken is told, and then nothing has changed.
    async fn reload(&mut self, server: &Server) {
        match self.try_reload(server).await {
            Ok(later) => {
                tracing::info!("the settings were reloaded");
                for name in &later {
                    tracing::warn!("`{name}` has changed and takes effect at the next start");
                }
                self.tell(&json!({ "event": "reload", "outcome": "done", "at_next_start": later }));
            }
            Err(problems) => {
                for problem in &problems {
                    tracing::error!(
                        "the settings were not reloaded: {problem}; those in force stay"
                    );
                }
                self.tell(&json!({ "event": "reload", "outcome": "failed", "problems": problems }));
            }
        }
    }

    /// The names of settings that have changed and wait for the next start, or every problem.
    async fn try_reload(&mut self, server: &Server) -> Result<Vec<&'static str>, Vec<String>> {
        let settings = self.sources.load().map_err(|problems| {
            problems
                .list
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
        })?;
        let later = settings.fixed_changes(&self.settings);
        // Its listeners go on, so what they need is theirs and not the file's.
        let settings = settings.keeping_fixed(&self.settings);
        certificate::ensure(&settings, self.state.folder())
            .and_then(|()| host_keys::ensure(&settings, self.state.folder()))
            .map_err(|failure| vec![failure.to_string()])?;
        server
            .reload(settings.server_config(self.state.folder()))
            .await?;
        tell_remarks(&settings);
        self.settings = settings;
        Ok(later.iter().map(|key| key.name).collect())
    }

    async fn stop(&self, server: Server, signals: &mut Signals) -> Result<(), Failure> {
        let sessions = server.sessions();
        tracing::info!(sessions, "stopping: running transfers may finish");
        self.tell(&json!({ "event": "stopping", "sessions": sessions }));
        select! {
            () = server.drain() => {}
            () = signals.stop() => {
                return Err(Failure::new("stopped before running transfers were through"));
            }
        }
        self.tell(&json!({ "event": "stopped" }));
        Ok(())
    }

    fn tell(&self, event: &serde_json::Value) {
        if self.format == Format::Json
            && let Err(error) = output::json(event)
        {
            tracing::warn!(%error, "standard output cannot be written");
        }
    }
}

/// An account to show the commands with. A damaged record keeps its account out, not the server.
async fn login(accounts: &Accounts) -> Option<String> {
    match accounts.list().await {
        Ok(list) => greeting::login(&list),
        Err(error) => {
            tracing::error!("{}", user::database(error));
            None
        }
    }
}

enum Request {
    Reload,
    Stop,
}

/// Its number is the same on every Linux but MIPS, where 31 is.
const SIGXFSZ: i32 = if cfg!(any(target_arch = "mips", target_arch = "mips64")) {
    31
} else {
    25
};

struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
    /// Watched so that it does not end the process: an upload beyond RLIMIT_FSIZE then fails
    /// with an error of its own.
    _file_size: Signal,
}

impl Signals {
    fn listen() -> Result<Self, Failure> {
        let on = |kind| {
            signal(kind).map_err(|error| Failure::new(format!("cannot watch for signals: {error}")))
        };
        Ok(Self {
            terminate: on(SignalKind::terminate())?,
            interrupt: on(SignalKind::interrupt())?,
            hangup: on(SignalKind::hangup())?,
            _file_size: on(SignalKind::from_raw(SIGXFSZ))?,
        })
    }

    async fn next(&mut self) -> Request {
        select! {
            _ = self.terminate.recv() => Request::Stop,
            _ = self.interrupt.recv() => Request::Stop,
            _ = self.hangup.recv() => Request::Reload,
        }
    }

    async fn stop(&mut self) {
        while let Request::Reload = self.next().await {}
    }
}

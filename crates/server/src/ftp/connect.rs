//! The data side of a transfer: where its connection comes from, and what it is then.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use wharf_causes::id;
use wharf_ftp::server::{Route, Transfer};
use wharf_net::active;
use wharf_net::data::{DataConnection, TransferControl};
use wharf_net::passive::{AcceptError, PassiveListener};

use super::control::Connection;
use super::jobs::{Ended, Job};
use super::secure::{Bound, Securing};
use crate::failure::{Failure, Kind};
use crate::session::Session;

/// Where the data connection comes from.
pub(super) enum Data {
    Passive(PassiveListener),
    Active { local: IpAddr, target: SocketAddr },
    Ready(DataConnection),
}

/// How the data connection comes about, and what it is then.
pub(super) struct Connecting {
    pub(super) data: Data,
    /// `None`: in clear.
    pub(super) securing: Option<Securing>,
    pub(super) wait: Duration,
}

impl Connection {
    /// Where the data of a transfer go. What was allowed with PORT, PASV or SSCN is asked again: the
    /// account may have lost it since.
    pub(super) fn data(&mut self, transfer: &Transfer) -> Result<Data, Failure> {
        if transfer.tls_client {
            self.must_be_fxp()?;
        }
        match transfer.route {
            Route::Active(target) => {
                self.may_connect_to(target)?;
                Ok(Data::Active {
                    local: self.local,
                    target,
                })
            }
            Route::Passive => {
                let Some(passive) = self.passive.take() else {
                    let text = "The passive port has expired; send PASV or EPSV again";
                    return Err(Failure::new(Kind::NoDataConnection, id::D_4, text));
                };
                if passive.open {
                    self.must_be_fxp()?;
                }
                let mut listener = passive.listener;
                Ok(match listener.try_accept() {
                    Some(connection) => {
                        self.tell_strangers(&mut listener);
                        Data::Ready(connection)
                    }
                    None => Data::Passive(listener),
                })
            }
        }
    }

    fn tell_strangers(&self, listener: &mut PassiveListener) {
        if let Some(session) = self.session.as_deref() {
            for stranger in listener.take_strangers() {
                session.stranger(stranger, listener.port());
            }
        }
    }
}

pub(super) async fn connect_and_run(
    job: Job,
    connecting: Connecting,
    control: &Arc<TransferControl>,
    session: Option<Session>,
) -> Result<(Ended, Bound), Failure> {
    let Connecting {
        data,
        securing,
        wait,
    } = connecting;
    let connected = async {
        let connection = connect(data, wait, session.as_ref()).await?;
        if let Some(session) = &session {
            session.data_peer(connection.peer());
        }
        match &securing {
            Some(securing) => securing.secure(connection).await,
            None => Ok((connection, Bound::Yes)),
        }
    };
    let connected = tokio::select! {
        connected = connected => connected,
        () = control.cancelled() => {
            Err(Failure::new(Kind::Aborted, id::T_2, "Stopped before the data connection came"))
        }
    };
    match connected {
        Ok((connection, bound)) => Ok((job.run(connection, control).await, bound)),
        Err(failure) => {
            job.abandon().await;
            Err(failure)
        }
    }
}

async fn connect(
    data: Data,
    wait: Duration,
    session: Option<&Session>,
) -> Result<DataConnection, Failure> {
    match data {
        Data::Ready(connection) => Ok(connection),
        Data::Active { local, target } => active::connect(local, false, target, wait)
            .await
            .map_err(|error| {
                tracing::debug!(%error, %target, "active data connection");
                let why = match error.kind() {
                    io::ErrorKind::ConnectionRefused => "it was refused".to_owned(),
                    io::ErrorKind::TimedOut => format!("no answer within {} s", wait.as_secs()),
                    _ => "it cannot be reached".to_owned(),
                };
                let text = format!("Cannot open the data connection to {target}: {why}");
                Failure::new(Kind::NoDataConnection, id::D_10, text)
            }),
        Data::Passive(mut listener) => {
            let accepted = listener.accept(wait).await;
            let port = listener.port();
            let strangers = listener.take_strangers();
            for stranger in &strangers {
                if let Some(session) = session {
                    session.stranger(*stranger, port);
                }
            }
            accepted.map_err(|error| no_data_connection(&error, &strangers, port, wait))
        }
    }
}

fn no_data_connection(
    error: &AcceptError,
    strangers: &[SocketAddr],
    port: u16,
    wait: Duration,
) -> Failure {
    let what = "Cannot open the data connection";
    match (error, strangers.first()) {
        (AcceptError::Io(error), _) => {
            tracing::error!(%error, port, "a passive port failed");
            Failure::new(
                Kind::NoDataConnection,
                id::D_4,
                format!("{what}: port {port} failed"),
            )
        }
        (AcceptError::TimedOut, Some(stranger)) => {
            let text = format!(
                "{what}: only {} connected to port {port}, which is not your address",
                stranger.ip()
            );
            Failure::new(Kind::NoDataConnection, id::D_7, text)
        }
        (AcceptError::TimedOut, None) => {
            let text = format!(
                "{what}: nothing arrived on port {port} within {} s",
                wait.as_secs()
            );
            Failure::new(Kind::NoDataConnection, id::D_3, text)
        }
    }
}

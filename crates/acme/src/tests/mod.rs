//! Orders against a CA of the tests' own, over real sockets.

// One source with the black-box tests: a crate that both import would be a room of its own, and
// the tests around the house import nothing of it.
#[allow(
    dead_code,
    unreachable_pub,
    reason = "shared with the black-box tests, which use the rest"
)]
#[path = "../../../../tests/src/acme/mod.rs"]
mod server;

#[allow(
    dead_code,
    unreachable_pub,
    reason = "shared with the black-box tests, which use the rest"
)]
#[path = "../../../../tests/src/ports.rs"]
mod ports;

mod failures;
mod issuing;
mod renewing;

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use tokio::sync::broadcast::Receiver;
use wharf_net::tls::certificate::Certificate;

use self::ports::PortRange;
use self::server::{AcmeServer, Knobs};
use crate::manager::Keeper;
use crate::pace::Pace;
use crate::{AcmeConfig, AcmeError, AcmeEvent, Challenge, Manager};

/// As the product's, in fractions of a second.
const PACE: Pace = Pace {
    first: Duration::from_millis(50),
    most: Duration::from_millis(200),
    look: Duration::from_millis(100),
    order: Duration::from_secs(30),
    validation: Duration::from_secs(20),
    issuance: Duration::from_secs(20),
};

/// A CA, and a place for a certificate of it.
struct Setup {
    server: AcmeServer,
    ports: PortRange,
    scratch: tempfile::TempDir,
    challenge: Challenge,
    names: Vec<String>,
}

impl Setup {
    fn new(challenge: Challenge, knobs: Knobs) -> Self {
        let ports = PortRange::claim(1);
        let port = *ports.ports().start();
        let server = AcmeServer::start(Knobs {
            http_port: port,
            tls_port: port,
            ..knobs
        });
        let scratch = tempfile::tempdir().unwrap();
        fs::write(scratch.path().join("ca.pem"), server.ca_pem()).unwrap();
        Self {
            server,
            ports,
            scratch,
            challenge,
            names: vec!["ftp.example.org".to_owned()],
        }
    }

    fn http(knobs: Knobs) -> Self {
        Self::new(Challenge::Http01, knobs)
    }

    fn config(&self) -> AcmeConfig {
        AcmeConfig {
            directory: self.server.directory(),
            ca: Some(self.scratch.path().join("ca.pem")),
            contact: vec!["ann@example.org".to_owned()],
            names: self.names.clone(),
            challenge: self.challenge,
            listen: ([127, 0, 0, 1], *self.ports.ports().start()).into(),
            folder: self.folder(),
        }
    }

    fn folder(&self) -> PathBuf {
        self.scratch.path().join("acme")
    }

    /// The manager's inside, turned by hand.
    fn keeper(&self) -> Keeper {
        Keeper::new(self.config(), PACE).unwrap().0
    }

    fn manager(&self) -> (Manager, Receiver<AcmeEvent>) {
        let manager = Manager::start_at(self.config(), PACE).unwrap();
        let events = manager.events();
        (manager, events)
    }

    fn certificate(&self) -> Certificate {
        Certificate::from_files(&self.config().files()).unwrap()
    }
}

/// One turn that places no order or a good one.
async fn turn(keeper: &mut Keeper) -> Duration {
    keeper
        .turn()
        .await
        .map_err(|failure| failure.error)
        .unwrap()
}

/// One turn that fails.
async fn failure(keeper: &mut Keeper) -> AcmeError {
    keeper
        .turn()
        .await
        .map_err(|failure| failure.error)
        .unwrap_err()
}

async fn next(events: &mut Receiver<AcmeEvent>) -> AcmeEvent {
    let patience = Duration::from_secs(30);
    tokio::time::timeout(patience, events.recv())
        .await
        .expect("an event")
        .unwrap()
}

/// The next event that is not the beginning of an order.
async fn outcome(events: &mut Receiver<AcmeEvent>) -> AcmeEvent {
    loop {
        match next(events).await {
            AcmeEvent::Ordering { .. } => {}
            event => return event,
        }
    }
}

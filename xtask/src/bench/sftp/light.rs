//! Many sessions that say nothing, in one process.
//!
//! A process of OpenSSH's client for each would take gigabytes, and the kernel's share of them would
//! hide that of the server. Here a session is a connection and a task.

use std::borrow::Cow;
use std::net::SocketAddrV4;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use russh::client::{self, Handle};
use russh::keys::{Algorithm, PrivateKey, PrivateKeyWithHashAlg, PublicKeyOrCertificate};
use russh::{Channel, ChannelMsg, Preferred};
use tokio::runtime::Runtime;

use super::Keys;
use crate::bench::peers::ACCOUNT;

/// Sessions that are opened at a time.
const OPENERS: usize = 8;
/// How long opening one may take; the servers share the processor with seven others.
const PATIENCE: Duration = Duration::from_secs(60);
/// SSH_FXP_INIT and SSH_FXP_VERSION, and version 3 of the protocol.
const INIT: u8 = 1;
const VERSION: u8 = 2;

/// Sessions that have logged in, and wait after the first packet of SFTP.
pub(crate) struct Held {
    runtime: Runtime,
    sessions: Vec<Session>,
}

struct Session {
    _connection: Handle<Trusting>,
    channel: Channel<client::Msg>,
}

impl Held {
    /// Opens `count` sessions with the key in `run`.
    pub(crate) fn open(run: &Path, to: SocketAddrV4, count: usize) -> Result<Self> {
        let key = russh::keys::load_secret_key(Keys::within(run).private(), None)?;
        let key = Arc::new(key);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()?;
        let sessions = runtime.block_on(open_all(key, to, count))?;
        Ok(Self { runtime, sessions })
    }

    /// Checks that every session is one still.
    pub(crate) fn check(&mut self) -> Result<()> {
        let Self { runtime, sessions } = self;
        runtime.block_on(async {
            for (number, session) in sessions.iter_mut().enumerate() {
                let asked = tokio::time::timeout(PATIENCE, session.ask()).await;
                asked
                    .context("no answer")
                    .flatten()
                    .with_context(|| format!("idle session {number}"))?;
            }
            Ok(())
        })
    }
}

async fn open_all(key: Arc<PrivateKey>, to: SocketAddrV4, count: usize) -> Result<Vec<Session>> {
    let config = Arc::new(client::Config {
        preferred: Preferred {
            kex: Cow::Borrowed(&[russh::kex::CURVE25519]),
            key: Cow::Borrowed(&[Algorithm::Ed25519]),
            cipher: Cow::Borrowed(&[russh::cipher::AES_256_GCM]),
            compression: Cow::Borrowed(&[russh::compression::NONE]),
            ..Preferred::default()
        },
        nodelay: true,
        ..client::Config::default()
    });
    let mut sessions = Vec::with_capacity(count);
    let mut opening = tokio::task::JoinSet::new();
    for number in 0..count {
        if opening.len() == OPENERS
            && let Some(opened) = opening.join_next().await
        {
            sessions.push(opened??);
        }
        let (config, key) = (Arc::clone(&config), Arc::clone(&key));
        opening.spawn(async move {
            tokio::time::timeout(PATIENCE, Session::open(config, key, to))
                .await
                .context("it took too long")
                .flatten()
                .with_context(|| format!("session {number} of {count}"))
        });
    }
    while let Some(opened) = opening.join_next().await {
        sessions.push(opened??);
    }
    Ok(sessions)
}

impl Session {
    async fn open(
        config: Arc<client::Config>,
        key: Arc<PrivateKey>,
        to: SocketAddrV4,
    ) -> Result<Self> {
        let mut connection = client::connect(config, to, Trusting).await?;
        let key = PrivateKeyWithHashAlg::new(key, None);
        let outcome = connection.authenticate_publickey(ACCOUNT, key).await?;
        ensure!(outcome.success(), "the server refused the key");
        let mut channel = connection.channel_open_session().await?;
        channel.request_subsystem(true, "sftp").await?;
        channel
            .data_bytes(vec![0, 0, 0, 5, INIT, 0, 0, 0, 3])
            .await?;
        ensure!(
            reply(&mut channel).await? == VERSION,
            "no SSH_FXP_VERSION came"
        );
        Ok(Self {
            _connection: connection,
            channel,
        })
    }

    /// Asks for the real name of the folder it is in.
    async fn ask(&mut self) -> Result<()> {
        const REALPATH: u8 = 16;
        const NAME: u8 = 104;
        let question = vec![0, 0, 0, 10, REALPATH, 0, 0, 0, 1, 0, 0, 0, 1, b'.'];
        self.channel.data_bytes(question).await?;
        ensure!(
            reply(&mut self.channel).await? == NAME,
            "no SSH_FXP_NAME came"
        );
        Ok(())
    }
}

/// The type of the one packet that comes next.
async fn reply(channel: &mut Channel<client::Msg>) -> Result<u8> {
    let mut packet = Vec::new();
    loop {
        match channel.wait().await.context("the channel was closed")? {
            ChannelMsg::Data { data } => packet.extend_from_slice(&data),
            ChannelMsg::Failure => anyhow::bail!("the server has no subsystem `sftp`"),
            // Windows and confirmations.
            _ => {}
        }
        if let Some((length, rest)) = packet.split_first_chunk()
            && rest.len() >= u32::from_be_bytes(*length) as usize
        {
            return rest.first().copied().context("an empty packet");
        }
    }
}

/// Checks nothing: the server is on this machine.
struct Trusting;

impl client::Handler for Trusting {
    type Error = russh::Error;

    async fn check_server_key(&mut self, _: &PublicKeyOrCertificate) -> Result<bool, Self::Error> {
        Ok(true)
    }
}

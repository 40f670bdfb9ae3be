//! The handshake, made by rustls, and not a record more: what follows it is [`Channel`]'s.

use std::io::Write as _;
use std::net::TcpStream;
use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use rustls::client::{ClientConnectionData, UnbufferedClientConnection};
use rustls::kernel::KernelConnection;
use rustls::pki_types::ServerName;
use rustls::server::{ServerConnectionData, UnbufferedServerConnection};
use rustls::unbuffered::{ConnectionState, EncodeError, EncodeTlsData, UnbufferedStatus};
use rustls::{ClientConfig, HandshakeKind, ServerConfig};

use super::record::{Buffers, Channel, Incoming};

/// What a client has after its handshake.
pub(super) struct Connected {
    pub(super) channel: Channel,
    /// Makes sessions to be resumed of the tickets that come.
    pub(super) kernel: KernelConnection<ClientConnectionData>,
    pub(super) resumed: bool,
}

pub(super) fn connect(
    stream: TcpStream,
    config: &Arc<ClientConfig>,
    mut buffers: Buffers,
) -> Result<Connected> {
    let name = ServerName::try_from("localhost")?;
    let mut engine = UnbufferedClientConnection::new(Arc::clone(config), name)?;
    complete(&mut engine, &stream, &mut buffers.incoming)?;
    let resumed = engine.handshake_kind() == Some(HandshakeKind::Resumed);
    let (secrets, kernel) = engine.dangerous_into_kernel_connection()?;
    Ok(Connected {
        channel: Channel::new(stream, secrets, buffers)?,
        kernel,
        resumed,
    })
}

pub(super) fn accept(
    stream: TcpStream,
    config: &Arc<ServerConfig>,
    mut buffers: Buffers,
) -> Result<Channel> {
    let mut engine = UnbufferedServerConnection::new(Arc::clone(config))?;
    complete(&mut engine, &stream, &mut buffers.incoming)?;
    let (secrets, _) = engine.dangerous_into_kernel_connection()?;
    Channel::new(stream, secrets, buffers)
}

/// Either side of a handshake.
trait Engine {
    type Data;
    fn step<'c, 'i>(&'c mut self, tls: &'i mut [u8]) -> UnbufferedStatus<'c, 'i, Self::Data>;
}

impl Engine for UnbufferedClientConnection {
    type Data = ClientConnectionData;
    fn step<'c, 'i>(&'c mut self, tls: &'i mut [u8]) -> UnbufferedStatus<'c, 'i, Self::Data> {
        self.process_tls_records(tls)
    }
}

impl Engine for UnbufferedServerConnection {
    type Data = ServerConnectionData;
    fn step<'c, 'i>(&'c mut self, tls: &'i mut [u8]) -> UnbufferedStatus<'c, 'i, Self::Data> {
        self.process_tls_records(tls)
    }
}

/// Shows the engine one record after another, so that it takes none that comes after the handshake.
fn complete(
    engine: &mut impl Engine,
    mut stream: &TcpStream,
    incoming: &mut Incoming,
) -> Result<()> {
    let mut outgoing = Vec::new();
    let mut shown = 0;
    loop {
        let status = engine.step(incoming.first(shown));
        let discard = status.discard;
        let mut blocked = false;
        match status.state.context("the handshake failed")? {
            ConnectionState::EncodeTlsData(state) => encode(state, &mut outgoing)?,
            ConnectionState::TransmitTlsData(state) => {
                stream.write_all(&outgoing)?;
                outgoing.clear();
                state.done();
            }
            ConnectionState::BlockedHandshake => blocked = true,
            ConnectionState::WriteTraffic(_) => {
                ensure!(shown == discard, "a record was left over");
                incoming.skip(discard);
                return Ok(());
            }
            other => bail!("{other:?} in a handshake"),
        }
        incoming.skip(discard);
        shown -= discard;
        if blocked {
            shown += record_after(incoming, shown, stream)?;
        }
    }
}

fn record_after(incoming: &mut Incoming, shown: usize, stream: &TcpStream) -> Result<usize> {
    loop {
        if let Some(size) = incoming.record_after(shown)? {
            return Ok(size);
        }
        let length = incoming.read_from(stream)?;
        ensure!(length > 0, "the connection ended in the handshake");
    }
}

fn encode<Data>(mut state: EncodeTlsData<'_, Data>, outgoing: &mut Vec<u8>) -> Result<()> {
    // The first call only asks for the size.
    let Err(EncodeError::InsufficientSize(needs)) = state.encode(&mut []) else {
        bail!("an empty message in the handshake");
    };
    let used = outgoing.len();
    outgoing.resize(used + needs.required_size, 0);
    state.encode(&mut outgoing[used..])?;
    Ok(())
}

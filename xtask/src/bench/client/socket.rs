//! Connections in clear, as cheap as they get: received data is discarded in the kernel, sent data
//! comes from memory without a copy.

use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpStream};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use rustix::fs::{MemfdFlags, memfd_create, sendfile};
use rustix::io::Errno;
use rustix::net::{AddressFamily, RecvFlags, SocketFlags, SocketType, sockopt};

/// How long a server may take for anything; a password hash by pure-pw takes seconds.
const PATIENCE: Duration = Duration::from_secs(120);
/// What one `recv` may discard at most. The memory is never touched.
const DISCARD: usize = 4 << 20;
/// What one `sendfile` may send at most.
const SENT: usize = 8 << 20;

/// Memory that uploads are sent from, shared by all sessions.
#[derive(Debug, Clone)]
pub(crate) struct Payload(Arc<OwnedFd>);

impl Payload {
    pub(crate) fn new() -> Result<Self> {
        let memory = memfd_create("upload", MemfdFlags::CLOEXEC)?;
        let mut file = std::fs::File::from(memory);
        file.write_all(&vec![0xA5; SENT])?;
        Ok(Self(Arc::new(OwnedFd::from(file))))
    }

    pub(super) fn send(&self, to: &TcpStream, length: u64) -> Result<()> {
        let mut left = length;
        while left > 0 {
            let mut offset = 0;
            let piece = usize::try_from(left.min(SENT as u64))?;
            let sent = sendfile(to, &*self.0, Some(&mut offset), piece)?;
            ensure!(sent > 0, "nothing more can be sent");
            left -= sent as u64;
        }
        Ok(())
    }
}

/// The connection of a session that has nothing more to say.
#[derive(Debug)]
pub(crate) struct Idle(Option<TcpStream>);

impl Idle {
    pub(super) fn new(stream: Option<TcpStream>) -> Self {
        Self(stream)
    }

    /// Fails if the server has closed it.
    pub(crate) fn check(&self) -> Result<()> {
        let stream = self.0.as_ref().context("a connection that was lost")?;
        let mut next = [0; 1];
        let flags = RecvFlags::PEEK | RecvFlags::DONTWAIT;
        match rustix::net::recv(stream, &mut next[..], flags) {
            // Tickets and their like may be there still.
            Ok((_, 1..)) | Err(Errno::AGAIN) => Ok(()),
            Ok(_) => bail!("the server closed an idle session"),
            Err(error) => Err(error).context("the server closed an idle session"),
        }
    }
}

/// Receives to the end and returns how many bytes that was. `sink` is never written to: the kernel
/// discards into it.
pub(crate) fn discard(from: &TcpStream, sink: &mut Vec<u8>) -> Result<u64> {
    if sink.is_empty() {
        *sink = vec![0; DISCARD];
    }
    let mut got = 0;
    loop {
        let (_, length) = rustix::net::recv(from, &mut sink[..], RecvFlags::TRUNC)?;
        if length == 0 {
            return Ok(got);
        }
        got += length as u64;
    }
}

/// Connects with NODELAY, so that a stall of 40 ms is the server's and not ours.
pub(super) fn connect(to: SocketAddrV4, source: Option<Ipv4Addr>) -> std::io::Result<TcpStream> {
    let socket = rustix::net::socket_with(
        AddressFamily::INET,
        SocketType::STREAM,
        SocketFlags::CLOEXEC,
        None,
    )?;
    if let Some(source) = source {
        // Lets ports be taken again that wait out an earlier connection to another port.
        sockopt::set_socket_reuseaddr(&socket, true)?;
        rustix::net::bind(&socket, &SocketAddr::from((source, 0)))?;
    }
    rustix::net::connect(&socket, &SocketAddr::V4(to))?;
    let stream = TcpStream::from(socket);
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(stream)
}

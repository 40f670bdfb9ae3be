//! One TLS connection without its socket: records go in and plaintext comes out, and the reverse.
//!
//! Records are decrypted where they were received, which may be a large buffer or the stack; only
//! what is not a whole record yet is kept here. An idle session keeps nothing.

use std::fmt;
use std::sync::Arc;

use rustls::client::UnbufferedClientConnection;
use rustls::server::{ServerConfig, UnbufferedServerConnection};
use rustls::unbuffered::{
    ConnectionState, EncodeError, EncryptError, UnbufferedStatus, WriteTraffic,
};
use rustls::{ClientConfig, CommonState, Error, HandshakeKind, pki_types::ServerName};

/// The longest plaintext of one record (RFC 8446 5.1).
pub(crate) const RECORD_BYTES: usize = 16 * 1024;

/// What one record has beside its plaintext, at most (RFC 5246 6.2.3 allows more than any suite
/// here uses).
const RECORD_EXTRA: usize = 256;

/// Bytes of incomplete records and handshake messages that are kept. A certificate chain of a
/// client may be large; more than this is nobody's.
const MOST_KEPT: usize = 80 * 1024;

/// How far a session has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    /// The handshake needs more from the peer.
    Handshaking,
    /// Plaintext may go both ways.
    Open,
    /// The peer has ended its side with close_notify.
    Ended,
}

/// One TLS connection, on either side.
pub(crate) struct TlsSession {
    side: Side,
    /// What came and is no whole record yet.
    kept: Vec<u8>,
    ended: bool,
    /// Why it is over. rustls is not asked again: it remembers places in bytes that are gone.
    failed: Option<Error>,
}

enum Side {
    Server(Box<UnbufferedServerConnection>),
    /// Of a data connection whose other end is a server too (CPSV, SSCN).
    Client(Box<UnbufferedClientConnection>),
}

impl TlsSession {
    pub(crate) fn server(config: Arc<ServerConfig>) -> Result<Self, Error> {
        let connection = UnbufferedServerConnection::new(config)?;
        Ok(Self::new(Side::Server(Box::new(connection))))
    }

    pub(crate) fn client(
        config: Arc<ClientConfig>,
        name: ServerName<'static>,
    ) -> Result<Self, Error> {
        let connection = UnbufferedClientConnection::new(config, name)?;
        Ok(Self::new(Side::Client(Box::new(connection))))
    }

    const fn new(side: Side) -> Self {
        Self {
            side,
            kept: Vec::new(),
            ended: false,
            failed: None,
        }
    }

    /// What was agreed on.
    pub(crate) fn agreed(&self) -> &CommonState {
        match &self.side {
            Side::Server(connection) => connection,
            Side::Client(connection) => connection,
        }
    }

    /// Whether the handshake resumed an earlier session.
    pub(crate) fn is_resumed(&self) -> bool {
        self.agreed().handshake_kind() == Some(HandshakeKind::Resumed)
    }

    /// Whether we are the server of it.
    pub(crate) const fn is_server(&self) -> bool {
        matches!(self.side, Side::Server(_))
    }

    /// Whether the peer has ended its side.
    pub(crate) const fn is_ended(&self) -> bool {
        self.ended
    }

    /// Whether a record has begun that is not whole.
    pub(crate) const fn has_kept(&self) -> bool {
        !self.kept.is_empty()
    }

    /// What came and is no record: behind close_notify, clear text.
    pub(crate) fn into_kept(self) -> Vec<u8> {
        self.kept
    }

    /// Takes what was received. Plaintext is appended to `plain`, what is to be sent to
    /// `outgoing`; both may be filled even when it fails: an alert tells the peer why.
    ///
    /// # Errors
    /// The connection is over.
    pub(crate) fn receive(
        &mut self,
        received: &mut [u8],
        plain: &mut Vec<u8>,
        outgoing: &mut Vec<u8>,
    ) -> Result<Progress, Error> {
        if received.is_empty() && !self.kept.is_empty() {
            let progress = if self.ended {
                Progress::Ended
            } else if self.agreed().is_handshaking() {
                Progress::Handshaking
            } else {
                Progress::Open
            };
            return self.failed.clone().map_or(Ok(progress), Err);
        }
        let mut taken = 0;
        while !self.kept.is_empty() && taken < received.len() {
            // Only the record that has begun is put together; the others stay where they are.
            let rest = received.get(taken..).unwrap_or_default();
            let missing = missing(&self.kept).clamp(1, rest.len());
            self.keep(rest.get(..missing).unwrap_or_default())?;
            taken += missing;
            let mut kept = std::mem::take(&mut self.kept);
            let (used, progress) = self.process(&mut kept, plain, outgoing)?;
            kept.drain(..used);
            if !kept.is_empty() {
                self.kept = kept;
            }
            if taken == received.len() || progress == Progress::Ended {
                self.keep(received.get(taken..).unwrap_or_default())?;
                return Ok(progress);
            }
        }
        let rest = received.get_mut(taken..).unwrap_or_default();
        let (used, progress) = self.process(rest, plain, outgoing)?;
        self.keep(rest.get(used..).unwrap_or_default())?;
        Ok(progress)
    }

    /// Begins: a client speaks first.
    pub(crate) fn begin(&mut self, outgoing: &mut Vec<u8>) -> Result<Progress, Error> {
        self.receive(&mut [], &mut Vec::new(), outgoing)
    }

    /// Appends the records of `plain` to `outgoing`. Only after the handshake.
    pub(crate) fn encrypt(&mut self, plain: &[u8], outgoing: &mut Vec<u8>) -> Result<(), Error> {
        let start = outgoing.len();
        outgoing.resize(start + room_for(plain.len()), 0);
        let space = outgoing.get_mut(start..).unwrap_or_default();
        let written = self.encrypt_into(plain, space);
        outgoing.truncate(start + written.as_ref().copied().unwrap_or(0));
        written.map(|_| ())
    }

    /// Writes the records of `plain` to the start of `space`, of [`room_for`] bytes, and returns
    /// how long they are.
    pub(crate) fn encrypt_into(&mut self, plain: &[u8], space: &mut [u8]) -> Result<usize, Error> {
        self.write(space, |traffic, space| traffic.encrypt(plain, space))
    }

    /// Appends close_notify: nothing follows from us.
    pub(crate) fn close(&mut self, outgoing: &mut Vec<u8>) -> Result<(), Error> {
        let start = outgoing.len();
        outgoing.resize(start + room_for(0), 0);
        let space = outgoing.get_mut(start..).unwrap_or_default();
        let written = self.write(space, |traffic, space| traffic.queue_close_notify(space));
        outgoing.truncate(start + written.as_ref().copied().unwrap_or(0));
        written.map(|_| ())
    }

    fn keep(&mut self, more: &[u8]) -> Result<(), Error> {
        if more.is_empty() {
            return Ok(());
        }
        if !self.ended && self.kept.len() + more.len() > MOST_KEPT {
            let error = Error::General("a message that does not end".into());
            return Err(self.failed.insert(error).clone());
        }
        self.kept.extend_from_slice(more);
        Ok(())
    }

    fn process(
        &mut self,
        received: &mut [u8],
        plain: &mut Vec<u8>,
        outgoing: &mut Vec<u8>,
    ) -> Result<(usize, Progress), Error> {
        let mut used = 0;
        if let Some(failed) = &self.failed {
            return Err(failed.clone());
        }
        loop {
            // After a failure there may be an alert to be encoded, which comes before anything else
            // is looked at. The bytes must stay the same: rustls remembers places in them.
            if let Some(failed) = &self.failed
                && !self.agreed().wants_write()
            {
                return Err(failed.clone());
            }
            let rest = received.get_mut(used..).unwrap_or_default();
            let (discarded, state) = match &mut self.side {
                Side::Server(connection) => {
                    take(connection.process_tls_records(rest), plain, outgoing)
                }
                Side::Client(connection) => {
                    take(connection.process_tls_records(rest), plain, outgoing)
                }
            };
            used += discarded;
            match state {
                Ok(Taken::More) => {}
                Ok(Taken::Ended) => self.ended = true,
                Ok(Taken::Pause(_)) if self.ended => return Ok((used, Progress::Ended)),
                Ok(Taken::Pause(progress)) => return Ok((used, progress)),
                Err(error) => {
                    self.failed.get_or_insert(error);
                }
            }
        }
    }

    fn write(
        &mut self,
        space: &mut [u8],
        mut write: impl FnMut(&mut dyn Traffic, &mut [u8]) -> Result<usize, EncryptError>,
    ) -> Result<usize, Error> {
        // What is waiting to be sent first: answers to key updates. What is kept is shown each time,
        // because rustls remembers places in it.
        let mut first = Vec::new();
        let mut kept = std::mem::take(&mut self.kept);
        let (used, _) = self.process(&mut kept, &mut Vec::new(), &mut first)?;
        kept.drain(..used);
        let Some((head, space)) = space.split_at_mut_checked(first.len()) else {
            return Err(Error::General("no room for an answer".into()));
        };
        head.copy_from_slice(&first);
        let written = match &mut self.side {
            Side::Server(connection) => {
                with_traffic(connection.process_tls_records(&mut kept), space, &mut write)
            }
            Side::Client(connection) => {
                with_traffic(connection.process_tls_records(&mut kept), space, &mut write)
            }
        };
        if !kept.is_empty() {
            self.kept = kept;
        }
        written.map(|written| first.len() + written)
    }
}

/// How many bytes the record at the end of `kept` still wants, or the header of the next one: a
/// handshake message may span several.
fn missing(kept: &[u8]) -> usize {
    const HEADER: usize = 5;
    let mut rest = kept;
    loop {
        let Some(&[_, _, _, high, low]) = rest.first_chunk::<HEADER>() else {
            return HEADER - rest.len();
        };
        let length = HEADER + usize::from(u16::from_be_bytes([high, low]));
        match rest.get(length..) {
            Some(next) => rest = next,
            None => return length - rest.len(),
        }
    }
}

/// The bytes that the records of so much plaintext may take.
pub(crate) const fn room_for(plain: usize) -> usize {
    plain + (plain / RECORD_BYTES + 2) * RECORD_EXTRA
}

impl fmt::Debug for TlsSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsSession")
            .field("version", &self.agreed().protocol_version())
            .field("kept", &self.kept.len())
            .finish_non_exhaustive()
    }
}

/// What one look at the connection came to.
enum Taken {
    More,
    Ended,
    Pause(Progress),
}

/// Handles one state of the connection; the bytes it has used up, and what it was.
fn take<Data>(
    status: UnbufferedStatus<'_, '_, Data>,
    plain: &mut Vec<u8>,
    outgoing: &mut Vec<u8>,
) -> (usize, Result<Taken, Error>) {
    let mut discarded = status.discard;
    let state = match status.state {
        Ok(state) => state,
        Err(error) => return (discarded, Err(error)),
    };
    let taken = match state {
        ConnectionState::ReadTraffic(mut traffic) => {
            while let Some(record) = traffic.next_record() {
                match record {
                    Ok(record) => {
                        discarded += record.discard;
                        plain.extend_from_slice(record.payload);
                    }
                    Err(error) => return (discarded, Err(error)),
                }
            }
            Taken::More
        }
        ConnectionState::EncodeTlsData(mut data) => {
            let start = outgoing.len();
            let required = match data.encode(&mut []) {
                Err(EncodeError::InsufficientSize(size)) => size.required_size,
                _ => 0,
            };
            outgoing.resize(start + required, 0);
            if data
                .encode(outgoing.get_mut(start..).unwrap_or_default())
                .is_err()
            {
                outgoing.truncate(start);
            }
            Taken::More
        }
        ConnectionState::TransmitTlsData(data) => {
            // The caller sends it; here it only counts that it is no longer the connection's.
            data.done();
            Taken::More
        }
        ConnectionState::BlockedHandshake => Taken::Pause(Progress::Handshaking),
        ConnectionState::WriteTraffic(_) => Taken::Pause(Progress::Open),
        ConnectionState::PeerClosed => Taken::Ended,
        ConnectionState::Closed => Taken::Pause(Progress::Ended),
        // Early data are never accepted (`max_early_data_size` is 0), and other states are unknown.
        _ => return (discarded, Err(Error::General("an unexpected state".into()))),
    };
    (discarded, Ok(taken))
}

/// [`WriteTraffic`] of either side.
trait Traffic {
    fn encrypt(&mut self, plain: &[u8], space: &mut [u8]) -> Result<usize, EncryptError>;
    fn queue_close_notify(&mut self, space: &mut [u8]) -> Result<usize, EncryptError>;
}

impl<Data> Traffic for WriteTraffic<'_, Data> {
    fn encrypt(&mut self, plain: &[u8], space: &mut [u8]) -> Result<usize, EncryptError> {
        WriteTraffic::encrypt(self, plain, space)
    }

    fn queue_close_notify(&mut self, space: &mut [u8]) -> Result<usize, EncryptError> {
        WriteTraffic::queue_close_notify(self, space)
    }
}

fn with_traffic<Data>(
    status: UnbufferedStatus<'_, '_, Data>,
    space: &mut [u8],
    write: &mut impl FnMut(&mut dyn Traffic, &mut [u8]) -> Result<usize, EncryptError>,
) -> Result<usize, Error> {
    match status.state? {
        ConnectionState::WriteTraffic(mut traffic) => write(&mut traffic, space)
            .map_err(|error| Error::General(format!("nothing can be encrypted: {error}"))),
        // Both sides have said their last.
        _ => Err(Error::HandshakeNotComplete),
    }
}

#[cfg(test)]
mod tests;

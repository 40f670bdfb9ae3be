//! TLS 1.3 records after the handshake, as cheap as they get: opened and sealed in place, many to a
//! system call, nothing allocated for one.
//!
//! rustls copies every record it makes into memory it allocates for it, which would be the load
//! generator's largest cost. So it makes the handshake and hands over the keys.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, TcpStream};

use anyhow::{Context, Result, anyhow, bail, ensure};
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use rustls::{ConnectionTrafficSecrets, ExtractedSecrets};

/// RFC 8446 §5.1: the type, a version and the length of the rest.
const HEADER: usize = 5;
/// What a record holds at most.
const LARGEST: usize = 1 << 14;
/// The content's type, which is encrypted with it.
const TYPE: usize = 1;
const TAG: usize = 16;
/// RFC 8446 §5.2: the most that may follow a header.
const LARGEST_BODY: usize = LARGEST + 256;

/// Records sealed before they are sent in one piece.
const SENT_TOGETHER: usize = 16;
/// What is received at once; it should stay in the processor's own cache.
const RECEIVED_TOGETHER: usize = 256 * 1024;

const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const APPLICATION_DATA: u8 = 23;
/// RFC 8446 §6: a warning, close_notify.
const CLOSE_NOTIFY: [u8; 2] = [1, 0];

/// Memory that one connection after another may use.
#[derive(Debug, Default)]
pub(crate) struct Buffers {
    pub(super) incoming: Incoming,
    /// Records being sealed.
    outgoing: Vec<u8>,
}

impl Buffers {
    /// For connections that move much.
    pub(crate) fn large() -> Self {
        Self {
            incoming: Incoming::with_room(RECEIVED_TOGETHER),
            outgoing: Vec::new(),
        }
    }
}

/// One protected connection after its handshake.
#[derive(Debug)]
pub(crate) struct Channel {
    stream: TcpStream,
    sealing: Half,
    opening: Half,
    buffers: Buffers,
}

/// What one record held.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Received<'a> {
    Data(&'a [u8]),
    /// Messages of the handshake protocol: after the handshake, tickets.
    Handshake(&'a [u8]),
    /// The peer sends nothing more, and said so.
    Closed,
}

impl Channel {
    /// Goes on with what the handshake left in `buffers`.
    pub(super) fn new(
        stream: TcpStream,
        secrets: ExtractedSecrets,
        buffers: Buffers,
    ) -> Result<Self> {
        Ok(Self {
            stream,
            sealing: Half::new(secrets.tx)?,
            opening: Half::new(secrets.rx)?,
            buffers,
        })
    }

    /// Sends a few bytes in a record of their own.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> Result<()> {
        self.send_as(APPLICATION_DATA, bytes)
    }

    /// Waits for one record.
    pub(crate) fn receive(&mut self) -> Result<Received<'_>> {
        while self.buffers.incoming.next_record()?.is_none() {
            let length = self.buffers.incoming.read_from(&self.stream)?;
            ensure!(
                length > 0,
                "the connection ended without a close_notify alert"
            );
        }
        let record = self.buffers.incoming.take_record()?.context("no record")?;
        self.opening.open(record)
    }

    /// Takes everything up to the close_notify, decrypts it and throws it away; returns its size.
    pub(crate) fn discard(&mut self) -> Result<u64> {
        let mut got = 0;
        loop {
            match self.receive() {
                Ok(Received::Data(data)) => got += data.len() as u64,
                // Tickets for a connection that will never be resumed.
                Ok(Received::Handshake(_)) => {}
                Ok(Received::Closed) => return Ok(got),
                Err(error) => return Err(error).with_context(|| format!("after {got} bytes")),
            }
        }
    }

    /// Sends `length` bytes of no meaning: each record encrypts what the one before it left there.
    pub(crate) fn pour(&mut self, length: u64) -> Result<()> {
        let mut left = length;
        while left > 0 {
            let mut used = 0;
            for _ in 0..SENT_TOGETHER {
                let content = usize::try_from(left.min(LARGEST as u64))?;
                let size = HEADER + content + TYPE + TAG;
                if self.buffers.outgoing.len() < used + size {
                    self.buffers.outgoing.resize(used + size, 0xA5);
                }
                let record = &mut self.buffers.outgoing[used..used + size];
                self.sealing.seal(record, APPLICATION_DATA)?;
                used += size;
                left -= content as u64;
                if left == 0 {
                    break;
                }
            }
            self.stream.write_all(&self.buffers.outgoing[..used])?;
        }
        Ok(())
    }

    /// Says that nothing more comes and waits until the peer closes too. To close with a ticket
    /// unread would reset the connection, and the end of what was sent might be lost.
    pub(crate) fn finish(mut self) -> Result<Buffers> {
        self.send_as(ALERT, &CLOSE_NOTIFY)?;
        self.stream.shutdown(Shutdown::Write)?;
        self.buffers.incoming.clear();
        while self.buffers.incoming.read_from(&self.stream)? > 0 {
            self.buffers.incoming.clear();
        }
        Ok(self.buffers)
    }

    /// Answers the peer's close_notify and closes.
    pub(crate) fn close(mut self) -> Buffers {
        // The peer may be gone, which is its right.
        let _ = self.send_as(ALERT, &CLOSE_NOTIFY);
        self.buffers.incoming.clear();
        self.buffers
    }

    /// The connection without its keys: nobody can say anything on it any more.
    pub(crate) fn into_stream(self) -> TcpStream {
        self.stream
    }

    fn send_as(&mut self, kind: u8, bytes: &[u8]) -> Result<()> {
        ensure!(bytes.len() <= LARGEST, "too much for one record");
        let record = &mut self.buffers.outgoing;
        let size = HEADER + bytes.len() + TYPE + TAG;
        if record.len() < size {
            record.resize(size, 0);
        }
        record[HEADER..HEADER + bytes.len()].copy_from_slice(bytes);
        self.sealing.seal(&mut record[..size], kind)?;
        self.stream.write_all(&record[..size])?;
        Ok(())
    }
}

/// One direction of a connection.
#[derive(Debug)]
struct Half {
    key: LessSafeKey,
    iv: [u8; 12],
    sequence: u64,
}

impl Half {
    fn new((sequence, secrets): (u64, ConnectionTrafficSecrets)) -> Result<Self> {
        let ConnectionTrafficSecrets::Aes256Gcm { key, iv } = secrets else {
            bail!("another cipher than the one offered");
        };
        let key = UnboundKey::new(&AES_256_GCM, key.as_ref())?;
        Ok(Self {
            key: LessSafeKey::new(key),
            iv: iv.as_ref().try_into()?,
            sequence,
        })
    }

    /// RFC 8446 §5.3.
    fn nonce(&mut self) -> Nonce {
        let mut nonce = self.iv;
        for (byte, number) in nonce[4..].iter_mut().zip(self.sequence.to_be_bytes()) {
            *byte ^= number;
        }
        self.sequence += 1;
        Nonce::assume_unique_for_key(nonce)
    }

    /// Makes a record of `record`, which has its content in place and room for all else.
    fn seal(&mut self, record: &mut [u8], kind: u8) -> Result<()> {
        let nonce = self.nonce();
        let (header, body) = record.split_at_mut(HEADER);
        let [high, low] = u16::try_from(body.len())?.to_be_bytes();
        header.copy_from_slice(&[APPLICATION_DATA, 3, 3, high, low]);
        let (inner, tag) = body.split_at_mut(body.len() - TAG);
        if let Some(last) = inner.last_mut() {
            *last = kind;
        }
        let sealed = self
            .key
            .seal_in_place_separate_tag(nonce, Aad::from(&*header), inner)?;
        tag.copy_from_slice(sealed.as_ref());
        Ok(())
    }

    fn open<'a>(&mut self, record: &'a mut [u8]) -> Result<Received<'a>> {
        let nonce = self.nonce();
        let (header, body) = record.split_at_mut(HEADER);
        ensure!(header[0] == APPLICATION_DATA, "a record in clear");
        let inner = self
            .key
            .open_in_place(nonce, Aad::from(&*header), body)
            .map_err(|_| anyhow!("a record that is not authentic"))?;
        // RFC 8446 §5.4: zeros may follow the type.
        let end = inner
            .iter()
            .rposition(|byte| *byte != 0)
            .context("a record without a type")?;
        let content = &inner[..end];
        match inner[end] {
            APPLICATION_DATA => Ok(Received::Data(content)),
            HANDSHAKE => Ok(Received::Handshake(content)),
            ALERT if content == CLOSE_NOTIFY => Ok(Received::Closed),
            ALERT => bail!("the alert {content:?}"),
            other => bail!("a record of type {other}"),
        }
    }
}

/// Bytes received and not yet used.
#[derive(Debug, Default)]
pub(super) struct Incoming {
    bytes: Vec<u8>,
    start: usize,
    end: usize,
}

impl Incoming {
    fn with_room(room: usize) -> Self {
        Self {
            bytes: vec![0; room],
            ..Self::default()
        }
    }

    fn clear(&mut self) {
        (self.start, self.end) = (0, 0);
    }

    /// Waits for more and takes as much as there is room for; 0 at the end.
    pub(super) fn read_from(&mut self, mut stream: &TcpStream) -> Result<usize> {
        self.bytes.copy_within(self.start..self.end, 0);
        (self.start, self.end) = (0, self.end - self.start);
        if self.end == self.bytes.len() {
            // A handshake and a control connection hardly need more than the first step.
            self.bytes.resize((self.end * 2).max(2048), 0);
        }
        loop {
            match stream.read(&mut self.bytes[self.end..]) {
                Ok(length) => {
                    self.end += length;
                    return Ok(length);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error).context("nothing more can be received"),
            }
        }
    }

    /// The size of the record that comes next, if it is here as a whole.
    fn next_record(&self) -> Result<Option<usize>> {
        self.record_after(0)
    }

    /// The size of the record behind the next `skipped` bytes, if it is here as a whole.
    pub(super) fn record_after(&self, skipped: usize) -> Result<Option<usize>> {
        let rest = &self.bytes[self.start + skipped..self.end];
        let Some(&[.., high, low]) = rest.get(..HEADER) else {
            return Ok(None);
        };
        let body = usize::from(u16::from_be_bytes([high, low]));
        ensure!(
            body <= LARGEST_BODY,
            "this is no TLS: `{}`",
            rest[..rest.len().min(80)].escape_ascii()
        );
        let size = HEADER + body;
        Ok((size <= rest.len()).then_some(size))
    }

    fn take_record(&mut self) -> Result<Option<&mut [u8]>> {
        let Some(size) = self.next_record()? else {
            return Ok(None);
        };
        let start = self.start;
        self.start += size;
        Ok(Some(&mut self.bytes[start..self.start]))
    }

    /// The next `length` bytes.
    pub(super) fn first(&mut self, length: usize) -> &mut [u8] {
        &mut self.bytes[self.start..self.start + length]
    }

    pub(super) fn skip(&mut self, length: usize) {
        self.start += length;
    }
}

//! ClientHellos made by hand, for what no library offers any more, and the answers to them.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::{PATIENCE, pattern};

/// A ClientHello (RFC 8446 section 4.1.2).
#[derive(Debug, Clone)]
pub struct Hello {
    /// As in the record and in the hello: 0x0301 is TLS 1.0.
    pub version: u16,
    /// The suites, by their numbers.
    pub suites: Vec<u16>,
    /// The `supported_versions` extension; none: as before TLS 1.3.
    pub versions: Vec<u16>,
    /// Protocols offered by ALPN.
    pub alpn: Vec<&'static str>,
}

/// What a server says to a hello.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// A fatal alert, by its number.
    Alert(u8),
    /// It goes on with the handshake.
    ServerHello,
    /// It closes the connection without a word.
    Closed,
    /// It says something that is not TLS.
    Clear(Vec<u8>),
}

impl Hello {
    /// A hello of TLS 1.2 with suites that are fine.
    #[must_use]
    pub fn v12() -> Self {
        Self {
            version: 0x0303,
            suites: GOOD_SUITES.to_vec(),
            versions: Vec::new(),
            alpn: Vec::new(),
        }
    }

    /// A hello of this old version, with every suite it knew.
    #[must_use]
    pub fn old(version: u16) -> Self {
        let mut suites: Vec<u16> = WEAK_SUITES.to_vec();
        suites.extend_from_slice(&GOOD_SUITES);
        Self {
            version,
            suites,
            ..Self::v12()
        }
    }

    /// A hello of TLS 1.2 with these suites.
    #[must_use]
    pub fn with_suites(suites: &[u16]) -> Self {
        Self {
            suites: suites.to_vec(),
            ..Self::v12()
        }
    }

    /// As one record.
    #[must_use]
    pub fn record(&self) -> Vec<u8> {
        let message = self.message();
        let mut record = vec![HANDSHAKE];
        // RFC 8446 section 5.1: 0x0301 in the record of a first hello, for old servers' sake.
        record.extend_from_slice(&self.version.min(0x0301).to_be_bytes());
        put16(&mut record, &message);
        record
    }

    fn message(&self) -> Vec<u8> {
        let mut body = self.version.to_be_bytes().to_vec();
        body.extend_from_slice(&pattern(u64::from(self.version), 32));
        body.push(0);
        put16(&mut body, &wide(&self.suites));
        body.extend_from_slice(&[1, 0]);
        put16(&mut body, &self.extensions());
        let mut message = vec![CLIENT_HELLO, 0];
        put16(&mut message, &body);
        message
    }

    fn extensions(&self) -> Vec<u8> {
        let mut all = Vec::new();
        // secp256r1, secp384r1, x25519; uncompressed points.
        extension(&mut all, 10, &long(&wide(&[23, 24, 29])));
        extension(&mut all, 11, &[1, 0]);
        // RSA and ECDSA with SHA-256, RSA-PSS, RSA and ECDSA with SHA-1.
        let schemes = [0x0401, 0x0403, 0x0804, 0x0201, 0x0203];
        extension(&mut all, 13, &long(&wide(&schemes)));
        if !self.versions.is_empty() {
            let versions = wide(&self.versions);
            let mut list = vec![u8::try_from(versions.len()).unwrap_or(u8::MAX)];
            list.extend_from_slice(&versions);
            extension(&mut all, 43, &list);
        }
        if !self.alpn.is_empty() {
            let mut names = Vec::new();
            for name in &self.alpn {
                names.push(u8::try_from(name.len()).unwrap_or(u8::MAX));
                names.extend_from_slice(name.as_bytes());
            }
            extension(&mut all, 16, &long(&names));
        }
        all
    }
}

/// Sends a hello and looks at what comes.
///
/// # Panics
/// When nothing comes.
#[must_use]
#[track_caller]
pub fn ask(socket: &mut TcpStream, hello: &Hello) -> Answer {
    socket.write_all(&hello.record()).expect("sending a hello");
    answer(socket)
}

/// What a server says, seen by its first record.
///
/// # Panics
/// When nothing comes.
#[must_use]
#[track_caller]
pub fn answer(socket: &mut TcpStream) -> Answer {
    socket.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let mut said = Vec::new();
    let mut piece = [0; 4096];
    loop {
        match (said.first().copied(), said.len()) {
            (Some(ALERT), 7..) => return Answer::Alert(said.get(6).copied().unwrap_or_default()),
            (Some(HANDSHAKE), _) => return Answer::ServerHello,
            (Some(ALERT) | None, _) => {}
            (Some(_), _) => return Answer::Clear(said),
        }
        match socket.read(&mut piece) {
            Ok(0) => return Answer::Closed,
            Ok(count) => said.extend_from_slice(piece.get(..count).unwrap_or_default()),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => return Answer::Closed,
            Err(error) => panic!("no answer to the hello: {error}"),
        }
    }
}

/// Sends bytes one by one, so long apart, until the other end closes or all are sent; how long
/// that took, and whether it closed.
///
/// # Panics
/// When the socket takes no options.
#[must_use]
pub fn drip(socket: &mut TcpStream, bytes: &[u8], apart: Duration) -> (Duration, bool) {
    socket.set_read_timeout(Some(apart)).expect("a timeout");
    let since = Instant::now();
    for byte in bytes {
        if socket.write_all(&[*byte]).is_err() {
            return (since.elapsed(), true);
        }
        // Waiting for the next byte's turn is waiting for the end.
        let mut piece = [0; 1024];
        match socket.read(&mut piece) {
            Ok(0) => return (since.elapsed(), true),
            Ok(_) => {}
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(_) => return (since.elapsed(), true),
        }
    }
    (since.elapsed(), false)
}

/// Cuts every handshake record in clear into records of `size` bytes, and whether what follows
/// is encrypted.
#[must_use]
pub fn split_records(bytes: &[u8], size: usize) -> (Vec<u8>, bool) {
    let mut cut = Vec::new();
    let mut rest = bytes;
    while let Some((&[kind, major, minor, high, low], after)) = rest.split_first_chunk() {
        if kind == CHANGE_CIPHER_SPEC {
            cut.extend_from_slice(rest);
            return (cut, true);
        }
        let length = usize::from(u16::from_be_bytes([high, low])).min(after.len());
        let (body, next) = after.split_at(length);
        let size = if kind == HANDSHAKE { size } else { length };
        for piece in body.chunks(size.max(1)) {
            cut.extend_from_slice(&[kind, major, minor]);
            put16(&mut cut, piece);
        }
        rest = next;
    }
    (cut, false)
}

fn extension(all: &mut Vec<u8>, kind: u16, content: &[u8]) {
    all.extend_from_slice(&kind.to_be_bytes());
    put16(all, content);
}

fn wide(numbers: &[u16]) -> Vec<u8> {
    numbers.iter().flat_map(|n| n.to_be_bytes()).collect()
}

fn long(content: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    put16(&mut out, content);
    out
}

fn put16(out: &mut Vec<u8>, content: &[u8]) {
    let length = u16::try_from(content.len()).expect("less than 64 KiB");
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(content);
}

const CLIENT_HELLO: u8 = 1;
const CHANGE_CIPHER_SPEC: u8 = 20;
const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;

/// ECDHE with AEAD, for RSA and for ECDSA keys.
pub const GOOD_SUITES: [u16; 6] = [0xc02b, 0xc02c, 0xc02f, 0xc030, 0xcca8, 0xcca9];

/// Suites of TLS 1.2 and before that are below grade: no encryption, export keys, RC4, DES, 3DES,
/// CBC with its padding oracles, no forward secrecy, no authentication, MD5, SHA-1.
pub const WEAK_SUITES: [u16; 76] = [
    // NULL
    0x0001, 0x0002, 0x003b, 0xc001, 0xc006, 0xc00b, 0xc010, 0xc015, //
    // export
    0x0003, 0x0006, 0x0008, 0x000b, 0x000e, 0x0011, 0x0014, 0x0017, 0x0019, //
    // RC4
    0x0004, 0x0005, 0x0018, 0xc002, 0xc007, 0xc00c, 0xc011, 0xc016, //
    // DES and 3DES
    0x0009, 0x000a, 0x000c, 0x000d, 0x000f, 0x0010, 0x0012, 0x0013, 0x0015, 0x0016, 0x001a, 0x001b,
    0xc003, 0xc008, 0xc00d, 0xc012, 0xc017, //
    // anonymous
    0x0034, 0x003a, 0x006c, 0x006d, 0x00a6, 0x00a7, 0xc018, 0xc019, //
    // RSA key exchange: no forward secrecy
    0x002f, 0x0035, 0x003c, 0x003d, 0x009c, 0x009d, 0x0041, 0x0084, 0x0096, 0xc09c, 0xc0a0, //
    // (EC)DHE with CBC
    0x0033, 0x0039, 0x0067, 0x006b, 0xc009, 0xc00a, 0xc013, 0xc014, 0xc023, 0xc024, 0xc027, 0xc028,
    0xc072, 0xc076, 0x0045,
];

//! Channels and global requests: RFC 4254.

use crate::encoding::{Malformed, Reader, Writer};

/// A message about channels, from either side.
#[derive(Debug, PartialEq, Eq)]
pub enum Message<'a> {
    /// SSH_MSG_GLOBAL_REQUEST; what belongs to it is left out.
    GlobalRequest {
        /// Its name.
        name: &'a [u8],
        /// Whether an answer is wanted.
        reply: bool,
        /// What follows.
        data: &'a [u8],
    },
    /// SSH_MSG_CHANNEL_OPEN; what belongs to kinds other than `session` is left out.
    Open {
        /// What is to be opened.
        kind: &'a [u8],
        /// The peer's number of it.
        peer: u32,
        /// Bytes the peer takes.
        window: u32,
        /// The largest packet it takes.
        packet: u32,
    },
    /// SSH_MSG_CHANNEL_OPEN_CONFIRMATION.
    Opened {
        /// One's own number.
        channel: u32,
        /// The peer's number.
        peer: u32,
        /// Bytes the peer takes.
        window: u32,
        /// The largest packet it takes.
        packet: u32,
    },
    /// SSH_MSG_CHANNEL_OPEN_FAILURE.
    OpenFailed {
        /// One's own number.
        channel: u32,
        /// Why, as RFC 4254 §5.1 numbers it.
        code: u32,
    },
    /// SSH_MSG_CHANNEL_WINDOW_ADJUST.
    WindowAdjust {
        /// One's own number.
        channel: u32,
        /// Bytes more.
        bytes: u32,
    },
    /// SSH_MSG_CHANNEL_DATA.
    Data {
        /// One's own number.
        channel: u32,
        /// The bytes.
        data: &'a [u8],
    },
    /// SSH_MSG_CHANNEL_EXTENDED_DATA.
    ExtendedData {
        /// One's own number.
        channel: u32,
        /// Which stream.
        code: u32,
        /// The bytes.
        data: &'a [u8],
    },
    /// SSH_MSG_CHANNEL_EOF.
    Eof(u32),
    /// SSH_MSG_CHANNEL_CLOSE.
    Close(u32),
    /// SSH_MSG_CHANNEL_REQUEST.
    Request {
        /// One's own number.
        channel: u32,
        /// Whether an answer is wanted.
        reply: bool,
        /// What is asked for.
        request: Request<'a>,
    },
    /// SSH_MSG_CHANNEL_SUCCESS.
    Success(u32),
    /// SSH_MSG_CHANNEL_FAILURE.
    Failure(u32),
    /// SSH_MSG_REQUEST_SUCCESS or SSH_MSG_REQUEST_FAILURE: an answer to a global request.
    GlobalReply(bool),
}

/// What is asked for on a channel.
#[derive(Debug, PartialEq, Eq)]
pub enum Request<'a> {
    /// A subsystem.
    Subsystem(&'a [u8]),
    /// A command.
    Exec(&'a [u8]),
    /// How a command ended.
    ExitStatus(u32),
    /// Anything else.
    Other(&'a [u8]),
}

impl<'a> Message<'a> {
    /// Reads a payload.
    ///
    /// # Errors
    /// When it is none of these messages or not whole.
    pub fn read(payload: &'a [u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(payload);
        let number = reader.byte()?;
        let message = match number {
            GLOBAL_REQUEST => Self::GlobalRequest {
                name: reader.string(MAX_NAME)?,
                reply: reader.boolean()?,
                data: remaining(&mut reader)?,
            },
            REQUEST_SUCCESS | REQUEST_FAILURE => {
                remaining(&mut reader)?;
                Self::GlobalReply(number == REQUEST_SUCCESS)
            }
            CHANNEL_OPEN => {
                let kind = reader.string(MAX_NAME)?;
                let message = Self::Open {
                    kind,
                    peer: reader.u32()?,
                    window: reader.u32()?,
                    packet: reader.u32()?,
                };
                if kind != b"session" {
                    remaining(&mut reader)?;
                }
                message
            }
            _ => Self::of_channel(number, &mut reader)?,
        };
        reader.end()?;
        Ok(message)
    }

    fn of_channel(number: u8, reader: &mut Reader<'a>) -> Result<Self, Malformed> {
        let channel = reader.u32()?;
        Ok(match number {
            CHANNEL_OPEN_CONFIRMATION => {
                let message = Self::Opened {
                    channel,
                    peer: reader.u32()?,
                    window: reader.u32()?,
                    packet: reader.u32()?,
                };
                remaining(reader)?;
                message
            }
            CHANNEL_OPEN_FAILURE => {
                let code = reader.u32()?;
                reader.string(MAX_TEXT)?;
                reader.string(MAX_NAME)?;
                Self::OpenFailed { channel, code }
            }
            CHANNEL_WINDOW_ADJUST => Self::WindowAdjust {
                channel,
                bytes: reader.u32()?,
            },
            CHANNEL_DATA => Self::Data {
                channel,
                data: reader.string(crate::cipher::MAX_PACKET)?,
            },
            CHANNEL_EXTENDED_DATA => Self::ExtendedData {
                channel,
                code: reader.u32()?,
                data: reader.string(crate::cipher::MAX_PACKET)?,
            },
            CHANNEL_EOF => Self::Eof(channel),
            CHANNEL_CLOSE => Self::Close(channel),
            CHANNEL_REQUEST => {
                let name = reader.string(MAX_NAME)?;
                Self::Request {
                    channel,
                    reply: reader.boolean()?,
                    request: Request::read(name, reader)?,
                }
            }
            CHANNEL_SUCCESS => Self::Success(channel),
            CHANNEL_FAILURE => Self::Failure(channel),
            _ => return Err(Malformed::Trailing),
        })
    }
}

impl<'a> Request<'a> {
    fn read(name: &'a [u8], reader: &mut Reader<'a>) -> Result<Self, Malformed> {
        Ok(match name {
            b"subsystem" => Self::Subsystem(reader.string(MAX_NAME)?),
            b"exec" => Self::Exec(reader.string(MAX_COMMAND)?),
            b"exit-status" => Self::ExitStatus(reader.u32()?),
            other => {
                remaining(reader)?;
                Self::Other(other)
            }
        })
    }
}

/// Why a channel is not opened (RFC 4254 §5.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenRefusal {
    /// It is not allowed.
    Prohibited = 1,
    /// A kind that is not known.
    UnknownKind = 3,
    /// There are too many.
    Shortage = 4,
}

/// SSH_MSG_CHANNEL_OPEN_CONFIRMATION.
#[must_use]
pub fn opened(peer: u32, channel: u32, window: u32, packet: u32) -> Vec<u8> {
    let mut payload = vec![CHANNEL_OPEN_CONFIRMATION];
    for value in [peer, channel, window, packet] {
        payload.put_u32(value);
    }
    payload
}

/// SSH_MSG_CHANNEL_OPEN_FAILURE.
#[must_use]
pub fn not_opened(peer: u32, refusal: OpenRefusal, text: &str) -> Vec<u8> {
    let mut payload = vec![CHANNEL_OPEN_FAILURE];
    payload.put_u32(peer);
    payload.put_u32(refusal as u32);
    payload.put_string(text.as_bytes());
    payload.put_string(b"");
    payload
}

/// SSH_MSG_CHANNEL_WINDOW_ADJUST.
#[must_use]
pub fn window_adjust(peer: u32, bytes: u32) -> Vec<u8> {
    let mut payload = vec![CHANNEL_WINDOW_ADJUST];
    payload.put_u32(peer);
    payload.put_u32(bytes);
    payload
}

/// The front of SSH_MSG_CHANNEL_DATA with `length` bytes to follow.
#[must_use]
pub const fn data_header(peer: u32, length: u32) -> [u8; DATA_HEADER] {
    let ([a, b, c, d], [e, f, g, h]) = (peer.to_be_bytes(), length.to_be_bytes());
    [CHANNEL_DATA, a, b, c, d, e, f, g, h]
}

/// SSH_MSG_CHANNEL_EXTENDED_DATA of the stream of errors.
#[must_use]
pub fn error_text(peer: u32, text: &[u8]) -> Vec<u8> {
    let mut payload = vec![CHANNEL_EXTENDED_DATA];
    payload.put_u32(peer);
    payload.put_u32(1);
    payload.put_string(text);
    payload
}

/// SSH_MSG_CHANNEL_EOF.
#[must_use]
pub fn eof(peer: u32) -> Vec<u8> {
    of_channel(CHANNEL_EOF, peer)
}

/// SSH_MSG_CHANNEL_CLOSE.
#[must_use]
pub fn close(peer: u32) -> Vec<u8> {
    of_channel(CHANNEL_CLOSE, peer)
}

/// SSH_MSG_CHANNEL_SUCCESS or SSH_MSG_CHANNEL_FAILURE.
#[must_use]
pub fn answer(peer: u32, success: bool) -> Vec<u8> {
    let number = if success {
        CHANNEL_SUCCESS
    } else {
        CHANNEL_FAILURE
    };
    of_channel(number, peer)
}

/// The request that tells how a command ended.
#[must_use]
pub fn exit_status(peer: u32, status: u32) -> Vec<u8> {
    let mut payload = of_channel(CHANNEL_REQUEST, peer);
    payload.put_string(b"exit-status");
    payload.put_boolean(false);
    payload.put_u32(status);
    payload
}

/// SSH_MSG_GLOBAL_REQUEST.
#[must_use]
pub fn global_request(name: &[u8], reply: bool, data: &[u8]) -> Vec<u8> {
    let mut payload = vec![GLOBAL_REQUEST];
    payload.put_string(name);
    payload.put_boolean(reply);
    payload.extend_from_slice(data);
    payload
}

/// SSH_MSG_REQUEST_SUCCESS with its data.
#[must_use]
pub fn global_success(data: &[u8]) -> Vec<u8> {
    [&[REQUEST_SUCCESS], data].concat()
}

/// SSH_MSG_REQUEST_FAILURE.
#[must_use]
pub fn global_failure() -> Vec<u8> {
    vec![REQUEST_FAILURE]
}

fn of_channel(number: u8, peer: u32) -> Vec<u8> {
    let mut payload = vec![number];
    payload.put_u32(peer);
    payload
}

fn remaining<'a>(reader: &mut Reader<'a>) -> Result<&'a [u8], Malformed> {
    reader.bytes(reader.rest().len())
}

/// Bytes in front of the data of SSH_MSG_CHANNEL_DATA.
pub const DATA_HEADER: usize = 9;

const GLOBAL_REQUEST: u8 = 80;
const REQUEST_SUCCESS: u8 = 81;
const REQUEST_FAILURE: u8 = 82;
const CHANNEL_OPEN: u8 = 90;
const CHANNEL_OPEN_CONFIRMATION: u8 = 91;
const CHANNEL_OPEN_FAILURE: u8 = 92;
const CHANNEL_WINDOW_ADJUST: u8 = 93;
const CHANNEL_DATA: u8 = 94;
const CHANNEL_EXTENDED_DATA: u8 = 95;
const CHANNEL_EOF: u8 = 96;
const CHANNEL_CLOSE: u8 = 97;
const CHANNEL_REQUEST: u8 = 98;
const CHANNEL_SUCCESS: u8 = 99;
const CHANNEL_FAILURE: u8 = 100;

const MAX_NAME: usize = 128;
const MAX_TEXT: usize = 4096;
/// A command, which is a path and a few options.
const MAX_COMMAND: usize = 16 * 1024;

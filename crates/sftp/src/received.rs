//! Responses as a client reads them.

use crate::request::kind;
use crate::wire::Reader;
use crate::{
    Attributes, Fault, MAX_EXTENSIONS, MAX_HANDLE, MAX_LONGNAME, MAX_NAME, MAX_PACKET, MAX_TEXT,
    MAX_WORD, Malformed, Status,
};

/// One response, its names and data borrowed from the packet (filexfer-02 7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields are what the variant names")]
pub enum Response<'a> {
    /// The server's version, at most the one that was named to it, and its extensions.
    Version { version: u32, extensions: Pairs<'a> },
    /// How a request ended. `code` is kept whatever it is; `text` is empty where it was left out.
    Status { id: u32, code: u32, text: &'a [u8] },
    /// What was opened.
    Handle { id: u32, handle: &'a [u8] },
    /// Bytes of a file, as many as were asked for or fewer. None at all is a protocol error of
    /// the server, for the one who reads the file to say.
    Data { id: u32, data: &'a [u8] },
    /// Names.
    Names { id: u32, entries: Entries<'a> },
    /// What is known of a file.
    Attributes { id: u32, attributes: Attributes },
    /// What an extension answers; `body` is read by the type the request names.
    ExtendedReply { id: u32, body: &'a [u8] },
}

/// Pairs of an extension's name and what is said of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pairs<'a>(&'a [u8]);

/// The entries of NAMES. They were checked when the packet was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entries<'a> {
    bytes: &'a [u8],
    left: u32,
}

/// One entry of NAMES.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry<'a> {
    /// Its name: for READDIR one component, or so it should be. Who makes a file of that name
    /// checks it.
    pub name: &'a [u8],
    /// A line for people. Programs take `attributes`.
    pub longname: &'a [u8],
    /// What is known of it.
    pub attributes: Attributes,
}

impl<'a> Response<'a> {
    /// Reads a packet without its length field, to its last byte.
    ///
    /// # Errors
    ///
    /// What cannot be read, with the id of the request it answers where there is one.
    pub fn decode(body: &'a [u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(body);
        let refused = |fault| Malformed {
            id: response_id(body),
            fault,
        };
        let response = read(&mut reader).map_err(refused)?;
        reader.end().map_err(refused)?;
        Ok(response)
    }

    /// The id of the request it answers, which every response but VERSION has.
    #[must_use]
    pub const fn id(&self) -> Option<u32> {
        match self {
            Self::Version { .. } => None,
            Self::Status { id, .. }
            | Self::Handle { id, .. }
            | Self::Data { id, .. }
            | Self::Names { id, .. }
            | Self::Attributes { id, .. }
            | Self::ExtendedReply { id, .. } => Some(*id),
        }
    }

    /// The status, where it is one of version 3.
    #[must_use]
    pub fn status(&self) -> Option<Status> {
        match self {
            Self::Status { code, .. } => Status::from_code(*code),
            Self::Version { .. }
            | Self::Handle { .. }
            | Self::Data { .. }
            | Self::Names { .. }
            | Self::Attributes { .. }
            | Self::ExtendedReply { .. } => None,
        }
    }
}

fn response_id(body: &[u8]) -> Option<u32> {
    let (kind, rest) = body.split_first()?;
    if matches!(*kind, kind::INIT | kind::VERSION) {
        return None;
    }
    Reader::new(rest).u32("id").ok()
}

fn read<'a>(reader: &mut Reader<'a>) -> Result<Response<'a>, Fault> {
    let kind = reader.u8("type")?;
    if kind == kind::VERSION {
        let version = reader.u32("version")?;
        let extensions = Pairs::read(reader)?;
        return Ok(Response::Version {
            version,
            extensions,
        });
    }
    if !matches!(kind, kind::STATUS..=kind::ATTRIBUTES | kind::EXTENDED_REPLY) {
        return Err(Fault::UnknownType(kind));
    }
    let id = reader.u32("id")?;
    match kind {
        kind::STATUS => status(id, reader),
        kind::HANDLE => Ok(Response::Handle {
            id,
            handle: reader.string("handle", MAX_HANDLE)?,
        }),
        kind::DATA => Ok(Response::Data {
            id,
            data: reader.string("data", MAX_PACKET)?,
        }),
        kind::NAMES => Ok(Response::Names {
            id,
            entries: Entries::read(reader)?,
        }),
        kind::ATTRIBUTES => Ok(Response::Attributes {
            id,
            attributes: Attributes::read(reader)?,
        }),
        kind::EXTENDED_REPLY => Ok(Response::ExtendedReply {
            id,
            body: reader.rest(),
        }),
        kind => Err(Fault::UnknownType(kind)),
    }
}

/// Servers exist that leave out the text and its language, as versions before 3 did.
fn status<'a>(id: u32, reader: &mut Reader<'a>) -> Result<Response<'a>, Fault> {
    let code = reader.u32("status")?;
    let mut text: &[u8] = &[];
    if !reader.is_empty() {
        text = reader.string("text", MAX_PACKET)?;
    }
    if !reader.is_empty() {
        reader.string("language", MAX_WORD)?;
    }
    let text = text.get(..MAX_TEXT).unwrap_or(text);
    Ok(Response::Status { id, code, text })
}

impl<'a> Pairs<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self, Fault> {
        let bytes = reader.rest();
        let mut rest = Reader::new(bytes);
        let mut count = 0;
        while !rest.is_empty() {
            pair(&mut rest)?;
            count += 1;
            if count > MAX_EXTENSIONS {
                return Err(Fault::TooLong("list of extensions"));
            }
        }
        Ok(Self(bytes))
    }
}

fn pair<'a>(reader: &mut Reader<'a>) -> Result<(&'a [u8], &'a [u8]), Fault> {
    Ok((
        reader.string("extension's name", MAX_WORD)?,
        reader.string("extension's data", MAX_PACKET)?,
    ))
}

impl<'a> Iterator for Pairs<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let mut reader = Reader::new(self.0);
        let pair = pair(&mut reader).ok()?;
        self.0 = reader.rest();
        Some(pair)
    }
}

impl<'a> Entries<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self, Fault> {
        let left = reader.u32("count of names")?;
        let bytes = reader.rest();
        let mut rest = Reader::new(bytes);
        // An entry has twelve bytes at least, so a count beyond the packet ends this soon.
        for _ in 0..left {
            entry(&mut rest)?;
        }
        rest.end()?;
        Ok(Self { bytes, left })
    }

    /// How many there are.
    #[must_use]
    pub const fn count_left(&self) -> u32 {
        self.left
    }
}

fn entry<'a>(reader: &mut Reader<'a>) -> Result<Entry<'a>, Fault> {
    Ok(Entry {
        name: reader.string("name", MAX_NAME)?,
        longname: reader.string("long name", MAX_LONGNAME)?,
        attributes: Attributes::read(reader)?,
    })
}

impl<'a> Iterator for Entries<'a> {
    type Item = Entry<'a>;

    fn next(&mut self) -> Option<Entry<'a>> {
        self.left = self.left.checked_sub(1)?;
        let mut reader = Reader::new(self.bytes);
        let entry = entry(&mut reader).ok()?;
        self.bytes = reader.rest();
        Some(entry)
    }
}

#[cfg(test)]
mod tests;

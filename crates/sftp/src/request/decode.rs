//! Reading requests.

use super::{OpenFlags, Request, kind};
use crate::wire::Reader;
use crate::{
    Attributes, Extended, Fault, MAX_EXTENSIONS, MAX_HANDLE, MAX_NAME, MAX_PACKET, MAX_WORD,
    Malformed,
};

impl<'a> Request<'a> {
    /// Reads a packet without its length field, to its last byte; what stands behind the data of a
    /// WRITE is left.
    ///
    /// # Errors
    ///
    /// What cannot be read, with the request's id where there is one. The packets before and
    /// after it are not concerned; [`Malformed::status`] is what to answer.
    pub fn decode(body: &'a [u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(body);
        let refused = |fault| Malformed {
            id: request_id(body),
            fault,
        };
        let request = read(&mut reader).map_err(refused)?;
        match request {
            // Go's pkg/sftp (rclone) sends its whole buffer behind a shorter WRITE; OpenSSH takes
            // the data and leaves the rest.
            Request::Write { .. } => {}
            _ => reader.end().map_err(refused)?,
        }
        Ok(request)
    }
}

/// INIT has none, and VERSION, which no client sends, neither. Types nobody knows have one in
/// every version of the draft.
fn request_id(body: &[u8]) -> Option<u32> {
    let (kind, rest) = body.split_first()?;
    if matches!(*kind, kind::INIT | kind::VERSION) {
        return None;
    }
    Reader::new(rest).u32("id").ok()
}

fn read<'a>(reader: &mut Reader<'a>) -> Result<Request<'a>, Fault> {
    let kind = reader.u8("type")?;
    if kind == kind::INIT {
        return init(reader);
    }
    if !matches!(kind, kind::OPEN..=kind::SYMLINK | kind::EXTENDED) {
        return Err(Fault::UnknownType(kind));
    }
    let id = reader.u32("id")?;
    match kind {
        kind::OPEN | kind::READ | kind::WRITE | kind::CLOSE | kind::FSTAT | kind::READDIR => {
            of_a_file(kind, id, reader)
        }
        kind::SETSTAT | kind::FSETSTAT | kind::MKDIR => setting(kind, id, reader),
        kind::RENAME => Ok(Request::Rename {
            id,
            from: path(reader)?,
            to: reader.string("new path", MAX_NAME)?,
        }),
        kind::SYMLINK => Ok(Request::Symlink {
            id,
            target: reader.string("target", MAX_NAME)?,
            link: reader.string("link path", MAX_NAME)?,
        }),
        kind::EXTENDED => Ok(Request::Extended {
            id,
            request: Extended::read(reader)?,
        }),
        kind => of_a_path(kind, id, path(reader)?),
    }
}

fn init<'a>(reader: &mut Reader<'a>) -> Result<Request<'a>, Fault> {
    let version = reader.u32("version")?;
    let mut pairs = 0;
    while !reader.is_empty() {
        reader.string("extension's name", MAX_WORD)?;
        reader.string("extension's data", MAX_PACKET)?;
        pairs += 1;
        if pairs > MAX_EXTENSIONS {
            return Err(Fault::TooLong("list of extensions"));
        }
    }
    Ok(Request::Init { version })
}

fn of_a_file<'a>(kind: u8, id: u32, reader: &mut Reader<'a>) -> Result<Request<'a>, Fault> {
    if kind == kind::OPEN {
        return Ok(Request::Open {
            id,
            path: path(reader)?,
            flags: OpenFlags(reader.u32("open flags")?),
            attributes: Attributes::read(reader)?,
        });
    }
    let handle = handle(reader)?;
    match kind {
        kind::READ => Ok(Request::Read {
            id,
            handle,
            offset: reader.u64("offset")?,
            length: reader.u32("length")?,
        }),
        kind::WRITE => Ok(Request::Write {
            id,
            handle,
            offset: reader.u64("offset")?,
            data: reader.string("data", MAX_PACKET)?,
        }),
        kind::CLOSE => Ok(Request::Close { id, handle }),
        kind::FSTAT => Ok(Request::Fstat { id, handle }),
        kind::READDIR => Ok(Request::Readdir { id, handle }),
        kind => Err(Fault::UnknownType(kind)),
    }
}

fn setting<'a>(kind: u8, id: u32, reader: &mut Reader<'a>) -> Result<Request<'a>, Fault> {
    if kind == kind::FSETSTAT {
        return Ok(Request::Fsetstat {
            id,
            handle: handle(reader)?,
            attributes: Attributes::read(reader)?,
        });
    }
    let path = path(reader)?;
    let attributes = Attributes::read(reader)?;
    match kind {
        kind::SETSTAT => Ok(Request::Setstat {
            id,
            path,
            attributes,
        }),
        kind::MKDIR => Ok(Request::Mkdir {
            id,
            path,
            attributes,
        }),
        kind => Err(Fault::UnknownType(kind)),
    }
}

fn of_a_path(kind: u8, id: u32, path: &[u8]) -> Result<Request<'_>, Fault> {
    match kind {
        kind::LSTAT => Ok(Request::Lstat { id, path }),
        kind::OPENDIR => Ok(Request::Opendir { id, path }),
        kind::REMOVE => Ok(Request::Remove { id, path }),
        kind::RMDIR => Ok(Request::Rmdir { id, path }),
        kind::REALPATH => Ok(Request::Realpath { id, path }),
        kind::STAT => Ok(Request::Stat { id, path }),
        kind::READLINK => Ok(Request::Readlink { id, path }),
        kind => Err(Fault::UnknownType(kind)),
    }
}

pub(crate) fn path<'a>(reader: &mut Reader<'a>) -> Result<&'a [u8], Fault> {
    reader.string("path", MAX_NAME)
}

pub(crate) fn handle<'a>(reader: &mut Reader<'a>) -> Result<&'a [u8], Fault> {
    reader.string("handle", MAX_HANDLE)
}

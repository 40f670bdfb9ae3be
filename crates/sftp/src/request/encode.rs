//! Saying requests.

use super::{Request, kind};
use crate::wire::Writer;
use crate::{Attributes, MAX_DATA, MAX_HANDLE, MAX_NAME, Unsayable};

impl Request<'_> {
    /// Appends the packet with its length field.
    ///
    /// # Errors
    ///
    /// A field is longer than its bound, or the packet than [`crate::MAX_PACKET`]; `out` is as it
    /// was.
    pub fn encode_into(&self, out: &mut Vec<u8>) -> Result<(), Unsayable> {
        let mut writer = Writer::begin(out, self.kind());
        if let Some(id) = self.id() {
            writer.u32(id);
        }
        self.write_fields(&mut writer);
        writer.end()
    }

    fn write_fields(&self, writer: &mut Writer<'_>) {
        match self {
            Self::Init { version } => writer.u32(*version),
            Self::Open {
                path,
                flags,
                attributes,
                ..
            } => {
                writer.string("path", MAX_NAME, path);
                writer.u32(flags.0);
                attributes.write(writer);
            }
            Self::Close { handle, .. }
            | Self::Fstat { handle, .. }
            | Self::Readdir { handle, .. } => {
                writer.string("handle", MAX_HANDLE, handle);
            }
            Self::Read {
                handle,
                offset,
                length,
                ..
            } => {
                writer.string("handle", MAX_HANDLE, handle);
                writer.u64(*offset);
                writer.u32(*length);
            }
            Self::Write {
                handle,
                offset,
                data,
                ..
            } => {
                writer.string("handle", MAX_HANDLE, handle);
                writer.u64(*offset);
                writer.string("data", MAX_DATA, data);
            }
            Self::Lstat { path, .. }
            | Self::Opendir { path, .. }
            | Self::Remove { path, .. }
            | Self::Rmdir { path, .. }
            | Self::Realpath { path, .. }
            | Self::Stat { path, .. }
            | Self::Readlink { path, .. } => writer.string("path", MAX_NAME, path),
            Self::Setstat {
                path, attributes, ..
            }
            | Self::Mkdir {
                path, attributes, ..
            } => with_attributes(writer, ("path", MAX_NAME), path, attributes),
            Self::Fsetstat {
                handle, attributes, ..
            } => with_attributes(writer, ("handle", MAX_HANDLE), handle, attributes),
            Self::Rename { from, to, .. } => {
                writer.string("path", MAX_NAME, from);
                writer.string("new path", MAX_NAME, to);
            }
            Self::Symlink { target, link, .. } => {
                writer.string("target", MAX_NAME, target);
                writer.string("link path", MAX_NAME, link);
            }
            Self::Extended { request, .. } => request.write(writer),
        }
    }

    const fn kind(&self) -> u8 {
        match self {
            Self::Init { .. } => kind::INIT,
            Self::Open { .. } => kind::OPEN,
            Self::Close { .. } => kind::CLOSE,
            Self::Read { .. } => kind::READ,
            Self::Write { .. } => kind::WRITE,
            Self::Lstat { .. } => kind::LSTAT,
            Self::Fstat { .. } => kind::FSTAT,
            Self::Setstat { .. } => kind::SETSTAT,
            Self::Fsetstat { .. } => kind::FSETSTAT,
            Self::Opendir { .. } => kind::OPENDIR,
            Self::Readdir { .. } => kind::READDIR,
            Self::Remove { .. } => kind::REMOVE,
            Self::Mkdir { .. } => kind::MKDIR,
            Self::Rmdir { .. } => kind::RMDIR,
            Self::Realpath { .. } => kind::REALPATH,
            Self::Stat { .. } => kind::STAT,
            Self::Rename { .. } => kind::RENAME,
            Self::Readlink { .. } => kind::READLINK,
            Self::Symlink { .. } => kind::SYMLINK,
            Self::Extended { .. } => kind::EXTENDED,
        }
    }
}

/// Appends a WRITE up to where its `length` bytes of data stand: who has them puts them behind
/// it, and nothing is copied.
///
/// # Errors
///
/// As for [`Request::encode_into`]; `length` is at most [`MAX_DATA`].
pub fn write_header(
    out: &mut Vec<u8>,
    id: u32,
    handle: &[u8],
    offset: u64,
    length: u32,
) -> Result<(), Unsayable> {
    if usize::try_from(length).map_or(true, |length| length > MAX_DATA) {
        return Err(Unsayable("data"));
    }
    let mut writer = Writer::begin(out, kind::WRITE);
    writer.u32(id);
    writer.string("handle", MAX_HANDLE, handle);
    writer.u64(offset);
    writer.u32(length);
    writer.end_before(length)
}

fn with_attributes(
    writer: &mut Writer<'_>,
    (field, most): (&'static str, usize),
    named: &[u8],
    attributes: &Attributes,
) {
    writer.string(field, most, named);
    attributes.write(writer);
}

//! Responses as a server says them. Each function appends one whole packet with its length field.
//!
//! What an answer cannot hold because it is longer than its bound becomes a FAILURE that says so:
//! the client waits for an answer to each request, whatever it is.

mod names;

pub use names::{Names, name_one};

use crate::request::kind;
use crate::wire::Writer;
use crate::{
    Attributes, CheckFile, Limits, MAX_EXTENSIONS, MAX_HANDLE, MAX_IDS, MAX_PACKET, MAX_TEXT,
    MAX_WORD, SpaceAvailable, Status, Statvfs, VERSION,
};

/// The answer to INIT: version 3, and each extension's name with what is said of it. Of them, the
/// ones that can be said and fit into one packet are.
pub fn version<N, D>(out: &mut Vec<u8>, extensions: impl IntoIterator<Item = (N, D)>)
where
    N: AsRef<[u8]>,
    D: AsRef<[u8]>,
{
    let mut writer = Writer::begin(out, kind::VERSION);
    writer.u32(VERSION);
    for (name, data) in extensions.into_iter().take(MAX_EXTENSIONS) {
        let (name, data) = (name.as_ref(), data.as_ref());
        let fits = writer.len() + 8 + name.len() + data.len() <= MAX_PACKET;
        if fits && name.len() <= MAX_WORD {
            writer.string("extension's name", MAX_WORD, name);
            writer.string("extension's data", MAX_PACKET, data);
        }
    }
    let _ = writer.end();
}

/// How a request ended. `text` is shown to people; beyond [`MAX_TEXT`] bytes it is cut.
pub fn status(out: &mut Vec<u8>, id: u32, status: Status, text: &str) {
    let mut writer = Writer::begin(out, kind::STATUS);
    writer.u32(id);
    writer.u32(status.code());
    writer.string("text", MAX_TEXT, cut(text).as_bytes());
    writer.string("language", 0, b"");
    let _ = writer.end();
}

/// The handle of what was opened, at most [`MAX_HANDLE`] bytes.
pub fn handle(out: &mut Vec<u8>, id: u32, handle: &[u8]) {
    packet(out, id, kind::HANDLE, |writer| {
        writer.string("handle", MAX_HANDLE, handle);
    });
}

/// What is known of a file.
pub fn attributes(out: &mut Vec<u8>, id: u32, attributes: &Attributes) {
    packet(out, id, kind::ATTRIBUTES, |writer| attributes.write(writer));
}

/// The front of a DATA packet, behind which the caller puts `length` bytes of the file:
/// 1..=[`crate::MAX_DATA`]. An end of the file is EOF, never a DATA of nothing.
#[must_use]
pub const fn data_header(length: u32, id: u32) -> [u8; 13] {
    let [p1, p2, p3, p4] = length.saturating_add(9).to_be_bytes();
    let [i1, i2, i3, i4] = id.to_be_bytes();
    let [l1, l2, l3, l4] = length.to_be_bytes();
    [p1, p2, p3, p4, kind::DATA, i1, i2, i3, i4, l1, l2, l3, l4]
}

/// The space of a file system.
pub fn statvfs(out: &mut Vec<u8>, id: u32, statvfs: &Statvfs) {
    packet(out, id, kind::EXTENDED_REPLY, |writer| {
        statvfs.write(writer);
    });
}

/// What the server allows.
pub fn limits(out: &mut Vec<u8>, id: u32, limits: &Limits) {
    packet(out, id, kind::EXTENDED_REPLY, |writer| limits.write(writer));
}

/// The space at a path.
pub fn space_available(out: &mut Vec<u8>, id: u32, space: &SpaceAvailable) {
    packet(out, id, kind::EXTENDED_REPLY, |writer| space.write(writer));
}

/// The names of ids, one for each that was asked for and in that order. Where there is none, or
/// no room left for it, an empty one.
pub fn users_groups<U, G>(
    out: &mut Vec<u8>,
    id: u32,
    users: impl IntoIterator<Item = U>,
    groups: impl IntoIterator<Item = G>,
) where
    U: AsRef<[u8]>,
    G: AsRef<[u8]>,
{
    packet(out, id, kind::EXTENDED_REPLY, |writer| {
        name_list(writer, users);
        name_list(writer, groups);
    });
}

/// The hashes of a file, one behind the other. `echo` is that of
/// [`crate::Extended::CheckFileHandle`], and `false` for a path.
pub fn check_file(out: &mut Vec<u8>, id: u32, echo: bool, algorithm: &str, hashes: &[u8]) {
    packet(out, id, kind::EXTENDED_REPLY, |writer| {
        if echo {
            writer.string("name", MAX_WORD, CheckFile::ECHO);
        }
        writer.string("algorithm", MAX_WORD, algorithm.as_bytes());
        if hashes.len() > MAX_PACKET {
            writer.refuse("list of hashes");
        } else {
            writer.out.extend_from_slice(hashes);
        }
    });
}

fn packet(out: &mut Vec<u8>, id: u32, kind: u8, write: impl FnOnce(&mut Writer<'_>)) {
    let mut writer = Writer::begin(out, kind);
    writer.u32(id);
    write(&mut writer);
    if let Err(unsayable) = writer.end() {
        status(out, id, Status::Failure, &unsayable.to_string());
    }
}

/// Half of a packet for each list, so that long names of users leave room for groups, less what
/// [`MAX_IDS`] empty names take.
const MAX_NAME_LIST: usize = MAX_PACKET / 2 - 64 - 4 * MAX_IDS;

fn name_list<N: AsRef<[u8]>>(writer: &mut Writer<'_>, names: impl IntoIterator<Item = N>) {
    writer.string_of("names", |out| {
        let start = out.len();
        for name in names.into_iter().take(MAX_IDS) {
            let name = name.as_ref();
            let fits = out.len() - start + name.len() <= MAX_NAME_LIST;
            let said = if fits && name.len() <= MAX_WORD {
                name
            } else {
                &[]
            };
            out.extend(u32::try_from(said.len()).unwrap_or_default().to_be_bytes());
            out.extend_from_slice(said);
        }
    });
}

fn cut(text: &str) -> &str {
    let end = text.floor_char_boundary(MAX_TEXT);
    text.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests;

//! NAMES: answers to READDIR, REALPATH and READLINK.

use super::status;
use crate::attributes::MAX_WRITTEN;
use crate::request::kind;
use crate::wire::{Writer, set_u32};
use crate::{Attributes, MAX_LONGNAME, MAX_NAME, MAX_NAMES_PACKET, Status};

/// A NAMES packet with any number of names, which is whole after [`Names::end`].
#[derive(Debug)]
#[must_use = "the packet is whole after `end` only"]
pub struct Names<'o> {
    writer: Writer<'o>,
    count_at: usize,
    count: u32,
}

impl<'o> Names<'o> {
    /// Begins the answer to request `id`.
    pub fn begin(out: &'o mut Vec<u8>, id: u32) -> Self {
        let mut writer = Writer::begin(out, kind::NAMES);
        writer.u32(id);
        let count_at = writer.out.len();
        writer.u32(0);
        Self {
            writer,
            count_at,
            count: 0,
        }
    }

    /// Appends one entry. `longname` is the line `ls -l` would show ([`crate::longname`]).
    ///
    /// `false`, and nothing appended, when the packet is full: end it, and put the entry at the
    /// front of the next one. An empty packet takes every entry within [`MAX_NAME`] and
    /// [`MAX_LONGNAME`].
    #[must_use]
    pub fn push(&mut self, name: &[u8], longname: &[u8], attributes: &Attributes) -> bool {
        let more = 8 + name.len() + longname.len() + MAX_WRITTEN;
        if name.len() > MAX_NAME
            || longname.len() > MAX_LONGNAME
            || self.writer.len() + more > MAX_NAMES_PACKET
        {
            return false;
        }
        self.writer.string("name", MAX_NAME, name);
        self.writer.string("long name", MAX_LONGNAME, longname);
        attributes.write(&mut self.writer);
        self.count += 1;
        true
    }

    /// How many there are.
    #[must_use]
    pub const fn count(&self) -> u32 {
        self.count
    }

    /// Ends the packet and says how many names it has. With none it is taken back, and EOF is the
    /// answer to give.
    pub fn end(self) -> u32 {
        if self.count == 0 {
            self.writer.cancel();
            return 0;
        }
        set_u32(self.writer.out, self.count_at, self.count);
        match self.writer.end() {
            Ok(()) => self.count,
            Err(_) => 0,
        }
    }
}

/// The answer to REALPATH and READLINK: one name. Most servers say it twice and send no
/// attributes.
pub fn name_one(out: &mut Vec<u8>, id: u32, name: &[u8], longname: &[u8], attributes: &Attributes) {
    let mut names = Names::begin(out, id);
    let _ = names.push(name, longname, attributes);
    if names.end() == 0 {
        status(out, id, Status::Failure, "the name is too long");
    }
}

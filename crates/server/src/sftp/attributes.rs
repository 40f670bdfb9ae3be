//! What a store knows of a file, as SFTP says it, and the other way round.

use wharf_sftp::{Attributes, FileType, longname};
use wharf_vfs::{Kind, Metadata, Timestamp};

/// filexfer-02 §5. Times are 32 bits there: what does not fit is the nearest that does.
pub(super) fn told(metadata: &Metadata) -> Attributes {
    let kind = match metadata.kind {
        Kind::File => FileType::Regular.bits(),
        Kind::Directory => FileType::Directory.bits(),
        Kind::Symlink => FileType::Symlink.bits(),
        // Which it is does not matter: none can be opened here.
        Kind::Other => FileType::Pipe.bits(),
    };
    let modified = metadata.modified.seconds.clamp(0, i64::from(u32::MAX));
    let modified = u32::try_from(modified).unwrap_or_default();
    Attributes {
        size: Some(metadata.size),
        owner: Some((metadata.uid, metadata.gid)),
        permissions: Some(kind | metadata.mode & 0o7777),
        // The store keeps no time of the last access.
        times: Some((modified, modified)),
    }
}

/// What to change. The size is no attribute of a store; the caller sets it apart.
pub(super) fn asked(attributes: &Attributes) -> wharf_vfs::Attributes {
    let time = |seconds: u32| Timestamp {
        seconds: i64::from(seconds),
        nanos: 0,
    };
    wharf_vfs::Attributes {
        mode: attributes.permissions.map(|mode| mode & 0o7777),
        modified: attributes.times.map(|(_, modified)| time(modified)),
        accessed: attributes.times.map(|(accessed, _)| time(accessed)),
        uid: attributes.owner.map(|(uid, _)| uid),
        gid: attributes.owner.map(|(_, gid)| gid),
    }
}

/// Whether anything but the size is asked for.
pub(super) const fn asks_more_than_size(attributes: &Attributes) -> bool {
    attributes.permissions.is_some() || attributes.times.is_some() || attributes.owner.is_some()
}

/// The line `ls -l` would show.
pub(super) fn line(out: &mut Vec<u8>, name: &[u8], metadata: &Metadata, now: i64) {
    out.clear();
    let attributes = told(metadata);
    let (owner, group) = (Number::new(metadata.uid), Number::new(metadata.gid));
    longname::Line {
        mode: attributes.permissions.unwrap_or_default(),
        links: Some(metadata.links),
        owner: owner.digits(),
        group: group.digits(),
        size: metadata.size,
        modified: metadata.modified.seconds,
        now,
        name,
    }
    .write(out);
}

/// A number as its digits, without memory of its own.
struct Number {
    digits: [u8; 10],
    start: usize,
}

impl Number {
    fn new(mut number: u32) -> Self {
        let mut digits = [b'0'; 10];
        let mut start = digits.len();
        for place in digits.iter_mut().rev() {
            *place = b'0' + u8::try_from(number % 10).unwrap_or_default();
            start -= 1;
            number /= 10;
            if number == 0 {
                break;
            }
        }
        Self { digits, start }
    }

    fn digits(&self) -> &[u8] {
        self.digits.get(self.start..).unwrap_or_default()
    }
}

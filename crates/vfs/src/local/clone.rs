//! Copying the beginning of a published file into a staging file.

use std::fs::File;
use std::os::unix::fs::FileExt;

use rustix::io::Errno;

use super::upload::StagingFile;
use crate::error::{Error, ErrorKind, Result};

/// Copies the first `length` bytes of `source` into the empty `target`. `false`, and nothing
/// copied, when the blocks cannot be shared and there are more than `limit` bytes.
pub(super) fn prefix(
    source: &File,
    target: &mut StagingFile,
    length: u64,
    limit: u64,
) -> Result<bool> {
    // Sharing all blocks and cutting the rest off needs no alignment, unlike FICLONERANGE.
    if rustix::fs::ioctl_ficlone(&target.file, source).is_ok() {
        if target.file.metadata()?.len() < length {
            return Err(Error::new(ErrorKind::BadOffset));
        }
        target.truncate(length)?;
        return Ok(true);
    }
    if length > limit {
        return Ok(false);
    }
    copy(source, target, length)?;
    Ok(true)
}

fn copy(source: &File, target: &mut StagingFile, length: u64) -> Result<()> {
    while target.length < length {
        let (mut from, mut to) = (target.length, target.length);
        let wanted = usize::try_from(length - from)
            .unwrap_or(usize::MAX)
            .min(MAX_COPY);
        match rustix::fs::copy_file_range(
            source,
            Some(&mut from),
            &target.file,
            Some(&mut to),
            wanted,
        ) {
            Ok(0) => return Err(Error::new(ErrorKind::BadOffset)),
            Ok(copied) => target.length += copied as u64,
            Err(Errno::INTR) => {}
            Err(Errno::XDEV | Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
                return copy_by_hand(source, target, length);
            }
            Err(errno) => return Err(errno.into()),
        }
    }
    Ok(())
}

fn copy_by_hand(source: &File, target: &mut StagingFile, length: u64) -> Result<()> {
    let mut buffer = vec![0; 256 * 1024];
    while target.length < length {
        let wanted = usize::try_from(length - target.length).unwrap_or(usize::MAX);
        let wanted = wanted.min(buffer.len());
        let room = buffer.get_mut(..wanted).unwrap_or_default();
        match source.read_at(room, target.length) {
            Ok(0) => return Err(Error::new(ErrorKind::BadOffset)),
            Ok(read) => target.write(room.get(..read).unwrap_or_default())?,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// One call of `copy_file_range` cannot be interrupted, so it stays short.
const MAX_COPY: usize = 64 << 20;

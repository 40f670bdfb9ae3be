//! Copying the beginning of a published file into a staging file.

use std::fs::File;
use std::os::unix::fs::FileExt;

use rustix::io::Errno;

use super::root::Place;
use super::staging::StagingFile;
use crate::error::{Error, ErrorKind, Result};
use crate::upload::COPY_STEP;

/// Copies the first `length` bytes of `source` into the empty `target`. `false`, and nothing
/// copied, when the blocks cannot be shared and there are more than `limit` bytes.
pub(super) fn prefix(
    place: &Place,
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
        target.cut_whole(length)?;
        return Ok(true);
    }
    if length > limit {
        return Ok(false);
    }
    copy(place, source, target, length)?;
    Ok(true)
}

/// One call of `copy_file_range`, which shares blocks where it can. Answers the bytes copied, 0 at
/// the end of `source`, and `None` where the kernel cannot do it.
pub(super) fn range(
    source: &File,
    mut from: u64,
    target: &File,
    mut to: u64,
    length: u64,
) -> Result<Option<u64>> {
    let wanted = usize::try_from(length.min(COPY_STEP)).unwrap_or(usize::MAX);
    loop {
        match rustix::fs::copy_file_range(source, Some(&mut from), target, Some(&mut to), wanted) {
            Ok(copied) => return Ok(Some(copied as u64)),
            Err(Errno::INTR) => {}
            Err(Errno::XDEV | Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => return Ok(None),
            Err(errno) => return Err(errno.into()),
        }
    }
}

fn copy(place: &Place, source: &File, target: &mut StagingFile, length: u64) -> Result<()> {
    while target.length() < length {
        let at = target.length();
        match target.copy(place, Some(source), (at, at), length - at)? {
            Some(0) => return Err(Error::new(ErrorKind::BadOffset)),
            Some(_) => {}
            None => return copy_by_hand(source, target, length),
        }
    }
    Ok(())
}

fn copy_by_hand(source: &File, target: &mut StagingFile, length: u64) -> Result<()> {
    let mut buffer = vec![0; 256 * 1024];
    while target.length() < length {
        let wanted = usize::try_from(length - target.length()).unwrap_or(usize::MAX);
        let wanted = wanted.min(buffer.len());
        let room = buffer.get_mut(..wanted).unwrap_or_default();
        match source.read_at(room, target.length()) {
            Ok(0) => return Err(Error::new(ErrorKind::BadOffset)),
            Ok(read) => target.write(room.get(..read).unwrap_or_default())?,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

//! The one system call that `rustix` does not have.

#![allow(unsafe_code)]

use std::fs::File;
use std::os::fd::AsRawFd;

/// Lets the kernel begin to write a part of a file to its disk, without waiting for the end.
///
/// # Errors
/// What `sync_file_range` says; a file system without it just writes later.
pub(crate) fn start_writing(file: &File, offset: u64, length: u64) -> std::io::Result<()> {
    let range = |number: u64| i64::try_from(number).map_err(std::io::Error::other);
    let (offset, length) = (range(offset)?, range(length)?);
    // SAFETY: the descriptor is open as long as `file` is borrowed, and the call reads and writes
    // no memory of ours.
    let done = unsafe {
        libc::sync_file_range(
            file.as_raw_fd(),
            offset,
            length,
            libc::SYNC_FILE_RANGE_WRITE,
        )
    };
    if done == 0 {
        Ok(())
    } else {
        Err(std::io::Error::last_os_error())
    }
}

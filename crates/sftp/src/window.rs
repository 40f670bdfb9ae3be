//! The client's window: which parts of a file are asked for, how many requests are in flight, and
//! when the file is whole.
//!
//! [`Download`] and [`Upload`] plan one file each; [`Pace`] says how many requests a session keeps
//! in flight, over all of its files. They send nothing and read no clock: whoever does asks
//! [`Download::next`] while fewer than [`Pace::window`] requests are out, and tells them of every
//! answer.

mod download;
mod pace;
mod upload;

pub use download::{Broken, Download, End, Finished};
pub use pace::{MAX_BYTES_IN_FLIGHT, MAX_WINDOW, Pace, START_WINDOW};
pub use upload::{Upload, WriteFailed};

use crate::{Limits, MAX_DATA};

/// What a server takes that names no limits: filexfer-02 3 has it accept packets of 34 000 bytes.
pub const DEFAULT_CHUNK: u32 = 32_768;

/// The shortest chunk, whatever a server names.
pub const MIN_CHUNK: u32 = 512;

/// How many bytes one READ and one WRITE ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chunks {
    /// Of READ.
    pub read: u32,
    /// Of WRITE.
    pub write: u32,
}

/// Consecutive bytes of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Range {
    /// The first.
    pub offset: u64,
    /// How many, at least 1.
    pub length: u32,
}

impl Range {
    /// The first byte behind it.
    #[must_use]
    pub fn end(self) -> u64 {
        self.offset.saturating_add(u64::from(self.length))
    }
}

impl Chunks {
    /// The longest that a server's limits allow, up to [`MAX_DATA`]; [`DEFAULT_CHUNK`] where it
    /// names none.
    #[must_use]
    pub fn of(limits: Option<&Limits>) -> Self {
        let Some(limits) = limits else {
            return Self {
                read: DEFAULT_CHUNK,
                write: DEFAULT_CHUNK,
            };
        };
        Self {
            read: chunk(limits.read_length, limits.packet_length),
            write: chunk(limits.write_length, limits.packet_length),
        }
    }
}

/// What a packet needs beside its data: the fields of WRITE with the longest handle.
const BESIDE_DATA: u64 = 1024;

fn chunk(most: u64, packet: u64) -> u32 {
    let most = if most == 0 {
        u64::from(DEFAULT_CHUNK)
    } else {
        most
    };
    let packet = match packet {
        0 => u64::MAX,
        packet => packet.saturating_sub(BESIDE_DATA),
    };
    u32::try_from(most.min(packet))
        .unwrap_or(u32::MAX)
        .clamp(MIN_CHUNK, LARGEST_CHUNK)
}

#[allow(
    clippy::cast_possible_truncation,
    reason = "255 KiB, known at compile time"
)]
const LARGEST_CHUNK: u32 = MAX_DATA as u32;

#[cfg(test)]
mod tests;

//! The form that `ssh-keygen -k` writes.

use super::{Issued, RevocationError, RevocationList, Serials, revoked_key};
use crate::encoding::Reader;
use crate::key::printable;

pub(super) const MAGIC: &[u8] = b"SSHKRL\n\0";
const FORMAT: u32 = 1;
const MAX: usize = RevocationList::MAX_FILE;

/// Everything after [`MAGIC`].
pub(super) fn parse(bytes: &[u8]) -> Result<RevocationList, RevocationError> {
    let mut reader = Reader::new(bytes);
    match reader.u32()? {
        FORMAT => {}
        other => return Err(RevocationError::Format(other)),
    }
    // Its version, its date and its flags, of which none is defined.
    for _ in 0..3 {
        reader.u64()?;
    }
    // A reserved string and a comment.
    for _ in 0..2 {
        reader.string(MAX)?;
    }
    let mut list = RevocationList::default();
    while !reader.is_empty() {
        let kind = reader.byte()?;
        let section = Reader::new(reader.string(MAX)?);
        match kind {
            1 => list.certificates.push(certificates(section)?),
            2 => each_string(section, |wire| {
                list.keys
                    .push(revoked_key(wire).map_err(RevocationError::Key)?);
                Ok(())
            })?,
            3 => hashes(section, &mut list.keys_by_sha1)?,
            4 => return Err(RevocationError::Signature),
            5 => hashes(section, &mut list.keys)?,
            255 => extension(section)?,
            other => return Err(RevocationError::Part(format!("section {other}"))),
        }
    }
    Ok(list)
}

fn certificates(mut section: Reader<'_>) -> Result<Issued, RevocationError> {
    let authority = match section.string(MAX)? {
        [] => None,
        wire => Some(revoked_key(wire).map_err(RevocationError::Key)?),
    };
    section.string(MAX)?;
    let mut issued = Issued {
        authority,
        serials: Serials::default(),
        key_ids: Vec::new(),
    };
    while !section.is_empty() {
        let kind = section.byte()?;
        let mut part = Reader::new(section.string(MAX)?);
        match kind {
            0x20 => {
                while !part.is_empty() {
                    let serial = part.u64()?;
                    issued.serials.add(serial, serial)?;
                }
            }
            0x21 => {
                issued.serials.add(part.u64()?, part.u64()?)?;
                part.end()?;
            }
            0x22 => {
                issued.serials.add_bitmap(part.u64()?, part.mpint(MAX)?);
                part.end()?;
            }
            0x23 => each_string(part, |id| {
                issued.key_ids.push(id.into());
                Ok(())
            })?,
            0x39 => extension(part)?,
            other => {
                return Err(RevocationError::Part(format!(
                    "section {other} of certificates"
                )));
            }
        }
    }
    Ok(issued)
}

fn hashes<const N: usize>(
    section: Reader<'_>,
    out: &mut Vec<[u8; N]>,
) -> Result<(), RevocationError> {
    each_string(section, |hash| {
        out.push(hash.try_into().map_err(|_| RevocationError::Hash)?);
        Ok(())
    })
}

fn each_string<'a>(
    mut section: Reader<'a>,
    mut take: impl FnMut(&'a [u8]) -> Result<(), RevocationError>,
) -> Result<(), RevocationError> {
    while !section.is_empty() {
        take(section.string(MAX)?)?;
    }
    Ok(())
}

/// An extension may be ignored when it says so itself.
fn extension(mut section: Reader<'_>) -> Result<(), RevocationError> {
    let name = section.string(MAX)?;
    let critical = section.boolean()?;
    section.string(MAX)?;
    section.end()?;
    if critical {
        Err(RevocationError::Part(format!(
            "extension `{}`",
            printable(name)
        )))
    } else {
        Ok(())
    }
}

//! The first line each side sends (RFC 4253 §4.2).

use crate::algorithm::Role;
use crate::violation::{Reason, Violation};

/// The longest identification, with its line end.
const MAX_LINE: usize = 255;
/// What a server may say before it; a client may say nothing.
const MAX_BANNER: usize = 8192;

/// What was found at the front of the input.
pub(crate) enum Line {
    /// Not whole yet.
    More,
    /// An identification, without its line end, and the bytes it takes up.
    Identification(Vec<u8>, usize),
}

/// Looks for the peer's identification. `role` is one's own.
pub(crate) fn read(input: &[u8], role: Role) -> Result<Line, Violation> {
    let mut start = 0;
    loop {
        let rest = input.get(start..).unwrap_or_default();
        if start > MAX_BANNER {
            return Err(other_protocol());
        }
        // What a server says before its identification are lines for people, which may be long.
        let banner = role == Role::Client && !rest.starts_with(b"SSH-");
        let most = if banner { MAX_BANNER } else { MAX_LINE };
        let Some(end) = rest.iter().position(|byte| *byte == b'\n') else {
            let known = rest.len().min(4);
            let hopeless = role == Role::Server && rest.get(..known) != b"SSH-".get(..known);
            if rest.len() >= most || hopeless {
                return Err(other_protocol());
            }
            return Ok(Line::More);
        };
        let line = rest.get(..end).unwrap_or_default();
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.starts_with(b"SSH-") {
            return identification(line, start + end + 1);
        }
        if role == Role::Server || end >= most {
            return Err(other_protocol());
        }
        start += end + 1;
    }
}

fn identification(line: &[u8], consumed: usize) -> Result<Line, Violation> {
    let speaks_two = line.starts_with(b"SSH-2.0-") || line.starts_with(b"SSH-1.99-");
    if !speaks_two {
        return Err(Violation {
            reason: Reason::VersionNotSupported,
            text: "only version 2 of SSH is spoken here".into(),
        });
    }
    let printable = line.iter().all(|byte| (0x20..0x7f).contains(byte));
    if line.len() + 2 > MAX_LINE || !printable {
        return Err(Violation::protocol("an identification that cannot be read"));
    }
    Ok(Line::Identification(line.to_vec(), consumed))
}

fn other_protocol() -> Violation {
    Violation {
        reason: Reason::ProtocolError,
        text: "this is an SSH server (SFTP); what came is another protocol [G-1]".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_before_a_servers_identification_are_the_same_however_they_come() {
        for (banner, taken) in [(10, true), (300, true), (8000, true), (9000, false)] {
            let mut input = vec![b'x'; banner];
            input.extend_from_slice(b"\r\nSSH-2.0-other\r\n");
            let whole = read(&input, Role::Client);
            assert_eq!(whole.is_ok(), taken, "{banner}");
            let pieces =
                (0..=input.len()).find_map(|end| match read(&input[..end], Role::Client) {
                    Ok(Line::More) => None,
                    Ok(Line::Identification(..)) => Some(true),
                    Err(_) => Some(false),
                });
            assert_eq!(pieces, Some(taken), "{banner}");
        }
    }
}

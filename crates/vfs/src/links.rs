//! Rules about symbolic links and renames that hold in every store.

use crate::error::{Error, ErrorKind, Result};
use crate::path::{MAX_PATH, VPath};

/// Refuses a link's text that leads out of the store: absolute, or with more `..` than there are
/// directories above `path`. It is read as the kernel reads it, not normalised first.
pub(crate) fn check_target(target: &[u8], path: &VPath) -> Result<()> {
    if target.is_empty() || target.iter().any(|b| matches!(b, 0 | b'\r' | b'\n')) {
        return Err(Error::new(ErrorKind::InvalidName));
    }
    if target.len() >= MAX_PATH {
        return Err(Error::new(ErrorKind::NameTooLong));
    }
    let refused = Error::with_text(ErrorKind::PermissionDenied, "the link leads outside");
    if target.first() == Some(&b'/') {
        return Err(refused);
    }
    let mut depth = path.components().count().saturating_sub(1);
    for component in target.split(|byte| *byte == b'/') {
        match component {
            b"" | b"." => {}
            b".." => match depth.checked_sub(1) {
                Some(up) => depth = up,
                None => return Err(refused),
            },
            _ => depth += 1,
        }
    }
    Ok(())
}

/// Refuses the root, which is a directory and has its name.
pub(crate) fn check_hard_link(existing: &VPath, new: &VPath) -> Result<()> {
    if existing.is_root() {
        return Err(Error::new(ErrorKind::IsADirectory));
    }
    if new.is_root() {
        return Err(Error::new(ErrorKind::Exists));
    }
    Ok(())
}

/// Refuses a rename of the root, onto the root, and of a directory into itself.
pub(crate) fn check_rename(from: &VPath, to: &VPath) -> Result<()> {
    if from.is_root() || to.is_root() {
        return Err(Error::with_text(
            ErrorKind::PermissionDenied,
            "the root cannot be renamed",
        ));
    }
    if from != to && to.starts_with(from) {
        return Err(Error::with_text(
            ErrorKind::InvalidName,
            "a directory cannot be moved into itself",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_may_not_climb_out() {
        let path = VPath::parse(b"/a/b/link").unwrap();
        for (target, allowed) in [
            ("x", true),
            ("../x", true),
            ("../../x", true),
            ("../../../x", false),
            ("c/../../../x", true),
            ("c/../../../../x", false),
            ("/x", false),
            ("//", false),
            ("..", true),
            ("../..", true),
            ("../../..", false),
        ] {
            let outcome = check_target(target.as_bytes(), &path);
            assert_eq!(outcome.is_ok(), allowed, "{target}");
        }
        for bad in [&b""[..], b"a\0", b"a\nb", &[b'x'; MAX_PATH]] {
            assert!(check_target(bad, &path).is_err());
        }
    }
}

//! Virtual paths: what a client may name, and nothing else.

use std::borrow::Cow;
use std::fmt;

/// The longest component in bytes, as on every common Linux file system (`NAME_MAX`).
pub const MAX_COMPONENT: usize = 255;

/// The longest whole path in bytes, with its leading slash (`PATH_MAX`).
pub const MAX_PATH: usize = 4096;

/// An absolute, normalised path inside a store, as bytes.
///
/// It begins with `/`, has no empty, `.` or `..` component, no trailing slash, and holds no
/// NUL, CR or LF. Only [`VPath::parse`] and what builds on it make one, so whoever holds a
/// `VPath` need not check again. A backslash is an ordinary byte.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VPath(Box<[u8]>);

/// Why bytes are not a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// A NUL, CR or LF is in it: no protocol could name it on one line.
    #[error("the name holds a forbidden byte")]
    ForbiddenByte,
    /// A component is longer than [`MAX_COMPONENT`].
    #[error("a name is longer than 255 bytes")]
    NameTooLong,
    /// The whole is longer than [`MAX_PATH`].
    #[error("the path is longer than 4096 bytes")]
    TooLong,
    /// Where a single name is wanted: it is empty, `.`, `..` or holds a slash.
    #[error("not the name of a file")]
    NotAName,
}

impl VPath {
    /// The root, `/`.
    #[must_use]
    pub fn root() -> Self {
        Self(Box::from(&b"/"[..]))
    }

    /// Parses a path; a relative one counts from the root.
    ///
    /// `.`, `..` and repeated slashes are resolved lexically; `..` at the root stays at the root.
    ///
    /// # Errors
    /// [`PathError::ForbiddenByte`], [`PathError::NameTooLong`] for any component, also one that a
    /// later `..` takes away again, and [`PathError::TooLong`] for the normalised whole.
    pub fn parse(bytes: &[u8]) -> Result<Self, PathError> {
        Self::normalise(Vec::with_capacity(bytes.len().saturating_add(1)), bytes)
    }

    /// Parses an argument as seen from this directory: relative to it, or absolute.
    ///
    /// # Errors
    /// As [`VPath::parse`].
    pub fn resolve(&self, argument: &[u8]) -> Result<Self, PathError> {
        if argument.first() == Some(&b'/') {
            return Self::parse(argument);
        }
        let mut whole = Vec::with_capacity(self.0.len() + argument.len() + 1);
        if !self.is_root() {
            whole.extend_from_slice(&self.0);
        }
        Self::normalise(whole, argument)
    }

    /// The path of an entry of this directory.
    ///
    /// # Errors
    /// [`PathError::NotAName`] unless `name` is one component, and as [`VPath::parse`].
    pub fn child(&self, name: &[u8]) -> Result<Self, PathError> {
        if matches!(name, b"" | b"." | b"..") || name.contains(&b'/') {
            return Err(PathError::NotAName);
        }
        self.resolve(name)
    }

    /// The directory this path lies in; `None` for the root.
    #[must_use]
    pub fn parent(&self) -> Option<Self> {
        match self.split()?.0 {
            b"" => Some(Self::root()),
            parent => Some(Self(Box::from(parent))),
        }
    }

    /// The last component; `None` for the root.
    #[must_use]
    pub fn name(&self) -> Option<&[u8]> {
        self.split().map(|(_, name)| name)
    }

    /// The components from the root down; none for the root.
    pub fn components(&self) -> impl DoubleEndedIterator<Item = &[u8]> {
        self.0
            .split(|byte| *byte == b'/')
            .filter(|component| !component.is_empty())
    }

    /// Whether this path is `ancestor` or lies below it, compared by whole components.
    #[must_use]
    pub fn starts_with(&self, ancestor: &Self) -> bool {
        self.strip_prefix(ancestor).is_some()
    }

    /// This path as seen from `ancestor`; `None` when it does not lie there.
    #[must_use]
    pub fn strip_prefix(&self, ancestor: &Self) -> Option<Self> {
        if ancestor.is_root() {
            return Some(self.clone());
        }
        match self.0.strip_prefix(&*ancestor.0)? {
            b"" => Some(Self::root()),
            rest if rest.first() == Some(&b'/') => Some(Self(Box::from(rest))),
            _ => None,
        }
    }

    /// This path moved below `ancestor`: the inverse of [`VPath::strip_prefix`].
    ///
    /// # Errors
    /// [`PathError::TooLong`].
    pub fn below(&self, ancestor: &Self) -> Result<Self, PathError> {
        ancestor.resolve(self.relative())
    }

    /// Whether this is `/`.
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.0.len() == 1
    }

    /// The bytes, beginning with a slash.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The bytes without the leading slash; empty for the root.
    pub(crate) fn relative(&self) -> &[u8] {
        self.0.strip_prefix(b"/").unwrap_or_default()
    }

    /// Parent, as bytes without a leading slash, and name; `None` for the root.
    pub(crate) fn split_relative(&self) -> Option<(&[u8], &[u8])> {
        let (parent, name) = self.split()?;
        Some((parent.strip_prefix(b"/").unwrap_or_default(), name))
    }

    /// For screens and logs: control characters and invalid UTF-8 escaped.
    #[must_use]
    pub fn escaped(&self) -> Cow<'_, str> {
        escape(&self.0)
    }

    fn split(&self) -> Option<(&[u8], &[u8])> {
        if self.is_root() {
            return None;
        }
        let slash = self.0.iter().rposition(|byte| *byte == b'/')?;
        Some((self.0.get(..slash)?, self.0.get(slash + 1..)?))
    }

    /// Appends `argument` to `whole`, which is empty or a normalised path other than the root.
    fn normalise(mut whole: Vec<u8>, argument: &[u8]) -> Result<Self, PathError> {
        if argument.iter().any(|b| matches!(b, 0 | b'\r' | b'\n')) {
            return Err(PathError::ForbiddenByte);
        }
        for component in argument.split(|byte| *byte == b'/') {
            match component {
                b"" | b"." => {}
                b".." => {
                    let slash = whole.iter().rposition(|byte| *byte == b'/');
                    whole.truncate(slash.unwrap_or(0));
                }
                name if name.len() > MAX_COMPONENT => return Err(PathError::NameTooLong),
                name => {
                    whole.push(b'/');
                    whole.extend_from_slice(name);
                }
            }
        }
        if whole.is_empty() {
            return Ok(Self::root());
        }
        if whole.len() > MAX_PATH {
            return Err(PathError::TooLong);
        }
        Ok(Self(whole.into_boxed_slice()))
    }
}

impl fmt::Debug for VPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VPath({})", self.escaped())
    }
}

impl fmt::Display for VPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.escaped())
    }
}

/// A name for screens and logs: control characters and invalid UTF-8 as `\x..`.
#[must_use]
pub fn escape(name: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = std::str::from_utf8(name)
        && !text.contains(char::is_control)
    {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(name.len() + 8);
    for chunk in name.utf8_chunks() {
        for character in chunk.valid().chars() {
            if character.is_control() {
                out.extend(character.escape_default());
            } else {
                out.push(character);
            }
        }
        for byte in chunk.invalid() {
            out.extend(std::ascii::escape_default(*byte).map(char::from));
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parsed(text: &str) -> String {
        VPath::parse(text.as_bytes()).unwrap().to_string()
    }

    #[test]
    fn dots_and_slashes_are_resolved_at_the_edge() {
        for (written, meant) in [
            ("", "/"),
            ("/", "/"),
            ("a", "/a"),
            ("//a///b/", "/a/b"),
            ("/a/./b/../c", "/a/c"),
            ("/..", "/"),
            ("../../../../etc/passwd", "/etc/passwd"),
            ("a/../../b", "/b"),
            ("/...", "/..."),
            ("..\\..\\x", "/..\\..\\x"),
            ("/a/b/..", "/a"),
            ("/ a ", "/ a "),
        ] {
            assert_eq!(parsed(written), meant, "{written:?}");
        }
    }

    #[test]
    fn a_relative_argument_counts_from_the_directory() {
        let here = VPath::parse(b"/a/b").unwrap();
        for (argument, meant) in [
            ("c", "/a/b/c"),
            ("", "/a/b"),
            ("..", "/a"),
            ("../..", "/"),
            ("../../../x", "/x"),
            ("/x", "/x"),
        ] {
            let path = here.resolve(argument.as_bytes()).unwrap();
            assert_eq!(path.to_string(), meant, "{argument:?}");
        }
        assert_eq!(VPath::root().resolve(b"x").unwrap().as_bytes(), b"/x");
    }

    #[test]
    fn f24_bytes_that_end_a_line_are_refused() {
        for bad in [&b"a\0b"[..], b"a\rb", b"a\nb", b"\n"] {
            assert_eq!(VPath::parse(bad), Err(PathError::ForbiddenByte));
            assert_eq!(VPath::root().child(bad), Err(PathError::ForbiddenByte));
        }
        assert!(VPath::parse(b"a\x1bb\x7f\xff").is_ok());
    }

    #[test]
    fn lengths_have_a_maximum() {
        assert!(VPath::parse(&[b'x'; 255]).is_ok());
        assert_eq!(VPath::parse(&[b'x'; 256]), Err(PathError::NameTooLong));
        let long = b"/0123456".repeat(512);
        assert_eq!(VPath::parse(&long).unwrap().as_bytes().len(), MAX_PATH);
        let longer = [&long[..], b"7"].concat();
        assert_eq!(VPath::parse(&longer), Err(PathError::TooLong));
    }

    #[test]
    fn f2_prefixes_are_compared_by_component() {
        let bob = VPath::parse(b"/d/bob").unwrap();
        let bob2 = VPath::parse(b"/d/bob2/x").unwrap();
        let inside = VPath::parse(b"/d/bob/x").unwrap();
        assert!(!bob2.starts_with(&bob));
        assert!(inside.starts_with(&bob));
        assert!(bob.starts_with(&bob));
        assert!(bob.starts_with(&VPath::root()));
        assert_eq!(inside.strip_prefix(&bob).unwrap().as_bytes(), b"/x");
        assert!(bob.strip_prefix(&bob).unwrap().is_root());
        assert_eq!(bob.strip_prefix(&bob2), None);
    }

    #[test]
    fn a_child_is_one_component() {
        for bad in [&b""[..], b".", b"..", b"a/b", b"/"] {
            assert_eq!(VPath::root().child(bad), Err(PathError::NotAName));
        }
        let child = VPath::root().child(b"a").unwrap();
        assert_eq!(child.parent(), Some(VPath::root()));
        assert_eq!(child.name(), Some(&b"a"[..]));
        assert_eq!(VPath::root().parent(), None);
        assert_eq!(VPath::root().name(), None);
    }

    #[test]
    fn screens_get_no_control_characters() {
        let path = VPath::parse(b"/\xc3\xa4\x1b[2J\xff").unwrap();
        assert_eq!(path.to_string(), "/ä\\u{1b}[2J\\xff");
    }

    proptest! {
        #[test]
        fn parsing_a_rendered_path_changes_nothing(bytes in "[a./\\\\]{0,40}|(?s:.{0,40})") {
            prop_assume!(VPath::parse(bytes.as_bytes()).is_ok());
            check(bytes.as_bytes());
        }

        #[test]
        fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            if VPath::parse(&bytes).is_ok() {
                check(&bytes);
            }
        }

        #[test]
        fn parents_and_children_are_inverse(a in "[a-c./]{0,12}", b in "[a-c]{1,5}") {
            let parent = VPath::parse(a.as_bytes()).unwrap();
            let child = parent.child(b.as_bytes()).unwrap();
            prop_assert_eq!(child.parent(), Some(parent.clone()));
            prop_assert_eq!(child.name().unwrap(), b.as_bytes());
            let seen = child.strip_prefix(&parent).unwrap();
            prop_assert_eq!(seen.below(&parent).unwrap(), child);
        }
    }

    fn check(bytes: &[u8]) {
        let path = VPath::parse(bytes).unwrap();
        assert_eq!(VPath::parse(path.as_bytes()).unwrap(), path);
        assert!(path.components().all(|c| !matches!(c, b"" | b"." | b"..")));
        assert_eq!(path.as_bytes()[0], b'/');
        assert!(path.is_root() || path.as_bytes().last() != Some(&b'/'));
    }
}

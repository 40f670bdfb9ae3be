//! The twelve permissions and sets of them.

use std::fmt;
use std::str::FromStr;

/// One thing an account may do. The words are part of the command line and the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Permission {
    /// See the entries of a folder and what is told about them.
    List,
    /// Read the bytes of a file.
    Read,
    /// Make a file that is not there yet.
    Create,
    /// Replace a file, or change bytes it has.
    Overwrite,
    /// Add bytes at the end of a file.
    Append,
    /// Remove a file.
    Delete,
    /// Give a file or folder another name or place.
    Rename,
    /// Make a folder.
    Mkdir,
    /// Remove a folder.
    Rmdir,
    /// Change modes and times.
    Attributes,
    /// Make a symbolic link.
    Link,
    /// Copy on the server.
    Copy,
}

/// A set of permissions; two bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct PermissionSet(u16);

/// A word that names neither a permission nor a set of them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{word}` is not a permission; there are {CHOICES}")]
pub struct UnknownPermission {
    /// The word as it was written, escaped for display.
    pub word: String,
}

impl Permission {
    /// Every permission, in the order in which they are written.
    pub const ALL: [Self; 12] = [
        Self::List,
        Self::Read,
        Self::Create,
        Self::Overwrite,
        Self::Append,
        Self::Delete,
        Self::Rename,
        Self::Mkdir,
        Self::Rmdir,
        Self::Attributes,
        Self::Link,
        Self::Copy,
    ];

    /// The word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::List => "list",
            Self::Read => "read",
            Self::Create => "create",
            Self::Overwrite => "overwrite",
            Self::Append => "append",
            Self::Delete => "delete",
            Self::Rename => "rename",
            Self::Mkdir => "mkdir",
            Self::Rmdir => "rmdir",
            Self::Attributes => "attributes",
            Self::Link => "link",
            Self::Copy => "copy",
        }
    }

    const fn bit(self) -> u16 {
        1 << self as u16
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

impl PermissionSet {
    /// `none`: nothing at all.
    pub const NONE: Self = Self(0);
    /// `full`: everything.
    pub const FULL: Self = Self::of(&Permission::ALL);
    /// `read-only`: list and read.
    pub const READ_ONLY: Self = Self::of(&[Permission::List, Permission::Read]);
    /// `upload-only`: create and mkdir. What was uploaded cannot be seen, read or changed.
    pub const UPLOAD_ONLY: Self = Self::of(&[Permission::Create, Permission::Mkdir]);

    /// The sets that have a name.
    pub const NAMED: [(&'static str, Self); 4] = [
        ("full", Self::FULL),
        ("read-only", Self::READ_ONLY),
        ("upload-only", Self::UPLOAD_ONLY),
        ("none", Self::NONE),
    ];

    /// The set of these permissions.
    #[must_use]
    pub const fn of(permissions: &[Permission]) -> Self {
        let mut bits = 0;
        let mut next = 0;
        while next < permissions.len() {
            bits |= permissions[next].bit();
            next += 1;
        }
        Self(bits)
    }

    /// Whether the permission is in the set.
    #[must_use]
    pub const fn contains(self, permission: Permission) -> bool {
        self.0 & permission.bit() != 0
    }

    /// Whether every permission of `other` is in this set.
    #[must_use]
    pub const fn contains_all(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// What is in either.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// What is in both.
    #[must_use]
    pub const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether nothing is allowed.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The permissions, in the order of [`Permission::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Permission> {
        Permission::ALL
            .into_iter()
            .filter(move |permission| self.contains(*permission))
    }

    /// Writes the name of the set, or its words with `separator` in between.
    pub(crate) fn write(self, f: &mut fmt::Formatter<'_>, separator: char) -> fmt::Result {
        if let Some((name, _)) = Self::NAMED.iter().find(|(_, set)| *set == self) {
            return f.write_str(name);
        }
        for (index, permission) in self.iter().enumerate() {
            if index > 0 {
                fmt::Write::write_char(f, separator)?;
            }
            f.write_str(permission.word())?;
        }
        Ok(())
    }

    /// The set that one word names: a permission or a named set.
    pub(crate) fn from_word(word: &str) -> Result<Self, UnknownPermission> {
        let named = Self::NAMED
            .iter()
            .find(|(name, _)| *name == word)
            .map(|(_, set)| *set);
        let single = || {
            Permission::ALL
                .into_iter()
                .find(|permission| permission.word() == word)
        };
        named
            .or_else(|| single().map(|permission| Self(permission.bit())))
            .ok_or_else(|| UnknownPermission {
                word: word.escape_debug().to_string(),
            })
    }
}

impl FromIterator<Permission> for PermissionSet {
    fn from_iter<I: IntoIterator<Item = Permission>>(permissions: I) -> Self {
        Self(
            permissions
                .into_iter()
                .fold(0, |bits, permission| bits | permission.bit()),
        )
    }
}

/// `full`, or words and names of sets with commas in between: `read-only,create`.
impl FromStr for PermissionSet {
    type Err = UnknownPermission;

    fn from_str(text: &str) -> Result<Self, UnknownPermission> {
        text.split(',').try_fold(Self::NONE, |set, word| {
            Ok(set.union(Self::from_word(word.trim())?))
        })
    }
}

/// The name of the set where it has one, else its words with commas in between.
impl fmt::Display for PermissionSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, ',')
    }
}

impl fmt::Debug for PermissionSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, '+')
    }
}

const CHOICES: &str = "`list` `read` `create` `overwrite` `append` `delete` `rename` `mkdir` `rmdir` \
    `attributes` `link` `copy`, and the sets `full` `read-only` `upload-only` `none`";

#[cfg(test)]
mod tests {
    use super::{CHOICES, Permission, PermissionSet};
    use proptest::prelude::{any, proptest};

    #[test]
    fn the_words_are_the_promised_ones() {
        let words: Vec<&str> = Permission::ALL
            .iter()
            .map(|permission| permission.word())
            .collect();
        assert_eq!(
            words.join(" "),
            "list read create overwrite append delete rename mkdir rmdir attributes link copy"
        );
        for (name, _) in PermissionSet::NAMED {
            assert!(CHOICES.contains(&format!("`{name}`")));
        }
        for word in words {
            assert!(CHOICES.contains(&format!("`{word}`")));
        }
    }

    #[test]
    fn sets_by_name_and_by_word() {
        assert_eq!("list,read".parse(), Ok(PermissionSet::READ_ONLY));
        assert_eq!("mkdir, create".parse(), Ok(PermissionSet::UPLOAD_ONLY));
        let mixed: PermissionSet = "read-only,append".parse().unwrap();
        assert_eq!(mixed.to_string(), "list,read,append");
        assert!(mixed.contains(Permission::Append) && !mixed.contains(Permission::Create));
        assert!(
            PermissionSet::FULL.contains_all(mixed) && !mixed.contains_all(PermissionSet::FULL)
        );
        assert!(PermissionSet::NONE.is_empty() && "none".parse() == Ok(PermissionSet::NONE));
        assert_eq!(PermissionSet::FULL.iter().count(), 12);
    }

    #[test]
    fn an_unknown_word_is_named_with_the_choices() {
        for (text, word) in [
            ("list,wirte", "wirte"),
            ("", ""),
            ("list,", ""),
            ("Full", "Full"),
            ("a\n", "a"),
        ] {
            let error = text.parse::<PermissionSet>().unwrap_err();
            assert_eq!(error.word, word);
            assert!(error.to_string().contains("`upload-only`"), "{error}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(bits in any::<u16>()) {
            let set = PermissionSet(bits & PermissionSet::FULL.0);
            assert_eq!(set.to_string().parse(), Ok(set));
            assert_eq!(set.iter().collect::<PermissionSet>(), set);
        }
    }
}

//! The closed list of what a session can do to a path, and the permission each needs.

use wharf_accounts::Permission as P;

/// An operation on one path. Every front-end's verb becomes one or more of these; a new kind of
/// access is a new variant, and [`Op::needs`] does not compile without a row for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Op {
    /// Make it the working directory.
    Enter,
    /// Read the names in a directory.
    List,
    /// Learn size, times and kind.
    Stat,
    /// Read the bytes of a file.
    Read,
    /// Make a file that does not exist.
    Create,
    /// Replace a file that exists.
    Overwrite,
    /// Add to the end of a file that exists.
    Append,
    /// Remove a file or a link.
    Delete,
    /// Make a directory.
    MakeDirectory,
    /// Remove an empty directory.
    RemoveDirectory,
    /// Take it away from its name.
    RenameFrom,
    /// Give it this name.
    RenameTo,
    /// Change times, modes or owners.
    SetAttributes,
    /// Make a symbolic link here.
    MakeLink,
    /// Copy it, or have it copied there, within the server.
    Copy,
    /// Ask how much room there is.
    Space,
}

/// What an operation needs of the permissions that hold at its path.
pub(crate) enum Needs {
    /// This one.
    One(P),
    /// At least one of these.
    AnyOf(&'static [P]),
}

impl Op {
    pub(crate) const fn needs(self) -> Needs {
        match self {
            Self::Enter | Self::Space => Needs::AnyOf(&[
                P::List,
                P::Read,
                P::Create,
                P::Overwrite,
                P::Append,
                P::Delete,
                P::Rename,
                P::Mkdir,
                P::Rmdir,
                P::Attributes,
                P::Link,
                P::Copy,
            ]),
            Self::List => Needs::One(P::List),
            Self::Stat => Needs::AnyOf(&[P::List, P::Read]),
            Self::Read => Needs::One(P::Read),
            Self::Create => Needs::One(P::Create),
            Self::Overwrite => Needs::One(P::Overwrite),
            Self::Append => Needs::One(P::Append),
            Self::Delete => Needs::One(P::Delete),
            Self::MakeDirectory => Needs::One(P::Mkdir),
            Self::RemoveDirectory => Needs::One(P::Rmdir),
            Self::RenameFrom | Self::RenameTo => Needs::One(P::Rename),
            Self::SetAttributes => Needs::One(P::Attributes),
            Self::MakeLink => Needs::One(P::Link),
            Self::Copy => Needs::One(P::Copy),
        }
    }

    /// How a refusal names it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Enter => "enter directories",
            Self::List => "list",
            Self::Stat => "look at files",
            Self::Read => "read",
            Self::Create => "create files",
            Self::Overwrite => "overwrite files",
            Self::Append => "append to files",
            Self::Delete => "delete files",
            Self::MakeDirectory => "make directories",
            Self::RemoveDirectory => "remove directories",
            Self::RenameFrom | Self::RenameTo => "rename",
            Self::SetAttributes => "change times and modes",
            Self::MakeLink => "make links",
            Self::Copy => "copy within the server",
            Self::Space => "ask for free space",
        }
    }

    /// Whether it changes anything.
    pub(crate) const fn writes(self) -> bool {
        match self {
            Self::Enter | Self::List | Self::Stat | Self::Read | Self::Space => false,
            Self::Create
            | Self::Overwrite
            | Self::Append
            | Self::Delete
            | Self::MakeDirectory
            | Self::RemoveDirectory
            | Self::RenameFrom
            | Self::RenameTo
            | Self::SetAttributes
            | Self::MakeLink
            | Self::Copy => true,
        }
    }
}

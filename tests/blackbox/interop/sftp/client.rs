//! What an SFTP client is to its suite: a program that is told a list of acts.

use std::path::PathBuf;

use wharf_tests::ssh::Ssh;

/// One thing to do. Remote names are bytes, relative to the login folder.
#[derive(Debug, Clone)]
pub(crate) enum Act {
    /// Prints the names in a folder.
    List(Vec<u8>),
    Get(Vec<u8>, PathBuf),
    /// Goes on where the local file ends.
    GetRest(Vec<u8>, PathBuf),
    /// With time and mode.
    GetKept(Vec<u8>, PathBuf),
    Put(PathBuf, Vec<u8>),
    /// Goes on where the remote file ends.
    PutRest(PathBuf, Vec<u8>),
    /// With time and mode.
    PutKept(PathBuf, Vec<u8>),
    Rename(Vec<u8>, Vec<u8>),
    /// Onto a file that is there.
    Replace(Vec<u8>, Vec<u8>),
    Remove(Vec<u8>),
    MakeFolder(Vec<u8>),
    RemoveFolder(Vec<u8>),
    /// The mode, as `chmod` has it.
    Mode(Vec<u8>, u32),
    /// The time of the last change, in seconds since 1970.
    Time(Vec<u8>, u64),
    /// What the link says, then the link.
    Link(Vec<u8>, Vec<u8>),
}

/// The kinds of [`Act`]; a program may lack some.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    List,
    Get,
    GetRest,
    GetKept,
    Put,
    PutRest,
    PutKept,
    Rename,
    Replace,
    Remove,
    MakeFolder,
    RemoveFolder,
    Mode,
    Time,
    Link,
}

impl Act {
    pub(crate) const fn verb(&self) -> Verb {
        match self {
            Self::List(_) => Verb::List,
            Self::Get(..) => Verb::Get,
            Self::GetRest(..) => Verb::GetRest,
            Self::GetKept(..) => Verb::GetKept,
            Self::Put(..) => Verb::Put,
            Self::PutRest(..) => Verb::PutRest,
            Self::PutKept(..) => Verb::PutKept,
            Self::Rename(..) => Verb::Rename,
            Self::Replace(..) => Verb::Replace,
            Self::Remove(_) => Verb::Remove,
            Self::MakeFolder(_) => Verb::MakeFolder,
            Self::RemoveFolder(_) => Verb::RemoveFolder,
            Self::Mode(..) => Verb::Mode,
            Self::Time(..) => Verb::Time,
            Self::Link(..) => Verb::Link,
        }
    }

    /// The remote names in it.
    pub(crate) fn names(&self) -> Vec<&[u8]> {
        match self {
            Self::List(name)
            | Self::Get(name, _)
            | Self::GetRest(name, _)
            | Self::GetKept(name, _)
            | Self::Put(_, name)
            | Self::PutRest(_, name)
            | Self::PutKept(_, name)
            | Self::Remove(name)
            | Self::MakeFolder(name)
            | Self::RemoveFolder(name)
            | Self::Mode(name, _)
            | Self::Time(name, _) => vec![name],
            Self::Rename(from, to) | Self::Replace(from, to) | Self::Link(from, to) => {
                vec![from, to]
            }
        }
    }
}

/// One client. It does every act, those after a failed one too; the suite looks at the disks, and
/// at what the program said only for listings and where something went wrong.
pub(crate) trait Client {
    fn name(&self) -> &'static str;

    /// What this program has no command for, each with the reason.
    fn without(&self) -> &'static [(Verb, &'static str)] {
        &[]
    }

    /// What the account must be allowed for it, as arguments of `wharf user change NAME`.
    fn permission(&self) -> &'static [&'static str] {
        &[]
    }

    /// Whether it can say a name, to any server.
    fn can_say(&self, _name: &[u8]) -> bool {
        true
    }

    /// Does them in order, in one session where the program can. What it said, both streams.
    fn act(&self, ssh: &Ssh, acts: &[Act]) -> Vec<u8>;

    fn lacks(&self, verb: Verb) -> bool {
        self.without().iter().any(|(lacking, _)| *lacking == verb)
    }
}

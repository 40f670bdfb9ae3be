//! The extensions, and how they are announced in VERSION.

/// One extension: what is said of it in VERSION. OpenSSH's are in its PROTOCOL; `check-file-…`,
/// `space-available`, `copy-data` and `home-directory` are those of
/// draft-ietf-secsh-filexfer-extensions-00.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// Which one.
    pub extension: Extension,
    /// Its name on the wire, the same in VERSION and in the request.
    pub name: &'static str,
    /// What VERSION says of it. Clients compare it.
    pub version: &'static str,
}

macro_rules! extensions {
    ($($(#[$doc:meta])* $variant:ident, $name:literal, $version:literal;)*) => {
        /// The extensions wharf knows.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Extension { $($(#[$doc])* $variant,)* }

        /// Every one, OpenSSH's first and in its order.
        pub const TABLE: &[Row] = &[$(
            Row { extension: Extension::$variant, name: $name, version: $version },
        )*];

        impl Extension {
            /// What is said of it in VERSION.
            #[must_use]
            pub const fn row(self) -> Row {
                match self {
                    $(Self::$variant => Row {
                        extension: self,
                        name: $name,
                        version: $version,
                    },)*
                }
            }
        }
    };
}

extensions! {
    /// RENAME that replaces what has the new name.
    PosixRename, "posix-rename@openssh.com", "1";
    /// The space of the file system of a path.
    Statvfs, "statvfs@openssh.com", "2";
    /// The space of the file system of an open file.
    Fstatvfs, "fstatvfs@openssh.com", "2";
    /// A second name for a file.
    Hardlink, "hardlink@openssh.com", "1";
    /// What was written is on disk before the answer.
    Fsync, "fsync@openssh.com", "1";
    /// SETSTAT of a symbolic link itself.
    Lsetstat, "lsetstat@openssh.com", "1";
    /// How long packets, reads and writes may be, and how many handles there are.
    Limits, "limits@openssh.com", "1";
    /// REALPATH that knows `~`.
    ExpandPath, "expand-path@openssh.com", "1";
    /// A copy within the server.
    CopyData, "copy-data", "1";
    /// The home directory of a user.
    HomeDirectory, "home-directory", "1";
    /// Names of user and group ids.
    UsersGroupsById, "users-groups-by-id@openssh.com", "1";
    /// Hashes of a file by its path.
    CheckFileName, "check-file-name", "1";
    /// Hashes of an open file.
    CheckFileHandle, "check-file-handle", "1";
    /// The space an account has at a path.
    SpaceAvailable, "space-available", "1";
    /// Who made the program. Its data in VERSION is that of [`crate::Vendor::data`].
    VendorId, "vendor-id", "";
}

impl Extension {
    /// The extension of that name.
    #[must_use]
    pub fn of(name: &[u8]) -> Option<Self> {
        TABLE
            .iter()
            .find(|row| row.name.as_bytes() == name)
            .map(|row| row.extension)
    }

    /// Its name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.row().name
    }
}

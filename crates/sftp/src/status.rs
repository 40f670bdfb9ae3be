//! The codes of STATUS.

/// How a request ended (filexfer-02 7). The reason a v3 code cannot give goes into the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum Status {
    /// Done.
    Ok = 0,
    /// Nothing more in the file or directory.
    Eof = 1,
    /// There is no such file, or a directory on the way to it.
    NoSuchFile = 2,
    /// The account may not.
    PermissionDenied = 3,
    /// Anything else.
    Failure = 4,
    /// The packet could not be read.
    BadMessage = 5,
    /// Said by a client to itself only.
    NoConnection = 6,
    /// Said by a client to itself only.
    ConnectionLost = 7,
    /// The server knows no such request, or cannot do it here.
    OpUnsupported = 8,
}

impl Status {
    /// Every code of version 3.
    pub const ALL: [Self; 9] = [
        Self::Ok,
        Self::Eof,
        Self::NoSuchFile,
        Self::PermissionDenied,
        Self::Failure,
        Self::BadMessage,
        Self::NoConnection,
        Self::ConnectionLost,
        Self::OpUnsupported,
    ];

    /// As it goes over the wire.
    #[must_use]
    pub const fn code(self) -> u32 {
        self as u32
    }

    /// The status of that code; `None` for codes of later versions and of nobody.
    #[must_use]
    pub fn from_code(code: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.code() == code)
    }
}

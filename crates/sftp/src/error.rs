//! Why a packet could not be read or said.

use std::fmt;

use crate::Status;

/// A packet that cannot be read. The stream is still in step: the next packet can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed {
    /// The id of the request, where the packet has one and is long enough for it.
    pub id: Option<u32>,
    /// What is wrong.
    pub fault: Fault,
}

/// What is wrong with a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It ends before this field does, or the field's length points beyond the end.
    Short(&'static str),
    /// This many bytes follow the last field.
    Trailing(usize),
    /// This field is longer, or counts more, than its bound.
    TooLong(&'static str),
    /// There is no packet of this type in version 3, or the other side sends it.
    UnknownType(u8),
    /// Attribute flags that version 3 does not define: how long the attributes are is not known.
    AttributeFlags(u32),
    /// This list of numbers is not a whole count of them.
    Uneven(&'static str),
}

/// A packet that cannot be said: this field is longer than its bound, or than a packet has room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unsayable(pub &'static str);

impl Malformed {
    /// What a server answers: OP_UNSUPPORTED to a request that is none of version 3, BAD_MESSAGE
    /// to anything else.
    #[must_use]
    pub const fn status(&self) -> Status {
        match self.fault {
            Fault::UnknownType(_) => Status::OpUnsupported,
            Fault::Short(_)
            | Fault::Trailing(_)
            | Fault::TooLong(_)
            | Fault::AttributeFlags(_)
            | Fault::Uneven(_) => Status::BadMessage,
        }
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fault.fmt(f)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Short(field) => write!(f, "the packet ends within its {field}"),
            Self::Trailing(bytes) => write!(f, "{bytes} bytes after the packet's last field"),
            Self::TooLong(field) => write!(f, "the {field} is too long"),
            Self::UnknownType(kind) => write!(f, "packet type {kind} is not one of version 3"),
            Self::AttributeFlags(flags) => {
                write!(f, "attribute flags {flags:#x} are not those of version 3")
            }
            Self::Uneven(field) => write!(f, "the {field} are not a whole number of ids"),
        }
    }
}

impl fmt::Display for Unsayable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the {} is too long for an SFTP packet", self.0)
    }
}

impl std::error::Error for Malformed {}
impl std::error::Error for Unsayable {}

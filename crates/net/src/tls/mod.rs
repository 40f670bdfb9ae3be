//! TLS: certificates, the sessions on control connections, and what binds data connections to them.

pub mod certificate;
pub mod client;
pub mod self_signed;
pub mod set;

/// The oldest version of TLS a server speaks. Older ones than these do not exist here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TlsVersion {
    /// TLS 1.2 (RFC 5246), with forward secrecy and AEAD only.
    V1_2,
    /// TLS 1.3 (RFC 8446).
    V1_3,
}

//! TLS: certificates, the sessions on control connections, and what binds data connections to them.
//!
//! rustls speaks the protocol, with aws-lc-rs for its arithmetic. What is here is everything
//! around it: which certificate is shown ([`set`]), who the client is ([`client`]), the records
//! between socket and buffers, and the store by which a data connection proves that it belongs to
//! its control connection.

pub mod certificate;
pub mod client;
pub mod config;
pub mod handshake;
pub mod offer;
pub mod self_signed;
pub mod set;

pub(crate) mod between_servers;
pub(crate) mod resumption;
pub(crate) mod session;

/// The oldest version of TLS a server speaks. Older ones than these do not exist here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TlsVersion {
    /// TLS 1.2 (RFC 5246), with forward secrecy and AEAD only.
    V1_2,
    /// TLS 1.3 (RFC 8446).
    V1_3,
}

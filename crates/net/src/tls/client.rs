//! Certificates of clients.

/// Whether clients are asked for a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientCertificates {
    /// No.
    Off,
    /// Yes; without one the connection goes on.
    Request,
    /// Yes; without one the handshake fails.
    Require,
}

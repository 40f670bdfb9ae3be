//! The kinds of keys, and which signatures each can make.

/// A kind of key that wharf takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyKind {
    Ed25519,
    Ecdsa(Curve),
    Rsa,
    /// Ed25519 in hardware.
    SkEd25519,
    /// ECDSA with P-256 in hardware.
    SkEcdsa,
}

impl KeyKind {
    pub(crate) const ALL: [Self; 7] = [
        Self::Ed25519,
        Self::Ecdsa(Curve::P256),
        Self::Ecdsa(Curve::P384),
        Self::Ecdsa(Curve::P521),
        Self::Rsa,
        Self::SkEd25519,
        Self::SkEcdsa,
    ];

    pub(crate) fn of_name(name: &[u8]) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.name().as_bytes() == name)
    }

    /// The kind of key in a certificate of this kind.
    pub(crate) fn of_certificate_name(name: &[u8]) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.certificate_name().as_bytes() == name)
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Ed25519 => "ssh-ed25519",
            Self::Ecdsa(Curve::P256) => "ecdsa-sha2-nistp256",
            Self::Ecdsa(Curve::P384) => "ecdsa-sha2-nistp384",
            Self::Ecdsa(Curve::P521) => "ecdsa-sha2-nistp521",
            Self::Rsa => "ssh-rsa",
            Self::SkEd25519 => "sk-ssh-ed25519@openssh.com",
            Self::SkEcdsa => "sk-ecdsa-sha2-nistp256@openssh.com",
        }
    }

    /// PROTOCOL.certkeys: the name of the key with `-cert-v01@openssh.com`.
    pub(crate) const fn certificate_name(self) -> &'static str {
        match self {
            Self::Ed25519 => "ssh-ed25519-cert-v01@openssh.com",
            Self::Ecdsa(Curve::P256) => "ecdsa-sha2-nistp256-cert-v01@openssh.com",
            Self::Ecdsa(Curve::P384) => "ecdsa-sha2-nistp384-cert-v01@openssh.com",
            Self::Ecdsa(Curve::P521) => "ecdsa-sha2-nistp521-cert-v01@openssh.com",
            Self::Rsa => "ssh-rsa-cert-v01@openssh.com",
            Self::SkEd25519 => "sk-ssh-ed25519-cert-v01@openssh.com",
            Self::SkEcdsa => "sk-ecdsa-sha2-nistp256-cert-v01@openssh.com",
        }
    }

    /// What a request with a certificate names, each at the place that the algorithm of the
    /// signature has in [`signature_algorithms`](Self::signature_algorithms).
    pub(crate) const fn certificate_algorithms(self) -> &'static [&'static str] {
        match self {
            Self::Ed25519 => &["ssh-ed25519-cert-v01@openssh.com"],
            Self::Ecdsa(Curve::P256) => &["ecdsa-sha2-nistp256-cert-v01@openssh.com"],
            Self::Ecdsa(Curve::P384) => &["ecdsa-sha2-nistp384-cert-v01@openssh.com"],
            Self::Ecdsa(Curve::P521) => &["ecdsa-sha2-nistp521-cert-v01@openssh.com"],
            Self::Rsa => &[
                "rsa-sha2-512-cert-v01@openssh.com",
                "rsa-sha2-256-cert-v01@openssh.com",
            ],
            Self::SkEd25519 => &["sk-ssh-ed25519-cert-v01@openssh.com"],
            Self::SkEcdsa => &["sk-ecdsa-sha2-nistp256-cert-v01@openssh.com"],
        }
    }

    /// Without `ssh-rsa`, which is SHA-1 (RFC 8332 has the others for the same key).
    pub(crate) const fn signature_algorithms(self) -> &'static [&'static str] {
        match self {
            Self::Ed25519 => &["ssh-ed25519"],
            Self::Ecdsa(Curve::P256) => &["ecdsa-sha2-nistp256"],
            Self::Ecdsa(Curve::P384) => &["ecdsa-sha2-nistp384"],
            Self::Ecdsa(Curve::P521) => &["ecdsa-sha2-nistp521"],
            Self::Rsa => &["rsa-sha2-512", "rsa-sha2-256"],
            Self::SkEd25519 => &["sk-ssh-ed25519@openssh.com"],
            Self::SkEcdsa => &["sk-ecdsa-sha2-nistp256@openssh.com"],
        }
    }
}

/// A curve of NIST's, as RFC 5656 10.1 names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Curve {
    P256,
    P384,
    P521,
}

impl Curve {
    pub(crate) const ALL: [Self; 3] = [Self::P256, Self::P384, Self::P521];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::P256 => "nistp256",
            Self::P384 => "nistp384",
            Self::P521 => "nistp521",
        }
    }

    /// The length of a coordinate or scalar.
    pub(crate) const fn bytes(self) -> usize {
        match self {
            Self::P256 => 32,
            Self::P384 => 48,
            Self::P521 => 66,
        }
    }
}

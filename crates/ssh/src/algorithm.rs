//! The algorithms: which there are, which are offered, and how two lists agree (RFC 4253 §7.1).

use crate::encoding::{Malformed, Reader, Writer};
use crate::violation::Violation;

/// Declares an enum of algorithms, each with its name on the wire, best first.
macro_rules! algorithms {
    ($(#[$doc:meta])* $name:ident { $($(#[$of:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name { $($(#[$of])* $variant,)+ }

        impl $name {
            /// All of them, the best first.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The name on the wire.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }

            fn from_name(name: &[u8]) -> Option<Self> {
                Self::ALL.iter().copied().find(|one| one.name().as_bytes() == name)
            }
        }
    };
}

algorithms! {
    /// Key exchanges.
    KeyExchange {
        /// Safe also from a quantum computer that listens now and reads later.
        MlKem768X25519 = "mlkem768x25519-sha256",
        /// RFC 8731.
        Curve25519 = "curve25519-sha256",
        /// The same under its first name.
        Curve25519Libssh = "curve25519-sha256@libssh.org",
        /// RFC 5656.
        NistP256 = "ecdh-sha2-nistp256",
        /// RFC 5656.
        NistP384 = "ecdh-sha2-nistp384",
    }
}

algorithms! {
    /// Ciphers. AES with 128 bits is first: as safe, and the fastest where the processor has AES.
    Cipher {
        /// RFC 5647, as OpenSSH has it.
        Aes128Gcm = "aes128-gcm@openssh.com",
        /// RFC 5647, as OpenSSH has it.
        Aes256Gcm = "aes256-gcm@openssh.com",
        /// OpenSSH's PROTOCOL.chacha20poly1305.
        ChaCha20Poly1305 = "chacha20-poly1305@openssh.com",
        /// RFC 4344.
        Aes128Ctr = "aes128-ctr",
        /// RFC 4344.
        Aes256Ctr = "aes256-ctr",
    }
}

algorithms! {
    /// Message authentication, for the ciphers that have none of their own.
    Mac {
        /// Over what was encrypted.
        Sha256Etm = "hmac-sha2-256-etm@openssh.com",
        /// Over what was encrypted.
        Sha512Etm = "hmac-sha2-512-etm@openssh.com",
        /// Beside the encryption: libssh2 before 1.11 (curl) has nothing better. Counter mode has
        /// no padding or chaining for an attack to work on.
        Sha256 = "hmac-sha2-256",
        /// Beside the encryption.
        Sha512 = "hmac-sha2-512",
    }
}

impl Cipher {
    /// Bytes of its key.
    #[must_use]
    pub const fn key_length(self) -> usize {
        match self {
            Self::Aes128Gcm | Self::Aes128Ctr => 16,
            Self::Aes256Gcm | Self::Aes256Ctr => 32,
            Self::ChaCha20Poly1305 => 64,
        }
    }

    pub(crate) const fn iv_length(self) -> usize {
        match self {
            Self::Aes128Gcm | Self::Aes256Gcm => 12,
            Self::Aes128Ctr | Self::Aes256Ctr => 16,
            Self::ChaCha20Poly1305 => 0,
        }
    }

    /// Whether it needs no [`Mac`].
    #[must_use]
    pub const fn authenticates(self) -> bool {
        match self {
            Self::Aes128Gcm | Self::Aes256Gcm | Self::ChaCha20Poly1305 => true,
            Self::Aes128Ctr | Self::Aes256Ctr => false,
        }
    }
}

impl Mac {
    pub(crate) const fn key_length(self) -> usize {
        match self {
            Self::Sha256 | Self::Sha256Etm => 32,
            Self::Sha512 | Self::Sha512Etm => 64,
        }
    }

    pub(crate) const fn encrypts_first(self) -> bool {
        match self {
            Self::Sha256Etm | Self::Sha512Etm => true,
            Self::Sha256 | Self::Sha512 => false,
        }
    }
}

/// Which side of a connection one is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// It answers.
    Server,
    /// It asks.
    Client,
}

/// What one side offers.
#[derive(Debug, Clone)]
pub struct Offer {
    /// Signature algorithms of the host key, best first.
    pub host_keys: Vec<&'static str>,
    /// Key exchanges, best first.
    pub exchanges: Vec<KeyExchange>,
    /// Ciphers, best first.
    pub ciphers: Vec<Cipher>,
    /// Message authentication codes, best first.
    pub macs: Vec<Mac>,
}

impl Offer {
    /// Everything there is, with these host keys.
    #[must_use]
    pub fn with_host_keys(host_keys: Vec<&'static str>) -> Self {
        Self {
            host_keys,
            exchanges: KeyExchange::ALL.to_vec(),
            ciphers: Cipher::ALL.to_vec(),
            macs: Mac::ALL.to_vec(),
        }
    }

    /// The payload of SSH_MSG_KEXINIT. `first`: it is the connection's first key exchange, which
    /// alone carries the markers (strict key exchange, extension negotiation).
    pub(crate) fn key_init(&self, role: Role, first: bool, cookie: [u8; 16]) -> Vec<u8> {
        let mut payload = vec![KEXINIT];
        payload.extend_from_slice(&cookie);
        let markers: &[&str] = match (first, role) {
            (false, _) => &[],
            (true, Role::Server) => &[EXT_INFO_SERVER, STRICT_SERVER],
            (true, Role::Client) => &[EXT_INFO_CLIENT, STRICT_CLIENT],
        };
        let exchanges = self.exchanges.iter().map(|one| one.name());
        list(&mut payload, exchanges.chain(markers.iter().copied()));
        list(&mut payload, self.host_keys.iter().copied());
        for _ in 0..2 {
            list(&mut payload, self.ciphers.iter().map(|one| one.name()));
        }
        for _ in 0..2 {
            list(&mut payload, self.macs.iter().map(|one| one.name()));
        }
        for _ in 0..2 {
            // Nothing compressed: before login a bomb (security P22), after it rarely of use.
            list(&mut payload, ["none"].into_iter());
        }
        for _ in 0..2 {
            list(&mut payload, [].into_iter());
        }
        payload.put_boolean(false);
        payload.put_u32(0);
        payload
    }
}

/// What two KEXINITs agree on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Agreed {
    /// The key exchange.
    pub exchange: KeyExchange,
    /// The signature algorithm of the host key.
    pub host_key: &'static str,
    /// From client to server.
    pub to_server: (Cipher, Mac),
    /// From server to client.
    pub to_client: (Cipher, Mac),
    /// Both know strict key exchange (security P19).
    pub(crate) strict: bool,
    /// The peer takes SSH_MSG_EXT_INFO.
    pub(crate) extensions: bool,
    /// The peer has sent a packet ahead that fits something else: it is thrown away.
    pub(crate) wrong_guess: bool,
}

/// The lists of a KEXINIT, as they stand in it.
struct Lists<'a> {
    exchanges: &'a [u8],
    host_keys: &'a [u8],
    ciphers: [&'a [u8]; 2],
    macs: [&'a [u8]; 2],
    compressions: [&'a [u8]; 2],
    follows: bool,
}

impl<'a> Lists<'a> {
    fn read(payload: &'a [u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(payload);
        reader.byte()?;
        reader.bytes(16)?;
        let mut next = || reader.string(MAX_LIST);
        let lists = Self {
            exchanges: next()?,
            host_keys: next()?,
            ciphers: [next()?, next()?],
            macs: [next()?, next()?],
            compressions: [next()?, next()?],
            follows: {
                next()?;
                next()?;
                reader.boolean()?
            },
        };
        reader.u32()?;
        reader.end()?;
        Ok(lists)
    }
}

/// Agrees: of each kind the first of the client's that the server has too (RFC 4253 §7.1).
pub(crate) fn agree(offer: &Offer, role: Role, theirs: &[u8]) -> Result<Agreed, Violation> {
    let lists = Lists::read(theirs)?;
    let exchange = common(
        &offer.exchanges,
        role,
        lists.exchanges,
        KeyExchange::from_name,
    )
    .ok_or_else(|| none_in_common("key exchange"))?;
    let known = |name: &[u8]| {
        let mine = offer.host_keys.iter().copied();
        mine.into_iter().find(|mine| mine.as_bytes() == name)
    };
    let host_key = common(&offer.host_keys, role, lists.host_keys, known)
        .ok_or_else(|| none_in_common("host key"))?;
    let mut ways = [None; 2];
    for ((way, ciphers), macs) in ways.iter_mut().zip(lists.ciphers).zip(lists.macs) {
        let cipher = common(&offer.ciphers, role, ciphers, Cipher::from_name)
            .ok_or_else(|| none_in_common("cipher"))?;
        let mac = common(&offer.macs, role, macs, Mac::from_name);
        let mac = if cipher.authenticates() {
            mac.unwrap_or(Mac::Sha256Etm)
        } else {
            mac.ok_or_else(|| none_in_common("message authentication"))?
        };
        *way = Some((cipher, mac));
    }
    for compressions in lists.compressions {
        if !names(compressions).any(|name| name == b"none") {
            return Err(none_in_common("compression"));
        }
    }
    let [Some(to_server), Some(to_client)] = ways else {
        return Err(none_in_common("cipher"));
    };
    let (strict, extensions) = match role {
        Role::Server => (STRICT_CLIENT, EXT_INFO_CLIENT),
        Role::Client => (STRICT_SERVER, EXT_INFO_SERVER),
    };
    let has = |marker: &str| names(lists.exchanges).any(|name| name == marker.as_bytes());
    // RFC 4253 §7: a guess is right when both sides prefer the same, of both kinds.
    let preferred = offer.exchanges.first().map(|one| one.name().as_bytes());
    let preferred_key = offer.host_keys.first().map(|one| one.as_bytes());
    let guessed = names(lists.exchanges).next() == preferred
        && names(lists.host_keys).next() == preferred_key;
    Ok(Agreed {
        exchange,
        host_key,
        to_server,
        to_client,
        strict: has(strict),
        extensions: has(extensions),
        wrong_guess: lists.follows && !guessed,
    })
}

/// The first of the client's list that is in the server's.
fn common<T: Copy + PartialEq>(
    mine: &[T],
    role: Role,
    theirs: &[u8],
    known: impl Fn(&[u8]) -> Option<T>,
) -> Option<T> {
    match role {
        Role::Server => names(theirs)
            .filter_map(known)
            .find(|one| mine.contains(one)),
        Role::Client => {
            let theirs: Vec<T> = names(theirs).filter_map(known).collect();
            mine.iter().copied().find(|one| theirs.contains(one))
        }
    }
}

fn names(list: &[u8]) -> impl Iterator<Item = &[u8]> {
    list.split(|byte| *byte == b',')
}

fn list<'a>(payload: &mut Vec<u8>, names: impl Iterator<Item = &'a str>) {
    let joined: Vec<&str> = names.collect();
    payload.put_string(joined.join(",").as_bytes());
}

fn none_in_common(kind: &str) -> Violation {
    Violation {
        reason: crate::violation::Reason::KeyExchangeFailed,
        text: format!("no {kind} algorithm in common [G-5]").into(),
    }
}

pub(crate) const KEXINIT: u8 = 20;
const STRICT_CLIENT: &str = "kex-strict-c-v00@openssh.com";
const STRICT_SERVER: &str = "kex-strict-s-v00@openssh.com";
const EXT_INFO_CLIENT: &str = "ext-info-c";
const EXT_INFO_SERVER: &str = "ext-info-s";
/// The longest list of names. The longest seen has 600 bytes; 200 000 names are no list
/// (security M8).
const MAX_LIST: usize = 8192;

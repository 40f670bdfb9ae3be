//! One key exchange, from KEXINIT to NEWKEYS.

use super::Transport;
use super::place::{EXCHANGE_INIT, EXCHANGE_REPLY, NEWKEYS};
use crate::algorithm::{Agreed, KEXINIT, Role, agree};
use crate::cipher::{MAX_PACKET, Opener};
use crate::encoding::{Reader, Writer};
use crate::exchange::{Derivation, Initiator, Secret, Transcript, respond};
use crate::key::PublicKey;
use crate::output::Output;
use crate::violation::Violation;

/// A key exchange under way.
pub(super) struct Negotiation {
    ours: Vec<u8>,
    theirs: Vec<u8>,
    agreed: Option<Agreed>,
    waiting: Waiting,
    /// The client's half.
    initiator: Option<Initiator>,
    /// What the peer's packets are opened by once it says NEWKEYS.
    opener: Option<Opener>,
}

/// What a key exchange waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Waiting {
    /// The peer's KEXINIT.
    Init,
    /// A packet sent ahead on a wrong guess, to be thrown away.
    Guess,
    /// The other half of the exchange.
    Half,
    /// The peer's NEWKEYS; one's own is sent.
    NewKeys,
}

impl Negotiation {
    pub(super) const fn new(ours: Vec<u8>) -> Self {
        Self {
            ours,
            theirs: Vec::new(),
            agreed: None,
            waiting: Waiting::Init,
            initiator: None,
            opener: None,
        }
    }

    /// Whether the peer's KEXINIT is there.
    pub(super) const fn peer_began(&self) -> bool {
        !matches!(self.waiting, Waiting::Init)
    }

    /// Whether this side has taken its new keys into use.
    pub(super) const fn sends_again(&self) -> bool {
        matches!(self.waiting, Waiting::NewKeys)
    }

    pub(super) fn is_strict(&self) -> bool {
        self.agreed.is_some_and(|agreed| agreed.strict)
    }
}

impl Transport {
    /// Takes the next message of a key exchange. `true` when it has ended.
    pub(super) fn step(
        &mut self,
        negotiation: &mut Negotiation,
        message: &[u8],
        output: &mut Output,
    ) -> Result<bool, Violation> {
        let number = message.first().copied().unwrap_or_default();
        match (negotiation.waiting, number) {
            (Waiting::Init, KEXINIT) => self.agree(negotiation, message, output)?,
            (Waiting::Guess, EXCHANGE_INIT..) => negotiation.waiting = Waiting::Half,
            (Waiting::Half, EXCHANGE_INIT) if self.options.role == Role::Server => {
                self.answer(negotiation, message, output)?;
            }
            (Waiting::Half, EXCHANGE_REPLY) if self.options.role == Role::Client => {
                self.conclude(negotiation, message, output)?;
            }
            (Waiting::NewKeys, NEWKEYS) => {
                Reader::new(message.get(1..).unwrap_or_default()).end()?;
                let mut opener = negotiation.opener.take().ok_or(out_of_order())?;
                if !self.strict {
                    opener.count_from(self.opener.sequence());
                }
                if self.authenticated {
                    opener.set_limit(MAX_PACKET);
                }
                self.opener = opener;
                return Ok(true);
            }
            _ => {
                return Err(Violation::exchange(
                    "a message that does not belong to this point of the key exchange",
                ));
            }
        }
        Ok(false)
    }

    fn agree(
        &mut self,
        negotiation: &mut Negotiation,
        message: &[u8],
        output: &mut Output,
    ) -> Result<(), Violation> {
        let first = self.session.is_none();
        let agreed = agree(&self.options.offer, self.options.role, message)?;
        if first {
            // Strict: nothing, not even what is ignored, came before it (security P19). Who sent
            // it is opener's packet number one.
            if agreed.strict && self.opener.sequence() != 1 {
                return Err(Violation::protocol("a message before the key exchange"));
            }
            self.strict = agreed.strict;
        }
        negotiation.theirs = message.to_vec();
        negotiation.agreed = Some(agreed);
        negotiation.waiting = if agreed.wrong_guess {
            Waiting::Guess
        } else {
            Waiting::Half
        };
        if self.options.role == Role::Client {
            let initiator = Initiator::new(agreed.exchange)?;
            let mut payload = vec![EXCHANGE_INIT];
            payload.put_string(initiator.public());
            self.send_now(output, &payload)?;
            negotiation.initiator = Some(initiator);
        }
        Ok(())
    }

    /// The server's half (RFC 5656 §4).
    fn answer(
        &mut self,
        negotiation: &mut Negotiation,
        message: &[u8],
        output: &mut Output,
    ) -> Result<(), Violation> {
        let agreed = negotiation.agreed.ok_or(out_of_order())?;
        let mut reader = Reader::new(message);
        reader.byte()?;
        let client_public = reader.string(MAX_PUBLIC)?;
        reader.end()?;
        let (server_public, secret) = respond(agreed.exchange, client_public)?;
        let key = self
            .options
            .host_key(agreed.host_key)
            .ok_or(out_of_order())?;
        let host_key = key.public().wire();
        let hash = Transcript {
            client_version: &self.peer_version,
            server_version: self.options.version.as_bytes(),
            client_init: &negotiation.theirs,
            server_init: &negotiation.ours,
            host_key,
            client_public,
            server_public: &server_public,
        }
        .hash(agreed.exchange, &secret);
        let signature = key
            .sign(agreed.host_key, hash.as_ref())
            .map_err(|_| Violation::exchange("the host key cannot sign"))?;
        let mut payload = vec![EXCHANGE_REPLY];
        payload.put_string(host_key);
        payload.put_string(&server_public);
        payload.put_string(&signature);
        self.send_now(output, &payload)?;
        self.take_keys(negotiation, agreed, &secret, hash.as_ref(), output)
    }

    /// The client, with the server's half.
    fn conclude(
        &mut self,
        negotiation: &mut Negotiation,
        message: &[u8],
        output: &mut Output,
    ) -> Result<(), Violation> {
        let agreed = negotiation.agreed.ok_or(out_of_order())?;
        let initiator = negotiation.initiator.take().ok_or(out_of_order())?;
        let mut reader = Reader::new(message);
        reader.byte()?;
        let host_key = reader.string(MAX_HOST_KEY)?;
        let server_public = reader.string(MAX_PUBLIC)?;
        let signature = reader.string(MAX_HOST_KEY)?;
        reader.end()?;
        let secret = initiator.finish(server_public)?;
        let hash = Transcript {
            client_version: self.options.version.as_bytes(),
            server_version: &self.peer_version,
            client_init: &negotiation.ours,
            server_init: &negotiation.theirs,
            host_key,
            client_public: initiator.public(),
            server_public,
        }
        .hash(agreed.exchange, &secret);
        let bad = |_| Violation::exchange("the server's signature is not its host key's");
        let key = PublicKey::decode(host_key)
            .map_err(|_| Violation::exchange("a host key that cannot be read"))?;
        key.verify(agreed.host_key.as_bytes(), hash.as_ref(), signature)
            .map_err(bad)?;
        self.host_key = Some(key);
        self.take_keys(negotiation, agreed, &secret, hash.as_ref(), output)
    }

    /// NEWKEYS: from here on this side speaks under the new keys.
    fn take_keys(
        &mut self,
        negotiation: &mut Negotiation,
        agreed: Agreed,
        secret: &Secret,
        hash: &[u8],
        output: &mut Output,
    ) -> Result<(), Violation> {
        self.send_now(output, &[NEWKEYS])?;
        let first = self.session.is_none();
        let session: &[u8] = self.session.get_or_insert_with(|| hash.into());
        let derivation = Derivation {
            exchange: agreed.exchange,
            secret,
            hash,
            session,
        };
        let (sending, receiving) = match self.options.role {
            Role::Server => (agreed.to_client, agreed.to_server),
            Role::Client => (agreed.to_server, agreed.to_client),
        };
        let sequence = if self.strict {
            0
        } else {
            self.sealer.sequence()
        };
        let role = self.options.role;
        self.sealer = derivation.sealer(role, sending, sequence)?;
        negotiation.opener = Some(derivation.opener(role, receiving, 0)?);
        negotiation.waiting = Waiting::NewKeys;
        self.agreed = Some(agreed);
        if first && agreed.extensions && role == Role::Server {
            self.send_extensions(output)?;
        }
        Ok(())
    }

    /// RFC 8308 §3.1: which signatures of logins are taken; an RSA key would else sign with SHA-1.
    fn send_extensions(&mut self, output: &mut Output) -> Result<(), Violation> {
        let mut payload = vec![super::EXT_INFO];
        payload.put_u32(1);
        payload.put_string(b"server-sig-algs");
        payload.put_string(SIGNATURES.as_bytes());
        self.send_now(output, &payload)
    }
}

const fn out_of_order() -> Violation {
    Violation::exchange("a key exchange out of order")
}

/// What logins may be signed by; never SHA-1.
const SIGNATURES: &str = "ssh-ed25519,sk-ssh-ed25519@openssh.com,ecdsa-sha2-nistp256,\
    ecdsa-sha2-nistp384,ecdsa-sha2-nistp521,sk-ecdsa-sha2-nistp256@openssh.com,\
    rsa-sha2-512,rsa-sha2-256";
/// The longest public value: of ML-KEM-768 and X25519 together.
const MAX_PUBLIC: usize = 1216;
/// The longest host key or signature, with room for certificates.
const MAX_HOST_KEY: usize = 16 * 1024;

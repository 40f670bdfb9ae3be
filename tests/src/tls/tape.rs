//! One TLS 1.3 ticket, used many times.
//!
//! FTP clients on OpenSSL and GnuTLS use one ticket for every data connection; rustls gives each
//! of its tickets out once and offers no copy. So what a control connection's handshake was made
//! of is recorded: what was random, the key exchange, the signatures, and the server's bytes.
//! Played again, a second rustls connection comes by the same ticket, as often as one is wanted.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustls::client::{ClientSessionStore, Tls12ClientSessionValue, Tls13ClientSessionValue};
use rustls::crypto::{
    ActiveKeyExchange, CryptoProvider, GetRandomFailed, SecureRandom, SharedSecret,
    SupportedKxGroup,
};
use rustls::pki_types::ServerName;
use rustls::sign::{Signer, SigningKey};
use rustls::{Error, NamedGroup, ProtocolVersion, SignatureAlgorithm, SignatureScheme};

/// What a handshake was made of. rustls wants these parts to live for ever; a few hundred bytes
/// for each connection of a test are left behind.
#[derive(Debug, Default)]
pub(super) struct Tape(Mutex<Recorded>);

#[derive(Debug, Default)]
struct Recorded {
    random: Vec<Vec<u8>>,
    exchanges: Vec<Exchange>,
    answers: Vec<u8>,
}

#[derive(Debug, Clone)]
struct Exchange {
    public: Vec<u8>,
    hybrid: Option<(NamedGroup, Vec<u8>)>,
    secret: Vec<u8>,
}

impl Tape {
    /// Records what `provider` does from now on.
    pub(super) fn record(provider: CryptoProvider) -> (&'static Self, CryptoProvider) {
        let tape: &'static Self = Box::leak(Box::default());
        let recorder: &'static Recorder = Box::leak(Box::new(Recorder {
            tape,
            random: provider.secure_random,
        }));
        let groups = provider.kx_groups.iter().map(|&group| {
            let group: &'static RecordedGroup = Box::leak(Box::new(RecordedGroup { group, tape }));
            group as &'static dyn SupportedKxGroup
        });
        let kx_groups = groups.collect();
        let recording = CryptoProvider {
            secure_random: recorder,
            kx_groups,
            ..provider
        };
        (tape, recording)
    }

    /// Keeps what the server sent; the tickets are near the beginning.
    pub(super) fn answer(&self, bytes: &[u8]) {
        let mut recorded = self.lock();
        if recorded.answers.len() < ENOUGH {
            recorded.answers.extend_from_slice(bytes);
        }
    }

    pub(super) fn answers(&self) -> Vec<u8> {
        self.lock().answers.clone()
    }

    /// A provider that does the same once more.
    pub(super) fn play(&'static self, provider: CryptoProvider) -> CryptoProvider {
        let random = self.lock().random.clone();
        let player: &'static Player = Box::leak(Box::new(Player {
            random: Mutex::new(random.into_iter().collect()),
            otherwise: provider.secure_random,
        }));
        let exchanges = self.lock().exchanges.clone();
        let exchanges = Arc::new(Mutex::new(exchanges.into_iter().collect::<Vec<_>>()));
        let groups = provider.kx_groups.iter().map(|&group| {
            let exchanges = Arc::clone(&exchanges);
            let group: &'static PlayedGroup = Box::leak(Box::new(PlayedGroup { group, exchanges }));
            group as &'static dyn SupportedKxGroup
        });
        let kx_groups = groups.collect();
        CryptoProvider {
            secure_random: player,
            kx_groups,
            ..provider
        }
    }

    fn lock(&self) -> MutexGuard<'_, Recorded> {
        lock(&self.0)
    }
}

/// Holds what one connection was given, and nothing before.
#[derive(Debug)]
pub(super) struct Capture {
    pub(super) hint: Option<NamedGroup>,
    pub(super) ticket: Mutex<Option<Tls13ClientSessionValue>>,
}

impl ClientSessionStore for Capture {
    fn set_kx_hint(&self, _: ServerName<'static>, _: NamedGroup) {}

    fn kx_hint(&self, _: &ServerName<'_>) -> Option<NamedGroup> {
        self.hint
    }

    fn set_tls12_session(&self, _: ServerName<'static>, _: Tls12ClientSessionValue) {}

    fn tls12_session(&self, _: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        None
    }

    fn remove_tls12_session(&self, _: &ServerName<'static>) {}

    // The first: it is the same every time.
    fn insert_tls13_ticket(&self, _: ServerName<'static>, value: Tls13ClientSessionValue) {
        lock(&self.ticket).get_or_insert(value);
    }

    fn take_tls13_ticket(&self, _: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        None
    }
}

#[derive(Debug)]
struct Recorder {
    tape: &'static Tape,
    random: &'static dyn SecureRandom,
}

impl SecureRandom for Recorder {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), GetRandomFailed> {
        self.random.fill(buffer)?;
        self.tape.lock().random.push(buffer.to_vec());
        Ok(())
    }
}

#[derive(Debug)]
struct Player {
    random: Mutex<std::collections::VecDeque<Vec<u8>>>,
    otherwise: &'static dyn SecureRandom,
}

impl SecureRandom for Player {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), GetRandomFailed> {
        match lock(&self.random).pop_front() {
            Some(bytes) if bytes.len() == buffer.len() => {
                buffer.copy_from_slice(&bytes);
                Ok(())
            }
            _ => self.otherwise.fill(buffer),
        }
    }
}

#[derive(Debug)]
struct RecordedGroup {
    group: &'static dyn SupportedKxGroup,
    tape: &'static Tape,
}

impl SupportedKxGroup for RecordedGroup {
    fn start(&self) -> Result<Box<dyn ActiveKeyExchange>, Error> {
        let inner = self.group.start()?;
        let hybrid = inner.hybrid_component();
        let exchange = Exchange {
            public: inner.pub_key().to_vec(),
            hybrid: hybrid.map(|(group, public)| (group, public.to_vec())),
            secret: Vec::new(),
        };
        let mut recorded = self.tape.lock();
        recorded.exchanges.push(exchange);
        Ok(Box::new(RecordedExchange {
            inner,
            number: recorded.exchanges.len() - 1,
            tape: self.tape,
        }))
    }

    fn name(&self) -> NamedGroup {
        self.group.name()
    }

    fn usable_for_version(&self, version: ProtocolVersion) -> bool {
        self.group.usable_for_version(version)
    }
}

struct RecordedExchange {
    inner: Box<dyn ActiveKeyExchange>,
    number: usize,
    tape: &'static Tape,
}

impl RecordedExchange {
    fn keep(tape: &Tape, number: usize, secret: &SharedSecret) {
        if let Some(exchange) = tape.lock().exchanges.get_mut(number) {
            exchange.secret = secret.secret_bytes().to_vec();
        }
    }
}

impl ActiveKeyExchange for RecordedExchange {
    fn complete(self: Box<Self>, theirs: &[u8]) -> Result<SharedSecret, Error> {
        let secret = self.inner.complete(theirs)?;
        Self::keep(self.tape, self.number, &secret);
        Ok(secret)
    }

    fn hybrid_component(&self) -> Option<(NamedGroup, &[u8])> {
        self.inner.hybrid_component()
    }

    fn complete_hybrid_component(self: Box<Self>, theirs: &[u8]) -> Result<SharedSecret, Error> {
        let secret = self.inner.complete_hybrid_component(theirs)?;
        Self::keep(self.tape, self.number, &secret);
        Ok(secret)
    }

    fn pub_key(&self) -> &[u8] {
        self.inner.pub_key()
    }

    fn group(&self) -> NamedGroup {
        self.inner.group()
    }
}

#[derive(Debug)]
struct PlayedGroup {
    group: &'static dyn SupportedKxGroup,
    exchanges: Arc<Mutex<Vec<Exchange>>>,
}

impl SupportedKxGroup for PlayedGroup {
    fn start(&self) -> Result<Box<dyn ActiveKeyExchange>, Error> {
        let mut exchanges = lock(&self.exchanges);
        if exchanges.is_empty() {
            return Err(Error::General(
                "more key exchanges than were recorded".into(),
            ));
        }
        let exchange = exchanges.remove(0);
        let group = self.group.name();
        Ok(Box::new(PlayedExchange { exchange, group }))
    }

    fn name(&self) -> NamedGroup {
        self.group.name()
    }

    fn usable_for_version(&self, version: ProtocolVersion) -> bool {
        self.group.usable_for_version(version)
    }
}

struct PlayedExchange {
    exchange: Exchange,
    group: NamedGroup,
}

impl ActiveKeyExchange for PlayedExchange {
    fn complete(self: Box<Self>, _: &[u8]) -> Result<SharedSecret, Error> {
        Ok(SharedSecret::from(self.exchange.secret.as_slice()))
    }

    fn hybrid_component(&self) -> Option<(NamedGroup, &[u8])> {
        let (group, public) = self.exchange.hybrid.as_ref()?;
        Some((*group, public))
    }

    fn complete_hybrid_component(self: Box<Self>, theirs: &[u8]) -> Result<SharedSecret, Error> {
        self.complete(theirs)
    }

    fn pub_key(&self) -> &[u8] {
        &self.exchange.public
    }

    fn group(&self) -> NamedGroup {
        self.group
    }
}

/// Messages and their signatures.
type Signed = Arc<Mutex<Vec<(Vec<u8>, Vec<u8>)>>>;

/// A key that signs the same message with the same signature: ECDSA is random otherwise.
#[derive(Debug)]
pub(super) struct SteadyKey {
    pub(super) key: Arc<dyn SigningKey>,
    pub(super) signed: Signed,
}

impl SigningKey for SteadyKey {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        Some(Box::new(SteadySigner {
            signer: self.key.choose_scheme(offered)?,
            signed: Arc::clone(&self.signed),
        }))
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        self.key.algorithm()
    }
}

#[derive(Debug)]
struct SteadySigner {
    signer: Box<dyn Signer>,
    signed: Signed,
}

impl Signer for SteadySigner {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        let mut signed = lock(&self.signed);
        if let Some((_, signature)) = signed.iter().find(|(known, _)| known == message) {
            return Ok(signature.clone());
        }
        let signature = self.signer.sign(message)?;
        signed.push((message.to_vec(), signature.clone()));
        Ok(signature)
    }

    fn scheme(&self) -> SignatureScheme {
        self.signer.scheme()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

// A server's whole first flight and its tickets are a few KiB.
const ENOUGH: usize = 64 * 1024;

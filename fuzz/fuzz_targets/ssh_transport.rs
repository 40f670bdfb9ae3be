#![no_main]

use std::sync::{Arc, LazyLock};

use libfuzzer_sys::fuzz_target;
use wharf_ssh::algorithm::{Cipher, KeyExchange, Mac, Role};
use wharf_ssh::key::{HostKey, HostKeyKind};
use wharf_ssh::transport::{Options, Received};
use wharf_ssh::{MAX_PACKET, Output, Transport, Violation};

// Bytes from a stranger in clear, and packets of a peer that has the keys, some of them changed on
// their way.
fuzz_target!(|input: (u8, u8, &[u8])| {
    let (choice, step, bytes) = input;
    let role = if choice & 1 == 0 {
        Role::Server
    } else {
        Role::Client
    };
    if choice & 2 == 0 {
        clear(role, usize::from(step).max(1), bytes);
    } else {
        keyed(role, choice, bytes);
    }
});

static HOST_KEYS: LazyLock<[Vec<u8>; 1]> = LazyLock::new(|| {
    let key = HostKey::generate(HostKeyKind::Ed25519).expect("randomness");
    [key.to_openssh("fuzz").expect("memory").as_bytes().to_vec()]
});

fn options(role: Role, choice: u8) -> Arc<Options> {
    let mut options = match role {
        Role::Server => {
            let keys = HOST_KEYS.iter().map(|text| HostKey::from_openssh(text));
            let keys = keys.collect::<Result<_, _>>().expect("what was written");
            Options::server("SSH-2.0-fuzz", keys)
        }
        Role::Client => Options::client("SSH-2.0-fuzz", vec!["ssh-ed25519"]),
    };
    // The fastest, so that more is tried.
    options.offer.exchanges = vec![KeyExchange::Curve25519];
    options.offer.ciphers = vec![Cipher::ALL[usize::from(choice >> 4) % Cipher::ALL.len()]];
    options.offer.macs = vec![Mac::ALL[usize::from(choice >> 6) % Mac::ALL.len()]];
    Arc::new(options)
}

/// One end, and what it was told.
struct End {
    transport: Transport,
    input: Vec<u8>,
    output: Output,
    /// The peer has said that it ends.
    over: bool,
}

/// What a message was, or how it ended.
type Heard = (Vec<Vec<u8>>, Result<(), Violation>);

impl End {
    fn new(options: Arc<Options>) -> Self {
        let mut end = Self {
            transport: Transport::new(options),
            input: Vec::new(),
            output: Output::new(),
            over: false,
        };
        end.transport.start(&mut end.output).expect("randomness");
        end
    }

    fn take(&mut self) -> Vec<u8> {
        let bytes = self.output.pending().to_vec();
        self.output.sent(bytes.len());
        bytes
    }

    fn hear(&mut self, bytes: &[u8]) -> Heard {
        self.input.extend_from_slice(bytes);
        let mut messages = Vec::new();
        loop {
            let input = &mut self.input;
            match self.transport.receive(input, &mut self.output, 1) {
                Ok(Received::Needs(wanted)) => {
                    assert!(wanted > self.input.len());
                    assert!(wanted <= 4 + MAX_PACKET + 64);
                    return (messages, Ok(()));
                }
                Ok(Received::Done(consumed)) => drop(self.input.drain(..consumed)),
                Ok(Received::Message { payload, consumed }) => {
                    messages.push(self.input[payload].to_vec());
                    self.input.drain(..consumed);
                }
                Ok(Received::Disconnected { .. }) => {
                    self.over = true;
                    self.input.clear();
                    return (messages, Ok(()));
                }
                Err(violation) => {
                    // The last words can be said whatever came.
                    self.transport.disconnect(&mut self.output, &violation);
                    return (messages, Err(violation));
                }
            }
            assert!(self.output.len() < 1 << 20);
        }
    }
}

/// Whole or in pieces, a stranger's bytes come to the same, and to no message.
fn clear(role: Role, step: usize, bytes: &[u8]) {
    let options = options(role, 0);
    let mut whole = End::new(options.clone());
    let (messages, outcome) = whole.hear(bytes);
    assert_eq!(messages, Vec::<Vec<u8>>::new());
    assert!(whole.transport.session().is_none() || role == Role::Server);
    let mut pieces = End::new(options);
    let mut ended = Ok(());
    for piece in bytes.chunks(step) {
        let (messages, outcome) = pieces.hear(piece);
        assert!(messages.is_empty());
        if outcome.is_err() {
            ended = outcome;
            break;
        }
        if pieces.over {
            break;
        }
    }
    // The identification is refused as soon as it cannot be one, whatever would follow.
    if whole.transport.peer_version() == pieces.transport.peer_version() {
        assert_eq!(outcome.is_err(), ended.is_err(), "{outcome:?} {ended:?}");
        assert_eq!(whole.over, pieces.over);
    }
}

/// A pair with keys in use: the end that is tried, and its peer.
fn pair(role: Role, choice: u8) -> (End, End) {
    let other = match role {
        Role::Server => Role::Client,
        Role::Client => Role::Server,
    };
    let mut tried = End::new(options(role, choice));
    let mut peer = End::new(options(other, choice));
    for _ in 0..8 {
        let (here, there) = (tried.take(), peer.take());
        peer.hear(&here).1.expect("an honest peer");
        tried.hear(&there).1.expect("an honest peer");
    }
    assert!(tried.transport.can_send() && peer.transport.can_send());
    (tried, peer)
}

/// What the peer says is heard as it said it; what was changed on its way is not heard at all.
fn keyed(role: Role, choice: u8, mut bytes: &[u8]) {
    let (mut tried, mut peer) = pair(role, choice);
    let authenticated = choice & 4 != 0;
    if authenticated {
        tried.transport.set_authenticated();
    }
    while let [how, length, rest @ ..] = bytes {
        let (payload, rest) = rest.split_at(usize::from(*length).min(rest.len()));
        bytes = rest;
        if payload.is_empty() {
            continue;
        }
        let slot = peer.transport.lay_out(&mut peer.output, payload.len());
        let slot = slot.expect("the peer hears of no key exchange");
        peer.output.payload(&slot).copy_from_slice(payload);
        peer.transport
            .seal(&mut peer.output, &slot)
            .expect("sealed");
        let mut packet = peer.take();
        let changed = how & 0x80 != 0;
        if changed {
            let at = usize::from(how & 0x7f) * packet.len() / 128;
            packet[at] ^= 1 << (how & 7);
        }
        let (messages, outcome) = tried.hear(&packet);
        for message in &messages {
            assert!(!changed, "a packet that was changed is heard");
            assert_eq!(message, payload);
            let early = matches!((role, message[0]), (Role::Server, 5 | 50 | 61));
            let to_client = role == Role::Client && matches!(message[0], 6 | 50..80);
            let odd = matches!(message[0], 5 | 6);
            assert!(
                authenticated || early || to_client || odd,
                "{} before the login",
                message[0]
            );
        }
        if outcome.is_err() || changed {
            return;
        }
    }
}

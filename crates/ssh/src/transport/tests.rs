use super::*;
use crate::algorithm::{Cipher, KeyExchange, Mac, Offer};
use crate::key::{HostKey, HostKeyKind};

/// A server and a client that hear each other at once.
struct Pair {
    server: End,
    client: End,
    now: u64,
}

struct End {
    transport: Transport,
    input: Vec<u8>,
    output: Output,
    messages: Vec<Vec<u8>>,
}

impl End {
    fn new(options: Options) -> Self {
        let mut end = Self {
            transport: Transport::new(Arc::new(options)),
            input: Vec::new(),
            output: Output::new(),
            messages: Vec::new(),
        };
        end.transport.start(&mut end.output).unwrap();
        end
    }

    fn take(&mut self) -> Vec<u8> {
        let bytes = self.output.pending().to_vec();
        self.output.sent(bytes.len());
        bytes
    }

    fn hear(&mut self, bytes: &[u8], now: u64) -> Result<(), Violation> {
        self.input.extend_from_slice(bytes);
        loop {
            match self
                .transport
                .receive(&mut self.input, &mut self.output, now)?
            {
                Received::Needs(wanted) => {
                    assert!(wanted > self.input.len());
                    return Ok(());
                }
                Received::Done(consumed) => drop(self.input.drain(..consumed)),
                Received::Message { payload, consumed } => {
                    self.messages.push(self.input[payload].to_vec());
                    self.input.drain(..consumed);
                }
                Received::Disconnected { .. } => panic!("disconnected"),
            }
        }
    }
}

impl Pair {
    fn new(server: Options, client: Options) -> Self {
        Self {
            server: End::new(server),
            client: End::new(client),
            now: 1,
        }
    }

    /// Carries everything there is, in pieces of at most `piece` bytes.
    fn carry(&mut self, piece: usize) -> Result<(), Violation> {
        for _ in 0..1000 {
            let (to_client, to_server) = (self.server.take(), self.client.take());
            if to_client.is_empty() && to_server.is_empty() {
                return Ok(());
            }
            for bytes in to_client.chunks(piece) {
                self.client.hear(bytes, self.now)?;
            }
            for bytes in to_server.chunks(piece) {
                self.server.hear(bytes, self.now)?;
            }
        }
        panic!("they never stop");
    }

    fn keyed() -> Self {
        let mut pair = Self::new(server(), client());
        pair.carry(usize::MAX).unwrap();
        pair.log_in();
        pair
    }

    fn log_in(&mut self) {
        self.server.transport.set_authenticated();
        self.client.transport.set_authenticated();
    }

    fn exchange_messages(&mut self) {
        for length in [1, 2, 15, 16, 17, 1000, 32_768] {
            let message = [vec![94], vec![7; length]].concat();
            let End {
                transport, output, ..
            } = &mut self.client;
            transport.send(output, &message).unwrap();
            let End {
                transport, output, ..
            } = &mut self.server;
            transport.send(output, &message).unwrap();
            self.carry(usize::MAX).unwrap();
            assert_eq!(self.server.messages.pop().unwrap(), message);
            assert_eq!(self.client.messages.pop().unwrap(), message);
        }
    }
}

fn server() -> Options {
    let keys = [HostKeyKind::Ed25519, HostKeyKind::EcdsaP256];
    let keys = keys.map(|kind| HostKey::generate(kind).unwrap());
    Options::server("SSH-2.0-wharf", keys.into())
}

fn client() -> Options {
    Options::client("SSH-2.0-test", vec!["ssh-ed25519", "ecdsa-sha2-nistp256"])
}

#[test]
fn every_algorithm_carries_messages_both_ways() {
    for &exchange in KeyExchange::ALL {
        for &cipher in Cipher::ALL {
            for &mac in Mac::ALL {
                let mut options = client();
                options.offer = Offer {
                    exchanges: vec![exchange],
                    ciphers: vec![cipher],
                    macs: vec![mac],
                    ..options.offer
                };
                let mut pair = Pair::new(server(), options);
                pair.carry(3).unwrap();
                pair.log_in();
                let agreed = pair.server.transport.agreed().unwrap();
                assert_eq!(agreed.exchange, exchange);
                assert_eq!(agreed.to_server.0, cipher);
                let session = pair.server.transport.session().unwrap();
                assert_eq!(session, pair.client.transport.session().unwrap());
                pair.exchange_messages();
            }
        }
    }
}

#[test]
fn the_client_learns_the_host_key() {
    let options = server();
    let wire = options.host_keys[0].public().wire().to_vec();
    let mut pair = Pair::new(options, client());
    pair.carry(usize::MAX).unwrap();
    assert_eq!(pair.client.transport.host_key().unwrap().wire(), wire);
}

#[test]
fn keys_are_renewed_by_volume_and_by_time_and_messages_wait() {
    let mut options = server();
    options.limits.rekey_bytes = 100_000;
    let mut pair = Pair::new(options, client());
    pair.carry(usize::MAX).unwrap();
    pair.log_in();
    let session = pair.server.transport.session().unwrap().to_vec();
    for round in 0..5 {
        pair.now += u64::from(round == 4) * 3600;
        pair.exchange_messages();
        let End {
            transport, output, ..
        } = &mut pair.server;
        transport.renew_keys(output, pair.now).unwrap();
        let renews = transport.exchanges_keys();
        // Three rounds make 100 000 bytes; in the last an hour has gone by.
        assert_eq!(renews, [2, 4].contains(&round), "round {round}");
        if renews {
            assert!(!transport.can_send());
            assert!(transport.lay_out(output, 10).is_none());
            transport.send(output, &[94, 1]).unwrap();
            // What the client had sent before it heard of it is taken.
            let End {
                transport, output, ..
            } = &mut pair.client;
            transport.send(output, &[94, 2]).unwrap();
            pair.carry(100).unwrap();
            assert_eq!(pair.client.messages.pop().unwrap(), [94, 1]);
            assert_eq!(pair.server.messages.pop().unwrap(), [94, 2]);
        }
    }
    assert_eq!(pair.server.transport.session().unwrap(), session);
}

#[test]
fn r13_key_exchanges_cannot_be_asked_for_without_end() {
    let mut pair = Pair::keyed();
    let mut asked = 0;
    let refused = loop {
        let End {
            transport, output, ..
        } = &mut pair.client;
        transport.begin_exchange(output).unwrap();
        match pair.carry(usize::MAX) {
            Ok(()) => asked += 1,
            Err(violation) => break violation,
        }
        assert!(asked < 100);
    };
    assert_eq!(asked, MOST_ASKED);
    assert_eq!(refused.reason, crate::Reason::ProtocolError);
    // With something to renew them for they are welcome.
    let mut pair = Pair::keyed();
    for _ in 0..20 {
        for _ in 0..5 {
            pair.exchange_messages();
        }
        let End {
            transport, output, ..
        } = &mut pair.client;
        transport.begin_exchange(output).unwrap();
        pair.carry(usize::MAX).unwrap();
    }
    // And spread over hours.
    let mut pair = Pair::keyed();
    for _ in 0..20 {
        pair.now += 600;
        let End {
            transport, output, ..
        } = &mut pair.client;
        transport.begin_exchange(output).unwrap();
        pair.carry(usize::MAX).unwrap();
    }
}

/// What a client sends in clear, to be written by hand.
fn clear(payload: &[u8]) -> Vec<u8> {
    let mut sealer = Sealer::clear();
    let mut output = Output::new();
    let slot = sealer.lay_out(&mut output, payload.len());
    output.payload(&slot).copy_from_slice(payload);
    sealer.seal(&mut output, &slot).unwrap();
    output.pending().to_vec()
}

#[test]
fn p19_nothing_comes_before_or_between_a_strict_key_exchange() {
    for ignored in [
        vec![IGNORE, 0, 0, 0, 0],
        vec![UNIMPLEMENTED, 0, 0, 0, 0],
        vec![DEBUG, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    ] {
        // Before KEXINIT.
        let mut end = End::new(server());
        let mut peer = End::new(client());
        let hello = peer.take();
        let line = hello.iter().position(|byte| *byte == b'\n').unwrap() + 1;
        end.hear(&hello[..line], 1).unwrap();
        end.hear(&clear(&ignored), 1).unwrap();
        assert!(end.hear(&hello[line..], 1).is_err());
        // Behind it.
        let mut end = End::new(server());
        end.hear(&hello, 1).unwrap();
        assert!(end.hear(&clear(&ignored), 1).is_err());
        // Between the exchange and NEWKEYS.
        let mut pair = Pair::new(server(), client());
        let (to_client, to_server) = (pair.server.take(), pair.client.take());
        pair.client.hear(&to_client, 1).unwrap();
        pair.server.hear(&to_server, 1).unwrap();
        let exchange = pair.client.take();
        pair.server.hear(&exchange, 1).unwrap();
        assert!(pair.server.transport.session().is_some());
        assert!(pair.server.hear(&clear(&ignored), 1).is_err());
    }
}

#[test]
fn p20_what_belongs_behind_the_login_is_refused_before_it() {
    for number in [6, 51, 52, 53, 60, 80, 81, 90, 91, 94, 98, 100, 127] {
        let mut pair = Pair::new(server(), client());
        pair.carry(usize::MAX).unwrap();
        pair.client.transport.set_authenticated();
        let End {
            transport, output, ..
        } = &mut pair.client;
        transport.send(output, &[number, 0, 0, 0, 0]).unwrap();
        let outcome = pair.carry(usize::MAX);
        if number == 6 {
            // A matter of the layer above, which knows what it asked for.
            continue;
        }
        assert_eq!(outcome.unwrap_err().reason, crate::Reason::ProtocolError);
        assert!(pair.server.messages.is_empty());
    }
    for number in [5, 50, 61] {
        let mut pair = Pair::new(server(), client());
        pair.carry(usize::MAX).unwrap();
        let End {
            transport, output, ..
        } = &mut pair.client;
        transport.send(output, &[number, 0, 0, 0, 0]).unwrap();
        pair.carry(usize::MAX).unwrap();
        assert_eq!(pair.server.messages.len(), 1);
    }
}

#[test]
fn p21_what_may_be_sent_before_the_login_has_an_end() {
    for payload in [vec![IGNORE; 30_000], vec![IGNORE, 0, 0, 0, 0], vec![192, 0]] {
        let mut pair = Pair::new(server(), client());
        pair.carry(usize::MAX).unwrap();
        pair.client.transport.set_authenticated();
        let mut sent = 0_u64;
        let refused = loop {
            let End {
                transport, output, ..
            } = &mut pair.client;
            transport.send(output, &payload).unwrap();
            sent += payload.len() as u64;
            if let Err(violation) = pair.carry(usize::MAX) {
                break violation;
            }
            assert!(sent < 1 << 20);
        };
        assert_eq!(refused.reason, crate::Reason::ProtocolError);
    }
}

#[test]
fn p24_extensions_come_first_or_not_at_all() {
    let mut pair = Pair::new(server(), client());
    pair.carry(usize::MAX).unwrap();
    let End {
        transport, output, ..
    } = &mut pair.client;
    let mut info = vec![EXT_INFO];
    info.put_u32(0);
    transport.send(output, &info).unwrap();
    pair.carry(usize::MAX).unwrap();
    let End {
        transport, output, ..
    } = &mut pair.client;
    transport.send(output, &info).unwrap();
    assert!(pair.carry(usize::MAX).is_err());
}

#[test]
fn a_changed_packet_ends_the_connection() {
    for &cipher in Cipher::ALL {
        for &mac in Mac::ALL {
            for changed in [0, 4, 5, 20, 60, usize::MAX] {
                let mut options = client();
                options.offer.ciphers = vec![cipher];
                options.offer.macs = vec![mac];
                let mut pair = Pair::new(server(), options);
                pair.carry(usize::MAX).unwrap();
                pair.log_in();
                let End {
                    transport, output, ..
                } = &mut pair.client;
                transport.send(output, &[94; 100]).unwrap();
                let mut packet = pair.client.take();
                let at = changed.min(packet.len() - 1);
                packet[at] ^= 1;
                let outcome = pair.server.hear(&packet, 1);
                assert!(pair.server.messages.is_empty());
                // A length that became greater is waited for.
                assert!(outcome.is_err() || at == 0 && !pair.server.input.is_empty());
            }
        }
    }
}

#[test]
fn m6_lengths_that_cannot_be_are_refused_at_once() {
    for length in [0_u32, 1, 5, 6, 35_001, 262_209, u32::MAX] {
        let mut end = End::new(server());
        end.hear(b"SSH-2.0-x\r\n", 1).unwrap();
        let mut packet = length.to_be_bytes().to_vec();
        packet.extend([4; 12]);
        assert!(end.hear(&packet, 1).is_err(), "{length}");
    }
}

#[test]
fn m8_a_list_of_very_many_names_is_refused() {
    let mut offer = client().offer.key_init(Role::Client, true, [0; 16]);
    let list = b"a,".repeat(10_000);
    let mut payload = offer[..17].to_vec();
    payload.put_string(&list);
    payload.append(&mut offer);
    let mut end = End::new(server());
    end.hear(b"SSH-2.0-x\r\n", 1).unwrap();
    assert!(end.hear(&clear(&payload), 1).is_err());
}

#[test]
fn another_protocol_is_told_so() {
    for hello in [
        &b"GET / HTTP/1.1\r\n"[..],
        b"USER anonymous\r\n",
        b"\x16\x03\x01\x02\x00",
        b"\n",
    ] {
        let mut end = End::new(server());
        let violation = end.hear(hello, 1).unwrap_err();
        assert!(violation.text.contains("G-1"), "{violation:?}");
    }
    let mut end = End::new(server());
    let violation = end.hear(b"SSH-1.5-old\r\n", 1).unwrap_err();
    assert_eq!(violation.reason, crate::Reason::VersionNotSupported);
    let mut end = End::new(server());
    assert!(end.hear(&[b'S'; 300], 1).is_err());
}

#[test]
fn p23_what_is_offered() {
    let offer = Options::server("SSH-2.0-wharf", vec![]).offer;
    let names = |names: Vec<&str>| names.join(",");
    assert_eq!(
        names(offer.exchanges.iter().map(|one| one.name()).collect()),
        "mlkem768x25519-sha256,curve25519-sha256,curve25519-sha256@libssh.org,\
         ecdh-sha2-nistp256,ecdh-sha2-nistp384"
    );
    assert_eq!(
        names(offer.ciphers.iter().map(|one| one.name()).collect()),
        "aes128-gcm@openssh.com,aes256-gcm@openssh.com,chacha20-poly1305@openssh.com,\
         aes128-ctr,aes256-ctr"
    );
    assert_eq!(
        names(offer.macs.iter().map(|one| one.name()).collect()),
        "hmac-sha2-256-etm@openssh.com,hmac-sha2-512-etm@openssh.com,hmac-sha2-256,hmac-sha2-512"
    );
}

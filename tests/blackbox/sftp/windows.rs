//! Clients that take little at a time: small packets, small windows, or both.

use std::fs::File;

use rustix::fs::{Advice, fadvise};
use wharf_sftp::{Attributes, OpenFlags, Request, Response};
use wharf_ssh::encoding::{Reader, Writer};
use wharf_tests::ssh_client::{SshClient, channel_data};
use wharf_tests::{Wharf, assert_bytes, pattern};

#[test]
fn answers_are_cut_to_packets_of_any_size() {
    let wharf = Wharf::with().sftp().start();
    let content = pattern(1, 300_000);
    wharf.write("f", &content);
    for packet in [256, 300, 1024, 4095] {
        // Also with a window that holds three and a half of them.
        for window in [u32::MAX, packet * 7 / 2] {
            let mut client = Little::open(&wharf, packet, window, vec![window]);
            let handle = client.handle("f");
            for length in [32 << 10, 255 << 10] {
                client.ask(&Request::Read {
                    id: length,
                    handle: &handle,
                    offset: 1000,
                    length,
                });
                let answer = client.packet(|| {});
                let (id, data) = data(&answer);
                assert_eq!(id, length);
                let what = format!("packets of {packet}, a window of {window}");
                assert_bytes(&what, &content[1000..][..length as usize], data);
            }
        }
    }
}

#[test]
fn answers_come_whole_however_little_is_granted() {
    little_by_little(|_| {});
}

/// What was begun from memory goes on from the disk.
#[test]
fn answers_come_whole_when_the_rest_of_them_is_not_in_memory_any_more() {
    little_by_little(|files| {
        files.iter().for_each(forget);
    });
}

/// As many slow reads of one file as are done at a time do not hold up the read of another one that
/// is begun and became slow.
#[test]
fn an_answer_that_is_begun_is_not_held_up_by_those_that_wait_for_it() {
    let wharf = Wharf::with().sftp().start();
    let (cold, cold_file) = file(&wharf, "cold", 4);
    let (warm, warm_file) = file(&wharf, "warm", 5);
    for _ in 0..5 {
        let mut client = Little::open(&wharf, 32 << 10, 5, vec![5, 300, 70_000]);
        let handles = [client.handle("cold"), client.handle("warm")];
        let reads: Vec<_> = (0..9_u32)
            .map(|number| (usize::from(number == 8), u64::from(number) * 10_000))
            .collect();
        forget(&cold_file);
        client.grant();
        client.ask_for(&handles, &reads);
        for _ in 0..9 {
            let packet = client.packet(|| forget(&warm_file));
            let (id, data) = data(&packet);
            let (which, offset) = reads[id as usize];
            let content = [&cold, &warm][which];
            assert_bytes("an answer", part(content, offset), data);
        }
        assert_bytes("warm", &warm, &wharf.read("warm"));
    }
}

/// Reads of two files and small answers, all asked for at once; `between` is done before each
/// grant.
fn little_by_little(between: impl Fn(&[File])) {
    let wharf = Wharf::with().sftp().start();
    let (first, first_file) = file(&wharf, "first", 2);
    let (second, second_file) = file(&wharf, "second", 3);
    let files = [first_file, second_file];
    let mut client = Little::open(&wharf, 32 << 10, 5, vec![5, 300, 5000, 1, 70_000]);
    let handles = [client.handle("first"), client.handle("second")];
    client.grant();
    let reads = [(0, 0), (1, 100), (0, 261_120), (1, 300_000)];
    client.ask_for(&handles, &reads);
    for id in 10..14 {
        client.ask(&Request::Stat { id, path: b"first" });
    }
    let (mut sizes, mut order) = (0, Vec::new());
    for _ in 0..8 {
        let packet = client.packet(|| between(&files));
        if let Ok(Response::Attributes { attributes, .. }) = Response::decode(&packet) {
            assert_eq!(attributes.size, Some(SIZE as u64));
            sizes += 1;
            continue;
        }
        let (id, data) = data(&packet);
        let (which, offset) = reads[id as usize];
        let content = [&first, &second][which];
        assert_bytes(&format!("request {id}"), part(content, offset), data);
        order.push(id);
    }
    assert_eq!(sizes, 4);
    // Those of one file keep their order.
    order.sort_by_key(|id| id % 2);
    assert_eq!(order, [0, 2, 1, 3]);
}

/// A file whose pages the system may forget at any time.
fn file(wharf: &Wharf, name: &str, seed: u64) -> (Vec<u8>, File) {
    let content = pattern(seed, SIZE);
    wharf.write(name, &content);
    let file = File::open(wharf.path(name)).expect("what was written");
    file.sync_all().expect("a disk");
    (content, file)
}

/// Out of the cache with it.
fn forget(file: &File) {
    fadvise(file, 0, None, Advice::DontNeed).expect("a file");
}

fn part(content: &[u8], offset: u64) -> &[u8] {
    let offset = usize::try_from(offset).expect("small");
    &content[offset..][..LENGTH as usize]
}

#[track_caller]
fn data(packet: &[u8]) -> (u32, &[u8]) {
    match Response::decode(packet) {
        Ok(Response::Data { id, data }) => (id, data),
        other => panic!("no data: {other:?}"),
    }
}

/// An SFTP session that takes packets up to a size. Whenever all that was granted is used up, it
/// grants the next of `grants`, beginning anew with each packet and never beyond its end.
struct Little {
    client: SshClient,
    channel: u32,
    packet: u32,
    grants: Vec<u32>,
    /// How many of them were granted for this packet.
    step: usize,
    /// Bytes the server may still send.
    window: usize,
    /// What came and was not cut yet.
    bytes: Vec<u8>,
}

impl Little {
    #[track_caller]
    fn open(wharf: &Wharf, packet: u32, window: u32, grants: Vec<u32>) -> Self {
        let mut client = SshClient::session(wharf);
        let channel = client.open_channel(window, packet).expect("an answer");
        let channel = channel.expect("a channel");
        assert!(client.subsystem(channel, b"sftp").expect("an answer"));
        let mut little = Self {
            client,
            channel,
            packet,
            grants,
            step: 0,
            window: window as usize,
            bytes: Vec::new(),
        };
        little.ask(&Request::Init { version: 3 });
        let version = little.packet(|| {});
        assert_eq!(version.first(), Some(&2), "VERSION");
        little
    }

    fn ask(&mut self, request: &Request<'_>) {
        let mut bytes = Vec::new();
        request.encode_into(&mut bytes).expect("it can be said");
        self.client.send(&channel_data(self.channel, &bytes));
    }

    /// READs of `(handle, offset)`, in one go; their ids are their places.
    fn ask_for(&mut self, handles: &[Vec<u8>], reads: &[(usize, u64)]) {
        let mut bytes = Vec::new();
        for (id, (which, offset)) in (0..).zip(reads) {
            let request = Request::Read {
                id,
                handle: &handles[*which],
                offset: *offset,
                length: LENGTH,
            };
            request.encode_into(&mut bytes).expect("it can be said");
        }
        self.client.send(&channel_data(self.channel, &bytes));
    }

    #[track_caller]
    fn handle(&mut self, path: &str) -> Vec<u8> {
        self.ask(&Request::Open {
            id: 0,
            path: path.as_bytes(),
            flags: OpenFlags::READ,
            attributes: Attributes::default(),
        });
        match Response::decode(&self.packet(|| {})) {
            Ok(Response::Handle { handle, .. }) => handle.to_vec(),
            other => panic!("{path}: {other:?}"),
        }
    }

    /// The next SFTP packet; `between` is done before each grant.
    #[track_caller]
    fn packet(&mut self, between: impl Fn()) -> Vec<u8> {
        loop {
            if let Some(whole) = self.whole()
                && whole <= self.bytes.len()
            {
                self.step = 0;
                let rest = self.bytes.split_off(whole);
                let packet = std::mem::replace(&mut self.bytes, rest);
                return packet[4..].to_vec();
            }
            if self.window == 0 {
                between();
                self.grant();
            }
            let message = self.client.reply().expect("the connection goes on");
            let mut reader = Reader::new(&message);
            if reader.byte() != Ok(94) {
                continue;
            }
            assert_eq!(reader.u32(), Ok(0), "the only channel");
            let data = reader.string(1 << 20).expect("data");
            assert!(data.len() <= self.packet as usize, "{} bytes", data.len());
            self.window = self.window.checked_sub(data.len()).expect("the window");
            self.bytes.extend_from_slice(data);
        }
    }

    /// How long the packet is that came in part.
    fn whole(&self) -> Option<usize> {
        let length = self.bytes.first_chunk()?;
        Some(4 + u32::from_be_bytes(*length) as usize)
    }

    fn grant(&mut self) {
        let more = self.grants[self.step % self.grants.len()];
        self.step += 1;
        let left = self
            .whole()
            .map_or(usize::MAX, |whole| whole - self.bytes.len());
        let more = more.min(u32::try_from(left).unwrap_or(u32::MAX));
        let mut payload = vec![93];
        payload.put_u32(self.channel);
        payload.put_u32(more);
        self.client.send(&payload);
        self.window += more as usize;
    }
}

const SIZE: usize = 600_000;
/// Its last byte is not 0.
const LENGTH: u32 = 261_119;

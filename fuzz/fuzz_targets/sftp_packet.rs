#![no_main]

use libfuzzer_sys::fuzz_target;
use wharf_sftp::response::{self, Names};
use wharf_sftp::{
    CheckFile, Framer, Limits, MAX_PACKET, Request, Response, SpaceAvailable, Status, Statvfs,
    UsersGroups, Vendor,
};

// The bytes are a stream, and its first packet's worth of bytes a packet of their own.
fuzz_target!(|input: (u8, &[u8])| {
    let (step, bytes) = input;
    let whole = packets(bytes, usize::MAX);
    assert_eq!(whole, packets(bytes, usize::from(step).max(1)));
    for body in whole.0.iter().map(Vec::as_slice).chain([bytes]) {
        request(body);
        answer(body);
    }
});

/// The packets of the stream, and whether it ended in a length that is refused.
fn packets(stream: &[u8], step: usize) -> (Vec<Vec<u8>>, bool) {
    let mut framer = Framer::new();
    let mut packets = Vec::new();
    for mut piece in stream.chunks(step) {
        loop {
            match framer.next(&mut piece) {
                Ok(Some(body)) => packets.push(body.to_vec()),
                Ok(None) => break,
                Err(_) => return (packets, true),
            }
        }
        assert!(piece.is_empty());
        assert!(framer.pending() < 4 + MAX_PACKET);
    }
    (packets, false)
}

fn request(body: &[u8]) {
    match Request::decode(body) {
        Ok(request) => {
            let mut wire = b"before".to_vec();
            // What came in a longer packet than is sent, or in attributes that are dropped, is
            // said in fewer bytes; a WRITE of more than 255 KiB is not said at all.
            if request.encode_into(&mut wire).is_ok() {
                let mut rest = wire.split_off(6);
                assert_eq!(Request::decode(&rest.split_off(4)), Ok(request));
            }
            assert_eq!(wire, b"before");
        }
        Err(malformed) => id_is_there(body, malformed.id),
    }
}

fn answer(body: &[u8]) {
    let response = match Response::decode(body) {
        Ok(response) => response,
        Err(malformed) => return id_is_there(body, malformed.id),
    };
    let mut wire = Vec::new();
    match response {
        Response::Version { extensions, .. } => response::version(&mut wire, extensions),
        Response::Status { id, text, .. } => {
            let (Some(status), Ok(text)) = (response.status(), std::str::from_utf8(text)) else {
                return;
            };
            response::status(&mut wire, id, status, text);
        }
        Response::Handle { id, handle } => response::handle(&mut wire, id, handle),
        Response::Data { id, data } => {
            let length = u32::try_from(data.len()).expect("a packet's");
            wire.extend(response::data_header(length, id));
            wire.extend_from_slice(data);
        }
        Response::Names { id, entries } => {
            let mut names = Names::begin(&mut wire, id);
            for entry in entries {
                if !names.push(entry.name, entry.longname, &entry.attributes) {
                    break;
                }
            }
            if names.end() != entries.count_left() || entries.count_left() == 0 {
                return;
            }
        }
        Response::Attributes { id, attributes } => {
            response::attributes(&mut wire, id, &attributes);
        }
        Response::ExtendedReply { body, .. } => return extended(body),
    }
    let read = Response::decode(&wire[4..]).expect("what is said can be read");
    match (response, read) {
        // A server says its own version, whatever it was told.
        (
            Response::Version { extensions, .. },
            Response::Version {
                extensions: again, ..
            },
        ) => {
            assert!(extensions.eq(again));
        }
        // Attributes may have come with pairs, which are dropped.
        (Response::Names { entries, .. }, Response::Names { entries: again, .. }) => {
            assert!(entries.eq(again));
        }
        (response, read) => assert_eq!(response, read),
    }
}

fn extended(body: &[u8]) {
    let mut wire = Vec::new();
    if let Ok(statvfs) = Statvfs::decode(body) {
        response::statvfs(&mut wire, 1, &statvfs);
        assert_eq!(&wire[9..], body);
    }
    wire.clear();
    if let Ok(limits) = Limits::decode(body) {
        response::limits(&mut wire, 1, &limits);
        assert_eq!(&wire[9..], body);
    }
    wire.clear();
    if let Ok(space) = SpaceAvailable::decode(body) {
        response::space_available(&mut wire, 1, &space);
        assert_eq!(&wire[9..], body);
    }
    wire.clear();
    if let Ok(UsersGroups { users, groups }) = UsersGroups::decode(body)
        && body.len() < MAX_PACKET / 8
    {
        response::users_groups(&mut wire, 1, users, groups);
        assert_eq!(&wire[9..], body);
    }
    wire.clear();
    if let Ok(CheckFile { algorithm, hashes }) = CheckFile::decode(body)
        && let Ok(algorithm) = std::str::from_utf8(algorithm)
    {
        response::check_file(&mut wire, 1, false, algorithm, hashes);
        assert!(body.ends_with(&wire[9..]) || status_of(&wire[4..]) == Some(Status::Failure));
    }
    if let Ok(vendor) = Vendor::read(body) {
        assert_eq!(vendor.data(), body);
    }
}

fn status_of(body: &[u8]) -> Option<Status> {
    Response::decode(body).ok()?.status()
}

/// Whatever is wrong with a packet, its id is found where there is one.
fn id_is_there(body: &[u8], id: Option<u32>) {
    let there = match body {
        [1 | 2, ..] => None,
        [_, a, b, c, d, ..] => Some(u32::from_be_bytes([*a, *b, *c, *d])),
        _ => None,
    };
    assert_eq!(id, there);
}

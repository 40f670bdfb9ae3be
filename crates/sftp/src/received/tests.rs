use super::*;
use crate::{CheckFile, Limits, SpaceAvailable, Statvfs, Vendor, response};
use proptest::prelude::*;

fn packet(kind: u8, fields: &[&[u8]]) -> Vec<u8> {
    let mut out = vec![kind];
    fields.iter().for_each(|field| out.extend_from_slice(field));
    out
}

fn string(bytes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).unwrap();
    [&length.to_be_bytes(), bytes].concat()
}

fn fault(body: &[u8]) -> (Option<u32>, Fault) {
    let malformed = Response::decode(body).unwrap_err();
    (malformed.id, malformed.fault)
}

const ID: &[u8] = &[0, 0, 0, 9];

#[test]
fn a_status_may_leave_out_its_text() {
    for (more, text) in [
        (vec![], &b""[..]),
        (string(b"why"), b"why"),
        ([string(b"why"), string(b"en")].concat(), b"why"),
    ] {
        let body = packet(kind::STATUS, &[ID, &[0, 0, 0, 4], &more]);
        let status = Response::decode(&body).unwrap();
        let expected = Response::Status {
            id: 9,
            code: 4,
            text,
        };
        assert_eq!(status, expected);
        assert_eq!(status.status(), Some(Status::Failure));
    }
}

#[test]
fn codes_of_later_versions_are_kept() {
    let body = packet(kind::STATUS, &[ID, &[0, 0, 0, 11]]);
    let status = Response::decode(&body).unwrap();
    assert!(matches!(status, Response::Status { code: 11, .. }));
    assert_eq!(status.status(), None);
    for status in Status::ALL {
        assert_eq!(Status::from_code(status.code()), Some(status));
    }
}

#[test]
fn long_texts_are_cut() {
    let body = packet(kind::STATUS, &[ID, &[0; 4], &string(&[b'x'; 2 * MAX_TEXT])]);
    let Ok(Response::Status { text, .. }) = Response::decode(&body) else {
        panic!("no STATUS");
    };
    assert_eq!(text.len(), MAX_TEXT);
}

#[test]
fn m8_a_count_of_names_is_no_promise() {
    let many = 200_000u32.to_be_bytes();
    let body = packet(kind::NAMES, &[ID, &many]);
    assert_eq!(fault(&body), (Some(9), Fault::Short("name")));
    let body = packet(kind::NAMES, &[ID, &[0xff; 4], &[0; 1200]]);
    assert_eq!(fault(&body), (Some(9), Fault::Short("name")));
    let body = packet(kind::NAMES, &[ID, &[0; 4], &[0; 12]]);
    assert_eq!(fault(&body), (Some(9), Fault::Trailing(12)));
}

#[test]
fn what_no_server_says_is_refused_with_its_id() {
    for kind in [0, 3, 20, 100, 106, 200, 202, 255] {
        let body = packet(kind, &[ID]);
        assert_eq!(fault(&body), (Some(9), Fault::UnknownType(kind)));
    }
    assert_eq!(fault(&[]), (None, Fault::Short("type")));
    assert_eq!(fault(&[kind::DATA, 1]), (None, Fault::Short("id")));
    assert_eq!(
        fault(&[kind::INIT, 0, 0, 0, 3]),
        (None, Fault::UnknownType(1))
    );
    let body = packet(kind::HANDLE, &[ID, &string(&[1; MAX_HANDLE + 1])]);
    assert_eq!(fault(&body), (Some(9), Fault::TooLong("handle")));
    let body = packet(kind::DATA, &[ID, &string(b"abc"), b"d"]);
    assert_eq!(fault(&body), (Some(9), Fault::Trailing(1)));
}

#[test]
fn hashes_are_read_with_and_without_the_name_before_them() {
    for echo in [true, false] {
        let mut out = Vec::new();
        response::check_file(&mut out, 1, echo, "md5", &[1; 32]);
        let Ok(Response::ExtendedReply { body, .. }) = Response::decode(&out[4..]) else {
            panic!("no reply");
        };
        let read = CheckFile::decode(body).unwrap();
        assert_eq!((read.algorithm, read.hashes), (&b"md5"[..], &[1; 32][..]));
    }
}

#[test]
fn a_vendor_is_read_from_version() {
    let vendor = Vendor {
        vendor: b"wharf",
        product: b"wharf",
        version: b"0.1",
        build: 7,
    };
    let data = vendor.data();
    assert_eq!(Vendor::read(&data), Ok(vendor));
    assert!(Vendor::read(&data[1..]).is_err());
    assert!(Vendor::read(&[]).is_err());
}

fn attributes() -> impl Strategy<Value = Attributes> {
    any::<(
        Option<u64>,
        Option<(u32, u32)>,
        Option<u32>,
        Option<(u32, u32)>,
    )>()
    .prop_map(|(size, owner, permissions, times)| Attributes {
        size,
        owner,
        permissions,
        times,
    })
}

fn bytes(most: usize) -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..most)
}

fn one(write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::new();
    write(&mut out);
    out.split_off(4)
}

proptest! {
    #[test]
    fn responses_come_back(
        id in any::<u32>(),
        code in 0usize..9,
        text in ".{0,40}",
        name in bytes(60),
        one_file in attributes(),
        entries in prop::collection::vec((bytes(20), bytes(40), attributes()), 1..10),
    ) {
        let status = Status::ALL[code];
        let body = one(|out| response::status(out, id, status, &text));
        let expected = Response::Status { id, code: status.code(), text: text.as_bytes() };
        prop_assert_eq!(Response::decode(&body), Ok(expected));
        let body = one(|out| response::handle(out, id, &name));
        prop_assert_eq!(Response::decode(&body), Ok(Response::Handle { id, handle: &name }));
        let body = one(|out| response::attributes(out, id, &one_file));
        prop_assert_eq!(Response::decode(&body), Ok(Response::Attributes { id, attributes: one_file }));
        let body = one(|out| {
            out.extend(response::data_header(u32::try_from(name.len()).unwrap(), id));
            out.extend(&name);
        });
        prop_assert_eq!(Response::decode(&body), Ok(Response::Data { id, data: &name }));

        let body = one(|out| {
            let mut names = response::Names::begin(out, id);
            for (name, longname, attributes) in &entries {
                assert!(names.push(name, longname, attributes));
            }
            names.end();
        });
        let Ok(Response::Names { id: read_id, entries: read }) = Response::decode(&body) else {
            panic!("no NAMES");
        };
        prop_assert_eq!(read_id, id);
        let read: Vec<_> = read
            .map(|entry| (entry.name.to_vec(), entry.longname.to_vec(), entry.attributes))
            .collect();
        prop_assert_eq!(read, entries);
    }

    #[test]
    fn bodies_of_extended_replies_come_back(
        id in any::<u32>(),
        numbers in any::<[u64; 11]>(),
        unit in any::<u32>(),
    ) {
        let [a, b, c, d, e, f, g, h, i, j, k] = numbers;
        let statvfs = Statvfs {
            block_size: a, fragment_size: b, blocks: c, blocks_free: d, blocks_available: e,
            files: f, files_free: g, files_available: h, id: i, flags: j, name_max: k,
        };
        let limits = Limits { packet_length: a, read_length: b, write_length: c, open_handles: d };
        let space = SpaceAvailable {
            bytes_on_device: a,
            unused_bytes_on_device: b,
            bytes_available_to_user: c,
            unused_bytes_available_to_user: d,
            bytes_per_allocation_unit: unit,
        };
        let body = one(|out| response::statvfs(out, id, &statvfs));
        prop_assert_eq!(Statvfs::decode(reply(&body, id)), Ok(statvfs));
        prop_assert!(Statvfs::decode(&reply(&body, id)[1..]).is_err());
        let body = one(|out| response::limits(out, id, &limits));
        prop_assert_eq!(Limits::decode(reply(&body, id)), Ok(limits));
        let body = one(|out| response::space_available(out, id, &space));
        prop_assert_eq!(SpaceAvailable::decode(reply(&body, id)), Ok(space));
    }

    #[test]
    fn any_bytes_are_read_or_refused(mut body in bytes(300), kind in 100u8..107) {
        let _ = Response::decode(&body);
        if let Some(first) = body.first_mut() {
            *first = if kind == 106 { kind::EXTENDED_REPLY } else { kind };
        }
        if let Ok(Response::Names { entries, .. }) = Response::decode(&body) {
            let count = entries.count_left() as usize;
            prop_assert_eq!(entries.count(), count);
        }
    }
}

fn reply(body: &[u8], id: u32) -> &[u8] {
    match Response::decode(body) {
        Ok(Response::ExtendedReply { id: read, body }) if read == id => body,
        other => panic!("{other:?}"),
    }
}

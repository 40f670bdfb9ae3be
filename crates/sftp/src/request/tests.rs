mod round_trip;

use super::*;
use crate::{
    Fault, HashRange, MAX_ATTRIBUTE_PAIRS, MAX_HANDLE, MAX_IDS, MAX_NAME, Status, Unsayable,
};

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
    let malformed = Request::decode(body).unwrap_err();
    (malformed.id, malformed.fault)
}

fn said(request: &Request<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    request.encode_into(&mut out).unwrap();
    out.split_off(4)
}

const ID: &[u8] = &[0, 0, 0, 9];

#[test]
fn bytes_are_those_of_the_draft() {
    let open = Request::Open {
        id: 9,
        path: b"/a",
        flags: OpenFlags::WRITE.and(OpenFlags::CREATE),
        attributes: Attributes {
            permissions: Some(0o644),
            ..Attributes::default()
        },
    };
    let wire = b"\x03\0\0\0\x09\0\0\0\x02/a\0\0\0\x0a\0\0\0\x04\0\0\x01\xa4";
    assert_eq!(said(&open), wire);
    assert_eq!(Request::decode(wire), Ok(open));
    let read = Request::Read {
        id: 9,
        handle: b"h",
        offset: 1,
        length: 2,
    };
    let wire = b"\x05\0\0\0\x09\0\0\0\x01h\0\0\0\0\0\0\0\x01\0\0\0\x02";
    assert_eq!(said(&read), wire);
    let extended = Request::Extended {
        id: 9,
        request: Extended::Fsync { handle: b"h" },
    };
    let wire = b"\xc8\0\0\0\x09\0\0\0\x11fsync@openssh.com\0\0\0\x01h";
    assert_eq!(said(&extended), wire);
}

#[test]
fn a_symlink_has_its_target_first() {
    let symlink = Request::Symlink {
        id: 9,
        target: b"to",
        link: b"at",
    };
    assert_eq!(said(&symlink), b"\x14\0\0\0\x09\0\0\0\x02to\0\0\0\x02at");
}

#[test]
fn an_init_may_name_extensions() {
    let body = packet(kind::INIT, &[&[0, 0, 0, 6], &string(b"a"), &string(b"b")]);
    assert_eq!(Request::decode(&body), Ok(Request::Init { version: 6 }));
    let body = packet(kind::INIT, &[&[0, 0, 0, 6], &string(b"a")]);
    assert_eq!(fault(&body), (None, Fault::Short("extension's data")));
    let pairs = string(b"").repeat(2 * crate::MAX_EXTENSIONS);
    let most = packet(kind::INIT, &[&[0, 0, 0, 3], &pairs]);
    assert!(Request::decode(&most).is_ok());
    let more = packet(kind::INIT, &[&most[1..], &string(b""), &string(b"")]);
    assert_eq!(fault(&more), (None, Fault::TooLong("list of extensions")));
}

#[test]
fn refusals_carry_the_id() {
    for kind in [0, 21, 22, 99, 101, 105, 199, 201, 255] {
        let body = packet(kind, &[ID, b"whatever"]);
        let malformed = Request::decode(&body).unwrap_err();
        assert_eq!(
            (malformed.id, malformed.fault),
            (Some(9), Fault::UnknownType(kind))
        );
        assert_eq!(malformed.status(), Status::OpUnsupported);
    }
    for (body, expected) in [
        (packet(kind::VERSION, &[ID]), (None, Fault::UnknownType(2))),
        (vec![], (None, Fault::Short("type"))),
        (
            packet(kind::STAT, &[&[1, 2, 3]]),
            (None, Fault::Short("id")),
        ),
        (packet(kind::STAT, &[ID]), (Some(9), Fault::Short("path"))),
        (
            packet(kind::STAT, &[ID, &[0xff; 4]]),
            (Some(9), Fault::Short("path")),
        ),
        (
            packet(kind::STAT, &[ID, &string(b"/"), b"more"]),
            (Some(9), Fault::Trailing(4)),
        ),
        (
            packet(kind::SETSTAT, &[ID, &string(b"/"), &[0, 0, 0, 0x10]]),
            (Some(9), Fault::AttributeFlags(0x10)),
        ),
        (
            packet(kind::SETSTAT, &[ID, &string(b"/"), &[0x7f, 0, 0, 1]]),
            (Some(9), Fault::AttributeFlags(0x7f00_0000)),
        ),
        (
            packet(
                kind::WRITE,
                &[ID, &string(b"h"), &[0; 8], &[0, 0, 0, 5], b"four"],
            ),
            (Some(9), Fault::Short("data")),
        ),
    ] {
        assert_eq!(fault(&body), expected);
        assert!(!expected.1.to_string().is_empty());
    }
    let malformed = Request::decode(&packet(kind::STAT, &[ID])).unwrap_err();
    assert_eq!(malformed.status(), Status::BadMessage);
}

#[test]
fn m8_fields_have_bounds() {
    let handle = packet(kind::CLOSE, &[ID, &string(&[0; MAX_HANDLE])]);
    assert!(Request::decode(&handle).is_ok());
    let handle = packet(kind::CLOSE, &[ID, &string(&[0; MAX_HANDLE + 1])]);
    assert_eq!(fault(&handle), (Some(9), Fault::TooLong("handle")));
    let path = packet(kind::STAT, &[ID, &string(&[b'x'; MAX_NAME])]);
    assert!(Request::decode(&path).is_ok());
    let path = packet(kind::STAT, &[ID, &string(&[b'x'; MAX_NAME + 1])]);
    assert_eq!(fault(&path), (Some(9), Fault::TooLong("path")));
    let name = packet(kind::EXTENDED, &[ID, &string(&[b'x'; 257])]);
    assert_eq!(fault(&name), (Some(9), Fault::TooLong("extension's name")));
}

#[test]
fn m8_extended_attributes_are_dropped_and_bounded() {
    let with = |count: u32, pairs: usize| {
        let pair = [string(b"a@b"), string(b"value")].concat();
        let flags = 0x8000_0004u32.to_be_bytes();
        let mode = 0o644u32.to_be_bytes();
        packet(
            kind::MKDIR,
            &[
                ID,
                &string(b"/d"),
                &flags,
                &mode,
                &count.to_be_bytes(),
                &pair.repeat(pairs),
            ],
        )
    };
    let made = Request::Mkdir {
        id: 9,
        path: b"/d",
        attributes: Attributes {
            permissions: Some(0o644),
            ..Attributes::default()
        },
    };
    assert_eq!(Request::decode(&with(0, 0)), Ok(made));
    assert_eq!(Request::decode(&with(3, 3)), Ok(made));
    let most = u32::try_from(MAX_ATTRIBUTE_PAIRS).unwrap();
    assert!(Request::decode(&with(most, MAX_ATTRIBUTE_PAIRS)).is_ok());
    let bound = Fault::TooLong("list of extended attributes");
    assert_eq!(
        fault(&with(most + 1, MAX_ATTRIBUTE_PAIRS + 1)),
        (Some(9), bound)
    );
    assert_eq!(fault(&with(u32::MAX, 0)), (Some(9), bound));
    assert!(matches!(fault(&with(3, 2)).1, Fault::Short(_)));
    assert!(matches!(fault(&with(2, 3)).1, Fault::Trailing(_)));
}

#[test]
fn m8_a_list_of_two_hundred_thousand_ids_is_refused() {
    let asking = |ids: usize, odd: usize| {
        let ids = vec![0; ids * 4 + odd];
        packet(
            kind::EXTENDED,
            &[
                ID,
                &string(b"users-groups-by-id@openssh.com"),
                &string(&ids),
                &string(b""),
            ],
        )
    };
    assert!(Request::decode(&asking(MAX_IDS, 0)).is_ok());
    let bound = Fault::TooLong("list of ids");
    assert_eq!(fault(&asking(MAX_IDS + 1, 0)), (Some(9), bound));
    let bound = Fault::TooLong("user ids");
    assert_eq!(fault(&asking(200_000, 0)), (Some(9), bound));
    assert_eq!(fault(&asking(1, 3)), (Some(9), Fault::Uneven("ids")));
}

#[test]
fn unknown_extensions_are_known_by_name() {
    let body = packet(
        kind::EXTENDED,
        &[ID, &string(b"statvfs"), b"\xff\xff\xff\xff rest"],
    );
    let request = Extended::Unknown { name: b"statvfs" };
    assert_eq!(
        Request::decode(&body),
        Ok(Request::Extended { id: 9, request })
    );
    assert_eq!(request.extension(), None);
}

#[test]
fn hashes_are_asked_for_by_paramikos_name_too() {
    let fields = [
        &string(b"h")[..],
        &string(b"md5"),
        &[0; 8],
        &[0; 8],
        &[0; 4],
    ]
    .concat();
    for (name, echo) in [("check-file", true), ("check-file-handle", false)] {
        let body = packet(kind::EXTENDED, &[ID, &string(name.as_bytes()), &fields]);
        let range = HashRange {
            algorithms: b"md5",
            offset: 0,
            length: 0,
            block_size: 0,
        };
        let request = Extended::CheckFileHandle {
            handle: b"h",
            range,
            echo,
        };
        assert_eq!(
            Request::decode(&body),
            Ok(Request::Extended { id: 9, request })
        );
    }
}

#[test]
fn what_cannot_be_said_leaves_nothing() {
    let long = vec![b'x'; crate::MAX_PACKET];
    let mut out = b"before".to_vec();
    let (id, offset) = (1, 0);
    let data = long.as_slice();
    for (request, field) in [
        (
            Request::Stat {
                id,
                path: &long[..=MAX_NAME],
            },
            "path",
        ),
        (
            Request::Close {
                id,
                handle: &long[..=MAX_HANDLE],
            },
            "handle",
        ),
        (
            Request::Write {
                id,
                handle: b"h",
                offset,
                data,
            },
            "data",
        ),
        (
            Request::Rename {
                id,
                from: b"",
                to: data,
            },
            "new path",
        ),
    ] {
        assert_eq!(request.encode_into(&mut out), Err(Unsayable(field)));
        assert_eq!(out, b"before");
    }
    assert_eq!(
        write_header(&mut out, 1, b"h", 0, u32::MAX),
        Err(Unsayable("data"))
    );
    assert_eq!(out, b"before");
}

#[test]
fn a_write_header_is_a_write_without_its_data() {
    for data in [&[7; 5][..], &[7; crate::MAX_DATA], &[]] {
        let mut out = Vec::new();
        let length = u32::try_from(data.len()).unwrap();
        write_header(&mut out, 9, &[1; MAX_HANDLE], 1 << 40, length).unwrap();
        out.extend_from_slice(data);
        let mut whole = Vec::new();
        let request = Request::Write {
            id: 9,
            handle: &[1; MAX_HANDLE],
            offset: 1 << 40,
            data,
        };
        request.encode_into(&mut whole).unwrap();
        assert!(out == whole);
    }
}

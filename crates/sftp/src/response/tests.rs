use super::*;
use crate::{
    Entry, Framer, MAX_DATA, MAX_IDS, MAX_LONGNAME, MAX_NAME, MAX_NAMES_PACKET, Response,
    UsersGroups, extension,
};

fn said(write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = b"before".to_vec();
    write(&mut out);
    let wire = out.split_off(6);
    let mut input = wire.as_slice();
    let body = Framer::new().next(&mut input).unwrap().unwrap().to_vec();
    assert!(input.is_empty(), "more than one packet");
    body
}

#[test]
fn bytes_are_those_of_the_draft() {
    let body = said(|out| status(out, 0x0102_0304, Status::Eof, "end"));
    assert_eq!(body, b"\x65\x01\x02\x03\x04\0\0\0\x01\0\0\0\x03end\0\0\0\0");
    let body = said(|out| handle(out, 1, b"ab"));
    assert_eq!(body, b"\x66\0\0\0\x01\0\0\0\x02ab");
    let mut data = data_header(3, 1).to_vec();
    data.extend_from_slice(b"abc");
    assert_eq!(data, b"\0\0\0\x0c\x67\0\0\0\x01\0\0\0\x03abc");
    let all = Attributes {
        size: Some(1),
        owner: Some((2, 3)),
        permissions: Some(4),
        times: Some((5, 6)),
    };
    let body = said(|out| attributes(out, 1, &all));
    let expected = b"\x69\0\0\0\x01\0\0\0\x0f\0\0\0\0\0\0\0\x01\0\0\0\x02\0\0\0\x03\0\0\0\x04\0\0\0\x05\0\0\0\x06";
    assert_eq!(body, expected);
    let body = said(|out| name_one(out, 1, b"/a", b"x", &Attributes::default()));
    assert_eq!(
        body,
        b"\x68\0\0\0\x01\0\0\0\x01\0\0\0\x02/a\0\0\0\x01x\0\0\0\0"
    );
}

#[test]
fn the_table_is_announced() {
    let rows = extension::TABLE.iter().map(|row| (row.name, row.version));
    let body = said(|out| version(out, rows));
    let Ok(Response::Version {
        version,
        extensions,
    }) = Response::decode(&body)
    else {
        panic!("no VERSION");
    };
    assert_eq!(version, 3);
    let read: Vec<_> = extensions.collect();
    assert_eq!(read.len(), extension::TABLE.len());
    for ((name, data), row) in read.iter().zip(extension::TABLE) {
        assert_eq!(*name, row.name.as_bytes());
        assert_eq!(*data, row.version.as_bytes());
        assert_eq!(extension::Extension::of(name), Some(row.extension));
        assert_eq!(row.extension.row(), *row);
    }
    assert_eq!(read[0], (&b"posix-rename@openssh.com"[..], &b"1"[..]));
    assert_eq!(read[1], (&b"statvfs@openssh.com"[..], &b"2"[..]));
}

#[test]
fn m8_a_version_holds_what_fits() {
    let long = vec![b'x'; MAX_PACKET / 2];
    let body = said(|out| version(out, (0..1000).map(|_| ("a", &long))));
    let Ok(Response::Version { extensions, .. }) = Response::decode(&body) else {
        panic!("no VERSION");
    };
    assert_eq!(extensions.count(), 1);
    let body = said(|out| version(out, [(vec![b'x'; MAX_WORD + 1], b"1")]));
    assert_eq!(body.len(), 5);
}

#[test]
fn m8_texts_are_cut_between_characters() {
    let text = "ä".repeat(MAX_TEXT);
    for text in [&text, &format!("x{text}")] {
        let body = said(|out| status(out, 1, Status::Failure, text));
        let Ok(Response::Status { text, .. }) = Response::decode(&body) else {
            panic!("no STATUS");
        };
        assert!(std::str::from_utf8(text).is_ok());
        assert!((MAX_TEXT - 1..=MAX_TEXT).contains(&text.len()));
    }
}

#[test]
fn m8_what_cannot_be_said_is_a_failure() {
    let long = vec![b'x'; MAX_PACKET + 1];
    let none = Attributes::default();
    for body in [
        said(|out| handle(out, 7, &long[..=MAX_HANDLE])),
        said(|out| name_one(out, 7, &long[..=MAX_NAME], b"", &none)),
        said(|out| name_one(out, 7, b"", &long[..=MAX_LONGNAME], &none)),
        said(|out| check_file(out, 7, false, "md5", &long)),
        said(|out| check_file(out, 7, false, "md5", &long[..MAX_PACKET - 10])),
    ] {
        let response = Response::decode(&body).unwrap();
        assert_eq!(response.id(), Some(7));
        assert_eq!(response.status(), Some(Status::Failure));
    }
}

#[test]
fn names_stop_before_the_packet_is_too_long() {
    let name = [b'n'; 100];
    let attributes = Attributes {
        size: Some(1),
        owner: Some((1, 2)),
        permissions: Some(3),
        times: Some((4, 5)),
    };
    let entry = Entry {
        name: &name,
        longname: &name,
        attributes,
    };
    let mut pushed = 0;
    let body = said(|out| {
        let mut names = Names::begin(out, 9);
        while names.push(&name, &name, &attributes) {
            pushed += 1;
        }
        assert_eq!(names.count(), pushed);
        assert_eq!(names.end(), pushed);
    });
    assert!((MAX_NAMES_PACKET - 300..=MAX_NAMES_PACKET).contains(&body.len()));
    let Ok(Response::Names { id: 9, entries }) = Response::decode(&body) else {
        panic!("no NAMES");
    };
    assert_eq!(entries.count_left(), pushed);
    assert_eq!(
        entries.filter(|read| *read == entry).count(),
        pushed as usize
    );
}

#[test]
fn an_empty_packet_takes_the_longest_entry() {
    let long = vec![b'x'; MAX_LONGNAME];
    let mut out = Vec::new();
    let mut names = Names::begin(&mut out, 1);
    assert!(names.push(&long[..MAX_NAME], &long, &Attributes::default()));
    assert_eq!(names.end(), 1);
}

#[test]
fn names_without_any_are_taken_back() {
    let mut out = b"before".to_vec();
    assert_eq!(Names::begin(&mut out, 1).end(), 0);
    assert_eq!(out, b"before");
}

#[test]
fn m8_lists_of_names_have_one_for_each_id_whatever_they_are() {
    let long = [b'x'; MAX_WORD];
    let body = said(|out| {
        users_groups(
            out,
            1,
            (0..MAX_IDS).map(|_| &long),
            [&b"a"[..], b"", &[0; 999]],
        );
    });
    let Ok(Response::ExtendedReply { body, .. }) = Response::decode(&body) else {
        panic!("no reply");
    };
    let read = UsersGroups::decode(body).unwrap();
    assert_eq!(read.users.count(), MAX_IDS);
    assert_eq!(read.users.filter(|name| *name == long).count(), 251);
    assert_eq!(read.groups.collect::<Vec<_>>(), [&b"a"[..], b"", b""]);
    let both = (0..MAX_IDS).map(|_| &long);
    said(|out| users_groups(out, 1, both.clone(), both));
}

#[test]
fn the_longest_data_is_a_packet() {
    let length = u32::try_from(MAX_DATA).unwrap();
    let mut out = data_header(length, 4).to_vec();
    out.resize(13 + MAX_DATA, 7);
    let mut input = out.as_slice();
    let mut framer = Framer::new();
    let body = framer.next(&mut input).unwrap().unwrap();
    let Ok(Response::Data { id: 4, data }) = Response::decode(body) else {
        panic!("no DATA");
    };
    assert_eq!(data.len(), MAX_DATA);
    assert!(input.is_empty());
}

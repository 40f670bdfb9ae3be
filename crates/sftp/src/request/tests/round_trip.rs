//! Every request comes back as it was said, and what is read can be said again.

use proptest::prelude::*;

use super::super::*;
use crate::extension::TABLE;
use crate::{Framer, HashRange, Ids, Vendor};

/// What requests borrow from.
#[derive(Debug, Clone)]
struct Parts {
    id: u32,
    one: Vec<u8>,
    two: Vec<u8>,
    word: Vec<u8>,
    numbers: [u64; 3],
    number: u32,
    attributes: Attributes,
    ids: Vec<u8>,
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

fn parts() -> impl Strategy<Value = Parts> {
    let bytes = |most: usize| prop::collection::vec(any::<u8>(), 0..=most);
    (
        any::<(u32, u32, [u64; 3])>(),
        (bytes(200), bytes(200), bytes(100)),
        attributes(),
        prop::collection::vec(any::<[u8; 4]>(), 0..20),
    )
        .prop_map(
            |((id, number, numbers), (one, two, word), attributes, ids)| Parts {
                id,
                one,
                two,
                word,
                numbers,
                number,
                attributes,
                ids: ids.concat(),
            },
        )
}

fn plain(parts: &Parts) -> Vec<Request<'_>> {
    let id = parts.id;
    let (one, two) = (parts.one.as_slice(), parts.two.as_slice());
    let (path, handle) = (one, one);
    let attributes = parts.attributes;
    let offset = parts.numbers[0];
    let length = parts.number;
    vec![
        Request::Init { version: length },
        Request::Open {
            id,
            path,
            flags: OpenFlags(length),
            attributes,
        },
        Request::Close { id, handle },
        Request::Read {
            id,
            handle,
            offset,
            length,
        },
        Request::Write {
            id,
            handle,
            offset,
            data: two,
        },
        Request::Lstat { id, path },
        Request::Fstat { id, handle },
        Request::Setstat {
            id,
            path,
            attributes,
        },
        Request::Fsetstat {
            id,
            handle,
            attributes,
        },
        Request::Opendir { id, path },
        Request::Readdir { id, handle },
        Request::Remove { id, path },
        Request::Mkdir {
            id,
            path,
            attributes,
        },
        Request::Rmdir { id, path },
        Request::Realpath { id, path },
        Request::Stat { id, path },
        Request::Rename {
            id,
            from: one,
            to: two,
        },
        Request::Readlink { id, path },
        Request::Symlink {
            id,
            target: one,
            link: two,
        },
    ]
}

fn extended(parts: &Parts) -> Vec<Extended<'_>> {
    let (one, two, word) = (
        parts.one.as_slice(),
        parts.two.as_slice(),
        parts.word.as_slice(),
    );
    let (path, handle) = (one, one);
    let [offset, length, build] = parts.numbers;
    let range = HashRange {
        algorithms: word,
        offset,
        length,
        block_size: parts.number,
    };
    let ids = Ids::new(&parts.ids).unwrap();
    vec![
        Extended::PosixRename { from: one, to: two },
        Extended::Statvfs { path },
        Extended::Fstatvfs { handle },
        Extended::Hardlink {
            existing: one,
            new: two,
        },
        Extended::Fsync { handle },
        Extended::Lsetstat {
            path,
            attributes: parts.attributes,
        },
        Extended::Limits,
        Extended::ExpandPath { path },
        Extended::CopyData {
            from_handle: one,
            from_offset: offset,
            length,
            to_handle: two,
            to_offset: build,
        },
        Extended::HomeDirectory { user: word },
        Extended::UsersGroupsById {
            uids: ids,
            gids: Ids::default(),
        },
        Extended::UsersGroupsById {
            uids: Ids::default(),
            gids: ids,
        },
        Extended::CheckFileName { path, range },
        Extended::CheckFileHandle {
            handle,
            range,
            echo: false,
        },
        Extended::CheckFileHandle {
            handle,
            range,
            echo: true,
        },
        Extended::SpaceAvailable { path },
        Extended::VendorId(Vendor {
            vendor: word,
            product: b"",
            version: word,
            build,
        }),
        Extended::Unknown {
            name: b"nobody@example.com",
        },
    ]
}

proptest! {
    #[test]
    fn requests_come_back(parts in parts()) {
        let id = parts.id;
        let of_extensions = extended(&parts);
        for row in TABLE {
            let said = of_extensions.iter().any(|said| said.extension() == Some(row.extension));
            prop_assert!(said, "{} is not tested", row.name);
        }
        let requests = plain(&parts)
            .into_iter()
            .chain(of_extensions.into_iter().map(|request| Request::Extended { id, request }));
        let mut wire = Vec::new();
        let requests: Vec<_> = requests.collect();
        for request in &requests {
            request.encode_into(&mut wire).unwrap();
        }
        let mut framer = Framer::new();
        let mut input = wire.as_slice();
        for request in &requests {
            let body = framer.next(&mut input).unwrap().unwrap();
            prop_assert_eq!(Request::decode(body), Ok(*request));
            prop_assert_eq!(request.id(), (body[0] != kind::INIT).then_some(id));
            // Not one byte less, and not one more.
            let less = Request::decode(&body[..body.len() - 1]);
            let unread = matches!(request, Request::Extended { request: Extended::Unknown { .. }, .. });
            prop_assert!(less.is_err() || unread);
            let more = [body, b"x"].concat();
            let behind_data = matches!(request, Request::Write { .. });
            prop_assert!(Request::decode(&more).is_err() || unread || behind_data);
        }
    }

    #[test]
    fn what_is_read_can_be_said_again(
        kind in prop_oneof![1u8..22, Just(200u8)],
        row in 0..TABLE.len(),
        rest in prop::collection::vec(prop_oneof![4 => Just(0u8), 1 => any::<u8>(), 1 => 0u8..9], 0..120),
    ) {
        let name = TABLE[row].name.as_bytes();
        let mut body = vec![kind, 0, 0, 0, 7];
        if kind == kind::EXTENDED {
            body.extend(u32::try_from(name.len()).unwrap().to_be_bytes());
            body.extend(name);
        }
        body.extend(&rest);
        if let Ok(request) = Request::decode(&body) {
            let mut wire = Vec::new();
            request.encode_into(&mut wire).unwrap();
            prop_assert_eq!(Request::decode(&wire[4..]), Ok(request));
        }
    }
}

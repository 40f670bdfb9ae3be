use super::*;
use crate::{Framer, HashRange, Ids, Vendor};

fn round_trip(request: Request<'_>) {
    let mut wire = Vec::new();
    request.encode_into(&mut wire).unwrap();
    let mut framer = Framer::new();
    let mut input = wire.as_slice();
    let body = framer.next(&mut input).unwrap().unwrap();
    assert_eq!(Request::decode(body), Ok(request));
    assert!(input.is_empty());
}

#[test]
fn requests_come_back() {
    round_trip(Request::Init { version: 3 });
    round_trip(Request::Write {
        id: 7,
        handle: b"h",
        offset: 1 << 40,
        data: b"data",
    });
    let range = HashRange {
        algorithms: b"sha256,md5",
        offset: 1,
        length: 2,
        block_size: 256,
    };
    for echo in [false, true] {
        let request = Extended::CheckFileHandle {
            handle: b"h",
            range,
            echo,
        };
        round_trip(Request::Extended { id: 1, request });
    }
    let request = Extended::UsersGroupsById {
        uids: Ids::new(&[0, 0, 0, 1]).unwrap(),
        gids: Ids::default(),
    };
    round_trip(Request::Extended { id: 1, request });
    let request = Extended::VendorId(Vendor {
        vendor: b"a",
        product: b"b",
        version: b"c",
        build: 4,
    });
    round_trip(Request::Extended { id: 1, request });
}

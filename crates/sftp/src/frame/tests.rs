use proptest::prelude::*;

use super::*;

fn with_length(length: u32, body: &[u8]) -> Vec<u8> {
    [&length.to_be_bytes(), body].concat()
}

/// Everything a stream holds when it comes in pieces of these sizes, and how it ended.
fn cut(stream: &[u8], sizes: &[usize]) -> (Vec<Vec<u8>>, Option<LengthRefused>, usize) {
    let mut framer = Framer::new();
    let mut packets = Vec::new();
    let mut rest = stream;
    for size in sizes.iter().cycle().take(stream.len() + 1) {
        let (mut piece, after) = rest.split_at(rest.len().min(*size));
        rest = after;
        loop {
            match framer.next(&mut piece) {
                Ok(Some(body)) => packets.push(body.to_vec()),
                Ok(None) => break,
                Err(refused) => return (packets, Some(refused), framer.pending()),
            }
        }
        assert!(piece.is_empty());
        assert!(framer.pending.capacity() <= LENGTH_FIELD + MAX_PACKET);
    }
    (packets, None, framer.pending())
}

#[test]
fn m6_lengths_out_of_bounds_close_the_channel() {
    let whole = vec![7; MAX_PACKET];
    let longest = u32::try_from(MAX_PACKET).unwrap();
    for length in [0, longest + 1, u32::MAX, u32::MAX - 3, 0x8000_0000] {
        let stream = [with_length(1, b"x"), with_length(length, &whole)].concat();
        for sizes in [&[usize::MAX][..], &[1], &[3], &[5, 1, 2], &[32_768]] {
            let (packets, refused, _) = cut(&stream, sizes);
            assert_eq!(packets, [b"x"]);
            assert_eq!(refused, Some(LengthRefused { length }));
        }
    }
    for length in [1, 4, longest] {
        let stream = with_length(length, &whole[..length as usize]);
        for sizes in [&[usize::MAX][..], &[1], &[32_768]] {
            let (packets, refused, pending) = cut(&stream, sizes);
            assert_eq!((packets.len(), refused, pending), (1, None, 0));
            assert_eq!(packets[0].len(), length as usize);
        }
    }
}

#[test]
fn m6_after_a_refused_length_nothing_more_is_read() {
    let mut framer = Framer::new();
    let stream = with_length(0, &with_length(1, b"x"));
    let mut input = stream.as_slice();
    assert!(framer.next(&mut input).is_err());
    assert!(framer.next(&mut input).is_err());

    let mut framer = Framer::new();
    let (mut one, mut other) = stream.split_at(2);
    assert_eq!(framer.next(&mut one), Ok(None));
    assert!(framer.next(&mut other).is_err());
    assert!(framer.next(&mut other).is_err());
    assert!(framer.next(&mut [9; 9].as_slice()).is_err());
}

#[test]
fn m7_a_length_alone_takes_no_memory() {
    let mut framer = Framer::new();
    let stream = with_length(u32::try_from(MAX_PACKET).unwrap(), b"a little");
    assert_eq!(framer.next(&mut stream.as_slice()), Ok(None));
    assert!(framer.pending.capacity() < 64);
    for _ in 0..100 {
        assert_eq!(framer.next(&mut [0; 100].as_slice()), Ok(None));
    }
    assert!(framer.pending.capacity() < 3 * framer.pending.len());
}

#[test]
fn m7_memory_is_given_back_between_packets() {
    let mut framer = Framer::new();
    let stream = with_length(200_000, &[7; 200_000]);
    let (mut one, mut other) = stream.split_at(100_000);
    assert_eq!(framer.next(&mut one), Ok(None));
    assert_eq!(framer.pending(), 100_000);
    assert_eq!(framer.next(&mut other).unwrap().unwrap().len(), 200_000);
    assert_eq!((framer.pending(), framer.pending_bytes()), (0, &[][..]));
    assert_eq!(framer.next(&mut other), Ok(None));
    assert_eq!(framer.pending.capacity(), 0);
}

#[test]
fn whole_packets_are_not_copied() {
    let mut framer = Framer::new();
    let stream = with_length(3, b"abc");
    let mut input = stream.as_slice();
    let body = framer.next(&mut input).unwrap().unwrap();
    assert_eq!(body.as_ptr(), stream[4..].as_ptr());
}

proptest! {
    #[test]
    fn packets_are_the_same_however_the_stream_is_cut(
        bodies in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..40), 0..20),
        tail in prop::collection::vec(any::<u8>(), 0..4),
        sizes in prop::collection::vec(1usize..50, 1..10),
    ) {
        let mut stream = Vec::new();
        for body in &bodies {
            stream.extend(with_length(u32::try_from(body.len()).unwrap(), body));
        }
        stream.extend(&tail);
        let (packets, refused, pending) = cut(&stream, &sizes);
        prop_assert_eq!(refused, None);
        prop_assert_eq!(packets, bodies);
        prop_assert_eq!(pending, tail.len());
    }

    #[test]
    fn any_bytes_are_cut_the_same(
        stream in prop::collection::vec(prop_oneof![3 => Just(0u8), 1 => any::<u8>()], 0..300),
        sizes in prop::collection::vec(1usize..50, 1..10),
    ) {
        let (packets, refused, _) = cut(&stream, &sizes);
        let (whole, whole_refused, _) = cut(&stream, &[usize::MAX]);
        prop_assert_eq!((packets, refused), (whole, whole_refused));
    }
}

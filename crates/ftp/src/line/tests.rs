use super::*;
use proptest::prelude::*;

/// Everything a decoder says to `pushes`, with lines taken after each.
fn lines(pushes: &[&[u8]]) -> Vec<Result<Vec<u8>, LineError>> {
    let mut decoder = LineDecoder::new();
    let mut said = Vec::new();
    for bytes in pushes {
        decoder.push(bytes);
        while let Some(line) = decoder.next_line() {
            let failed = line.is_err();
            said.push(line);
            if failed {
                return said;
            }
        }
    }
    said
}

fn check(input: &[u8], expected: &[&[u8]]) {
    let expected: Vec<_> = expected.iter().map(|line| Ok(line.to_vec())).collect();
    assert_eq!(lines(&[input]), expected, "at once: {input:?}");
    let bytes: Vec<&[u8]> = input.chunks(1).collect();
    assert_eq!(lines(&bytes), expected, "byte by byte: {input:?}");
}

#[test]
fn lf_ends_a_line_and_cr_alone_does_not() {
    check(b"NOOP\r\n", &[b"NOOP"]);
    check(b"NOOP\n", &[b"NOOP"]);
    check(b"\r\n\n", &[b"", b""]);
    check(b"MKD a\rb\r\n", &[b"MKD a\rb"]);
    check(b"MKD a\r\0b\r\n", &[b"MKD a\rb"]);
    check(b"MKD a\r\0\n", &[b"MKD a\r"]);
    check(b"MKD a\r\r\n", &[b"MKD a\r"]);
    check(b"MKD a\0b\r\n", &[b"MKD a\0b"]);
    check(b"NOOP\r", &[]);
}

#[test]
fn m2_telnet_commands_are_removed_and_nothing_else() {
    check(b"\xff\xf4\xff\xf2ABOR\r\n", &[b"ABOR"]);
    check(b"AB\xff\xf1OR\r\n", &[b"ABOR"]);
    check(b"\xff\xfb\x01\xff\xfd\x0aNOOP\r\n", &[b"NOOP"]);
    check(
        b"\xff\xfa\x18\x00\r\nxterm\xff\xff\xf0\xff\xf0NOOP\r\n",
        &[b"NOOP"],
    );
    check(b"RETR a\xff\xffb\r\n", &[b"RETR a\xffb"]);
    check(b"RETR a\xff.b\r\n", &[b"RETR a\xff.b"]);
    check(b"RETR a\xff\r\n", &[b"RETR a\xff"]);
    check(b"RETR a\xff\n", &[b"RETR a\xff"]);
    check(b"NOOP\r\xff\xf1\n", &[b"NOOP"]);
    check(b"A\r\xff\xff\n", &[b"A\r\xff"]);
}

#[test]
fn m1_a_line_is_at_most_4096_bytes() {
    let longest = vec![b'a'; MAX_LINE];
    check(&[longest.as_slice(), b"\r\n"].concat(), &[&longest]);

    let too_long = vec![b'a'; MAX_LINE + 1];
    assert_eq!(lines(&[&too_long]), [Err(LineError::TooLong)]);
    let one_before = [b"NOOP\r\n", too_long.as_slice(), b"\r\nNOOP\r\n"].concat();
    assert_eq!(
        lines(&[&one_before]),
        [Ok(b"NOOP".to_vec()), Err(LineError::TooLong)]
    );
    // The CR makes it one byte too many only if it does not end the line.
    let with_cr = [longest.as_slice(), b"\rX\n"].concat();
    assert_eq!(lines(&[&with_cr]), [Err(LineError::TooLong)]);
}

#[test]
fn m1_endless_input_is_refused_in_bounded_memory() {
    let chunk = [b'a'; 1 << 16];
    let mut decoder = LineDecoder::new();
    for _ in 0..1600 {
        decoder.push(&chunk);
        assert_eq!(decoder.capacity(), 0);
    }
    assert_eq!(decoder.next_line(), Some(Err(LineError::TooLong)));
    decoder.push(b"NOOP\r\n");
    assert_eq!(decoder.next_line(), Some(Err(LineError::TooLong)));

    let mut decoder = LineDecoder::new();
    decoder.push(b"\xff\xfa");
    decoder.push(&chunk);
    assert_eq!(decoder.next_line(), Some(Err(LineError::TooLong)));
}

#[test]
fn lines_that_nobody_takes_are_bounded() {
    let mut decoder = LineDecoder::new();
    for _ in 0..MAX_BUFFERED {
        decoder.push(b"NOOP\r\n");
    }
    assert!(
        decoder.capacity() <= 4 * MAX_BUFFERED,
        "{}",
        decoder.capacity()
    );
    let said = std::iter::from_fn(|| decoder.next_line())
        .take_while(Result::is_ok)
        .count();
    assert_eq!(said, MAX_BUFFERED / 5 + 1);
    assert_eq!(decoder.next_line(), Some(Err(LineError::Backlog)));
}

#[test]
fn always_one_line_behind_does_not_grow() {
    let mut decoder = LineDecoder::new();
    decoder.push(b"NOOP 0\r\n");
    for _ in 0..10_000 {
        decoder.push(b"NOOP 1\r\n");
        assert!(decoder.next_line().is_some());
        assert!(decoder.capacity() <= 64, "{}", decoder.capacity());
    }
}

#[test]
fn nothing_is_held_between_lines() {
    let mut decoder = LineDecoder::new();
    for input in [
        &b"NOOP\r\n"[..],
        b"NOOP\r\nNOOP\r\n",
        b"NOOP\xff\xf1\r\n",
        b"\xff\xf1",
    ] {
        decoder.push(input);
        while decoder.next_line().is_some() {}
        assert_eq!(decoder.capacity(), 0, "{input:?}");
        assert!(decoder.is_empty());
    }
    decoder.push(b"NO");
    assert!(!decoder.is_empty() && !decoder.has_line());
    decoder.push(b"OP\r\nX");
    assert!(decoder.has_line());
    assert_eq!(decoder.next_line(), Some(Ok(b"NOOP".to_vec())));
    assert!(!decoder.has_line());
    assert_eq!(decoder.buffered(), 1);
}

#[test]
fn a_whole_line_is_allocated_once() {
    let mut decoder = LineDecoder::new();
    decoder.push(b"RETR file\r\n");
    let line = decoder.next_line().unwrap().unwrap();
    assert_eq!(line.capacity(), b"RETR file\n".len());
}

#[test]
fn a_line_holds_no_line_end() {
    for refused in [&b"a\rb"[..], b"a\nb", b"a\0b", &[b'a'; MAX_LINE + 1]] {
        assert_eq!(Line::new(refused), Err(Unsayable));
    }
    let mut out = Vec::new();
    Line::new(&b"PASS x"[..]).unwrap().write(&mut out);
    assert_eq!(out, b"PASS x\r\n");
    assert_eq!(
        format!("{:?}", Line::new(&b"PASS x"[..]).unwrap()),
        "Line(6 bytes)"
    );
}

/// Bytes that mean something here, often.
fn telling_bytes() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![
        4 => prop::sample::select(&b"\r\n\0\xff\xfa\xf0\xfb\xf1a"[..]),
        1 => any::<u8>(),
    ];
    prop::collection::vec(byte, 0..200)
}

proptest! {
    #[test]
    fn how_input_is_cut_does_not_matter(input in telling_bytes(), cut in 0_usize..200) {
        let cut = cut.min(input.len());
        let whole = lines(&[&input]);
        prop_assert_eq!(&whole, &lines(&[&input[..cut], &input[cut..]]));
        let bytes: Vec<&[u8]> = input.chunks(1).collect();
        prop_assert_eq!(&whole, &lines(&bytes));
    }

    #[test]
    fn what_a_line_says_is_what_is_read(text in "[^\r\n\0]{0,80}") {
        let mut wire = Vec::new();
        Line::new(text.as_bytes()).unwrap().write(&mut wire);
        prop_assert_eq!(lines(&[&wire]), vec![Ok(text.into_bytes())]);
    }
}

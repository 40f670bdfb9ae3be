use super::*;
use proptest::prelude::*;

fn wire(reply: &Reply) -> Vec<u8> {
    let mut out = Vec::new();
    reply.encode_into(&mut out);
    out
}

fn text(reply: &Reply) -> String {
    String::from_utf8(wire(reply)).unwrap()
}

fn read(pushes: &[&[u8]]) -> Vec<Result<Received, ReplyError>> {
    let mut decoder = ReplyDecoder::new();
    let mut replies = Vec::new();
    for bytes in pushes {
        decoder.push(bytes);
        while let Some(reply) = decoder.next_reply() {
            let failed = reply.is_err();
            replies.push(reply);
            if failed {
                return replies;
            }
        }
    }
    replies
}

fn received(code: u16, lines: &[&str]) -> Result<Received, ReplyError> {
    let lines = lines.iter().map(|line| line.as_bytes().to_vec()).collect();
    Ok(Received { code, lines })
}

#[test]
fn forms() {
    assert_eq!(text(&Reply::line(200, "Done")), "200 Done\r\n");
    assert_eq!(
        text(&Reply::lines(
            211,
            "Two",
            vec!["one", "211 two", "123-x", "999", "1234 x"],
            "End"
        )),
        "211-Two\r\none\r\n 211 two\r\n 123-x\r\n 999\r\n1234 x\r\n211 End\r\n"
    );
    assert_eq!(
        text(&Reply::indented(211, "Features", vec!["UTF8"], "End")),
        "211-Features\r\n UTF8\r\n211 End\r\n"
    );
    assert_eq!(text(&Reply::line(7, "x")), "100 x\r\n");
    assert_eq!(text(&Reply::line(u16::MAX, "x")), "599 x\r\n");
}

#[test]
fn p14_no_text_ends_a_line_or_reaches_a_terminal() {
    let said = b"x\r\n227 Entering\0\x1b[2J\x7f\xff\xc2\x9b\xc3\xa9";
    assert_eq!(
        text(&Reply::quoting(550, "No file named ", said, "")),
        "550 No file named x??227 Entering??[2J???\u{e9}\r\n"
    );
    let reply = Reply::lines(550, "Names", vec![said.to_vec()], "End").with_raw_names();
    assert_eq!(
        wire(&reply),
        b"550-Names\r\nx??227 Entering??[2J?\xff\xc2\x9b\xc3\xa9\r\n550 End\r\n"
    );
    let inner = Reply::lines(
        214,
        "Help",
        vec!["227 Entering Passive Mode (1,2,3,4,0,21)"],
        "End",
    );
    assert!(!text(&inner).lines().any(|line| line.starts_with("227 ")));
}

#[test]
fn quotes_in_257_are_doubled() {
    assert_eq!(quoted(b"/a \"b\""), b"\"/a \"\"b\"\"\"");
    assert_eq!(
        unquoted(b"\"/a \"\"b\"\"\" is it"),
        Some(b"/a \"b\"".to_vec())
    );
    assert_eq!(unquoted(b"/a is it"), None);
    assert_eq!(unquoted(b"\"/a"), None);
}

#[test]
fn replies_of_real_servers() {
    assert_eq!(read(&[b"220 ready\n"]), [received(220, &["ready"])]);
    assert_eq!(read(&[b"226\r\n"]), [received(226, &[""])]);
    assert_eq!(
        read(&[b"220-Hello\r\n\r\n 220 users\r\n2020 years\r\n220-more\r\n220 end\r\n"]),
        [received(
            220,
            &["Hello", "", " 220 users", "2020 years", "more", "end"]
        )]
    );
    // glFTPd: another code at the end.
    assert_eq!(
        read(&[b"213-listing\r\n211 end\r\n"]),
        [received(211, &["listing", "end"])]
    );
    // A code nobody knows keeps its number.
    assert_eq!(read(&[b"777 what\r\n"]), [received(777, &["what"])]);
    // Text before any code.
    assert_eq!(
        read(&[b"Welcome\r\n220 x\r\n"]),
        [received(220, &["Welcome", "x"])]
    );
    assert_eq!(
        read(&[b"150 a\r\n226 b\r\n2"]),
        [received(150, &["a"]), received(226, &["b"])]
    );
}

#[test]
fn replies_are_bounded() {
    let long = vec![b'a'; MAX_REPLY_LINE + 1];
    assert_eq!(read(&[&long]), [Err(ReplyError::LineTooLong)]);
    let long_with_end = [long.as_slice(), b"\r\n"].concat();
    assert_eq!(read(&[&long_with_end]), [Err(ReplyError::LineTooLong)]);
    let lines = vec![&b"220-\r\n"[..]; MAX_REPLY / 20];
    assert_eq!(read(&lines), [Err(ReplyError::TooLong)]);
    let mut decoder = ReplyDecoder::new();
    for _ in 0..200 {
        decoder.push(&[b'\n'; 1 << 16]);
    }
    assert_eq!(decoder.next_reply(), Some(Err(ReplyError::TooLong)));
    assert_eq!(decoder.next_reply(), Some(Err(ReplyError::TooLong)));
}

fn line_text() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        "[ -~\u{e9}]{0,30}".prop_map(String::into_bytes),
        "[0-9]{3}[ -]?[a-z]{0,5}".prop_map(String::into_bytes),
        prop::collection::vec(any::<u8>(), 0..20),
    ]
}

proptest! {
    /// What is read is what was said: one reply, whatever the texts hold.
    #[test]
    fn every_reply_is_read_as_one(
        code in 100_u16..600,
        first in line_text(),
        inner in prop::collection::vec(line_text(), 0..5),
        last in line_text(),
        raw in any::<bool>(),
        multi in any::<bool>(),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut reply = if multi {
            Reply::lines(code, first.clone(), inner.clone(), last.clone())
        } else {
            Reply::line(code, first.clone())
        };
        if raw {
            reply = reply.with_raw_names();
        }
        let bytes = wire(&reply);
        let at = cut.index(bytes.len());
        let replies = read(&[&bytes[..at], &bytes[at..]]);
        prop_assert_eq!(replies.len(), 1);
        let received = replies[0].clone().unwrap();
        prop_assert_eq!(received.code, code);

        let shown = |text: &[u8]| {
            let line = wire(&if raw { Reply::raw(200, text.to_vec()) } else { Reply::line(200, text.to_vec()) });
            line[4..line.len() - 2].to_vec()
        };
        let mut expected = vec![shown(&first)];
        if multi {
            expected.extend(inner.iter().map(|text| {
                let space: &[u8] = if begins_like_a_reply(text) { b" " } else { b"" };
                [space, &shown(text)].concat()
            }));
            expected.push(shown(&last));
        }
        prop_assert_eq!(received.lines, expected);
    }

    #[test]
    fn how_replies_are_cut_does_not_matter(
        bytes in prop::collection::vec(prop::sample::select(&b"12 -\r\nab\xff"[..]), 0..200),
    ) {
        let single: Vec<&[u8]> = bytes.chunks(1).collect();
        prop_assert_eq!(read(&[&bytes]), read(&single));
    }

    #[test]
    fn a_quoted_path_comes_back(path in prop::collection::vec(any::<u8>(), 0..40)) {
        prop_assert_eq!(unquoted(&quoted(&path)), Some(path));
    }
}

#![no_main]

use libfuzzer_sys::fuzz_target;
use wharf_ftp::reply::{
    MAX_REPLY, MAX_REPLY_LINE, Received, Reply, ReplyDecoder, ReplyError, quoted, unquoted,
};

fuzz_target!(|input: (u8, u16, bool, &[u8])| {
    let (step, code, raw, bytes) = input;
    let whole = replies(bytes, usize::MAX);
    assert_eq!(whole, replies(bytes, usize::from(step).max(1)));
    for reply in whole.iter().flatten() {
        assert!(reply.code <= 999);
        assert!(!reply.lines.is_empty());
        assert!(reply.lines.iter().map(Vec::len).sum::<usize>() <= MAX_REPLY);
    }

    if bytes.len() < MAX_REPLY_LINE / 4 {
        let texts: Vec<Vec<u8>> = bytes.split(|byte| *byte == 7).map(<[u8]>::to_vec).collect();
        let mut reply = Reply::lines(code, bytes.to_vec(), texts.clone(), bytes.to_vec());
        if raw {
            reply = reply.with_raw_names();
        }
        let mut wire = Vec::new();
        reply.encode_into(&mut wire);
        let read = replies(&wire, usize::MAX);
        assert_eq!(read.len(), 1);
        let Some(Ok(read)) = read.first() else {
            panic!("an error")
        };
        assert_eq!(
            (read.code, read.lines.len()),
            (reply.code(), texts.len() + 2)
        );
    }
    assert_eq!(unquoted(&quoted(bytes)).as_deref(), Some(bytes));
});

fn replies(bytes: &[u8], step: usize) -> Vec<Result<Received, ReplyError>> {
    let mut decoder = ReplyDecoder::new();
    let mut replies = Vec::new();
    for part in bytes.chunks(step) {
        decoder.push(part);
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

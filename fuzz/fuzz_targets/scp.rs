#![no_main]

use libfuzzer_sys::fuzz_target;

// They are nobody's but the server's, and are taken as they lie there.
#[allow(dead_code)]
#[path = "../../crates/server/src/scp/language.rs"]
mod language;
#[allow(dead_code)]
#[path = "../../crates/server/src/scp/receiver.rs"]
mod receiver;

use language::{Line, MAX_LINE};
use receiver::{Receiver, Step};

fuzz_target!(|input: (u8, bool, u8, &[u8])| {
    let (step, recursive, refusals, bytes) = input;
    command(bytes);
    for line in bytes.split(|byte| *byte == b'\n') {
        said_again(line);
    }
    let whole = steps(bytes, usize::MAX, recursive, refusals);
    let cut = steps(bytes, usize::from(step).max(1), recursive, refusals);
    assert_eq!(whole, cut);
});

fn command(line: &[u8]) {
    let Some(Ok(command)) = language::command(line) else {
        return;
    };
    assert!(!command.paths.is_empty());
    assert!(command.paths.len() == 1 || command.direction == language::Direction::ToClient);
    for word in &command.paths {
        assert!(word.text.len() <= line.len());
        let pattern = word.pattern.as_deref().unwrap_or_default();
        assert!(!pattern.contains(&b'/'), "a pattern is the last component");
    }
}

fn said_again(line: &[u8]) {
    let Ok(read) = Line::read(line) else {
        return;
    };
    let said = read.write();
    let said = said.strip_suffix(b"\n").expect("a line");
    assert_eq!(Line::read(said), Ok(read));
}

/// What came of it, a step each; bytes of files are counted, since they may be cut.
fn steps(bytes: &[u8], size: usize, recursive: bool, refusals: u8) -> Vec<String> {
    let mut receiver = Receiver::new(recursive);
    let mut told = Vec::new();
    let (mut data, mut owed, mut offers) = (0, 0, 0_u32);
    for mut part in bytes.chunks(size) {
        while !part.is_empty() {
            let (count, step) = match receiver.next(part) {
                Ok(taken) => taken,
                Err(broken) => {
                    told.push(broken.0.to_owned());
                    return told;
                }
            };
            assert!(count > 0 && count <= part.len(), "it goes on");
            part = &part[count..];
            if let Step::File(entry, _) | Step::Directory(entry) = &step {
                let name = entry.name.as_bytes();
                assert!(!name.contains(&b'/') && !name.contains(&0) && !name.is_empty());
                assert!(name != b"." && name != b".." && name.len() <= MAX_LINE);
                assert!(entry.mode <= 0o7777);
                assert!(recursive || matches!(step, Step::File(..)));
            }
            match step {
                Step::More => continue,
                Step::Data => {
                    data += count as u64;
                    assert!(data <= owed, "more bytes than were agreed to");
                    continue;
                }
                // What is refused is not sent.
                Step::File(..) | Step::Directory(_) if refusals >> (offers % 8) & 1 == 1 => {
                    offers += 1;
                }
                Step::File(_, size) => {
                    offers += 1;
                    receiver.accept();
                    (data, owed) = (0, size);
                }
                Step::Directory(_) => {
                    offers += 1;
                    receiver.accept();
                }
                Step::Whole => assert_eq!(data, owed, "whole, and bytes are missing"),
                Step::Ended => {
                    told.push("ended".to_owned());
                    return told;
                }
                Step::Times | Step::Unnamed(_) | Step::Up | Step::Unreadable | Step::Warned => {}
            }
            told.push(format!("{step:?} {data}"));
        }
    }
    told.push(format!("{} {data}", receiver.is_through()));
    told
}

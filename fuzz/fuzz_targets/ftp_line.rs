#![no_main]

use libfuzzer_sys::fuzz_target;
use wharf_ftp::line::{LineDecoder, LineError, MAX_LINE};

fuzz_target!(|input: (u8, &[u8])| {
    let (step, bytes) = input;
    let whole = lines(bytes, usize::MAX);
    assert_eq!(whole, lines(bytes, usize::from(step).max(1)));
    for line in whole.iter().flatten() {
        assert!(line.len() <= MAX_LINE);
        assert!(!line.contains(&b'\n'));
    }
});

fn lines(bytes: &[u8], step: usize) -> Vec<Result<Vec<u8>, LineError>> {
    let mut decoder = LineDecoder::new();
    let mut lines = Vec::new();
    for part in bytes.chunks(step) {
        decoder.push(part);
        assert!(decoder.capacity() <= 2 * (bytes.len() + MAX_LINE));
        while let Some(line) = decoder.next_line() {
            let failed = line.is_err();
            lines.push(line);
            if failed {
                return lines;
            }
        }
        assert!(decoder.buffered() <= MAX_LINE);
        if decoder.is_empty() {
            assert_eq!(decoder.capacity(), 0);
        }
    }
    lines
}

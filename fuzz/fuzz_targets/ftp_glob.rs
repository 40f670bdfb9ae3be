#![no_main]

use libfuzzer_sys::fuzz_target;
use wharf_ftp::glob::{Pattern, has_magic};

fuzz_target!(|input: (&[u8], &[u8])| {
    let (pattern, name) = input;
    if pattern.len() > 200 || name.len() > 255 {
        return;
    }
    let compiled = Pattern::new(pattern);
    let mut steps = (pattern.len() as u64 + 2) * (name.len() as u64 + 2);
    let matched = compiled
        .matches_within(name, &mut steps)
        .expect("pattern times name steps");
    assert_eq!(matched, compiled.matches(name));
    // The reference knows no classes and escapes.
    if !pattern.iter().any(|byte| matches!(byte, b'[' | b'\\')) {
        assert_eq!(matched, by_table(pattern, name));
        if !has_magic(pattern) {
            assert_eq!(matched, pattern == name);
        }
    }
});

/// Whether each beginning of the pattern matches each beginning of the name.
fn by_table(pattern: &[u8], name: &[u8]) -> bool {
    let mut row = vec![false; name.len() + 1];
    row[0] = true;
    for byte in pattern {
        let mut next = vec![false; name.len() + 1];
        next[0] = *byte == b'*' && row[0];
        for at in 1..=name.len() {
            next[at] = match byte {
                b'*' => row[at] || next[at - 1],
                b'?' => row[at - 1],
                byte => row[at - 1] && name[at - 1] == *byte,
            };
        }
        row = next;
    }
    row[name.len()]
}

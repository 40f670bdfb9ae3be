use proptest::prelude::*;

use super::*;

/// Feeds `input` in parts of `part` bytes and agrees to everything; all but data as they come.
fn steps(receiver: &mut Receiver, input: &[u8], part: usize) -> (Vec<Step>, Vec<u8>) {
    let (mut steps, mut data) = (Vec::new(), Vec::new());
    for part in input.chunks(part) {
        let mut rest = part;
        while !rest.is_empty() {
            let (count, step) = receiver.next(rest).unwrap();
            assert!(count > 0);
            match step {
                Step::Data => data.extend_from_slice(&rest[..count]),
                Step::More => {}
                step => {
                    receiver.accept();
                    steps.push(step);
                }
            }
            rest = &rest[count..];
        }
    }
    (steps, data)
}

fn entry(name: &str, mode: u32, times: Option<(u64, u64)>) -> Entry {
    Entry {
        name: Name::new(name.as_bytes()).unwrap(),
        mode,
        times: times.map(|(modified, accessed)| Times { modified, accessed }),
    }
}

#[test]
fn a_tree_in_parts_of_any_size() {
    let input = b"T5 0 6 0\nD0755 0 d\nC0644 3 a\nxyz\0T1 0 2 0\nC0600 0 b c\n\0E\n\x01warned\n";
    for part in 1..=input.len() {
        let mut receiver = Receiver::new(true);
        let (steps, data) = steps(&mut receiver, input, part);
        let expected = [
            Step::Times,
            Step::Directory(entry("d", 0o755, Some((5, 6)))),
            Step::File(entry("a", 0o644, None), 3),
            Step::Whole,
            Step::Times,
            Step::File(entry("b c", 0o600, Some((1, 2))), 0),
            Step::Whole,
            Step::Up,
            Step::Warned,
        ];
        assert_eq!(steps, expected, "{part}");
        assert_eq!(data, b"xyz");
        assert!(receiver.is_through());
    }
}

#[test]
fn what_is_refused_is_not_waited_for() {
    let mut receiver = Receiver::new(true);
    for line in [&b"C0644 3 a\n"[..], b"D0755 0 d\n"] {
        receiver.next(line).unwrap();
    }
    // Neither was agreed to: the next line is a line, and there is no directory to leave.
    assert!(receiver.is_through());
    assert!(receiver.next(b"E\n").is_err());
}

#[test]
fn c1_names_that_lead_elsewhere_are_told_and_nothing_is_taken() {
    for name in ["..", ".", "", "a/b", "/etc/x", "a\0"] {
        let mut receiver = Receiver::new(true);
        for kind in ["C", "D"] {
            let line = format!("{kind}0644 3 {name}\n");
            let (_, step) = receiver.next(line.as_bytes()).unwrap();
            assert!(matches!(step, Step::Unnamed(_)), "{line:?}: {step:?}");
            receiver.accept();
            assert!(receiver.is_through(), "{line:?}");
        }
    }
}

#[test]
fn how_a_file_ends_is_for_the_client_to_say() {
    let begun = || {
        let mut receiver = Receiver::new(false);
        receiver.next(b"C0644 1 a\n").unwrap();
        receiver.accept();
        receiver.next(b"x").unwrap();
        assert!(!receiver.is_through());
        receiver
    };
    assert_eq!(begun().next(b"\0"), Ok((1, Step::Whole)));
    assert_eq!(
        begun().next(b"\x01read error\n"),
        Ok((12, Step::Unreadable))
    );
    assert_eq!(begun().next(b"\x02gone\n"), Ok((6, Step::Ended)));
    assert!(begun().next(b"y\n").is_err());
    assert!(begun().next(b"C0644 1 b\n").is_err());
}

#[test]
fn what_is_not_scp_ends_it() {
    for input in [
        &b"\0\n"[..],
        b"hello\n",
        b"E\n",
        b"D0755 0 d\n",
        b"C0644 1\n",
    ] {
        assert!(Receiver::new(false).next(input).is_err(), "{input:?}");
    }
    let mut receiver = Receiver::new(false);
    let long = vec![b'C'; MAX_LINE];
    assert_eq!(receiver.next(&long), Ok((MAX_LINE, Step::More)));
    assert!(receiver.next(b"x").is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    /// Whatever comes in whatever parts: it never panics, always goes on or ends, gives no more
    /// data than was agreed to, and names one component or nothing.
    #[test]
    fn c1_whatever_comes_no_name_leads_elsewhere(
        pieces in prop::collection::vec(
            prop_oneof![
                prop::collection::vec(any::<u8>(), 0..12),
                "(C|D)0[0-7]{3} [0-9]{1,2} [a./\0\r]{0,6}\n".prop_map(String::into_bytes),
                "T[0-9]{1,3} 0 [0-9]{1,3} 0\n".prop_map(String::into_bytes),
                "E\n|\0|\x01a\n|\x02\n".prop_map(String::into_bytes),
            ],
            0..30,
        ),
        agreed in prop::collection::vec(any::<bool>(), 30),
        recursive in any::<bool>(),
    ) {
        let mut receiver = Receiver::new(recursive);
        let mut agreed = agreed.into_iter().cycle();
        let mut allowed = 0;
        'all: for piece in pieces {
            let mut rest = &piece[..];
            while !rest.is_empty() {
                let Ok((count, step)) = receiver.next(rest) else {
                    break 'all;
                };
                prop_assert!((1..=rest.len()).contains(&count));
                rest = &rest[count..];
                let (entry, size) = match &step {
                    Step::File(entry, size) => (entry, *size),
                    Step::Directory(entry) => {
                        prop_assert!(recursive);
                        (entry, 0)
                    }
                    Step::Data => {
                        prop_assert!(count as u64 <= allowed);
                        allowed -= count as u64;
                        continue;
                    }
                    _ => continue,
                };
                let name = entry.name.as_bytes();
                prop_assert!(!name.is_empty() && name != b"." && name != b"..");
                prop_assert!(!name.iter().any(|byte| matches!(byte, b'/' | 0 | b'\r' | b'\n')));
                if agreed.next() == Some(true) {
                    receiver.accept();
                    allowed = size;
                }
            }
        }
    }
}

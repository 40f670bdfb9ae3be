//! Whole transfers against a peer that holds a `Vec<u8>`, answers in any order and gives less
//! than it is asked for.

use proptest::prelude::*;

use super::super::*;

/// What the peer does next, drawn by proptest.
#[derive(Debug, Clone, Copy)]
struct Choice {
    /// Which of the requests in flight it answers.
    which: usize,
    /// How much of it: 255 is all.
    part: u8,
    /// What happens to its file.
    change: Change,
}

#[derive(Debug, Clone, Copy)]
enum Change {
    None,
    Cut(u16),
    Append(u8),
}

fn choices(change: impl Strategy<Value = Change> + 'static) -> impl Strategy<Value = Vec<Choice>> {
    let choice = (any::<usize>(), any::<u8>(), change).prop_map(|(which, part, change)| Choice {
        which,
        part: if part < 128 { 255 } else { part },
        change,
    });
    prop::collection::vec(choice, 1..200)
}

fn changes() -> impl Strategy<Value = Change> {
    prop_oneof![
        20 => Just(Change::None),
        1 => any::<u16>().prop_map(Change::Cut),
        1 => any::<u8>().prop_map(Change::Append),
    ]
}

struct Run {
    got: Vec<u8>,
    finished: Finished,
    requests: usize,
    /// How short, and how long, the file ever was.
    sizes: (usize, usize),
}

fn download(mut plan: Download, file: &mut Vec<u8>, window: usize, choices: &[Choice]) -> Run {
    let from = usize::try_from(plan.contiguous()).unwrap();
    let mut got = Vec::new();
    let mut in_flight: Vec<(u32, Range)> = Vec::new();
    let mut id = 0;
    let mut sizes = (file.len(), file.len());
    for choice in choices.iter().cycle().take(1_000_000) {
        while in_flight.len() < window {
            let Some(range) = plan.next(id) else { break };
            in_flight.push((id, range));
            id += 1;
        }
        assert_eq!(plan.in_flight(), in_flight.len());
        if in_flight.is_empty() {
            let finished = plan.finished().expect("nothing to ask and not finished");
            let requests = id as usize;
            return Run {
                got,
                finished,
                requests,
                sizes,
            };
        }
        assert_eq!(plan.finished(), None);
        let (answered, range) = in_flight.swap_remove(choice.which % in_flight.len());
        let offset = usize::try_from(range.offset).unwrap();
        if offset >= file.len() {
            plan.eof(answered).unwrap();
        } else {
            let most = (range.length as usize).min(file.len() - offset);
            let came = (most * usize::from(choice.part) / 255).max(1);
            assert_eq!(plan.data(answered, came), Ok(range.offset));
            got.resize(got.len().max(offset + came), 0);
            got[offset..offset + came].copy_from_slice(&file[offset..offset + came]);
        }
        // Files change a few times, or the test would never end.
        if id < 400 {
            match choice.change {
                Change::None => {}
                Change::Cut(to) => file.truncate(usize::from(to)),
                Change::Append(more) => {
                    let from = file.len();
                    file.extend((from..from + usize::from(more)).map(byte_at));
                }
            }
            sizes = (sizes.0.min(file.len()), sizes.1.max(file.len()));
        }
        let contiguous = usize::try_from(plan.contiguous()).unwrap();
        assert!(contiguous <= got.len().max(sizes.1).max(from));
    }
    panic!("a million answers and no end");
}

/// So that a byte says where it belongs.
fn byte_at(offset: usize) -> u8 {
    (offset * 7 + offset / 251) as u8
}

fn file_of(size: usize) -> Vec<u8> {
    (0..size).map(byte_at).collect()
}

proptest! {
    #[test]
    fn what_arrives_is_the_file(
        size in 0usize..40_000,
        chunk in 500u32..9000,
        window in 1usize..40,
        from in 0usize..1000,
        named in prop_oneof![Just(None), Just(Some(0i64)), (-600i64..600).prop_map(Some)],
        choices in choices(Just(Change::None)),
    ) {
        let mut file = file_of(size);
        let expected = named.map(|off| (size as u64).saturating_add_signed(off));
        let from = from.min(size);
        let plan = Download::new(from as u64, expected, chunk);
        let run = download(plan, &mut file, window, &choices);
        prop_assert_eq!(run.finished.end, size as u64);
        let how = match expected {
            Some(expected) if expected > size as u64 => End::Shrank,
            Some(expected) if (expected as usize) < from && from == size => End::Shrank,
            Some(expected) if (expected as usize) < size => End::Grew,
            _ => End::AsExpected,
        };
        prop_assert_eq!(run.finished.how, how);
        prop_assert!(run.got.get(from..size).unwrap_or_default() == &file[from..]);
    }

    #[test]
    fn a_file_that_changes_meanwhile_has_an_end_and_no_gap(
        size in 0usize..40_000,
        chunk in 500u32..9000,
        window in 1usize..40,
        choices in choices(changes()),
    ) {
        let mut file = file_of(size);
        let plan = Download::new(0, Some(size as u64), chunk);
        let run = download(plan, &mut file, window, &choices);
        let end = usize::try_from(run.finished.end).unwrap();
        // Bytes are what they are by their offset, so a gap would show.
        prop_assert!(run.got.get(..end) == Some(&file_of(end)[..]));
        prop_assert!((run.sizes.0..=run.sizes.1).contains(&end));
        match run.finished.how {
            End::AsExpected => prop_assert_eq!(end, size),
            End::Grew => prop_assert!(end > size),
            End::Shrank => prop_assert!(end < size || run.got.len() > end),
        }
    }

    #[test]
    fn a_part_is_that_part(
        size in 0usize..40_000,
        chunk in 500u32..9000,
        part in (0u64..45_000, 0u64..20_000),
        choices in choices(Just(Change::None)),
    ) {
        let mut file = file_of(size);
        let until = part.0 + part.1;
        let plan = Download::new(part.0, Some(size as u64), chunk).until(until);
        let run = download(plan, &mut file, 16, &choices);
        let end = (size as u64).clamp(part.0, until) as usize;
        prop_assert_eq!(run.finished.end, end as u64);
        let from = part.0 as usize;
        prop_assert!(run.got.len() <= until as usize);
        let (got, there) = (run.got.get(from..end), file.get(from..end));
        prop_assert!(got.unwrap_or_default() == there.unwrap_or_default());
    }

    #[test]
    fn a_full_server_costs_one_request_more_than_the_file_has_chunks(
        size in 1usize..200_000,
        chunk in 512u32..70_000,
        window in 1usize..40,
    ) {
        let mut file = file_of(size);
        let plan = Download::new(0, Some(size as u64), chunk);
        let all = [Choice { which: 0, part: 255, change: Change::None }];
        let run = download(plan, &mut file, window, &all);
        prop_assert_eq!(run.requests, size.div_ceil(chunk as usize) + 1);
    }

    #[test]
    fn what_is_written_is_the_source(
        size in 0usize..40_000,
        chunk in 500u32..9000,
        window in 1usize..40,
        ready in 1usize..20_000,
        failing in prop_oneof![Just(None), (0usize..100, 1u32..40).prop_map(Some)],
        order in prop::collection::vec(any::<usize>(), 1..50),
    ) {
        let source = file_of(size);
        let mut file = Vec::new();
        let mut plan = Upload::new(0, chunk);
        let mut in_flight: Vec<(u32, Range)> = Vec::new();
        let (mut id, mut answers) = (0u32, 0usize);
        let mut failed: Option<WriteFailed> = None;
        loop {
            while in_flight.len() < window {
                let at = usize::try_from(plan.offset()).unwrap();
                if at == size {
                    plan.source_ended();
                }
                let Some(range) = plan.next(id, ready.min(size - at)) else { break };
                prop_assert_eq!(range.offset as usize, at);
                in_flight.push((id, range));
                id += 1;
            }
            if in_flight.is_empty() {
                break;
            }
            let which = order[answers % order.len()] % in_flight.len();
            let (answered, range) = in_flight.swap_remove(which);
            let offset = range.offset as usize;
            match failing {
                Some((at, code)) if at == answers => {
                    plan.status(answered, code).unwrap();
                    failed = Some(WriteFailed { offset: range.offset, code });
                }
                _ => {
                    let end = offset + range.length as usize;
                    file.resize(file.len().max(end), 0);
                    file[offset..end].copy_from_slice(&source[offset..end]);
                    plan.status(answered, 0).unwrap();
                }
            }
            answers += 1;
            let sure = usize::try_from(plan.contiguous()).unwrap();
            prop_assert!(file[..sure.min(file.len())] == source[..sure.min(file.len())]);
            prop_assert!(sure <= file.len());
        }
        match failed {
            None => {
                prop_assert_eq!(plan.finished(), Some(Ok(size as u64)));
                prop_assert!(file == source);
            }
            Some(failed) => prop_assert_eq!(plan.finished(), Some(Err(failed))),
        }
    }
}

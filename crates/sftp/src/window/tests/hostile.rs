//! Plans against peers that answer anything.

use proptest::prelude::*;

use super::super::*;

/// One step of the peer, or of who drives the plan.
#[derive(Debug, Clone, Copy)]
enum Step {
    Ask(u32),
    Data(u32, usize),
    Eof(u32),
    Fail(u32),
    Stop,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let id = || 0u32..24;
    let step = prop_oneof![
        20 => id().prop_map(Step::Ask),
        12 => (id(), prop_oneof![Just(512usize), 0usize..700]).prop_map(|(id, n)| Step::Data(id, n)),
        2 => id().prop_map(Step::Eof),
        1 => id().prop_map(Step::Fail),
        1 => Just(Step::Stop),
    ];
    prop::collection::vec(step, 0..400)
}

proptest! {
    #[test]
    fn no_byte_is_asked_for_or_delivered_twice(
        steps in steps(),
        from in prop_oneof![0u64..3000, Just(u64::MAX - 2000)],
        expected in prop::option::of(prop_oneof![0u64..20_000, any::<u64>()]),
        until in prop_oneof![Just(u64::MAX), 0u64..20_000],
    ) {
        let mut plan = Download::new(from, expected, 600).until(until);
        let mut delivered: Vec<Range> = Vec::new();
        let mut in_flight: Vec<(u32, Range)> = Vec::new();
        let mut broken = false;
        for step in steps {
            let before = plan.contiguous();
            match step {
                Step::Ask(id) => {
                    let known = in_flight.iter().any(|(out, _)| *out == id);
                    let asked = plan.next(id);
                    prop_assert!(asked.is_none() || !known && !broken);
                    if let Some(range) = asked {
                        prop_assert!((1..=600).contains(&range.length));
                        prop_assert!(range.offset >= from && range.end() <= until.max(from));
                        let clear = |other: &Range| other.end() <= range.offset || range.end() <= other.offset;
                        prop_assert!(delivered.iter().all(clear));
                        prop_assert!(in_flight.iter().all(|(_, other)| clear(other)));
                        in_flight.push((id, range));
                    }
                }
                Step::Data(id, came) => match taken(&mut in_flight, id) {
                    None => {
                        prop_assert_eq!(plan.data(id, came), Err(Broken::UnknownId(id)));
                        broken = true;
                    }
                    Some(range) if came == 0 || came > range.length as usize => {
                        prop_assert!(plan.data(id, came).is_err());
                        broken = true;
                    }
                    Some(range) => {
                        prop_assert_eq!(plan.data(id, came), Ok(range.offset));
                        delivered.push(Range { length: came as u32, ..range });
                    }
                },
                Step::Eof(id) => {
                    let known = taken(&mut in_flight, id).is_some();
                    prop_assert_eq!(plan.eof(id).is_ok(), known);
                    broken |= !known;
                }
                Step::Fail(id) => {
                    prop_assert_eq!(plan.failed(id).is_ok(), taken(&mut in_flight, id).is_some());
                    broken = true;
                }
                Step::Stop => {
                    plan.stop();
                    broken = true;
                }
            }
            prop_assert_eq!(plan.in_flight(), in_flight.len());
            // What was once whole stays so, unless the file ends before it.
            prop_assert!(plan.contiguous() >= before || broken || matches!(step, Step::Eof(_)));
            if let Some(finished) = plan.finished() {
                let until_there = delivered.iter().map(|range| range.end().min(finished.end).saturating_sub(range.offset));
                let whole: u64 = until_there.sum();
                prop_assert_eq!(whole, finished.end - from);
                prop_assert_eq!(plan.next(1000), None);
            }
        }
    }

    #[test]
    fn an_upload_counts_only_what_was_answered(
        steps in prop::collection::vec((0u32..24, 0usize..900, 0u32..6, any::<bool>()), 0..300),
        ends in any::<bool>(),
    ) {
        let mut plan = Upload::new(0, 600);
        let mut in_flight: Vec<(u32, Range)> = Vec::new();
        let (mut failed, mut broken) = (None::<u64>, false);
        for (id, ready, code, ask) in steps {
            if ask {
                if let Some(range) = plan.next(id, ready) {
                    prop_assert!(failed.is_none() && !broken);
                    prop_assert_eq!(range.length as usize, ready.min(600));
                    in_flight.push((id, range));
                }
                continue;
            }
            // Most of them succeed.
            let code = code.saturating_sub(4);
            let range = taken(&mut in_flight, id);
            prop_assert_eq!(plan.status(id, code).is_ok(), range.is_some());
            broken |= range.is_none();
            if let Some(range) = range.filter(|_| code != 0) {
                failed = Some(failed.map_or(range.offset, |first| first.min(range.offset)));
            }
            let waiting = in_flight.iter().map(|(_, range)| range.offset);
            let next = plan.offset();
            let sure = waiting.chain(failed).min().unwrap_or(next);
            prop_assert_eq!(plan.contiguous(), sure);
        }
        if ends {
            plan.source_ended();
        }
        match plan.finished() {
            None => prop_assert!(!in_flight.is_empty() || broken || !ends && failed.is_none()),
            Some(Ok(size)) => {
                prop_assert!(in_flight.is_empty() && ends && failed.is_none() && !broken);
                prop_assert_eq!(size, plan.offset());
            }
            Some(Err(first)) => {
                prop_assert!(in_flight.is_empty());
                prop_assert_eq!(Some(first.offset), failed);
            }
        }
    }
}

fn taken(in_flight: &mut Vec<(u32, Range)>, id: u32) -> Option<Range> {
    let at = in_flight.iter().position(|(out, _)| *out == id)?;
    Some(in_flight.swap_remove(at).1)
}

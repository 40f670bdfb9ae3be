//! Which bytes of an upload have been written, whatever the order they came in.

use std::collections::BTreeMap;
use std::ops::Range;

/// The written ranges of one upload.
///
/// One that is written from its start to its end needs no memory here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Extents {
    /// Everything below is written.
    prefix: u64,
    /// What is written beyond, from start to end; the ranges touch neither one another nor the
    /// prefix.
    beyond: BTreeMap<u64, u64>,
    /// What was not written below is zeros on purpose: its length was set.
    closed: u64,
}

impl Extents {
    /// Everything below `length`.
    pub(crate) const fn whole(length: u64) -> Self {
        Self {
            prefix: length,
            beyond: BTreeMap::new(),
            closed: 0,
        }
    }

    /// How many bytes from the start are written without a gap. Zeros that were only asked for by
    /// a length do not count.
    pub(crate) const fn prefix(&self) -> u64 {
        self.prefix
    }

    /// Whether `range` can be noted without there being more than [`MAX_RANGES`].
    pub(crate) fn has_room(&self, range: &Range<u64>) -> bool {
        range.start <= self.prefix
            || self.beyond.len() < MAX_RANGES
            || self.touched_from_below(range.start).is_some()
            || self.beyond.range(range.start..=range.end).next().is_some()
    }

    /// Notes that `range` is written.
    pub(crate) fn insert(&mut self, mut range: Range<u64>) {
        if range.is_empty() {
            return;
        }
        if range.start <= self.prefix {
            self.prefix = self.prefix.max(range.end);
            while let Some(next) = self.beyond.first_entry()
                && *next.key() <= self.prefix
            {
                self.prefix = self.prefix.max(next.remove());
            }
            return;
        }
        if let Some(start) = self.touched_from_below(range.start) {
            range.start = start;
        }
        while let Some((&start, &end)) = self.beyond.range(range.start..=range.end).next() {
            self.beyond.remove(&start);
            range.end = range.end.max(end);
        }
        self.beyond.insert(range.start, range.end);
    }

    /// Forgets what is beyond `length`.
    pub(crate) fn truncate(&mut self, length: u64) {
        self.prefix = self.prefix.min(length);
        self.closed = self.closed.min(length);
        self.beyond.split_off(&length);
        if let Some(mut last) = self.beyond.last_entry() {
            let end = last.get_mut();
            *end = length.min(*end);
        }
    }

    /// The length is set: beyond is nothing, and below are no gaps any more.
    pub(crate) fn set_length(&mut self, length: u64) {
        self.truncate(length);
        self.closed = length;
    }

    /// The first bytes of `range` that are neither written nor zeros on purpose.
    pub(crate) fn gap(&self, range: Range<u64>) -> Option<Range<u64>> {
        let mut start = range.start.max(self.closed).max(self.prefix);
        if let Some((_, &end)) = self.beyond.range(..=start).next_back() {
            start = start.max(end);
        }
        let next = self.beyond.range(start..).next().map(|(&next, _)| next);
        let end = next.unwrap_or(range.end).min(range.end);
        (start < end).then_some(start..end)
    }

    /// The start of a range beyond the prefix that `at` lies in or at the end of.
    fn touched_from_below(&self, at: u64) -> Option<u64> {
        let (&start, &end) = self.beyond.range(..=at).next_back()?;
        (end >= at).then_some(start)
    }
}

/// The most ranges of one upload that lie apart from one another: a megabyte or two of memory.
pub(crate) const MAX_RANGES: usize = 65_536;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, Clone)]
    enum Change {
        Write(u64, u64),
        Truncate(u64),
        SetLength(u64),
    }

    #[derive(Debug, Clone, Copy, PartialEq)]
    enum Byte {
        Never,
        Zero,
        Written,
    }

    fn change() -> impl Strategy<Value = Change> {
        prop_oneof![
            6 => (0..SIZE, 0..20_u64).prop_map(|(at, length)| Change::Write(at, length)),
            1 => (0..=SIZE).prop_map(Change::Truncate),
            1 => (0..=SIZE).prop_map(Change::SetLength),
        ]
    }

    proptest! {
        #[test]
        fn it_knows_what_a_byte_by_byte_map_knows(
            changes in proptest::collection::vec(change(), 0..40),
        ) {
            let mut extents = Extents::default();
            let mut map = vec![Byte::Never; 80];
            for change in changes {
                match change {
                    Change::Write(at, length) => {
                        prop_assert!(extents.has_room(&(at..at + length)));
                        extents.insert(at..at + length);
                        map[at as usize..(at + length) as usize].fill(Byte::Written);
                    }
                    Change::Truncate(length) => {
                        extents.truncate(length);
                        map[length as usize..].fill(Byte::Never);
                    }
                    Change::SetLength(length) => {
                        extents.set_length(length);
                        map[length as usize..].fill(Byte::Never);
                        for byte in &mut map[..length as usize] {
                            if *byte == Byte::Never {
                                *byte = Byte::Zero;
                            }
                        }
                    }
                }
                check(&extents, &map)?;
            }
        }
    }

    fn check(extents: &Extents, map: &[Byte]) -> Result<(), TestCaseError> {
        let prefix = map
            .iter()
            .take_while(|byte| **byte == Byte::Written)
            .count();
        prop_assert_eq!(extents.prefix(), prefix as u64);
        for start in 0..map.len() {
            let is_gap = |byte: &Byte| *byte == Byte::Never;
            let expected = map[start..].iter().position(is_gap).map(|first| {
                let first = start + first;
                let length = map[first..].iter().take_while(|byte| is_gap(byte)).count();
                first as u64..(first + length) as u64
            });
            prop_assert_eq!(extents.gap(start as u64..map.len() as u64), expected);
        }
        Ok(())
    }

    #[test]
    fn there_are_only_so_many_ranges() {
        let mut extents = Extents::default();
        for number in 1..=MAX_RANGES as u64 {
            let range = number * 10..number * 10 + 5;
            assert!(extents.has_room(&range));
            extents.insert(range);
        }
        assert!(!extents.has_room(&(7..8)));
        assert!(!extents.has_room(&(u64::MAX - 1..u64::MAX)));
        for touching in [0..1, 5..10, 15..18, 18..20, 11..12, 8..100] {
            assert!(extents.has_room(&touching), "{touching:?}");
            let mut more = extents.clone();
            more.insert(touching);
            assert!(more.beyond.len() <= MAX_RANGES);
        }
    }

    #[test]
    fn from_start_to_end_it_holds_nothing() {
        let mut extents = Extents::default();
        for at in 0..1000 {
            extents.insert(at * 10..at * 10 + 10);
        }
        assert_eq!(extents, Extents::whole(10_000));
    }

    const SIZE: u64 = 60;
}

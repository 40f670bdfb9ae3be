//! Sets of serial numbers.

use super::RevocationError;

/// Ranges and bitmaps. A bitmap stays one: as ranges, 16 MiB of it could become a gigabyte.
#[derive(Clone, Default)]
pub(super) struct Serials {
    /// First and last; sorted and apart after [`Serials::sort`].
    ranges: Vec<(u64, u64)>,
    /// The number of bit 0, and the bits, big-endian.
    bitmaps: Vec<(u64, Box<[u8]>)>,
}

impl Serials {
    pub(super) fn add(&mut self, first: u64, last: u64) -> Result<(), RevocationError> {
        if first > last {
            return Err(RevocationError::Range);
        }
        self.ranges.push((first, last));
        Ok(())
    }

    pub(super) fn add_bitmap(&mut self, offset: u64, bits: &[u8]) {
        self.bitmaps.push((offset, bits.into()));
    }

    pub(super) fn sort(&mut self) {
        self.ranges.sort_unstable();
        self.ranges.dedup_by(|later, earlier| {
            let overlap = later.0 <= earlier.1;
            if overlap {
                earlier.1 = earlier.1.max(later.1);
            }
            overlap
        });
    }

    pub(super) fn contains(&self, serial: u64) -> bool {
        let after = self.ranges.partition_point(|(first, _)| *first <= serial);
        let before = after.checked_sub(1).and_then(|at| self.ranges.get(at));
        before.is_some_and(|(_, last)| serial <= *last)
            || self.bitmaps.iter().any(|(offset, bits)| {
                serial
                    .checked_sub(*offset)
                    .is_some_and(|bit| has(bits, bit))
            })
    }
}

/// Bit `bit` of a big-endian integer.
fn has(integer: &[u8], bit: u64) -> bool {
    let byte = usize::try_from(bit / 8).ok();
    let byte = byte.and_then(|byte| integer.iter().rev().nth(byte));
    byte.is_some_and(|byte| byte >> (bit % 8) & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_holds_what_was_put_in(
            ranges in prop::collection::vec((0..200_u64, 0..20_u64), 0..12),
            bitmaps in prop::collection::vec((0..200_u64, prop::collection::vec(any::<u8>(), 0..6)), 0..4),
        ) {
            let mut serials = Serials::default();
            let mut naive = std::collections::BTreeSet::new();
            for (first, more) in ranges {
                serials.add(first, first + more).unwrap();
                naive.extend(first..=first + more);
            }
            for (offset, bits) in bitmaps {
                serials.add_bitmap(offset, &bits);
                for (at, byte) in bits.iter().rev().enumerate() {
                    let base = offset + 8 * at as u64;
                    naive.extend((0..8).filter(|bit| byte & 1 << bit != 0).map(|bit| base + bit));
                }
            }
            serials.sort();
            for serial in (0..300).chain([u64::MAX]) {
                assert_eq!(serials.contains(serial), naive.contains(&serial), "{serial}");
            }
        }
    }
}

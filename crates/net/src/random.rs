//! Unpredictable numbers, drawn from the kernel in batches.

use std::io;

/// Bytes fetched at a time: one `getrandom(2)` for 64 draws.
const BATCH: usize = 256;

/// A source of uniform numbers nobody outside the process can predict.
#[derive(Debug)]
pub(crate) struct Random {
    batch: [u8; BATCH],
    used: usize,
}

impl Random {
    pub(crate) const fn new() -> Self {
        Self {
            batch: [0; BATCH],
            used: BATCH,
        }
    }

    /// A number in `0..bound`, each equally likely; 0 when `bound` is 0.
    ///
    /// # Errors
    /// When the kernel gives no randomness.
    pub(crate) fn below(&mut self, bound: u32) -> io::Result<u32> {
        if bound < 2 {
            return Ok(0);
        }
        // Values of the last, incomplete multiple of `bound` would favour small numbers.
        let fair = u32::MAX - u32::MAX % bound;
        loop {
            let value = self.word()?;
            if value < fair {
                return Ok(value % bound);
            }
        }
    }

    fn word(&mut self) -> io::Result<u32> {
        if self.used >= BATCH {
            getrandom::fill(&mut self.batch).map_err(io::Error::from)?;
            self.used = 0;
        }
        let mut word = [0; 4];
        word.copy_from_slice(&self.batch[self.used..self.used + 4]);
        // What was drawn is a port somebody may want to guess: it does not stay in memory.
        self.batch[self.used..self.used + 4].fill(0);
        self.used += 4;
        Ok(u32::from_ne_bytes(word))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_below_the_bound_comes_and_none_above() {
        let mut random = Random::new();
        let mut seen = [0_u32; 7];
        for _ in 0..7_000 {
            seen[random.below(7).unwrap() as usize] += 1;
        }
        assert!(
            seen.iter().all(|&count| (700..1_300).contains(&count)),
            "{seen:?}"
        );
        assert_eq!(random.below(0).unwrap(), 0);
        assert_eq!(random.below(1).unwrap(), 0);
    }
}

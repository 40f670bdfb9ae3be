//! How many requests to keep in flight.

/// Requests in flight at the beginning.
pub const START_WINDOW: usize = 16;

/// The most requests in flight.
pub const MAX_WINDOW: usize = 1024;

/// The most bytes that requests in flight stand for: 64 MiB, which fills 1 GB/s over 60 ms.
pub const MAX_BYTES_IN_FLIGHT: u64 = 64 << 20;

/// Finds how many requests fill the path.
///
/// A round is as many answers as the window has requests, which takes about one round trip. While
/// a larger window brings more bytes in the same time, the path is not full, and it doubles; once
/// it does not for two rounds, it stays, for more would only wait in queues. After some
/// time a larger one is tried again: paths change.
#[derive(Debug, Clone)]
pub struct Pace {
    window: usize,
    most: usize,
    phase: Phase,
    /// Bytes a second in the last rounds.
    rate: u64,
    round: Option<Round>,
}

#[derive(Debug, Clone, Copy)]
struct Round {
    /// Microseconds.
    began: u64,
    answers: usize,
    bytes: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Doubling; so many rounds have brought nothing.
    Growing { vain: u32 },
    /// Full; so many rounds ago.
    Settled { rounds: u32 },
    /// A larger window is tried; this was the one before. The first round of it is not counted:
    /// its answers are to requests of the old one.
    Trying { before: usize, warm: bool },
}

/// How long a window stays before a larger one is tried, in rounds.
const ROUNDS_BETWEEN_TRIALS: u32 = 16;

/// Rounds without more bytes until the path counts as full.
const VAIN_ROUNDS: u32 = 2;

impl Pace {
    /// For requests of `chunk` bytes each.
    #[must_use]
    pub fn new(chunk: u32) -> Self {
        let fit = MAX_BYTES_IN_FLIGHT / u64::from(chunk.max(1));
        let most = usize::try_from(fit).unwrap_or(MAX_WINDOW);
        Self {
            window: START_WINDOW,
            most: most.clamp(START_WINDOW, MAX_WINDOW),
            phase: Phase::Growing { vain: 0 },
            rate: 0,
            round: None,
        }
    }

    /// How many requests to keep in flight now: [`START_WINDOW`] to [`MAX_WINDOW`].
    #[must_use]
    pub const fn window(&self) -> usize {
        self.window
    }

    /// A request went out while none was in flight, at `now` in microseconds of any clock that
    /// does not go back: a new round begins, and the silence before it does not count.
    pub fn begins(&mut self, now: u64) {
        self.round = Some(Round {
            began: now,
            answers: 0,
            bytes: 0,
        });
    }

    /// An answer to a request of `bytes` bytes came at `now`, while the window was full. Answers
    /// that end a file, when nothing is left to ask, say nothing about the path and are not told.
    pub fn answer(&mut self, bytes: u32, now: u64) {
        let round = self.round.get_or_insert(Round {
            began: now,
            answers: 0,
            bytes: 0,
        });
        round.answers += 1;
        round.bytes = round.bytes.saturating_add(u64::from(bytes));
        let full = *round;
        if full.answers >= self.window {
            self.begins(now);
            self.round_ended(full, now);
        }
    }

    fn round_ended(&mut self, round: Round, now: u64) {
        let micros = now.saturating_sub(round.began).max(1);
        let rate = round.bytes.saturating_mul(1_000_000) / micros;
        // An eighth more is more than the noise of a good path.
        let more = rate > self.rate.saturating_add(self.rate / 8);
        self.phase = self.after_round(more);
        self.rate = match self.phase {
            // What a trial is measured against stays as it is.
            Phase::Trying { .. } => self.rate,
            Phase::Growing { .. } => rate.max(self.rate),
            Phase::Settled { .. } => self.rate - self.rate / 4 + rate / 4,
        };
    }

    /// Changes the window, and says what the next round is for. `more`: this one brought more.
    fn after_round(&mut self, more: bool) -> Phase {
        match self.phase {
            Phase::Growing { .. } if more => {
                self.double();
                Phase::Growing { vain: 0 }
            }
            Phase::Growing { vain } if vain + 1 < VAIN_ROUNDS => Phase::Growing { vain: vain + 1 },
            Phase::Growing { .. } => Phase::Settled { rounds: 0 },
            Phase::Settled { rounds } if rounds < ROUNDS_BETWEEN_TRIALS => {
                Phase::Settled { rounds: rounds + 1 }
            }
            Phase::Settled { .. } => {
                let before = self.window;
                self.double();
                let warm = false;
                Phase::Trying { before, warm }
            }
            Phase::Trying { before, warm } if !warm => Phase::Trying { before, warm: true },
            Phase::Trying { .. } if more => {
                self.double();
                Phase::Growing { vain: 0 }
            }
            Phase::Trying { before, .. } => {
                self.window = before;
                Phase::Settled { rounds: 0 }
            }
        }
    }

    fn double(&mut self) {
        self.window = self.window.saturating_mul(2).min(self.most);
    }
}

//! [`Pace`] over simulated paths: so many bytes a second, so long a round trip.

use std::collections::VecDeque;

use super::super::*;

struct Path {
    /// Microseconds there and back.
    round_trip: u64,
    bytes_per_second: u64,
}

/// Runs `seconds` of a download that always has more to ask. The window in the end, and the bytes
/// of the second half as a share of what the path can carry.
fn run(path: &Path, chunk: u32, seconds: u64) -> (usize, f64) {
    let mut pace = Pace::new(chunk);
    let transmission = u64::from(chunk) * 1_000_000 / path.bytes_per_second;
    let (mut now, mut free_at, mut late_bytes) = (0, 0, 0u64);
    let mut in_flight = VecDeque::new();
    pace.begins(now);
    while now < seconds * 1_000_000 {
        while in_flight.len() < pace.window() {
            // The bottleneck sends answers one after the other.
            free_at = free_at.max(now + path.round_trip) + transmission;
            in_flight.push_back(free_at);
        }
        now = in_flight.pop_front().unwrap().max(now);
        pace.answer(chunk, now);
        if now > seconds * 500_000 {
            late_bytes += u64::from(chunk);
        }
    }
    let possible = path.bytes_per_second as f64 * seconds as f64 / 2.0;
    (pace.window(), late_bytes as f64 / possible)
}

#[test]
fn a_long_path_is_filled() {
    for (round_trip, bytes_per_second, chunk) in [
        (50_000, 125_000_000, 261_120),
        (50_000, 500_000_000, 261_120),
        (200_000, 125_000_000, 261_120),
        (50_000, 125_000_000, 32_768),
        (10_000, 1_000_000_000, 261_120),
    ] {
        let path = Path {
            round_trip,
            bytes_per_second,
        };
        let (window, share) = run(&path, chunk, 20);
        assert!(
            share > 0.95,
            "{round_trip} us, {chunk}: {share} with {window}"
        );
    }
}

#[test]
fn a_short_path_is_not_flooded() {
    for (round_trip, bytes_per_second) in [(100, 1_000_000_000), (1000, 100_000_000)] {
        let path = Path {
            round_trip,
            bytes_per_second,
        };
        let (window, share) = run(&path, 261_120, 5);
        assert!(share > 0.99);
        assert!(window <= 4 * START_WINDOW, "{round_trip} us: {window}");
    }
}

#[test]
fn the_window_has_bounds() {
    let path = Path {
        round_trip: 2_000_000,
        bytes_per_second: 10_000_000_000,
    };
    assert_eq!(run(&path, 4096, 60).0, MAX_WINDOW);
    let (window, _) = run(&path, 261_120, 60);
    assert!(window as u64 * 261_120 <= MAX_BYTES_IN_FLIGHT);
    assert_eq!(Pace::new(u32::MAX).window(), START_WINDOW);
    let mut pace = Pace::new(1);
    for _ in 0..100_000 {
        pace.answer(u32::MAX, 0);
        assert!((START_WINDOW..=MAX_WINDOW).contains(&pace.window()));
    }
}

#[test]
fn a_path_that_became_longer_is_filled_again() {
    let mut pace = Pace::new(32_768);
    let mut now = 0;
    let mut answers = |pace: &mut Pace, rounds: u64, micros_of: &dyn Fn(usize) -> u64| {
        for _ in 0..rounds {
            let window = pace.window();
            now += micros_of(window);
            for _ in 0..window {
                pace.answer(32_768, now);
            }
        }
    };
    // Full at 16: twice the window takes twice as long.
    answers(&mut pace, 30, &|window| window as u64 * 1000);
    let before = pace.window();
    assert!(before <= 4 * START_WINDOW);
    // Then a path on which every window takes one round trip of 100 ms.
    answers(&mut pace, 200, &|_| 100_000);
    assert!(pace.window() > before);
}
